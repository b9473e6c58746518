"""What a published suite is to the runner: units, each a process of its own, that report verdicts of named tests."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

# One node, good for every suite: everything replicates once, and nothing waits for a first rebalance.
PROFILE = {
    "node.id": 0,  # kafka-python places partitions on broker 0
    "num.partitions": 4,
    "offsets.topic.num.partitions": 2,
    "transaction.state.log.num.partitions": 2,
    "share.coordinator.state.topic.num.partitions": 5,
    "group.min.session.timeout.ms": 1000,
    "group.consumer.heartbeat.interval.ms": 500,  # a rebalance takes several, and Kafka's default is 5 s
    "group.consumer.min.heartbeat.interval.ms": 500,
    "group.coordinator.rebalance.protocols": "classic,consumer,share,streams",
    "auto.create.topics.enable": "true",
}
KAFKA_VERSION = "4.3.0"  # what the suites may expect of the broker


@dataclass(frozen=True)
class Verdict:
    state: str  # passed, failed or skipped
    seconds: float
    detail: str = ""


@dataclass(frozen=True)
class Place:
    """Where a unit runs: the broker it talks to, and a folder of its own."""
    address: str
    folder: Path


@dataclass
class Call:
    command: list
    environment: dict
    folder: Path


@dataclass(frozen=True)
class Unit:
    """What one process runs: usually one test, sometimes a file of them."""
    name: str
    tests: tuple = ()  # the names it reports, where they are known before it ran
    limit_s: int = 180
    overrides: tuple = ()  # settings of the broker beyond the profile, as pairs
    alone: bool = False  # nothing else runs beside it: it measures time or fills the machine

    def reports(self, test: str) -> bool:
        return test in self.tests or test == self.name or test.startswith((f"{self.name}/", f"{self.name}: "))


class Suite(ABC):
    name: str
    jobs = 2  # units at a time; their tests wait more than they compute
    is_long = False  # with --long: as many records as take minutes

    @abstractmethod
    def prepare(self) -> None:
        """Fetches and builds into .cache what is not there yet."""

    @abstractmethod
    def units(self) -> list[Unit]:
        """All that talk to a broker, in the suite's order."""

    @abstractmethod
    def call(self, unit: Unit, place: Place) -> Call:
        """The process that runs a unit."""

    @abstractmethod
    def verdicts(self, unit: Unit, place: Place, output: str) -> dict[str, Verdict]:
        """What the process reported, by the name of the test; empty if it reported nothing."""
