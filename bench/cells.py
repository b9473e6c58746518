"""What is measured of one broker in one round, from its start on an empty directory to its stop: the cells of the table."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import groups
from ballast import Ballast, drop_from_cache
from broker import ROOT, Broker, Variant
from members import Crowd, classic_crowd, consumer_crowd

GREGOR = ROOT / "build/release/gregor"
LOAD = ROOT / "build/release/load_bench"

SETTLE_S = 3
OPEN_LOOP_S = 5
BESIDE_RATE = 2_000  # fills neither broker's CPU
BESIDE_COLD_S, BESIDE_CLEANING_S = 12, 30  # a cleaner looks for work every 15 s
CONNECTIONS = 2000
COMMITTERS, COMMITS, COMMITTED_PARTITIONS = 64, 1_000, 6
IDLE_GROUPS = 10_000
STORED_PARTITIONS, STORED_ROUNDS = 100, 10_000  # a million offset records of one group
PRODUCERS, TRANSACTIONS = 4, 250
MEMBERS = 1_000
GB = 1e9


class Turn:
    def __init__(self, args, variant: Variant, folder: Path, cpus: tuple[set[int], set[int]], ballast: Ballast | None):
        self.args, self.variant, self.ballast, self.measured = args, variant, ballast, {}
        self.client_cpus = cpus[1]
        self.broker = Broker(variant, folder, args.port, cpus[0], args.gregor)

    def run(self) -> dict[str, float]:
        cells = {"acks_all": self.acks_all, "acks_1": self.acks_1, "small": self.small, "lz4": self.lz4, "many": self.many,
                 "cold": self.cold, "beside_cold": self.beside_cold, "beside_cleaning": self.beside_cleaning, "commits": self.commits, "transactions": self.transactions, "open_1k": lambda: self.open_loop("open_1k", 1_000),
                 "open_20k": lambda: self.open_loop("open_20k", 20_000)}
        first = {"idle": self.idle, "connections": self.connections, "groups": self.groups}
        try:
            self.measured |= {"start_ms": self.broker.start_ms, "first_start_ms": self.broker.first_start_ms}
            self.do(first, list(first))
            self.load("produce", "warm", total_bytes=self.args.mib << 19, producers=8)
            self.do(cells, random.sample(list(cells), len(cells)))
            self.do({"restart": self.restart, "offset_load": self.offset_load}, ["restart", "offset_load"])
            self.do({"members": self.members}, ["members"])  # last, because of its thousand partitions
        finally:
            self.broker.stop()
        return self.measured

    def do(self, cells: dict, names: list[str]) -> None:
        for name in names:
            if name in self.variant.leaves_out or (self.args.cells and name not in self.args.cells):
                continue
            os.sync()
            if self.ballast:
                self.ballast.fill()
            cells[name]()

    def idle(self) -> None:
        time.sleep(SETTLE_S)
        idle = self.broker.idle(self.args.idle_s)
        self.measured |= {"idle_rss": idle.rss_mib, "idle_cpu": idle.cpu_percent, "idle_wakeups": idle.wakeups_per_s}

    def connections(self) -> None:
        self.measured["connections_mib"] = self.broker.memory_of_connections(CONNECTIONS)

    def groups(self) -> None:
        """The memory of groups that have a committed offset and nothing else."""
        self.prepare_group("first", "groups", 1)
        before = self.broker.rss_mib()
        groups.commit_once_each(self.args.port, [f"idle-group-{number}" for number in range(IDLE_GROUPS)], "groups")
        time.sleep(1)
        self.measured["groups_mib"] = self.broker.rss_mib() - before

    def prepare_group(self, group: str, topic: str, partitions: int) -> None:
        connection = groups.Connection(self.args.port)
        groups.make_topic(connection, topic, partitions)
        groups.wait_for_coordinator(connection, group, topic)
        connection.close()

    def commits(self) -> None:
        names = [f"committer-{number}" for number in range(COMMITTERS)]
        self.prepare_group(names[0], "committed", COMMITTED_PARTITIONS)
        groups.commit_many(self.args.port, names, "committed", COMMITTED_PARTITIONS, COMMITS // 5)  # warms up
        cpu_s, started = self.broker.cpu_s(), time.perf_counter()
        count = groups.commit_many(self.args.port, names, "committed", COMMITTED_PARTITIONS, COMMITS)
        self.measured |= {"commits_per_cpu_s": count / 1e3 / (self.broker.cpu_s() - cpu_s),
                          "commits_rate": count / 1e3 / (time.perf_counter() - started)}

    def transactions(self) -> None:
        self.load("transact", "transactions", producers=PRODUCERS, transactions=TRANSACTIONS // 5)  # warms up
        result = self.load("transact", "transactions", producers=PRODUCERS, transactions=TRANSACTIONS)
        count = PRODUCERS * TRANSACTIONS
        self.measured |= {"transactions_per_cpu_s": count / result["broker_cpu_s"],
                          "transactions_rate": count / result["seconds"]}

    def offset_load(self) -> None:
        """A start with a million offset records, beyond one without."""
        self.prepare_group("stored", "stored", STORED_PARTITIONS)
        self.broker.stop()
        without_s, without_cpu_s = self.start_until_loaded()
        groups.commit_many(self.args.port, ["stored"], "stored", STORED_PARTITIONS, STORED_ROUNDS)
        self.broker.stop()
        with_s, with_cpu_s = self.start_until_loaded()
        self.measured |= {"offset_load_s": with_s - without_s, "offset_load_cpu": with_cpu_s - without_cpu_s}

    def members(self) -> None:
        """A large group of either protocol, from its members' first requests until it has settled."""
        self.prepare_group("crowd", "crowd", MEMBERS)
        port = self.args.port
        for kind in ("warm", "measured"):
            self.settle("classic", *classic_crowd(port, f"classic-{kind}", MEMBERS))
            self.settle("consumer", *consumer_crowd(port, f"consumer-{kind}", MEMBERS, "crowd"))

    def settle(self, protocol: str, crowd: Crowd, is_done) -> None:
        cpu_s = self.broker.cpu_s()
        self.measured[f"{protocol}_s"] = crowd.run(is_done)
        self.measured[f"{protocol}_cpu"] = self.broker.cpu_s() - cpu_s
        crowd.leave()

    def start_until_loaded(self) -> tuple[float, float]:
        """From the start of the process to the first committed offset that it tells: seconds, CPU seconds."""
        started = time.perf_counter()
        self.broker.start()
        return groups.wait_until_loaded(self.args.port, "stored", "stored") - started, self.broker.cpu_s()

    def acks_all(self) -> None:
        self.produce("acks_all", acks="all")
        result = self.load("consume", "acks_all")
        self.note("hot", result)

    def acks_1(self) -> None:
        self.produce("acks_1", acks="1")

    def lz4(self) -> None:
        self.produce("lz4", codec="lz4")

    def many(self) -> None:
        self.produce("many", partitions=100)

    def produce(self, topic: str, **options) -> None:
        self.note(topic, self.load("produce", topic, total_bytes=self.args.mib << 20, producers=8, **options))

    def note(self, key: str, result: dict) -> None:
        self.measured |= {f"{key}_cpu": result["broker_cpu_s"] / (result["bytes"] / GB),
                          f"{key}_mb": result["bytes"] / 1e6 / result["seconds"]}

    def small(self) -> None:
        result = self.load("produce", "small", total_bytes=self.args.mib << 18, producers=8, record_bytes=100, linger_ms=0)
        self.measured |= {"small_per_cpu_s": result["records"] / 1e3 / result["broker_cpu_s"],
                          "small_rate": result["records"] / 1e3 / result["seconds"]}

    def cold(self) -> None:
        self.load("produce", "cold", total_bytes=self.args.cold_mib << 20, producers=8)
        drop_from_cache(self.broker.folder)
        if self.ballast:
            self.ballast.fill()
        self.note("cold", self.load("consume", "cold"))

    def beside_cold(self) -> None:
        """An open loop alone, then the same while somebody reads what is not in memory any more."""
        self.load("produce", "old", total_bytes=self.args.cold_mib << 20, producers=8)
        drop_from_cache(self.broker.folder)
        if self.ballast:
            self.ballast.fill()

        def read_all() -> subprocess.Popen:
            command = [sys.executable, ROOT / "bench/drain.py", str(self.broker.port), "old", "6"]
            return subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                    preexec_fn=lambda: os.sched_setaffinity(0, self.client_cpus))

        reader = self.moved("cold", BESIDE_COLD_S, read_all)
        size, seconds = reader.communicate()[0].split()
        self.measured["drain_mb"] = int(size) / 1e6 / float(seconds)

    def beside_cleaning(self) -> None:
        """The same while a topic is compacted, which begins when it may: its settings forbid it before."""
        with closing(groups.Connection(self.broker.port)) as connection:
            configs = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "1.0", "segment.bytes": str(64 << 20)}
            groups.make_topic(connection, "dirty", 6, configs)
            self.load("produce", "dirty", total_bytes=self.args.mib << 21, producers=8, keys=10_000)
            self.moved("cleaning", BESIDE_CLEANING_S,
                       lambda: groups.set_config(connection, "dirty", "min.cleanable.dirty.ratio", "0.01"))

    def moved(self, key: str, seconds: int, disturb: Callable[[], Any]) -> Any:
        """By how much p99 is higher with the disturbance than it was before."""
        before = self.open_load("calm", BESIDE_RATE, seconds)["latency_us"]
        disturber = disturb()
        after = self.open_load("calm", BESIDE_RATE, seconds)["latency_us"]
        self.measured |= {f"{key}_before": before["p99"] / 1e3, f"{key}_beside": after["p99"] / 1e3,
                          f"{key}_moved": max(after["p99"] - before["p99"], 0) / 1e3}
        return disturber

    def open_load(self, topic: str, rate: int, seconds: int) -> dict:
        return self.load("produce", topic, total_bytes=seconds * rate * 1024, producers=2, linger_ms=0, records_per_s=rate)

    def open_loop(self, key: str, rate: int) -> None:
        result = self.open_load(key, rate, OPEN_LOOP_S)
        latency = result["latency_us"]
        self.measured |= {f"{key}_p50": latency["p50"] / 1e3, f"{key}_p99": latency["p99"] / 1e3,
                          f"{key}_p999": latency["p999"] / 1e3, f"{key}_late": result["lateness_us"]["p99"] / 1e3,
                          f"{key}_cpu": result["broker_cpu_s"] / result["seconds"] * 100}

    def restart(self) -> None:
        killed = time.perf_counter()
        self.broker.kill()
        self.measured["restart_ms"] = self.broker.start()
        self.load("produce", "acks_all", total_bytes=6 * 1024, producers=1)  # a record to each partition
        self.measured["restart_produce_ms"] = (time.perf_counter() - killed) * 1000

    def load(self, kind: str, topic: str, partitions: int = 6, **options) -> dict:
        command = [kind, "--broker", f"localhost:{self.args.port}", "--topic", topic, "--partitions", str(partitions),
                   "--broker-pid", str(self.broker.pid)]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        return run_load(command, self.client_cpus, f"see {self.broker.folder}/broker.log")


def run_load(arguments: list, cpus: set[int], hint: str = "") -> dict:
    done = subprocess.run([LOAD, *arguments], check=False, capture_output=True, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    if done.returncode != 0:
        raise SystemExit(f"bench: load_bench {' '.join(arguments[:1])} failed: {done.stderr.strip()}\n{hint}")
    return json.loads(done.stdout)


def measure_floor(args, folder: Path, cpus: tuple[set[int], set[int]]) -> dict[str, float]:
    """Of a program that does nothing but move the bytes: CPU seconds per GB, `append` and `send`; ms of an fsync."""
    file = folder / "floor.data"
    both = [",".join(map(str, sorted(side))) for side in cpus]
    result = run_load(["floor", "--file", str(file), "--total-bytes", str(args.mib << 20), "--server-cpus", both[0],
                       "--client-cpus", both[1]], cpus[0] | cpus[1])
    file.unlink()
    return {"append": result["append_cpu_s_per_gb"], "send": result["send_cpu_s_per_gb"],
            "fsync_p50": result["sync_p50_ms"], "fsync_p99": result["sync_p99_ms"]}
