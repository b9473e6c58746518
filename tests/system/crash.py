#!/usr/bin/env python3
"""kill -9 under load, again and again: whatever was acknowledged is there, in the order of its producer, and nothing
twice. Then a SIGTERM, which leaves the clean marker."""

import random
import struct
import sys
import threading
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lib import options
from lib.broker import Broker
from lib.report import Report, expect, expect_equal, say

TOPIC = "crash"
PARTITIONS = 3
PRODUCERS = 3
KILLS, KILLS_LONG = 5, 20
CLEAN_MARKER = ".kafka_cleanshutdown"
LAST_ACK_LIMIT_S = 60
WAITING_MAX = 3000  # messages of a producer without an answer


class Load(threading.Thread):
    """An idempotent producer that numbers its messages; each partition has its own sequence of numbers."""

    def __init__(self, address: str, identity: int):
        super().__init__(daemon=True)
        self.identity = identity
        self.acknowledged: list[set[int]] = [set() for _ in range(PARTITIONS)]
        self.next = [0] * PARTITIONS
        self.errors: list[str] = []
        self.stopping = threading.Event()
        self.random = random.Random(identity)
        self.producer = Producer({
            "bootstrap.servers": address, "enable.idempotence": True, "acks": "all", "linger.ms": 1,
            "batch.num.messages": 50, "message.timeout.ms": 120_000, "retry.backoff.ms": 50,
            "reconnect.backoff.max.ms": 200, "compression.type": ("none", "lz4", "zstd")[identity % 3], "log_level": 0,
            "error_cb": lambda error: None})
        self.start()

    def run(self) -> None:
        while not self.stopping.is_set():
            if len(self.producer) < WAITING_MAX:
                partition = self.random.randrange(PARTITIONS)
                self.send(partition, self.next[partition])
                self.next[partition] += 1
            self.producer.poll(0.0005)
        remaining = self.producer.flush(LAST_ACK_LIMIT_S)
        if remaining:
            self.errors.append(f"{remaining} messages never answered")

    def send(self, partition: int, number: int) -> None:
        value = struct.pack(">iq", self.identity, number) + self.random.randbytes(number % 700)

        def answered(error: KafkaError | None, _) -> None:
            if error is None:
                self.acknowledged[partition].add(number)
            else:
                self.errors.append(f"partition {partition}, number {number}: {error}")

        self.producer.produce(TOPIC, value, partition=partition, on_delivery=answered)

    def acknowledged_count(self) -> int:
        return sum(len(numbers) for numbers in self.acknowledged)


def read_partition(address: str, partition: int) -> dict[int, list[int]]:
    """The numbers of each producer in the order of the log."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader", "enable.auto.commit": False,
                         "check.crcs": True, "log_level": 0})
    end = consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), timeout=30)[1]
    consumer.assign([TopicPartition(TOPIC, partition, OFFSET_BEGINNING)])
    seen: dict[int, list[int]] = {identity: [] for identity in range(PRODUCERS)}
    offset, deadline = 0, time.monotonic() + 60
    while offset < end:
        expect(time.monotonic() < deadline, f"partition {partition} ends at {end}, read only up to {offset}")
        for message in consumer.consume(1000, timeout=1):
            expect_equal((message.error(), message.offset()), (None, offset), "error and offset")
            identity, number = struct.unpack(">iq", message.value()[:12])
            expect_equal(len(message.value()) - 12, number % 700, "length of a value")
            seen[identity].append(number)
            offset += 1
    consumer.close()
    return seen


def verify(address: str, loads: list[Load]) -> None:
    for partition in range(PARTITIONS):
        seen = read_partition(address, partition)
        for load in loads:
            numbers = seen[load.identity]
            lost = load.acknowledged[partition] - set(numbers)
            what = f"partition {partition}, producer {load.identity}"
            expect(not lost, f"{what}: {len(lost)} acknowledged records are lost, the first {sorted(lost)[:3]}")
            expect(len(numbers) == len(set(numbers)), f"{what}: {len(numbers) - len(set(numbers))} records twice")
            expect(numbers == sorted(numbers), f"{what}: the order is broken")


def kill_under_load(broker: Broker, loads: list[Load], chance: random.Random) -> None:
    before = sum(load.acknowledged_count() for load in loads)
    time.sleep(chance.uniform(0.4, 1.2))
    while sum(load.acknowledged_count() for load in loads) < before + 100:
        expect(broker.is_alive(), f"the broker has stopped by itself:\n{broker.log()}")
        time.sleep(0.01)
    broker.kill()
    broker.start()


def kills(broker: Broker, count: int) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, config={"segment.bytes": "1048576"})])[TOPIC].result(30)
    loads = [Load(broker.address, identity) for identity in range(PRODUCERS)]
    chance = random.Random(1)
    for number in range(count):
        kill_under_load(broker, loads, chance)
        say(f"kill {number + 1} of {count}: {sum(load.acknowledged_count() for load in loads)} records acknowledged")
    for load in loads:
        load.stopping.set()
    for load in loads:
        load.join()
        expect(not load.errors, f"producer {load.identity}: {len(load.errors)} errors, the first: {load.errors[:3]}")
    verify(broker.address, loads)


def clean_stop(broker: Broker) -> None:
    marker = broker.data / CLEAN_MARKER
    expect(not marker.exists(), "a running broker has the clean marker")
    broker.stop()
    expect(marker.exists(), "SIGTERM left no clean marker")
    broker.start()
    expect(not marker.exists(), "a running broker has the clean marker")
    broker.kill()
    expect(not marker.exists(), "SIGKILL left a clean marker")


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--kills", type=int, help=f"{KILLS}, with --long {KILLS_LONG}")
    chosen = parser.parse_args()
    count = chosen.kills or (KILLS_LONG if chosen.long else KILLS)
    report = Report("crash")
    with Broker(chosen.broker, "crash") as broker:
        report.run(f"kill -9 under load, {count} times", kills, broker, count)
        report.run("SIGTERM leaves a clean marker", clean_stop, broker)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
