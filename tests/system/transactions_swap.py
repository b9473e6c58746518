#!/usr/bin/env python3
"""One data directory, served in turn by the peer and by Gregor, each killed with transactions open: the next one ends
them. A producer that lives on commits what it began with the other broker; what a producer left behind is aborted when
its successor comes; offsets count with their transaction."""

import sys
import time

from confluent_kafka import Consumer, TopicPartition
from transactions import committed, make_topics, producer, read, send

from lib import options
from lib.broker import Broker
from lib.report import Report, expect, expect_equal, say

ORDER = ("peer", "gregor", "peer", "gregor")


def send_offsets(mine, address: str, group: str, offset: int) -> None:
    """The offsets of a group that consists of this producer alone."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": group, "log_level": 0})
    mine.send_offsets_to_transaction([TopicPartition("kept", partition, offset) for partition in range(2)],
                                     consumer.consumer_group_metadata(), 30)
    consumer.close()


class Story:
    def __init__(self, broker: Broker):
        self.broker = broker
        self.kept: list[str] = []
        self.living = None
        self.turns = 0

    def begin(self) -> None:
        make_topics(self.broker.address, "kept", "left")
        self.open()

    def open(self) -> None:
        """Two transactions that the broker's death finds open."""
        self.turns += 1
        self.living = producer(self.broker.address, f"living-{self.turns}")
        self.living.begin_transaction()
        send(self.living, "kept", f"{self.turns} a", f"{self.turns} b")
        send_offsets(self.living, self.broker.address, "living", self.turns)
        left = producer(self.broker.address, "leaving")
        left.begin_transaction()
        send(left, "left", "lost", "lost")
        send_offsets(left, self.broker.address, "leaving", self.turns)

    def go_on(self) -> None:
        """With the next broker."""
        self.living.commit_transaction(60)
        self.kept += [f"{self.turns} a", f"{self.turns} b"]
        expect_equal(read(self.broker.address, "kept"), sorted(self.kept), "records of who lives on")
        expect_equal(committed(self.broker.address, "living", "kept"), [self.turns] * 2, "its offsets")
        producer(self.broker.address, "leaving")
        deadline = time.monotonic() + 30
        while read(self.broker.address, "left", "read_uncommitted") and not self.is_free("left"):
            expect(time.monotonic() < deadline, "the transaction that was left behind is still open")
            time.sleep(0.2)
        expect_equal(read(self.broker.address, "left"), [], "records of who left")
        expect_equal(committed(self.broker.address, "leaving", "kept"), [-1001] * 2, "its offsets")

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


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--order", default=",".join(ORDER), help="whose turn it is, by default %(default)s")
    chosen = parser.parse_args()
    order = ["peer"] * 2 if chosen.broker == "peer" else chosen.order.split(",")
    report = Report("transactions_swap")
    with Broker(order[0], "transactions_swap") as broker:
        story = Story(broker)
        report.run(f"{order[0]} begins", story.begin)
        for before, flavour in zip(order, order[1:]):
            broker.kill()
            broker.flavour = flavour
            broker.start()
            if not report.run(f"{flavour} ends what {before} began", story.go_on):
                say(broker.log(30))
                break
            story.open()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
