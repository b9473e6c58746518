#!/usr/bin/env python3
"""Programs of Kafka that process exactly once: a Kafka Streams application (a word count and an aggregation) whose instances and
whose broker are killed, and the KafkaExactlyOnceDemo of Kafka's examples. The results are those of a run without faults."""

import random
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lib import options
from lib.broker import PEER, Broker
from lib.report import Report, expect, expect_equal, say

PARTITIONS = 3
JOB = Path(__file__).parent / "java" / "StreamsJob.java"
LINES, LINES_LONG = 3000, 30_000
KILLS, KILLS_LONG = 4, 20
LIMIT_S = 240
WORDS = [f"word{number}" for number in range(50)]
DEMO_PORT = 9092  # the demo's address is a constant in it
DEMO_RECORDS, DEMO_INSTANCES = 3000, 2


class Program:
    """A Java program in a process of its own; its words go to a file."""

    def __init__(self, broker: Broker, name: str, *command):
        self.output = broker.folder / f"{name}.txt"
        with self.output.open("ab") as output:
            self.process = subprocess.Popen([PEER, "class", *map(str, command)], stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output)

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        if self.is_alive():
            self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def words(self) -> str:
        return "\n".join(self.output.read_text(errors="replace").splitlines()[-15:])


def make_topics(address: str, *names: str) -> None:
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    for made in admin.create_topics([NewTopic(name, PARTITIONS) for name in names]).values():
        made.result(30)


def read_records(address: str, topic: str, partitions: int) -> list[tuple[str | None, str]]:
    """Key and value of every committed record, partition after partition."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader", "enable.auto.commit": False,
                         "isolation.level": "read_committed", "enable.partition.eof": True, "log_level": 0})
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)])
    seen, ended, deadline = defaultdict(list), set(), time.monotonic() + 60
    while len(ended) < partitions:
        expect(time.monotonic() < deadline, f"{topic} has no end")
        for message in consumer.consume(1000, timeout=1):
            if message.error():
                ended.add(message.partition())
            else:
                key = message.key().decode() if message.key() is not None else None
                seen[message.partition()].append((key, message.value().decode()))
    consumer.close()
    return [record for partition in sorted(seen) for record in seen[partition]]


def read_values(address: str, topic: str, partitions: int) -> list[str]:
    return [value for _, value in read_records(address, topic, partitions)]


def read(address: str, topic: str) -> dict[str, list[str]]:
    """The committed values of every key, in their order."""
    values = defaultdict(list)
    for key, value in read_records(address, topic, PARTITIONS):
        values[key].append(value)
    return values


# ---------------------------------------------------------------- streams


class Feed:
    """What goes in, and what has to come out."""

    def __init__(self, address: str, count: int, seed: int):
        chance = random.Random(seed)
        self.producer = Producer({"bootstrap.servers": address, "log_level": 0, "enable.idempotence": True,
                                  "error_cb": lambda error: None})
        self.lines = [chance.choices(WORDS, k=4) for _ in range(count)]
        self.amounts = [(chance.choice(WORDS), chance.randint(-99, 99)) for _ in range(count)]
        self.sent = 0

    def send(self, up_to: float) -> None:
        """The first part of the records, a share between 0 and 1."""
        end = round(len(self.lines) * up_to)
        for line, (key, amount) in zip(self.lines[self.sent:end], self.amounts[self.sent:end]):
            self.producer.produce("lines", " ".join(line))
            self.producer.produce("amounts", str(amount), key)
            self.producer.poll(0)
        self.sent = end

    def counts(self) -> dict[str, list[str]]:
        """Every word is counted one by one."""
        return {word: [str(n + 1) for n in range(count)] for word, count in Counter(sum(self.lines, [])).items()}

    def sums(self) -> dict[str, list[str]]:
        sums, results = Counter(), defaultdict(list)
        for key, amount in self.amounts:
            sums[key] += amount
            results[key].append(str(sums[key]))
        return dict(results)


class Instances:
    """Of the application, each with its state; one may be killed at any time and comes back."""

    def __init__(self, broker: Broker, count: int):
        self.broker = broker
        self.programs = [self.start(number) for number in range(count)]

    def start(self, number: int) -> Program:
        return Program(self.broker, f"instance-{number}", JOB, self.broker.address,
                       self.broker.folder / f"state-{number}")

    def kill(self, number: int) -> None:
        self.programs[number].kill()
        self.programs[number] = self.start(number)

    def end(self) -> None:
        for program in self.programs:
            program.kill()


def total(values: dict[str, list[str]]) -> int:
    return sum(map(len, values.values()))


def word_count_and_sums(broker: Broker, count: int, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    make_topics(broker.address, "lines", "amounts", "counts", "sums")
    feed = Feed(broker.address, count, seed)
    instances = Instances(broker, 2)
    wanted = {"counts": feed.counts(), "sums": feed.sums()}
    try:
        for turn in range(kills):
            feed.send((turn + 1) / (kills + 1))
            time.sleep(chance.uniform(4, 8))
            victim = turn % 3
            if victim < 2:
                instances.kill(victim)
            if victim > 0:
                broker.stop() if chance.random() < 0.3 else broker.kill()
                broker.start()
        feed.send(1)
        expect_equal(feed.producer.flush(60), 0, "records that were not delivered")
        deadline = time.monotonic() + LIMIT_S
        for topic, results in wanted.items():
            while (seen := total(read(broker.address, topic))) < total(results):
                expect(time.monotonic() < deadline, f"{topic} has {seen} of {total(results)} results; an instance: "
                       f"{instances.programs[0].words()}")
                time.sleep(1)
        instances.programs[0].stop()
    finally:
        instances.end()
    for topic, results in wanted.items():
        seen = read(broker.address, topic)
        for key in results:
            expect_equal(seen[key], results[key], f"{topic} of {key}")
        expect_equal(set(seen), set(results), f"keys of {topic}")
    say(f"{kills} deaths; {total(wanted['counts'])} counts and {total(wanted['sums'])} sums, each once, in order")


# ---------------------------------------------------------------- the demo


def demo_port_is_free() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", DEMO_PORT)) != 0


def exactly_once_demo(flavour: str) -> None:
    """It makes its topics, fills the first, copies it with two transactional processors, and reads the other."""
    broker = Broker(flavour, "demo")
    broker.port = DEMO_PORT
    broker.write_properties()
    with broker:
        demo = Program(broker, "demo", "kafka.examples.KafkaExactlyOnceDemo", 4, DEMO_INSTANCES, DEMO_RECORDS)
        try:
            demo.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"the demo does not end: {demo.words()}") from None
        finally:
            demo.kill()
        expect_equal(demo.process.returncode, 0, f"exit code, after {demo.words()}")
        expect("Finished" in demo.words() or "records" in demo.words(), f"its last words are {demo.words()}")


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    count, kills = (LINES_LONG, KILLS_LONG) if chosen.long else (LINES, KILLS)
    report = Report("streams")
    with Broker(chosen.broker, "streams") as broker:
        report.run(f"word count and sums of {count} lines, {kills} deaths, seed {chosen.seed}", word_count_and_sums,
                   broker, count, kills, chosen.seed)
        if report.failed:
            print(broker.log(40))
    if demo_port_is_free():
        report.run(f"KafkaExactlyOnceDemo, {DEMO_RECORDS} records", exactly_once_demo, chosen.broker)
    else:
        say(f"KafkaExactlyOnceDemo is left out: it wants port {DEMO_PORT}, which is taken")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
