#!/usr/bin/env python3
"""Kafka Connect in distributed mode: a file goes into a topic exactly once, another at least once, and topics into files, while
workers and the broker are killed."""

import json
import random
import sys
import time
import urllib.error
import urllib.request

from streams import Program, read_values

from lib import options
from lib.broker import Broker, free_port
from lib.report import Report, expect, expect_equal, say

LINES, LINES_LONG = 2000, 50_000
KILLS, KILLS_LONG = 3, 15
LIMIT_S = 240

WORKER = """\
bootstrap.servers={address}
group.id=connect-cluster
listeners=http://localhost:{port}
plugin.discovery=only_scan
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
config.storage.topic=connect-configs
config.storage.replication.factor=1
offset.storage.topic=connect-offsets
offset.storage.replication.factor=1
offset.storage.partitions=5
status.storage.topic=connect-status
status.storage.replication.factor=1
exactly.once.source.support=enabled
offset.flush.interval.ms=500
session.timeout.ms=6000
heartbeat.interval.ms=1000
scheduled.rebalance.max.delay.ms=1000
"""


class Worker:
    """A Connect worker and its REST interface."""

    def __init__(self, broker: Broker, number: int):
        self.broker, self.number, self.port = broker, number, free_port()
        self.properties = broker.folder / f"worker-{number}.properties"
        self.properties.write_text(WORKER.format(address=broker.address, port=self.port))
        self.program: Program | None = None

    def start(self) -> "Worker":
        self.program = Program(self.broker, f"worker-{self.number}",
                               "org.apache.kafka.connect.cli.ConnectDistributed", self.properties)
        return self

    def ask(self, method: str, path: str, body: dict | None = None):
        request = urllib.request.Request(f"http://localhost:{self.port}{path}", method=method,
                                         data=json.dumps(body).encode() if body is not None else None,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=90) as answer:
            return json.loads(answer.read() or "null")

    def ask_until_answered(self, method: str, path: str, body: dict | None = None):
        """A worker that starts, or whose group rebalances, refuses with a code of its own."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                return self.ask(method, path, body)
            except (urllib.error.URLError, OSError) as error:
                expect(self.program.is_alive(), f"worker {self.number} has left: {self.program.words()}")
                expect(time.monotonic() < deadline, f"{method} {path}: {error}; {self.program.words()}")
                time.sleep(0.5)


def connectors(folder, address: str) -> dict[str, dict]:
    """By name: two sources, one of them exactly once, and a sink for each of their topics."""
    source = {"connector.class": "FileStreamSource", "tasks.max": "1", "batch.size": "50"}
    sink = {"connector.class": "FileStreamSink", "tasks.max": "2"}
    return {"source-exact": source | {"file": str(folder / "exact.in"), "topic": "exact",
                                      "exactly.once.support": "required", "transaction.boundary": "poll"},
            "source-own": source | {"file": str(folder / "own.in"), "topic": "own",
                                    "offsets.storage.topic": "own-offsets", "transaction.boundary": "interval",
                                    "transaction.boundary.interval.ms": "300"},
            "sink-exact": sink | {"file": str(folder / "exact.out"), "topics": "exact"},
            "sink-own": sink | {"file": str(folder / "own.out"), "topics": "own"}}


def append(folder, lines: list[str]) -> None:
    for name in ("exact.in", "own.in"):
        with (folder / name).open("a") as file:
            file.writelines(line + "\n" for line in lines)


def tasks_run(worker: Worker) -> bool:
    states = worker.ask_until_answered("GET", "/connectors?expand=status")
    tasks = [task["state"] for entry in states.values() for task in entry["status"]["tasks"]]
    failed = [entry["status"] for entry in states.values() if "FAILED" in json.dumps(entry["status"])]
    expect(not failed, f"failed: {failed}")
    return len(tasks) >= 4 and set(tasks) == {"RUNNING"}


def wait_for(what: str, condition, worker: Worker) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        expect(time.monotonic() < deadline, f"{what}: not within {LIMIT_S} s; {worker.program.words()}")
        time.sleep(0.5)


def lines_of(path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def files_through_topics(broker: Broker, count: int, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    lines = [f"line {number} {chance.random()}" for number in range(count)]
    workers = [Worker(broker, number).start() for number in range(2)]
    try:
        for name, config in connectors(broker.folder, broker.address).items():
            workers[0].ask_until_answered("PUT", f"/connectors/{name}/config", config)
        wait_for("tasks run", lambda: tasks_run(workers[0]), workers[0])
        for turn in range(kills):
            start, end = (round(count * (turn + more) / (kills + 1)) for more in (0, 1))
            append(broker.folder, lines[start:end])
            time.sleep(chance.uniform(1, 4))
            if turn % 3 != 1:
                broker.stop() if chance.random() < 0.3 else broker.kill()
                broker.start()
            if turn % 3 != 0:
                workers[1].program.kill()
                workers[1].start()
        append(broker.folder, lines[round(count * kills / (kills + 1)):])
        for topic in ("exact", "own"):
            wait_for(f"{topic} has all", lambda: len(read_values(broker.address, topic, 1)) >= count, workers[0])
            expect_equal(read_values(broker.address, topic, 1), lines, f"records of {topic}")
            sunk = broker.folder / f"{topic}.out"
            wait_for(f"{sunk.name} has all", lambda: set(lines) <= set(lines_of(sunk)), workers[0])
            expect_equal(list(dict.fromkeys(lines_of(sunk))), lines, f"lines of {sunk.name}, repetitions aside")
        wait_for("tasks still run", lambda: tasks_run(workers[0]), workers[0])
        for name in connectors(broker.folder, broker.address):
            workers[0].ask_until_answered("DELETE", f"/connectors/{name}")
    finally:
        for worker in workers:
            worker.program.kill()
    say(f"{kills} deaths; {count} lines through either topic")


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    count, kills = (LINES_LONG, KILLS_LONG) if chosen.long else (LINES, KILLS)
    report = Report("connect")
    with Broker(chosen.broker, "connect") as broker:
        report.run(f"{count} lines, two workers, {kills} deaths, seed {chosen.seed}", files_through_topics, broker,
                   count, kills, chosen.seed)
        if report.failed:
            print(broker.log(40))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
