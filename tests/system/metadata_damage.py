#!/usr/bin/env python3
"""A metadata directory that is damaged, has a gap, is of a newer level or of another cluster: Gregor refuses to start
with one sentence and leaves every file of it as it was."""

import hashlib
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.record.default_records import DefaultRecordBatchBuilder

from lib import options
from lib.broker import Broker, gregor_binary
from lib.report import Report, expect, expect_equal

FOLDER = "__cluster_metadata-0"
SMALL = {"metadata__log__max__record__bytes__between__snapshots": 20000, "internal__metadata__log__segment__bytes": 10000,
         "metadata__max__retention__bytes": 20000}
DERIVED = (".index", ".timeindex", ".lock", "leader-epoch-checkpoint")  # what a look at the log may make anew


def digest(data: Path) -> dict[str, str]:
    return {str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(data.rglob("*")) if path.is_file() and not path.name.endswith(DERIVED)}


def fill(broker: Broker) -> None:
    with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
        for i in range(150):
            admin.create_topics({f"topic-{i}": {"num_partitions": 1, "replication_factor": 1}})


def segments(data: Path) -> list[Path]:
    return sorted((data / FOLDER).glob("*.log"))


def snapshots(data: Path) -> list[Path]:
    return sorted((data / FOLDER).glob("*.checkpoint"))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def batches(path: Path) -> list[tuple[int, int, int, int]]:
    """Position, first and last offset, epoch of each batch."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        base, size, epoch = struct.unpack(">qii", data[at:at + 16])
        found.append((at, base, base + struct.unpack(">i", data[at + 23:at + 27])[0], epoch))
        at += 12 + size
    return found


def append_record(data: Path, value: bytes) -> None:
    """A batch as a controller would append it."""
    log = segments(data)[-1]
    _, _, last, epoch = batches(log)[-1]
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 16)
    builder.append(0, 1_700_000_000_000, None, value, [])
    batch = bytearray(builder.build())
    struct.pack_into(">q", batch, 0, last + 1)
    struct.pack_into(">i", batch, 12, epoch)
    with log.open("ab") as file:
        file.write(batch)


def flip_in_the_log(data: Path) -> None:
    """In a batch that no snapshot covers, and that is not the last."""
    end = int(snapshots(data)[-1].name[:20])
    path = next(path for path in segments(data) if batches(path)[-1][2] >= end)
    behind = [position for position, base, _, _ in batches(path)[:-1] if base >= end]
    flip(path, behind[0] + 70)


def cut_snapshot(data: Path) -> None:
    path = snapshots(data)[-1]
    path.write_bytes(path.read_bytes()[:-20])


def drop_snapshots(data: Path) -> None:
    for path in snapshots(data):
        path.unlink()


def other_cluster(data: Path) -> None:
    path = data / "meta.properties"
    path.write_text(path.read_text().replace("node.id=1", "node.id=7"))


def newer_level(data: Path) -> None:
    append_record(data, b"\x01\x0c\x00\x11metadata.version\x00\x63\x00")


CASES = {
    "a byte of the log is changed": (flip_in_the_log, "holds no intact batch at offset"),
    "a byte of the newest snapshot is changed": (lambda data: flip(snapshots(data)[-1], 200), "the snapshot is damaged"),
    "the newest snapshot is cut": (cut_snapshot, "the snapshot is damaged"),
    "no snapshot is there any more": (drop_snapshots, "no snapshot covers what is before"),
    "another node's": (other_cluster, "node.id"),
    "metadata.version 99": (newer_level, "metadata.version 99"),
    "a record of a type that nobody knows": (lambda data: append_record(data, b"\x01\x63\x00\x00"),
                                             "type 99 is newer than this program"),
    "a record that ends too early": (lambda data: append_record(data, b"\x01\x02\x00\x05ab"), "is malformed"),
    "an end of a transaction that never began": (lambda data: append_record(data, b"\x01\x18\x00\x00"),
                                                 "ends a transaction that never began"),
    "a quorum-state of a later version": (lambda data: (data / FOLDER / "quorum-state").write_text(
        '{"leaderId":1,"leaderEpoch":1,"votedId":-1,"data_version":2}'), "data_version 2 is newer"),
    "a quorum-state that is none": (lambda data: (data / FOLDER / "quorum-state").write_text("{"), "quorum-state"),
}


def refuses(broker: Broker, original: Path, damage, sentence: str) -> None:
    shutil.rmtree(broker.data)
    shutil.copytree(original, broker.data)
    damage(broker.data)
    before = digest(broker.data)
    ran = subprocess.run([gregor_binary(), "serve", broker.properties], capture_output=True, text=True, timeout=30)
    said = [line for line in ran.stderr.splitlines() if line.startswith("gregor: ")]
    expect_equal(ran.returncode, 1, f"exit code, with {ran.stderr[-300:]}")
    expect(len(said) == 1 and sentence in said[0], f"it says {said}, not {sentence!r}")
    after = digest(broker.data)
    changed = sorted(name for name in after.keys() | before.keys() if after.get(name) != before.get(name))
    expect_equal(changed, [], "files that changed")


def goes_on(broker: Broker, original: Path) -> None:
    """The last batch torn by a power cut is no damage."""
    shutil.rmtree(broker.data)
    shutil.copytree(original, broker.data)
    (broker.data / ".kafka_cleanshutdown").unlink()
    log = segments(broker.data)[-1]
    log.write_bytes(log.read_bytes()[:-5])
    broker.start()
    broker.stop()


def main() -> int:
    options.parser(__doc__).parse_args()
    report = Report("metadata_damage")
    with Broker("gregor", "metadata-damage", **SMALL) as broker:
        fill(broker)
        expect_equal(broker.stop(), 0, "exit code")
        expect(segments(broker.data)[0].stem != "0" * 20, "the log still begins at 0")
        original = broker.folder / "original"
        shutil.copytree(broker.data, original)
        for name, (damage, sentence) in CASES.items():
            report.run(name, refuses, broker, original, damage, sentence)
        report.run("a torn end is cut", goes_on, broker, original)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
