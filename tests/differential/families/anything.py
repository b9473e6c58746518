"""Any API in any version with fields filled at random, sound bytes and damaged ones; and the handshake with wrong words."""

from family import Family, Topics

TOPICS = ["@a", "@b"]
# Random partitions are left to the families that know them; a produce answer may be none, and so may that of markers.
LEFT_OUT = {"Produce", "SaslHandshake", "SaslAuthenticate", "WriteTxnMarkers"}
# Damaged requests of these could make much, or wait for long.
ONLY_SOUND = {"CreateTopics", "CreatePartitions", "JoinGroup", "SyncGroup", "Fetch", "Metadata", "DeleteTopics", "InitProducerId", "IncrementalAlterConfigs",
              "DeleteRecords", "UnregisterBroker", "ElectLeaders", "AlterPartitionReassignments"}
BROKER = 1  # Kafka would unregister the only one, and serve nothing from then on
CHANGES_TOPICS = {"CreateTopics", "DeleteTopics"}


def is_internal(topic) -> bool:
    name = topic["name"] if isinstance(topic, dict) else topic
    return name is not None and name.startswith("__")


class AnythingFamily(Family):
    WEIGHTS = {"request": 10, "damaged": 5, "handshake": 2, "unknown_version": 1}

    def prepare(self):
        self.topics = Topics(self.dice)
        self.names = sorted(set(self.versions) - LEFT_OUT)
        self.number = 0
        return [self.create_topics(*TOPICS, partitions=2)]

    def saw(self, step, answer):
        if step.api == "CreateTopics":
            self.topics.learn(answer)

    def pools(self) -> dict:
        groups = ["@g0", "@g1"]
        return {"topic_name": TOPICS * 2 + ["@gone"], "topic_id": list(self.topics.ids.values()), "group_id": groups, "groups": groups,
                "groups_names": groups, "member_id": ["", "stranger"], "broker_id": [1, 1, -1, 2], "broker_ids": [1, 1, 2],
                "replica_id": [-1], "num_partitions": [1, 2, -1, 0], "replication_factor": [1, -1, 2], "count": [1, 2, 3],
                "max_wait_ms": [0], "min_bytes": [0, 1], "max_bytes": [0, 1 << 20], "partition_max_bytes": [0, 1 << 20], "timeout_ms": [5000],
                "partition": [0, 1, 2], "partition_index": [0, 1, 2], "session_timeout_ms": [10_000, 0], "rebalance_timeout_ms": [10_000],
                "session_epoch": [-1, 0], "resource_type": [2, 4, 8, 0], "resource_name": TOPICS + ["1", ""], "key_type": [0, 0, 3],
                "endpoint_type": [1, 1, 2], "transactional_id": [None], "isolation_level": [0, 1], "config_name": ["retention.ms"]}

    def request(self):
        dice = self.dice
        name = dice.choice(self.names)
        step = self.step(name, {})
        step.body = dice.arbitrary(self.apis[name].request, step.version, self.pools())
        self.tame(step)
        if name in ("JoinGroup", "SyncGroup"):
            self.number += 1
            step.connection, step.may_wait = 100 + self.number, True
        return step

    def tame(self, step) -> None:
        """What would change the topics of others, or never come to be."""
        body = step.body
        if step.api == "Metadata" and (step.version < 4 or body["allow_auto_topic_creation"]):
            body["topics"] = [{"name": name} for name in TOPICS]
        if step.api in CHANGES_TOPICS:
            for topic in body.get("topics", []):
                topic["configs"] = []
        if step.api == "DeleteTopics":  # those of the coordinators are everybody's
            for named in {"topic_names", "topics"} & body.keys():
                body[named] = [topic for topic in body[named] if not is_internal(topic)]
        if step.api == "FindCoordinator":
            body["key_type"] = 0 if body.get("key_type") == 1 else body.get("key_type", 0)
        if step.api == "InitProducerId":
            body["transactional_id"] = None
        if step.api == "IncrementalAlterConfigs":
            for config in (config for resource in body["resources"] for config in resource["configs"]):
                config["config_operation"] %= 4
        if step.api == "AddPartitionsToTxn" and step.version >= 4 and not body["transactions"]:  # see README
            body["transactions"] = [{"transactional_id": "@nobody", "producer_id": 1, "producer_epoch": 0, "verify_only": True,
                                     "topics": []}]
        if step.api == "UnregisterBroker" and body["broker_id"] == BROKER:
            body["broker_id"] = BROKER + 1

    def damaged(self):
        step = self.request()
        if step.api in ONLY_SOUND:
            return None
        step.mangle = self.dice.mangling()
        return step

    def handshake(self):
        dice = self.dice
        words = ("kafka-client", "a", "", "-a", "a-", "a.b-c", "a b", "ä", "1.0", None)
        return self.step("ApiVersions", {"client_software_name": dice.choice(words), "client_software_version": dice.choice(words)})

    def unknown_version(self):
        step = self.request()
        offered = self.versions[step.api]
        if step.api in ONLY_SOUND:
            return None
        step.version = self.dice.choice((offered.start - 1, offered.stop, offered.stop + 5, -1, 32767))
        return step


FAMILY = AnythingFamily
