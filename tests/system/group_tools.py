#!/usr/bin/env python3
"""kafka-consumer-groups, kafka-groups and kafka-transactions with all their subcommands, the same command lines against
both brokers after the same work: what they print must be the same, random ids, times and addresses aside."""

import re
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from admin_tools import normalise, same, title
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka import KafkaAdminClient
from kafka import TopicPartition as KafkaTopicPartition
from kafka.errors import KafkaError

from lib import options, peer_tool
from lib.broker import Broker
from lib.report import Report, expect

LIMIT_S = 60
EPOCH_MS = 1_700_000_000_000
TOPICS = {"many": 3, "one": 1, "gone": 1, "moved": 2}
RECORDS = 10
OFFSETS = {"idle": [("many", 0, 4), ("many", 1, 5), ("many", 2, 6), ("one", 0, 2), ("gone", 0, 1)],
           "other": [("many", 0, 1)], "ahead": [("many", 0, 50)],
           "brief": [("many", 0, 1), ("many", 1, 2)]}
VARYING = [
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\bMILLIS \d+\b"), "MILLIS N"),
    (re.compile(r"clientId=adminclient-\d+"), "clientId=ADMIN"),
    # Producer ids, drawn from blocks: of a transaction in a list, of one described, of a partition's producers.
    (re.compile(r"^(\S+ 1 )\d+( (?:Empty|Ongoing|Prepare\w+|Complete\w+))", re.M), r"\1N\2"),
    (re.compile(r"^(1 \S+ )\d+( \d+ (?:Empty|Ongoing|Prepare\w+|Complete\w+) )", re.M), r"\1N\2"),
    (re.compile(r"^\d+( -?\d+ -?\d+ -?\d+ (?:MILLIS|-1) )", re.M), r"N\1"),
]


def make_topics(admin: AdminClient) -> None:
    made = admin.create_topics([NewTopic(name, count, 1) for name, count in TOPICS.items()])
    for future in made.values():
        future.result(LIMIT_S)


def commit(admin: AdminClient, group: str, offsets: list[tuple]) -> None:
    """Until it is taken: at its first use the group's coordinator is loading."""
    wanted = [ConsumerGroupTopicPartitions(group, [TopicPartition(*where) for where in offsets])]
    deadline = time.monotonic() + LIMIT_S
    while any(row.error for row in admin.alter_consumer_group_offsets(wanted)[group].result(LIMIT_S).topic_partitions):
        expect(time.monotonic() < deadline, f"the offsets of {group} are not taken")
        time.sleep(0.2)


