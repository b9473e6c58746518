"""confluent-kafka, the Python client on librdkafka: producer, consumer, groups and admin client."""

import threading
import time

from confluent_kafka import (OFFSET_BEGINNING, TIMESTAMP_CREATE_TIME, Consumer, ConsumerGroupTopicPartitions,
                             KafkaException, Producer, TopicPartition)
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType

from lib.report import expect, expect_equal

TOPIC = "confluent"
PATIENCE_S = 20


def produce(address: str, topic: str, messages: list[dict], **settings) -> list[int]:
    """Sends to partition 0; the offsets of the acknowledged messages in the order of sending."""
    answers = []

    def delivered(error, message):
        answers.append(error or message.offset())

    producer = Producer({"bootstrap.servers": address, **settings})
    for message in messages:
        producer.produce(topic, partition=0, on_delivery=delivered, **message)
        producer.poll(0)
    expect_equal(producer.flush(PATIENCE_S), 0, "messages not delivered")
    return answers


def read(consumer: Consumer, count: int, limit_s: float = PATIENCE_S) -> list:
    messages, deadline = [], time.monotonic() + limit_s
    while len(messages) < count and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is not None:
            expect(message.error() is None, f"consumer error: {message.error()}")
            messages.append(message)
    return messages


def consume(address: str, topic: str, count: int, **settings) -> list:
    consumer = Consumer({"bootstrap.servers": address, "group.id": f"{topic}-reader", "enable.auto.commit": False,
                         "check.crcs": True, **settings})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    messages = read(consumer, count)
    consumer.close()
    return messages


def codec(address: str, name: str) -> None:
    topic = f"{TOPIC}-codec-{name}"
    sent = [{"key": b"k%d" % i, "value": b"value %d " % i * 20, "headers": [("n", b"%d" % i), ("null", None)]}
            for i in range(500)]
    offsets = produce(address, topic, sent, **{"compression.type": name, "linger.ms": 20})
    expect_equal(offsets, list(range(500)), "offsets")
    seen = [{"key": message.key(), "value": message.value(), "headers": message.headers()}
            for message in consume(address, topic, len(sent))]
    expect_equal(seen, sent, "messages")


def idempotent(address: str) -> None:
    topic = f"{TOPIC}-idempotent"
    settings = {"enable.idempotence": True, "max.in.flight": 5, "batch.num.messages": 10, "linger.ms": 1}
    offsets = produce(address, topic, [{"value": b"%d" % i} for i in range(1000)], **settings)
    expect_equal(offsets, list(range(1000)), "offsets")
    expect_equal([message.value() for message in consume(address, topic, 1000)], [b"%d" % i for i in range(1000)],
                 "values")


def acks(address: str, level: str) -> None:
    topic = f"{TOPIC}-acks-{level}"
    produce(address, topic, [{"value": b"%d" % i} for i in range(50)], acks=level)
    expect_equal([message.value() for message in consume(address, topic, 50)], [b"%d" % i for i in range(50)], "values")


def empty_parts(address: str) -> None:
    sent = [(None, b"no key"), (b"no value", None), (b"", b""), (b"key", b"value")]
    produce(address, f"{TOPIC}-empty", [{"key": key, "value": value} for key, value in sent])
    seen = [(message.key(), message.value()) for message in consume(address, f"{TOPIC}-empty", len(sent))]
    expect_equal(seen, sent, "keys and values")


def seek_by_time(address: str) -> None:
    start, topic = 1_700_000_000_000, f"{TOPIC}-time"
    produce(address, topic, [{"value": b"%d" % i, "timestamp": start + i * 1000} for i in range(100)])
    consumer = Consumer({"bootstrap.servers": address, "group.id": topic})
    found = consumer.offsets_for_times([TopicPartition(topic, 0, start + 41_500)], timeout=PATIENCE_S)[0]
    expect_equal(found.offset, 42, "offset")
    consumer.assign([found])
    message = read(consumer, 1)[0]
    expect_equal((message.value(), message.timestamp()), (b"42", (TIMESTAMP_CREATE_TIME, start + 42_000)), "message")
    expect_equal(consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=PATIENCE_S), (0, 100), "watermarks")
    consumer.close()


