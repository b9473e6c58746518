"""The tests of franz-go's package kgo, compiled from its Go module; a unit is a test function."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import fetch
from suite import Call, Place, Suite, Unit, Verdict

VERSION = "v1.22.2"
NAME = f"franz-go-{VERSION}"
MODULE = "github.com/twmb/franz-go"
LIMITS = {"TestGroupETL": 600, "TestTxnEtl": 600}  # these move RECORDS through chains of consumers
LIMIT_LONG = 3600
RECORDS, RECORDS_LONG = 10_000, 500_000
FUNCTION = re.compile(r"^func (Test\w+)\(t \*testing\.T\) \{\n(.*?)^\}", re.M | re.S)
ASKS_BROKER = re.compile(r"newTestClient|testClientOpts|getSeedBrokers|tmpTopic|tmpGroup|adm\(\)")
RESULT = re.compile(r"^( *)--- (PASS|FAIL|SKIP): (\S+) \(([\d.]+)s\)$", re.M)
STATES = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}


class FranzGo(Suite):
    name = "franz-go"
    jobs = 2

    def __init__(self):
        self.binary = fetch.CACHE / NAME / "kgo.test"

    def prepare(self) -> None:
        with fetch.once(NAME) as folder:
            if folder:
                (folder / "go.mod").write_text(f"module suites\n\ngo 1.26\n\nrequire {MODULE} {VERSION}\n")
                go = {"folder": folder, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
                fetch.run(fetch.go(), "mod", "download", "all", **go)
                fetch.run(fetch.go(), "test", "-c", "-vet=off", "-o", self.binary, f"{MODULE}/pkg/kgo", **go)
                shutil.copytree(module_folder(folder) / "pkg" / "kgo", folder / "source", copy_function=shutil.copyfile)

    def units(self) -> list[Unit]:
        """The others test the client without a broker."""
        text = "".join(path.read_text() for path in sorted((self.binary.parent / "source").glob("*_test.go")))
        limits = dict.fromkeys(LIMITS, LIMIT_LONG) if self.is_long else LIMITS
        return [Unit(name, limit_s=limits.get(name, 180), alone=name in limits)
                for name, body in FUNCTION.findall(text) if ASKS_BROKER.search(body)]

    def call(self, unit: Unit, place: Place) -> Call:
        return Call([self.binary, f"-test.run=^{unit.name}$", "-test.v", f"-test.timeout={unit.limit_s - 10}s"],
                    os.environ | {"KGO_SEEDS": place.address, "KGO_TEST_RF": "1", "KGO_LOG_LEVEL": "info",
                                  "KGO_TEST_RECORDS": str(RECORDS_LONG if self.is_long else RECORDS)}, place.folder)

    def verdicts(self, unit: Unit, place: Place, output: str) -> dict[str, Verdict]:
        """A test with subtests is reported by them: they follow it, further to the right."""
        results = RESULT.findall(output)
        return {name: Verdict(STATES[state], float(seconds))
                for (indent, state, name, seconds), following in zip(results, [*results[1:], ("",)])
                if len(following[0]) <= len(indent)}


def module_folder(folder: Path) -> Path:
    """Where Go keeps the module's source."""
    return Path(subprocess.run([fetch.go(), "list", "-m", "-f", "{{.Dir}}", MODULE], cwd=folder, text=True, check=True,
                               stdout=subprocess.PIPE).stdout.strip())
