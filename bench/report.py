"""The table of a run, the document that holds it, and the figures that the guard compares with."""

import datetime
import json
import os
import re
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from ballast import memory_kib

FSYNC, PAGE_CACHE, PEER, FLOOR = "Gregor", "Gregor, page cache", "Kafka 4.3.1", "floor"
BUSY_LOAD = 1


@dataclass
class Row:
    key: str
    words: str
    digits: int
    floor: str = ""  # the part of the floor that does the same work
    is_guarded: bool = False


def produce_rows(key: str, words: str) -> list[Row]:
    return [Row(f"{key}_cpu", f"produce {words}: broker CPU s per GB", 3, "append", True),
            Row(f"{key}_mb", f"produce {words}: MB/s", 0)]


def open_rows(key: str, words: str) -> list[Row]:
    return [Row(f"{key}_p50", f"open loop {words} of 1 KiB: p50, ms", 2, "fsync_p50"),
            Row(f"{key}_p99", f"open loop {words}: p99, ms", 2, "fsync_p99"),
            Row(f"{key}_p999", f"open loop {words}: p99.9, ms", 2),
            Row(f"{key}_late", f"open loop {words}: generator's own lateness p99, ms", 2),
            Row(f"{key}_cpu", f"open loop {words}: broker CPU, % of a core", 1)]


ROWS = [
    Row("start_ms", "start to first Metadata answer, ms", 1),
    Row("first_start_ms", "the same on an empty directory, formatting included, ms", 1),
    Row("restart_ms", "the same after kill -9 under the data of the run, ms", 1),
    Row("restart_produce_ms", "kill -9 to a new record acknowledged in each of 6 partitions, ms", 0),
    Row("idle_rss", "idle: resident memory, MiB", 1),
    Row("connections_mib", "idle: 2,000 connections more, MiB", 1),
    Row("idle_cpu", "idle: CPU, % of a core", 2),
    Row("idle_wakeups", "idle: wake-ups per second", 1),
    *produce_rows("acks_all", "1 KiB, acks=all"),
    *produce_rows("acks_1", "1 KiB, acks=1"),
    *produce_rows("lz4", "1 KiB, acks=all, lz4"),
    *produce_rows("many", "1 KiB, acks=all, 100 partitions"),
    Row("small_per_cpu_s", "produce 100 B, no linger: thousand records per broker CPU second", 0),
    Row("small_rate", "produce 100 B, no linger: thousand records per second", 0),
    Row("hot_cpu", "consume hot: broker CPU s per GB", 3, "send", True),
    Row("hot_mb", "consume hot: MB/s", 0),
    Row("cold_cpu", "consume cold: broker CPU s per GB", 3, "send"),
    Row("cold_mb", "consume cold: MB/s", 0),
    Row("commits_per_cpu_s", "offset commits of 6 partitions: thousand per broker CPU second", 1),
    Row("commits_rate", "offset commits of 6 partitions: thousand per second", 1),
    Row("groups_mib", "10,000 idle groups more, MiB", 1),
    Row("offset_load_s", "start with a million offset records, beyond one without, s", 2),
    Row("offset_load_cpu", "the same: CPU s", 2),
    Row("transactions_per_cpu_s", "transactions of 100 records of 100 B: per broker CPU second", 0),
    Row("transactions_rate", "transactions of 100 records of 100 B: per second", 0),
    Row("classic_cpu", "a classic group of 1,000 members forms: broker CPU s", 2),
    Row("classic_s", "the same: s, with the initial delay of the rebalance", 2),
    Row("consumer_s", "a KIP-848 group of 1,000 members and partitions converges: s", 2),
    Row("consumer_cpu", "the same: broker CPU s", 2),
    Row("cold_before", "open loop 2k/s: p99 before, ms", 2),
    Row("cold_beside", "the same while a cold reader drains the old records: p99, ms", 2),
    Row("cold_moved", "p99 moved by the cold reader, ms", 2),
    Row("drain_mb", "the cold reader: MB/s", 0),
    Row("cleaning_before", "open loop 2k/s: p99 before, again, ms", 2),
    Row("cleaning_beside", "the same while a topic is compacted: p99, ms", 2),
    Row("cleaning_moved", "p99 moved by compaction, ms", 2),
    *open_rows("open_1k", "1k/s"),
    *open_rows("open_20k", "20k/s"),
]


def median(results: dict, name: str, key: str) -> float | None:
    values = [run[key] for run in results.get(name, []) if key in run]
    return statistics.median(values) if values else None


def summary(results: dict, name: str, key: str, digits: int) -> str:
    values = [run[key] for run in results[name] if key in run]
    if not values:
        return ""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def ratio(ours: float | None, theirs: float | None) -> str:
    return f"{ours / theirs:.2g}" if ours is not None and theirs else ""


