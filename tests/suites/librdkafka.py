"""librdkafka's own test programs, those that talk to a broker; a unit is a test number, as its runner selects them.

A test of which a consumer joins a group is a second one, NAME@consumer: the same over the protocol of KIP-848."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import fetch
from suite import KAFKA_VERSION, Call, Place, Suite, Unit, Verdict

NAME = f"librdkafka-of-node-rdkafka-{fetch.NODE_RDKAFKA}-rapidjson"
# An entry of the table in test.c: name, flags, and whatever else; a scenario is another configuration of the broker.
ENTRY = re.compile(r"^ +_TEST\((\w+),\s*([\w |]+)(.*?)(?=^ +_TEST\(|^#endif|^ +\{NULL\})", re.M | re.S)
NO_BROKER = {"TEST_F_LOCAL", "TEST_F_MANUAL"}
MOCKED = {"0139_offset_validation_mock", "0150_telemetry_mock"}  # not flagged local, yet only their mock cluster is asked
LIMITS = {"0081": 300, "0033": 300, "0045": 300, "0102": 300, "0103": 300, "0113": 900, "0056": 300}
ALONE = {"0038", "0055"}  # they measure time
# They count the rebalances of members that are to join at once, within Kafka's default delay.
TOGETHER = (("group.initial.rebalance.delay.ms", "3000"),)
OVERRIDES = {"0102": TOGETHER, "0113": TOGETHER}
CONSUMER = "@consumer"
JOINS = re.compile(r"subscribe\(|test_consumer_group_protocol")
STATES = {"PASSED": "passed", "FAILED": "failed", "SKIPPED": "skipped"}


class Librdkafka(Suite):
    name = "librdkafka"
    jobs = 8

    def __init__(self):
        self.source = fetch.CACHE / f"node-rdkafka-{fetch.NODE_RDKAFKA}" / "package" / "deps" / "librdkafka"
        self.binary = fetch.CACHE / NAME / "tests" / "test-runner"
        self.tools = fetch.CACHE / "dist"

    def prepare(self) -> None:
        fetch.node_rdkafka()
        with fetch.once(NAME) as build:
            if build:
                compile_tests(self.source, build)
        write_tools(self.tools)

    def units(self) -> list[Unit]:
        text = (self.source / "tests" / "test.c").read_text()
        grouped: dict[tuple, list] = {}
        for name, flags, more in ENTRY.findall(text):
            if name not in MOCKED and not NO_BROKER & set(flags.replace(" ", "").split("|")):
                scenario = "noautocreate" if '"noautocreate"' in more else "default"
                grouped.setdefault((name.split("_")[0], scenario), []).append(name)
        units = [unit(number, scenario, names) for (number, scenario), names in grouped.items()]
        return units + [over_consumer_protocol(each) for each in units if self.joins_group(each)]

    def joins_group(self, unit: Unit) -> bool:
        sources = (self.source / "tests").glob(f"{number_of(unit)}-*.c*")
        return any(JOINS.search(path.read_text()) for path in sources)

    def call(self, unit: Unit, place: Place) -> Call:
        settings = place.folder / "test.conf"
        settings.write_text(f"bootstrap.servers={place.address}\nbroker.address.family=v4\ntest.topic.random=true\n"
                            "test.timeout.multiplier=3\n")
        run = place.folder / "tests"  # where a test looks for ../src
        run.mkdir()
        (place.folder / "src").symlink_to(self.source / "src")
        _, _, scenario = unit.name.removesuffix(CONSUMER).partition("-")
        protocol = {"TEST_CONSUMER_GROUP_PROTOCOL": "consumer"} if unit.name.endswith(CONSUMER) else {}
        return Call([self.binary, "-L", "-p1"], os.environ | protocol | {
            "TESTS": number_of(unit), "TEST_SCENARIO": scenario or "default", "TEST_REPORT": str(place.folder / "report.json"),
            "TEST_KAFKA_VERSION": KAFKA_VERSION, "RDKAFKA_TEST_CONF": str(settings), "BROKERS": place.address,
            "KAFKA_PATH": str(self.tools)}, run)

    def verdicts(self, unit: Unit, place: Place, output: str) -> dict[str, Verdict]:
        try:
            reported = json.loads((place.folder / "report.json").read_text())["tests"]
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        detail = first_failure(output)
        suffix = CONSUMER if unit.name.endswith(CONSUMER) else ""
        return {name + suffix: Verdict(STATES.get(test["state"], "failed"), test["duration"], detail)
                for name, test in reported.items() if name + suffix in unit.tests}


def unit(number: str, scenario: str, names: list) -> Unit:
    common = {"tests": tuple(names), "limit_s": LIMITS.get(number, 240), "alone": number in ALONE}
    if scenario == "default":
        return Unit(number, overrides=OVERRIDES.get(number, ()), **common)
    return Unit(f"{number}-{scenario}", overrides=(("auto.create.topics.enable", "false"),), **common)


def over_consumer_protocol(unit: Unit) -> Unit:
    return replace(unit, name=unit.name + CONSUMER, tests=tuple(name + CONSUMER for name in unit.tests))


def number_of(unit: Unit) -> str:
    return unit.name[:4]


def first_failure(output: str) -> str:
    """What the first failed assertion said, or why a test skipped itself."""
    for pattern in (r'### Test "(?!<MAIN>).* ###\n(.+)', r"SKIPPING TEST: (?!Filtered)(.+)"):
        if found := re.search(pattern, output):
            return re.sub(r"\x1b\[[0-9;]*m", "", found[1]).strip()[:300]
    return ""


def compile_tests(source: Path, build: Path) -> None:
    """Without what the tests of a plain broker do not need, and unoptimised: they wait more than they compute."""
    cached = [f"-DCMAKE_{language}_COMPILER_LAUNCHER=ccache" for language in ("C", "CXX")]
    short = f"-fmacro-prefix-map={source}/tests/="  # some name topics after __FILE__
    flags = [f"-DCMAKE_{language}_FLAGS=-O0 -w -DWITH_RAPIDJSON=1 {short}" for language in ("C", "CXX")]
    absent = [f"-D{option}=OFF" for option in ("RDKAFKA_BUILD_EXAMPLES", "WITH_SASL", "WITH_CURL")]
    fetch.run("cmake", "-G", "Ninja", "-S", source, "-B", build, "-DRDKAFKA_BUILD_STATIC=ON", *cached, *flags, *absent)
    config = build / "generated" / "config.h"  # its source asks with #ifdef, where 0 counts as there
    config.write_text(config.read_text().replace("#define WITH_OAUTHBEARER_OIDC 0\n", ""))
    fetch.run("cmake", "--build", build, "--target", "test-runner")


def write_tools(folder: Path) -> None:
    """A folder shaped like Kafka's distribution, as far as the tests use it: bin/kafka-NAME.sh."""
    peer = fetch.ROOT / "tools" / "peer"
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    for line in (peer / "tools").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name = line.split()[0]
            script = folder / "bin" / f"kafka-{name}.sh"
            script.write_text(f'#!/bin/sh\nexec "{peer}/kafka" tool {name} "$@"\n')
            script.chmod(0o755)
