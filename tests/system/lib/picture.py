"""What is seen of a broker, from outside: two pictures of one directory are equal whoever serves it."""

import hashlib
import re
import time
from collections import Counter

from confluent_kafka import OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from lib import peer_tool
from lib.fixture import Fixture
from lib.report import expect_equal

INTERNAL = ("__consumer_offsets", "__transaction_state", "__share_group_state")
LIMIT_S = 60
OF_THE_PEER = re.compile(r"Dynamic configs for group own-")  # a tool asks for the configs of the groups that it finds
SETTLING = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE)
KINDS = ("topics", "brokers", "groups", "client-metrics", "users", "clients", "ips")


def take(address: str, fixture: Fixture) -> dict[str, list]:
    """By what it shows, lines that can be compared."""
    return {"records": records(address, fixture, "read_uncommitted"),
            "committed records": records(address, fixture, "read_committed"),
            "offsets": offsets(address, fixture),
            **printed(address, fixture)}


def records(address: str, fixture: Fixture, isolation: str) -> list[tuple]:
    consumer = reader(address, isolation)
    places = [(topic, partition) for topic, count in sorted(fixture.partitions.items()) for partition in range(count)]
    bounds = {at: bounds_of(consumer, at) for at in places}
    digests, counts = {at: hashlib.sha256() for at in places}, Counter()
    for at, message in everything(consumer, places):
        counts[at] += 1
        digests[at].update(repr((message.offset(), message.timestamp(), message.key(), message.headers())).encode())
        digests[at].update(message.value() or b"")
    consumer.close()
    return [(*at, *bounds[at], counts[at], digests[at].hexdigest()) for at in places]


def bounds_of(consumer: Consumer, at: tuple[str, int]) -> tuple[int, int]:
    """As soon as the broker serves the partition: the peer does so a little after its controller has made the topic."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            return consumer.get_watermark_offsets(TopicPartition(*at), timeout=LIMIT_S)
        except KafkaException as error:
            if error.args[0].code() not in SETTLING or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def reader(address: str, isolation: str) -> Consumer:
    return Consumer({"bootstrap.servers": address, "group.id": "picture", "enable.auto.commit": False,
                     "isolation.level": isolation, "enable.partition.eof": True, "check.crcs": True,
                     "fetch.wait.max.ms": 10, "log_level": 0})


def everything(consumer: Consumer, places: list[tuple[str, int]]):
    """Every record of these partitions, with its place."""
    consumer.assign([TopicPartition(*at, OFFSET_BEGINNING) for at in places])
    open_ends = set(places)
    while open_ends:
        message = consumer.poll(LIMIT_S)
        if message is None:
            raise TimeoutError(f"{sorted(open_ends)} have no end")
        at = message.topic(), message.partition()
        if message.error():
            expect_equal(message.error().code(), KafkaError._PARTITION_EOF, f"end of {at}")
            open_ends.discard(at)
        else:
            yield at, message


def internals(address: str) -> dict[tuple[str, int], list]:
    """Every record of the internal topics, which only grow as long as nothing compacts them."""
    consumer = reader(address, "read_uncommitted")
    known = consumer.list_topics(timeout=LIMIT_S).topics
    places = [(topic, partition) for topic in INTERNAL if topic in known for partition in known[topic].partitions]
    seen = {at: [] for at in places}
    for at, message in everything(consumer, places):
        seen[at].append((message.offset(), message.key(), message.value()))
    consumer.close()
    return seen


def check_untouched(before: dict, after: dict) -> None:
    for at, old in before.items():
        expect_equal(after.get(at, [])[:len(old)], old, f"records of {at}")


def offsets(address: str, fixture: Fixture) -> list[tuple]:
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    seen = []
    for group in sorted(fixture.groups):
        found = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(60)
        seen += sorted((group, entry.topic, entry.partition, entry.offset, entry.metadata or "")
                       for entry in found.topic_partitions)
    return seen


def expected_offsets(fixture: Fixture) -> list[tuple]:
    return sorted((group, topic, partition, offset, metadata)
                  for group, known in fixture.groups.items()
                  for (topic, partition), (offset, metadata) in known.items())


def printed(address: str, fixture: Fixture) -> dict[str, list[str]]:
    """What the peer's tools say."""
    server = ("--bootstrap-server", address)
    calls = {"topics": ("topics", *server, "--describe", "--exclude-internal"),
             "groups": ("groups", *server, "--list", "--protocol", "consumer", "--group-type", "classic"),
             "transactions": ("transactions", *server, "list"),
             "features": ("features", *server, "describe")}
    calls |= {f"configs of {kind}": ("configs", *server, "--describe", "--entity-type", kind) for kind in KINDS}
    calls |= {f"transactional id {name}": ("transactions", *server, "describe", "--transactional-id", name)
              for name in sorted(fixture.transactional_ids)}
    return {name: lines(text) for name, text in zip(calls, peer_tool.run_many(list(calls.values())))}


def lines(text: str) -> list[str]:
    """Without what differs by nature: the order of lines and of settings, the epoch of the finalized features, ages."""
    text = re.sub(r"Epoch: \d+", "Epoch: N", text)
    text = re.sub(r"(\tComplete\w+ .*\t)\d+", r"\1AGE", text)
    text = re.sub(r"(?<=Configs: ).*", lambda found: ",".join(sorted(re.split(r",(?=[\w.]+=)", found[0]))), text)
    text = re.sub(r"(?<=' are ).*", lambda found: ", ".join(sorted(found[0].split(", "))), text)
    return sorted(line.rstrip() for line in text.splitlines() if line.strip() and not OF_THE_PEER.match(line))


def compare(before: dict, after: dict) -> None:
    for name, old in before.items():
        gone = [line for line in old if line not in after[name]]
        come = [line for line in after[name] if line not in old]
        expect_equal(come, gone, f"{name}: lines that are there now, instead of others")