def table(results: dict) -> str:
    names = [name for name in results if name != FLOOR]
    ours = [name for name in (FSYNC, PAGE_CACHE) if name in results]
    head = ["", *names, *(f"{name} / Kafka" for name in ours), *(f"{name} / floor" for name in ours)]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for row in ROWS:
        cells = [summary(results, name, row.key, row.digits) for name in names]
        if not any(cells):
            continue
        floor = median(results, FLOOR, row.floor) if row.floor else None
        cells += [ratio(median(results, name, row.key), median(results, PEER, row.key)) for name in ours]
        cells += [ratio(median(results, name, row.key), floor) for name in ours]
        lines.append([row.words, *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> str:
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    virtual = ", virtual machine" if "hypervisor" in Path("/proc/cpuinfo").read_text() else ""
    return (f"{model.group(1) if model else os.uname().machine}, {os.cpu_count()} CPUs, "
            f"{memory_kib('MemTotal') / (1 << 20):.0f} GiB{virtual}, Linux {os.uname().release}")


def figures(results: dict) -> dict:
    """What the guard compares: CPU per GB in units of the floor, which a change of machine moves least."""
    ratios = {}
    for row in ROWS:
        for name in (FSYNC, PAGE_CACHE):
            value, floor = median(results, name, row.key), median(results, FLOOR, row.floor)
            if row.is_guarded and value is not None and floor:
                ratios[f"{name}: {row.words}"] = round(value / floor, 3)
    return {"date": datetime.date.today().isoformat(), "machine": machine(), "ratio to the floor": ratios}


def write_figures(path: Path, results: dict) -> None:
    path.write_text(json.dumps(figures(results), indent=2) + "\n")


def document(args, results: dict, load_before: float) -> str:
    command = " ".join(["./dev bench", *sys.argv[1:]])
    busy = ""
    if load_before > BUSY_LOAD:
        busy = " **Others used the machine\n  meanwhile:** times and rates suffered, and the ratios are rough."
    floors = ", ".join(f"{part} {summary(results, FLOOR, part, 3)}" for part in ("append", "send"))
    syncs = ", ".join(f"{part[6:]} {summary(results, FLOOR, part, 2)}" for part in ("fsync_p50", "fsync_p99"))
    return f"""# Benchmarks

Written by `{command}` on {datetime.date.today()}; the text is in `bench/report.py`. Do not edit. What was found on the way and
tried is in [benchmarks-notes.md](benchmarks-notes.md).

- Machine: {machine()}. Load average before the run: {load_before:.2f}.{busy}
- Brokers: the release build, and Apache Kafka 4.3.1 with the start script's JVM settings; the same properties, one node that is
  broker and controller. Broker and client have different CPUs. {args.rounds} rounds, brokers and cells in random order; median
  (smallest to largest). Before each cell free memory is filled with page cache.
- **Gregor acknowledges after an fsync.** Kafka never waits for one; "page cache" is Gregor with `gregor.ack.durability=page_cache`,
  which promises what Kafka promises.
- Produce: 6 partitions, 8 producers, {args.mib} MiB of 1 KiB records with 5 ms linger, acks=all and no compression where nothing else
  is said; {args.mib // 4} MiB of 100 B records; after a warm-up of {args.mib // 2} MiB. Consume hot: the 1 KiB records just written, from the
  start. Consume cold: {args.cold_mib} MiB that the page cache has been told to forget. GB is 10^9 bytes of records, uncompressed.
- Offset commits: 64 connections, each a group, requests sent without waiting for answers. Transactions: 4 producers, one after the other
  in each, spread over 6 partitions. The million offset records are one group's, in one partition.
- Floor: a program that does nothing else with the bytes, in the same rounds on the same CPUs. "append" is receive, CRC-32C and write,
  "send" is sendfile from the page cache; CPU s per GB: {floors}. Of the open loops it is an fdatasync behind 20 KiB, one after
  the other, ms: {syncs}. An answer that waits for an fsync can't come sooner.
- Broker CPU is user and system time of the process tree; the kernel's own threads (write-back) are not in it. Wake-ups are
  voluntary context switches over {args.idle_s:g} s.
- After so short a warm-up the JVM's compiler is still at work, on the broker's CPU: a larger `--mib` favours Kafka.
- The cold reader asks as a stock consumer does and looks at batches' headers only. Compaction is of {args.mib * 2} MiB in 6
  partitions with 10,000 keys each. p99 is over the whole of 12 s and of 30 s, in which the disturbance begins and, unless it
  takes longer, ends.
- In the open loop latency counts from the moment a record was due, so waiting is never left out.

{table(results)}
"""
