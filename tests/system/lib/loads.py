"""Clients that write and read while a broker dies again and again, and remember what they were told.

A message's value is made from its writer, its partition and its number, so that whoever reads it can tell whether it
is what was sent. Writers number each partition on their own."""

import json
import random
import struct
import subprocess
import threading

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import OffsetAndMetadata
from kafka.structs import TopicPartition as PythonPartition

from lib import peer_tool

ANSWER_LIMIT_S = 120
WAITING_MAX = 2000  # messages of a writer without an answer
# Writers that never pause keep the interpreter's lock to themselves, and readers of the same process get nowhere.
BURST, PAUSE_S = 50, 0.02
SIZE_MAX = 700
PROBE = -1  # the writer of single records that nobody counts


def value_of(identity: int, partition: int, number: int) -> bytes:
    head = struct.pack(">iiq", identity, partition, number)
    return head + random.Random(head).randbytes(number % SIZE_MAX)


def number_of(value: bytes) -> tuple[int, int, int]:
    """Writer, partition and number; raises ValueError when that is not what the writer sent."""
    identity, partition, number = struct.unpack(">iiq", value[:16])
    if value != value_of(identity, partition, number):
        raise ValueError(f"the value of writer {identity}, partition {partition}, number {number} is not what was sent")
    return identity, partition, number


class Writer(threading.Thread):
    """Numbers messages until it is stopped; `acknowledged` holds, for each partition, the numbers that were."""

    def __init__(self, identity: int, topic: str, partitions: int):
        super().__init__(daemon=True)
        self.identity, self.topic = identity, topic
        self.next = [0] * partitions
        self.acknowledged: list[set[int]] = [set() for _ in range(partitions)]
        self.errors: list[str] = []
        self.stopping = threading.Event()
        self.random = random.Random(identity)

    def next_message(self) -> tuple[int, int, bytes]:
        partition = self.random.randrange(len(self.next))
        number = self.next[partition]
        self.next[partition] += 1
        return partition, number, value_of(self.identity, partition, number)

    def waiting(self) -> int:
        return sum(self.next) - sum(map(len, self.acknowledged)) - len(self.errors)

    def answered(self, partition: int, number: int, error) -> None:
        if error is None:
            self.acknowledged[partition].add(number)
        else:
            self.errors.append(f"partition {partition}, number {number}: {error}")

    def acknowledged_count(self) -> int:
        return sum(map(len, self.acknowledged))

    def finish(self) -> None:
        self.stopping.set()
        self.join()


class ConfluentWriter(Writer):
    def __init__(self, address: str, identity: int, topic: str, partitions: int, codec: str):
        super().__init__(identity, topic, partitions)
        self.producer = Producer({
            "bootstrap.servers": address, "enable.idempotence": True, "acks": "all", "linger.ms": 1,
            "batch.num.messages": 50, "message.timeout.ms": ANSWER_LIMIT_S * 1000, "retry.backoff.ms": 50,
            "reconnect.backoff.max.ms": 200, "compression.type": codec, "log_level": 0,
            "error_cb": lambda error: None})

    def run(self) -> None:
        while not self.stopping.is_set():
            for _ in range(min(BURST, WAITING_MAX - len(self.producer))):
                self.send(*self.next_message())
            self.stopping.wait(PAUSE_S)
            self.producer.poll(0)
        if remaining := self.producer.flush(ANSWER_LIMIT_S):
            self.errors.append(f"{remaining} messages never answered")

    def send(self, partition: int, number: int, value: bytes) -> None:
        def on_delivery(error: KafkaError | None, _) -> None:
            self.answered(partition, number, error)

        self.producer.produce(self.topic, value, partition=partition, on_delivery=on_delivery)


class PythonWriter(Writer):
    def __init__(self, address: str, identity: int, topic: str, partitions: int):
        super().__init__(identity, topic, partitions)
        self.producer = KafkaProducer(
            bootstrap_servers=address, enable_idempotence=True, acks="all", linger_ms=1, retry_backoff_ms=50,
            reconnect_backoff_max_ms=200, delivery_timeout_ms=ANSWER_LIMIT_S * 1000, max_block_ms=ANSWER_LIMIT_S * 1000,
            compression_type="gzip")

    def run(self) -> None:
        while not self.stopping.wait(0.002):
            if self.waiting() < WAITING_MAX:
                self.send(*self.next_message())
        self.producer.flush(timeout=ANSWER_LIMIT_S)
        self.producer.close(timeout=10)
        if self.waiting():
            self.errors.append(f"{self.waiting()} messages never answered")

    def send(self, partition: int, number: int, value: bytes) -> None:
        sent = self.producer.send(self.topic, value, partition=partition)
        sent.add_callback(lambda _: self.answered(partition, number, None))
        sent.add_errback(lambda error: self.answered(partition, number, error))


