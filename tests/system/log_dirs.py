#!/usr/bin/env python3
"""Several log directories: new partitions go where the fewest are, not into cordoned ones; partitions move between them
under load, also when the broker is killed meanwhile; Kafka's tools see and start moves; what is refused, and how."""

import json
import random
import struct
import sys
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lib import options, peer_tool, wire
from lib.broker import Broker
from lib.report import Report, expect, expect_equal, say

ALTER_REPLICA_LOG_DIRS = 34
LIMIT_S = 60
NONE, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC, INVALID_REPLICA_ASSIGNMENT, LOG_DIR_NOT_FOUND = 0, 3, 17, 39, 57


def alter_replica_log_dirs(port, path, topic, partitions):
    """{partition: error}"""
    body = struct.pack(">i", 1) + wire.string(str(path)) + struct.pack(">i", 1) + wire.string(topic)
    body += struct.pack(">i", len(partitions)) + b"".join(struct.pack(">i", each) for each in partitions)
    with wire.connect(port, 30) as connection:
        answer = wire.Fields(wire.ask(connection, wire.header(ALTER_REPLICA_LOG_DIRS, 1) + body))
    answer.number("i"), answer.number("i"), answer.number("i"), answer.text()
    return {answer.number("i"): answer.number("h") for _ in range(answer.number("i"))}


