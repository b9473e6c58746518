#!/usr/bin/env python3
"""`gregor topics | groups | produce | consume | dump` with a broker of either flavour and a stock client at the other end:
what one writes the other reads; what people do wrong gets one sentence and an exit code."""

import json
import os
import signal
import subprocess
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition

from lib import options
from lib.broker import Broker, free_port, gregor_binary
from lib.report import Report, expect, expect_equal

LIMIT_S = 40


class Line:
    """The command line, at one broker."""

    def __init__(self, broker: Broker):
        self.broker = broker

    def command(self, *words) -> list[str]:
        address = [] if words[0] == "dump" else ["--bootstrap-server", self.broker.address]
        cut = 1 if words[0] in ("produce", "consume", "dump") else 2
        return [str(gregor_binary()), *map(str, words[:cut]), *address, *map(str, words[cut:])]

    def run(self, *words, text: str = "", code: int = 0) -> str:
        ran = subprocess.run(self.command(*words), input=text, capture_output=True, text=True, timeout=LIMIT_S)
        expect_equal(ran.returncode, code, f"exit code of {words} with {ran.stdout}{ran.stderr}")
        return ran.stdout

    def json(self, *words, text: str = "", code: int = 0):
        return json.loads(self.run(*words, "--json", text=text, code=code))

    def complaint(self, *words, text: str = "", code: int = 1) -> str:
        """The one sentence of a refusal."""
        ran = subprocess.run(self.command(*words), input=text, capture_output=True, text=True, timeout=LIMIT_S)
        expect_equal(ran.returncode, code, f"exit code of {words} with {ran.stdout}{ran.stderr}")
        lines = ran.stderr.splitlines()
        expect(len(lines) >= 1 and lines[0].startswith("gregor"), f"no sentence in {lines}")
        return lines[0]


def topics(line: Line) -> None:
    expect_equal(line.run("topics", "create", "t", "--partitions", 3, "--config", "retention.ms=123456789"),
                 "topic t created\n", "created")
    expect("TOPIC_ALREADY_EXISTS" in line.complaint("topics", "create", "t"), "no code")
    line.run("topics", "create", "t", "--if-not-exists")
    rows = line.json("topics", "list")
    expect_equal([(row["topic"], row["partitions"], row["replicas"]) for row in rows], [("t", 3, 1)], "topics")
    line.run("topics", "alter", "t", "--partitions", 4, "--config", "segment.bytes=2000000", "--delete-config", "retention.ms")
    seen = line.json("topics", "describe", "t")
    expect_equal(len(seen["partitions"]), 4, "partitions")
    expect_equal([(row["config"], row["value"]) for row in seen["configs"]], [("segment.bytes", "2000000")], "configs")
    expect("LEADER" in line.run("topics", "describe", "t"), "no table")
    line.run("topics", "create", "gone")
    expect_equal(line.run("topics", "delete", "gone"), "topic gone deleted\n", "deleted")


def wrong_topics(line: Line) -> None:
    for words, part in [
        (("topics", "describe", "nowhere"), "gregor topics list"),
        (("topics", "delete", "nowhere"), "UNKNOWN_TOPIC_OR_PARTITION"),
        (("topics", "create", "bad name"), "INVALID_TOPIC_EXCEPTION"),
        (("topics", "create", "x", "--config", "nokey=1"), "nokey"),
        (("topics", "create", "x", "--replicas", 9), "INVALID_REPLICATION_FACTOR"),
        (("topics", "alter", "t", "--partitions", 1), "INVALID_PARTITIONS"),
        (("topics", "create", "x", "--config", "noequals"), "key=value"),
    ]:
        sentence = line.complaint(*words)
        expect(part in sentence, f"{part!r} is not in {sentence!r}")
    expect("--partitions" in line.complaint("topics", "alter", "t", code=2), "what to give")
    line.complaint("topics", "create", code=2)
    line.complaint("topics", "create", "x", "--partitions", 0, code=2)