class JavaWriter:
    """The peer's kafka-verifiable-producer, which never tries again: it prints what was acknowledged, and where."""

    def __init__(self, address: str, topic: str, per_second: int):
        self.topic = topic
        self.process = subprocess.Popen(
            peer_tool.command("verifiable-producer", "--bootstrap-server", address, "--topic", topic, "--acks", -1,
                              "--throughput", per_second),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.acknowledged: dict[str, tuple[int, int]] = {}  # value: partition and offset
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        for line in self.process.stdout:
            event = json.loads(line)
            if event["name"] == "producer_send_success":
                self.acknowledged[event["value"]] = (event["partition"], event["offset"])

    def acknowledged_count(self) -> int:
        return len(self.acknowledged)

    def finish(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=ANSWER_LIMIT_S)
        self.reader.join(timeout=10)


class Reader(threading.Thread):
    """A group's member: reads, checks, commits, and remembers how far each partition was read and committed.

    A partition is read on from the committed offset: never from behind what was committed and acknowledged, and never
    from beyond what was read."""

    def __init__(self, group: str, topic: str):
        super().__init__(daemon=True)
        self.group, self.topic = group, topic
        self.read_to: dict[int, int] = {}       # one past the last record read
        self.committed: dict[int, int] = {}     # acknowledged
        self.position: dict[int, int] = {}      # of this assignment
        self.records = 0
        self.errors: list[str] = []
        self.last_error: Exception | None = None  # that the client raised and that was tried again
        self.stopping = threading.Event()

    def on_record(self, partition: int, offset: int, value: bytes) -> None:
        try:
            number_of(value)
        except ValueError as error:
            self.errors.append(str(error))
        expected = self.position.get(partition)
        if expected is None:  # the first of an assignment
            low, high = self.committed.get(partition, 0), self.read_to.get(partition, 0)
            if not low <= offset <= high:
                self.errors.append(f"partition {partition} goes on at {offset}: committed {low}, read up to {high}")
        elif offset != expected:
            self.errors.append(f"partition {partition}: offset {offset} follows {expected - 1}")
        self.position[partition] = offset + 1
        self.read_to[partition] = max(self.read_to.get(partition, 0), offset + 1)
        self.records += 1

    def on_committed(self, offsets: dict[int, int]) -> None:
        for partition, offset in offsets.items():
            self.committed[partition] = offset

    def finish(self) -> None:
        self.stopping.set()
        self.join()


class ConfluentReader(Reader):
    def __init__(self, address: str, group: str, topic: str):
        super().__init__(group, topic)
        self.consumer = Consumer({
            "bootstrap.servers": address, "group.id": group, "enable.auto.commit": False, "check.crcs": True,
            "auto.offset.reset": "earliest", "session.timeout.ms": 6000, "heartbeat.interval.ms": 500,
            "reconnect.backoff.max.ms": 200, "log_level": 0, "error_cb": lambda error: None})
        self.consumer.subscribe([topic], on_assign=lambda *_: self.position.clear())

    def run(self) -> None:
        while not self.stopping.is_set():
            for message in self.consumer.consume(500, timeout=0.2):
                if message.error() is None:
                    self.on_record(message.partition(), message.offset(), message.value())
            self.commit()
        self.consumer.close()

    def commit(self) -> None:
        offsets = dict(self.position)
        if not offsets:
            return
        try:
            done = self.consumer.commit(offsets=[TopicPartition(self.topic, partition, offset)
                                                 for partition, offset in offsets.items()], asynchronous=False)
        except KafkaException as error:
            self.last_error = error  # the broker is down, or the group has moved on
            return
        self.on_committed({entry.partition: entry.offset for entry in done if entry.error is None})


# Longer than a join takes: a poll that ends in the middle of one now and then leaves the member silent for good
# (docs/clients-findings.md). Records end it at once.
PYTHON_POLL_MS = 5_000


class PythonReader(Reader):
    def __init__(self, address: str, group: str, topic: str):
        super().__init__(group, topic)
        self.consumer = KafkaConsumer(
            bootstrap_servers=address, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest",
            session_timeout_ms=6000, heartbeat_interval_ms=500, reconnect_backoff_max_ms=200, retry_backoff_ms=50)
        self.consumer.subscribe([topic])
        self.generation = None

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                self.turn()
            except Exception as error:  # whatever a broker that dies makes the client raise is retried
                self.position.clear()
                self.last_error = error
        self.consumer.close(autocommit=False)

    def turn(self) -> None:
        assigned = frozenset(self.consumer.assignment())
        for partition, records in self.consumer.poll(timeout_ms=PYTHON_POLL_MS, max_records=500).items():
            for record in records:
                self.on_record(partition.partition, record.offset, record.value)
        if frozenset(self.consumer.assignment()) != assigned:
            return
        offsets = dict(self.position)
        if offsets:
            self.consumer.commit({PythonPartition(self.topic, partition): OffsetAndMetadata(offset, "", -1)
                                  for partition, offset in offsets.items()})
            self.on_committed(offsets)
