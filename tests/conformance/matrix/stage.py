"""What a row is played on: one client, one broker, the witness, and a topic of the row's own."""

import re

from lib.broker import Broker

from matrix import witness
from matrix.client import Client
from matrix.program import PATIENCE_S, Running
from matrix.records import Record


class Stage:
    """One row of one client; closing it ends every program that it started."""

    def __init__(self, client: Client, broker: Broker, row: str):
        self.client = client
        self.broker = broker
        self.witness = witness.witness_for(client.family, broker.address)
        self.topic = re.sub(r"[^a-z0-9]+", "-", f"{client.name} {row}".lower()).strip("-")
        self.running: list[Running] = []

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_) -> None:
        for program in self.running:
            program.kill()

    def start(self, verb: str, **arguments) -> Running:
        words = [f"{name}={value}" for name, value in arguments.items()]
        return self.launch([*self.client.command(), verb, self.broker.address, *words])

    def launch(self, command: list[str]) -> Running:
        self.running.append(Running(command))
        return self.running[-1]

    def run(self, verb: str, limit_s: float = PATIENCE_S, **arguments) -> list[str]:
        """Runs a verb to its successful end; its lines."""
        return self.start(verb, **arguments).succeeds(limit_s)

    def create_topic(self, partitions: int = 1) -> str:
        witness.create_topic(self.broker.address, self.topic, partitions)
        return self.topic

    def produce(self, records: list[Record], **arguments) -> dict[int, int | None]:
        """The client writes these records; the offset of each, as it was told."""
        program = self.start("produce", topic=self.topic, **arguments)
        program.feed(records)
        program.succeeds()
        return program.acked()

    def consume(self, start: str | int, count: int, partition: int = 0) -> list[Record]:
        program = self.start("consume", topic=self.topic, partition=partition, **{"from": start}, count=count)
        program.succeeds()
        return program.records()

    def restart(self, kill: bool = False) -> None:
        if kill:
            self.broker.kill()
        else:
            self.broker.stop()
        self.broker.start()
