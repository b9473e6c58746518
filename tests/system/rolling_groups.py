#!/usr/bin/env python3
"""Groups of the peer's VerifiableConsumer through rolling restarts: members stop, are killed and come back, the broker too, while
records keep coming. Every record is read, no acknowledged commit goes back, and in the end every partition has one owner."""

import json
import random
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TextIO

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from lib import options
from lib.broker import PEER, Broker
from lib.report import Report, expect, expect_equal, say

TOPIC, PARTITIONS, MEMBERS = "rolled", 6, 3
LIMIT_S = 120
SESSION_MS = 15_000  # of groups of KIP-848, where the broker says it; its default is 45 s
KINDS = {  # of groups, and what their members are told
    "classic, eager": ["--group-protocol", "classic", "--assignment-strategy",
                       "org.apache.kafka.clients.consumer.RoundRobinAssignor"],
    "classic, cooperative": ["--group-protocol", "classic", "--assignment-strategy",
                             "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"],
    "classic, static": ["--group-protocol", "classic"],
    "consumer": ["--group-protocol", "consumer"],
    "consumer, static": ["--group-protocol", "consumer", "--group-remote-assignor", "range"],
}


class Member:
    """A VerifiableConsumer and what it said. All it printed is in its file, one start after another."""

    def __init__(self, broker: Broker, kind: str, number: int):
        self.output = member_output(broker, number)
        group = f"group {kind}".replace(", ", "-").replace(" ", "-")
        self.command = [PEER, "tool", "verifiable-consumer", "--bootstrap-server", broker.address, "--topic", TOPIC,
                        "--group-id", group, "--reset-policy", "earliest", *KINDS[kind]]
        if "classic" in kind:
            self.command += ["--session-timeout", "6000"]
        if "static" in kind:
            self.command += ["--group-instance-id", f"instance-{number}"]
        self.events: list[dict] = []
        self.start()

    def start(self) -> None:
        self.owned: set[int] = set()
        self.is_turned_away = False
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.watcher = threading.Thread(target=self.watch, args=(self.process, self.owned), daemon=True)
        self.watcher.start()

    def watch(self, process: subprocess.Popen, owned: set[int]) -> None:
        with self.output.open("a", buffering=1) as kept:
            kept.write(f"--- process {process.pid} from {time.strftime('%H:%M:%S')}\n")
            self.take_in(process, owned, kept)
            kept.write(f"--- process {process.pid} ended with {process.wait()} at {time.strftime('%H:%M:%S')}\n")

    def take_in(self, process: subprocess.Popen, owned: set[int], kept: TextIO) -> None:
        for line in process.stdout:
            kept.write(line)
            if not line.startswith("{"):
                self.is_turned_away |= "UnreleasedInstanceIdException" in line
                continue
            event = json.loads(line)
            partitions = {entry["partition"] for entry in event.get("partitions", [])}
            if event["name"] == "partitions_assigned":
                owned |= partitions
            elif event["name"] == "partitions_revoked":
                owned -= partitions
            self.events.append(event)

    def look_after(self) -> None:
        """One that was killed has its place until its session ends. Another in its name is turned away and ends, and is
        started again, as whoever looks after a service does."""
        if self.process.poll() is None:
            return
        self.watcher.join()
        expect(self.is_turned_away, f"{self.output.name}: ended by itself with {self.process.returncode}")
        self.start()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.watcher.join()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.watcher.join()


def member_output(broker: Broker, number: int) -> Path:
    return broker.folder / f"member-{number}.log"


def shown(path: Path, lines: int = 40) -> str:
    """The end of a member's output without its news of records and commits, which come many times a second."""
    usual = ('"name":"records_consumed"', '"success":true')
    kept = [line[:600] for line in path.read_text().splitlines() if not any(word in line for word in usual)]
    return "\n".join([f"{path.name}:", *kept[-lines:]])


class Feeder(threading.Thread):
    """Records for every partition, without an end."""

    def __init__(self, address: str):
        super().__init__(daemon=True)
        self.producer = Producer({"bootstrap.servers": address, "log_level": 0, "enable.idempotence": True,
                                  "error_cb": lambda error: None})
        self.counts = [0] * PARTITIONS
        self.stopping = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.stopping.wait(0.02):
            for partition in range(PARTITIONS):
                self.producer.produce(TOPIC, str(self.counts[partition]), partition=partition)
                self.counts[partition] += 1
            self.producer.poll(0)

    def end(self) -> list[int]:
        self.stopping.set()
        self.join()
        expect_equal(self.producer.flush(60), 0, "records that were not delivered")
        return self.counts


