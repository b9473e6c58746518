#!/usr/bin/env python3
"""One data directory, served in turn by the peer and by Gregor, each killed with transactions open, offsets committed and groups of
both protocols in the middle of a rebalance: the next one finishes all of it. A producer that lives on commits or aborts what it
began with the other broker; what a producer left behind is aborted when its successor comes; offsets count with their transaction;
members of a group find their places again and read on from what was committed. What happens is made from a seed."""

import random
import sys
import threading
import time
from collections import defaultdict

from confluent_kafka import Consumer, KafkaException, TopicPartition
from transactions import committed, make_topics, producer, read, send

from lib import options
from lib.broker import Broker
from lib.report import Report, expect, expect_equal, say

TURNS = 4
SEEDS_LONG = 10
LIMIT_S = 60
GROUP_TOPIC, GROUP_RECORDS = "grouped", 40
SETTINGS = {"group.consumer.session.timeout.ms": 6000, "group.consumer.min.session.timeout.ms": 6000,
            "group.consumer.heartbeat.interval.ms": 500, "group.consumer.min.heartbeat.interval.ms": 500}
CLASSIC = {"group.protocol": "classic", "session.timeout.ms": 10_000, "heartbeat.interval.ms": 500}
GROUPS = {  # by name, what their members are told
    "eager": CLASSIC | {"partition.assignment.strategy": "roundrobin"},
    "cooperative": CLASSIC | {"partition.assignment.strategy": "cooperative-sticky"},
    "consumer": {"group.protocol": "consumer"},
}


