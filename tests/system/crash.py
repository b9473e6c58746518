#!/usr/bin/env python3
"""A broker that dies at random moments, under load of several clients: whatever was acknowledged is there, as it was
sent, in the order of its writer, and nothing twice; committed offsets are never beyond what was read and never go
back. Moments and signals come from a seed."""

import random
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lib import options
from lib.broker import Broker
from lib.loads import (PROBE, ConfluentReader, ConfluentWriter, JavaWriter, PythonReader, PythonWriter, Reader, Writer,
                       number_of)
from lib.report import Report, expect, expect_equal, say

TOPIC, JAVA_TOPIC = "crash", "crash-java"
PARTITIONS = 3
ROUNDS, ROUNDS_LONG = 10, 100
CLEAN_MARKER = ".kafka_cleanshutdown"
JAVA_PER_SECOND = 100
PROGRESS_LIMIT_S = 60


class Campaign:
    def __init__(self, broker: Broker, seed: int, with_java: bool):
        self.broker, self.chance = broker, random.Random(seed)
        address = broker.address
        self.admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
        topics = [NewTopic(name, PARTITIONS, config={"segment.bytes": "1048576"}) for name in (TOPIC, JAVA_TOPIC)]
        for made in self.admin.create_topics(topics).values():
            made.result(30)
        self.writers: list[Writer] = [
            ConfluentWriter(address, identity, TOPIC, PARTITIONS, codec)
            for identity, codec in enumerate(("none", "lz4", "zstd"))] + [PythonWriter(address, 3, TOPIC, PARTITIONS)]
        self.readers: list[Reader] = [ConfluentReader(address, "confluent", TOPIC),
                                      PythonReader(address, "python", TOPIC)]
        self.java = JavaWriter(address, JAVA_TOPIC, JAVA_PER_SECOND) if with_java else None
        self.signals = {"SIGKILL": 0, "SIGTERM": 0, "SIGKILL while starting": 0}

    def start(self) -> None:
        for thread in (*self.writers, *self.readers):
            thread.start()

    def wait_for_readers(self) -> None:
        """Where there are few rounds, the groups must be there before the first."""
        deadline = time.monotonic() + PROGRESS_LIMIT_S
        while late := [reader for reader in self.readers if not reader.committed]:
            expect(time.monotonic() < deadline, f"no commit in {PROGRESS_LIMIT_S} s: "
                                                f"{[(reader.group, reader.records, reader.last_error) for reader in late]}")
            time.sleep(0.05)

    # ---------------------------------------------------------------- rounds

    def acknowledged(self) -> int:
        writers = self.writers + ([self.java] if self.java else [])
        return sum(writer.acknowledged_count() for writer in writers)

    def round(self) -> None:
        """Every writer gets something acknowledged, then the broker dies, and starts again."""
        before = [writer.acknowledged_count() for writer in self.writers]
        deadline = time.monotonic() + PROGRESS_LIMIT_S
        time.sleep(self.chance.uniform(0, 1.2))
        while any(writer.acknowledged_count() == count for writer, count in zip(self.writers, before)):
            expect(self.broker.is_alive(), f"the broker has stopped by itself:\n{self.broker.log()}")
            late = [writer.identity for writer, count in zip(self.writers, before)
                    if writer.acknowledged_count() == count]
            expect(time.monotonic() < deadline, f"writers {late} got no answer for {PROGRESS_LIMIT_S} s: "
                                                f"{[self.writers[i].errors[:2] for i in late]}")
            time.sleep(0.01)
        self.stop()
        if self.chance.random() < 0.2:
            self.signals["SIGKILL while starting"] += 1
            self.broker.start(wait=False)
            time.sleep(self.chance.uniform(0, 0.2))
            self.broker.kill()
        self.broker.start()

    def stop(self) -> None:
        if self.chance.random() < 0.3:
            self.signals["SIGTERM"] += 1
            expect_equal(self.broker.stop(), {"gregor": 0, "peer": 143}[self.broker.flavour], "exit code after SIGTERM")
        else:
            self.signals["SIGKILL"] += 1
            self.broker.kill()

    def finish(self) -> None:
        for thread in (*self.writers, *self.readers):
            thread.stopping.set()
        for load in (*self.writers, *self.readers, *([self.java] if self.java else [])):
            load.finish()

    # ---------------------------------------------------------------- what must hold

    def verify_writers(self) -> None:
        for writer in self.writers:
            expect(not writer.errors, f"writer {writer.identity}: {len(writer.errors)} errors, {writer.errors[:3]}")
        for partition in range(PARTITIONS):
            seen: dict[int, list[int]] = {writer.identity: [] for writer in self.writers}
            for value in read_partition(self.broker.address, TOPIC, partition):
                identity, of_partition, number = number_of(value)
                expect_equal(of_partition, partition, "partition of a record")
                if identity == PROBE:
                    continue
                seen[identity].append(number)
            for writer in self.writers:
                check_numbers(f"partition {partition}, writer {writer.identity}", seen[writer.identity],
                              writer.acknowledged[partition])

    def verify_java(self) -> None:
        expect(self.java.acknowledged, "nothing was acknowledged")
        logs = [read_partition(self.broker.address, JAVA_TOPIC, partition) for partition in range(PARTITIONS)]
        for value, (partition, offset) in self.java.acknowledged.items():
            expect(offset < len(logs[partition]), f"acknowledged record {value} at {partition}:{offset} is lost")
            expect_equal(logs[partition][offset].decode(), value, f"value of {partition}:{offset}")
        for partition, values in enumerate(logs):
            numbers = [int(value) for value in values]
            expect_equal(len(numbers), len(set(numbers)), f"different records of partition {partition}")

    def verify_reader(self, reader: Reader) -> None:
        expect(not reader.errors, f"{len(reader.errors)} errors, the first: {reader.errors[:3]}")
        expect(reader.records > 0 and reader.committed, "it has read or committed nothing")
        asked = ConsumerGroupTopicPartitions(reader.group, [TopicPartition(TOPIC, partition)
                                                            for partition in range(PARTITIONS)])
        found = self.admin.list_consumer_group_offsets([asked])[reader.group].result(30)
        for entry in found.topic_partitions:
            low, high = reader.committed.get(entry.partition, 0), reader.read_to.get(entry.partition, 0)
            expect(low <= max(entry.offset, 0) <= high, f"partition {entry.partition}: the committed offset is "
                                                        f"{entry.offset}, acknowledged {low}, read up to {high}")


