#!/usr/bin/env python3
"""The peer's tools on what Gregor has written and on Gregor itself. The same work is done with both brokers; what a
tool prints for Gregor is what it prints for Kafka, ids, times and ports aside."""

import difflib
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition

from lib import options, peer_tool
from lib.broker import Broker
from lib.report import Report, expect, expect_equal

TOPIC, GROUP = "tools", "tools-group"
VALUE_BYTES = 8000  # the uncompressed ones fill more than a segment
SHELL_TRIES = 3  # now and then it prints before it has read everything, the peer's log too
FIRST_OFFSET_NOTE = re.compile(r"Non-consecutive offsets in \S+\n  -1 is followed by \d+\n")  # of every segment after the first
COMPLAINT = re.compile(r"exception|error|mismatch|corrupt|non-consecutive|invalid|found .*bytes|not found", re.IGNORECASE)
VARYING = [
    (re.compile(r"localhost:\d+"), "ADDRESS"),
    (re.compile(r"\b20\d\d-\d\d-\d\d[T ][\d:.,]+Z?"), "TIME"),
    (re.compile(r"(?<![\w-])[\w-]{22}(?![\w-])"), "ID"),
    (re.compile(r"localhost 2\d{4} "), "localhost PORT "),
    (re.compile(r"\b1[67]\d{11}\b"), "MILLIS"),
]


def work(broker: Broker) -> None:
    """Topics, records in every codec, segments that roll, a group."""
    with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
        admin.create_topics({TOPIC: {"num_partitions": 2, "replication_factor": 1,
                                     "configs": {"segment.bytes": "1048576", "index.interval.bytes": "1024"}}},
                            wait_for_metadata=True)
    for codec in (None, "gzip", "snappy", "lz4", "zstd"):
        producer = KafkaProducer(bootstrap_servers=broker.address, compression_type=codec, linger_ms=2)
        for i in range(300):
            producer.send(TOPIC, bytes([i % 251]) * VALUE_BYTES, key=b"%d" % i, headers=[("h", b"v")], partition=i % 2,
                          timestamp_ms=1_700_000_000_000 + i)
        producer.close(timeout=20)
    consumer = KafkaConsumer(bootstrap_servers=broker.address, group_id=GROUP, enable_auto_commit=False)
    consumer.commit({TopicPartition(TOPIC, 0): OffsetAndMetadata(100, "", -1),
                     TopicPartition(TOPIC, 1): OffsetAndMetadata(750, "", -1)})
    consumer.close()


def printed(broker: Broker) -> dict[str, str]:
    """What each tool prints, with what differs from run to run taken out."""
    server = ("--bootstrap-server", broker.address)
    calls = {
        "topics --list": ("topics", *server, "--list", "--exclude-internal"),
        "topics --describe": ("topics", *server, "--describe", "--topic", TOPIC),
        "topics, one that is not there": ("topics", *server, "--describe", "--topic", "nowhere"),
        "topics, created twice": ("topics", *server, "--create", "--topic", TOPIC),
        "get-offsets": ("get-offsets", *server, "--topic", TOPIC),
        "get-offsets, earliest": ("get-offsets", *server, "--topic", TOPIC, "--time", "earliest"),
        "get-offsets, max timestamp": ("get-offsets", *server, "--topic", TOPIC, "--time", "max-timestamp"),
        "get-offsets, a time": ("get-offsets", *server, "--topic", TOPIC, "--time", "1700000000150"),
        "consumer-groups --list": ("consumer-groups", *server, "--list"),
        "consumer-groups --describe": ("consumer-groups", *server, "--describe", "--group", GROUP),
        "consumer-groups --state": ("consumer-groups", *server, "--describe", "--group", GROUP, "--state"),
        "consumer-groups --members": ("consumer-groups", *server, "--describe", "--group", GROUP, "--members"),
        "consumer-groups, one that is not there": ("consumer-groups", *server, "--describe", "--group", "nobody"),
        "cluster": ("cluster", "list-endpoints", *server),
    }
    with ThreadPoolExecutor(2) as pool:
        running = {name: pool.submit(peer_tool.run, *call, may_fail=True) for name, call in calls.items()}
        return {name: normalise(future.result()) for name, future in running.items()}


def shell(broker: Broker) -> dict[str, str]:
    """The metadata shell, on the directory of a broker that is stopped."""
    snapshot = broker.data / "__cluster_metadata-0" / "00000000000000000000.log"
    commands = {"metadata-shell, tree of topics": ("tree", "/image/topics/byName"),
                "metadata-shell, configs": ("tree", "/image/configs")}
    return {name: max((normalise(peer_tool.run("metadata-shell", "--snapshot", snapshot, *words))
                       for _ in range(SHELL_TRIES)), key=len) for name, words in commands.items()}


