#!/usr/bin/env python3
"""One data directory, served in turn by the peer and by Gregor: each finds the other's topics, records, offsets and
groups, and appends to them."""

import sys

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition

from lib import options
from lib.broker import Broker
from lib.report import Report, expect_equal, say

TOPICS = {"swap-one": 1, "swap-three": 3, "swap-configured": 2}
RECORDS = 1000
ORDER = ("peer", "gregor", "peer", "gregor")
CODECS = (None, "gzip", "lz4", "zstd")


class Ledger:
    """What must be in the directory: the values of each partition, the committed offsets, the ids of the topics."""

    def __init__(self):
        self.values = {TopicPartition(topic, i): [] for topic, count in TOPICS.items() for i in range(count)}
        self.committed: dict[TopicPartition, int] = {}
        self.topic_ids: dict[str, str] = {}


def create_topics(broker: Broker) -> None:
    with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
        for topic, count in TOPICS.items():
            configs = {"retention.ms": "-1", "segment.bytes": "1048576"} if topic == "swap-configured" else {}
            admin.create_topics({topic: {"num_partitions": count, "replication_factor": 1, "configs": configs}},
                                wait_for_metadata=True)


def append(broker: Broker, ledger: Ledger, turn: int) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.address, compression_type=CODECS[turn], linger_ms=5)
    partitions = list(ledger.values)
    pending = []
    for i in range(RECORDS):
        partition = partitions[i % len(partitions)]
        value = b"%s %d of turn %d" % (broker.flavour.encode(), i, turn)
        pending.append((partition, len(ledger.values[partition]),
                        producer.send(partition.topic, value, partition=partition.partition, headers=[("turn", b"x")])))
        ledger.values[partition].append(value)
    for partition, offset, future in pending:
        expect_equal(future.get(timeout=20).offset, offset, f"offset in {partition}")
    producer.close(timeout=10)


def commit(broker: Broker, ledger: Ledger, turn: int) -> None:
    consumer = KafkaConsumer(bootstrap_servers=broker.address, group_id="swap", enable_auto_commit=False)
    ledger.committed = {partition: len(values) - turn for partition, values in ledger.values.items()}
    consumer.commit({partition: OffsetAndMetadata(offset, f"turn {turn}", -1)
                     for partition, offset in ledger.committed.items()})
    consumer.close()


def verify(broker: Broker, ledger: Ledger) -> None:
    consumer = KafkaConsumer(bootstrap_servers=broker.address, group_id="swap", consumer_timeout_ms=10_000,
                             enable_auto_commit=False)
    for partition, values in ledger.values.items():
        expect_equal(consumer.end_offsets([partition])[partition], len(values), f"end of {partition}")
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        seen = []
        while len(seen) < len(values):
            message = next(consumer)
            expect_equal(message.offset, len(seen), f"offset in {partition}")
            seen.append(message.value)
        expect_equal(seen, values, f"values of {partition}")
    for partition, offset in ledger.committed.items():
        expect_equal(consumer.committed(partition), offset, f"committed offset of {partition}")
    consumer.close()
    verify_topics(broker, ledger)


def verify_topics(broker: Broker, ledger: Ledger) -> None:
    with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
        described = {row["name"]: row for row in admin.describe_topics(list(TOPICS))}
    expect_equal({name: len(row["partitions"]) for name, row in described.items()}, TOPICS, "partitions")
    ids = {name: str(row["topic_id"]) for name, row in described.items()}
    ledger.topic_ids = ledger.topic_ids or ids
    expect_equal(ids, ledger.topic_ids, "topic ids")


def turn_of(broker: Broker, ledger: Ledger, turn: int) -> None:
    if turn == 0:
        create_topics(broker)
    verify(broker, ledger)
    append(broker, ledger, turn)
    commit(broker, ledger, turn)
    verify(broker, ledger)


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--order", default=",".join(ORDER), help="whose turn it is, by default %(default)s")
    chosen = parser.parse_args()
    order = ["peer"] * 3 if chosen.broker == "peer" else chosen.order.split(",")
    report, ledger = Report("swap"), Ledger()
    broker = Broker(order[0], "swap")
    broker.__enter__()
    try:
        for turn, flavour in enumerate(order):
            if not report.run(f"turn {turn + 1}, {flavour}: {RECORDS} records more", turn_of, broker, ledger, turn):
                say(broker.log(30))
                break
            broker.stop()
            if turn + 1 < len(order):
                broker.flavour = order[turn + 1]
                broker.start()
    except (RuntimeError, TimeoutError) as error:
        report.run(f"after turn {turn + 1}, {broker.flavour} starts", raise_again, error)
    finally:
        broker.__exit__(None, None, None)
    return report.finish()


def raise_again(error: Exception) -> None:
    raise error


if __name__ == "__main__":
    sys.exit(main())
