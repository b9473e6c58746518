"""kafka-python as a program of the matrix."""

import sys
import time

from contract import (HEARTBEAT_MS, RETRY_MS, about, acked, end_of_input, run, say, say_record, topic_configs,
                      wanted_records)
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition, __version__
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaConnectionError, KafkaError

ASSIGNORS = {"range": RangePartitionAssignor, "cooperative": CooperativeStickyAssignor}
POLL_MS = 100
# A poll that ends while its member joins may forget the join for good: docs/clients-findings.md.
MEMBER_POLL_MS = 3000


def produce(address: str, wanted: dict) -> None:
    codec, level = wanted.get("codec", "none"), wanted.get("acks", "all")
    producer = KafkaProducer(bootstrap_servers=address, compression_type=None if codec == "none" else codec,
                             acks=level if level == "all" else int(level), linger_ms=5,
                             enable_idempotence=wanted.get("idempotence") == "yes", delivery_timeout_ms=RETRY_MS)
    futures = []
    for index, record in enumerate(wanted_records()):
        future = producer.send(wanted["topic"], record.value, record.key, record.headers, record.partition,
                               record.time_ms)
        future.add_callback(lambda place, index=index: acked(index, place.offset))
        futures.append(future)
    for future in futures:
        future.get(timeout=RETRY_MS / 1000)
    producer.close()


def poll_member(consumer: KafkaConsumer, **limits) -> dict:
    """What a poll brings; nothing while the broker is away, of which some polls throw."""
    try:
        return consumer.poll(MEMBER_POLL_MS, **limits)
    except KafkaConnectionError:
        time.sleep(POLL_MS / 1000)
        return {}


def print_all(messages) -> None:
    for message in messages:
        say_record(message.partition, message.offset, message.timestamp, message.key, message.value, message.headers)


def consume(address: str, wanted: dict) -> None:
    consumer = KafkaConsumer(bootstrap_servers=address)
    place = TopicPartition(wanted["topic"], int(wanted["partition"]))
    consumer.assign([place])
    consumer.seek(place, first_offset(consumer, place, wanted["from"]))
    say("ready")
    left = int(wanted["count"])
    while left > 0:
        messages = consumer.poll(POLL_MS).get(place, [])[:left]
        print_all(messages)
        left -= len(messages)
    consumer.close()


def first_offset(consumer: KafkaConsumer, place: TopicPartition, start: str) -> int:
    if start == "start":
        return consumer.beginning_offsets([place])[place]
    if start == "end":
        return consumer.end_offsets([place])[place]
    if start.startswith("time:"):
        return consumer.offsets_for_times({place: int(start.removeprefix("time:"))})[place].offset
    return int(start)


def member(address: str, wanted: dict) -> None:
    consumer = KafkaConsumer(
        wanted["topic"], bootstrap_servers=address, group_id=wanted["group"], auto_offset_reset="earliest",
        partition_assignment_strategy=[ASSIGNORS[wanted.get("assignor", "range")]],
        group_instance_id=wanted.get("instance"), session_timeout_ms=int(wanted.get("session_ms", 6000)),
        heartbeat_interval_ms=HEARTBEAT_MS, enable_auto_commit="count" not in wanted)
    if "count" in wanted:
        read_some(consumer, int(wanted["count"]))
        consumer.close()
        return
    ended = end_of_input()
    while not ended.is_set():
        for messages in poll_member(consumer).values():
            print_all(messages)
    consumer.close()


def read_some(consumer: KafkaConsumer, count: int) -> None:
    """Exactly so many records, and the places behind them committed."""
    places = {}
    while count > 0:
        for place, messages in poll_member(consumer, max_records=count).items():
            print_all(messages)
            count -= len(messages)
            places[place] = OffsetAndMetadata(messages[-1].offset + 1, "", -1)
    consumer.commit(places)


def create(address: str, wanted: dict) -> None:
    with KafkaAdminClient(bootstrap_servers=address) as admin:
        admin.create_topics({wanted["topic"]: {"num_partitions": int(wanted["partitions"]), "replication_factor": 1,
                                               "configs": topic_configs(wanted)}})


def grow(address: str, wanted: dict) -> None:
    with KafkaAdminClient(bootstrap_servers=address) as admin:
        admin.create_partitions({wanted["topic"]: int(wanted["partitions"])})


def describe(address: str, wanted: dict) -> None:
    with KafkaAdminClient(bootstrap_servers=address) as admin:
        rows = admin.describe_topics([wanted["topic"]])[0]["partitions"]
    for row in sorted(rows, key=lambda row: row["partition_index"]):
        say("partition", row["partition_index"], "leader", row["leader_id"],
            "replicas", ",".join(map(str, row["replica_nodes"])), "isr", ",".join(map(str, row["isr_nodes"])))


def config(address: str, wanted: dict) -> None:
    with KafkaAdminClient(bootstrap_servers=address) as admin:
        described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, wanted["topic"])],
                                           config_filter="all")
    say("config", described["topic"][wanted["topic"]][wanted["name"]]["value"])


def delete(address: str, wanted: dict) -> None:
    with KafkaAdminClient(bootstrap_servers=address) as admin:
        admin.delete_topics([wanted["topic"]])


def offsets(address: str, wanted: dict) -> None:
    consumer = KafkaConsumer(bootstrap_servers=address)
    place = TopicPartition(wanted["topic"], int(wanted["partition"]))
    say("offsets", consumer.beginning_offsets([place])[place], consumer.end_offsets([place])[place])
    consumer.close()


def groups(address: str, _: dict) -> None:
    with KafkaAdminClient(bootstrap_servers=address) as admin:
        for row in admin.list_groups():
            say("group", row["group_id"])


def delete_group(address: str, wanted: dict) -> None:
    with KafkaAdminClient(bootstrap_servers=address) as admin:
        admin.delete_groups([wanted["group"]])


def tell() -> None:
    about(f"{__version__} (Python {sys.version.split()[0]})", {
        "*by the broker": "its groups know the classic protocol alone",
        "produce null key and value": "the producer wants a key or a value",
        "produce odd headers": "the producer takes no null as a header's value",
    })


def number_of(error: Exception) -> int | None:
    return getattr(error, "errno", None) if isinstance(error, KafkaError) else None


if __name__ == "__main__":
    verbs = (produce, consume, member, create, grow, describe, config, delete, offsets, groups, delete_group)
    run({"about": tell} | {verb.__name__: verb for verb in verbs}, number_of)
