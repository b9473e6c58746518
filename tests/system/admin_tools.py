#!/usr/bin/env python3
"""The peer's administration tools, the same command lines against both brokers: what they print and which records the
controller writes must be the same, ids, times and addresses aside. The lines of one broker run in one JVM."""

import difflib
import json
import re
import sys
import time
from pathlib import Path

from lib import options, peer_tool
from lib.broker import Broker
from lib.report import Report, expect, expect_equal

CHANGES = {"CONFIG_RECORD", "CLEAR_ELR_RECORD", "CLIENT_QUOTA_RECORD", "USER_SCRAM_CREDENTIAL_RECORD",
           "REMOVE_USER_SCRAM_CREDENTIAL_RECORD", "FEATURE_LEVEL_RECORD", "TOPIC_RECORD", "PARTITION_RECORD",
           "PARTITION_CHANGE_RECORD", "REMOVE_TOPIC_RECORD"}
DRAWN = {"topicId", "directories", "salt", "storedKey", "serverKey"}  # ids and secrets, different at every run
SETTLE_S = 1  # the peer's brokers apply what its controller has answered a little later
VARYING = [
    (re.compile(r"localhost:\d+"), "ADDRESS"),
    (re.compile(r"\blocalhost +\d+ +"), "localhost PORT "),
    (re.compile(r"\[?20\d\d-\d\d-\d\d[T ][\d:.,]+Z?\]?"), "TIME"),
    (re.compile(r"(\w+(?:Exception|Error)): .*"), r"\1: what the broker says"),  # our sentences name the remedy, too
    (re.compile(r"/tmp/\S+?/data|\S+/gregor-\S+?/data"), "DATA"),
    (re.compile(r"(?<![\w-])[\w-]{22}(?![\w-])"), "ID"),
    (re.compile(r"\b1[678]\d{11}\b"), "MILLIS"),
    (re.compile(r'"size":\d+'), '"size":N'),
    (re.compile(r"^(LeaderEpoch|HighWatermark|MaxFollowerLag\w*|LogEndOffset):.*$", re.M), r"\1: N"),
    (re.compile(r"^(1\s+(?:ID|AAAA\S+)\s+)\d+(\s+\d+\s+)\S+(\s+)\S+(\s+Leader)", re.M), r"\1N\2T\3T\4"),
    (re.compile(r'"port":\d+|:\d{5}\b'), "PORT"),
    (re.compile(r"Epoch: \d+"), "Epoch: N"),
]


