"""kafka-python: producer, consumer, groups and admin client."""

import threading
import time
from itertools import islice

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import (InvalidTopicError, MessageSizeTooLargeError, TopicAlreadyExistsError,
                          UnknownTopicOrPartitionError)

from lib.report import expect, expect_equal

TOPIC = "kafka-python"


def produce(address: str, topic: str, messages: list[dict], **settings) -> list:
    producer = KafkaProducer(bootstrap_servers=address, **settings)
    try:
        pending = [producer.send(topic, **message) for message in messages]
        return [future.get(timeout=20) for future in pending]
    finally:
        producer.close(timeout=10)


def consume(address: str, topic: str, count: int, **settings) -> list:
    """The first `count` messages of a topic's only partition."""
    consumer = KafkaConsumer(bootstrap_servers=address, consumer_timeout_ms=15_000, **settings)
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        return [message for message in islice(consumer, count)]
    finally:
        consumer.close()


def codec(address: str, name: str | None) -> None:
    topic = f"{TOPIC}-codec-{name}"
    sent = [{"key": b"k%d" % i, "value": b"value %d " % i * 20, "headers": [("n", b"%d" % i), ("n", b"twice")]}
            for i in range(200)]
    stored = produce(address, topic, sent, compression_type=name, linger_ms=20)
    expect_equal([place.offset for place in stored], list(range(200)), "offsets")
    seen = [{"key": message.key, "value": message.value, "headers": list(message.headers)}
            for message in consume(address, topic, len(sent))]
    expect_equal(seen, sent, "messages")


def acks(address: str, level) -> None:
    topic = f"{TOPIC}-acks-{level}"
    produce(address, topic, [{"value": b"%d" % i} for i in range(50)], acks=level, enable_idempotence=False)
    expect_equal([message.value for message in consume(address, topic, 50)], [b"%d" % i for i in range(50)], "values")


def empty_parts(address: str) -> None:
    sent = [(None, b"no key"), (b"no value", None), (b"", b""), (b"key", b"value")]
    produce(address, f"{TOPIC}-empty", [{"key": key, "value": value} for key, value in sent])
    seen = consume(address, f"{TOPIC}-empty", len(sent))
    expect_equal([(message.key, message.value) for message in seen], sent, "keys and values")
    expect_equal([list(message.headers) for message in seen], [[]] * len(sent), "headers")


def large_message(address: str) -> None:
    produce(address, f"{TOPIC}-large", [{"value": b"L" * 1_000_000}], max_request_size=4_000_000)
    expect_equal(len(consume(address, f"{TOPIC}-large", 1)[0].value), 1_000_000, "length")
    try:
        produce(address, f"{TOPIC}-large", [{"value": b"L" * 3_000_000}], max_request_size=4_000_000)
    except MessageSizeTooLargeError:
        return
    expect(False, "a message over max.message.bytes was accepted")


def seek_by_time(address: str) -> None:
    start = 1_700_000_000_000
    topic = f"{TOPIC}-time"
    produce(address, topic, [{"value": b"%d" % i, "timestamp_ms": start + i * 1000} for i in range(100)])
    consumer = KafkaConsumer(bootstrap_servers=address, consumer_timeout_ms=15_000)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    found = consumer.offsets_for_times({partition: start + 41_500})[partition]
    expect_equal((found.offset, found.timestamp), (42, start + 42_000), "offset and time")
    expect_equal(consumer.offsets_for_times({partition: start + 100_000})[partition], None, "beyond the end")
    consumer.seek(partition, found.offset)
    expect_equal(next(consumer).value, b"42", "value")
    expect_equal((consumer.beginning_offsets([partition])[partition], consumer.end_offsets([partition])[partition]),
                 (0, 100), "first and last offset")
    consumer.close()


class Member(threading.Thread):
    """A consumer of a group that polls until it is told to leave."""

    def __init__(self, address: str, group: str, topic: str, assignor):
        super().__init__(daemon=True)
        self.consumer = KafkaConsumer(topic, bootstrap_servers=address, group_id=group, auto_offset_reset="earliest",
                                      partition_assignment_strategy=[assignor], session_timeout_ms=10_000,
                                      heartbeat_interval_ms=300, auto_commit_interval_ms=200)
        self.values: list[bytes] = []
        self.partitions: set[int] = set()
        self.leaving = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.leaving.is_set():
            for messages in self.consumer.poll(timeout_ms=100).values():
                self.values += [message.value for message in messages]
            self.partitions = {partition.partition for partition in self.consumer.assignment()}
        self.consumer.close()

    def leave(self) -> None:
        self.leaving.set()
        self.join(timeout=20)


def wait_for(condition, what: str, limit_s: float = 30) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        expect(time.monotonic() < deadline, f"{what}: not within {limit_s} s")
        time.sleep(0.05)


