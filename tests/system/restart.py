#!/usr/bin/env python3
"""A restart after kill -9. How long it takes: until the first Metadata answer, and until a record in a partition nobody
used is acknowledged, with many partitions and with many bytes. What it trusts: its own marks, unless they are damaged or
Kafka was there in between; no flipped bit. The limits of time hold for the release build on a quiet machine: --limits
checks them. With --broker peer only the times are taken, of the peer."""

import random
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lib import options
from lib.broker import Broker
from lib.report import Report, expect, expect_equal, say

PER_TOPIC = 1000
VALUE = random.Random(1).randbytes(100_000)
READY_LIMIT_MS = 300
MARK_BYTES = 64 << 20  # a segment that has grown by so much is marked


def topic_of(number: int) -> str:
    return f"restart-{number}"


def create_partitions(broker: Broker, count: int) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0, "socket.timeout.ms": 300_000})
    for number in range((count + PER_TOPIC - 1) // PER_TOPIC):
        size = min(PER_TOPIC, count - number * PER_TOPIC)
        made = admin.create_topics([NewTopic(topic_of(number), size)], operation_timeout=300, request_timeout=300)
        made[topic_of(number)].result(600)


def acknowledge(broker: Broker, topic: str, partition: int) -> float:
    """How long a producer takes from nothing to its first acknowledged record, in ms."""
    answers = []
    began = time.monotonic()
    producer = Producer({"bootstrap.servers": broker.address, "acks": "all", "linger.ms": 0, "log_level": 0,
                         "topic.metadata.refresh.sparse": True})
    producer.produce(topic, b"again", partition=partition, on_delivery=lambda error, _: answers.append(error))
    expect_equal(producer.flush(60), 0, "records without an answer")
    expect_equal(answers, [None], "delivery errors")
    return (time.monotonic() - began) * 1000


def restart(broker: Broker, what: str, topic: str, partition: int, limit_ms: float | None) -> None:
    broker.kill()
    ready = broker.start_ms()
    mib = broker.status_kib() / 1024
    first = acknowledge(broker, topic, partition)
    say(f"{broker.flavour}, {what}: ready after {ready:.0f} ms with {mib:.0f} MiB, a record in a partition nobody used "
        f"acknowledged {first:.0f} ms later")
    expect(limit_ms is None or ready <= limit_ms, f"ready after {ready:.0f} ms, limit {limit_ms} ms")


def many_partitions(flavour: str, count: int, limit_ms: float | None) -> None:
    with Broker(flavour, "restart", num__io__threads=2) as broker:
        create_partitions(broker, count)
        chance = random.Random(count)
        place = [(topic_of(i // PER_TOPIC), i % PER_TOPIC) for i in chance.sample(range(count), 20)]
        for topic, partition in place[:10]:
            acknowledge(broker, topic, partition)
        for topic, partition in place[8:11]:
            restart(broker, f"{count} partitions", topic, partition, limit_ms)


def many_bytes(flavour: str, gib: float, limit_ms: float | None) -> None:
    durability = {"gregor__ack__durability": "page_cache"} if flavour == "gregor" else {}
    with Broker(flavour, "restart", **durability) as broker:
        admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
        admin.create_topics([NewTopic("bytes", 4)])["bytes"].result(30)
        producer = Producer({"bootstrap.servers": broker.address, "acks": 1, "linger.ms": 5, "batch.size": 1_000_000,
                             "queue.buffering.max.kbytes": 400_000, "log_level": 0})
        sent = [0, 0, 0, 0]
        for number in range(int(gib * (1 << 30) / len(VALUE))):
            while True:
                try:
                    producer.produce("bytes", VALUE, partition=number % 4)
                    break
                except BufferError:
                    producer.poll(0.1)
            sent[number % 4] += 1
        expect_equal(producer.flush(600), 0, "records without an answer")
        for partition in (0, 1):
            restart(broker, f"{gib} GiB", "bytes", partition, limit_ms)
        consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "restart", "log_level": 0})
        for partition in range(4):
            end = consumer.get_watermark_offsets(TopicPartition("bytes", partition), timeout=60)[1]
            expect_equal(end, sent[partition] + (partition < 2), f"end of partition {partition}")
        consumer.close()


# ---------------------------------------------------------------- what it trusts

def produce(broker: Broker, topic: str, values: list[bytes]) -> None:
    """Each in a batch of its own."""
    producer = Producer({"bootstrap.servers": broker.address, "acks": "all", "linger.ms": 0, "log_level": 0,
                         "batch.num.messages": 1})
    for value in values:
        producer.produce(topic, value, partition=0)
    expect_equal(producer.flush(60), 0, "records without an answer")


def read_all(broker: Broker, topic: str, offset: int = 0, seconds: float = 30) -> tuple[list[bytes], list[str]]:
    """Values from the offset on, and the errors that ended the reading."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "restart", "check.crcs": True, "log_level": 0})
    end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)[1]
    consumer.assign([TopicPartition(topic, 0, offset)])
    values, errors = [], []
    deadline = time.monotonic() + seconds
    while offset + len(values) < end and not errors and time.monotonic() < deadline:
        for message in consumer.consume(1000, timeout=1):
            if message.error():
                errors.append(str(message.error()))
            else:
                values.append(message.value())
    consumer.close()
    return values, errors


def wait_for_text(path: Path, text: str, since: int = 0) -> None:
    """In what follows the first so many bytes."""
    deadline = time.monotonic() + 60
    while not path.exists() or text.encode() not in path.read_bytes()[since:]:
        expect(time.monotonic() < deadline, f"{path.name} does not say '{text}'")
        time.sleep(0.1)


def create(broker: Broker, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
    admin.create_topics([NewTopic(topic, 1)])[topic].result(30)


def log_file(broker: Broker, topic: str) -> Path:
    return broker.data / f"{topic}-0" / "00000000000000000000.log"


def flip(path: Path, position: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 4]))


def marked(broker: Broker, topic: str) -> list[bytes]:
    """Fills a topic until the directory's state tells of a mark in it; what was written."""
    create(broker, topic)
    values = [b"%06d" % i + VALUE for i in range(MARK_BYTES // len(VALUE) * 5 // 4)]
    produce(broker, topic, values)
    wait_for_text(broker.data / "gregor.marks", f"{topic} 0 ")
    return values


def flipped_bits() -> None:
    """One below the mark is found in the background and never served; one in the tail is cut off."""
    with Broker("gregor", "restart") as broker:
        values = marked(broker, "bits")
        produce(broker, "bits", [b"tail" * 5_000])
        broker.kill()
        path = log_file(broker, "bits")
        flip(path, path.stat().st_size - 100)
        damaged = 10
        flip(path, damaged * (len(VALUE) + 100) + len(VALUE) // 2)
        said = broker.log_path.stat().st_size
        broker.start()
        wait_for_text(broker.log_path, "background_check_finished", said)
        text = broker.log_path.read_text()
        expect("log_tail_cut" in text, f"no word of the tail: {broker.log(40)}")
        expect("durable_records_damaged" in text, f"no word of the damage: {broker.log(40)}")
        read, errors = read_all(broker, "bits", seconds=5)
        expect_equal(read, values[:damaged], f"what lies before the damage ({errors})")
        after, errors = read_all(broker, "bits", damaged + 1)
        expect_equal((after, errors), (values[damaged + 1:], []), "what lies behind the damage")


def damaged_state() -> None:
    """Marks that nobody can have written cost a line of the log and a longer look, no record."""
    with Broker("gregor", "restart") as broker:
        values = marked(broker, "state")
        for name, damage in (("gregor.marks", "flipped"), ("gregor.marks", "cut"), ("gregor.stamp", "garbage")):
            wait_for_text(broker.data / "gregor.marks", "state 0 ")
            broker.kill()
            path = broker.data / name
            text = path.read_bytes()
            path.write_bytes({"flipped": text[:-3] + bytes([text[-3] ^ 1]) + text[-2:], "cut": text[:len(text) // 2],
                              "garbage": VALUE}[damage])
            said = broker.log_path.stat().st_size
            broker.start()
            produce(broker, "state", [b"again"])
            values.append(b"again")
            expect_equal(broker.log_path.read_bytes()[said:].count(b"marks_ignored"), 1, f"lines about {damage} {name}")
        expect_equal(read_all(broker, "state"), (values, []), "records")


def peer_in_between() -> None:
    """Gregor, kill -9, the peer cuts a torn tail and appends, kill -9, Gregor: its marks are void."""
    with Broker("gregor", "restart") as broker:
        values = marked(broker, "between")
        broker.kill()
        with log_file(broker, "between").open("ab") as file:
            file.write(b"torn" * 25)
        broker.flavour = "peer"
        broker.start()
        theirs = [b"peer %d" % i for i in range(700)]
        produce(broker, "between", theirs)
        broker.kill()
        broker.flavour = "gregor"
        broker.start()
        expect("marks_are_void" in broker.log(200), f"the marks are trusted: {broker.log(40)}")
        values += theirs
        expect_equal(read_all(broker, "between"), (values, []), "records")
        produce(broker, "between", [b"again"])
        broker.kill()
        said = broker.log_path.stat().st_size
        broker.start()
        expect(b"marks_are_void" not in broker.log_path.read_bytes()[said:], f"its own marks are void: {broker.log(40)}")
        expect_equal(read_all(broker, "between"), (values + [b"again"], []), "records")


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--partitions", type=int, nargs="*", default=None)
    parser.add_argument("--gib", type=float, nargs="*", default=None)
    parser.add_argument("--limits", action="store_true")
    chosen = parser.parse_args()
    counts, sizes = ([2000, 10_000], [2.0]) if chosen.long else ([300], [0.2])
    limit_ms = READY_LIMIT_MS if chosen.limits else None
    report = Report("restart")
    if chosen.broker == "gregor":
        report.run("two flipped bits", flipped_bits)
        report.run("damaged state", damaged_state)
        report.run("the peer in between", peer_in_between)
    for count in counts if chosen.partitions is None else chosen.partitions:
        report.run(f"{count} partitions", many_partitions, chosen.broker, count, limit_ms)
    for gib in sizes if chosen.gib is None else chosen.gib:
        report.run(f"{gib} GiB", many_bytes, chosen.broker, gib, limit_ms)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
