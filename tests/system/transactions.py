#!/usr/bin/env python3
"""Transactions of stock clients: commits and aborts, read_committed, offsets in transactions, fencing, timeouts, the
peer's tools, and pipelines that move every record exactly once while the broker is killed in the middle."""

import json
import random
import subprocess
import sys
import threading
import time

from confluent_kafka import (OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer,
                             TopicPartition)
from confluent_kafka.admin import AdminClient, NewTopic

from lib import options, peer_tool
from lib.broker import PEER, Broker
from lib.report import Report, expect, expect_equal, say

PARTITIONS = 2
RECORDS, RECORDS_LONG = 2000, 20000
KILLS, KILLS_LONG = 4, 20
LIMIT_S = 300
PATIENT_MS = 600_000  # so that no transaction times out on a slow machine but where it shall
# With its default, "rebootstrap", librdkafka 2.16 never sends the offsets of a transaction again once all of its
# connections were down at once, with Kafka as well: see docs/clients-findings.md.
RECOVERY = {"metadata.recovery.strategy": "none"}


def make_topics(address: str, *names: str) -> None:
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    for made in admin.create_topics([NewTopic(name, PARTITIONS) for name in names]).values():
        made.result(30)


def producer(address: str, transactional_id: str, **more) -> Producer:
    made = Producer({"bootstrap.servers": address, "transactional.id": transactional_id, "log_level": 0,
                     "transaction.timeout.ms": PATIENT_MS,
                     "retry.backoff.ms": 50, "reconnect.backoff.max.ms": 200, "error_cb": lambda error: None}
                    | RECOVERY | {key.replace("_", "."): value for key, value in more.items()})
    made.init_transactions(30)
    return made


def send(to: Producer, topic: str, *values: str) -> None:
    for number, value in enumerate(values):
        to.produce(topic, value, partition=number % PARTITIONS)
    to.flush(30)


