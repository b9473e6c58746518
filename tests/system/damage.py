#!/usr/bin/env python3
"""Directories that are not as a broker left them: truncated, flipped, missing, foreign, duplicate, unreadable files, at the
root and in a partition, after a clean stop and after a death. A start must come up as Kafka's does or better, lose no
record that is still there and sound, serve none that is not, and say in its log what it found."""

import os
import re
import shutil
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crc32c import crc32c
from kafka import KafkaAdminClient, KafkaProducer

from lib import options, wire
from lib.broker import Broker, scratch
from lib.report import Report, expect, expect_equal, say

TOPIC, OTHER = "damage", "sound"
SEGMENTS, PER_SEGMENT = 4, 10
SEGMENT_MS = 60_000
START_MS = 1_700_000_000_000
FOLDER = f"{TOPIC}-0"
OTHER_ID = "AAAAAAAAAAEAAAAAAAAAAQ"
BASES = [segment * PER_SEGMENT for segment in range(SEGMENTS)]
ALL = set(range(SEGMENTS * PER_SEGMENT))
REFUSES = "refuses to start"
NOT_ASKED = "not asked"
LEAVES_WITHIN_S = 20


def name(base: int, suffix: str) -> str:
    return f"{base:020}.{suffix}"


# ---------------------------------------------------------------- damages: functions of the data directory


def cut(base: int, suffix: str, size: int) -> Callable:
    return lambda data: os.truncate(file := data / FOLDER / name(base, suffix), file.stat().st_size - size)


def cut_all(base: int, suffix: str) -> Callable:
    return lambda data: os.truncate(data / FOLDER / name(base, suffix), 0)


def flip(path: str, place: Callable[[bytes], int]) -> Callable:
    def damage(data: Path) -> None:
        content = bytearray((data / path).read_bytes())
        content[place(content)] ^= 1
        (data / path).write_bytes(content)
    return damage


def batch_at(content: bytes, number: int) -> int:
    at = 0
    for _ in range(number):
        at += 12 + struct.unpack_from(">i", content, at + 8)[0]
    return at


def in_batch(base: int, number: int, byte: int = 70) -> Callable:
    return flip(f"{FOLDER}/{name(base, 'log')}", lambda content: batch_at(content, number) + byte)


def remove(*paths: str) -> Callable:
    def damage(data: Path) -> None:
        for path in paths:
            found = list(data.glob(path))
            expect(found, f"nothing is named {path}")
            for each in found:
                shutil.rmtree(each) if each.is_dir() else each.unlink()
    return damage


def garbage(path: str, content: bytes = b"\xff\x00garbage\n7 x\n") -> Callable:
    return lambda data: (data / path).write_bytes(content)


def append(path: str, content: bytes) -> Callable:
    return lambda data: (data / path).write_bytes((data / path).read_bytes() + content)


def folder(path: str) -> Callable:
    return lambda data: (data / path).mkdir()


def unreadable(path: str) -> Callable:
    """Not even root gets through a link to itself."""
    def damage(data: Path) -> None:
        (data / path).unlink(missing_ok=True)
        (data / path).symlink_to(data / path)
    return damage


def another_topic_id(data: Path) -> None:
    (data / FOLDER / "partition.metadata").write_text(f"version: 0\ntopic_id: {OTHER_ID}")


def same_topic_id_twice(data: Path) -> None:
    shutil.copytree(data / FOLDER, data / "twin-0")


def partition_twice(data: Path) -> None:
    other = second_directory(data)
    shutil.copytree(data / FOLDER, other / FOLDER)
    properties = (data / "meta.properties").read_text()
    (other / "meta.properties").write_text(re.sub("directory.id=.*", f"directory.id={OTHER_ID}", properties))


def directory_id_twice(data: Path) -> None:
    shutil.copy(data / "meta.properties", second_directory(data))


def second_directory(data: Path) -> Path:
    other = data.parent / "data2"
    other.mkdir()
    return other


# ---------------------------------------------------------------- what a start makes of them


@dataclass
class Case:
    title: str
    damage: Callable[[Path], None]
    records: set | str  # what is left of the partition, or REFUSES
    says: str = ""      # in the log of Gregor
    clean: bool = True  # was the directory stopped in order?
    peer: set | str | None = None  # where the peer has something else: Gregor loses no more, and says more


