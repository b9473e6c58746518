#!/usr/bin/env python3
"""Bad input to `gregor serve`: one clear sentence on the standard error, exit code 1, and nothing touched."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from lib import options
from lib.broker import Broker, gregor_binary
from lib.report import Report, expect, expect_equal

LIMIT_S = 20


def contents(folder: Path) -> dict[str, tuple]:
    """Every file below a folder with its size, time and bytes."""
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns,
                                            path.read_bytes() if path.is_file() else b"")
            for path in sorted(folder.rglob("*"))} if folder.exists() else {}


def serve(*arguments, prefix: tuple = ()) -> subprocess.CompletedProcess:
    return subprocess.run([*prefix, gregor_binary(), "serve", *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=LIMIT_S)


def complaint(ran: subprocess.CompletedProcess) -> str:
    """The one sentence: log lines, which begin with a date, aside."""
    lines = [line for line in (ran.stdout + ran.stderr).splitlines() if line and not line[:2] == "20"]
    expect_equal(ran.returncode, 1, f"exit code with {lines}")
    expect_equal(len(lines), 1, f"lines of complaint in {lines}")
    return lines[0]


def refused(broker: Broker, words: tuple, *arguments, prefix: tuple = ()) -> None:
    """The start fails, the sentence has all the words, the data is as it was."""
    before = contents(broker.data)
    sentence = complaint(serve(broker.properties, *arguments, prefix=prefix))
    for word in words:
        expect(str(word) in sentence, f"{word!r} is not in: {sentence}")
    after = contents(broker.data)
    expect_equal(sorted(after), sorted(before), "files")
    expect_equal([name for name in after if after[name][2] != before[name][2]], [], "files that have changed")


def overridden(broker: Broker, setting: str, words: tuple) -> None:
    refused(broker, words, "--override", setting)


def file_with(broker: Broker, text: str, words: tuple) -> None:
    """A properties file of its own, with one line more at its end."""
    good = broker.properties.read_text()
    broker.properties.write_text(good + text)
    try:
        refused(broker, (broker.properties, *words))
    finally:
        broker.properties.write_text(good)


def missing_file(broker: Broker) -> None:
    sentence = complaint(serve(broker.folder / "none.properties"))
    expect("none.properties" in sentence, sentence)
    sentence = complaint(serve(broker.folder))
    expect(str(broker.folder) in sentence, sentence)


def unknown_key(broker: Broker) -> None:
    """A warning with the nearest key; the start itself fails because the port is taken."""
    with socket.create_server(("localhost", broker.port)):
        ran = serve(broker.properties, "--override", "num.partitoins=3")
    expect("num.partitoins" in ran.stderr + ran.stdout and "num.partitions" in ran.stderr + ran.stdout,
           f"no hint to num.partitions in: {ran.stderr}{ran.stdout}")


def port_taken(broker: Broker) -> None:
    with socket.create_server(("localhost", broker.port)):
        refused(broker, (broker.port,))


def locked(broker: Broker) -> None:
    """The same directory on other ports while a broker serves it."""
    with Broker("gregor", "cli-second", log__dirs=broker.data) as _:
        second = Broker("gregor", "cli-third", log__dirs=broker.data)
        sentence = complaint(serve(second.properties))
        shutil.rmtree(second.folder)
    expect(str(broker.data) in sentence and "is used by another" in sentence, sentence)


def meta_changed(broker: Broker, old: str, new: str, words: tuple) -> None:
    meta = broker.data / "meta.properties"
    good = meta.read_text()
    expect(old in good, f"{old!r} is not in {good!r}")
    meta.write_text(good.replace(old, new))
    try:
        refused(broker, words)
    finally:
        meta.write_text(good)


def no_permission(broker: Broker) -> None:
    """Somebody else's directory; root may everything, so another user tries."""
    prefix = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups") if os.geteuid() == 0 else ()
    os.chmod(broker.folder, 0o755)
    os.chmod(broker.properties, 0o644)
    os.chmod(broker.data, 0o500)
    try:
        refused(broker, (broker.data,), prefix=prefix)
    finally:
        os.chmod(broker.data, 0o755)


def newer_format(broker: Broker) -> None:
    checkpoint = next(broker.data.glob("*-checkpoint"))
    good = checkpoint.read_text()
    meta_changed(broker, "version=1", "version=99", ("99", "meta.properties"))
    expect_equal(checkpoint.read_text(), good, checkpoint.name)


SETTINGS = [
    ("node.id=-1", ("node.id",)),
    ("node.id=one", ("node.id", "one")),
    ("listeners=PLAINTEXT://localhost", ("listeners",)),
    ("listeners=SSL://localhost:1", ("listeners",)),
    ("advertised.listeners=PLAINTEXT://0.0.0.0:1", ("advertised.listeners",)),
    ("process.roles=broker", ("process.roles",)),
    ("process.roles=cook", ("process.roles",)),
    ("num.partitions=0", ("num.partitions",)),
    ("auto.create.topics.enable=maybe", ("auto.create.topics.enable", "maybe")),
    ("log.segment.bytes=1", ("log.segment.bytes",)),
    ("gregor.ack.durability=hope", ("gregor.ack.durability", "hope")),
    ("no equals sign", ("no equals sign",)),
]


def main() -> int:
    options.parser(__doc__).parse_args()  # --broker does not matter here: the sentences are Gregor's own
    report = Report("cli")
    with Broker("gregor", "cli") as broker:
        broker.stop()
        report.run("a file that is not there, and a folder", missing_file, broker)
        for setting, words in SETTINGS:
            report.run(f"--override '{setting}'", overridden, broker, setting, words)
        report.run("a malformed line", file_with, broker, "log.retention.ms=\\u00zz\n", ("line", "hexadecimal"))
        report.run("a bad number in the file", file_with, broker, "num.partitions=many\n", ("num.partitions", "many"))
        report.run("an unknown key is warned about", unknown_key, broker)
        report.run("the port is taken", port_taken, broker)
        report.run("the directory is locked", locked, broker)
        report.run("another node's directory", meta_changed, broker, "node.id=1", "node.id=2",
                   ("node.id", broker.data))
        report.run("a newer format", newer_format, broker)
        report.run("no permission", no_permission, broker)
        report.run("after all that it starts", start_and_stop, broker)
    return report.finish()


def start_and_stop(broker: Broker) -> None:
    broker.start()
    broker.stop()


if __name__ == "__main__":
    sys.exit(main())