def normalise(text: str) -> str:
    for pattern, name in VARYING:
        text = pattern.sub(name, text)
    # Kafka lists configs in the order of a hash table.
    text = re.sub(r"Configs: (\S+)", lambda match: "Configs: " + ",".join(sorted(match[1].split(","))), text)
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    return "\n".join(line for line in lines if line and "StatusConsoleListener" not in line)


def same(name: str, seen: dict[str, str], wanted: dict[str, str]) -> None:
    if seen[name] != wanted[name]:
        difference = difflib.unified_diff(wanted[name].splitlines(), seen[name].splitlines(), "peer", "gregor", "", "", 0)
        raise AssertionError("\n" + "\n".join(difference))


def dump(files: list[Path], *arguments) -> str:
    return peer_tool.run("dump-log", "--files", ",".join(map(str, files)), *arguments)


def dump_segments(broker: Broker) -> None:
    """Every segment in depth, every index against its segment."""
    segments = sorted(path for path in broker.data.glob("*-*/*.log") if "__cluster_metadata" not in str(path))
    expect(sum(path.parent.name.startswith(TOPIC) for path in segments) > 2, "no segment has rolled")
    text = FIRST_OFFSET_NOTE.sub("", dump(segments, "--deep-iteration", "--print-data-log"))
    found = COMPLAINT.search(text)
    expect(found is None, f"dump-log complains: {text[found.start() - 300:found.end() + 300] if found else ''}")
    records = len(re.findall(rf"^\| offset: \d+ .*keySize: \d+ valueSize: {VALUE_BYTES} ", text, re.M))
    expect_equal(records, 1500, "records that dump-log reads")


def dump_indexes(broker: Broker) -> None:
    indexes = sorted(path for suffix in ("index", "timeindex") for path in broker.data.glob(f"*-*/*.{suffix}")
                     if "__cluster_metadata" not in str(path) and path.stat().st_size > 0)
    expect(indexes != [], "there is no index")
    for arguments in (("--index-sanity-check",), ()):
        text = dump(indexes, *arguments)
        found = COMPLAINT.search(text)
        expect(found is None, f"dump-log complains: {text[found.start() - 300:found.end() + 300] if found else ''}")
        if arguments:
            expect_equal(text.count("passed sanity check"), len(indexes), "indexes that pass the sanity check")


def dump_offsets(broker: Broker) -> None:
    text = dump(sorted(broker.data.glob("__consumer_offsets-*/*.log")), "--offsets-decoder")
    expect(GROUP in text and '"offset":750' in text.replace(" ", ""), f"the committed offset is not in {text[-2000:]}")


def dump_metadata(broker: Broker) -> list[str]:
    text = dump(sorted((broker.data / "__cluster_metadata-0").glob("*.log")), "--cluster-metadata-decoder")
    found = COMPLAINT.search(text)
    expect(found is None, f"dump-log complains: {text[found.start() - 300:found.end() + 300] if found else ''}")
    return re.findall(r'"type":"(\w+)"', text)


def same_metadata(brokers: dict[str, Broker]) -> None:
    """The same kinds of records in the same order; a broker at rest writes no-op records as it likes."""
    kinds = {flavour: [kind for kind in dump_metadata(broker) if kind != "NO_OP_RECORD"]
             for flavour, broker in brokers.items()}
    expect_equal(kinds["gregor"], kinds["peer"], "types of metadata records")


def run_both(report: Report, brokers: dict[str, Broker]) -> None:
    output = {}
    for flavour, broker in brokers.items():
        work(broker)
        output[flavour] = printed(broker)
        broker.stop()
        output[flavour] |= shell(broker)
    for name in output["peer"]:
        report.run(name, same, name, output["gregor"], output["peer"])
    for name, case in (("segments", dump_segments), ("indexes", dump_indexes), ("offsets", dump_offsets),
                       ("metadata", dump_metadata)):
        report.run(f"dump-log, {name}", case, brokers["gregor"])
    report.run("metadata records as the peer's", same_metadata, brokers)


def main() -> int:
    chosen = options.parser(__doc__).parse_args()
    report = Report("tools")
    with Broker("peer", "tools-peer") as peer, Broker(chosen.broker, "tools") as other:
        run_both(report, {"peer": peer, "gregor": other})
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
