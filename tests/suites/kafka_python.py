"""kafka-python's integration tests, from its source distribution; a unit is a test with its parameters."""

import os
import re
import subprocess
import xml.etree.ElementTree as xml

import fetch
from suite import KAFKA_VERSION, Call, Place, Suite, Unit, Verdict

VERSION = "3.0.12"
NAME = f"kafka-python-{VERSION}"
CODECS = ("python-snappy==0.7.3", "lz4==4.4.5", "zstandard==0.25.0", "crc32c==2.9.post0")
TESTING = ("pytest==8.4.2", "pytest-timeout==2.4.0", "pytest-mock==3.15.1", "py==1.11.0")
# What the distribution leaves out: the package's own file, and a module that only starting brokers uses.
MISSING = {"__init__.py": "", "service.py": """\
class SpawnedService: pass
class ExternalService:
    def __init__(self, host, port): pass
    def stop(self): pass
"""}
# They start brokers with TLS and SASL of their own.
FENCE = "test_transactional"  # these share a transactional id, so that each fences the one before
MODULES = ("admin", "consumer", "producer")


class KafkaPython(Suite):
    name = "kafka-python"
    jobs = 3

    def __init__(self):
        self.folder = fetch.CACHE / NAME
        self.source = self.folder / NAME.replace("-", "_", 1)
        self.python = self.folder / "venv" / "bin" / "python"

    def prepare(self) -> None:
        with fetch.once(NAME) as folder:
            if folder:
                fetch.run("/usr/bin/python3", "-m", "venv", folder / "venv")
                fetch.run(self.python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:",
                          f"kafka-python=={VERSION}", folder=folder)
                fetch.run("tar", "xzf", f"{self.source.name}.tar.gz", folder=folder)
                fetch.run(self.python, "-m", "pip", "install", "-q", *TESTING, *CODECS, self.source)
                for name, text in MISSING.items():
                    (self.source / "test" / name).write_text(text)
                (folder / "empty").mkdir()

    def units(self) -> list[Unit]:
        listed = self.pytest("--collect-only", "-q", *(f"test/integration/test_{name}_integration.py" for name in MODULES))
        return [Unit(name, tests=(name,), alone=FENCE in name)
                for name in re.findall(r"^test/integration/test_(\S+)$", listed, re.M)]

    def call(self, unit: Unit, place: Place) -> Call:
        return Call([self.python, "-m", "pytest", "-q", "--timeout=150", "-p", "no:cacheprovider",
                     f"--junitxml={place.folder}/junit.xml", f"test/integration/test_{unit.name}"],
                    self.environment(place.address), self.source)

    def verdicts(self, unit: Unit, place: Place, output: str) -> dict[str, Verdict]:
        report = place.folder / "junit.xml"
        return {unit.name: verdict(case) for case in xml.parse(report).iter("testcase")} if report.exists() else {}

    def environment(self, address: str) -> dict:
        return os.environ | {"KAFKA_URI": f"PLAINTEXT://{address}", "KAFKA_VERSION": KAFKA_VERSION,
                             "KAFKA_ROOT": str(self.folder / "empty")}

    def pytest(self, *arguments) -> str:
        return subprocess.run([self.python, "-m", "pytest", "-p", "no:cacheprovider", *arguments], cwd=self.source,
                              env=self.environment("localhost:1"), text=True, check=True, stdout=subprocess.PIPE).stdout


def verdict(case) -> Verdict:
    for child, state in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        found = case.find(child)
        if found is not None:
            return Verdict(state, float(case.get("time", 0)), (found.get("message") or "").splitlines()[0][:300])
    return Verdict("passed", float(case.get("time", 0)))
