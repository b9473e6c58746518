#!/usr/bin/env python3
"""Partition folders that one broker has written, for the other one: all codecs, transactions, compaction, deleted records,
gaps in time. Each file passes the peer's dump-log; the other broker finds every record, offset and time, and goes on writing;
then the first one takes the directory back."""

import random
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from lib import options, peer_tool
from lib.broker import Broker
from lib.report import Report, expect, expect_equal, say

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
CODEC_TOPICS = [f"codec-{codec}" for codec in CODECS]
MOVED, CLEANED, DELETED, GAPS = "transactions", "cleaned", "deleted", "gaps"
SEGMENT_MS = 60_000
START_MS = 1_700_000_000_000
DAY_MS = 86_400_000
CONFIGS = {"segment.ms": str(SEGMENT_MS), "segment.jitter.ms": "0", "retention.ms": "-1", "index.interval.bytes": "256",
           "message.timestamp.before.max.ms": str(2**63 - 1)}
TOPICS = {**{name: {} for name in CODEC_TOPICS}, MOVED: {}, DELETED: {}, GAPS: {},
          CLEANED: {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "delete.retention.ms": str(DAY_MS)}}
CLEANED_WITHIN_S = 60
NOTE = re.compile(r"Non-consecutive offsets in \S+\n(  -?\d+ is followed by \d+\n)+")
COMPLAINT = re.compile(r"exception|error|mismatch|corrupt|invalid|found .*bytes|not found|isvalid: false", re.IGNORECASE)


@dataclass
class Ledger:
    """What was written: by topic, each record by its offset; what no reader of committed records may see."""

    records: dict = field(default_factory=lambda: {topic: {} for topic in TOPICS})
    aborted: set = field(default_factory=set)
    start: dict = field(default_factory=lambda: dict.fromkeys(TOPICS, 0))
    clock: int = START_MS
    turn: int = 0


# ---------------------------------------------------------------- writing


def make_topics(address: str) -> None:
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    for made in admin.create_topics([NewTopic(name, 1, config=CONFIGS | configs) for name, configs in TOPICS.items()]).values():
        made.result(30)


def write(producer: Producer, ledger: Ledger, topic: str, entries: list[tuple]) -> list[int]:
    """(key, value, time) each; their offsets, once all are acknowledged."""
    offsets = []

    def told(error: KafkaError | None, message) -> None:
        expect(error is None, f"{topic}: {error}")
        offsets.append(message.offset())
        ledger.records[topic][message.offset()] = (message.key(), message.value(), message.timestamp()[1])

    for key, value, at in entries:
        producer.produce(topic, value, key, partition=0, timestamp=at, headers={"turn": str(ledger.turn)}, on_delivery=told)
    expect_equal(producer.flush(60), 0, "messages without an answer")
    return offsets


def producer(address: str, **settings) -> Producer:
    return Producer({"bootstrap.servers": address, "acks": "all", "linger.ms": 5, "log_level": 0} |
                    {key.replace("_", "."): value for key, value in settings.items()})


def append(address: str, ledger: Ledger, chance: random.Random) -> None:
    """A part of every topic: five segments of it or so."""
    ledger.turn += 1
    for codec, topic in zip(CODECS, CODEC_TOPICS):
        writer = producer(address, compression_type=codec, enable_idempotence=True)
        for part in range(4):
            write(writer, ledger, topic, [(None if chance.random() < 0.2 else f"k{i}".encode(), chance.randbytes(chance.randrange(300)),
                                           ledger.clock + 2 * part * SEGMENT_MS + chance.randrange(1000)) for i in range(60)])
    append_transactions(address, ledger, chance)
    writer = producer(address)
    for part in range(6):
        write(writer, ledger, CLEANED, [(f"key-{chance.randrange(20)}".encode(), None if chance.random() < 0.2 else chance.randbytes(20),
                                         ledger.clock + 2 * part * SEGMENT_MS) for _ in range(80)])
        write(writer, ledger, DELETED, [(None, b"v%d" % i, ledger.clock + 2 * part * SEGMENT_MS) for i in range(40)])
        # A day later, an hour earlier, all at once: a time index must not go back.
        write(writer, ledger, GAPS, [(None, b"t%d" % i, ledger.clock + chance.choice((0, DAY_MS, -3_600_000, 1))) for i in range(30)])
    ledger.clock += 7 * DAY_MS
    delete_records(address, ledger, chance)


