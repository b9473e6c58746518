#!/usr/bin/env python3
"""The first start on an empty directory against the peer's `kafka-storage format` and first start: the same files, the
same metadata records with the same fields in the same order; ids, times and ports aside."""

import json
import re
import sys
from itertools import groupby
from pathlib import Path

from lib import options, peer_tool
from lib.broker import Broker
from lib.report import Report, expect_equal, shorten

PEER_ONLY = {"cleaner-offset-checkpoint"}  # the log cleaner's
GREGOR_ONLY = {"gregor.stamp", "gregor.marks"}  # its own state, which Kafka does not look at
ASIDE = {"incarnationId", "directoryId", "clusterId", "timestamp", "port", "topicId", "id", "logDirs", "brokerEpoch",
         "epoch", "partitionEpoch"}


def files(broker: Broker) -> list[str]:
    names = {str(path.relative_to(broker.data)) for path in broker.data.rglob("*") if path.is_file()}
    names = {re.sub(r"\d{20}\.snapshot", "LAST.snapshot", name) for name in names}
    return sorted(name for name in names if ".lock" not in name and name not in PEER_ONLY | GREGOR_ONLY)


def settings(path: Path) -> dict[str, str]:
    """Keys and values of a properties file, ids replaced."""
    pairs = dict(line.split("=", 1) for line in path.read_text().splitlines() if not line.startswith("#"))
    return {key: "ID" if key in ("cluster.id", "directory.id") else value for key, value in pairs.items()}


def records(path: Path) -> list[tuple]:
    """Each record of a metadata log or checkpoint: whether it is control, its type, version and fields."""
    text = peer_tool.run("dump-log", "--files", path, "--cluster-metadata-decoder")
    return [parse_record(line) for line in text.splitlines() if line.startswith("| offset:")]


def parse_record(line: str) -> tuple:
    payload = re.search(r"payload: (\\{.*\\}|\{.*\})", line)
    if payload is None:
        return ("control", re.sub(r"[\w-]{22}|\d{13}|(?<=port\":)\d+", "ASIDE", line))
    value = json.loads(payload.group(1))
    return (value["type"], value["version"], without_ids(value["data"]))


def without_ids(value):
    if isinstance(value, dict):
        return [(key, "aside" if key in ASIDE else without_ids(in_order(key, part))) for key, part in value.items()]
    return [without_ids(part) for part in value] if isinstance(value, list) else value


def in_order(key: str, part):
    """Kafka writes a node's supported features in the order of a hash table."""
    return sorted(part, key=lambda feature: feature["name"]) if key == "features" else part


def settled(found: list[tuple]) -> list[tuple]:
    """Without no-ops, and with neighbouring registration changes sorted: which heartbeat brings which is up to chance
    in the peer (at a first start its directories come first, at a restart the unfencing)."""
    kept = [record for record in found if record[0] != "NO_OP_RECORD"]
    groups = groupby(kept, key=lambda record: record[0])
    return [record for kind, group in groups
            for record in (sorted(group, key=repr) if kind == "BROKER_REGISTRATION_CHANGE_RECORD" else group)]


def same_records(ours: Broker, theirs: Broker, name: str) -> None:
    seen, wanted = (settled(records(broker.data / name)) for broker in (ours, theirs))
    for number, (left, right) in enumerate(zip(seen, wanted)):
        expect_equal(left, right, f"record {number} of {name}")
    expect_equal(len(seen), len(wanted), f"records of {name}: {shorten([record[0] for record in seen])}")


def checkpoint_text(broker: Broker, name: str) -> str:
    return (broker.data / name).read_text()


def main() -> int:
    chosen = options.parser(__doc__).parse_args()
    report = Report("format")
    with Broker(chosen.broker, "format") as ours, Broker("peer", "format-peer") as theirs:
        ours.stop()
        theirs.stop()
        report.run("files", lambda: expect_equal(
            sorted(set(files(ours)) ^ set(files(theirs))), [], "files that only one of the two has"))
        report.run("meta.properties", lambda: expect_equal(
            settings(ours.data / "meta.properties"), settings(theirs.data / "meta.properties"), "meta.properties"))
        for name in ("bootstrap.checkpoint", "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint",
                     "__cluster_metadata-0/00000000000000000000.log"):
            report.run(name, same_records, ours, theirs, name)
        for name in ("recovery-point-offset-checkpoint", "log-start-offset-checkpoint"):
            report.run(name, lambda: expect_equal(checkpoint_text(ours, name).splitlines()[0],
                                                  checkpoint_text(theirs, name).splitlines()[0], name))
        report.run("quorum-state", lambda: expect_equal(
            sorted(json.loads(checkpoint_text(ours, "__cluster_metadata-0/quorum-state"))),
            sorted(json.loads(checkpoint_text(theirs, "__cluster_metadata-0/quorum-state"))), "keys"))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
