"""The second client of every check: it writes what a client reads and reads what a client wrote. There are two
of them, because no library may judge itself."""

import asyncio
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as Partition
from confluent_kafka import OFFSET_BEGINNING, Consumer, ConsumerGroupState, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka import KafkaAdminClient, KafkaConsumer, OffsetAndMetadata
from kafka import TopicPartition as KafkaPartition
from kafka.errors import KafkaError

from lib.report import expect, expect_equal

from matrix.records import Record

PATIENCE_S = 120
LOG_ERRORS = 3  # as syslog counts; a broker that restarts is no news here


def settings_for(address: str) -> dict:
    return {"bootstrap.servers": address, "log_level": LOG_ERRORS}


class Librdkafka:
    """confluent-kafka in this process."""

    def __init__(self, address: str):
        self.settings = settings_for(address)

    def write(self, topic: str, records: list[Record], codec: str = "none") -> None:
        answers = []
        producer = Producer(self.settings | {"compression.type": codec, "linger.ms": 5})
        for record in records:
            headers = [(name.decode(), value) for name, value in record.headers]
            producer.produce(topic, record.value, record.key, record.partition, headers=headers,
                             timestamp=record.time_ms or 0, on_delivery=lambda error, _: answers.append(error))
            producer.poll(0)
        expect_equal(producer.flush(PATIENCE_S), 0, "records that the witness could not deliver")
        expect_equal([error for error in answers if error], [], "errors of the witness")

    def read(self, topic: str, partition: int = 0) -> list[Record]:
        """A partition from its first record to its end of now."""
        consumer = Consumer(self.settings | {"group.id": "witness", "enable.auto.commit": False, "check.crcs": True})
        place = TopicPartition(topic, partition, OFFSET_BEGINNING)
        try:
            end = consumer.get_watermark_offsets(place, timeout=PATIENCE_S)[1]
            consumer.assign([place])
            found, deadline = [], time.monotonic() + PATIENCE_S
            while not found or found[-1].offset < end - 1:
                if end == 0:
                    return []
                expect(time.monotonic() < deadline, f"the witness read {len(found)} of {end} records in {PATIENCE_S} s")
                found += [self.record(message) for message in consumer.consume(1000, timeout=0.2)]
            return found
        finally:
            consumer.close()

    @staticmethod
    def record(message) -> Record:
        expect(message.error() is None, f"error of the witness: {message.error()}")
        headers = tuple((name.encode(), value) for name, value in message.headers() or ())
        return Record(message.key(), message.value(), headers, message.partition(), message.timestamp()[1],
                      message.offset())


class Aiokafka:
    """aiokafka in this process."""

    def __init__(self, address: str):
        self.address = address

    def write(self, topic: str, records: list[Record], codec: str = "none") -> None:
        asyncio.run(self.send(topic, records, None if codec == "none" else codec))

    async def send(self, topic: str, records: list[Record], codec: str | None) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.address, compression_type=codec, linger_ms=5)
        await producer.start()
        try:
            sent = [await producer.send(topic, record.value, record.key, record.partition, record.time_ms,
                                        [(name.decode(), value) for name, value in record.headers])
                    for record in records]
            await asyncio.wait_for(asyncio.gather(*sent), PATIENCE_S)
        finally:
            await producer.stop()

    def read(self, topic: str, partition: int = 0) -> list[Record]:
        """A partition from its first record to its end of now."""
        return asyncio.run(asyncio.wait_for(self.fetch(Partition(topic, partition)), PATIENCE_S))

    async def fetch(self, place: Partition) -> list[Record]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.address, check_crcs=True, enable_auto_commit=False)
        await consumer.start()
        try:
            end = (await consumer.end_offsets([place]))[place]
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            found = []
            while end and (not found or found[-1].offset < end - 1):
                found += [self.record(message) for message in (await consumer.getmany(timeout_ms=200)).get(place, ())]
            return found
        finally:
            await consumer.stop()

    @staticmethod
    def record(message) -> Record:
        headers = tuple((name.encode(), value) for name, value in message.headers)
        return Record(message.key, message.value, headers, message.partition, message.timestamp, message.offset)


def witness_for(family: str, address: str):
    return (Aiokafka if family == "librdkafka" else Librdkafka)(address)


def create_topic(address: str, topic: str, partitions: int = 1) -> None:
    admin = AdminClient(settings_for(address))
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while topic not in admin.list_topics(timeout=PATIENCE_S).topics:
        expect(time.monotonic() < deadline, f"topic {topic} does not appear")
        time.sleep(0.02)


def topics(address: str) -> dict:
    """The metadata of every topic."""
    return AdminClient(settings_for(address)).list_topics(timeout=PATIENCE_S).topics


def members_of(address: str, group: str) -> list[int] | None:
    """How many partitions each member of a stable or empty group has; None while it is neither."""
    with KafkaAdminClient(bootstrap_servers=address) as admin:
        try:
            described = admin.describe_groups([group])[group]
        except KafkaError:  # a new broker makes the topic of the offsets first
            return None
    if described["group_state"] not in ("Stable", "Empty", "Dead"):
        return None
    return sorted(sum(len(topic["partitions"]) for topic in member["member_assignment"]["assigned_partitions"])
                  for member in described["members"])


def members_assigned_to(address: str, group: str) -> list[int] | None:
    """The same of a group whose members are assigned to by the broker (KIP-848): kafka-python does not know them."""
    admin = AdminClient(settings_for(address))  # named, for calls end with the last reference to it
    try:
        seen = admin.describe_consumer_groups([group], request_timeout=PATIENCE_S)[group].result()
    except KafkaException:
        return None
    if seen.state not in (ConsumerGroupState.STABLE, ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD):
        return None
    return sorted(len(member.assignment.topic_partitions) for member in seen.members)


def committed(address: str, group: str, topic: str, partitions: int = 1) -> list[int | None]:
    consumer = KafkaConsumer(bootstrap_servers=address, group_id=group)
    try:
        return [consumer.committed(KafkaPartition(topic, i)) for i in range(partitions)]
    finally:
        consumer.close()


def commit(address: str, group: str, topic: str, offset: int) -> None:
    consumer = KafkaConsumer(bootstrap_servers=address, group_id=group, enable_auto_commit=False)
    try:
        consumer.assign([KafkaPartition(topic, 0)])
        consumer.commit({KafkaPartition(topic, 0): OffsetAndMetadata(offset, "", -1)})
    finally:
        consumer.close()
