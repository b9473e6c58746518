"""Rows of consumer groups: members join, share, leave, die and come back."""

from collections import Counter

from lib.report import expect, expect_equal

from matrix import witness
from matrix.program import Running, wait_for
from matrix.records import Record, numbered
from matrix.stage import Stage

PARTITIONS = 6
SESSION_MS = 30_000  # longer than a machine with too much to do takes for a heartbeat
DYING_SESSION_MS = 10_000


class Group:
    """The members of a row's group and everything that was written for them."""

    def __init__(self, stage: Stage, **arguments):
        self.stage = stage
        self.arguments = arguments
        self.name = stage.create_topic(PARTITIONS)
        self.written: list[Record] = []
        self.members: list[Running] = []

    def join(self, **more) -> Running:
        arguments = {"session_ms": SESSION_MS} | self.arguments | more
        self.members.append(self.stage.start("member", topic=self.stage.topic, group=self.name, **arguments))
        return self.members[-1]

    def join_two(self, first: dict | None = None, second: dict | None = None) -> tuple[Running, Running]:
        """One after the other has read, for librdkafka 2.0.2 forgets committed offsets when a rebalance comes while it
        looks for the first one."""
        members = [self.join(**(first or {}))]
        self.shares(PARTITIONS)
        self.write()
        self.read_all()
        members.append(self.join(**(second or {})))
        self.shares(PARTITIONS // 2, PARTITIONS // 2)
        return members[0], members[1]

    def shares(self, *sizes: int) -> None:
        """Waits until the members that live have so many partitions each."""
        wait_for(lambda: self.partitions_by_member() == list(sizes) or self.is_broken(),
                 f"partitions by member are {list(sizes)}", every_s=0.3)
        expect(not self.is_broken(), f"a member ended: {[member.complaint() for member in self.members]}")

    def partitions_by_member(self) -> list[int] | None:
        look = witness.members_assigned_to if self.arguments.get("assignor") == "broker" else witness.members_of
        return look(self.stage.broker.address, self.name)

    def is_broken(self) -> bool:
        return any(member.process.poll() not in (None, 0, -9) for member in self.members)

    def write(self, count: int = 60) -> None:
        fresh = numbered(count, first=len(self.written), partitions=PARTITIONS)
        self.stage.witness.write(self.stage.topic, fresh)
        self.written += fresh

    def read_all(self) -> None:
        """Waits until all members together have read everything."""
        wanted = {record.value for record in self.written}
        wait_for(lambda: wanted <= {record.value for record in self.seen()} or self.is_broken(), "all records are read")
        expect(not self.is_broken(), f"a member ended: {[member.complaint() for member in self.members]}")

    def seen(self) -> list[Record]:
        return [record for member in self.members for record in member.records()]

    def each_once(self) -> None:
        seen = Counter((record.partition, record.offset) for record in self.seen())
        per_partition = len(self.written) // PARTITIONS
        wanted = Counter((partition, offset) for partition in range(PARTITIONS) for offset in range(per_partition))
        expect_equal((sorted((seen - wanted).elements()), sorted((wanted - seen).elements())), ([], []),
                     f"read too often and too rarely, as partition and offset, by {self.counts()}")

    def counts(self) -> list[int]:
        return [member.count() for member in self.members]

    def all_committed(self) -> None:
        per_partition = len(self.written) // PARTITIONS
        expect_equal(witness.committed(self.stage.broker.address, self.name, self.stage.topic, PARTITIONS),
                     [per_partition] * PARTITIONS, "committed offsets")


def of_two(stage: Stage, assignor: str) -> None:
    group = Group(stage, assignor=assignor)
    first, second = group.join_two()
    group.write()
    group.read_all()
    expect_equal(group.counts(), [90, 30], "records by member")
    second.succeeds()
    group.shares(6)
    group.write()
    group.read_all()
    first.succeeds()
    group.each_once()
    group.all_committed()


def of_three(stage: Stage, assignor: str) -> None:
    """Two are there, one joins, one leaves, one dies, one comes anew."""
    group = Group(stage, assignor=assignor, session_ms=DYING_SESSION_MS)
    first, second = group.join_two()
    group.write()
    group.read_all()
    third = group.join()
    group.shares(2, 2, 2)
    group.write()
    group.read_all()
    third.succeeds()
    group.shares(3, 3)
    group.each_once()
    second.kill()
    group.shares(6)
    group.write()
    group.read_all()
    fourth = group.join()
    group.shares(3, 3)
    for member in (first, fourth):
        member.succeeds()
    group.shares()
    group.all_committed()


def resume(stage: Stage) -> None:
    """A member commits half; the next one goes on there."""
    stage.witness.write(stage.create_topic(), numbered(100))
    for first in (0, 50):
        half(stage, first)


def half(stage: Stage, first: int) -> None:
    member = stage.start("member", topic=stage.topic, group=stage.topic, session_ms=SESSION_MS, count=50)
    member.succeeds()
    expect_equal([record.value for record in member.records()],
                 [record.value for record in numbered(50, first=first)], "values")
    expect_equal(witness.committed(stage.broker.address, stage.topic, stage.topic), [first + 50], "committed offset")


def static_member(stage: Stage) -> None:
    """A static member that ends stays in the group, and has its partitions when it comes back."""
    group = Group(stage)
    first, _ = group.join_two({"instance": "a"}, {"instance": "b"})
    first.succeeds()
    expect_equal(witness.members_of(stage.broker.address, group.name), [3, 3], "partitions by member")
    again = group.join(instance="a")
    group.write()
    group.read_all()
    expect_equal(again.count(), 30, "records of the member that came back")
    group.each_once()
