"""Topics: create, delete, partitions, and everything that describes them."""

from family import Family, Topics

NAMES = [f"@t{number}" for number in range(8)]
BAD_NAMES = ["", ".", "..", "with space", "a/b", "x" * 249, "x" * 250, "__cluster_metadata", "__consumer_offsets", "@t.1",
             "@t_1", "@ünï"]
CONFIGS = [("retention.ms", "1000"), ("retention.ms", "-1"), ("retention.ms", "-2"), ("retention.ms", "x"),
           ("cleanup.policy", "compact"), ("cleanup.policy", "delete,compact"), ("cleanup.policy", "no"),
           ("compression.type", "lz4"), ("compression.type", "best"), ("max.message.bytes", "1000"),
           ("min.insync.replicas", "0"), ("min.insync.replicas", "3"), ("no.such.config", "1"), ("segment.bytes", "10"),
           ("message.timestamp.type", "LogAppendTime"), ("retention.bytes", None), ("segment.ms", "")]


class TopicsFamily(Family):
    WEIGHTS = {"create": 6, "delete": 3, "grow": 3, "metadata": 6, "describe_partitions": 4, "describe_configs": 3,
               "describe_cluster": 1}

    def prepare(self):
        self.topics = Topics(self.dice)
        return [self.create_topics("@t0", "@t1", partitions=3)]

    def saw(self, step, answer):
        if step.api in ("CreateTopics", "Metadata"):
            self.topics.learn(answer)

    def name(self) -> str:
        return self.dice.choice(NAMES) if self.dice.maybe(0.85) else self.dice.choice(BAD_NAMES)

    def count(self) -> int:
        return self.dice.choice((-1, -1, 1, 1, 1, 2, 3, 5, 0, -2, 10001 if self.dice.maybe(0.05) else 4))

    def creatable(self) -> dict:
        dice = self.dice
        topic = {"name": self.name(), "num_partitions": self.count(), "replication_factor": dice.choice((-1, 1, 1, 1, 1, 2, 0, -3))}
        if dice.maybe(0.2):
            topic |= {"num_partitions": -1, "replication_factor": -1} if dice.maybe(0.8) else {}
            topic["assignments"] = self.assignments()
        if dice.maybe(0.3):
            topic["configs"] = [{"name": name, "value": value} for name, value in dice.some(CONFIGS, most=2)]
        return topic

    def assignments(self) -> list:
        dice = self.dice
        return [{"partition_index": place if dice.maybe(0.9) else dice.choice((-1, 0, 7)),
                 "broker_ids": dice.choice(([1], [1], [1], [1], [], [2], [1, 1], [1, 2], [-1]))}
                for place in range(dice.randint(1, 3))]

    def create(self):
        dice = self.dice
        topics = [self.creatable() for _ in range(dice.choice((0, 1, 1, 1, 1, 2, 3)))]
        return self.step("CreateTopics", {"topics": topics, "timeout_ms": dice.choice((30_000, 30_000, 5000)),
                                          "validate_only": dice.maybe(0.15)})

    def delete(self):
        step = self.step("DeleteTopics", {"timeout_ms": 30_000})
        names = [self.name() for _ in range(self.dice.choice((0, 1, 1, 1, 2)))]
        if step.version >= 6:
            step.body["topics"] = [self.dice.choice((
                {"name": name}, {"name": name}, {"name": None, "topic_id": self.topics.id(name)},
                {"name": None, "topic_id": self.topics.id(name)},
                {"name": name, "topic_id": self.topics.id(name)}, {"name": None})) for name in names]
        else:
            step.body["topic_names"] = names
        return step

    def grow(self):
        dice = self.dice
        topics = [{"name": self.name(), "count": dice.choice((0, 1, 2, 3, 4, 5, 6, -1))} for _ in range(dice.choice((0, 1, 1, 1, 2)))]
        for topic in topics:
            if dice.maybe(0.25):
                topic["assignments"] = [{"broker_ids": entry["broker_ids"]} for entry in self.assignments()]
            else:
                topic["assignments"] = None
        return self.step("CreatePartitions", {"topics": topics, "timeout_ms": 30_000, "validate_only": dice.maybe(0.2)})

    def metadata(self):
        dice = self.dice
        step = self.step("Metadata", {"allow_auto_topic_creation": dice.maybe(0.15),
                                      "include_cluster_authorized_operations": dice.maybe(0.3),
                                      "include_topic_authorized_operations": dice.maybe(0.3)})
        creates = step.version < 4 or step.body["allow_auto_topic_creation"]
        name = (lambda: dice.choice(NAMES)) if creates else self.name  # of the others, some can never be created
        names = dice.choice(([], None, [name()], [name(), name()], [name() for _ in range(4)]))
        if step.version == 0 and names is None:
            names = []
        step.body["topics"] = names if names is None else [self.wanted(step.version, name) for name in names]
        return step

    def wanted(self, version: int, name: str) -> dict:
        if version < 10 or self.dice.maybe(0.5):
            return {"name": name}
        return self.dice.choice(({"name": None, "topic_id": self.topics.id(name)}, {"name": name, "topic_id": self.topics.id(name)},
                                 {"name": None}))

    def describe_partitions(self):
        dice = self.dice
        cursor = {"topic_name": self.name(), "partition_index": dice.choice((0, 0, 1, 2, 7, -1))} if dice.maybe(0.4) else None
        topics = [{"name": self.name()} for _ in range(dice.choice((1, 1, 2, 3)))]
        if cursor and dice.maybe(0.7):
            topics.append({"name": cursor["topic_name"]})
        return self.step("DescribeTopicPartitions", {"topics": topics, "cursor": cursor,
                                                     "response_partition_limit": dice.choice((2000, 1, 2, 3, 0, -1))})

    def describe_configs(self):
        dice = self.dice
        return self.step("DescribeConfigs", {"resources": [self.resource() for _ in range(dice.choice((0, 1, 1, 2)))],
                                             "include_synonyms": dice.maybe(0.5),
                                             "include_documentation": dice.maybe(0.1)})

    def resource(self) -> dict:
        dice = self.dice
        kind = dice.choice((2, 2, 2, 2, 4, 4, 8, 16, 32, 0, 3, 127, -1))
        name = dice.choice((self.name(), self.name(), "1")) if kind != 4 else dice.choice(("1", "1", "", "2", "x"))
        keys = dice.choice((None, [], ["retention.ms"], ["retention.ms", "cleanup.policy", "no.such"], ["log.retention.ms", "node.id"]))
        return {"resource_type": kind, "resource_name": name, "configuration_keys": keys}

    def describe_cluster(self):
        return self.step("DescribeCluster", {"include_cluster_authorized_operations": self.dice.maybe(0.5),
                                             "endpoint_type": self.dice.choice((1, 1, 1, 2, 0, 3)),
                                             "include_fenced_brokers": self.dice.maybe(0.5)})


FAMILY = TopicsFamily
