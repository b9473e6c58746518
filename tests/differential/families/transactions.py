"""Transactions in both protocols: begun, written to, ended, repeated, out of order, with stale epochs and strangers' ids (KIP-890);
and what readers, groups and administrators see of them."""

from batches import CONTROL, TRANSACTIONAL
from compare import Ref
from family import Family, Topics

IDS = [f"@x{number}" for number in range(4)]
TOPICS = ["@a", "@b"]
GROUPS = ["@g0", "@g1"]
PARTITIONS = 2
LONGEST_MS = 900_000  # transaction.max.timeout.ms; longer than any run
STATES = ("Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead", "PrepareEpochFence")


class Producer:
    """What one transactional id was last given, and what was given before."""

    def __init__(self, name: str):
        self.name = name
        self.id: object = -1
        self.epoch = -1
        self.earlier: list[tuple] = []
        self.sent: dict[tuple, list] = {}  # by id, epoch, topic, partition: batches

    def is_now(self, producer_id, epoch: int) -> None:
        if (self.id, self.epoch) != (producer_id, epoch):
            self.earlier = [*self.earlier, (self.id, self.epoch)][-3:]
            self.id, self.epoch = producer_id, epoch


class TransactionsFamily(Family):
    SETTINGS = {"transaction.state.log.num.partitions": "3"}
    WEIGHTS = {"init": 4, "add_partitions": 6, "add_partitions_in_batch": 3, "produce": 10, "add_offsets": 4, "commit_offsets": 5,
               "end": 7, "markers": 1, "describe": 2, "list": 2, "active_producers": 2, "read": 3, "ends": 2, "offsets": 3, "find": 1}

    def prepare(self):
        self.topics = Topics(self.dice)
        self.producers = [Producer(name) for name in IDS]
        first = [self.init_of(producer) for producer in self.producers]
        return [self.create_topics(*TOPICS, partitions=PARTITIONS), *first]

    def saw(self, step, answer):
        if step.api == "CreateTopics":
            self.topics.learn(answer)
        if step.api in ("InitProducerId", "EndTxn") and isinstance(answer, dict) and answer["error_code"] == 0:
            producer = next((each for each in self.producers if each.name == step.body["transactional_id"]), None)
            if producer and isinstance(answer.get("producer_id"), Ref):
                producer.is_now(answer["producer_id"], answer["producer_epoch"])

    # ---- who speaks: mostly the right one

    def producer(self) -> Producer:
        return self.dice.choice(self.producers)

    def who(self, producer: Producer) -> tuple:
        """An id and an epoch."""
        dice = self.dice
        if dice.maybe(0.85):
            return producer.id, producer.epoch
        if producer.earlier and dice.maybe(0.6):
            return dice.choice(producer.earlier)
        other = self.producer()
        return dice.choice(((producer.id, max(producer.epoch + dice.choice((1, -1, 2)), -1)), (other.id, producer.epoch),
                            (Ref("producer", "nobody's"), 0), (producer.id, 32767), (-1, -1)))

    def name(self, producer: Producer) -> str:
        return producer.name if self.dice.maybe(0.96) else self.dice.choice(("", "@nobody", self.producer().name))

    def said_by(self, producer: Producer) -> dict:
        producer_id, epoch = self.who(producer)
        return {"transactional_id": self.name(producer), "producer_id": producer_id, "producer_epoch": epoch}

    def places(self, field: str = "name", partitions: str = "partitions") -> list:
        dice = self.dice
        names = dict.fromkeys(dice.choice(TOPICS) if dice.maybe(0.95) else "@gone" for _ in range(dice.choice((1, 1, 2, 0))))
        return [{field: name, partitions: list(dict.fromkeys(dice.some((0, 0, 0, 1, 1, 2 if dice.maybe(0.1) else 0))))} for name in names]

    # ---- the life of a transaction

    def init_of(self, producer: Producer):
        return self.step("InitProducerId", {"transactional_id": producer.name, "transaction_timeout_ms": LONGEST_MS,
                                            "producer_id": -1, "producer_epoch": -1})

    def init(self):
        dice, producer = self.dice, self.producer()
        step = self.init_of(producer)
        if dice.maybe(0.3):
            producer_id, epoch = self.who(producer)
            step.body |= {"producer_id": producer_id, "producer_epoch": epoch}
        if dice.maybe(0.07):
            step.body |= dice.choice(({"transaction_timeout_ms": 0}, {"transaction_timeout_ms": -1}, {"transaction_timeout_ms": LONGEST_MS + 1},
                                      {"transactional_id": ""}, {"producer_id": 5, "producer_epoch": -1},
                                      {"producer_id": -1, "producer_epoch": 3}))
        return step

    def add_partitions(self):
        said = self.said_by(self.producer())
        body = {f"v3_and_below_{key}": value for key, value in said.items()} | {"v3_and_below_topics": self.places()}
        return self.step("AddPartitionsToTxn", body, range(0, 4))

    def add_partitions_in_batch(self):
        dice = self.dice
        producers = dice.sample(self.producers, dice.choice((1, 1, 2, 3)))
        spoken = {said["transactional_id"]: said for said in map(self.said_by, producers)}
        return self.step("AddPartitionsToTxn", {"transactions": [
            said | {"verify_only": dice.maybe(0.5), "topics": self.places()} for said in spoken.values()]}, range(4, 100))

    def produce(self):
        dice, producer = self.dice, self.producer()
        producer_id, epoch = self.who(producer)
        topic, partition = dice.choice(TOPICS), dice.choice((0, 0, 1))
        sent = producer.sent.setdefault((producer_id, epoch, topic, partition), [])
        following = sent[-1]["sequence"] + len(sent[-1]["records"]) if sent else 0
        batch = {"records": [{"key": "k", "value": "t"} for _ in range(dice.choice((1, 1, 2, 3)))], "producer_id": producer_id,
                 "producer_epoch": epoch, "attributes": TRANSACTIONAL, "codec": dice.choice((0, 0, 4)),
                 "sequence": following if dice.maybe(0.92) else max(following + dice.choice((1, -1, 5)), 0)}
        if sent and dice.maybe(0.08):
            batch = dict(dice.choice(sent[-6:]))
        elif dice.maybe(0.04):
            batch["attributes"] = dice.choice((0, CONTROL | TRANSACTIONAL))
        else:
            sent.append(batch)
        data = [{"name": topic, "topic_id": self.topics.id(topic),
                 "partition_data": [{"index": partition, "records": {"$batches": [batch]}}]}]
        name = self.name(producer) if dice.maybe(0.97) else None
        return self.step("Produce", {"acks": -1, "timeout_ms": 30_000, "topic_data": data, "transactional_id": name})

    def add_offsets(self):
        return self.step("AddOffsetsToTxn", self.said_by(self.producer()) | {"group_id": self.group()})

    def group(self) -> str:
        return self.dice.choice(GROUPS) if self.dice.maybe(0.95) else self.dice.choice(("", "@nogroup"))

    def commit_offsets(self):
        dice = self.dice
        topics = [{"name": place["name"], "partitions": [
            {"partition_index": index, "committed_offset": dice.choice((0, 5, 7, 100, -1)), "committed_leader_epoch": dice.choice((-1, 0)),
             "committed_metadata": dice.choice((None, "", "m"))} for index in place["partitions"]]} for place in self.places()]
        body = self.said_by(self.producer()) | {"group_id": self.group(), "generation_id": -1, "member_id": "", "topics": topics}
        if dice.maybe(0.05):
            body |= dice.choice(({"generation_id": 3}, {"member_id": "stranger"}, {"member_id": "stranger", "generation_id": 1}))
        step = self.step("TxnOffsetCommit", body)
        if step.version < 3:
            body |= {"generation_id": -1, "member_id": ""}
        return step

    def end(self):
        return self.step("EndTxn", self.said_by(self.producer()) | {"committed": self.dice.maybe(0.6)})

    def markers(self):
        """Never of a later coordinator: the real one would be fenced, and its transaction could not end."""
        dice = self.dice
        producer_id, epoch = self.who(self.producer())
        topics = self.places(partitions="partition_indexes")
        marker = {"producer_id": producer_id, "producer_epoch": epoch, "transaction_result": dice.maybe(0.5), "topics": topics,
                  "coordinator_epoch": dice.choice((0, 0, -1)), "transaction_version": dice.choice((0, 1, 2))}
        return self.step("WriteTxnMarkers", {"markers": [marker] if dice.maybe(0.9) else []})

    # ---- what others see

    def describe(self):
        names = [self.dice.choice(IDS) if self.dice.maybe(0.9) else self.dice.choice(("", "@nobody"))
                 for _ in range(self.dice.choice((0, 1, 1, 2)))]
        return self.step("DescribeTransactions", {"transactional_ids": list(dict.fromkeys(names))})

    def list(self):
        dice = self.dice
        return self.step("ListTransactions", {
            "state_filters": dice.choice(([], [], [dice.choice(STATES)], [dice.choice(STATES), "no"], ["no", "ongoing"])),
            "producer_id_filters": dice.choice(([], [], [self.producer().id], [12345])),
            "duration_filter": dice.choice((-1, -1, 0, 10**9)),
            "transactional_id_pattern": dice.choice((None, None, "", ".*-x1", "@x[02]", ".*x.", "(", "x1"))})

    def active_producers(self):
        return self.step("DescribeProducers", {"topics": self.places(partitions="partition_indexes")})

    def read(self):
        topics = [{"topic": name, "topic_id": self.topics.id(name), "partitions": [
            {"partition": index, "fetch_offset": self.dice.choice((0, 0, 0, 3, 10)), "partition_max_bytes": 1 << 20} for index in (0, 1)]}
            for name in TOPICS]
        return self.step("Fetch", {"replica_id": -1, "min_bytes": 0, "max_bytes": 1 << 25, "isolation_level": self.dice.choice((1, 1, 0)),
                                   "session_epoch": -1, "topics": topics})

    def ends(self):
        topics = [{"name": name, "partitions": [{"partition_index": index, "timestamp": self.dice.choice((-1, -1, -3))} for index in (0, 1)]}
                  for name in TOPICS]
        return self.step("ListOffsets", {"replica_id": -1, "isolation_level": self.dice.choice((0, 1)), "topics": topics}, range(7, 100))

    def offsets(self):
        dice = self.dice
        topics = [{"name": name, "topic_id": self.topics.id(name), "partition_indexes": [0, 1]} for name in TOPICS]
        group = {"group_id": self.group(), "topics": dice.choice((topics, topics, None))}
        step = self.step("OffsetFetch", {"require_stable": dice.maybe(0.5), "groups": [group]} | group)
        if step.version < 2 and group["topics"] is None:
            step.body["topics"] = topics
        return step

    def find(self):
        keys = self.dice.some(IDS)
        return self.step("FindCoordinator", {"key": keys[0], "key_type": 1, "coordinator_keys": keys}, range(1, 100))


FAMILY = TransactionsFamily
