"""Which fields of answers need not be equal, and what must hold of them instead; which lists have no order in Kafka."""

import time
from dataclasses import dataclass

import memberships


@dataclass(frozen=True)
class Id:
    """Chosen by a broker: paired with what the other chose."""

    kind: str
    plain: tuple = ()  # values that stand for none

    def is_generated(self, value) -> bool:
        return value is not None and value not in self.plain


class Ignored:
    @staticmethod
    def equal(peer, gregor) -> bool:
        return True


class Text:
    """Words for humans: there or not."""

    @staticmethod
    def equal(peer, gregor) -> bool:
        return (peer is None) == (gregor is None)


class Sign:
    """Only whether it is negative, zero or positive."""

    @staticmethod
    def equal(peer, gregor) -> bool:
        return (peer > 0) - (peer < 0) == (gregor > 0) - (gregor < 0)


class Time:
    """Equal, or both the brokers' own clocks."""

    @staticmethod
    def equal(peer, gregor) -> bool:
        now = time.time() * 1000
        return peer == gregor or (abs(peer - gregor) < 60_000 and abs(peer - now) < 3_600_000)


class Assigned:
    """Kafka writes topics in the order of their random ids' hashes."""

    @staticmethod
    def equal(peer, gregor) -> bool:
        return memberships.in_order(peer) == memberships.in_order(gregor)


NOBODYS = {"topic": b"\7" * 16, "member": "nobody", "producer": 987_654_321, "session": 123_456, "cluster": "none",
           "port": 1, "directory": b"\6" * 16, "folder": "/nowhere"}

MEMBER = Id("member", ("",))
FIELDS = {
    "throttle_time_ms": Ignored,
    "error_message": Text,
    "documentation": Text,
    "batch_index_error_message": Text,
    "topic_id": Id("topic", (bytes(16),)),
    "replica_directory_id": Id("directory", (bytes(16),)),
    "member_id": MEMBER,
    "producer_id": Id("producer", (-1,)),
    "session_id": Id("session", (0,)),
    "cluster_id": Id("cluster"),
    "port": Id("port", (-1,)),
    "log_append_time_ms": Time,
    "base_timestamp": Time,
    "max_timestamp": Time,
    "timestamp": Time,
    "last_timestamp": Time,
    "finalized_features_epoch": Sign,
    "transaction_start_time_ms": Time,
}
ONLY_IN = {
    ("JoinGroupResponse", "leader"): MEMBER,
    ("SyncGroupResponse", "assignment"): Assigned,
    ("DescribeGroupsResponse", "member_assignment"): Assigned,
    ("DescribeQuorumResponse", "high_watermark"): Sign,
    ("DescribeQuorumResponse", "log_end_offset"): Sign,
    ("DescribeQuorumResponse", "leader_epoch"): Sign,
    ("DescribeQuorumResponse", "last_fetch_timestamp"): Time,
    ("DescribeQuorumResponse", "last_caught_up_timestamp"): Time,
    ("DescribeLogDirsResponse", "log_dir"): Id("folder"),
    ("DescribeLogDirsResponse", "total_bytes"): Sign,
    ("DescribeLogDirsResponse", "usable_bytes"): Sign,
}

# Whom an answer is for: paired before the leader that it names, who may be another one (known.py).
OWN_NAME = "member_id"

# What names an element of a list.
IDENTITY = ("name", "topic", "topic_name", "topic_id", "group_id", "index", "partition_index", "partition", "member_id",
            "group_instance_id", "client_id", "resource_type", "resource_name", "user")

# Kafka answers these in the order of a hash table, or shuffled on purpose.
UNORDERED = {
    "ProduceResponse.responses",
    "ProduceResponse.responses.partition_responses",
    "ListOffsetsResponse.topics",
    "ListOffsetsResponse.topics.partitions",
    "OffsetForLeaderEpochResponse.topics",
    "DeleteRecordsResponse.topics",
    "DeleteRecordsResponse.topics.partitions",
    "MetadataResponse.topics",
    "DescribeGroupsResponse.groups",
    "DescribeGroupsResponse.groups.members",
    "DeleteGroupsResponse.results",
    "OffsetFetchResponse.topics",
    "OffsetFetchResponse.topics.partitions",
    "OffsetFetchResponse.groups",
    "OffsetFetchResponse.groups.topics",
    "OffsetFetchResponse.groups.topics.partitions",
    "OffsetCommitResponse.topics",
    "OffsetCommitResponse.topics.partitions",
    "JoinGroupResponse.members",
    "ConsumerGroupHeartbeatResponse.assignment.topic_partitions",
    "ConsumerGroupDescribeResponse.groups",
    "ConsumerGroupDescribeResponse.groups.members",
    "ConsumerGroupDescribeResponse.groups.members.subscribed_topic_names",
    "ConsumerGroupDescribeResponse.groups.members.assignment.topic_partitions",
    "ConsumerGroupDescribeResponse.groups.members.assignment.topic_partitions.partitions",
    "ConsumerGroupDescribeResponse.groups.members.target_assignment.topic_partitions",
    "CreatePartitionsResponse.results",
    "CreateTopicsResponse.topics",
    "CreateTopicsResponse.topics.configs",
    "DeleteTopicsResponse.responses",
    "DescribeConfigsResponse.results.configs",
    "AlterReplicaLogDirsResponse.results",
    "AlterReplicaLogDirsResponse.results.partitions",
    "DescribeLogDirsResponse.results.topics",
    "DescribeLogDirsResponse.results.topics.partitions",
    "AlterClientQuotasResponse.entries",
    "AlterClientQuotasResponse.entries.entity",
    "AlterUserScramCredentialsResponse.results",
    "DescribeUserScramCredentialsResponse.results",
    "DescribeUserScramCredentialsResponse.results.credential_infos",
    "DescribeClientQuotasResponse.entries",
    "DescribeClientQuotasResponse.entries.entity",
    "ElectLeadersResponse.replica_election_results",
    "DescribeClientQuotasResponse.entries.values",
    "IncrementalAlterConfigsResponse.responses",
    "AlterConfigsResponse.responses",
    "ListConfigResourcesResponse.config_resources",
    "ListGroupsResponse.groups",
    "DescribeTransactionsResponse.transaction_states.topics",
    "DescribeTransactionsResponse.transaction_states.topics.partitions",
    "DescribeProducersResponse.topics.partitions.active_producers",
    "ListTransactionsResponse.transaction_states",
    "ListTransactionsResponse.unknown_state_filters",
    "AddPartitionsToTxnResponse.results_by_transaction",
    "AddPartitionsToTxnResponse.results_by_transaction.topic_results",
    "AddPartitionsToTxnResponse.results_by_transaction.topic_results.results_by_partition",
    "AddPartitionsToTxnResponse.results_by_topic_v3_and_below",
    "AddPartitionsToTxnResponse.results_by_topic_v3_and_below.results_by_partition",
    "TxnOffsetCommitResponse.topics",
    "TxnOffsetCommitResponse.topics.partitions",
    "WriteTxnMarkersResponse.markers",
    "WriteTxnMarkersResponse.markers.topics",
    "WriteTxnMarkersResponse.markers.topics.partitions",
}


def of(message: str, name: str):
    return ONLY_IN.get((message, name)) or FIELDS.get(name)
