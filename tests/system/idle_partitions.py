#!/usr/bin/env python3
"""Partitions that nobody uses: how long a start with 100,000 of them takes, after a kill and after a clean stop, what
they cost in memory, open files and wake-ups, and that those who are used come and go. Their metadata is made by the
broker, most of their folders by this script, as the broker makes them. The limits hold for the release build."""

import base64
import random
import struct
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicCollection, TopicPartition, Uuid
from confluent_kafka.admin import AdminClient, NewTopic

from lib import options
from lib.broker import Broker
from lib.report import Report, expect, expect_equal, say

PER_TOPIC = 5_000
READY_MS_MAX, MIB_MAX, FILES_MAX = 2_000, 256, 200
FEW, FEW_MIB_MAX = 10_000, 40
WAKE_UPS_MAX = 10  # a second, of the whole process
IDLE_MS = 5_000
EMPTY_SEGMENT = ["00000000000000000000" + extension for extension in (".log", ".index", ".timeindex")]


def topic_of(number: int) -> str:
    return f"idle-{number}"


def is_limited(broker: Broker) -> bool:
    return broker.flavour == "gregor" and "release" in str(broker.command()[0])


def limit(broker: Broker, what: str, value: float, most: float) -> None:
    say(f"{what}: {value:.1f} (limit {most})")
    expect(not is_limited(broker) or value <= most, f"{what}: {value:.1f} is over {most}")


