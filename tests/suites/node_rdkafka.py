"""node-rdkafka's end-to-end tests, from its npm package; a unit is a file of them, one at a time: they share topics."""

import json
import os

import fetch
from suite import Call, Place, Suite, Unit, Verdict

MOCHA = "10.8.2"
NAME = f"node-rdkafka-e2e-{fetch.NODE_RDKAFKA}"
FILES = ("admin", "producer", "producer-transaction", "consumer", "groups", "both")  # whose topics others expect come first
ONE_PARTITION = (("num.partitions", "1"),)  # which the tests count on
HOOK = '" hook'  # in the title of what went wrong around a test


class NodeRdkafka(Suite):
    name = "node-rdkafka"
    jobs = 1

    def __init__(self):
        self.modules = fetch.CACHE / NAME / "node_modules"

    def prepare(self) -> None:
        with fetch.once(NAME) as folder:
            if folder:  # with one job: its makefile forgets that it needs what it configures
                fetch.npm("install", "--no-audit", "--no-fund", f"node-rdkafka@{fetch.NODE_RDKAFKA}", f"mocha@{MOCHA}", folder=folder,
                          JOBS="1", PATH=f"/usr/lib/ccache:{fetch.node_home() / 'bin'}:{os.environ['PATH']}", CCACHE_NOHASHDIR="1")

    def units(self) -> list[Unit]:
        return [Unit(name, limit_s=600, overrides=ONE_PARTITION) for name in FILES]

    def call(self, unit: Unit, place: Place) -> Call:
        """The package's own command line, but for the report."""
        return Call([fetch.node_home() / "bin" / "node", self.modules / "mocha" / "bin" / "mocha.js", "--exit", "--timeout", "60000",
                     "--reporter", "json", "--reporter-option", f"output={place.folder}/report.json",
                     self.modules / "node-rdkafka" / "e2e" / f"{unit.name}.spec.js"],
                    os.environ | {"KAFKA_HOST": place.address}, place.folder)

    def verdicts(self, unit: Unit, place: Place, output: str) -> dict[str, Verdict]:
        report = place.folder / "report.json"
        if not report.exists():
            return {}
        found = json.loads(report.read_text())
        pending = {test["fullTitle"] for test in found["pending"]}
        return {name_of(unit, test): verdict(test, test["fullTitle"] in pending) for test in found["tests"] + hooks(found)}


def hooks(report: dict) -> list:
    """Failures that are no test's."""
    return [test for test in report["failures"] if HOOK in test["title"]]


def name_of(unit: Unit, test: dict) -> str:
    return f"{unit.name}: {' '.join(test['fullTitle'].split())}"


def verdict(test: dict, is_pending: bool) -> Verdict:
    state = "skipped" if is_pending else "failed" if test["err"] else "passed"
    return Verdict(state, (test.get("duration") or 0) / 1000, str(test["err"].get("message", "")).partition("\n")[0][:300])
