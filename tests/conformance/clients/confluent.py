"""confluent-kafka, the Python client on librdkafka, as a program of the matrix."""

import sys
import threading

from confluent_kafka import (OFFSET_BEGINNING, Consumer, KafkaException,
                             Producer, TopicCollection, TopicPartition, libversion, version)
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType
from contract import (HEARTBEAT_MS, RETRY_MS, about, acked, end_of_input, run, say, say_record, topic_configs,
                      wanted_records)

ASSIGNORS = {"range": "range", "cooperative": "cooperative-sticky"}
POLL_S = 0.1
PATIENCE_S = 60


class Deliveries:
    """The answers of a producer, and the first that was an error."""

    def __init__(self):
        self.error = None

    def of(self, index: int):
        def delivered(error, message) -> None:
            self.error = self.error or error
            if error is None:
                acked(index, message.offset())
        return delivered


def produce(address: str, wanted: dict) -> None:
    producer = Producer({"bootstrap.servers": address, "compression.type": wanted.get("codec", "none"),
                         "acks": wanted.get("acks", "all"), "linger.ms": 5, "message.timeout.ms": RETRY_MS,
                         "enable.idempotence": wanted.get("idempotence") == "yes"})
    deliveries = Deliveries()
    threading.Thread(target=serve, args=(producer,), daemon=True).start()
    for index, record in enumerate(wanted_records()):
        producer.produce(wanted["topic"], record.value, record.key, record.partition, headers=record.headers,
                         timestamp=record.time_ms or 0, on_delivery=deliveries.of(index))
    if producer.flush(RETRY_MS / 1000) or deliveries.error:
        raise KafkaException(deliveries.error or "not everything was delivered")


def serve(producer: Producer) -> None:
    """Answers are called back only from within poll."""
    while True:
        producer.poll(POLL_S)


def print_one(message) -> None:
    if message.error():
        raise KafkaException(message.error())
    say_record(message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value(),
               message.headers())


def consume(address: str, wanted: dict) -> None:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "none", "enable.auto.commit": False,
                         "check.crcs": True})
    consumer.assign([first_place(consumer, wanted["topic"], int(wanted["partition"]), wanted["from"])])
    say("ready")
    left = int(wanted["count"])
    while left > 0:
        for message in consumer.consume(min(left, 1000), timeout=POLL_S):
            print_one(message)
            left -= 1
    consumer.close()


def first_place(consumer: Consumer, topic: str, partition: int, start: str) -> TopicPartition:
    if start == "start":
        return TopicPartition(topic, partition, OFFSET_BEGINNING)
    if start == "end":  # looked up now, for OFFSET_END would be looked up some time later
        end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=PATIENCE_S)[1]
        return TopicPartition(topic, partition, end)
    if start.startswith("time:"):
        moment = TopicPartition(topic, partition, int(start.removeprefix("time:")))
        return consumer.offsets_for_times([moment], timeout=PATIENCE_S)[0]
    return TopicPartition(topic, partition, int(start))


def member(address: str, wanted: dict) -> None:
    instance = {"group.instance.id": wanted["instance"]} if "instance" in wanted else {}
    consumer = Consumer({"bootstrap.servers": address, "group.id": wanted["group"], "auto.offset.reset": "earliest",
                         "enable.auto.commit": "count" not in wanted} | protocol(wanted) | instance)
    consumer.subscribe([wanted["topic"]])
    if "count" in wanted:
        read_some(consumer, int(wanted["count"]))
    else:
        ended = end_of_input()
        while not ended.is_set():
            print_next(consumer)
    consumer.close()


def protocol(wanted: dict) -> dict:
    assignor = wanted.get("assignor", "range")
    if assignor == "broker":
        return {"group.protocol": "consumer"}
    return {"partition.assignment.strategy": ASSIGNORS[assignor], "heartbeat.interval.ms": HEARTBEAT_MS,
            "session.timeout.ms": int(wanted.get("session_ms", 6000))}


def print_next(consumer: Consumer):
    message = consumer.poll(POLL_S)
    if message is not None and not message.error():  # the others are notes on a broker that is away
        print_one(message)
        return message
    return None


def read_some(consumer: Consumer, count: int) -> None:
    """Exactly so many records, and the places behind them committed."""
    places = {}
    while count > 0:
        message = print_next(consumer)
        if message:
            count -= 1
            places[message.partition()] = TopicPartition(message.topic(), message.partition(), message.offset() + 1)
    consumer.commit(offsets=list(places.values()), asynchronous=False)


def create(address: str, wanted: dict) -> None:
    topic = NewTopic(wanted["topic"], int(wanted["partitions"]), 1, config=topic_configs(wanted))
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([topic])[wanted["topic"]].result(PATIENCE_S)


def grow(address: str, wanted: dict) -> None:
    partitions = NewPartitions(wanted["topic"], int(wanted["partitions"]))
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_partitions([partitions])[wanted["topic"]].result(PATIENCE_S)


def describe(address: str, wanted: dict) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    described = admin.describe_topics(TopicCollection([wanted["topic"]]))[wanted["topic"]]
    for row in sorted(described.result(PATIENCE_S).partitions, key=lambda row: row.id):
        say("partition", row.id, "leader", row.leader.id, "replicas", ",".join(str(node.id) for node in row.replicas),
            "isr", ",".join(str(node.id) for node in row.isr))


def config(address: str, wanted: dict) -> None:
    resource = ConfigResource(ResourceType.TOPIC, wanted["topic"])
    admin = AdminClient({"bootstrap.servers": address})
    values = admin.describe_configs([resource])[resource].result(PATIENCE_S)
    say("config", values[wanted["name"]].value)


def delete(address: str, wanted: dict) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    admin.delete_topics([wanted["topic"]])[wanted["topic"]].result(PATIENCE_S)


def offsets(address: str, wanted: dict) -> None:
    admin, place = AdminClient({"bootstrap.servers": address}), TopicPartition(wanted["topic"], int(wanted["partition"]))
    say("offsets", *(admin.list_offsets({place: spec})[place].result(PATIENCE_S).offset
                     for spec in (OffsetSpec.earliest(), OffsetSpec.latest())))


def groups(address: str, _: dict) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    for row in admin.list_consumer_groups().result(PATIENCE_S).valid:
        say("group", row.group_id)


def delete_group(address: str, wanted: dict) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    admin.delete_consumer_groups([wanted["group"]])[wanted["group"]].result(PATIENCE_S)


def tell() -> None:
    about(f"{version()} (librdkafka {libversion()[0]})", {})


def number_of(error: Exception) -> int | None:
    return error.args[0].code() if isinstance(error, KafkaException) and hasattr(error.args[0], "code") else None


if __name__ == "__main__":
    verbs = (produce, consume, member, create, grow, describe, config, delete, offsets, groups, delete_group)
    run({"about": tell} | {verb.__name__: verb for verb in verbs}, number_of)