class Directories:
    def __init__(self, broker, count=3):
        self.broker = broker
        self.paths = [broker.data] + [broker.folder / f"data{i}" for i in range(2, count + 1)]
        broker.overrides["log__dirs"] = ",".join(map(str, self.paths))
        broker.overrides["file__delete__delay__ms"] = 1000
        broker.write_properties()

    def of(self, topic, partition):
        """Where its folder is, by place; also those of copies and of what is to be deleted."""
        name = f"{topic}-{partition}"
        return [(place, each.name) for place, path in enumerate(self.paths) for each in path.iterdir()
                if each.name == name or each.name.startswith(name + ".")]

    def counts(self, topic, total):
        """How many of its partitions each directory has, smallest first; the peer makes them a little later."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            found = sorted(sum(each.name.startswith(topic + "-") and "." not in each.name for each in path.iterdir())
                           for path in self.paths)
            if sum(found) == total:
                return found
            expect(time.monotonic() < deadline, f"{topic} has {found} folders, not {total}")
            time.sleep(0.1)

    def wait_until_moved(self, topic, targets):
        deadline = time.monotonic() + LIMIT_S
        wanted = {partition: [(place, f"{topic}-{partition}")] for partition, place in targets.items()}
        while True:
            seen = {partition: [each for each in self.of(topic, partition) if not each[1].endswith("-delete")]
                    for partition in targets}
            if seen == wanted:
                return
            expect(time.monotonic() < deadline, f"folders after {LIMIT_S} s: {seen}, wanted {wanted}")
            time.sleep(0.05)


def create(broker, topic, partitions):
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(LIMIT_S)
    deadline = time.monotonic() + LIMIT_S
    while True:  # the peer's broker hears of it a little later
        known = admin.list_topics(timeout=30).topics.get(topic)
        if known and len(known.partitions) == partitions and all(p.leader >= 0 for p in known.partitions.values()):
            break
        expect(time.monotonic() < deadline, f"{topic} has no leaders")
        time.sleep(0.2)
    time.sleep(1)


def spread(broker, directories):
    create(broker, "spread", 9)
    expect_equal(directories.counts("spread", 9), [3, 3, 3], "partitions by directory")


def what_is_refused(broker, directories):
    port, second = broker.port, directories.paths[1]
    create(broker, "r", 1)
    expect_equal(alter_replica_log_dirs(port, "/nowhere", "r", [0]), {0: LOG_DIR_NOT_FOUND}, "another directory")
    expect_equal(alter_replica_log_dirs(port, second, "r", [7]), {7: UNKNOWN_TOPIC_OR_PARTITION}, "another partition")
    expect_equal(alter_replica_log_dirs(port, second, "x" * 230, [0]), {0: INVALID_TOPIC}, "a long name")
    place = directories.of("r", 0)[0][0]
    expect_equal(alter_replica_log_dirs(port, directories.paths[place], "r", [0]), {0: NONE}, "where it is")


def a_wish_before_the_topic(broker, directories):
    third = directories.paths[2]
    expect_equal(alter_replica_log_dirs(broker.port, third, "wish", [0, 1, 2]),
                 {each: UNKNOWN_TOPIC_OR_PARTITION for each in range(3)}, "of a topic to come")
    create(broker, "wish", 3)
    expect_equal(directories.counts("wish", 3), [0, 0, 3], "partitions by directory")


def cordoned(broker, directories):
    third = directories.paths[2]
    server = ("--bootstrap-server", broker.address)
    def configs(*words):
        return ("configs", *server, "--alter", "--entity-type", "brokers", "--entity-name", "1", *words)
    peer_tool.run_many([configs("--add-config", f"cordoned.log.dirs={third}")])
    time.sleep(1)
    create(broker, "kept-out", 4)
    expect_equal(directories.counts("kept-out", 4), [0, 2, 2], "partitions by directory")
    expect_equal(alter_replica_log_dirs(broker.port, third, "kept-out", [0]), {0: INVALID_REPLICA_ASSIGNMENT}, "a move there")
    printed = peer_tool.run_many([
        configs("--add-config", "cordoned.log.dirs=*"), ("topics", *server, "--create", "--topic", "nowhere"),
        configs("--delete-config", "cordoned.log.dirs"), ("topics", *server, "--create", "--topic", "somewhere")])
    expect("cordoned" in printed[1], f"with all directories cordoned: {printed[1]}")
    expect("Created topic somewhere" in printed[3], f"afterwards: {printed[3]}")


class Load:
    """Numbers sent to every partition in turn, until it is stopped; those that were acknowledged."""

    def __init__(self, broker, topic, partitions):
        self.acked = {each: [] for each in range(partitions)}
        self.errors = []
        self.is_over = False
        self.broker, self.topic, self.partitions = broker, topic, partitions
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        producer = Producer({"bootstrap.servers": self.broker.address, "acks": "all", "enable.idempotence": True,
                             "linger.ms": 2, "delivery.timeout.ms": 120_000})
        number = 0
        while not self.is_over:
            for partition in range(self.partitions):
                producer.produce(self.topic, f"{number}".encode() + b"." * 1000, partition=partition,
                                 on_delivery=lambda error, message, p=partition, n=number: self.on_delivery(error, p, n))
            number += 1
            producer.poll(0.002)
        self.left = producer.flush(120)

    def on_delivery(self, error, partition, number):
        if error:
            self.errors.append(str(error))
        else:
            self.acked[partition].append(number)

    def stop(self):
        self.is_over = True
        self.thread.join()
        expect_equal(self.left, 0, "records without an answer")
        expect_equal(self.errors[:3], [], "records that failed")


def read_all(broker, topic, partition):
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "r", "enable.auto.commit": False})
    place = TopicPartition(topic, partition, 0)
    _, high = consumer.get_watermark_offsets(place, timeout=30)
    consumer.assign([place])
    numbers = []
    while len(numbers) < high:
        for message in consumer.consume(10_000, 5):
            expect(message.error() is None, f"{message.error()}")
            numbers.append(int(message.value().split(b".")[0]))
    consumer.close()
    return numbers


def expect_all(broker, load, topic):
    for partition, acked in load.acked.items():
        expect_equal(read_all(broker, topic, partition), acked, f"records of {topic}-{partition}")


def moves_under_load(broker, directories):
    create(broker, "m", 3)
    load = Load(broker, "m", 3)
    time.sleep(1)
    for turn in range(6):
        targets = {partition: (partition + turn) % 3 for partition in range(3)}
        for partition, place in targets.items():
            expect_equal(alter_replica_log_dirs(broker.port, directories.paths[place], "m", [partition]), {partition: NONE}, "move")
        directories.wait_until_moved("m", targets)
    load.stop()
    say(f"{sum(map(len, load.acked.values()))} records acknowledged over 6 moves of 3 partitions")
    expect_all(broker, load, "m")


def moves_with_kills(broker, directories):
    create(broker, "k", 3)
    load = Load(broker, "k", 3)
    time.sleep(1)
    for turn in range(6):
        targets = {partition: (partition + turn + 1) % 3 for partition in range(3)}
        for partition, place in targets.items():
            alter_replica_log_dirs(broker.port, directories.paths[place], "k", [partition])
        time.sleep(random.uniform(0, 0.15))
        broker.kill()
        broker.start()
    load.stop()
    for partition in range(3):
        deadline = time.monotonic() + LIMIT_S
        while len(directories.of("k", partition)) != 1:
            expect(time.monotonic() < deadline, f"folders: {directories.of('k', partition)}")
            time.sleep(0.1)
    say(f"{sum(map(len, load.acked.values()))} records acknowledged over 6 kills in the middle of moves")
    expect_all(broker, load, "k")


def tools(broker, directories):
    create(broker, "tool", 1)
    server = ("--bootstrap-server", broker.address)
    here = directories.of("tool", 0)[0][0]
    target = directories.paths[(here + 1) % 3]
    plan = broker.folder / "plan.json"
    plan.write_text(json.dumps({"version": 1, "partitions": [
        {"topic": "tool", "partition": 0, "replicas": [1], "log_dirs": [str(target)]}]}))
    words = ("reassign-partitions", *server, "--reassignment-json-file", plan)
    printed = peer_tool.run_many([(*words, "--execute"), (*words, "--verify")])
    expect("Successfully started" in printed[0], printed[0])
    directories.wait_until_moved("tool", {0: (here + 1) % 3})
    printed = peer_tool.run_many([(*words, "--verify"), ("log-dirs", *server, "--describe", "--topic-list", "tool")])
    expect("completed successfully" in printed[0], printed[0])
    described = json.loads(printed[1].splitlines()[-1])["brokers"][0]["logDirs"]
    where = {each["logDir"]: [p["partition"] for p in each["partitions"]] for each in described}
    expect_equal(where[str(target)], ["tool-0"], "what kafka-log-dirs says")
    expect(all(each["error"] is None for each in described), f"{described}")


CASES = [spread, what_is_refused, a_wish_before_the_topic, cordoned, moves_under_load, tools]


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--case", help="only those whose name has this in it")
    arguments = parser.parse_args()
    report = Report(f"log_dirs {arguments.broker}")
    broker = Broker(arguments.broker, "log-dirs")
    directories = Directories(broker)
    cases = CASES + ([moves_with_kills] if arguments.broker == "gregor" else [])  # the peer takes a minute for each
    with broker:
        for case in cases:
            if not arguments.case or arguments.case in case.__name__:
                report.run(case.__name__.replace("_", " "), case, broker, directories)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
