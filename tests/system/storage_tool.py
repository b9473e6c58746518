#!/usr/bin/env python3
"""`gregor storage` against the peer's `kafka-storage`, the same command lines on directories of their own: exit codes,
what is printed, and the files must be the same; ids, times and the wording of usage errors aside."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from lib import options, peer_tool
from lib.broker import gregor_binary, scratch
from lib.report import Report, expect_equal

CLUSTER = "-t", "MkU3OEVBNTcwNTJENDM2Qg"
VOTER = "1@localhost:9093:JEXY6aqzQY-32P5TStzaFg"
OTHER_VOTER = "2@[::1]:9094:MvDxzVmcRsaTz33bUuRU6A"
STATIC = {"controller.quorum.voters": "1@localhost:9093"}
COMBINED = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listeners": "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.quorum.bootstrap.servers": "localhost:9093",
}
BROKER = COMBINED | {"process.roles": "broker", "node.id": "5", "listeners": "PLAINTEXT://localhost:9092"}
CONTROLLER = COMBINED | {"process.roles": "controller", "listeners": "CONTROLLER://localhost:9093"}
TWO = {"log.dirs": "{folder}/a,{folder}/b"}
APART = {"log.dirs": "{folder}/a,{folder}/b", "metadata.log.dir": "{folder}/m"}
SCRAM = "SCRAM-SHA-256=[name=alice,password=alice-secret]"
SALTED = 'SCRAM-SHA-512=[name=bob,iterations=8192,salt="N3E=",saltedpassword="YCE="]'
FORMAT = "format", *CLUSTER

# A case: its name, the settings, and command lines that are run one after another on the same directories.
CASES = [
    ("standalone", COMBINED, [(*FORMAT, "--standalone"), ("info",), (*FORMAT, "--standalone"),
                              (*FORMAT, "--standalone", "--ignore-formatted")]),
    ("short options", COMBINED, [("info",), (*FORMAT, "-s", "-r", "4.0", "-g"), ("info",)]),
    ("two directories", COMBINED | TWO, [(*FORMAT, "-s"), ("info",)]),
    ("metadata apart", COMBINED | APART, [(*FORMAT, "-s"), ("info",)]),
    ("initial controllers", COMBINED, [(*FORMAT, "-I", f"{VOTER},{OTHER_VOTER}"), ("info",)]),
    ("initial controllers of others", COMBINED, [(*FORMAT, "--initial-controllers", OTHER_VOTER)]),
    ("no initial controllers", COMBINED, [(*FORMAT, "--no-initial-controllers"), ("info",)]),
    ("no choice", COMBINED, [FORMAT]),
    ("two choices", COMBINED, [(*FORMAT, "-s", "-N")]),
    ("static quorum", COMBINED | STATIC, [(*FORMAT, "-s"), (*FORMAT, "-I", VOTER), FORMAT, ("info",)]),
    ("static quorum with -N", COMBINED | STATIC, [(*FORMAT, "-N")]),
    ("static quorum, kraft.version", COMBINED | STATIC, [(*FORMAT, "-f", "kraft.version=1"), (*FORMAT, "-f", "kraft.version=0")]),
    ("broker", BROKER | TWO, [(*FORMAT, "-s"), FORMAT, ("info",)]),
    ("broker with -N", BROKER, [(*FORMAT, "-N")]),
    ("broker with -I", BROKER, [(*FORMAT, "-I", VOTER)]),
    ("controller", CONTROLLER, [(*FORMAT, "-s")]),
    ("release", COMBINED, [(*FORMAT, "-s", "--release-version", "3.3-IV3")]),
    ("releases", COMBINED, [(*FORMAT, "-s", "-r", version) for version in
                            ("3.0", "9.9", "4.4-IV0", "nonsense", "", "4.1.2", "3.7")]),
    ("dynamic quorum of an old release", COMBINED, [(*FORMAT, "-s", "-r", "3.8")]),
    ("features", COMBINED, [
        *[(*FORMAT, "-s", "-f", feature) for feature in (
            "nofeature=1", "group.version", "group.version=x", "group.version=7", "kraft.version=0", "metadata.version=99",
            "metadata.version=5", "=1", "group.version=", "transaction.version=-1")],
        (*FORMAT, "-s", "-f", "metadata.version=20", "-r", "4.0"),
        (*FORMAT, "-s", "-r", "3.9", "-f", "eligible.leader.replicas.version=1"),
        (*FORMAT, "-s", "-f", "group.version=0", "-f", "transaction.version=1", "--feature", "kraft.version=1")]),
    ("feature metadata.version", COMBINED, [(*FORMAT, "-s", "-f", "metadata.version=22")]),
    ("scram, salted", COMBINED, [(*FORMAT, "-s", "-S", SALTED)]),
    ("scram, two", COMBINED, [(*FORMAT, "-s", "--add-scram", SCRAM, "-S", SALTED)]),
    ("scram, bad", COMBINED, [(*FORMAT, "-s", "-S", argument) for argument in (
        "nonsense", "PLAIN=[name=a,password=b]", "SCRAM-SHA-256=name=a", "SCRAM-SHA-256=[name=a", "SCRAM-SHA-256=[password=b]",
        "SCRAM-SHA-256=[name=a]", "SCRAM-SHA-256=[name=a,saltedpassword=YCE=]", "SCRAM-SHA-256=[name=a,password=b,salt=?]",
        "SCRAM-SHA-256=[name=a,password=b,iterations=x]", "SCRAM-SHA-256=[name=a,password=b,iterations=1]",
        "SCRAM-SHA-512=[name=a,password=b,iterations=99999]", "SCRAM-SHA-256=[name=a,password=b,color=red,b=c]",
        "SCRAM-SHA-256=[name=a,password]", "SCRAM-SHA-256=[name=a,salt=YCE=,saltedpassword=?]", "SCRAM-SHA-256=[]")]),
    ("scram on an old release", COMBINED, [(*FORMAT, "-s", "-r", "3.4", "-S", SCRAM)]),
    ("voters, bad", COMBINED, [(*FORMAT, "-I", argument) for argument in (
        "", "1", "@localhost:9093:x", "x@localhost:9093:x", "-1@localhost:9093:x", "1@", "1@[::1:9093", "1@localhost",
        "1@[::1]x", "1@localhost:9093", "1@localhost:x:y", "1@localhost:99999:x", "1@localhost:9093:short", f"{VOTER},{VOTER}")]),
    ("usage", COMBINED, [("format",), ("format", "-t"), ("nonsense",), ("info", "--nonsense"), ("format", "--help")]),
    ("cluster ids", COMBINED, [("format", "-s", "-t", "not a uuid"), ("info",), (*FORMAT, "-s", "-g"), (*FORMAT, "-s")]),
    ("legacy", {key: value for key, value in COMBINED.items() if key != "process.roles"}, [(*FORMAT, "-s"), ("info",)]),
]

# Command lines without a directory.
TABLES = [
    ("random-uuid",),
    ("version-mapping",),
    *[("version-mapping", "-r", version) for version in
      ("3.3", "3.5-IV2", "3.9", "4.0", "4.1", "4.2-IV1", "4.3", "4.3.1", "3.0", "4.4", "9", "")],
    *[("feature-dependencies", "-f", feature) for feature in (
        "metadata.version=30", "metadata.version=99", "group.version=1", "transaction.version=2", "kraft.version=1",
        "eligible.leader.replicas.version=1", "share.version=1", "streams.version=1", "streams.version=0", "nofeature=1",
        "group.version=9", "group.version", "group.version=x", "group.version=1=2", "=1")],
    ("feature-dependencies", "-f", "group.version=1", "-f", "share.version=1"),
    ("feature-dependencies",),
]

VARYING = [
    (re.compile(r"\S+/(ours|theirs)/"), "FOLDER/"),
    (re.compile(r"(?<![\w/-])[\w-]{22}(?![\w-])"), "ID"),
    (re.compile(r'^Exception in thread "main" [\w.]+: ', re.M), ""),
]


def normalise(text: str) -> list[str]:
    """Its lines. The peer prints its bootstrap records, keys of credentials among them, in the notation of its classes; and
    what it did not foresee as an exception. It formats directories in the order of a hash table."""
    for pattern, name in VARYING:
        text = pattern.sub(name, text)
    lines = [line.rstrip() for line in text.splitlines() if "StatusConsoleListener" not in line]
    lines = [line for line in lines if line and not line.startswith("Bootstrap metadata:")]
    return sorted(lines) if any(line.startswith("Formatting ") for line in lines) else lines


def exit_code(text: str) -> list[str]:
    return re.findall(r"^exit code \d+$", text, re.M)


def same(seen: str, wanted: str) -> None:
    """Each parser of command lines and of properties has its own words."""
    if "usage:" in wanted or "ConfigException" in wanted:
        expect_equal(exit_code(seen), exit_code(wanted), f"exit code with {seen!r}")
    else:
        expect_equal(normalise(seen), normalise(wanted), "printed")


def properties(folder: Path, settings: dict[str, str]) -> Path:
    folder.mkdir(parents=True)
    path = folder / "server.properties"
    rows = {"log.dirs": "{folder}/data"} | settings
    path.write_text("".join(f"{key}={value.format(folder=folder)}\n" for key, value in rows.items()))
    return path


def calls_of(side: Path) -> list[tuple[str, tuple]]:
    """Every command line with its title; the folders of the cases are made."""
    calls = []
    for name, settings, lines in CASES:
        path = properties(side / name.replace(" ", "-").replace(",", ""), settings)
        for number, line in enumerate(lines):
            calls.append((f"{name}, {number}: {' '.join(line)}", (line[0], "-c", path, *line[1:])))
    return calls + [(" ".join(line), line) for line in TABLES]


def run_ours(lines: list[tuple]) -> list[str]:
    printed = []
    for line in lines:
        ran = subprocess.run([gregor_binary(), "storage", *map(str, line)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=20)
        printed.append(ran.stdout + (f"exit code {ran.returncode}\n" if ran.returncode else ""))
    return printed


def run_theirs(lines: list[tuple]) -> list[str]:
    return peer_tool.run_many([("storage", *line) for line in lines])


def files(side: Path) -> list[str]:
    return sorted(str(path.relative_to(side)) for path in side.rglob("*") if path.is_file())


def meta(path: Path) -> dict[str, str]:
    pairs = dict(line.split("=", 1) for line in path.read_text().splitlines() if not line.startswith("#"))
    return pairs | {"directory.id": "ID"}


def checkpoints(side: Path) -> list[Path]:
    return [side / name for name in files(side) if name.endswith(".checkpoint")]


def records(paths: list[Path], side: str) -> dict[str, list[str]]:
    """What the peer's dump-log says of each checkpoint; drawn and timed values aside."""
    dumps = peer_tool.run_many([("dump-log", "--cluster-metadata-decoder", "--files", path) for path in paths])
    drawn = [(re.compile(r'"(salt|storedKey|serverKey)":"[^"]*"'), r'"\1":"DRAWN"'), (re.compile(r"valueSize: \d+"), "valueSize: N"),
             (re.compile(r"(?<![\w-])[\w-]{22}(?![\w-])"), "ID"), (re.compile(r"\b1[678]\d{11}\b"), "MILLIS")]
    result = {}
    for path, dump in zip(paths, dumps):
        lines = [line for line in dump.splitlines() if line.startswith("| offset:")]
        for pattern, name in drawn if "scram-two" in str(path) else drawn[2:]:
            lines = [pattern.sub(name, line) for line in lines]
        result["/".join(path.parts[path.parts.index(side) + 1:])] = [re.sub(r"CreateTime: \d+ |(?<=size: )\d+", "", line) for line in lines]
    return result


def main() -> int:
    chosen = options.parser(__doc__).parse_args()
    report = Report("storage-tool")
    folder = scratch("storage")
    ours, theirs = folder / "ours", folder / "theirs"
    titles, lines = zip(*calls_of(ours))
    seen = (run_ours if chosen.broker == "gregor" else run_theirs)(lines)
    wanted = run_theirs([line for _, line in calls_of(theirs)])
    for title, left, right in zip(titles, seen, wanted):
        report.run(title, same, left, right)
    report.run("the same files", expect_equal, files(ours), files(theirs), "files")
    for name in [name for name in files(theirs) if name.endswith("meta.properties") and (ours / name).exists()]:
        report.run(name, expect_equal, meta(ours / name), meta(theirs / name), "settings")
    left, right = records(checkpoints(ours), "ours"), records(checkpoints(theirs), "theirs")
    for name, wanted_records in right.items():
        report.run(name, expect_equal, left.get(name), wanted_records, "records")
    shutil.rmtree(folder)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