def member(address: str, group: str, topic: str, **more) -> Consumer:
    """A consumer that is in its group once this returns."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": group, "client.id": f"{group}-client",
                         "auto.offset.reset": "earliest", "enable.auto.commit": False, "log_level": 0}
                        | {key.replace("_", "."): value for key, value in more.items()})
    consumer.subscribe([topic])
    deadline = time.monotonic() + LIMIT_S
    while not consumer.assignment():
        expect(time.monotonic() < deadline, f"no assignment in {group}")
        consumer.poll(0.1)
    return consumer


def transactions(address: str) -> list[Producer]:
    """One committed, one aborted, two under way; whoever holds the list keeps them so."""
    producers = []
    for name, partition, end in (("sold", 1, "commit"), ("dropped", 1, "abort"), ("open", 0, None), ("stuck", 1, None)):
        producer = Producer({"bootstrap.servers": address, "transactional.id": name, "transaction.timeout.ms": 600_000,
                             "log_level": 0})
        producer.init_transactions(LIMIT_S)
        producer.begin_transaction()
        producer.produce("moved", b"x", partition=partition)
        producer.flush(LIMIT_S)
        if end == "commit":
            producer.commit_transaction(LIMIT_S)
        if end == "abort":
            producer.abort_transaction(LIMIT_S)
        producers.append(producer)
    return producers


@contextmanager
def work(broker: Broker):
    """Topics, records, groups at rest and with members, transactions in every state."""
    admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
    make_topics(admin)
    producer = Producer({"bootstrap.servers": broker.address, "log_level": 0})
    for number in range(RECORDS):
        for topic in ("many", "one", "gone"):
            for partition in range(TOPICS[topic]):
                producer.produce(topic, b"x", partition=partition, timestamp=EPOCH_MS + 1000 * number)
    producer.flush(LIMIT_S)
    for group, offsets in OFFSETS.items():
        commit(admin, group, offsets)
    for future in admin.delete_topics(["gone"]).values():
        future.result(LIMIT_S)
    members = [member(broker.address, "live", "many"), member(broker.address, "fixed", "one", group_instance_id="first")]
    members[0].commit(offsets=[TopicPartition("many", 0, 3)], asynchronous=False)
    producers = transactions(broker.address)
    try:
        yield
    finally:
        for consumer in members:
            consumer.close()
        producers.clear()


def looks(server: tuple) -> list[tuple]:
    def groups(*words: str) -> tuple:
        return ("consumer-groups", *server, *words)

    listings = [groups("--list", *words) for words in (
        (), ("--state",), ("--state", "Stable"), ("--state", "Empty, stable"), ("--type",),
        ("--type", "classic"), ("--type", "consumer"), ("--state", "Stable", "--type", "classic"))]
    descriptions = [groups("--describe", "--group", group, *words) for group in ("idle", "live", "fixed", "ahead", "nobody")
                    for words in ((), ("--offsets", "--verbose"), ("--state",), ("--state", "--verbose"), ("--members",),
                                  ("--members", "--verbose"))]
    together = [groups("--describe", "--all-groups", *words) for words in ((), ("--state",), ("--members",))]
    others = [("groups", *server, "--list", *words) for words in (
        (), ("--group-type", "classic"), ("--group-type", "consumer"), ("--group-type", "bogus"), ("--protocol", "consumer"),
        ("--protocol", "bogus"), ("--consumer",), ("--share",), ("--streams",))]
    return [*listings, *descriptions, *together, groups("--describe", "--group", "idle", "--group", "other"),
            *others]


def resets(server: tuple, folder: Path) -> list[tuple]:
    def reset(*words) -> tuple:
        return ("consumer-groups", *server, "--reset-offsets", *words)

    of_idle = ("--group", "idle", "--topic", "many")
    modes = [("--to-earliest",), ("--to-latest",), ("--to-current",), ("--to-offset", "3"), ("--to-offset", "999"),
             ("--to-offset", "-1"), ("--shift-by", "2"), ("--shift-by", "-100"), ("--shift-by", "100"),
             ("--to-datetime", "2023-11-14T22:13:25.000"), ("--to-datetime", "2023-11-14T22:13:25.500Z"),
             ("--to-datetime", "2033-11-14T22:13:25.000"), ("--by-duration", "P1D"), ("--by-duration", "P9999D"),
             ("--by-duration", "PT0S"), ("--from-file", folder / "offsets.csv")]
    return [
        *(reset(*of_idle, *mode, "--dry-run") for mode in modes),
        reset(*of_idle, "--to-earliest"),
        reset("--group", "idle", "--topic", "many:0,2", "--to-earliest", "--dry-run"),
        reset("--group", "idle", "--topic", "many:9", "--to-earliest", "--dry-run"),
        reset("--group", "idle", "--topic", "nowhere", "--to-earliest", "--dry-run"),
        reset("--group", "idle", "--all-topics", "--to-latest", "--dry-run"),
        reset("--group", "idle", "--all-topics", "--to-earliest", "--export", "--dry-run"),
        reset("--group", "idle", "--group", "other", "--all-topics", "--to-earliest", "--export", "--dry-run"),
        reset("--all-groups", "--all-topics", "--to-earliest", "--dry-run"),
        reset("--group", "live", "--topic", "many", "--to-earliest", "--execute"),
        reset("--group", "fixed", "--topic", "one", "--to-earliest", "--dry-run"),
        reset("--group", "fresh", "--topic", "many", "--to-latest", "--execute"),
        reset("--group", "idle", "--topic", "many:1", "--to-earliest", "--execute"),
        reset("--group", "idle", "--topic", "many:2", "--shift-by", "-2", "--execute"),
        reset("--group", "idle", "--topic", "many", "--from-file", folder / "offsets.csv", "--execute"),
        reset("--group", "ahead", "--all-topics", "--to-current", "--execute"),
    ]


def results(server: tuple, note: str) -> list[tuple]:
    """The state that the lines before have left behind; the note tells the titles apart."""
    return [("consumer-groups", *server, "--describe", "--group", group, "--offsets", "--timeout", str(note))
            for group in ("idle", "other", "fresh", "ahead")]


def deletions(server: tuple) -> list[tuple]:
    def groups(*words: str) -> tuple:
        return ("consumer-groups", *server, *words)

    return [
        *(groups("--delete-offsets", "--group", group, *(word for topic in topics for word in ("--topic", topic)))
          for group, topics in (("idle", ["one"]), ("idle", ["one"]), ("idle", ["many:1"]), ("idle", ["many:7"]),
                                ("idle", ["nowhere"]), ("idle", ["gone"]), ("idle", ["many:0", "one"]), ("live", ["many"]),
                                ("live", ["one"]), ("nobody", ["many"]))),
        groups("--delete", "--group", "live"), groups("--delete", "--group", "nobody"), groups("--delete", "--group", ""),
        groups("--delete", "--group", "idle", "--group", "live"), groups("--delete", "--group", "other", "--group", "fresh"), groups("--delete", "--all-groups"),
        groups("--list", "--state", "Stable", "--type"),
    ]


def transaction_lines(server: tuple) -> list[tuple]:
    lines = [
        ("list",), ("list", "--duration-filter", "1"), ("list", "--duration-filter", "100000000"),
        ("list", "--transactional-id-pattern", "(open|sold)"),
        ("list", "--transactional-id-pattern", "o"), ("list", "--transactional-id-pattern", "("),
        *(("describe", "--transactional-id", name) for name in ("open", "sold", "dropped", "nobody", "")),
        *(("describe-producers", "--topic", topic, "--partition", number)
          for topic, number in (("moved", "0"), ("moved", "1"), ("many", "0"))),  # of what is not there it waits a minute
        ("describe-producers", "--broker-id", "1", "--topic", "moved", "--partition", "0"),
        ("find-hanging", "--broker-id", "1"), ("find-hanging", "--topic", "moved"),
        ("find-hanging", "--topic", "moved", "--partition", "0"), 
        ("find-hanging", "--broker-id", "1", "--max-transaction-timeout", "0"), ("find-hanging", "--broker-id", "7"),
        ("abort", "--topic", "moved", "--partition", "0", "--start-offset", "77"),
        ("abort", "--topic", "moved", "--partition", "0", "--start-offset", "0"),
        ("abort", "--topic", "moved", "--partition", "1", "--producer-id", "77", "--producer-epoch", "0", "--coordinator-epoch", "0"),
        ("abort", "--topic", "moved", "--partition", "1", "--producer-id", "3", "--producer-epoch", "0", "--coordinator-epoch", "-7"),
        ("forceTerminateTransaction", "--transactionalId", "stuck"), ("forceTerminateTransaction", "--transactionalId", "nobody"),
        ("forceTerminateTransaction", "--transactionalId", "sold"),
        ("list", "--duration-filter", "2"), ("describe", "--transactional-id", "stuck"),
    ]
    return [("transactions", *server, *line) for line in lines]


def clean(text: str) -> str:
    text = normalise(text)
    for pattern, name in VARYING:
        text = pattern.sub(name, text)
    return text


def printed(broker: Broker) -> dict[str, str]:
    """What each line prints, by its place and title, so that a line may come twice."""
    server = ("--bootstrap-server", broker.address)
    (broker.folder / "offsets.csv").write_text("many,0,7\nmany,1,2\n")
    calls = [*looks(server), *resets(server, broker.folder), *results(server, "10001"), *transaction_lines(server),
             *deletions(server)]
    with work(broker):
        output = by_stock_client(broker)
        return output | {f"{number} {title(call)}": clean(text) for number, (call, text) in enumerate(zip(calls, peer_tool.run_many(calls)))}


def by_stock_client(broker: Broker) -> dict[str, str]:
    """OffsetDelete of kafka-python, partition by partition and as a whole."""
    def answer(group: str, *partitions: tuple) -> str:
        try:
            errors = admin.delete_group_offsets(group, [KafkaTopicPartition(*where) for where in partitions])
            return " ".join(f"{where.topic}-{where.partition}:{error.__name__}" for where, error in errors.items())
        except KafkaError as error:
            return type(error).__name__

    with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
        return {f"kafka-python deletes {partitions} of '{group}'": answer(group, *partitions) for group, partitions in (
            ("brief", (("nowhere", 0), ("many", 9), ("many", 0), ("many", 1), ("one", 3))), ("live", (("many", 0), ("one", 0))),
            ("nobody", (("many", 0),)), ("", (("many", 0),)), ("nobody", (("nowhere", 0),)))}


def main() -> int:
    chosen = options.parser(__doc__).parse_args()
    report = Report("group_tools")
    output = {}
    for flavour in ("peer", chosen.broker):
        with Broker(flavour, f"group-tools-{flavour}") as broker:
            output["peer" if not output else "other"] = printed(broker)
            broker.stop()
    for name in output["peer"]:
        report.run(name, same, name, output["other"], output["peer"])
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