def check_numbers(what: str, numbers: list[int], acknowledged: set[int]) -> None:
    lost = acknowledged - set(numbers)
    expect(not lost, f"{what}: {len(lost)} acknowledged records are lost, the first {sorted(lost)[:3]}")
    expect(len(numbers) == len(set(numbers)), f"{what}: {len(numbers) - len(set(numbers))} records twice")
    expect(numbers == sorted(numbers), f"{what}: the order is broken")
    expect_equal(len(numbers), len(acknowledged), f"{what}: records in the log and acknowledged ones")


def read_partition(address: str, topic: str, partition: int) -> list[bytes]:
    """Every value, in the order of the log, whose offsets have no gap."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "verifier", "enable.auto.commit": False,
                         "check.crcs": True, "log_level": 0})
    end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)[1]
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
    values: list[bytes] = []
    deadline = time.monotonic() + 60
    while len(values) < end:
        expect(time.monotonic() < deadline, f"{topic}-{partition} ends at {end}, read only up to {len(values)}")
        for message in consumer.consume(1000, timeout=1):
            expect_equal((message.error(), message.offset()), (None, len(values)), "error and offset")
            values.append(message.value())
    consumer.close()
    return values


def rounds(campaign: Campaign, count: int) -> None:
    try:
        campaign.start()
        for number in range(count):
            campaign.round()
            say(f"round {number + 1} of {count}: {campaign.acknowledged()} records acknowledged")
    finally:
        campaign.finish()
    say(f"{campaign.signals}; readers saw {[reader.records for reader in campaign.readers]} records")


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
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS}, with --long {ROUNDS_LONG}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--java", action="store_true", help="with the Java producer, as --long has it")
    chosen = parser.parse_args()
    count = chosen.rounds or (ROUNDS_LONG if chosen.long else ROUNDS)
    report = Report("crash")
    with Broker(chosen.broker, "crash") as broker:
        campaign = Campaign(broker, chosen.seed, with_java=chosen.java or chosen.long)
        report.run(f"{count} deaths under load, seed {chosen.seed}", rounds, campaign, count)
        report.run("every acknowledged record is there, in order, once", campaign.verify_writers)
        if campaign.java:
            report.run("every record that Java was told of is where it was told", campaign.verify_java)
        for reader in campaign.readers:
            report.run(f"what group {reader.group} read and committed", campaign.verify_reader, reader)
        report.run("SIGTERM leaves a clean marker", clean_stop, broker)
        if report.failed:
            print(broker.log(40))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
