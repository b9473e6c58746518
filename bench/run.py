#!/usr/bin/env python3
"""The macro benchmarks: Gregor and the peer, one after the other on the same machine with the same properties. Prints one
table and writes docs/benchmarks.md. `./dev bench` builds what it needs and calls it."""

import argparse
import datetime
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from broker import ROOT, Broker, Variant

GREGOR = ROOT / "build/release/gregor"
LOAD = ROOT / "build/release/load_bench"
FSYNC, PAGE_CACHE, PEER = "Gregor", "Gregor, page cache", "Kafka 4.3.1"
VARIANTS = [Variant(FSYNC), Variant(PAGE_CACHE, overrides=["gregor.ack.durability=page_cache"]), Variant(PEER, is_peer=True)]

SETTLE_S = 3
BUSY_LOAD = 1
OPEN_LOOP_S = 5
OPEN_LOOP_RATE = 20_000
BALLAST_LEAVES_KIB = 512 << 10

# Rows of the table: key of the measurement, words, digits behind the point.
ROWS = [
    ("start_ms", "start to first Metadata answer, ms", 1),
    ("first_start_ms", "the same on an empty directory, formatting included, ms", 1),
    ("idle_rss", "idle: resident memory, MiB", 1),
    ("idle_cpu", "idle: CPU, % of a core", 2),
    ("idle_wakeups", "idle: wake-ups per second", 1),
    ("produce_1k_cpu", "produce 1 KiB: broker CPU s per GB", 2),
    ("produce_1k_mb", "produce 1 KiB: MB/s", 0),
    ("small_cpu", "produce 100 B, no linger: thousand records per broker CPU second", 0),
    ("small_rate", "produce 100 B, no linger: thousand records per second", 0),
    ("open_p50", "open loop 20k/s of 1 KiB: p50, ms", 2),
    ("open_p99", "open loop 20k/s of 1 KiB: p99, ms", 2),
    ("open_p999", "open loop 20k/s of 1 KiB: p99.9, ms", 2),
    ("open_late", "open loop 20k/s of 1 KiB: generator's own lateness p99, ms", 2),
    ("open_cpu", "open loop 20k/s of 1 KiB: broker CPU, % of a core", 1),
    ("consume_cpu", "consume hot: broker CPU s per GB", 2),
    ("consume_mb", "consume hot: MB/s", 0),
]


class Ballast:
    """Keeps free memory in the page cache: on a virtual machine, freed pages may go back to the host and cost much more
    at their next touch. Reads the holes of a sparse file, which fill pages without using the disk."""

    CHUNK = bytearray(4 << 20)
    STRIDE = 64  # chunks between two looks at the free memory

    def __init__(self, path: Path):
        self.file = open(path, "wb+", buffering=0)
        self.file.truncate(memory_kib("MemTotal") * 1024)

    def fill(self) -> None:
        """Goes on where it stopped, where the oldest holes are; until memory is full or a control group's limit holds."""
        free_kib = memory_kib("MemFree")
        while free_kib > BALLAST_LEAVES_KIB:
            for _ in range(self.STRIDE):
                if self.file.readinto(self.CHUNK) == 0:
                    self.file.seek(0)
            before_kib, free_kib = free_kib, memory_kib("MemFree")
            if before_kib - free_kib < self.STRIDE * len(self.CHUNK) // 2048:
                return


def memory_kib(key: str) -> int:
    return int(re.search(rf"^{key}:\s+(\d+)", Path("/proc/meminfo").read_text(), re.M).group(1))


class Turn:
    """One broker's turn: from its start on an empty directory to its stop."""

    def __init__(self, args, variant: Variant, folder: Path, broker_cpus: set[int], client_cpus: set[int]):
        self.args, self.client_cpus, self.measured = args, client_cpus, {}
        self.broker = Broker(variant, folder, args.port, broker_cpus, GREGOR)

    def run(self) -> dict[str, float]:
        try:
            self.measured |= {"start_ms": self.broker.start_ms, "first_start_ms": self.broker.first_start_ms}
            self.idle()
            self.load("produce", "warm", total_bytes=self.args.mib << 19, producers=8)
            cells = [self.large, self.small, self.open_loop]
            random.shuffle(cells)
            for cell in cells:
                os.sync()
                cell()
        finally:
            self.broker.stop()
        return self.measured

    def idle(self) -> None:
        time.sleep(SETTLE_S)
        idle = self.broker.idle(self.args.idle_s)
        self.measured |= {"idle_rss": idle.rss_mib, "idle_cpu": idle.cpu_percent, "idle_wakeups": idle.wakeups_per_s}

    def large(self) -> None:
        result = self.load("produce", "large", total_bytes=self.args.mib << 20, producers=8)
        self.measured |= {
            "produce_1k_cpu": result["broker_cpu_s"] / (result["bytes"] / 1e9),
            "produce_1k_mb": result["bytes"] / 1e6 / result["seconds"],
        }
        result = self.load("consume", "large")
        self.measured |= {
            "consume_cpu": result["broker_cpu_s"] / (result["bytes"] / 1e9),
            "consume_mb": result["bytes"] / 1e6 / result["seconds"],
        }

    def small(self) -> None:
        result = self.load("produce", "small", total_bytes=self.args.mib << 18, producers=8, record_bytes=100, linger_ms=0)
        self.measured |= {
            "small_cpu": result["records"] / 1e3 / max(result["broker_cpu_s"], 0.01),
            "small_rate": result["records"] / 1e3 / result["seconds"],
        }

    def open_loop(self) -> None:
        total = OPEN_LOOP_S * OPEN_LOOP_RATE * 1024
        result = self.load("produce", "open", total_bytes=total, producers=2, linger_ms=0, records_per_s=OPEN_LOOP_RATE)
        latency = result["latency_us"]
        self.measured |= {
            "open_p50": latency["p50"] / 1e3, "open_p99": latency["p99"] / 1e3, "open_p999": latency["p999"] / 1e3,
            "open_late": result["lateness_us"]["p99"] / 1e3,
            "open_cpu": result["broker_cpu_s"] / result["seconds"] * 100,
        }

    def load(self, kind: str, topic: str, **options) -> dict:
        command = [LOAD, kind, "--broker", f"localhost:{self.args.port}", "--topic", topic, "--partitions", "6",
                   "--broker-pid", str(self.broker.pid)]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        done = subprocess.run(command, check=False, capture_output=True, text=True,
                              preexec_fn=lambda: os.sched_setaffinity(0, self.client_cpus))
        if done.returncode != 0:
            raise SystemExit(f"bench: {kind} {topic} failed: {done.stderr.strip()}\nsee {self.broker.folder}/broker.log")
        return json.loads(done.stdout)