def group_of_two(address: str, assignor) -> None:
    group = topic = f"{TOPIC}-group-{assignor.name}"
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics({topic: {"num_partitions": 4, "replication_factor": 1}}, wait_for_metadata=True)
    producer = KafkaProducer(bootstrap_servers=address)
    first = Member(address, group, topic, assignor)
    wait_for(lambda: first.partitions == {0, 1, 2, 3}, "one member has all partitions")
    second = Member(address, group, topic, assignor)
    wait_for(lambda: len(first.partitions) == len(second.partitions) == 2 and
             first.partitions | second.partitions == {0, 1, 2, 3}, "two members share the partitions")
    sent = [b"%d" % i for i in range(40)]
    for i, value in enumerate(sent):
        producer.send(topic, value, partition=i % 4)
    producer.flush(timeout=10)
    wait_for(lambda: len(first.values) + len(second.values) >= 40, "both together read everything")
    expect(len(first.values) == len(second.values) == 20, f"{len(first.values)} and {len(second.values)} messages read")
    second.leave()
    wait_for(lambda: first.partitions == {0, 1, 2, 3}, "the one that stays has all partitions again")
    producer.send(topic, b"last", partition=3)
    producer.close(timeout=10)
    wait_for(lambda: b"last" in first.values + second.values, "the last message arrives")
    described = admin.describe_groups([group])[group]
    expect_equal((described["group_state"], len(described["members"])), ("Stable", 1), "group")
    first.leave()
    expect_equal(sorted(first.values + second.values), sorted(sent + [b"last"]), "values, each once")
    admin.close()


def topics(address: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=address)
    topic = f"{TOPIC}-admin"
    admin.create_topics({topic: {"num_partitions": 3, "replication_factor": 1, "configs": {"retention.ms": "1234567"}}},
                        wait_for_metadata=True)
    expect(topic in admin.list_topics(), "the new topic is not listed")
    described = admin.describe_topics([topic])[0]
    expect_equal([(row["partition_index"], row["leader_id"], row["replica_nodes"], row["isr_nodes"])
                  for row in sorted(described["partitions"], key=lambda row: row["partition_index"])],
                 [(i, 1, [1], [1]) for i in range(3)], "partitions")
    for error, call in ((TopicAlreadyExistsError, lambda: admin.create_topics({topic: {}})),
                        (InvalidTopicError, lambda: admin.create_topics({"no spaces": {}})),
                        (UnknownTopicOrPartitionError, lambda: admin.delete_topics(["nowhere"]))):
        try:
            call()
        except error:
            continue
        expect(False, f"{error.__name__} was expected")
    admin.create_partitions({topic: 5})
    wait_for(lambda: len(admin.describe_topics([topic])[0]["partitions"]) == 5, "five partitions")
    admin.delete_topics([topic])
    wait_for(lambda: topic not in admin.list_topics(), "the topic is gone")
    admin.close()


def configs(address: str) -> None:
    from kafka.admin import ConfigResource, ConfigResourceType

    admin = KafkaAdminClient(bootstrap_servers=address)
    topic = f"{TOPIC}-configs"
    admin.create_topics({topic: {"configs": {"retention.ms": "7654321"}}}, wait_for_metadata=True)
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    described = admin.describe_configs([resource], config_filter="all")
    values = described["topic"][topic]
    expect_equal((values["retention.ms"]["value"], values["cleanup.policy"]["value"], values["segment.bytes"]["value"]),
                 ("7654321", "delete", "1073741824"), "values of configs")
    admin.close()


def groups(address: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=address)
    topic, group = f"{TOPIC}-offsets", f"{TOPIC}-offsets"
    commit_half(address, topic, group)
    expect(group in [row["group_id"] for row in admin.list_groups()], "the group is not listed")
    expect_equal(committed(address, topic, group), 5, "committed offset")
    admin.delete_groups([group])
    expect(group not in [row["group_id"] for row in admin.list_groups()], "the deleted group is listed")
    admin.close()


def commit_half(address: str, topic: str = f"{TOPIC}-restart", group: str = f"{TOPIC}-restart") -> None:
    """Writes ten messages and commits behind the fifth."""
    produce(address, topic, [{"value": b"%d" % i} for i in range(10)])
    consumer = KafkaConsumer(topic, bootstrap_servers=address, group_id=group, auto_offset_reset="earliest",
                             enable_auto_commit=False, consumer_timeout_ms=15_000)
    seen = [message.value for message in islice(consumer, 5)]
    expect_equal(seen, [b"%d" % i for i in range(5)], "the first five")
    consumer.commit({TopicPartition(topic, 0): OffsetAndMetadata(5, "half", -1)})
    consumer.close()


def committed(address: str, topic: str, group: str):
    consumer = KafkaConsumer(bootstrap_servers=address, group_id=group)
    offset = consumer.committed(TopicPartition(topic, 0))
    consumer.close()
    return offset


def resume(address: str) -> None:
    """Offsets and messages outlive the broker's restart."""
    topic = f"{TOPIC}-restart"
    expect_equal(committed(address, topic, topic), 5, "committed offset")
    consumer = KafkaConsumer(topic, bootstrap_servers=address, group_id=topic, auto_offset_reset="earliest",
                             consumer_timeout_ms=15_000)
    seen = [message.value for message in islice(consumer, 5)]
    expect_equal(seen, [b"%d" % i for i in range(5, 10)], "the other five")
    consumer.close()


CASES = [
    *[(f"codec {name}", codec, name) for name in (None, "gzip", "snappy", "lz4", "zstd")],
    *[(f"acks {level}", acks, level) for level in (0, 1, "all")],
    ("null and empty keys and values", empty_parts),
    ("large messages", large_message),
    ("seek by time", seek_by_time),
    ("group of two, eager", group_of_two, RangePartitionAssignor),
    ("group of two, cooperative", group_of_two, CooperativeStickyAssignor),
    ("topics", topics),
    ("configs", configs),
    ("groups", groups),
]
BEFORE_RESTART = [("commit, then restart", commit_half)]
AFTER_RESTART = [("resume after the restart", resume)]