def below(offset: int) -> set:
    return {each for each in ALL if each < offset}


MIDDLE, LAST = BASES[1], BASES[-1]
TAIL = len(ALL) - 1

CASES = [
    Case("nothing", lambda data: None, ALL),
    Case("nothing", lambda data: None, ALL, clean=False),
    # ---- truncated
    Case("the last batch is cut", cut(LAST, "log", 5), below(TAIL), "log_tail_cut"),
    Case("the last batch is cut", cut(LAST, "log", 5), below(TAIL), "log_tail_cut", clean=False),
    Case("a closed segment is cut", cut(MIDDLE, "log", 5), ALL - {BASES[2] - 1}),
    Case("an index is cut to an odd length", cut(MIDDLE, "timeindex", 3), ALL, "segment_indexes_rebuilt"),
    Case("the last segment is empty", cut_all(LAST, "log"), below(LAST)),
    # ---- flipped
    Case("a bit of the last batch", in_batch(LAST, 9), below(TAIL)),
    Case("a bit of the last batch", in_batch(LAST, 9), below(TAIL), "durable_records_damaged", clean=False),
    Case("a bit in the last segment", in_batch(LAST, 4), ALL - {LAST + 4}),
    Case("a bit in the last segment", in_batch(LAST, 4), ALL - {LAST + 4}, clean=False, peer=below(LAST + 4)),
    Case("a bit in a closed segment", in_batch(MIDDLE, 4), ALL - {MIDDLE + 4}),
    Case("a bit in a closed segment", in_batch(MIDDLE, 4), ALL - {MIDDLE + 4}, clean=False),
    # ---- missing
    Case("an index", remove(f"{FOLDER}/{name(MIDDLE, 'index')}"), ALL, "segment_indexes_rebuilt"),
    Case("a time index", remove(f"{FOLDER}/{name(MIDDLE, 'timeindex')}"), ALL, "segment_indexes_rebuilt"),
    Case("all indexes", remove(f"{FOLDER}/*.index", f"{FOLDER}/*.timeindex"), ALL, "segment_indexes_rebuilt"),
    Case("all indexes", remove(f"{FOLDER}/*.index", f"{FOLDER}/*.timeindex"), ALL, clean=False),
    Case("a closed segment: its indexes are orphans", remove(f"{FOLDER}/{name(MIDDLE, 'log')}"),
         ALL - set(range(MIDDLE, BASES[2])), "orphaned_index_removed"),
    Case("the first segment", remove(f"{FOLDER}/{name(0, '*')}"), ALL - set(range(PER_SEGMENT))),
    Case("every segment", remove(f"{FOLDER}/0*"), set()),
    Case("the snapshots of producers", remove(f"{FOLDER}/*.snapshot"), ALL),
    Case("the leader epochs", remove(f"{FOLDER}/leader-epoch-checkpoint"), ALL),
    Case("the topic id", remove(f"{FOLDER}/partition.metadata"), ALL, peer=set()),
    Case("the partition", remove(FOLDER), set()),
    Case("the checkpoints of the root", remove("*-checkpoint"), ALL),
    Case("the checkpoints of the root", remove("*-checkpoint"), ALL, clean=False),
    Case("meta.properties", remove("meta.properties"), REFUSES, peer=NOT_ASKED),  # what starts it would format it
    # ---- foreign
    Case("a file in the partition", garbage(f"{FOLDER}/notes.txt"), ALL),
    Case("a folder in the partition", folder(f"{FOLDER}/notes"), ALL),
    Case("a segment with a name that is no number", garbage(f"{FOLDER}/notes.log"), ALL, peer=REFUSES),
    Case("a file in the root", garbage("notes.txt"), ALL),
    Case("a folder in the root that is no partition", folder("notes"), REFUSES),
    Case("an empty folder of a partition that nobody knows", folder("stranger-0"), ALL),
    Case("leftovers of a deletion", folder(f"{TOPIC}-0.0123456789abcdef0123456789abcdef-delete"), ALL),
    Case("leftovers of cleaning", garbage(f"{FOLDER}/{name(MIDDLE, 'log.cleaned')}"), ALL),
    Case("leftovers of a removal", garbage(f"{FOLDER}/{name(MIDDLE, 'log.deleted')}"), ALL),
    # ---- garbage
    *(Case(f"garbage in {file}", garbage(file), ALL, peer=REFUSES)
      for file in ("recovery-point-offset-checkpoint", "log-start-offset-checkpoint", "replication-offset-checkpoint",
                   "cleaner-offset-checkpoint", f"{FOLDER}/leader-epoch-checkpoint")),
    *(Case(f"garbage in {file}", garbage(file), ALL, clean=False, peer=REFUSES)
      for file in ("recovery-point-offset-checkpoint", "log-start-offset-checkpoint", "replication-offset-checkpoint",
                   f"{FOLDER}/leader-epoch-checkpoint")),
    Case("garbage in an index", garbage(f"{FOLDER}/{name(MIDDLE, 'index')}", b"garbage!" * 3), ALL),
    Case("garbage in a snapshot", garbage(f"{FOLDER}/{name(len(ALL), 'snapshot')}"), ALL),
    Case("garbage in a transaction index", garbage(f"{FOLDER}/{name(MIDDLE, 'txnindex')}"), ALL),
    Case("garbage in the topic id", garbage(f"{FOLDER}/partition.metadata"), REFUSES),
    Case("garbage in meta.properties", garbage("meta.properties"), REFUSES),
    Case("garbage behind the last batch", append(f"{FOLDER}/{name(LAST, 'log')}", b"x" * 100), ALL, "log_tail_cut"),
    Case("garbage behind the last batch", append(f"{FOLDER}/{name(LAST, 'log')}", b"x" * 100), ALL, "log_tail_cut", clean=False),
    Case("zeros behind the last batch", append(f"{FOLDER}/{name(LAST, 'log')}", bytes(5000)), ALL, "log_tail_cut", clean=False),
    # ---- unreadable
    Case("a closed segment cannot be read", unreadable(f"{FOLDER}/{name(MIDDLE, 'log')}"), REFUSES,
         peer=ALL - set(range(MIDDLE, BASES[2]))),  # Kafka takes it for no file, and says nothing
    Case("an index cannot be read", unreadable(f"{FOLDER}/{name(MIDDLE, 'index')}"), REFUSES),
    Case("a checkpoint cannot be read", unreadable("recovery-point-offset-checkpoint"), REFUSES),
    # ---- wrong identities
    Case("another topic id", another_topic_id, set()),
    Case("two partitions with one topic id", same_topic_id_twice, ALL),
    Case("the partition in two directories", partition_twice, REFUSES),
    Case("two directories with one id", directory_id_twice, REFUSES),
]