def append_transactions(address: str, ledger: Ledger, chance: random.Random) -> None:
    writer = producer(address, transactional_id="interchange")
    writer.init_transactions(60)
    for number in range(8):
        writer.begin_transaction()
        offsets = write(writer, ledger, MOVED, [(b"k", chance.randbytes(50), ledger.clock + number * SEGMENT_MS) for _ in range(10)])
        if number % 3 == 1:
            writer.abort_transaction(60)
            ledger.aborted |= set(offsets)
        else:
            writer.commit_transaction(60)


def delete_records(address: str, ledger: Ledger, chance: random.Random) -> None:
    """Into the middle of a segment."""
    ledger.start[DELETED] += chance.randrange(30, 100)
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    for answer in admin.delete_records([TopicPartition(DELETED, 0, ledger.start[DELETED])]).values():
        expect_equal(answer.result(30).low_watermark, ledger.start[DELETED], "the low watermark")


# ---------------------------------------------------------------- reading


def read(address: str, topic: str, isolation: str) -> dict:
    """Every record by its offset."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "interchange", "enable.auto.commit": False, "check.crcs": True,
                         "isolation.level": isolation, "log_level": 0, "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    found, deadline = {}, time.monotonic() + 60
    while True:
        expect(time.monotonic() < deadline, f"{topic} has no end after {len(found)} records")
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error() and message.error().code() == KafkaError._PARTITION_EOF:
            break
        expect(message.error() is None, f"{topic}: {message.error()}")
        found[message.offset()] = (message.key(), message.value(), message.timestamp()[1])
    consumer.close()
    return found


def verify(address: str, ledger: Ledger) -> None:
    for topic, records in ledger.records.items():
        wanted = {offset: record for offset, record in records.items() if offset >= ledger.start[topic]}
        found = read(address, topic, "read_uncommitted")
        if topic == CLEANED:
            verify_cleaned(wanted, found)
            continue
        expect_same(topic, found, wanted)
        committed = {offset: record for offset, record in wanted.items() if topic != MOVED or offset not in ledger.aborted}
        expect_same(f"committed {topic}", read(address, topic, "read_committed"), committed)
        if topic != MOVED:  # there, markers have the time of their writing
            verify_times(address, topic, wanted)


def expect_same(what: str, found: dict, wanted: dict) -> None:
    wrong = [offset for offset in sorted(found.keys() | wanted.keys()) if found.get(offset) != wanted.get(offset)]
    expect(not wrong, f"{what}: {len(wrong)} records differ, the first at {wrong[:1]}: "
                      f"found {found.get(wrong[0]) if wrong else ''}, wanted {wanted.get(wrong[0]) if wrong else ''}")


def verify_cleaned(written: dict, found: dict) -> None:
    """The last record of each key is there; what else is there was written."""
    last = {key: offset for offset, (key, _, _) in sorted(written.items())}
    missing = {offset for key, offset in last.items() if offset not in found and written[offset][1] is not None}
    expect(not missing, f"{CLEANED}: the last values at {sorted(missing)[:3]} are gone")
    expect_same(CLEANED, found, {offset: written.get(offset) for offset in found})


def verify_times(address: str, topic: str, records: dict) -> None:
    """The first record that is not older, for a few times; in the order of the log, whatever the order of time."""
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    chance = random.Random(len(records))
    for at in chance.sample([record[2] for record in records.values()], 5):
        wanted = min(offset for offset, record in records.items() if record[2] >= at)
        answer = admin.list_offsets({TopicPartition(topic, 0): OffsetSpec.for_timestamp(at)})
        expect_equal(answer[TopicPartition(topic, 0)].result(30).offset, wanted, f"{topic}: the offset of time {at}")


def wait_until_cleaned(address: str, ledger: Ledger) -> None:
    """All but what is in the open segment."""
    keys = len({key for key, _, _ in ledger.records[CLEANED].values()})
    deadline = time.monotonic() + CLEANED_WITHIN_S
    while (left := len(read(address, CLEANED, "read_uncommitted"))) > keys + 80:
        expect(time.monotonic() < deadline, f"{left} records of {keys} keys are left after {CLEANED_WITHIN_S} s")
        time.sleep(0.5)


# ---------------------------------------------------------------- the files


def check_files(data: Path) -> None:
    """One call of the tool for all files of a kind, because each call is a JVM."""
    folders = [data / f"{topic}-0" for topic in TOPICS]
    files = sorted(path for folder in folders for path in folder.iterdir())
    groups = {"--deep-iteration": (".log", ".index", ".timeindex", ".snapshot", ".txnindex"), "--index-sanity-check": (".index", ".timeindex")}
    printed = peer_tool.run_many([("dump-log", option, "--files", ",".join(str(file) for file in files if file.suffix in suffixes))
                                  for option, suffixes in groups.items()])
    for option, text in zip(groups, printed):
        # Compaction leaves gaps, and every segment but the first begins with one for this tool.
        complaints = [line for line in NOTE.sub("", text).splitlines() if COMPLAINT.search(line)]
        expect_equal(complaints, [], f"what dump-log {option} says")
    kinds = {suffix: sum(file.suffix == suffix for file in files) for suffix in groups["--deep-iteration"]}
    expect(all(kinds.values()), f"there are files of every kind: {kinds}")
    say(f"dump-log has read {kinds}")
    expect("endTxnMarker: ABORT" in printed[0] and "endTxnMarker: COMMIT" in printed[0], "the markers are there")
    expect("deleteHorizonMs: OptionalLong[" in printed[0], "a batch has its delete horizon")
    for codec in CODECS:
        expect(f"compresscodec: {codec}" in printed[0], f"batches of {codec} are there")


def turn(broker: Broker, ledger: Ledger, chance: random.Random) -> None:
    if ledger.turn == 0:
        make_topics(broker.address)
    else:
        verify(broker.address, ledger)
    append(broker.address, ledger, chance)
    wait_until_cleaned(broker.address, ledger)
    verify(broker.address, ledger)


def swap(order: list[str], seed: int, ending: str, report: Report) -> None:
    ledger, chance = Ledger(), random.Random(seed)
    # Kafka forgets what DeleteRecords told when it is killed within a minute; here within less than a turn takes.
    broker = Broker(order[0], "interchange", log__cleaner__backoff__ms=200,
                    log__flush__start__offset__checkpoint__interval__ms=500)
    try:
        for number, flavour in enumerate(order):
            broker.flavour = flavour
            broker.start()
            title = f"{ending}, turn {number + 1}: {flavour} finds everything and goes on"
            if not report.run(title, turn, broker, ledger, chance):
                return say(broker.log(30))
            broker.stop() if ending == "stopped" else broker.kill()
            if ending == "stopped":
                report.run(f"{ending}, turn {number + 1}: dump-log reads what {flavour} wrote", check_files, broker.data)
    finally:
        broker.__exit__(None, None, None)


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    report = Report("interchange")
    if chosen.broker == "peer":
        swap(["peer", "peer"], chosen.seed, "stopped", report)
    else:
        swap(["gregor", "peer", "gregor"], chosen.seed, "stopped", report)
        if chosen.long:
            swap(["peer", "gregor", "peer"], chosen.seed, "stopped", report)
            swap(["gregor", "peer", "gregor", "peer"], chosen.seed, "killed", report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