def send_offsets(mine, address: str, group: str, offset: int) -> None:
    """The offsets of a group that consists of this producer alone."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": group, "log_level": 0})
    mine.send_offsets_to_transaction([TopicPartition("kept", partition, offset) for partition in range(2)],
                                     consumer.consumer_group_metadata(), 30)
    consumer.close()


class Progress:
    """Of a group: what its members have read, and how far they were told that it is committed."""

    def __init__(self):
        self.seen: set[tuple[int, bytes]] = set()
        self.committed = [0, 0]


class Member(threading.Thread):
    """Of a group: reads, and commits what it has read, until it is stopped."""

    def __init__(self, address: str, group: str, progress: Progress):
        super().__init__(daemon=True)
        self.progress = progress
        self.consumer = Consumer({"bootstrap.servers": address, "group.id": group, "enable.auto.commit": False,
                                  "auto.offset.reset": "earliest", "reconnect.backoff.max.ms": 200, "log_level": 0,
                                  "error_cb": lambda error: None} | GROUPS[group])
        self.owned: list[int] = []
        self.stopping = threading.Event()
        self.consumer.subscribe([GROUP_TOPIC])
        self.start()

    def run(self) -> None:
        while not self.stopping.is_set():
            messages = [message for message in self.consumer.consume(50, timeout=0.1) if not message.error()]
            self.progress.seen.update((message.partition(), message.value()) for message in messages)
            self.owned = [entry.partition for entry in self.consumer.assignment()]
            if messages:
                self.commit()
        self.consumer.close()

    def commit(self) -> None:
        try:
            for entry in self.consumer.commit(asynchronous=False):
                if entry.error is None:
                    known = self.progress.committed
                    known[entry.partition] = max(known[entry.partition], entry.offset)
        except KafkaException:
            pass  # the group rebalances, or the broker is away: what was read is read again

    def finish(self) -> None:
        self.stopping.set()
        self.join(LIMIT_S)


class Story:
    def __init__(self, broker: Broker, seed: int):
        self.broker, self.chance = broker, random.Random(seed)
        self.kept: list[str] = []
        self.turns = 0
        self.living: list = []  # producers, their values, their groups
        self.leaving = 0
        self.offsets: dict[str, int] = {}
        self.members: dict[str, list[Member]] = defaultdict(list)
        self.progress: dict[str, Progress] = defaultdict(Progress)
        self.grouped: set[tuple[int, bytes]] = set()

    # ------------------------------------------------------------ before the death

    def begin(self) -> None:
        make_topics(self.broker.address, "kept", "left", GROUP_TOPIC)
        self.open()

    def open(self) -> None:
        """What the broker's death finds under way."""
        self.turns += 1
        self.finish_some()
        for number in range(self.chance.randint(1, 4)):
            self.begin_living(f"living-{self.turns}-{number}")
        self.leaving = self.chance.randint(1, 3)
        for number in range(self.leaving):
            self.leave(number)
        self.disturb_groups()

    def finish_some(self) -> None:
        """Transactions that are over, with aborted ones among them."""
        mine = producer(self.broker.address, "finisher")
        for number in range(self.chance.randint(0, 6)):
            commits = self.chance.random() < 0.6
            values = [f"{self.turns} finished {number} {i}" for i in range(self.chance.randint(1, 20))]
            mine.begin_transaction()
            send(mine, "kept", *values)
            mine.commit_transaction(30) if commits else mine.abort_transaction(30)
            self.kept += values if commits else []

    def begin_living(self, name: str) -> None:
        mine = producer(self.broker.address, name)
        values = [f"{name} {i}" for i in range(self.chance.randint(1, 30))]
        mine.begin_transaction()
        send(mine, "kept", *values)
        group = f"group-of-{name}" if self.chance.random() < 0.7 else None
        if group:
            send_offsets(mine, self.broker.address, group, self.turns)
        self.living.append((mine, values, group))

    def leave(self, number: int) -> None:
        left = producer(self.broker.address, f"leaving-{number}")
        left.begin_transaction()
        send(left, "left", *["lost"] * self.chance.randint(1, 20))
        if self.chance.random() < 0.7:
            send_offsets(left, self.broker.address, f"group-of-leaving-{number}", self.turns)

    def disturb_groups(self) -> None:
        """A member more or less in each group, just before the broker dies."""
        filler = producer(self.broker.address, "filler")
        values = [f"{self.turns} {i}" for i in range(GROUP_RECORDS)]
        filler.begin_transaction()
        send(filler, GROUP_TOPIC, *values)
        filler.commit_transaction(30)
        self.grouped |= {(number % 2, value.encode()) for number, value in enumerate(values)}
        for group in GROUPS:
            members = self.members[group]
            if len(members) > 1 and self.chance.random() < 0.5:
                members.pop().stopping.set()
            else:
                members.append(Member(self.broker.address, group, self.progress[group]))
        time.sleep(self.chance.uniform(0, 1.5))

    # ------------------------------------------------------------ with the next broker

    def go_on(self) -> None:
        for mine, values, group in self.living:
            commits = self.chance.random() < 0.7
            mine.commit_transaction(60) if commits else mine.abort_transaction(60)
            self.kept += values if commits else []
            if group:
                self.offsets[group] = self.turns if commits else -1001
        self.living.clear()
        expect_equal(read(self.broker.address, "kept"), sorted(self.kept), "records of who lives on")
        for number in range(self.leaving):
            producer(self.broker.address, f"leaving-{number}")
            self.offsets[f"group-of-leaving-{number}"] = -1001
        self.wait_for("what was left behind is ended", lambda: self.is_free("left"))
        expect_equal(read(self.broker.address, "left"), [], "records of who left")
        for group, offset in self.offsets.items():
            expect_equal(committed(self.broker.address, group, "kept"), [offset] * 2, f"offsets of {group}")
        self.groups_go_on()

    def groups_go_on(self) -> None:
        for group, members in self.members.items():
            self.wait_for(f"each partition of {group} has one owner",
                          lambda members=members: sorted(p for m in members for p in m.owned) == [0, 1])
            progress = self.progress[group]
            self.wait_for(f"{group} has read everything",
                          lambda progress=progress: self.grouped <= progress.seen)
            acknowledged = list(progress.committed)
            offsets = committed(self.broker.address, group, GROUP_TOPIC)
            expect(all(left >= told for left, told in zip(offsets, acknowledged)),
                   f"{group} was told that {acknowledged} is committed, and {offsets} is left")

    def wait_for(self, what: str, condition) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            expect(self.broker.is_alive(), f"the broker has stopped by itself: {self.broker.log()}")
            expect(time.monotonic() < deadline, f"{what}: not within {LIMIT_S} s")
            time.sleep(0.2)

    def is_free(self, topic: str) -> bool:
        """Nothing open keeps readers back: the last stable offset is the end."""
        ends = []
        for isolation in ("read_committed", "read_uncommitted"):
            consumer = Consumer({"bootstrap.servers": self.broker.address, "group.id": "ends",
                                 "isolation.level": isolation, "log_level": 0})
            ends.append([consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1]
                         for partition in range(2)])
            consumer.close()
        return ends[0] == ends[1]

    def end(self) -> None:
        for members in self.members.values():
            for member in members:
                member.finish()


def play(report: Report, seed: int, order: list[str]) -> None:
    with Broker(order[0], "transactions_swap", **SETTINGS) as broker:
        story = Story(broker, seed)
        if not report.run(f"seed {seed}: {order[0]} begins", story.begin):
            say(broker.log(30))
            return
        for before, flavour in zip(order, order[1:]):
            broker.kill()
            broker.flavour = flavour
            broker.start()
            if not report.run(f"seed {seed}: {flavour} ends what {before} began", story.go_on):
                say(broker.log(30))
                break
            story.open()
        story.end()


def order_of(seed: int) -> list[str]:
    first = seed % 2
    return [("peer", "gregor")[(turn + first + 1) % 2] for turn in range(TURNS)]


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--order", help="whose turn it is, such as peer,gregor,peer; by default the seed decides")
    parser.add_argument("--seed", type=int, default=1, help="the first; by default %(default)s")
    parser.add_argument("--seeds", type=int, help=f"how many; by default 1, with --long {SEEDS_LONG}")
    chosen = parser.parse_args()
    report = Report("transactions_swap")
    for seed in range(chosen.seed, chosen.seed + (chosen.seeds or (SEEDS_LONG if chosen.long else 1))):
        order = chosen.order.split(",") if chosen.order else order_of(seed)
        play(report, seed, ["peer"] * TURNS if chosen.broker == "peer" else order)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