def create(broker: Broker, count: int) -> dict[str, str]:
    """The ids of the topics that it makes."""
    admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0, "socket.timeout.ms": 300_000})
    topics = [topic_of(number) for number in range(count // PER_TOPIC)]
    for topic in topics:
        admin.create_topics([NewTopic(topic, PER_TOPIC)], operation_timeout=300, request_timeout=300)[topic].result(600)
    described = admin.describe_topics(TopicCollection(topics), request_timeout=300)
    return {topic: text_of(future.result(600).topic_id) for topic, future in described.items()}


def text_of(topic_id: Uuid) -> str:
    """As Kafka's files have it."""
    halves = (topic_id.get_most_significant_bits(), topic_id.get_least_significant_bits())
    return base64.urlsafe_b64encode(struct.pack(">QQ", *(half % (1 << 64) for half in halves))).decode().rstrip("=")


def folders_of(broker: Broker) -> set[str]:
    return {each.name for each in broker.data.iterdir() if each.name.startswith("idle-")}


def make_folders(broker: Broker, ids: dict[str, str]) -> None:
    """What the broker had not come to when it was killed."""
    for topic, topic_id in ids.items():
        for index in range(PER_TOPIC):
            folder = broker.data / f"{topic}-{index}"
            if (folder / "leader-epoch-checkpoint").exists():
                continue
            folder.mkdir(exist_ok=True)
            for empty in EMPTY_SEGMENT:
                (folder / empty).touch()
            (folder / "partition.metadata").write_text(f"version: 0\ntopic_id: {topic_id}")
            (folder / "leader-epoch-checkpoint").write_text("0\n1\n0 0\n")


def open_files(broker: Broker) -> int:
    return len(list(Path(f"/proc/{broker.process.pid}/fd").iterdir()))


def wake_ups(broker: Broker) -> int:
    total = 0
    for task in Path(f"/proc/{broker.process.pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if "ctxt_switches" in line:
                total += int(line.split()[1])
    return total


def wait_for_rest(broker: Broker, seconds: float = 600) -> None:
    """Until it has looked at what it found, and let go of it."""
    deadline, before = time.monotonic() + seconds, -1.0
    while (now := broker.cpu_s()) > before + 0.05:
        expect(time.monotonic() < deadline, "the broker does not come to rest")
        before = now
        time.sleep(3)


def check_cost(broker: Broker, what: str, mib_max: float) -> None:
    limit(broker, f"{what}, MiB", broker.status_kib() / 1024, mib_max)
    limit(broker, f"{what}, open files", open_files(broker), FILES_MAX)


def start(broker: Broker, what: str, mib_max: float) -> None:
    ready_ms = broker.start_ms()
    try:
        check_cost(broker, f"{what}, at once", mib_max)
    finally:
        wait_for_rest(broker)
    check_cost(broker, f"{what}, at rest", mib_max)
    limit(broker, f"{what}, ready after ms", ready_ms, READY_MS_MAX)


def asleep(broker: Broker) -> None:
    seconds = 20
    before, cpu = wake_ups(broker), broker.cpu_s()
    time.sleep(seconds)
    limit(broker, "wake-ups a second", (wake_ups(broker) - before) / seconds, WAKE_UPS_MAX)
    say(f"CPU of {seconds} s: {(broker.cpu_s() - cpu) * 1000:.0f} ms")


def some_are_used(broker: Broker, count: int) -> None:
    """Each of a few gets a record, is let go, gets another one and is read."""
    chance = random.Random(count)
    places = [(topic_of(i // PER_TOPIC), i % PER_TOPIC) for i in chance.sample(range(count), 200)]
    before = open_files(broker)
    for value in (b"first", b"second"):
        producer = Producer({"bootstrap.servers": broker.address, "acks": "all", "enable.idempotence": True, "linger.ms": 5,
                             "log_level": 0, "topic.metadata.refresh.sparse": True})
        for topic, partition in places:
            producer.produce(topic, value, partition=partition)
        expect_equal(producer.flush(60), 0, "records without an answer")
        say(f"open files while {len(places)} are used: {open_files(broker)}")
        del producer
        deadline = time.monotonic() + 60
        while open_files(broker) > before + 5:
            expect(time.monotonic() < deadline, f"{open_files(broker)} files stay open, {before} were")
            time.sleep(1)
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "idle", "log_level": 0,
                         "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in places])
    read: dict[tuple[str, int], list[bytes]] = {}
    deadline = time.monotonic() + 60
    while sum(map(len, read.values())) < 2 * len(places) and time.monotonic() < deadline:
        for message in consumer.consume(1000, timeout=1):
            read.setdefault((message.topic(), message.partition()), []).append(message.value())
    consumer.close()
    expect_equal(read, {place: [b"first", b"second"] for place in places}, "records")


def hundred_thousand(report: Report, count: int) -> None:
    settings = {"max__request__partition__size__limit": 2 * PER_TOPIC, "gregor__partition__idle__ms": IDLE_MS,
                "log__initial__task__delay__ms": 5_000}
    with Broker("gregor", "idle", **settings) as broker:
        ids = create(broker, count)
        broker.kill()
        make_folders(broker, ids)
        report.run(f"{count} after a kill", start, broker, f"{count} after a kill", MIB_MAX)
        broker.stop()
        expect((broker.data / ".kafka_cleanshutdown").exists(), "the stop was not clean")
        report.run(f"{count} after a clean stop", start, broker, f"{count} after a clean stop", MIB_MAX)
        report.run("asleep", asleep, broker)
        report.run("some are used", some_are_used, broker, count)
        began = time.monotonic()
        broker.stop()
        say(f"a clean stop with {count} partitions: {time.monotonic() - began:.1f} s")


def ten_thousand(report: Report) -> None:
    """Made, after a clean stop, after a kill."""
    with Broker("gregor", "idle-few", max__request__partition__size__limit=2 * PER_TOPIC) as broker:
        create(broker, FEW)
        deadline = time.monotonic() + 600
        while len(folders_of(broker)) < FEW and time.monotonic() < deadline:
            time.sleep(0.5)
        wait_for_rest(broker)
        report.run(f"{FEW} just made", check_cost, broker, f"{FEW} just made", FEW_MIB_MAX)
        began = time.monotonic()
        broker.stop()
        say(f"a clean stop with {FEW} just made: {time.monotonic() - began:.1f} s")
        report.run(f"{FEW} after a clean stop", start, broker, f"{FEW} after a clean stop", FEW_MIB_MAX)
        broker.kill()
        report.run(f"{FEW} after a kill", start, broker, f"{FEW} after a kill", FEW_MIB_MAX)


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--partitions", type=int, default=100_000, help="a multiple of 5,000")
    arguments = parser.parse_args()
    report = Report("idle_partitions")
    ten_thousand(report)
    hundred_thousand(report, arguments.partitions)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
