#!/usr/bin/env python3
"""Kafka's own torture test of the cleaner, LogCompactionTester: many keys written over and over and deleted, into
compacted topics that are cleaned meanwhile; the last value of each key must be the last one sent."""

import re
import subprocess
import sys

from lib import options
from lib.broker import PEER, Broker
from lib.report import Report, expect, say

MESSAGES, MESSAGES_LONG = 40_000, 1_000_000
TOPICS = 2
SLEEP_S, SLEEP_LONG_S = 6, 30  # for the cleaner, between writing and reading
LIMIT_S, LIMIT_LONG_S = 240, 1800
# Segments small and short-lived, so that most of what is written lies where it is cleaned.
SETTINGS = {"log__segment__bytes": 1 << 20, "log__roll__ms": 200, "log__cleaner__backoff__ms": 200,
            "log__cleaner__min__cleanable__ratio": 0.01, "log__retention__check__interval__ms": 1000,
            "log__cleaner__delete__retention__ms": 3_600_000}
ROWS = re.compile(r"(\d+) rows of data produced, (\d+) rows of data consumed")
REDUCTION_LEAST = 0.3


def torture(flavour: str, codec: str, messages: int, sleep_s: int, limit_s: int) -> None:
    with Broker(flavour, "compaction", **SETTINGS) as broker:
        ran = subprocess.run(
            [str(PEER), "class", "org.apache.kafka.tools.LogCompactionTester", "--bootstrap-server", broker.address,
             "--messages", str(messages), "--topics", str(TOPICS), "--duplicates", "20", "--percent-deletes", "10",
             "--compression-type", codec, "--sleep", str(sleep_s)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit_s)
        expect(ran.returncode == 0 and "Data verification is completed" in ran.stdout,
               f"LogCompactionTester left with {ran.returncode}: {ran.stdout[-2000:]}\n{broker.log()}")
        produced, consumed = map(int, ROWS.search(ran.stdout).groups())
        say(f"{codec}: {produced} records sent, {consumed} left")
        expect(consumed < (1 - REDUCTION_LEAST) * produced, f"hardly anything was cleaned: {consumed} of {produced} are left")


def main() -> int:
    parser = options.parser(__doc__)
    chosen = parser.parse_args()
    report = Report("compaction")
    size = (MESSAGES_LONG, SLEEP_LONG_S, LIMIT_LONG_S) if chosen.long else (MESSAGES, SLEEP_S, LIMIT_S)
    for codec in ("none", "lz4", "zstd", "gzip", "snappy") if chosen.long else ("lz4",):
        report.run(f"LogCompactionTester, {codec}, {size[0]} messages for each of {TOPICS} topics", torture, chosen.broker, codec, *size)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
