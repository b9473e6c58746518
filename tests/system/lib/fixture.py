"""A data directory's content, made from a seed: what is written into a broker of either flavour, at first and in each later turn,
through stock clients and the peer's tools. It remembers what must be found again whoever serves the directory."""

import random
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, ResourceType

from lib import peer_tool
from lib.report import expect, expect_equal

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
TOPIC_CONFIGS = (
    {}, {"cleanup.policy": "compact"}, {"cleanup.policy": "compact,delete", "retention.ms": "-1"},
    {"compression.type": "zstd"}, {"compression.type": "uncompressed"}, {"segment.bytes": "2000000"},
    {"message.timestamp.type": "LogAppendTime"}, {"index.interval.bytes": "500", "segment.bytes": "1500000"},
    {"max.message.bytes": "2000000", "retention.bytes": "-1"}, {"flush.messages": "10"}, {"min.insync.replicas": "1"})
MANY_CONFIGS = {
    "cleanup.policy": "compact,delete", "compression.type": "lz4", "compression.lz4.level": "5", "delete.retention.ms": "86400001",
    "file.delete.delay.ms": "60001", "flush.messages": "1000", "flush.ms": "60000", "index.interval.bytes": "4097",
    "max.compaction.lag.ms": "9223372036854775806", "max.message.bytes": "1048589", "message.timestamp.after.max.ms": "3600001",
    "message.timestamp.before.max.ms": "9223372036854775806", "message.timestamp.type": "CreateTime",
    "min.cleanable.dirty.ratio": "0.75", "min.compaction.lag.ms": "1000000000000000", "min.insync.replicas": "1", "preallocate": "false",
    "retention.bytes": "1000000000000", "retention.ms": "31536000000", "segment.bytes": "3000000",
    "segment.index.bytes": "1000000", "segment.jitter.ms": "1", "segment.ms": "604800001", "unclean.leader.election.enable": "true",
    "follower.replication.throttled.replicas": "*", "leader.replication.throttled.replicas": "0:1"}
ALTERATIONS = {  # by type of entity: what can be set
    "topics": ("retention.ms=604800001", "max.message.bytes=1500000", "file.delete.delay.ms=61000",
               "cleanup.policy=[compact,delete]", "message.timestamp.after.max.ms=3600000000"),
    "brokers": ("log.cleaner.backoff.ms=16000", "background.threads=11", "num.io.threads=9", "log.flush.interval.messages=1000",
                "compression.type=producer"),
    "groups": ("consumer.session.timeout.ms=46000", "consumer.heartbeat.interval.ms=6000",
               "share.record.lock.duration.ms=31000"),
    "client-metrics": ("interval.ms=61000", "metrics=[org.apache.kafka.consumer.]", "match=[client_id=a.*]"),
    "users": ("producer_byte_rate=1000000000", "consumer_byte_rate=2000000000", "request_percentage=900",
              "SCRAM-SHA-256=[iterations=4096,password=one]", "SCRAM-SHA-512=[iterations=5000,password=two]"),
    "clients": ("producer_byte_rate=1100000000", "controller_mutation_rate=1000000"),
    "ips": ("connection_creation_rate=100000",),
}
NAMES = {"brokers": (None, "1"), "groups": ("plain-0", "g-own"), "client-metrics": ("m1", "m2"),
         "users": ("alice", "bob"), "clients": ("reporter", None), "ips": ("192.0.2.1", "198.51.100.7")}
# Topics that are deleted and made again. They have no configs: Kafka 4.3.1 gives those of the old topic to the new one, when it reads
# both from its log at a start.
AGAIN = ("again-0", "again-1")
LIMIT_S = 120
LOADING = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS)


def commit(consumer: Consumer, offsets: list[TopicPartition]) -> None:
    """As soon as the coordinator has loaded its partition."""
    deadline = time.monotonic() + LIMIT_S
    while offsets:
        try:
            for answer in consumer.commit(offsets=offsets, asynchronous=False):
                expect(answer.error is None, f"offset of {answer}: {answer.error}")
            return
        except KafkaException as error:
            expect(error.args[0].retriable() or error.args[0].code() in LOADING, f"commit: {error}")
            expect(time.monotonic() < deadline, f"commit: still {error}")
            time.sleep(0.2)


