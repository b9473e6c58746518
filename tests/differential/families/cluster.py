"""The cluster as a whole, at both its listeners: brokers, quorum, features, resources; and topics made and unmade through the
controller itself."""

from family import Family, Topics
from pair import ON_CONTROLLER

BROKER = 1  # Kafka would unregister the only one, and serve nothing from then on
FEATURES = ["metadata.version", "transaction.version", "group.version", "share.version", "streams.version", "kraft.version",
            "eligible.leader.replicas.version", "no.such.version", ""]
NAMES = [f"@n{number}" for number in range(4)]


class ClusterFamily(Family):
    WEIGHTS = {"cluster": 4, "quorum": 3, "features": 5, "unregister": 1, "resources": 3, "api_versions": 1, "create": 3, "grow": 2,
               "delete": 2, "configs": 2, "metadata": 2}

    def prepare(self):
        self.topics = Topics(self.dice)
        return [self.create_topics(*NAMES[:2], partitions=2)]

    def saw(self, step, answer):
        if step.api in ("CreateTopics", "Metadata"):
            self.topics.learn(answer)

    def cluster(self):
        dice = self.dice
        return self.either_end("DescribeCluster", {"include_cluster_authorized_operations": dice.maybe(0.5),
                                                   "endpoint_type": dice.choice((1, 1, 2, 2, 0, 3, -1)),
                                                   "include_fenced_brokers": dice.maybe(0.5)})

    def quorum(self):
        dice = self.dice
        topics = [{"topic_name": dice.choice(("__cluster_metadata", "__cluster_metadata", "", *NAMES)),
                   "partitions": [{"partition_index": dice.choice((0, 0, 0, 1, -1))} for _ in range(dice.choice((1, 1, 2, 0)))]}
                  for _ in range(dice.choice((0, 1, 1, 1, 2)))]
        return self.either_end("DescribeQuorum", {"topics": topics})

    def features(self):
        """A change to another level would be one for all runs: such are only validated."""
        dice = self.dice
        updates = [{"feature": dice.choice(FEATURES), "max_version_level": dice.choice((0, 1, 2, 3, 20, 29, 100, -1, 32767)),
                    "allow_downgrade": dice.maybe(0.3), "upgrade_type": dice.choice((1, 1, 2, 3, 0, 4, -1))}
                   for _ in range(dice.choice((0, 1, 1, 1, 2)))]
        step = self.either_end("UpdateFeatures", {"timeout_ms": 30_000, "feature_updates": updates, "validate_only": True})
        if step.version == 0:
            for update in updates:
                update["feature"] = dice.choice(FEATURES[-2:])
        return step

    def unregister(self):
        return self.either_end("UnregisterBroker", {"broker_id": self.dice.choice((BROKER + 1, -1, 0, 2**31 - 1))})

    def resources(self):
        kinds = self.dice.choice(([], [2], [4], [8], [16], [32], [0], [16, 32], [2, 4, 8], [-1], [1, 2], [2, 2], [127]))
        return self.step("ListConfigResources", {"resource_types": kinds})

    def api_versions(self):
        return self.either_end("ApiVersions", {"client_software_name": "differential", "client_software_version": "1"})

    # ---- topics at the controller

    def name(self) -> str:
        return self.dice.choice(NAMES) if self.dice.maybe(0.9) else self.dice.choice(("", "..", "a/b", "__cluster_metadata", "x" * 250))

    def create(self):
        dice = self.dice
        topics = [{"name": self.name(), "num_partitions": dice.choice((-1, 1, 2, 0)), "replication_factor": dice.choice((-1, 1, 1, 2)),
                   "configs": dice.choice(([], [], [{"name": "retention.ms", "value": "1000"}], [{"name": "no.such", "value": "1"}]))}
                  for _ in range(dice.choice((1, 1, 2, 3)))]
        return self.step("CreateTopics", {"topics": topics, "timeout_ms": 30_000, "validate_only": dice.maybe(0.2)},
                         connection=ON_CONTROLLER)

    def grow(self):
        topics = [{"name": self.name(), "count": self.dice.choice((1, 2, 3, 4, 0, -1)), "assignments": None}
                  for _ in range(self.dice.choice((1, 1, 2)))]
        return self.step("CreatePartitions", {"topics": topics, "timeout_ms": 30_000, "validate_only": self.dice.maybe(0.2)},
                         connection=ON_CONTROLLER)

    def delete(self):
        dice = self.dice
        names = [self.name() for _ in range(dice.choice((1, 1, 2, 0)))]
        states = [dice.choice(({"name": name}, {"name": name}, {"name": None, "topic_id": self.topics.id(name)}, {"name": None}))
                  for name in names]
        return self.step("DeleteTopics", {"topics": states, "topic_names": names, "timeout_ms": 30_000}, connection=ON_CONTROLLER)

    def configs(self):
        dice = self.dice
        kind, name = dice.choice(((2, self.name()), (2, self.name()), (4, "2"), (4, "x"), (16, "@m"), (32, "@g"), (0, "x"), (8, "1")))
        api = dice.choice(("AlterConfigs", "IncrementalAlterConfigs"))
        entries = [{"name": dice.choice(("retention.ms", "interval.ms", "no.such", "consumer.session.timeout.ms")),
                    "value": dice.choice(("50000", "x", None, "")), "config_operation": dice.choice((0, 0, 1, 2))}
                   for _ in range(dice.choice((0, 1, 1)))]
        return self.step(api, {"resources": [{"resource_type": kind, "resource_name": name, "configs": entries}],
                               "validate_only": dice.maybe(0.3)}, connection=ON_CONTROLLER)

    def metadata(self):
        topics = [{"name": name} for name in dict.fromkeys(self.dice.some(NAMES))]
        return self.step("Metadata", {"topics": topics, "allow_auto_topic_creation": False}, range(4, 100))


FAMILY = ClusterFamily