def read_stock(broker: Broker, topic: str, count: int) -> list:
    """All records by a stock client, as (partition, key, value, headers)."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "stock-reader", "auto.offset.reset": "earliest",
                         "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    found, deadline = [], time.monotonic() + LIMIT_S
    while len(found) < count and time.monotonic() < deadline:
        found += [message for message in consumer.consume(1000, 0.5) if not message.error()]
    consumer.close()
    return [(message.partition(), message.key(), message.value(), message.headers()) for message in found]


def produce(line: Line) -> None:
    line.run("topics", "create", "p", "--partitions", 5)
    text = "".join(f"key-{i % 50}:value {i}\n" for i in range(5000))
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        printed = line.json("produce", "p", "--key-separator", ":", "--codec", codec, "--header", "a=b", text=text)
        expect_equal(printed[0]["records"], 5000, codec)
    found = read_stock(line.broker, "p", 25_000)
    expect_equal(len(found), 25_000, "records")
    expect(all(headers == [("a", b"b")] for *_, headers in found), "headers")
    sent = Producer({"bootstrap.servers": line.broker.address, "partitioner": "murmur2"})
    placed = {}
    for i in range(50):
        sent.produce("p", value=b"", key=f"key-{i}", on_delivery=lambda _, message: placed.setdefault(message.key(), message.partition()))
    sent.flush(20)
    expect_equal({(key, partition) for partition, key, *_ in found}, set(placed.items()), "partitions of the keys")
    one = [value for partition, key, value, _ in found if key == b"key-7"][:100]
    expect_equal(one, [f"value {i}".encode() for i in range(5000) if i % 50 == 7], "order of one key")


def produce_options(line: Line) -> None:
    line.run("topics", "create", "o")
    for acks in ("0", "1", "all"):
        line.run("produce", "o", "--acks", acks, text=f"acks {acks}\n")
    line.run("produce", "o", "--key-separator", "=", "--null", "NULL", text="gone=NULL\nempty=\nlast=no line end")
    found = [(key, value) for _, key, value, _ in read_stock(line.broker, "o", 6)]
    expect_equal(found, [(None, b"acks 0"), (None, b"acks 1"), (None, b"acks all"), (b"gone", None), (b"empty", b""),
                         (b"last", b"no line end")], "records")
    expect("line 2" in line.complaint("produce", "o", "--key-separator", "=", text="a=b\nno key\n"), "which line")
    expect_equal(line.run("consume", "o", "--from", "-1"), "b\n", "the line before the bad one")
    expect("gregor topics list" in line.complaint("produce", "nowhere", text="x\n"), "the remedy")
    line.complaint("produce", "o", "--codec", "rar", text="x\n", code=2)
    line.complaint("produce", "o", "--partition", 7, text="x\n")
    sentence = line.complaint("produce", "o", text="x" * 2_000_000 + "\n")
    expect("MESSAGE_TOO_LARGE" in sentence, sentence)


def consume(line: Line) -> None:
    line.run("topics", "create", "c", "--partitions", 2)
    producer = Producer({"bootstrap.servers": line.broker.address, "compression.type": "lz4"})
    for i in range(1000):
        producer.produce("c", partition=i % 2, key=f"k{i}", value=f"v{i}", timestamp=1_700_000_000_000 + i * 1000,
                         headers=[("h", b"\xff")])
    producer.flush(20)
    expect_equal(sorted(line.run("consume", "c").split()), sorted(f"v{i}" for i in range(1000)), "values")
    expect_equal(line.run("consume", "c", "--partition", 1, "--from", 498, "--format", "%p %o %k=%v%%%n"),
                 "1 498 k997=v997%\n1 499 k999=v999%\n", "template")
    expect_equal(line.run("consume", "c", "--partition", 0, "--from", "2023-11-14T22:29:54Z", "--count", 1), "v994\n", "from a time")
    expect_equal(line.run("consume", "c", "--from", "-1").split(), ["v998", "v999"], "the last of each")
    expect_equal(line.run("consume", "c", "--from", "end"), "", "nothing")
    row = json.loads(line.run("consume", "c", "--partition", 0, "--count", 1, "--json"))
    expect_equal(row, {"topic": "c", "partition": 0, "offset": 0, "timestamp": 1_700_000_000_000, "key": "k0", "value": "v0",
                       "headers": [{"key": "h", "value": {"base64": "/w=="}}]}, "JSON")
    expect("OFFSET_OUT_OF_RANGE" in line.complaint("consume", "c", "--from", 5000, "--follow"), "out of range")
    line.complaint("consume", "c", "--from", "yesterday")
    line.complaint("consume", "c", "--format", "%x", code=2)


def transactions(line: Line) -> None:
    """Committed, aborted and open ones, where the broker has transactions."""
    line.run("topics", "create", "x")
    settings = {"bootstrap.servers": line.broker.address, "transactional.id": "tx", "transaction.timeout.ms": 60_000}
    producer = Producer(settings)
    try:
        producer.init_transactions(10)
    except Exception as error:
        expect("gregor" in line.broker.flavour, f"no transactions: {error}")
        return print("     this broker has no transactions yet: not compared", flush=True)
    for value, ends in (("kept", producer.commit_transaction), ("undone", producer.abort_transaction), ("also kept", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce("x", value)
        producer.flush(10)
        ends(10)
    producer.begin_transaction()
    producer.produce("x", "open")
    producer.flush(10)
    expect_equal(line.run("consume", "x").splitlines(), ["kept", "undone", "also kept", "open"], "all")
    expect_equal(line.run("consume", "x", "--committed").splitlines(), ["kept", "also kept"], "committed")
    producer.abort_transaction(10)


def groups(line: Line) -> None:
    line.run("topics", "create", "g", "--partitions", 2)
    line.run("produce", "g", "--key-separator", ":", text="".join(f"{i}:{i}\n" for i in range(100)))
    expect_equal(len(line.run("consume", "g", "--group", "ours", "--count", 60).split()), 60, "first")
    expect_equal(len(line.run("consume", "g", "--group", "ours").split()), 40, "the rest")
    seen = line.json("groups", "describe", "ours")
    expect_equal((seen["state"], sum(row["lag"] for row in seen["offsets"])), ("Empty", 0), "state and lag")
    consumer = Consumer({"bootstrap.servers": line.broker.address, "group.id": "theirs", "auto.offset.reset": "earliest"})
    consumer.subscribe(["g"])
    read = 0
    while read < 100:
        read += len([message for message in consumer.consume(100, 1) if not message.error()])
    consumer.commit(asynchronous=False)
    expect_equal(sorted(row["group"] for row in line.json("groups", "list")), ["ours", "theirs"], "groups")
    seen = line.json("groups", "describe", "theirs")
    expect_equal((seen["state"], len(seen["members"]), [row["lag"] for row in seen["offsets"]]), ("Stable", 1, [0, 0]), "theirs")
    expect_equal({row["member"] for row in seen["offsets"]}, {seen["members"][0]["member"]}, "the owner")
    expect("stop" in line.complaint("groups", "reset-offsets", "theirs", "--topic", "g", "--to-earliest"), "the remedy")
    expect("NON_EMPTY_GROUP" in line.complaint("groups", "delete", "theirs"), "the code")
    consumer.close()


def explain(line: Line) -> None:
    if line.broker.flavour == "peer":
        expect("is not Gregor" in line.complaint("groups", "explain", "theirs"), "who does not tell")
        return
    consumer = Consumer({"bootstrap.servers": line.broker.address, "group.id": "theirs", "client.id": "second"})
    consumer.subscribe(["g"])
    while not consumer.assignment():
        consumer.poll(0.1)
    consumer.close()
    seen = line.json("groups", "explain", "theirs")
    expect_equal([row["cause"] for row in seen], ["member joined", "member left"] * 2, "causes")
    expect(all(row["member"].startswith("second-") for row in seen[2:]), f"whose doing in {seen}")
    expect(all(row["duration_ms"] >= 0 and row["generation"] > 0 for row in seen), f"what came of it in {seen}")
    expect("MEMBER" in line.run("groups", "explain", "theirs"), "no table")
    newer = Consumer({"bootstrap.servers": line.broker.address, "group.id": "newer", "group.protocol": "consumer"})
    newer.subscribe(["g"])
    while not newer.assignment():
        newer.poll(0.1)
    newer.close()
    expect_equal([row["cause"] for row in line.json("groups", "explain", "newer")], ["member joined", "member left"], "of KIP-848")
    expect("not rebalanced" in line.run("groups", "explain", "ours"), "nothing to tell")
    expect("GROUP_ID_NOT_FOUND" in line.complaint("groups", "explain", "nobody"), "the code")
    line.complaint("groups", "explain", code=2)


def reset(line: Line) -> None:
    def offsets(*words) -> list[int]:
        return [row["after"] for row in line.json("groups", "reset-offsets", "ours", "--topic", *words)]

    ends = [row["end"] for row in line.json("groups", "describe", "ours")["offsets"]]
    expect_equal(offsets("g", "--to-earliest", "--dry-run"), [0, 0], "a dry run")
    expect_equal([row["committed"] for row in line.json("groups", "describe", "ours")["offsets"]], ends, "nothing changed")
    expect_equal(offsets("g", "--to-earliest"), [0, 0], "to the start")
    expect_equal(len(line.run("consume", "g", "--group", "ours").split()), 100, "again")
    expect_equal(offsets("g:1", "--shift-by", -5), [max(ends[1] - 5, 0)], "back")
    expect_equal(offsets("g", "--to-offset", 10 ** 12), ends, "no further than the end")
    expect_equal(offsets("g", "--to-time", "2020-01-01"), [0, 0], "to a time")
    expect_equal(offsets("g", "--to-latest"), ends, "to the end")
    line.complaint("groups", "reset-offsets", "ours", "--topic", "g", code=2)
    line.complaint("groups", "reset-offsets", "ours", "--topic", "g:9", "--to-latest")
    line.run("groups", "delete", "ours")
    expect("gregor groups list" in line.complaint("groups", "describe", "ours"), "the remedy")


def follow(line: Line) -> None:
    """Records as they come, until Ctrl-C."""
    line.run("topics", "create", "f")
    reader = subprocess.Popen(line.command("consume", "f", "--follow", "--group", "follower"), stdout=subprocess.PIPE, text=True)
    try:
        for word in ("one", "two"):
            line.run("produce", "f", text=word + "\n")
            expect_equal(reader.stdout.readline(), word + "\n", "followed")
        reader.send_signal(signal.SIGINT)
        expect_equal(reader.wait(10), 0, "exit code after Ctrl-C")
    finally:
        reader.kill()
    seen = line.json("groups", "describe", "follower")
    expect_equal([row["committed"] for row in seen["offsets"]], [2], "committed at Ctrl-C")


def typing(line: Line) -> None:
    """A line is sent while the input stays open; Ctrl-C ends it."""
    writer = subprocess.Popen(line.command("produce", "f"), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        writer.stdin.write("typed\n")
        writer.stdin.flush()
        deadline = time.monotonic() + 10
        while "typed" not in line.run("consume", "f"):
            expect(time.monotonic() < deadline, "the line does not arrive")
        writer.send_signal(signal.SIGINT)
        expect_equal(writer.wait(10), 130, "exit code after Ctrl-C")
    finally:
        writer.kill()


def nobody_there(line: Line) -> None:
    port = free_port()
    ran = subprocess.run([gregor_binary(), "topics", "list", "-b", f"localhost:{port}"], capture_output=True, text=True, timeout=LIMIT_S)
    expect_equal(ran.returncode, 1, "exit code")
    expect(str(port) in ran.stderr and "--bootstrap-server" in ran.stderr and len(ran.stderr.splitlines()) == 1, ran.stderr)
    line.complaint("topics", "list", "--timeout", 0, code=2)
    ran = subprocess.run([gregor_binary(), "topics", "list", "-b", "nonsense"], capture_output=True, text=True, timeout=LIMIT_S)
    expect_equal((ran.returncode, "nonsense" in ran.stderr), (2, True), "a bad address")


def dump(line: Line) -> None:
    """The files of a stopped broker, sound and damaged."""
    broker = line.broker
    folder = next(broker.data.glob("c-0"))
    segment = next(folder.glob("*.log"))
    rows = [json.loads(row) for row in line.run("dump", folder, "--records", "--json").splitlines()]
    values = [row["value"] for row in rows if row["kind"] == "record" and row["file"] == str(segment)]
    expect_equal(values, [f"v{i}" for i in range(0, 1000, 2)], "records")
    metadata = line.run("dump", broker.data / "__cluster_metadata-0", "--records")
    expect("TopicRecord" in metadata and '"name":"c"' in metadata, "metadata records")
    for partition in broker.data.glob("*-[0-9]"):
        line.run("dump", partition)
    good = segment.read_bytes()
    segment.write_bytes(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    expect("checksum" in line.run("dump", segment, code=1), "a flipped bit")
    segment.write_bytes(good + b"torn" * 10)
    expect("40 bytes" in line.run("dump", segment, code=1), "a torn end")
    segment.write_bytes(good)
    line.run("dump", segment)
    line.complaint("dump", broker.properties)
    line.complaint("dump", broker.folder)
    index = folder / "00000000000000000000.txnindex"
    index.write_bytes(b"\xff" * 40)
    expect("PROBLEM" in line.run("dump", index, code=1), "a damaged transaction index")
    index.unlink()
    line.complaint("dump", folder / "none.log")


def main() -> int:
    chosen = options.parser(__doc__).parse_args()
    report = Report("command-line")
    os.environ["TZ"] = "Asia/Shanghai"  # times are UTC wherever one is
    with Broker(chosen.broker, "command-line") as broker:
        line = Line(broker)
        for case in (topics, wrong_topics, produce, produce_options, consume, transactions, groups, explain, reset, follow, typing, nobody_there):
            report.run(case.__name__.replace("_", " "), case, line)
        broker.stop()
        report.run("dump", dump, line)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