def is_deletable(admin: AdminClient, topic: str) -> bool:
    """DeleteRecords is refused where only compaction deletes."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    return "delete" in admin.describe_configs([resource])[resource].result(30)["cleanup.policy"].value


class Fixture:
    """Groups whose names begin with "own-" are of kinds that Gregor does not serve yet."""

    def __init__(self, seed: int, megabytes: float):
        self.chance = random.Random(seed)
        self.megabytes = megabytes
        self.partitions: dict[str, int] = {}
        self.acknowledged: dict[tuple[str, int], int] = {}  # one past the last offset that was
        self.groups: dict[str, dict[tuple[str, int], tuple[int, str]]] = {}
        self.transactional_ids: set[str] = set()
        self.address = ""
        self.turn = 0

    # ------------------------------------------------------------ a turn

    def fill(self, address: str) -> None:
        self.address = address
        self.create({f"t{number}": self.chance.choice(TOPIC_CONFIGS) for number in range(self.chance.randint(6, 10))})
        self.create({"many-configs": MANY_CONFIGS, **{name: {} for name in AGAIN}})
        self.write(self.megabytes)
        self.transact(self.chance.randint(4, 12))
        for number in range(self.chance.randint(2, 5)):
            self.commit(f"plain-{number}")
        self.join("joined")
        self.join("own-consumer", protocol="consumer")
        self.alter([(kind, setting) for kind, settings in sorted(ALTERATIONS.items()) for setting in settings])
        self.share("own-share")
        self.recreate()

    def change(self, address: str) -> None:
        """A little of everything."""
        self.address = address
        self.turn += 1
        self.create({f"turn{self.turn}": self.chance.choice(TOPIC_CONFIGS)})
        self.write(self.megabytes / 10)
        self.transact(self.chance.randint(1, 4))
        self.commit(f"plain-{self.turn % 5}")
        self.commit(f"later-{self.turn}")
        self.join("joined")
        kinds = self.chance.choices(sorted(ALTERATIONS), k=5)
        self.alter([(kind, self.chance.choice(ALTERATIONS[kind])) for kind in kinds])
        self.recreate()
        self.enlarge()
        self.truncate()

    # ------------------------------------------------------------ topics

    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def create(self, topics: dict[str, dict]) -> None:
        admin = self.admin()
        made = admin.create_topics([NewTopic(name, self.chance.randint(1, 4), config=config)
                                    for name, config in topics.items()])
        for future in made.values():
            future.result(30)
        self.learn(admin, *topics)

    def learn(self, admin: AdminClient, *topics: str) -> None:
        deadline = time.monotonic() + LIMIT_S
        for name in topics:
            while (known := admin.list_topics(name, timeout=30).topics[name]).error or not known.partitions:
                expect(time.monotonic() < deadline, f"{name} does not come up: {known.error}")
                time.sleep(0.1)
            self.partitions[name] = len(known.partitions)

    def recreate(self) -> None:
        """A name comes back with another id, and nothing of the old records."""
        admin, name = self.admin(), self.chance.choice(AGAIN)
        admin.delete_topics([name])[name].result(30)
        self.acknowledged = {at: end for at, end in self.acknowledged.items() if at[0] != name}
        for offsets in self.groups.values():
            for at in [at for at in offsets if at[0] == name]:
                del offsets[at]
        del self.partitions[name]
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                return self.create({name: {}})
            except KafkaException as error:
                expect(time.monotonic() < deadline, f"{name} is not made again: {error}")
                time.sleep(0.2)

    def enlarge(self) -> None:
        admin, name = self.admin(), self.chance.choice(sorted(self.partitions))
        count = self.partitions[name] + 1
        admin.create_partitions([NewPartitions(name, count)])[name].result(30)
        deadline = time.monotonic() + LIMIT_S
        while self.partitions[name] != count:
            expect(time.monotonic() < deadline, f"{name} does not grow")
            self.learn(admin, name)

    def truncate(self) -> None:
        """DeleteRecords up to the middle of a partition."""
        admin = self.admin()
        long = [at for at, end in sorted(self.acknowledged.items()) if end > 10 and is_deletable(admin, at[0])]
        if long:
            topic, partition = self.chance.choice(long)
            asked = TopicPartition(topic, partition, self.acknowledged[topic, partition] // 2)
            for future in admin.delete_records([asked]).values():
                future.result(30)

    # ------------------------------------------------------------ records

    def write(self, megabytes: float) -> None:
        """Records of all sizes, each codec with a share of the bytes."""
        for codec in CODECS:
            made = Producer({"bootstrap.servers": self.address, "compression.type": codec, "linger.ms": 5,
                             "enable.idempotence": self.chance.random() < 0.7, "log_level": 0})
            bytes_left = megabytes * 1_000_000 / len(CODECS)
            while bytes_left > 0:
                bytes_left -= self.produce(made, self.value())
            expect_equal(made.flush(LIMIT_S), 0, "records that were not delivered")

    def value(self) -> bytes:
        size = self.chance.choice((0, 10, 100, 1000, 10_000)) + self.chance.randint(1, 100)
        half = self.chance.randbytes(size // 2)
        return half + half

    def produce(self, made: Producer, value: bytes) -> int:
        topic = self.chance.choice(sorted(self.partitions))
        key = b"key %d" % self.chance.randint(0, 500)
        partition = self.chance.randrange(self.partitions[topic])
        headers = [("turn", b"%d" % self.turn)] if self.chance.random() < 0.2 else None
        while True:
            try:
                made.produce(topic, value, key, partition, headers=headers, on_delivery=self.on_delivery)
                break
            except BufferError:
                made.poll(1)
        made.poll(0)
        return len(value) + 20

    def on_delivery(self, error, message) -> None:
        expect(error is None, f"a record was refused: {error}")
        at = message.topic(), message.partition()
        self.acknowledged[at] = max(self.acknowledged.get(at, 0), message.offset() + 1)

    def transact(self, count: int) -> None:
        """Transactions that end, some of them in an abort."""
        name = f"writer-{self.chance.randint(0, 3)}"
        self.transactional_ids.add(name)
        made = Producer({"bootstrap.servers": self.address, "transactional.id": name, "log_level": 0})
        made.init_transactions(LIMIT_S)
        for _ in range(count):
            made.begin_transaction()
            for _ in range(self.chance.randint(1, 20)):
                self.produce(made, self.value())
            made.flush(LIMIT_S)
            made.commit_transaction(LIMIT_S) if self.chance.random() < 0.6 else made.abort_transaction(LIMIT_S)

    # ------------------------------------------------------------ groups

    def commit(self, group: str) -> None:
        """Offsets of a group without members."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": group, "log_level": 0})
        known = self.groups.setdefault(group, {})
        for topic in self.chance.sample(sorted(self.partitions), min(3, len(self.partitions))):
            for partition in range(self.partitions[topic]):
                offset = self.chance.randint(0, self.acknowledged.get((topic, partition), 0))
                known[topic, partition] = offset, f"turn {self.turn}" * self.chance.randint(0, 3)
        asked = [TopicPartition(topic, partition, offset, metadata)
                 for (topic, partition), (offset, metadata) in known.items()]
        commit(consumer, asked)
        consumer.close()

    def join(self, group: str, protocol: str = "classic") -> None:
        """A group with a member that reads a little, commits and leaves."""
        topic = min(self.partitions)
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": group, "group.protocol": protocol,
                             "auto.offset.reset": "earliest", "enable.auto.commit": False, "log_level": 0})
        consumer.subscribe([topic])
        deadline = time.monotonic() + LIMIT_S
        while not consumer.assignment():
            expect(time.monotonic() < deadline, f"a member of {group} gets no partition")
            consumer.poll(0.2)
        offsets = [TopicPartition(topic, entry.partition, self.turn) for entry in consumer.assignment()]
        commit(consumer, offsets)
        if protocol == "classic":
            self.groups.setdefault(group, {}).update(
                {(topic, entry.partition): (entry.offset, "") for entry in offsets})
        consumer.close()

    def share(self, group: str) -> None:
        server = ("--bootstrap-server", self.address)
        peer_tool.run_many([
            ("configs", *server, "--alter", "--entity-type", "groups", "--entity-name", group, "--add-config",
             "share.auto.offset.reset=earliest"),
            ("console-share-consumer", *server, "--topic", min(self.partitions), "--group", group, "--max-messages",
             "5", "--timeout-ms", "15000", "--formatter-property", "print.value=false")])

    # ------------------------------------------------------------ configs

    def alter(self, changes: list[tuple[str, str]]) -> None:
        """These settings, each of an entity of its kind that chance names."""
        calls = []
        for kind, setting in changes:
            name = self.chance.choice(NAMES.get(kind) or sorted(set(self.partitions) - set(AGAIN)))
            which = ("--entity-default",) if name is None else ("--entity-name", name)
            calls.append(("configs", "--bootstrap-server", self.address, "--alter", "--entity-type", kind, *which,
                          "--add-config", setting))
        for call, printed in zip(calls, peer_tool.run_many(calls)):
            expect("Completed updating" in printed, f"{' '.join(call[3:])}: {printed}")
