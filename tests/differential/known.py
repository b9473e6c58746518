"""Differences that are wanted, each with its reason. One that no longer shows is reported by a run of all families."""

import re
from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Known:
    api: str  # a regular expression, too
    path: str  # a regular expression that the whole path matches, without the indexes of lists
    reason: str
    test: Callable = lambda step, peer, gregor: True
    ends_run: bool = False  # from here on the two are in different states, rightly

    def explains(self, step, difference) -> bool:
        path = re.sub(r"\[\d+\]", "", difference.path)
        return (re.fullmatch(self.api, step.api) is not None and re.fullmatch(self.path, path) is not None
                and self.test(step, difference.peer, difference.gregor))


def is_replaced(step, peer, gregor) -> bool:
    return isinstance(gregor, str) and gregor.encode(errors="surrogateescape").decode(errors="replace") == peer


DYNAMIC_BROKER_LOGGER = 6

KNOWN = (
    Known(".*", ".*", "bytes that are no UTF-8 come back as they were sent; Kafka replaces them", is_replaced),
    Known("Fetch", ".*", "Kafka's table of sessions, in eight parts, stumbles over ids that belong to none of them",
          lambda step, peer, gregor: isinstance(step.body.get("session_id"), int)
          and not 0 <= step.body["session_id"] < 8 * ((2**31 - 1) // 8)),
    Known("Fetch", "responses.partitions.aborted_transactions", "of a partition whose first batch did not fit, Kafka has no list; ours is empty",
          lambda step, peer, gregor: peer is None and gregor == []),
    Known("ApiVersions", "api_keys", "APIs that are not served yet are not advertised",
          lambda step, peer, gregor: all(row in peer for row in gregor)),
    Known("DescribeConfigs", "results.configs", "Kafka has a logger for every class; ours is the root of all",
          lambda step, peer, gregor: all(row["config_source"] == DYNAMIC_BROKER_LOGGER for row in peer)
          and all(row in peer for row in gregor)),
    Known("DescribeLogDirs", "results.topics.partitions.partition_size", "who asks for all is told of __consumer_offsets, where barrier.py writes, of the peer alone",
          lambda step, peer, gregor: step.body["topics"] is None),
    Known("DescribeTopicPartitions", "(topics|next_cursor).*", "an empty name fails the whole request in Kafka, with -1; ours says that it is invalid",
          lambda step, peer, gregor: any(topic["name"] == "" for topic in step.body["topics"])),
    Known("OffsetCommit", "topics", "a commit of no partition asks the group nothing; Kafka names the topic again where the group refuses",
          lambda step, peer, gregor: gregor == [] and not any(topic["partitions"] for topic in peer)),
    Known("OffsetFetch", "groups.error_code", "a member without a name is unknown; Kafka fails looking for it in a table",
          lambda step, peer, gregor: (peer, gregor) == (-1, 25)),
    Known(".*", "answer", "tags that do not ascend are refused, as KIP-482 has it; Kafka reads them in any order",
          lambda step, peer, gregor: bool(step.mangle) and gregor == "closes the connection"),
    Known("IncrementalAlterConfigs|AlterUserScramCredentials", "(responses|results).error_message",
          "Kafka has no words for what it did not foresee; ours say what is wrong", lambda step, peer, gregor: peer is None),
    Known("JoinGroup", "answer", "a member that asks again while it waits is answered twice; Kafka forgets its first request",
          lambda step, peer, gregor: peer == "does not answer" and isinstance(gregor, dict) and gregor["error_code"] == 27),
    Known("JoinGroup", "leader", "any member may follow a leader who left: Kafka takes the first of a hash table",
          lambda step, peer, gregor: bool(peer) and bool(gregor), ends_run=True),
)