class Member(threading.Thread):
    """A consumer of a group that polls until it is told to leave."""

    def __init__(self, address: str, group: str, topic: str, strategy: str, **settings):
        super().__init__(daemon=True)
        self.consumer = Consumer({"bootstrap.servers": address, "group.id": group, "auto.offset.reset": "earliest",
                                  "partition.assignment.strategy": strategy, "session.timeout.ms": 10_000,
                                  "heartbeat.interval.ms": 300, **settings})
        self.consumer.subscribe([topic])
        self.values: list[bytes] = []
        self.partitions: set[int] = set()
        self.leaving = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.leaving.is_set():
            message = self.consumer.poll(0.05)
            if message is not None and message.error() is None:
                self.values.append(message.value())
            self.partitions = {partition.partition for partition in self.consumer.assignment()}
        self.consumer.close()

    def leave(self) -> None:
        self.leaving.set()
        self.join(timeout=PATIENCE_S)


def wait_for(condition, what: str, limit_s: float = 30) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        expect(time.monotonic() < deadline, f"{what}: not within {limit_s} s")
        time.sleep(0.05)


def create(admin: AdminClient, topic: str, **settings) -> None:
    admin.create_topics([NewTopic(topic, **settings)])[topic].result(PATIENCE_S)


def group_of_two(address: str, strategy: str) -> None:
    group = topic = f"{TOPIC}-group-{strategy}"
    admin = AdminClient({"bootstrap.servers": address})
    create(admin, topic, num_partitions=4, replication_factor=1)
    producer = Producer({"bootstrap.servers": address})
    first = Member(address, group, topic, strategy)
    wait_for(lambda: first.partitions == {0, 1, 2, 3}, "one member has all partitions")
    second = Member(address, group, topic, strategy)
    wait_for(lambda: len(first.partitions) == len(second.partitions) == 2 and
             first.partitions | second.partitions == {0, 1, 2, 3}, "two members share the partitions")
    sent = [b"%d" % i for i in range(40)]
    for i, value in enumerate(sent):
        producer.produce(topic, value, partition=i % 4)
    producer.flush(PATIENCE_S)
    wait_for(lambda: len(first.values) + len(second.values) >= 40, "both together read everything")
    second.leave()
    wait_for(lambda: first.partitions == {0, 1, 2, 3}, "the one that stays has all partitions again")
    producer.produce(topic, b"last", partition=3)
    producer.flush(PATIENCE_S)
    wait_for(lambda: b"last" in first.values, "the last message arrives")
    described = admin.describe_consumer_groups([group])[group].result(PATIENCE_S)
    expect_equal((described.state.name, len(described.members)), ("STABLE", 1), "group")
    first.leave()
    expect_equal(sorted(first.values + second.values), sorted(sent + [b"last"]), "values, each once")


def static_member(address: str) -> None:
    """A static member that comes back keeps its partitions without a rebalance of the other."""
    group = topic = f"{TOPIC}-static"
    admin = AdminClient({"bootstrap.servers": address})
    create(admin, topic, num_partitions=2, replication_factor=1)
    settings = {"strategy": "range", "group.instance.id": "a"}
    first = Member(address, group, topic, **settings)
    wait_for(lambda: first.partitions == {0, 1}, "the static member has all partitions")
    first.leave()
    described = admin.describe_consumer_groups([group])[group].result(PATIENCE_S)
    expect_equal([member.group_instance_id for member in described.members], ["a"], "static members that stay")
    again = Member(address, group, topic, **settings)
    wait_for(lambda: again.partitions == {0, 1}, "the static member has all partitions again")
    again.leave()