def changes(server: tuple, folder: Path) -> list[tuple]:
    """Command lines that change something, or are refused."""
    def configs(kind: str, name: str | None, *words: str) -> tuple:
        which = ("--entity-default",) if name is None else ("--entity-name", name)
        return ("configs", *server, "--alter", "--entity-type", kind, *which, *words)

    return [
        ("topics", *server, "--create", "--topic", "t", "--partitions", "2", "--config", "retention.ms=100000000"),
        ("topics", *server, "--create", "--topic", "u"),
        ("topics", *server, "--create", "--topic", "u", "--if-not-exists"),
        ("topics", *server, "--create", "--topic", "bad name"),
        ("topics", *server, "--create", "--topic", "v", "--config", "nokey=1"),
        ("topics", *server, "--alter", "--topic", "t", "--partitions", "4"),
        ("topics", *server, "--alter", "--topic", "t", "--partitions", "1"),
        ("topics", *server, "--alter", "--topic", "nowhere", "--partitions", "4"),
        configs("topics", "t", "--add-config", "segment.bytes=2000000"),
        configs("topics", "t", "--add-config", "cleanup.policy=[compact,delete]"),
        configs("topics", "t", "--add-config", "min.insync.replicas=1"),
        configs("topics", "t", "--delete-config", "retention.ms"),
        configs("topics", "t", "--delete-config", "nokey"),
        configs("topics", "t", "--add-config", "segment.bytes=abc"),
        configs("topics", "t", "--add-config", "segment.bytes=1"),
        configs("topics", "t", "--add-config", "nokey=1"),
        configs("topics", "nowhere", "--add-config", "segment.bytes=2000000"),
        configs("brokers", "1", "--add-config", "log.retention.ms=200000000"),
        configs("brokers", None, "--add-config", "log.retention.ms=300000000"),
        configs("brokers", "1", "--add-config", "message.max.bytes=2000000,log.flush.interval.ms=5000"),
        configs("brokers", "1", "--delete-config", "message.max.bytes"),
        configs("brokers", "1", "--add-config", "log.dirs=/nowhere"),
        configs("brokers", "1", "--add-config", "background.threads=1000"),
        configs("brokers", "1", "--add-config", "min.insync.replicas=2"),
        configs("brokers", "1", "--add-config", "leader.replication.throttled.rate=1000000"),
        configs("groups", "g", "--add-config", "consumer.session.timeout.ms=50000"),
        configs("groups", "g", "--add-config", "consumer.session.timeout.ms=1"),
        configs("groups", "g", "--add-config", "nokey=1"),
        configs("client-metrics", "m", "--add-config", "interval.ms=10000,match=[client_id=a.*]"),
        configs("client-metrics", "m", "--add-config", "interval.ms=1"),
        ("client-metrics", *server, "--alter", "--name", "n", "--metrics", "org.apache.kafka.producer.", "--interval", "30000"),
        ("client-metrics", *server, "--alter", "--name", "n2", "--interval", "30000"),
        ("client-metrics", *server, "--delete", "--name", "n2"),
        configs("users", "bob", "--add-config", "producer_byte_rate=1024,consumer_byte_rate=2048"),
        configs("users", None, "--add-config", "request_percentage=50"),
        configs("users", "bob", "--delete-config", "consumer_byte_rate"),
        configs("users", "bob", "--add-config", "producer_byte_rate=0"),
        configs("users", "bob", "--add-config", "nokey=1"),
        configs("clients", "c", "--add-config", "controller_mutation_rate=2.5"),
        configs("ips", "127.0.0.1", "--add-config", "connection_creation_rate=100"),
        configs("users", "eve", "--add-config", "SCRAM-SHA-256=[iterations=8192,password=secret]"),
        configs("users", "eve", "--add-config", "SCRAM-SHA-512=[password=secret]"),
        configs("users", "eve", "--delete-config", "SCRAM-SHA-512"),
        configs("users", "eve", "--add-config", "SCRAM-SHA-256=[iterations=1,password=secret]"),
        configs("users", "nobody", "--delete-config", "SCRAM-SHA-256"),
        ("features", *server, "downgrade", "--feature", "share.version=0"),
        ("features", *server, "upgrade", "--feature", "share.version=1"),
        ("features", *server, "upgrade", "--feature", "share.version=9"),
        ("features", *server, "upgrade", "--feature", "nofeature=1"),
        ("features", *server, "downgrade", "--metadata", "4.0-IV0"),
        ("leader-election", *server, "--election-type", "preferred", "--all-topic-partitions"),
        ("leader-election", *server, "--election-type", "preferred", "--topic", "t", "--partition", "0"),
        ("leader-election", *server, "--election-type", "unclean", "--topic", "t", "--partition", "0"),
        ("leader-election", *server, "--election-type", "preferred", "--topic", "nowhere", "--partition", "0"),
        ("reassign-partitions", *server, "--reassignment-json-file", folder / "same.json", "--execute"),
        ("reassign-partitions", *server, "--reassignment-json-file", folder / "same.json", "--verify"),
        ("reassign-partitions", *server, "--reassignment-json-file", folder / "other.json", "--execute"),
        ("reassign-partitions", *server, "--topics-to-move-json-file", folder / "topics.json", "--broker-list", "1", "--generate"),
        ("cluster", "unregister", *server, "--id", "9"),
        ("topics", *server, "--delete", "--topic", "u"),
        ("topics", *server, "--delete", "--topic", "nowhere"),
    ]


def questions(server: tuple) -> list[tuple]:
    def describe(kind: str, name: str | None, *words: str) -> tuple:
        which = () if name is None else ("--entity-default",) if name == "" else ("--entity-name", name)
        return ("configs", *server, "--describe", "--entity-type", kind, *which, *words)

    return [
        ("topics", *server, "--describe", "--topic", "t"),
        ("topics", *server, "--describe", "--topics-with-overrides"),
        ("topics", *server, "--describe", "--under-replicated-partitions"),
        ("topics", *server, "--describe", "--unavailable-partitions"),
        describe("topics", "t"),
        describe("topics", "t", "--all"),
        describe("topics", "nowhere"),
        describe("topics", None),
        describe("brokers", "1"),
        describe("brokers", ""),
        describe("groups", "g"),
        describe("groups", "g", "--all"),
        describe("client-metrics", "m"),
        describe("users", None),
        describe("users", "bob"),
        describe("users", "eve"),
        describe("clients", None),
        describe("ips", None),
        ("client-metrics", *server, "--list"),
        ("client-metrics", *server, "--describe"),
        ("log-dirs", *server, "--describe", "--topic-list", "t"),
        ("metadata-quorum", *server, "describe", "--status"),
        ("metadata-quorum", *server, "describe", "--replication"),
        ("features", *server, "describe"),
        ("cluster", "cluster-id", *server),
        ("cluster", "list-endpoints", *server),
        ("reassign-partitions", *server, "--list"),
        ("acls", *server, "--list"),
        ("acls", *server, "--add", "--allow-principal", "User:a", "--operation", "read", "--topic", "t"),
        ("delegation-tokens", *server, "--describe"),
    ]