def read(address: str, topic: str, isolation: str = "read_committed") -> list[str]:
    """Every value that a reader of this isolation sees now."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader", "enable.auto.commit": False,
                         "isolation.level": isolation, "enable.partition.eof": True, "log_level": 0})
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(PARTITIONS)])
    values, ended, deadline = [], set(), time.monotonic() + 60
    while len(ended) < PARTITIONS:
        expect(time.monotonic() < deadline, f"{topic} has no end after {len(values)} records")
        for message in consumer.consume(1000, timeout=1):
            if message.error():
                ended.add(message.partition())
            else:
                values.append(message.value().decode())
    consumer.close()
    return sorted(values)


def is_fenced(action) -> bool:
    try:
        action()
    except KafkaException as error:
        return error.args[0].fatal()
    return False


# ---------------------------------------------------------------- one producer


def commits_and_aborts(broker: Broker) -> None:
    make_topics(broker.address, "plain")
    mine = producer(broker.address, "plain")
    mine.begin_transaction()
    send(mine, "plain", "a", "b")
    expect_equal(read(broker.address, "plain"), [], "before the commit")
    expect_equal(read(broker.address, "plain", "read_uncommitted"), ["a", "b"], "uncommitted")
    mine.commit_transaction(30)
    expect_equal(read(broker.address, "plain"), ["a", "b"], "after the commit")
    mine.begin_transaction()
    send(mine, "plain", "c", "d")
    mine.abort_transaction(30)
    mine.begin_transaction()
    send(mine, "plain", "e")
    mine.commit_transaction(30)
    expect_equal(read(broker.address, "plain"), ["a", "b", "e"], "after an abort")
    for number in range(20):  # one after the other, as fast as it goes
        mine.begin_transaction()
        send(mine, "plain", f"x{number}")
        mine.commit_transaction(30) if number % 2 else mine.abort_transaction(30)
    wanted = ["a", "b", "e"] + [f"x{number}" for number in range(20) if number % 2]
    expect_equal(read(broker.address, "plain"), sorted(wanted), "after twenty more")


def second_producer_fences(broker: Broker) -> None:
    make_topics(broker.address, "fenced")
    old = producer(broker.address, "fenced")
    old.begin_transaction()
    send(old, "fenced", "lost")
    new = producer(broker.address, "fenced")
    new.begin_transaction()
    send(new, "fenced", "kept")
    expect(is_fenced(lambda: old.commit_transaction(30)), "the old producer could commit")
    new.commit_transaction(30)
    expect_equal(read(broker.address, "fenced"), ["kept"], "records")


def timed_out_is_aborted(broker: Broker) -> None:
    make_topics(broker.address, "slow")
    mine = producer(broker.address, "slow", transaction_timeout_ms=1000)
    mine.begin_transaction()
    send(mine, "slow", "late")
    deadline = time.monotonic() + 30
    while end_of(broker.address, "slow") == 0:  # the last stable offset passes the marker
        expect(time.monotonic() < deadline, "the transaction is still open")
        time.sleep(0.2)
    expect_equal(read(broker.address, "slow"), [], "records")
    try:
        mine.commit_transaction(30)
    except KafkaException:
        return
    expect(False, "the producer could commit")


def end_of(address: str, topic: str) -> int:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "end", "isolation.level": "read_committed",
                         "log_level": 0})
    end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1]
    consumer.close()
    return end


# ---------------------------------------------------------------- offsets


def committed(address: str, group: str, topic: str) -> list[int]:
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, p) for p in range(PARTITIONS)])
    found = admin.list_consumer_group_offsets([asked])[group].result(30)
    return [entry.offset for entry in found.topic_partitions]


def offsets_in_transactions(broker: Broker) -> None:
    make_topics(broker.address, "in", "out")
    filler = producer(broker.address, "filler")
    filler.begin_transaction()
    send(filler, "in", *map(str, range(10)))
    filler.commit_transaction(30)
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "mover", "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, "isolation.level": "read_committed", "log_level": 0})
    consumer.subscribe(["in"])
    messages = []
    deadline = time.monotonic() + 60
    while len(messages) < 10:
        expect(time.monotonic() < deadline, f"read only {len(messages)} records")
        messages += [message for message in consumer.consume(10, timeout=1) if not message.error()]
    mine = producer(broker.address, "mover")
    for commit in (False, True):
        mine.begin_transaction()
        send(mine, "out", *[message.value().decode() for message in messages])
        mine.send_offsets_to_transaction(consumer.position(consumer.assignment()), consumer.consumer_group_metadata(),
                                         30)
        mine.commit_transaction(30) if commit else mine.abort_transaction(30)
        wanted = [message.value().decode() for message in messages] if commit else []
        expect_equal(read(broker.address, "out"), sorted(wanted), "moved records")
        offsets = committed(broker.address, "mover", "in")
        expect_equal(all(offset > 0 for offset in offsets), commit, f"offsets {offsets} count")
    consumer.close()


# ---------------------------------------------------------------- tools


def tools(broker: Broker) -> None:
    make_topics(broker.address, "seen")
    mine = producer(broker.address, "seen")
    mine.begin_transaction()
    send(mine, "seen", "x")
    server = ("--bootstrap-server", broker.address)
    listed, described, producers = peer_tool.run_many([
        ("transactions", *server, "list"),
        ("transactions", *server, "describe", "--transactional-id", "seen"),
        ("transactions", *server, "describe-producers", "--topic", "seen", "--partition", "0")])
    row = next(line.split() for line in listed.splitlines() if line.startswith("seen"))
    expect_equal(row[3], "Ongoing", f"state in {listed}")
    fields = dict(zip(*(line.split("\t") for line in described.strip().splitlines())))
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    expect_equal((fields["TransactionState"], fields["TransactionTimeoutMs"], fields["TopicPartitions"]),
                 ("Ongoing", str(PATIENT_MS), "seen-0"), "described")
    head, first = (line.split() for line in producers.strip().splitlines()[:2])
    expect_equal((first[head.index("ProducerId")], first[head.index("CurrentTransactionStartOffset")]),
                 (fields["ProducerId"], "0"), f"producers in {producers}")
    mine.commit_transaction(30)
    wanted = "CompleteCommit"
    state = peer_tool.run("transactions", *server, "describe", "--transactional-id", "seen").splitlines()[1].split("\t")
    expect_equal(state[4].strip(), wanted, "state after the commit")


def hanging_is_aborted_by_hand(broker: Broker) -> None:
    """kafka-transactions abort writes a marker without the coordinator."""
    make_topics(broker.address, "hanging")
    mine = producer(broker.address, "hanging")
    mine.begin_transaction()
    send(mine, "hanging", "x")
    peer_tool.run("transactions", "--bootstrap-server", broker.address, "abort", "--topic", "hanging", "--partition",
                  "0", "--start-offset", "0")
    expect_equal(end_of(broker.address, "hanging"), 2, "last stable offset")
    expect_equal(read(broker.address, "hanging"), [], "records")


# ---------------------------------------------------------------- exactly once


class Copier:
    """The peer's TransactionalMessageCopier: reads a partition, writes what it read elsewhere, in transactions, some
    of which it aborts and does again."""

    def __init__(self, address: str, partition: int, count: int):
        self.done = threading.Event()
        self.last: dict = {}
        self.process = subprocess.Popen(
            [PEER, "class", "org.apache.kafka.tools.TransactionalMessageCopier", "--broker-list", address,
             "--transactional-id", f"copier-{partition}", "--input-topic", "source", "--input-partition",
             str(partition), "--output-topic", "copy", "--consumer-group", "copiers", "--max-messages", str(count),
             "--transaction-size", "50", "--transaction-timeout", str(PATIENT_MS),
             "--enable-random-aborts"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self) -> None:
        for line in self.process.stdout:
            if line.startswith("{"):
                self.last = json.loads(line)
        self.done.set()


class Mover(threading.Thread):
    """The same with confluent-kafka: a group's member that moves what it reads, and starts anew when it cannot go on."""

    def __init__(self, address: str, identity: int, seed: int):
        super().__init__(daemon=True)
        self.address, self.identity, self.chance = address, identity, random.Random(seed)
        self.stopping = threading.Event()
        self.moved = self.aborted = self.failed = 0

    def run(self) -> None:
        while not self.stopping.is_set():
            consumer = Consumer({"bootstrap.servers": self.address, "group.id": "movers", "log_level": 0,
                                 "auto.offset.reset": "earliest", "enable.auto.commit": False,
                                 "isolation.level": "read_committed", "session.timeout.ms": 6000,
                                 "heartbeat.interval.ms": 500, "error_cb": lambda error: None})
            try:
                mine = producer(self.address, f"mover-{self.identity}")
                consumer.subscribe(["source"])
                while not self.stopping.is_set():
                    self.move(consumer, mine)
            except KafkaException:
                self.failed += 1
            consumer.close()

    def move(self, consumer: Consumer, mine: Producer) -> None:
        messages = [message for message in consumer.consume(50, timeout=0.2) if not message.error()]
        if not messages:
            return
        mine.begin_transaction()
        try:
            for message in messages:
                mine.produce("moved", message.value(), partition=message.partition())
            mine.send_offsets_to_transaction(consumer.position(consumer.assignment()),
                                             consumer.consumer_group_metadata(), 30)
            expect(self.chance.random() > 0.1, "a whim")
            mine.commit_transaction(30)
            self.moved += len(messages)
        except Exception as error:
            if isinstance(error, KafkaException) and not error.args[0].txn_requires_abort():
                raise
            mine.abort_transaction(30)
            self.aborted += 1
            for entry in consumer.committed(consumer.assignment(), 30):
                consumer.seek(TopicPartition(entry.topic, entry.partition, max(entry.offset, 0)))


