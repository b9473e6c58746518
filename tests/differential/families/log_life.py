"""The life of a log: records come, segments roll, records are deleted from the front, closed segments are cleaned; offsets,
errors, and after cleaning what is left, batch by batch: the last value of each key, and the tombstones.

Segments roll when the records' own time says so, so that both brokers have the same ones. A topic that is cleaned is read
when both cleaners have done what there is to do; in between, nobody can tell what they have done so far."""

from batches import BASE_TIME
from family import Family, Topics

SEGMENT_MS = 5000
COMPACTED = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.0", "delete.retention.ms": "1800000"}
TOPICS = {
    "@kept": {},
    "@cleaned": COMPACTED,
    "@both": COMPACTED | {"cleanup.policy": "compact,delete"},
    "@packed": COMPACTED | {"compression.type": "lz4"},
}
DELETABLE = ("@kept", "@both")
SETTINGS = {"segment.ms": str(SEGMENT_MS), "segment.jitter.ms": "0", "retention.ms": "-1",
            "message.timestamp.before.max.ms": str(2**63 - 1)}
KEYS = [f"key-{number}" for number in range(12)]


class LogLifeFamily(Family):
    WEIGHTS = {"produce": 8, "produce_in_sequence": 3, "init_producer": 1, "roll": 2, "delete_records": 2, "list_offsets": 3,
               "list_times": 1, "clean": 1}
    SETTINGS = {"log__cleaner__backoff__ms": 50, "log__cleaner__threads": 1}

    def prepare(self):
        self.topics = Topics(self.dice)
        self.clock = dict.fromkeys(TOPICS, BASE_TIME)
        self.producers: list = []
        self.sequences: dict = {}
        self.start = dict.fromkeys(TOPICS, 0)
        return [self.create_topics(name, configs=SETTINGS | configs) for name, configs in TOPICS.items()]

    def saw(self, step, answer):
        if step.api == "CreateTopics":
            self.topics.learn(answer)
        if step.api == "InitProducerId" and isinstance(answer, dict) and answer["error_code"] == 0:
            self.producers.append((answer["producer_id"], answer["producer_epoch"]))
        if step.api == "DeleteRecords" and isinstance(answer, dict):
            for topic in answer["topics"]:
                self.start[topic["name"]] = max(topic["partitions"][0]["low_watermark"], self.start.get(topic["name"], 0))

    # ---- writing

    def send(self, name: str, batch: dict):
        partition = {"index": 0, "records": {"$batches": [batch]}}
        topic = {"name": name, "topic_id": self.topics.id(name), "partition_data": [partition]}
        return self.step("Produce", {"acks": -1, "timeout_ms": 30_000, "topic_data": [topic], "transactional_id": None},
                         range(7, 99))

    def batch(self, name: str) -> dict:
        dice = self.dice
        records = [{"key": dice.choice(KEYS), "value": None if dice.maybe(0.2) else "v" * dice.randint(0, 60),
                    "time": dice.choice((0, 1, 5, 100, 900))} for _ in range(dice.choice((1, 1, 2, 3, 8)))]
        return {"records": records, "codec": dice.choice((0, 0, 1, 2, 3, 4)), "base_time": self.clock[name]}

    def produce(self):
        name = self.dice.choice(list(TOPICS))
        batch = self.batch(name)
        if self.dice.maybe(0.05):
            batch |= self.dice.choice(({"crc_xor": 1}, {"count": 0, "last_delta": -1, "records": []}, {"base_offset": 1}))
        if self.dice.maybe(0.05):
            batch["records"] = [{"key": None, "value": "v"}, *batch["records"]]
        return self.send(name, batch)

    def init_producer(self):
        return self.step("InitProducerId", {"transactional_id": None, "transaction_timeout_ms": 60_000, "producer_id": -1,
                                            "producer_epoch": -1})

    def produce_in_sequence(self):
        """Cleaning must leave what the next sequence is checked against."""
        if not self.producers:
            return self.init_producer()
        producer, name = self.dice.choice(self.producers[-3:]), self.dice.choice(list(TOPICS))
        batch = self.batch(name)
        following = self.sequences.get((producer, name), 0)
        gap = 0 if self.dice.maybe(0.9) else self.dice.choice((1, -1, 7))
        batch |= {"producer_id": producer[0], "producer_epoch": producer[1], "sequence": max(following + gap, 0)}
        if batch["sequence"] == following:
            self.sequences[producer, name] = following + len(batch["records"])
        return self.send(name, batch)

    def roll(self, name: str | None = None):
        """A record so much later that it begins a segment."""
        name = name or self.dice.choice(list(TOPICS))
        self.clock[name] += 2 * SEGMENT_MS
        return self.send(name, {"records": [{"key": "roll", "value": "r"}], "base_time": self.clock[name]})

    def delete_records(self):
        dice = self.dice
        name = dice.choice(DELETABLE) if dice.maybe(0.8) else dice.choice((*TOPICS, "@gone"))
        partition = {"partition_index": 0, "offset": dice.choice((0, 1, 3, 8, 20, 50, -2, 10**6)) if dice.maybe(0.95) else -1}
        return self.step("DeleteRecords", {"topics": [{"name": name, "partitions": [partition]}], "timeout_ms": 5000})

    # ---- reading

    def offsets(self, entries: list[tuple[str, int]]):
        topics = [{"name": name, "partitions": [{"partition_index": 0, "timestamp": timestamp}]} for name, timestamp in entries]
        return self.step("ListOffsets", {"replica_id": -1, "isolation_level": self.dice.choice((0, 1)), "topics": topics,
                                         "timeout_ms": 1000}, range(7, 99))

    def list_offsets(self):
        return self.offsets([(name, self.dice.choice((-1, -2))) for name in self.dice.sample(list(TOPICS), 2)])

    def times(self, name: str) -> list[tuple[str, int]]:
        """Before, within and behind what is there. Not of a log whose front is deleted: until its retention has run, Kafka
        finds times of deleted records, and then none behind them."""
        dice = self.dice
        if self.start[name]:
            return [(name, dice.choice((-1, -2)))]
        since = dice.randint(0, self.clock[name] - BASE_TIME + 2000)
        return [(name, dice.choice((-3, BASE_TIME + since, BASE_TIME + since - since % (2 * SEGMENT_MS), self.clock[name] + 10**6)))]

    def list_times(self):
        return self.offsets(self.times("@kept"))

    def clean(self):
        """The open segment holds one record then: everything else is cleaned, and looked at."""
        name = self.dice.choice([name for name, configs in TOPICS.items() if configs])
        body = {"replica_id": -1, "min_bytes": 0, "max_wait_ms": 0, "max_bytes": 1 << 25, "session_epoch": -1, "topics": [
            {"topic": name, "topic_id": self.topics.id(name), "partitions": [
                {"partition": 0, "fetch_offset": self.start[name], "partition_max_bytes": 1 << 24}]}]}
        look = self.step("Fetch", body, range(12, 99), until="is_cleaned")
        start = self.offsets([(name, -2)])
        self.prepared = [start, look, self.offsets(self.times(name)), self.offsets(self.times(name))]
        return self.roll(name)


FAMILY = LogLifeFamily