# ---------------------------------------------------------------- running them


class Written:
    """The data directory of a broker with both topics, stopped in order or dead."""

    def __init__(self, flavour: str):
        self.folder = scratch("damage")
        with Broker(flavour, "damage-source") as broker:
            write_topics(broker.address)
            broker.stop()
            shutil.copytree(broker.data, self.folder / "clean")
            broker.start()
            broker.kill()
            shutil.copytree(broker.data, self.folder / "dead")

    def copy(self, clean: bool, to: Path) -> None:
        shutil.copytree(self.folder / ("clean" if clean else "dead"), to)

    def remove(self) -> None:
        shutil.rmtree(self.folder)


def write_topics(address: str) -> None:
    """Each record is a batch; ten of them are a segment, because a minute of their time has passed then."""
    configs = {"segment.ms": str(SEGMENT_MS // 2), "segment.jitter.ms": "0", "retention.ms": "-1", "index.interval.bytes": "100"}
    with KafkaAdminClient(bootstrap_servers=address) as admin:
        for topic in (TOPIC, OTHER):
            admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1, "configs": configs}}, wait_for_metadata=True)
    producer = KafkaProducer(bootstrap_servers=address, acks="all")
    for number in sorted(ALL):
        for topic in (TOPIC, OTHER):
            producer.send(topic, b"record %d" % number, partition=0,
                          timestamp_ms=START_MS + number // PER_SEGMENT * SEGMENT_MS + number).get(timeout=20)
    producer.close(timeout=10)


def readable(port: int, topic: str) -> tuple[set, set, set]:
    """Which records are served whole, which are served damaged, and the errors met on the way."""
    sound, damaged, errors, at, end = set(), set(), set(), 0, len(ALL)
    with wire.connect(port) as connection:
        while at < end:
            error, records = wire.fetch(connection, topic, 0, at)
            batches = split(records)
            if error:
                errors.add(error)
            for base, batch in batches:
                is_sound = crc32c(batch[21:]) == int.from_bytes(batch[17:21], "big") and b"record %d" % base in batch
                (sound if is_sound else damaged).add(base)
            at = max(at, *(base for base, _ in batches)) + 1 if batches else at + 1
    return sound, damaged, errors


def split(records: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while len(records) - at > 61:
        base, size = struct.unpack_from(">qi", records, at)
        if size < 49 or at + 12 + size > len(records):
            break
        found.append((base, records[at:at + 12 + size]))
        at += 12 + size
    return found


def check(case: Case, flavour: str, written: Written) -> None:
    wanted = case.peer if flavour == "peer" and case.peer is not None else case.records
    broker = Broker(flavour, "damage")
    try:
        written.copy(case.clean, broker.data)
        case.damage(broker.data)
        if (second := broker.data.parent / "data2").exists():
            broker.overrides["log.dirs"] = f"{broker.data},{second}"
            broker.write_properties()
        try:
            broker.start()
            wait_until_led(broker)
            sound, damaged, errors = readable(broker.port, TOPIC)
        except (RuntimeError, OSError):
            expect_equal(broker.process.wait(LEAVES_WITHIN_S), 1, "the exit code")
            say(f"{REFUSES}: {last_words(broker)}")
            return expect_equal(REFUSES, wanted, "what is left")
        lost = sorted(ALL - sound)
        say(f"lost {ranges(lost)}, served damaged {sorted(damaged)}, errors {sorted(errors)}; {findings(broker)}")
        expect(wanted != REFUSES, "it starts")
        expect_equal(sorted(sound), sorted(wanted), "records")
        if flavour == "gregor":
            expect_equal(damaged, set(), "damaged records that are served")
            wait_for_word(broker, case.says)
        expect_equal(readable(broker.port, OTHER)[0], ALL, "records of the other topic")
    finally:
        broker.__exit__(None, None, None)


def wait_until_led(broker: Broker) -> None:
    deadline = time.monotonic() + 30
    while broker.is_alive() and time.monotonic() < deadline:
        try:
            with wire.connect(broker.port) as connection:
                if wire.fetch(connection, OTHER, 0, 0)[1]:
                    return
        except OSError:
            pass  # it is about to leave
        time.sleep(0.1)
    raise (TimeoutError if broker.is_alive() else RuntimeError)(f"{OTHER}-0 is not served:\n{broker.log(5)}")


def wait_for_word(broker: Broker, word: str) -> None:
    """Some damages are found in the background only."""
    deadline = time.monotonic() + 10
    while word not in broker.log(1000):
        expect(time.monotonic() < deadline, f"the log says {word}")
        time.sleep(0.1)


def ranges(numbers: list[int]) -> str:
    return f"{len(numbers)} from {numbers[0]} to {numbers[-1]}" if numbers else "nothing"


def findings(broker: Broker) -> str:
    lines = [line for line in broker.log(2000).splitlines() if TOPIC in line and any(word in line for word in ("WARN", "ERROR", "warning", "error"))]
    return lines[-1][:200] if lines else "says nothing"


def last_words(broker: Broker) -> str:
    lines = [line for line in broker.log(60).splitlines() if "ERROR" in line or "xception" in line or "gregor:" in line]
    return (lines[-1] if lines else broker.log(1))[:200]


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--only", default="", help="cases whose title has this in it")
    chosen = parser.parse_args()
    report, written = Report("damage"), Written(chosen.broker)
    try:
        for case in CASES:
            title = f"{case.title}, {'clean' if case.clean else 'dead'}"
            if chosen.only in title and not (chosen.broker == "peer" and case.peer == NOT_ASKED):
                report.run(title, check, case, chosen.broker, written)
    finally:
        written.remove()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