def topics(address: str) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    topic = f"{TOPIC}-admin"
    create(admin, topic, num_partitions=3, replication_factor=1, config={"retention.ms": "1234567"})
    metadata = admin.list_topics(topic, timeout=PATIENCE_S).topics[topic]
    expect_equal(sorted((row.id, row.leader, row.replicas, row.isrs) for row in metadata.partitions.values()),
                 [(i, 1, [1], [1]) for i in range(3)], "partitions")
    for code, call in (("TOPIC_ALREADY_EXISTS", lambda: create(admin, topic, num_partitions=1)),
                       ("INVALID_REPLICATION_FACTOR", lambda: create(admin, f"{topic}-2", replication_factor=2)),
                       ("TOPIC_EXCEPTION", lambda: create(admin, "no spaces")),
                       ("UNKNOWN_TOPIC_OR_PART", lambda: admin.delete_topics(["no"])["no"].result(PATIENCE_S))):
        try:
            call()
            name = "no error"
        except KafkaException as error:
            name = error.args[0].name()
        expect_equal(name, code, "error")
    admin.create_partitions([NewPartitions(topic, 5)])[topic].result(PATIENCE_S)
    wait_for(lambda: len(admin.list_topics(topic).topics[topic].partitions) == 5, "five partitions")
    resource = ConfigResource(ResourceType.TOPIC, topic)
    values = admin.describe_configs([resource])[resource].result(PATIENCE_S)
    expect_equal((values["retention.ms"].value, values["cleanup.policy"].value), ("1234567", "delete"), "configs")
    admin.delete_topics([topic])[topic].result(PATIENCE_S)
    wait_for(lambda: topic not in admin.list_topics().topics, "the topic is gone")


def list_offsets(address: str) -> None:
    topic = f"{TOPIC}-list"
    produce(address, topic, [{"value": b"%d" % i, "timestamp": 1_700_000_000_000 + (i * 7) % 10} for i in range(10)])
    admin = AdminClient({"bootstrap.servers": address})
    partition = TopicPartition(topic, 0)
    seen = []
    for spec in (OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.max_timestamp()):
        seen.append(admin.list_offsets({partition: spec})[partition].result(PATIENCE_S).offset)
    expect_equal(seen, [0, 10, 7], "earliest, latest, offset of the largest time")


def commit_half(address: str) -> None:
    topic = f"{TOPIC}-restart"
    produce(address, topic, [{"value": b"%d" % i} for i in range(10)])
    consumer = Consumer({"bootstrap.servers": address, "group.id": topic, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False})
    consumer.subscribe([topic])
    expect_equal([message.value() for message in read(consumer, 5)], [b"%d" % i for i in range(5)], "the first five")
    consumer.commit(offsets=[TopicPartition(topic, 0, 5, metadata="half")], asynchronous=False)
    consumer.close()


def resume(address: str) -> None:
    topic = f"{TOPIC}-restart"
    consumer = Consumer({"bootstrap.servers": address, "group.id": topic, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False})
    consumer.subscribe([topic])
    expect_equal([message.value() for message in read(consumer, 5)], [b"%d" % i for i in range(5, 10)],
                 "the other five")
    consumer.close()
    admin = AdminClient({"bootstrap.servers": address})  # only now: it crashes on a coordinator that still loads
    offsets = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(topic)])[topic].result(PATIENCE_S)
    expect_equal([(row.topic, row.partition, row.offset, row.metadata) for row in offsets.topic_partitions],
                 [(topic, 0, 5, "half")], "committed offsets")


CASES = [
    *[(f"codec {name}", codec, name) for name in ("none", "gzip", "snappy", "lz4", "zstd")],
    ("idempotent producer", idempotent),
    *[(f"acks {level}", acks, level) for level in ("0", "1", "all")],
    ("null and empty keys and values", empty_parts),
    ("seek by time", seek_by_time),
    *[(f"group of two, {strategy}", group_of_two, strategy) for strategy in ("range", "cooperative-sticky")],
    ("static member", static_member),
    ("topics and configs", topics),
    ("list offsets", list_offsets),
]
BEFORE_RESTART = [("commit, then restart", commit_half)]
AFTER_RESTART = [("resume after the restart", resume)]
