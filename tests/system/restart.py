#!/usr/bin/env python3
"""A restart after kill -9. How long it takes: until the first Metadata answer, and until a record in a partition nobody
used is acknowledged, with many partitions and with many bytes; and what partitions cost that nobody uses. What it trusts:
its own marks, unless Kafka was there in between; no flipped bit. The limits of time and memory hold for the release build
on a quiet machine: --limits checks them."""

import random
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lib import options, wire
from lib.broker import Broker
from lib.report import Report, expect, expect_equal, say

PER_TOPIC = 1000
VALUE = random.Random(1).randbytes(100_000)
READY_LIMIT_MS = 300
MANY_READY_LIMIT_MS = 2000
RSS_LIMIT_MIB = {10_000: 40, 100_000: 256}
OPEN_FILES_LIMIT = 200


def topic_of(number: int) -> str:
    return f"restart-{number}"


def create_partitions(broker: Broker, count: int) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0, "socket.timeout.ms": 300_000})
    for number in range((count + PER_TOPIC - 1) // PER_TOPIC):
        size = min(PER_TOPIC, count - number * PER_TOPIC)
        made = admin.create_topics([NewTopic(topic_of(number), size)], operation_timeout=300, request_timeout=300)
        made[topic_of(number)].result(600)


def ready_ms(broker: Broker) -> float:
    """From the start of the process to a Metadata answer that names the broker."""
    began = time.monotonic()
    broker.start(wait=False)
    while wire.broker_count(broker.port) == 0:
        expect(broker.is_alive() and time.monotonic() - began < 120, f"no start:\n{broker.log()}")
        time.sleep(0.001)
    return (time.monotonic() - began) * 1000


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


def open_files(broker: Broker) -> int:
    return len(list(Path(f"/proc/{broker.process.pid}/fd").iterdir()))


def restart(broker: Broker, what: str, topic: str, partition: int, limit_ms: float | None) -> None:
    broker.kill()
    ready = ready_ms(broker)
    began_files, began_mib = open_files(broker), broker.status_kib() / 1024
    first = acknowledge(broker, topic, partition)
    say(f"{what}: ready after {ready:.0f} ms with {began_mib:.0f} MiB and {began_files} open files, a record in a "
        f"partition nobody used acknowledged {first:.0f} ms later")
    expect(limit_ms is None or ready <= limit_ms, f"ready after {ready:.0f} ms, limit {limit_ms} ms")


def settle(broker: Broker, seconds: float) -> None:
    """Until the checks behind the start are over; then what the idle partitions cost."""
    deadline = time.monotonic() + seconds
    while "recovery_finished" not in broker.log(2000) and time.monotonic() < deadline:
        time.sleep(0.5)
    time.sleep(2)


def many_partitions(count: int, limited: bool) -> None:
    with Broker("gregor", "restart", num__io__threads=2) as broker:
        create_partitions(broker, count)
        chance = random.Random(count)
        place = [(topic_of(i // PER_TOPIC), i % PER_TOPIC) for i in chance.sample(range(count), 20)]
        for topic, partition in place[:10]:
            acknowledge(broker, topic, partition)
        limit = MANY_READY_LIMIT_MS if count > 10_000 else READY_LIMIT_MS
        for topic, partition in place[8:11]:
            restart(broker, f"{count} partitions", topic, partition, limit if limited else None)
        settle(broker, 300)
        mib, files = broker.status_kib() / 1024, open_files(broker)
        say(f"{count} partitions, idle: {mib:.0f} MiB, {files} open files")
        expect(not limited or mib <= RSS_LIMIT_MIB.get(count, 1e9), f"{mib:.0f} MiB")
        expect(files <= OPEN_FILES_LIMIT, f"{files} open files")


def many_bytes(gib: float, limited: bool) -> None:
    with Broker("gregor", "restart", gregor__ack__durability="page_cache") as broker:
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
            restart(broker, f"{gib} GiB", "bytes", partition, READY_LIMIT_MS if limited else None)
        consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "restart", "log_level": 0})
        for partition in range(4):
            end = consumer.get_watermark_offsets(TopicPartition("bytes", partition), timeout=60)[1]
            expect_equal(end, sent[partition] + (partition < 2), f"end of partition {partition}")
        consumer.close()


# ---------------------------------------------------------------- what it trusts

def produce(broker: Broker, topic: str, values: list[bytes], batch: int = 1000) -> None:
    producer = Producer({"bootstrap.servers": broker.address, "acks": "all", "linger.ms": 50, "log_level": 0,
                         "batch.num.messages": batch})
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


def wait_for_text(path: Path, text: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists() or text not in path.read_text():
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


def flipped_bits() -> None:
    """One below the mark is found in the background and never served; one in the tail is cut off."""
    values = [b"%06d" % i + b"x" * 20_000 for i in range(50)]
    with Broker("gregor", "restart", gregor__partition__idle__ms=500) as broker:
        create(broker, "bits")
        for value in values:
            produce(broker, "bits", [value])
        wait_for_text(broker.data / "gregor.marks", "bits 0 ")
        produce(broker, "bits", [b"tail" * 5_000])
        broker.kill()
        path = log_file(broker, "bits")
        flip(path, path.stat().st_size - 100)
        flip(path, 10 * 20_100)
        broker.start()
        settle(broker, 60)
        wait_for_text(broker.log_path, "background_check_finished")
        text = broker.log_path.read_text()
        expect("log_tail_cut" in text, f"no word of the tail: {broker.log(40)}")
        expect("durable_records_damaged" in text, f"no word of the damage: {broker.log(40)}")
        read, errors = read_all(broker, "bits", seconds=5)
        expect(0 < len(read) < 20 and read == values[:len(read)], f"{len(read)} records, {errors}")
        after, errors = read_all(broker, "bits", len(read) + 1)
        expect_equal((after, errors), (values[len(read) + 1:], []), "what lies behind the damage")


def peer_in_between() -> None:
    """Gregor, kill -9, the peer cuts a torn tail and appends, kill -9, Gregor: its marks are void."""
    with Broker("gregor", "restart", gregor__partition__idle__ms=500) as broker:
        create(broker, "between")
        ours = [b"gregor %d" % i for i in range(500)]
        produce(broker, "between", ours, batch=10)
        wait_for_text(broker.data / "gregor.marks", "between 0 ")
        broker.kill()
        with log_file(broker, "between").open("ab") as file:
            file.write(b"torn" * 25)
        broker.flavour = "peer"
        broker.start()
        theirs = [b"peer %d" % i for i in range(700)]
        produce(broker, "between", theirs, batch=10)
        broker.kill()
        broker.flavour = "gregor"
        broker.start()
        expect("marks_are_void" in broker.log(200), f"the marks are trusted: {broker.log(40)}")
        expect_equal(read_all(broker, "between"), (ours + theirs, []), "records")
        produce(broker, "between", [b"again"])
        broker.kill()
        broker.start()
        expect_equal(read_all(broker, "between"), (ours + theirs + [b"again"], []), "records")


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--partitions", type=int, nargs="*", default=None)
    parser.add_argument("--gib", type=float, nargs="*", default=None)
    parser.add_argument("--limits", action="store_true")
    parser.add_argument("--peer", action="store_true", help="with the peer between two kills, as --long has it")
    chosen = parser.parse_args()
    counts, sizes = ([2000, 10_000], [2.0]) if chosen.long else ([300], [0.2])
    report = Report("restart")
    report.run("two flipped bits", flipped_bits)
    if chosen.peer or chosen.long:
        report.run("the peer in between", peer_in_between)
    for count in counts if chosen.partitions is None else chosen.partitions:
        report.run(f"{count} partitions", many_partitions, count, chosen.limits)
    for gib in sizes if chosen.gib is None else chosen.gib:
        report.run(f"{gib} GiB", many_bytes, gib, chosen.limits)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