def measure(args, work: Path) -> dict[str, list[dict[str, float]]]:
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise SystemExit("bench: broker and client need a CPU each")
    half = len(cpus) // 2
    variants = [variant for variant in VARIANTS if re.search(args.only, variant.name)]
    results = {variant.name: [] for variant in variants}
    ballast = Ballast(work / "ballast") if args.ballast else None
    for number in range(args.rounds):
        for variant in random.sample(variants, len(variants)):
            if ballast:
                ballast.fill()
            folder = work / f"{number}-{variant.name.replace(' ', '-').replace(',', '')}"  # kept until the end, as ballast
            turn = Turn(args, variant, folder, set(cpus[:half]), set(cpus[half:]))
            results[variant.name].append(turn.run())
            print(f"round {number + 1} of {args.rounds}: {variant.name} done", file=sys.stderr)
    return results


def summary(runs: list[dict[str, float]], key: str, digits: int) -> str:
    values = [run[key] for run in runs]
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def ratio(results: dict, name: str, key: str) -> str:
    if name not in results or PEER not in results:
        return ""
    ours, theirs = (statistics.median(run[key] for run in results[variant]) for variant in (name, PEER))
    return f"{ours / theirs:.3g}" if theirs else ""


def table(results: dict) -> str:
    names = list(results)
    head = ["", *names, "Gregor / Kafka", "page cache / Kafka"]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for key, words, digits in ROWS:
        cells = [summary(results[name], key, digits) for name in names]
        lines.append([words, *cells, ratio(results, FSYNC, key), ratio(results, PAGE_CACHE, key)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> str:
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    virtual = ", virtual machine" if "hypervisor" in Path("/proc/cpuinfo").read_text() else ""
    return (f"{model.group(1) if model else os.uname().machine}, {os.cpu_count()} CPUs, "
            f"{memory_kib('MemTotal') / (1 << 20):.0f} GiB{virtual}, Linux {os.uname().release}")


def document(args, results: dict, load_before: float) -> str:
    command = " ".join(["./dev bench", *sys.argv[1:]])
    busy = ""
    if load_before > BUSY_LOAD:
        busy = " **Others used the machine\n  meanwhile:** times and rates suffered, and the ratios are rough."
    return f"""# Benchmarks

Written by `{command}` on {datetime.date.today()}; the text is in `bench/run.py`. Do not edit.

- Machine: {machine()}. Load average before the run: {load_before:.2f}.{busy}
- Brokers: the release build, and Apache Kafka 4.3.1 with the start script's JVM settings; the same properties, one node that is
  broker and controller. Broker and client have different CPUs. {args.rounds} rounds in random order; median (smallest to largest).
- **Gregor acknowledges after an fsync.** Kafka never waits for one; "page cache" is Gregor with `gregor.ack.durability=page_cache`,
  which promises what Kafka promises.
- Produce: 6 partitions, acks=all, 8 producers, no compression, {args.mib} MiB of 1 KiB records with 5 ms linger and {args.mib // 4} MiB of 100 B
  records, after a warm-up of {args.mib // 2} MiB. Consume: the 1 KiB records just written, from the start. GB is 10^9 bytes.
- Broker CPU is user and system time of the process tree; the kernel's own threads (write-back) are not in it. Wake-ups are
  voluntary context switches over {args.idle_s:g} s.
- After so short a warm-up the JVM's compiler is still at work, on the broker's CPU: a larger `--mib` favours Kafka.
- In the open loop latency counts from the moment a record was due, so waiting is never left out.

{table(results)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mib", type=int, default=1024, help="how much the largest row produces")
    parser.add_argument("--idle-s", type=float, default=10)
    parser.add_argument("--only", default="", help="brokers whose name matches this pattern")
    parser.add_argument("--port", type=int, default=27000, help="this and the next are used")
    parser.add_argument("--work", type=Path, default=ROOT / "build/bench", help="data of the run, deleted after it")
    parser.add_argument("--no-ballast", dest="ballast", action="store_false", help="leave free memory free")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/benchmarks.md")
    args = parser.parse_args()
    work = args.work.resolve() / f"run-{os.getpid()}"
    work.mkdir(parents=True)
    load_before = os.getloadavg()[0]
    try:
        results = measure(args, work)
        text = document(args, results, load_before)
        args.out.write_text(text)
        print(text)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
