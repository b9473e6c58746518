"""Partitions in an administrator's hands: elections, reassignments, records deleted, sizes on disk, active producers."""

from logs import PARTITIONS, TOPICS, LogFamily

NOWHERE = "/nowhere"


class PartitionsFamily(LogFamily):
    WEIGHTS = {"fill": 2, "elect": 5, "reassign": 6, "list_reassignments": 3, "delete_records": 4, "sizes": 3, "move": 3,
               "producers": 3, "grow": 1, "quorum": 1}

    def indexes(self, most: int = 3) -> list[int]:
        """The same one twice now and then."""
        return [self.partition() for _ in range(self.dice.choice((0, *range(1, most + 1), 1, 1)))]

    def names(self) -> list[str]:
        return [self.topic() for _ in range(self.dice.choice((0, 1, 1, 1, 2, 3)))]

    def brokers(self) -> list[int]:
        return self.dice.choice(([1], [1], [1], [], [2], [1, 2], [1, 1], [-1], [2, 1]))

    # ---- elections

    def elect(self):
        dice = self.dice
        topics = None if dice.maybe(0.05) else [{"topic": name, "partitions": self.indexes()} for name in self.names()]
        return self.either_end("ElectLeaders", {"election_type": dice.choice((0, 0, 0, 1, 1, 2, -1)), "topic_partitions": topics,
                                                "timeout_ms": dice.choice((30_000, 30_000, 5000))})

    # ---- reassignments

    def reassign(self):
        dice = self.dice

        def partition(index: int) -> dict:
            return {"partition_index": index, "replicas": None if dice.maybe(0.3) else self.brokers()}
        topics = [{"name": name, "partitions": [partition(index) for index in self.indexes()]} for name in self.names()]
        return self.either_end("AlterPartitionReassignments", {
            "timeout_ms": 30_000, "allow_replication_factor_change": dice.maybe(0.7), "topics": topics})

    def list_reassignments(self):
        topics = None if self.dice.maybe(0.3) else [{"name": name, "partition_indexes": self.indexes()} for name in self.names()]
        return self.either_end("ListPartitionReassignments", {"timeout_ms": 30_000, "topics": topics})

    # ---- the log; what is in the internal topics is other families' business

    def own_names(self) -> list[str]:
        return [name for name in self.names() if not name.startswith("__")]

    def delete_records(self):
        dice = self.dice
        topics = [{"name": name, "partitions": [{"partition_index": index, "offset": dice.choice((-1, 0, 1, 3, 8, -2, 10**6))}
                                                for index in self.indexes()]} for name in self.names()]
        return self.step("DeleteRecords", {"topics": topics, "timeout_ms": 30_000})

    def sizes(self):
        topics = [{"topic": name, "partitions": self.indexes()} for name in self.own_names()]
        return self.step("DescribeLogDirs", {"topics": topics})

    def move(self):
        """To folders that are none: where a replica may go is for tests with several."""
        dice = self.dice
        dirs = [{"path": dice.choice((NOWHERE, "", "relative", "/")),
                 "topics": [{"name": name, "partitions": self.indexes()} for name in self.names()]}
                for _ in range(dice.choice((0, 1, 1, 2)))]
        return self.step("AlterReplicaLogDirs", {"dirs": dirs})

    def producers(self):
        topics = [{"name": name, "partition_indexes": self.indexes()} for name in self.own_names()]
        return self.step("DescribeProducers", {"topics": topics})

    def grow(self):
        topics = [{"name": name, "count": self.dice.choice((PARTITIONS, 0, 1, -1)),
                   "assignments": self.dice.choice((None, [], [{"broker_ids": self.brokers()}]))}
                  for name in self.names()]
        return self.either_end("CreatePartitions", {"topics": topics, "timeout_ms": 30_000, "validate_only": self.dice.maybe(0.5)})

    def quorum(self):
        dice = self.dice
        topics = [{"topic_name": dice.choice(("__cluster_metadata", "__cluster_metadata", "", *TOPICS)),
                   "partitions": [{"partition_index": dice.choice((0, 0, 0, 1, -1))} for _ in range(dice.choice((1, 1, 2, 0)))]}
                  for _ in range(dice.choice((0, 1, 1, 1, 2)))]
        return self.either_end("DescribeQuorum", {"topics": topics})


FAMILY = PartitionsFamily
