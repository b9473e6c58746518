#!/usr/bin/env python3
"""Two thousand hostile connections of all kinds at once, under a hard limit of memory: a stock client keeps its
latency, nothing that it was told is lost, and the broker is as before when they are gone. Then the limits of Kafka's
own: descriptors, max.connections, max.connections.per.ip."""

import subprocess
import sys
import time
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lib import options, wire
from lib.broker import Broker
from lib.confine import MemoryGroup, can_confine, with_descriptors
from lib.report import Report, expect, expect_equal, say

HERE = Path(__file__).parent
TOPIC, BULK_TOPIC = "quiet", "bulk"
ATTACKERS, ATTACKERS_LONG = 400, 2000
SECONDS, SECONDS_LONG = 8, 60
MEMORY_LIMIT = {"gregor": 128 << 20, "peer": 1 << 30}
BULK_BYTES = 40 << 20  # what never-readers ask for
P99_FACTOR, P99_MIN_S = 5, 0.1
ALL_THERE = 0.6  # of the attackers: some kinds are closed at once and come again all the time
ANSWER_LIMIT_S, GONE_LIMIT_S = 30, 20
DESCRIPTORS = 256


class StockClient:
    """A producer and a consumer with default settings: one message at a time, from send to acknowledgement to record."""

    def __init__(self, address: str):
        self.producer = Producer({"bootstrap.servers": address, "linger.ms": 0, "log_level": 0,
                                  "error_cb": lambda error: self.errors.append(str(error))})
        self.consumer = Consumer({"bootstrap.servers": address, "group.id": "quiet", "log_level": 0})
        self.consumer.assign([TopicPartition(TOPIC, 0, OFFSET_BEGINNING)])
        self.errors: list[str] = []
        self.sent = 0

    def one(self) -> tuple[float, float]:
        """Seconds to the acknowledgement and to the record."""
        value = b"%d" % self.sent + b"x" * 1000
        answers = []
        started = time.monotonic()
        self.producer.produce(TOPIC, value, on_delivery=lambda error, _: answers.append(error))
        while not answers:
            self.producer.poll(1)
            expect(time.monotonic() < started + ANSWER_LIMIT_S, f"no acknowledgement; {self.errors[-3:]}")
        acknowledged = time.monotonic()
        expect_equal(answers, [None], "acknowledgement")
        message = None
        while message is None:
            message = self.consumer.poll(1)
            expect(time.monotonic() < started + ANSWER_LIMIT_S, "the record does not come")
        expect_equal((message.error(), message.offset(), message.value()), (None, self.sent, value), "record")
        self.sent += 1
        return acknowledged - started, time.monotonic() - started

    def run(self, seconds: float) -> list[tuple[float, float]]:
        end = time.monotonic() + seconds
        rows = []
        while time.monotonic() < end:
            rows.append(self.one())
            time.sleep(0.01)
        return rows


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def describe(rows: list[tuple[float, float]]) -> str:
    parts = [f"{name} p50 {percentile(times, 0.5) * 1000:.1f} ms, p99 {percentile(times, 0.99) * 1000:.1f} ms, max "
             f"{max(times) * 1000:.0f} ms" for name, times in zip(("acknowledged", "consumed"), zip(*rows))]
    return f"{len(rows)} messages, {'; '.join(parts)}"


def descriptors(broker: Broker) -> int:
    return len(list(Path(f"/proc/{broker.process.pid}/fd").iterdir()))