def each_has_its_own(members: list[Member]) -> bool:
    """Not one all of them, which is what the first to come gets."""
    shares = [len(member.owned) for member in members]
    return (sorted(p for member in members for p in member.owned) == list(range(PARTITIONS)) and
            max(shares) - min(shares) <= 1)


def wait_for(what: str, condition, broker: Broker, members: list[Member]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        for member in members:
            member.look_after()
        expect(broker.is_alive(), f"the broker has stopped by itself: {broker.log()}")
        expect(time.monotonic() < deadline, f"{what}: not within {LIMIT_S} s")
        time.sleep(0.2)


def commits(members: list[Member]) -> list[tuple[int, int, int]]:
    """Time, partition and offset of each acknowledged commit."""
    return [(event["timestamp"], entry["partition"], entry["offset"]) for member in members
            for event in member.events if event["name"] == "offsets_committed" and event["success"]
            for entry in event["offsets"]]


def check_starts(members: list[Member]) -> None:
    """Whoever gets a partition reads on from what was committed before."""
    acknowledged = commits(members)
    for member in members:
        assigned: dict[int, int] = {}
        for event in member.events:
            if event["name"] == "partitions_assigned":
                assigned |= {entry["partition"]: event["timestamp"] for entry in event["partitions"]}
            if event["name"] != "records_consumed":
                continue
            for entry in event["partitions"]:
                since = assigned.pop(entry["partition"], None)
                if since is None:
                    continue
                before = [offset for at, partition, offset in acknowledged
                          if partition == entry["partition"] and at < since]
                expect(not before or entry["minOffset"] >= max(before),
                       f"partition {entry['partition']} is read from {entry['minOffset']}, {before and max(before)} was "
                       f"committed before")


def check_complete(members: list[Member], counts: list[int]) -> None:
    spans = defaultdict(list)
    for member in members:
        for event in member.events:
            if event["name"] == "records_consumed":
                for entry in event["partitions"]:
                    spans[entry["partition"]].append((entry["minOffset"], entry["maxOffset"]))
    for partition, count in enumerate(counts):
        end = 0
        for first, last in sorted(spans[partition]):
            expect(first <= end, f"records {end} to {first - 1} of partition {partition} were not read")
            end = max(end, last + 1)
        expect_equal(end, count, f"records read of partition {partition}")


def committed_ends(members: list[Member]) -> list[int]:
    ends = [0] * PARTITIONS
    for _, partition, offset in commits(members):
        ends[partition] = max(ends[partition], offset)
    return ends


def roll(broker: Broker, kind: str, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    feeder = Feeder(broker.address)
    members = [Member(broker, kind, number) for number in range(MEMBERS)]
    settled = f"each of {PARTITIONS} partitions has one owner, and each member as many"
    try:
        wait_for(settled, lambda: each_has_its_own(members), broker, members)
        for _ in range(rounds):
            for member in members:
                member.stop() if chance.random() < 0.6 else member.kill()
                time.sleep(chance.uniform(0.1, 1))
                member.start()
                wait_for(settled, lambda: each_has_its_own(members), broker, members)
            broker.stop() if chance.random() < 0.4 else broker.kill()
            broker.start()
            time.sleep(chance.uniform(0.5, 3))
        counts = feeder.end()
        wait_for("everything is committed", lambda: committed_ends(members) == counts, broker, members)
        wait_for(settled, lambda: each_has_its_own(members), broker, members)
    finally:
        feeder.stopping.set()
        for member in members:
            member.kill()
    check_complete(members, counts)
    check_starts(members)
    say(f"{sum(counts)} records, {len(commits(members))} commits, {rounds} rounds")


def make_topic(broker: Broker) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
    admin.create_topics([NewTopic(TOPIC, PARTITIONS)])[TOPIC].result(30)


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first kind; the others' follow it")
    parser.add_argument("--kind", choices=KINDS, action="append", help="of groups; by default all")
    chosen = parser.parse_args()
    report = Report("rolling_groups")
    for kind in chosen.kind or KINDS:
        seed = chosen.seed + list(KINDS).index(kind)  # the same alone as among the others
        with Broker(chosen.broker, "rolling", group__consumer__min__session__timeout__ms=SESSION_MS,
                    group__consumer__session__timeout__ms=SESSION_MS) as broker:
            make_topic(broker)
            if not report.run(f"{kind}, seed {seed}", roll, broker, kind, 4 if chosen.long else 1, seed):
                print(broker.log(40))
                for path in sorted(broker.folder.glob("member-*.log")):
                    print(shown(path))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