def fill(broker: Broker, count: int) -> list[str]:
    make_topics(broker.address, "source", "copy", "moved")
    filler = Producer({"bootstrap.servers": broker.address, "log_level": 0})
    for number in range(count):
        filler.produce("source", str(number), partition=number % PARTITIONS)
    filler.flush(60)
    return sorted(map(str, range(count)))


def pipelines(broker: Broker, count: int, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    wanted = fill(broker, count)
    copiers = [Copier(broker.address, partition, count // PARTITIONS) for partition in range(PARTITIONS)]
    movers = [Mover(broker.address, identity, seed + identity) for identity in range(2)]
    for mover in movers:
        mover.start()
    try:
        for _ in range(kills):
            time.sleep(chance.uniform(1, 4))
            expect(broker.is_alive(), f"the broker has stopped by itself:\n{broker.log()}")
            broker.stop() if chance.random() < 0.25 else broker.kill()
            broker.start()
        deadline = time.monotonic() + LIMIT_S
        for copier in copiers:
            expect(copier.done.wait(max(0, deadline - time.monotonic())), f"a copier is still at {copier.last}")
            expect_equal(copier.process.wait(), 0, f"exit code of a copier, whose last words are {copier.last}")
        while len(read(broker.address, "moved")) < count:
            expect(time.monotonic() < deadline, f"moved only {[mover.moved for mover in movers]}")
            time.sleep(1)
    finally:
        for mover in movers:
            mover.stopping.set()
        for copier in copiers:
            copier.process.kill()
    for mover in movers:
        mover.join(60)
    expect_equal(read(broker.address, "copy"), wanted, "what the Java copiers wrote")
    expect_equal(read(broker.address, "moved"), wanted, "what the movers wrote")
    expect_equal(sum(committed(broker.address, "movers", "source")), count, "offsets of the movers")
    say(f"{kills} deaths; movers committed {[mover.moved for mover in movers]} records, aborted "
        f"{[mover.aborted for mover in movers]}, began anew {[mover.failed for mover in movers]} times")


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    count, kills = (RECORDS_LONG, KILLS_LONG) if chosen.long else (RECORDS, KILLS)
    report = Report("transactions")
    settings = {"transaction__abort__timed__out__transaction__cleanup__interval__ms": 1000}
    with Broker(chosen.broker, "transactions", **settings) as broker:
        report.run("commits and aborts", commits_and_aborts, broker)
        report.run("offsets in transactions", offsets_in_transactions, broker)
        report.run("a second producer with the id fences the first", second_producer_fences, broker)
        report.run("a transaction that takes too long is aborted", timed_out_is_aborted, broker)
        report.run("kafka-transactions lists and describes", tools, broker)
        report.run("kafka-transactions aborts what hangs", hanging_is_aborted_by_hand, broker)
        report.run(f"{count} records through pipelines, exactly once, seed {chosen.seed}", pipelines, broker, count,
                   kills, chosen.seed)
        if report.failed:
            print(broker.log(40))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
