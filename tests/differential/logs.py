"""What the families about the log have in common: topics of all kinds, and sound batches to fill them."""

from batches import BASE_TIME
from family import Family, Topics

FAR_FUTURE = 4_000_000_000_000
TOPICS = {
    "@plain": {},
    "@compact": {"cleanup.policy": "compact"},
    "@appended": {"message.timestamp.type": "LogAppendTime"},
    "@bounded": {"message.timestamp.before.max.ms": "1000", "message.timestamp.after.max.ms": "1000"},
    "@small": {"max.message.bytes": "300"},
    "@lz4": {"compression.type": "lz4"},
    "@none": {"compression.type": "uncompressed"},
    "@gzip": {"compression.type": "gzip", "message.timestamp.type": "LogAppendTime"},
}
PARTITIONS = 2
NOBODYS_ID = b"\5" * 16


class LogFamily(Family):
    def prepare(self):
        self.topics = Topics(self.dice)
        return [self.create_topics(name, partitions=PARTITIONS, configs=configs) for name, configs in TOPICS.items()]

    def saw(self, step, answer):
        if step.api == "CreateTopics":
            self.topics.learn(answer)

    # ---- which topic, which partition

    def topic(self) -> str:
        return self.dice.choice(list(TOPICS)) if self.dice.maybe(0.95) else self.dice.choice(("@gone", "", "__consumer_offsets"))

    def partition(self) -> int:
        return self.dice.choice((0, 0, 0, 1)) if self.dice.maybe(0.95) else self.dice.choice((2, -1, 2**31 - 1))

    def distinct_topics(self, counts: tuple) -> list[str]:
        """No name twice: of two batches for one partition Kafka forgets the first, which no client can want."""
        return list(dict.fromkeys(self.topic() for _ in range(self.dice.choice(counts))))

    def distinct_partitions(self) -> list[int]:
        return list(dict.fromkeys(self.partition() for _ in range(self.dice.choice((1, 1, 1, 2)))))

    def named(self, name: str, field: str = "name") -> dict:
        """A topic by name and by id: the version takes what it has."""
        return {field: name, "topic_id": self.topics.ids.get(name, NOBODYS_ID)}

    # ---- sound batches

    def value(self) -> dict:
        dice = self.dice
        entry = {"key": dice.choice((None, "", "k", "k1", "k2", "k3")), "value": dice.choice((None, "", "v", "v" * dice.randint(1, 200))),
                 "time": dice.choice((0, 0, 1, 5, -5, 100))}
        if dice.maybe(0.2):
            entry["headers"] = dice.choice(([["h", "x"]], [["h", None], ["", ""]]))
        return entry

    def batch(self) -> dict:
        dice = self.dice
        spec = {"records": [self.value() for _ in range(dice.choice((1, 1, 1, 2, 3, 10)))],
                "codec": dice.choice((0, 0, 0, 1, 2, 3, 4)), "base_time": dice.choice((BASE_TIME, BASE_TIME + dice.randrange(1000)))}
        if dice.maybe(0.1):
            spec["base_time"] = dice.choice((-1, -2, 0, FAR_FUTURE))
        return spec

    def fill(self):
        """Records for the other requests to find."""
        data = [{**self.named(self.dice.choice(list(TOPICS))),
                 "partition_data": [{"index": self.dice.choice((0, 0, 0, 1)), "records": {"$batches": [self.batch()]}}]}]
        return self.step("Produce", {"acks": -1, "timeout_ms": 30_000, "topic_data": data, "transactional_id": None})
