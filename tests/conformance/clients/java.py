"""The Java client in the peer's console producer and consumer, and its admin client in the group tool."""

import subprocess
import tempfile
import threading
import time

from lib import peer_tool
from lib.report import expect, expect_equal

TOPIC = "java"
PATIENCE_S = 60
CHATTER = ("Processed a total of", "The consumer rebalance protocol (KIP-848) is")
PARSE = ("--reader-property", "parse.key=true", "--reader-property", "key.separator=:",
         "--reader-property", "parse.headers=true", "--reader-property", "null.marker=NULL")
PRINT = [word for name in ("print.key", "print.headers", "print.offset", "print.partition")
         for word in ("--formatter-property", f"{name}=true")]


def produce(address: str, topic: str, lines: list[str], *arguments) -> None:
    printed = peer_tool.run("console-producer", "--bootstrap-server", address, "--topic", topic, *arguments,
                            text="".join(f"{line}\n" for line in lines))
    expect("ERROR" not in printed, printed)


def consume(address: str, topic: str, count: int, *arguments) -> list[str]:
    """Lines of messages alone."""
    printed = peer_tool.run("console-consumer", "--bootstrap-server", address, "--topic", topic, "--timeout-ms", 30_000,
                            "--max-messages", count, *arguments)
    return [line for line in printed.splitlines() if not line.startswith(CHATTER)]


def codec(address: str, name: str) -> None:
    topic = f"{TOPIC}-codec-{name}"
    lines = [f"a:1,b:two\tk{i}:value {i} {'x' * 100}" for i in range(200)]
    produce(address, topic, lines, "--compression-codec", name, *PARSE)
    seen = consume(address, topic, 200, "--from-beginning", *PRINT)
    expect_equal(seen, [f"Partition:0\tOffset:{i}\ta:1,b:two\tk{i}\tvalue {i} {'x' * 100}" for i in range(200)],
                 "messages")


def empty_parts(address: str) -> None:
    topic = f"{TOPIC}-empty"
    produce(address, topic, ["NULL\tNULL:no key", "a:NULL\tno value:NULL", "NULL\t:"], *PARSE)
    seen = consume(address, topic, 3, "--from-beginning", *PRINT, "--formatter-property", "null.literal=NULL")
    expect_equal([line.split("\t", 2)[2] for line in seen], ["NO_HEADERS\tNULL\tno key", "a:NULL\tno value\tNULL",
                                                           "NO_HEADERS\t\t"], "headers, keys and values")


def seek_by_time(address: str) -> None:
    """The group tool sets a group's offsets to a moment; the group goes on from there."""
    group = topic = f"{TOPIC}-time"
    produce(address, topic, ["early", "also early"])
    time.sleep(0.1)
    moment = time.time()
    time.sleep(0.1)
    produce(address, topic, ["late"])
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03}Z"
    printed = peer_tool.run("consumer-groups", "--bootstrap-server", address, "--group", group, "--topic", topic,
                            "--reset-offsets", "--to-datetime", stamp, "--execute")
    expect_equal(printed.split()[-4:-1], [group, topic, "0"], "group, topic, partition")
    expect_equal(printed.split()[-1], "2", "new offset")
    expect_equal(consume(address, topic, 1, "--group", group), ["late"], "messages since then")


class Member(threading.Thread):
    """A console consumer of a group."""

    def __init__(self, address: str, group: str, topic: str, assignor: str):
        super().__init__(daemon=True)
        with tempfile.NamedTemporaryFile("w", suffix=".properties", delete=False) as settings:
            settings.write(f"heartbeat.interval.ms=300\nsession.timeout.ms=10000\nauto.commit.interval.ms=300\n"
                           f"partition.assignment.strategy=org.apache.kafka.clients.consumer.{assignor}\n")
        self.process = subprocess.Popen(
            peer_tool.command("console-consumer", "--bootstrap-server", address, "--topic", topic, "--group", group,
                              "--from-beginning", "--command-config", settings.name),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.values: list[str] = []
        self.start()

    def run(self) -> None:
        for line in self.process.stdout:
            if not line.startswith(CHATTER):
                self.values.append(line.strip())

    def leave(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=PATIENCE_S)


def assignments(address: str, group: str) -> list[int]:
    """How many partitions each member of the group has."""
    from kafka import KafkaAdminClient

    with KafkaAdminClient(bootstrap_servers=address) as admin:
        described = admin.describe_groups([group])[group]
    if described["group_state"] != "Stable":
        return []
    return sorted(sum(len(topic["partitions"]) for topic in member["member_assignment"]["assigned_partitions"])
                  for member in described["members"])


def wait_for(condition, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        expect(time.monotonic() < deadline, f"{what}: not within {PATIENCE_S} s")
        time.sleep(0.1)


def group_of_two(address: str, assignor: str) -> None:
    from kafka import KafkaAdminClient, KafkaProducer

    group = topic = f"{TOPIC}-group-{assignor}"
    with KafkaAdminClient(bootstrap_servers=address) as admin:
        admin.create_topics({topic: {"num_partitions": 4, "replication_factor": 1}}, wait_for_metadata=True)
    producer = KafkaProducer(bootstrap_servers=address)
    first, second = (Member(address, group, topic, assignor) for _ in range(2))
    wait_for(lambda: assignments(address, group) == [2, 2], "two members share the partitions")
    for i in range(40):
        producer.send(topic, b"%d" % i, partition=i % 4)
    producer.flush(timeout=10)
    wait_for(lambda: len(first.values) == len(second.values) == 20, "each reads its half")
    second.leave()
    wait_for(lambda: assignments(address, group) == [4], "the one that stays has all partitions")
    producer.send(topic, b"last", partition=3)
    producer.close(timeout=10)
    wait_for(lambda: len(first.values) + len(second.values) >= 41, "the last message arrives")
    first.leave()
    expect_equal(sorted(first.values + second.values), sorted([f"{i}" for i in range(40)] + ["last"]), "values")


def commit_half(address: str) -> None:
    topic = f"{TOPIC}-restart"
    produce(address, topic, [f"{i}" for i in range(10)])
    expect_equal(consume(address, topic, 5, "--group", topic, "--from-beginning"), [f"{i}" for i in range(5)],
                 "the first five")


def resume(address: str) -> None:
    topic = f"{TOPIC}-restart"
    expect_equal(consume(address, topic, 5, "--group", topic), [f"{i}" for i in range(5, 10)], "the other five")


CASES = [
    *[(f"codec {name}", codec, name) for name in ("none", "gzip", "snappy", "lz4", "zstd")],
    ("null keys, values and headers", empty_parts),
    ("seek by time", seek_by_time),
    *[(f"group of two, {name}", group_of_two, name) for name in ("RangeAssignor", "CooperativeStickyAssignor")],
]
BEFORE_RESTART = [("commit, then restart", commit_half)]
AFTER_RESTART = [("resume after the restart", resume)]