def write_plans(folder: Path) -> None:
    def plan(broker: int) -> str:
        return json.dumps({"version": 1, "partitions": [{"topic": "t", "partition": 0, "replicas": [broker]}]})

    (folder / "same.json").write_text(plan(1))
    (folder / "other.json").write_text(plan(5))
    (folder / "topics.json").write_text(json.dumps({"version": 1, "topics": [{"topic": "t"}]}))


def normalise(text: str) -> str:
    for pattern, name in VARYING:
        text = pattern.sub(name, text)
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    return "\n".join(line for line in lines if line and "StatusConsoleListener" not in line)


def title(call: tuple) -> str:
    words = [str(word) for word in call if "localhost" not in str(word) and word != "--bootstrap-server"]
    return " ".join(Path(word).name if word.startswith("/") else word for word in words)


def printed(broker: Broker) -> dict[str, str]:
    """What each line prints, by its title."""
    server = ("--bootstrap-server", broker.address)
    write_plans(broker.folder)
    output = {}
    for calls in (changes(server, broker.folder), questions(server)):
        for call, text in zip(calls, peer_tool.run_many(calls)):
            output[title(call)] = normalise(text)
        time.sleep(SETTLE_S)
    return output


def sorted_lines(text: str) -> list[str]:
    """Java prints much in the order of its hash tables."""
    def sorted_items(match: re.Match) -> str:
        return match[1] + ",".join(sorted(re.split(r",\s*", match[2]))) + match[3]

    return sorted(re.sub(r"(\{|Configs: )([^}]*)(\}|$)", sorted_items, line) for line in text.splitlines())


def same(name: str, seen: dict[str, str], wanted: dict[str, str]) -> None:
    if sorted_lines(seen[name]) != sorted_lines(wanted[name]):
        difference = difflib.unified_diff(wanted[name].splitlines(), seen[name].splitlines(), "peer", "gregor", "", "", 0)
        raise AssertionError("\n" + "\n".join(difference))


def records(broker: Broker) -> list[str]:
    """Every change in the metadata log. Configs that were written together are in no particular order."""
    segments = sorted((broker.data / "__cluster_metadata-0").glob("*.log"))
    text = peer_tool.run("dump-log", "--cluster-metadata-decoder", "--files", ",".join(map(str, segments)))
    expect("Could not decode" not in text and "skipping" not in text, "dump-log cannot read a record")
    found = []
    for payload in re.findall(r"payload: (\{.*\})$", text, re.M):
        record = json.loads(payload)
        if record["type"] in CHANGES:
            data = {key: "drawn" if key in DRAWN else value for key, value in record["data"].items()}
            found.append((f"{record['type']} v{record['version']} {data.get('resourceName', '')}", json.dumps(data)))
    lines, together = [], []
    for i, (kind, data) in enumerate(found):
        together.append(f"{kind} {data}")
        if i + 1 == len(found) or found[i + 1][0] != kind:
            lines += sorted(together)
            together = []
    return lines


def same_records(brokers: dict[str, Broker]) -> None:
    expect_equal(records(brokers["gregor"]), records(brokers["peer"]), "changes in the metadata log")


def main() -> int:
    chosen = options.parser(__doc__).parse_args()
    report = Report("admin_tools")
    with Broker("peer", "admin-peer") as peer, Broker(chosen.broker, "admin") as other:
        output = {}
        for flavour, broker in (("peer", peer), ("gregor", other)):
            output[flavour] = printed(broker)
            broker.stop()
        for name in output["peer"]:
            report.run(name, same, name, output["gregor"], output["peer"])
        report.run("records of the metadata log", same_records, {"peer": peer, "gregor": other})
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
