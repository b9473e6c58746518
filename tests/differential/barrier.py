"""Waits until the peer has applied what it answered.

Kafka answers a change of metadata when the controller has committed it; its broker half applies it a moment later, on a thread
of its own. The image's offset is the features' epoch of ApiVersions; a second change, made here, is published only
when all publishers are done with the first."""

import time

from lib import wire
from pair import Step
from schema import Api

LIMIT_S = 20
GROUP_LIMIT_S = 2
PROBES = [f"run0-{number}" for number in range(5)]  # groups, one on each partition of __consumer_offsets: their hashes follow
CONNECTIONS = 16  # enough for one on every shard
EARLIEST = -2
LEADER_NOT_AVAILABLE, UNKNOWN_TOPIC, TRANSACTIONAL_ID_NOT_FOUND, NONE = 5, 3, 105, 0
MUTATING = {"CreateTopics", "DeleteTopics", "CreatePartitions", "AlterConfigs", "IncrementalAlterConfigs", "FindCoordinator",
            "AlterClientQuotas", "UpdateFeatures", "ElectLeaders", "AlterPartitionReassignments", "AlterUserScramCredentials"}

LOOKING_AT_TOPICS = {"ConsumerGroupHeartbeat", "JoinGroup"}
CHANGING_TOPICS = {"CreateTopics", "CreatePartitions"}


def wanted_topics(step: Step, answer) -> list[str]:
    """Names that a Metadata request makes the brokers create, after their answer."""
    if step.api != "Metadata" or not isinstance(answer, dict) or not (step.version < 4 or step.body["allow_auto_topic_creation"]):
        return []
    return [topic["name"] for topic in answer["topics"] if topic["error_code"] in (LEADER_NOT_AVAILABLE, UNKNOWN_TOPIC)
            and topic["name"]]


def steps_in_consumer_group(step: Step, answer) -> bool:
    """Kafka matches regular expressions after the answer, on a thread of its own."""
    return step.api == "ConsumerGroupHeartbeat" and isinstance(answer, dict) and answer["error_code"] == NONE


def ending_transaction(step: Step, answer) -> bool:
    """Has a request been answered that leaves a transaction to be ended behind its back?"""
    return (step.api in ("EndTxn", "InitProducerId") and isinstance(answer, dict) and bool(step.body["transactional_id"]))