def fill_bulk(address: str) -> None:
    producer = Producer({"bootstrap.servers": address, "log_level": 0})
    for _ in range(BULK_BYTES // 100_000):
        producer.produce(BULK_TOPIC, b"b" * 100_000)
        producer.poll(0)
    expect_equal(producer.flush(60), 0, "messages without an answer")


class FloodCase:
    def __init__(self, broker: Broker, count: int, seconds: float):
        self.broker, self.count, self.seconds = broker, count, seconds
        admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
        for made in admin.create_topics([NewTopic(TOPIC, 1), NewTopic(BULK_TOPIC, 1)]).values():
            made.result(30)
        fill_bulk(broker.address)
        self.client = StockClient(broker.address)
        self.client.one()
        self.before: list[tuple[float, float]] = []
        self.during: list[tuple[float, float]] = []
        self.resident_kib = 0

    def run(self) -> None:
        self.before = self.client.run(self.seconds / 2)
        say(f"before: {describe(self.before)}")
        self.idle_descriptors = descriptors(self.broker)
        attackers = subprocess.Popen(
            ["nice", "-n", "5", sys.executable, "-m", "lib.attackers", str(self.broker.port), str(self.count), BULK_TOPIC],
            cwd=HERE, stdout=subprocess.PIPE, text=True)
        try:
            present = 0
            while present < ALL_THERE * self.count:
                present = int(attackers.stdout.readline().split()[0])
            self.during = self.client.run(self.seconds)
            self.resident_kib = self.broker.status_kib("VmHWM")
        finally:
            attackers.kill()
            lines = attackers.stdout.read().splitlines()
            attackers.wait()
        say(f"during: {describe(self.during)}")
        connected, closed, sent, received = map(int, lines[-1].split())
        say(f"attackers: {connected} connected, {closed} closed, {sent >> 20} MiB sent, {received >> 20} MiB received")
        expect(self.broker.is_alive(), f"the broker has stopped:\n{self.broker.log()}")

    def latency(self) -> None:
        for place, name in enumerate(("acknowledged", "consumed")):
            before, during = (percentile([row[place] for row in rows], 0.99) for rows in (self.before, self.during))
            limit = max(P99_FACTOR * before, P99_MIN_S)
            expect(during <= limit, f"p99 of {name} is {during * 1000:.0f} ms, before {before * 1000:.0f} ms")
        expect_equal(self.client.errors, [], "errors of the stock client")

    def aftermath(self) -> None:
        """The connections of those who are gone are closed, also of those who waited for an answer."""
        deadline = time.monotonic() + GONE_LIMIT_S
        while descriptors(self.broker) > self.idle_descriptors + 5:
            expect(time.monotonic() < deadline, f"{descriptors(self.broker)} descriptors are open, before "
                                                f"{self.idle_descriptors}")
            time.sleep(0.1)
        after = self.client.run(2)
        say(f"after: {describe(after)}")


def memory(case: FloodCase, group: MemoryGroup | None) -> None:
    limit = MEMORY_LIMIT[case.broker.flavour]
    say(f"resident at most {case.resident_kib >> 10} MiB of {limit >> 20} MiB")
    expect(case.resident_kib << 10 <= limit, "more is resident than the limit allows")
    if group is not None:
        expect_equal(group.kills(), 0, "processes killed for want of memory")


def flood(report: Report, flavour: str, count: int, seconds: float) -> None:
    is_confined = can_confine()
    if not is_confined:
        say("no control group may be made here: the limit is checked, not enforced")
    broker = Broker(flavour, "flood", connections__max__idle__ms=5000)
    group = MemoryGroup("flood", MEMORY_LIMIT[flavour]) if is_confined else None
    if group is not None:
        group.__enter__()
        broker.prefix = group.prefix()
    try:
        with broker:
            case = FloodCase(broker, count, seconds)
            if report.run(f"{count} hostile connections for {seconds} s", case.run):
                report.run("the stock client keeps its latency", case.latency)
                report.run("memory stays under its limit", memory, case, group)
                report.run("nothing is left of them", case.aftermath)
            if report.failed:
                print(broker.log(40))
    finally:
        if group is not None:
            group.__exit__()


# ---------------------------------------------------------------- limits of connections


def is_served(connection) -> bool:
    try:
        return wire.ask(connection, wire.header(wire.API_VERSIONS, 0)) is not None
    except (ConnectionError, TimeoutError):
        return False


def out_of_descriptors(flavour: str) -> None:
    """More connections than descriptors: those that are there go on, files can be opened, and nothing spins."""
    broker = Broker(flavour, "descriptors")
    broker.prefix = with_descriptors(DESCRIPTORS)
    with broker:
        admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
        admin.create_topics([NewTopic(TOPIC, 1)])[TOPIC].result(30)
        client = StockClient(broker.address)
        client.one()
        crowd = [wire.connect(broker.port, 2) for _ in range(2 * DESCRIPTORS)]
        client.run(1)
        used = broker.cpu_s()
        time.sleep(2)
        expect(broker.cpu_s() - used < 0.5, f"{broker.cpu_s() - used:.1f} s of CPU in two quiet seconds")
        admin.create_topics([NewTopic("made-meanwhile", 8)])["made-meanwhile"].result(30)
        for connection in crowd:
            connection.close()
        with wire.connect(broker.port, 10) as late:
            expect(is_served(late), "a connection that comes later is not served")
        client.run(1)


def per_address(flavour: str) -> None:
    with Broker(flavour, "per-ip", max__connections__per__ip=5) as broker:
        crowd = [wire.connect(broker.port, 2) for _ in range(5)]
        expect_equal([is_served(connection) for connection in crowd], [True] * 5, "connections up to the limit")
        with wire.connect(broker.port, 5) as one_more:
            expect_equal(is_served(one_more), False, "a connection over the limit")
        crowd.pop().close()
        time.sleep(1)
        with wire.connect(broker.port, 5) as one_more:
            expect_equal(is_served(one_more), True, "a connection after one has gone")
        for connection in crowd:
            connection.close()


def over_all(flavour: str) -> None:
    with Broker(flavour, "max-connections", max__connections=5) as broker:
        time.sleep(1)  # the probes of the start are gone
        crowd = [wire.connect(broker.port, 2) for _ in range(5)]
        expect_equal([is_served(connection) for connection in crowd], [True] * 5, "connections up to the limit")
        with wire.connect(broker.port, 2) as waiting:
            expect_equal(is_served(waiting), False, "a connection over the limit")
            crowd.pop().close()
            waiting.settimeout(10)
            expect(wire.read_frame(waiting) is not None, "it is not served when another one has gone")
        for connection in crowd:
            connection.close()


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--attackers", type=int)
    parser.add_argument("--seconds", type=float)
    chosen = parser.parse_args()
    report = Report("flood")
    flood(report, chosen.broker, chosen.attackers or (ATTACKERS_LONG if chosen.long else ATTACKERS),
          chosen.seconds or (SECONDS_LONG if chosen.long else SECONDS))
    report.run("more connections than descriptors", out_of_descriptors, chosen.broker)
    report.run("max.connections.per.ip closes", per_address, chosen.broker)
    report.run("max.connections lets wait", over_all, chosen.broker)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
