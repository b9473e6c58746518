"""aiokafka as a program of the matrix."""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, __version__
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError, for_code
from contract import HEARTBEAT_MS, about, acked, run, say, say_record, topic_configs, wanted_record

POLL_MS = 100
LINE_BYTES_MAX = 8 << 20
RETRY_S = 120


async def input_lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def produce(address: str, wanted: dict) -> None:
    codec, level = wanted.get("codec", "none"), wanted.get("acks", "all")
    producer = AIOKafkaProducer(bootstrap_servers=address, compression_type=None if codec == "none" else codec,
                                acks=level if level == "all" else int(level), linger_ms=5,
                                enable_idempotence=wanted.get("idempotence") == "yes",
                                request_timeout_ms=RETRY_S * 1000)
    await producer.start()
    futures = []
    async for line in await input_lines():
        record = wanted_record(line.decode())
        futures.append(await producer.send(wanted["topic"], record.value, record.key, record.partition,
                                           record.time_ms, record.headers))
        futures[-1].add_done_callback(lambda future, index=len(futures) - 1: tell_offset(index, future))
    await asyncio.gather(*futures)
    await producer.stop()


def tell_offset(index: int, future: asyncio.Future) -> None:
    if not future.cancelled() and future.exception() is None:
        acked(index, future.result() and future.result().offset)


def print_all(messages) -> None:
    for message in messages:
        say_record(message.partition, message.offset, message.timestamp, message.key, message.value, message.headers)


async def consume(address: str, wanted: dict) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False)
    await consumer.start()
    place = TopicPartition(wanted["topic"], int(wanted["partition"]))
    consumer.assign([place])
    consumer.seek(place, await first_offset(consumer, place, wanted["from"]))
    say("ready")
    left = int(wanted["count"])
    while left > 0:
        for messages in (await consumer.getmany(timeout_ms=POLL_MS, max_records=left)).values():
            print_all(messages)
            left -= len(messages)
    await consumer.stop()


async def first_offset(consumer: AIOKafkaConsumer, place: TopicPartition, start: str) -> int:
    if start == "start":
        return (await consumer.beginning_offsets([place]))[place]
    if start == "end":
        return (await consumer.end_offsets([place]))[place]
    if start.startswith("time:"):
        return (await consumer.offsets_for_times({place: int(start.removeprefix("time:"))}))[place].offset
    return int(start)


async def member(address: str, wanted: dict) -> None:
    count = int(wanted.get("count", 0))
    consumer = AIOKafkaConsumer(
        wanted["topic"], bootstrap_servers=address, group_id=wanted["group"], auto_offset_reset="earliest",
        partition_assignment_strategy=(RangePartitionAssignor,), group_instance_id=wanted.get("instance"),
        session_timeout_ms=int(wanted.get("session_ms", 6000)), heartbeat_interval_ms=HEARTBEAT_MS,
        enable_auto_commit=count == 0, auto_commit_interval_ms=500)
    await consumer.start()
    if count:
        await read_some(consumer, count)
    else:
        await read_until_input_ends(consumer)
    await consumer.stop()


async def read_until_input_ends(consumer: AIOKafkaConsumer) -> None:
    ended = asyncio.create_task((await input_lines()).read())
    while not ended.done():
        for messages in (await consumer.getmany(timeout_ms=POLL_MS)).values():
            print_all(messages)


async def read_some(consumer: AIOKafkaConsumer, count: int) -> None:
    """Exactly so many records, and the places behind them committed."""
    places = {}
    while count > 0:
        for place, messages in (await consumer.getmany(timeout_ms=POLL_MS, max_records=count)).items():
            print_all(messages)
            count -= len(messages)
            places[place] = messages[-1].offset + 1
    await consumer.commit(places)


async def with_admin(address: str, call):
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        return await call(admin)
    finally:
        await admin.close()


def check(code: int) -> None:
    """The admin client hands over the codes of an answer as they are."""
    if code:
        raise for_code(code)


async def create(address: str, wanted: dict) -> None:
    topic = NewTopic(wanted["topic"], int(wanted["partitions"]), 1, topic_configs=topic_configs(wanted))
    answer = await with_admin(address, lambda admin: admin.create_topics([topic]))
    check(answer.topic_errors[0][1])


async def grow(address: str, wanted: dict) -> None:
    more = {wanted["topic"]: NewPartitions(int(wanted["partitions"]))}
    answer = await with_admin(address, lambda admin: admin.create_partitions(more))
    check(answer.topic_errors[0][1])


async def describe(address: str, wanted: dict) -> None:
    topic = (await with_admin(address, lambda admin: admin.describe_topics([wanted["topic"]])))[0]
    check(topic["error_code"])
    for row in sorted(topic["partitions"], key=lambda row: row["partition"]):
        say("partition", row["partition"], "leader", row["leader"], "replicas", ",".join(map(str, row["replicas"])),
            "isr", ",".join(map(str, row["isr"])))


async def config(address: str, wanted: dict) -> None:
    resource = ConfigResource(ConfigResourceType.TOPIC, wanted["topic"])
    answers = await with_admin(address, lambda admin: admin.describe_configs([resource]))
    code, _, _, _, entries = answers[0].resources[0]
    check(code)
    say("config", next(entry[1] for entry in entries if entry[0] == wanted["name"]))


async def delete(address: str, wanted: dict) -> None:
    answer = await with_admin(address, lambda admin: admin.delete_topics([wanted["topic"]]))
    check(answer.topic_error_codes[0][1])


async def offsets(address: str, wanted: dict) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=address)
    await consumer.start()
    place = TopicPartition(wanted["topic"], int(wanted["partition"]))
    say("offsets", (await consumer.beginning_offsets([place]))[place], (await consumer.end_offsets([place]))[place])
    await consumer.stop()


async def groups(address: str, _: dict) -> None:
    for name, *_ in await with_admin(address, lambda admin: admin.list_consumer_groups()):
        say("group", name)


def tell() -> None:
    about(f"{__version__} (Python {sys.version.split()[0]})", {
        "*by the broker": "its groups know the classic protocol alone",
        "*cooperative": "aiokafka has no cooperative assignor",
        "produce null key and value": "the producer wants a key or a value",
        "groups": "the admin client deletes no groups",
    })


def number_of(error: Exception) -> int | None:
    return getattr(error, "errno", None) if isinstance(error, KafkaError) else None


def waited(verb):
    return lambda address, wanted: asyncio.run(verb(address, wanted))


if __name__ == "__main__":
    verbs = (produce, consume, member, create, grow, describe, config, delete, offsets, groups)
    run({"about": tell} | {verb.__name__: waited(verb) for verb in verbs}, number_of)