class Barrier:
    """A connection of its own to the peer, and to Gregor for topics that come by themselves."""

    def __init__(self, ports: list[int], apis: dict[str, Api], ask):
        self.ports, self.apis, self.ask = ports, apis, ask
        self.peer = wire.connect(ports[0])
        self.new_topics: set[str] = set()  # or with new partitions; for the coordinators
        self.unhosted: set[str] = set()  # the same, for the log manager

    def close(self) -> None:
        self.peer.close()

    def wait(self) -> None:
        self.wait_for_image(self.committed())
        entity = [{"entity_type": "client-id", "entity_name": "barrier"}]
        change = {"key": "producer_byte_rate", "value": float(time.time_ns() // 1000), "remove": False}  # a whole number, and another each time
        answer = self.ask(self.peer, "AlterClientQuotas", 1, {"entries": [{"entity": entity, "ops": [change]}]})
        if error := answer["entries"][0]["error_code"]:
            raise RuntimeError(f"the barrier's own change is refused: {error}")
        self.wait_for_image(self.committed())
        self.wait_for_partitions()

    def wait_for_partitions(self) -> None:
        """On a busy machine a partition of which the broker tells may still have no log: NOT_LEADER_OR_FOLLOWER."""
        names, self.unhosted = sorted(self.unhosted), set()
        topics = [{"name": name, "partitions": [{"partition_index": index, "timestamp": EARLIEST} for index in range(count)]}
                  for name, count in self.partition_counts(names).items()]
        if topics:
            poll(lambda: self.are_hosted(topics), f"the partitions of {names}")

    def are_hosted(self, topics: list[dict]) -> bool:
        answer = self.ask(self.peer, "ListOffsets", 6, {"replica_id": -1, "topics": topics})
        return all(partition["error_code"] == NONE for topic in answer["topics"] for partition in topic["partitions"])

    def partition_counts(self, names: list[str]) -> dict[str, int]:
        """Of those that there are."""
        body = {"topics": [{"name": name} for name in names], "allow_auto_topic_creation": False}
        answer = self.ask(self.peer, "Metadata", 9, body) if names else {"topics": []}
        return {topic["name"]: len(topic["partitions"]) for topic in answer["topics"] if topic["partitions"]}

    def wait_for_coordinators(self) -> None:
        """Kafka's group coordinators, each an event loop, hear of topics after the broker: until each gives all partitions away."""
        names, self.new_topics = sorted(self.new_topics), set()
        counts = self.partition_counts(names)
        made = list(counts)
        for group in PROBES if made else ():
            poll(lambda group=group: self.given(group, made) == sum(counts.values()), f"a coordinator that knows {made}")

    def given(self, group: str, topics: list[str]) -> int:
        body = {"group_id": group, "member_id": "probe", "member_epoch": 0, "rebalance_timeout_ms": 300_000,
                "subscribed_topic_names": topics, "topic_partitions": []}
        answer = self.ask(self.peer, "ConsumerGroupHeartbeat", 1, body)
        return sum(len(topic["partitions"]) for topic in (answer["assignment"] or {"topic_partitions": []})["topic_partitions"])

    def committed(self) -> int:
        topics = [{"topic_name": "__cluster_metadata", "partitions": [{"partition_index": 0}]}]
        answer = self.ask(self.peer, "DescribeQuorum", 0, {"topics": topics})
        return answer["topics"][0]["partitions"][0]["high_watermark"] - 1

    def wait_for_image(self, offset: int) -> None:
        body = {"client_software_name": "barrier", "client_software_version": "1"}
        poll(lambda: self.ask(self.peer, "ApiVersions", 3, body)["finalized_features_epoch"] >= offset, "the peer's image")

    def wait_until_warm(self) -> None:
        """Both coordinators lead and have loaded every partition of __consumer_offsets, and have producer ids at hand."""
        names = [f"group-{number}" for number in range(40)]
        for port in self.ports:
            with wire.connect(port) as connection:
                find, describe = {"key": names[0], "key_type": 0}, {"groups": names}
                poll(lambda: self.ask(connection, "FindCoordinator", 3, find)["error_code"] == NONE, "a coordinator")
                poll(lambda: all(group["error_code"] == NONE for group in
                                 self.ask(connection, "DescribeGroups", 5, describe)["groups"]), "all coordinators")
                find["key_type"] = 1
                poll(lambda: self.ask(connection, "FindCoordinator", 3, find)["error_code"] == NONE, "a transaction coordinator")
                poll(lambda: all(state["error_code"] == TRANSACTIONAL_ID_NOT_FOUND for state in self.transactions(connection, names)),
                     "all transaction coordinators")
            for connection in [wire.connect(port) for _ in range(CONNECTIONS)]:
                with connection:
                    producer = {"transactional_id": None, "transaction_timeout_ms": 60_000}
                    poll(lambda: self.ask(connection, "InitProducerId", 2, producer)["error_code"] == NONE, "producer ids")

    def transactions(self, connection, names: list[str]) -> list[dict]:
        return self.ask(connection, "DescribeTransactions", 0, {"transactional_ids": names})["transaction_states"]

    def wait_for_transaction(self, name: str) -> None:
        """Its markers are in every partition, and its coordinator knows."""
        for port in self.ports:
            with wire.connect(port) as connection:
                poll(lambda: not any(state["transaction_state"].startswith("Prepare") for state in self.transactions(connection, [name])),
                     f"the end of transaction {name}")

    def wait_for_group(self, name: str) -> None:
        """Until both have the same epoch. Where they never have, the run itself shall find out."""
        deadline = time.monotonic() + GROUP_LIMIT_S
        while len(set(map(self.epoch_of, [name] * 2, self.ports))) > 1 and time.monotonic() < deadline:
            time.sleep(0.002)

    def epoch_of(self, group: str, port: int) -> int:
        with wire.connect(port) as connection:
            return self.ask(connection, "ConsumerGroupDescribe", 0, {"group_ids": [group]})["groups"][0]["group_epoch"]

    def wait_for_topics(self, names: list[str]) -> None:
        for port in self.ports:
            with wire.connect(port) as connection:
                body = {"topics": [{"name": name} for name in names], "allow_auto_topic_creation": False}
                poll(lambda: all(topic["error_code"] != UNKNOWN_TOPIC
                                 for topic in self.ask(connection, "Metadata", 9, body)["topics"]), f"topics {names}")


def poll(condition, what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} after {LIMIT_S} s")
        time.sleep(0.001)
