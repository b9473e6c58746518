#!/usr/bin/env python3
"""Client quotas as stock clients meet them: throttle times as Kafka computes them, channels that are held back, the
precedence of users and client ids, changes that count at once, mutations of the controller, connections of an address."""

import struct
import sys
import time

import confluent_kafka
import crc32c
from confluent_kafka.admin import AdminClient, NewTopic

from lib import options, peer_tool, wire
from lib.broker import Broker
from lib.report import Failure, Report, expect, expect_equal, say

TOPIC, SMALL = "t", "small"  # of the latter, batches that fit any window
ALTER_CLIENT_QUOTAS, FETCH, CREATE_TOPICS = 49, 1, 19
WINDOW_S = 10  # full samples of quota.window.num
SETTLE_S = 1
SLACK = 0.15   # of a throttle time: requests come a little later than they are counted


def text(value):
    return wire.string(value)


def set_quota(port, entity, **quotas):
    """AlterClientQuotas v0; an entity is [(type, name or None)], a quota of None is removed."""
    body = struct.pack(">i", 1) + struct.pack(">i", len(entity))
    for kind, name in entity:
        body += text(kind) + text(name)
    body += struct.pack(">i", len(quotas))
    for key, value in quotas.items():
        body += text(key) + struct.pack(">d?", value or 0.0, value is None)
    with wire.connect(port, 30) as connection:
        answer = wire.Fields(wire.ask(connection, wire.header(ALTER_CLIENT_QUOTAS, 0) + body + b"\0"))
    answer.number("i"), answer.number("i"), answer.number("i")
    expect_equal(answer.number("h"), 0, f"the error of {entity} {quotas}")
    time.sleep(SETTLE_S)  # the peer's brokers apply what its controller has answered a little later


def batch(size):
    value = b"v" * size
    def varint(number):
        number = number << 1 ^ number >> 63
        out = b""
        while number >= 0x80:
            out += bytes([number & 0x7f | 0x80])
            number >>= 7
        return out + bytes([number])
    record = b"\0" + varint(0) + varint(0) + varint(-1) + varint(len(value)) + value + varint(0)
    record = varint(len(record)) + record
    now = int(time.time() * 1000)
    checked = struct.pack(">hiqqqhii", 0, 0, now, now, -1, -1, -1, 1) + record
    rest = struct.pack(">ib", 0, 2) + struct.pack(">I", crc32c.crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(rest)) + rest


class Client:
    """One connection of a client id, whose requests are sent one at a time."""

    def __init__(self, port, client_id):
        self.connection = wire.connect(port, 60)
        self.client_id = client_id

    def ask(self, key, version, body):
        return wire.Fields(wire.ask(self.connection, wire.header(key, version, client_id=self.client_id) + body))

    def produce(self, size, topic=TOPIC):
        """(the request's bytes, the throttle time in ms)"""
        records = batch(size)
        body = text(None) + struct.pack(">hi", 1, 30000) + struct.pack(">i", 1) + text(topic)
        body += struct.pack(">iii", 1, 0, len(records)) + records
        answer = self.ask(wire.PRODUCE, 3, body)
        answer.number("i"), answer.number("i"), answer.text(), answer.number("i"), answer.number("i")
        expect_equal(answer.number("h"), 0, "the error of a produce request")
        answer.number("q"), answer.number("q")
        return len(wire.header(wire.PRODUCE, 3, client_id=self.client_id)) + len(body), answer.number("i")

    def fetch(self, offset=0, most=1 << 20):
        """(bytes of records, the throttle time in ms)"""
        body = struct.pack(">iiiib", -1, 100, 1, most, 0) + struct.pack(">i", 1) + text(SMALL)
        body += struct.pack(">iiqi", 1, 0, offset, most)
        answer = self.ask(FETCH, 4, body)
        answer.number("i")
        throttle_ms = answer.number("i")
        if answer.number("i") == 0:
            return 0, throttle_ms
        answer.text(), answer.number("i"), answer.number("i")
        expect_equal(answer.number("h"), 0, "the error of a fetch")
        answer.number("q"), answer.number("q"), answer.number("i")
        return max(answer.number("i"), 0), throttle_ms

    def metadata(self):
        """How long the answer takes, in s."""
        started = time.monotonic()
        self.ask(wire.METADATA, 1, struct.pack(">i", 0))
        return time.monotonic() - started


def wait_until_led(port, topics):
    """A topic that has been created may have no leader yet."""
    deadline = time.monotonic() + 30
    client = Client(port, "first")
    for topic in topics:
        while True:
            try:
                client.produce(1, topic)
                break
            except Failure:
                expect(time.monotonic() < deadline, f"{topic} has no leader")
                time.sleep(0.2)


def expect_near(seen_ms, wanted_ms, what):
    say(f"{what}: {seen_ms} ms, by the formula {wanted_ms:.0f} ms")
    expect(abs(seen_ms - wanted_ms) <= wanted_ms * SLACK + 20, f"{what}: saw {seen_ms} ms, wanted {wanted_ms:.0f} ms")


def producers_are_held_back(broker):
    bound = 20_000
    set_quota(broker.port, [("client-id", "p")], producer_byte_rate=bound)
    client, other = Client(broker.port, "p"), Client(broker.port, "another")
    first, throttle_ms = client.produce(150_000)
    expect_equal(throttle_ms, 0, "what fits into the window")
    second, throttle_ms = client.produce(100_000)
    expect_near(throttle_ms, (first + second - bound * WINDOW_S) / bound * 1000, "throttle time of a producer")
    expect(other.metadata() < throttle_ms / 2000, "another client waits, too")
    waited = client.metadata()
    expect(waited > throttle_ms / 1000 * (1 - SLACK) - 0.1, f"the connection waited {waited:.2f} s only")
    set_quota(broker.port, [("client-id", "p")], producer_byte_rate=None)
    expect_equal(client.produce(1_000_000 - 1000)[1], 0, "without the quota")


def consumers_get_nothing_while_held_back(broker):
    bound = 10_000
    for _ in range(8):
        Client(broker.port, "filler").produce(20_000, SMALL)
    set_quota(broker.port, [("client-id", "c")], consumer_byte_rate=bound)
    client = Client(broker.port, "c")
    seen = [client.fetch() for _ in range(4)]
    say(f"(bytes, ms) of the fetches: {seen}")
    most = max(each for each, _ in seen)
    expect(0 < most <= bound * WINDOW_S, f"{most} bytes at once with a window of {bound * WINDOW_S}")
    expect(max(held for _, held in seen) > 1000, "nobody held it back")
    expect(all(each == 0 for each, held in seen if held), "records in an answer that holds back")
    set_quota(broker.port, [("client-id", "c")], consumer_byte_rate=None)
    expect(client.fetch()[0] > 0, "the records have gone")


def time_is_limited(broker):
    set_quota(broker.port, [("client-id", "r")], request_percentage=0.0001)
    client = Client(broker.port, "r")
    seen = [client.fetch(most=1)[1] for _ in range(6)]
    say(f"throttle times by request_percentage: {seen}")
    expect(any(seen), "nobody held it back")
    expect(max(seen) <= 1000, f"held back for {max(seen)} ms: more than one sample")
    set_quota(broker.port, [("client-id", "r")], request_percentage=None)


def the_nearest_quota_counts_at_once(broker):
    wide, narrow = 1e9, 1_000
    levels = [[("client-id", None)], [("client-id", "n")], [("user", None)], [("user", None), ("client-id", None)],
              [("user", None), ("client-id", "n")], [("user", "ANONYMOUS")], [("user", "ANONYMOUS"), ("client-id", None)],
              [("user", "ANONYMOUS"), ("client-id", "n")]]
    for place, level in enumerate(levels):
        set_quota(broker.port, level, producer_byte_rate=narrow if place % 2 == 0 else wide)
        client = Client(broker.port, "n")
        held = client.produce(30_000)[1]
        expect_equal(held > 0, place % 2 == 0, f"held back with a quota of {level}")
        client.connection.close()
    for level in levels:
        set_quota(broker.port, level, producer_byte_rate=None)


def mutations_are_limited(broker):
    set_quota(broker.port, [("user", None)], controller_mutation_rate=1)
    def create(name, partitions):
        return ("topics", "--bootstrap-server", broker.address, "--create", "--topic", name, "--partitions", partitions)
    first, second, third = peer_tool.run_many([create("m1", 20), create("m2", 1), create("m3", 1)])
    expect("Created topic m1." in first, f"the first: {first}")
    expect("ThrottlingQuotaExceededException" in second + third, f"the others: {second} {third}")
    admin = AdminClient({"bootstrap.servers": broker.address})
    listed = admin.list_topics(timeout=30).topics
    expect("m1" in listed and "m2" not in listed, f"topics: {sorted(listed)}")
    set_quota(broker.port, [("user", None)], controller_mutation_rate=None)
    admin.create_topics([NewTopic("m4", 50, 1)])["m4"].result(30)


def a_stock_producer_slows_down(broker):
    """librdkafka counts what it was told to wait."""
    set_quota(broker.port, [("client-id", "stock")], producer_byte_rate=200_000)
    for _ in range(20):
        Client(broker.port, "stock").produce(100_000)
    told = []
    producer = confluent_kafka.Producer({
        "bootstrap.servers": broker.address, "client.id": "stock", "acks": 1,
        "batch.size": 100_000, "linger.ms": 5, "max.in.flight": 1,
        "throttle_cb": lambda event: told.append(event.throttle_time)})
    started = time.monotonic()
    for _ in range(100):
        producer.produce(TOPIC, b"x" * 10_000)
    expect_equal(producer.flush(60), 0, "messages that are not delivered")
    took = time.monotonic() - started
    producer.poll(1)
    say(f"1 MB at 200 kB/s took {took:.1f} s, throttle times up to {max(told, default=0)} s")
    expect(max(told, default=0) > 0, "the client was never told to wait")
    expect(took > 3, f"it took {took:.1f} s only")
    set_quota(broker.port, [("client-id", "stock")], producer_byte_rate=None)


def addresses_come_slowly(broker):
    set_quota(broker.port, [("ip", "127.0.0.1")], connection_creation_rate=2)
    kept, closed = [], 0
    for _ in range(40):
        connection = wire.connect(broker.port, 10)
        kept.append(connection)
    for connection in kept:
        try:
            closed += wire.ask(connection, wire.header(wire.METADATA, 1) + struct.pack(">i", 0)) is None
        except OSError:
            closed += 1
        connection.close()
    say(f"{closed} of 40 connections were closed")
    expect(5 <= closed <= 35, f"{closed} of 40 connections were closed")
    time.sleep(12)  # nothing is left of them in the window then
    expect_equal(wire.broker_count(broker.port), 1, "brokers that a connection sees afterwards")
    set_quota(broker.port, [("ip", "127.0.0.1")], connection_creation_rate=None)


def all_connections_are_limited_at_once(broker):
    """max.connections, while the broker runs."""
    def configs(*words):
        return ("configs", "--bootstrap-server", broker.address, "--entity-type", "brokers", "--entity-name", "1",
                "--alter", *words)
    peer_tool.run_many([configs("--add-config", "max.connections.per.ip=20")])
    time.sleep(SETTLE_S)
    connections = [wire.connect(broker.port, 10) for _ in range(40)]
    served = 0
    for connection in connections:
        try:
            served += wire.ask(connection, wire.header(wire.METADATA, 1) + struct.pack(">i", 0)) is not None
        except OSError:
            pass
        connection.close()
    say(f"{served} of 40 connections were served")  # the clients of earlier cases count, too
    expect(5 <= served <= 20, f"{served} of 40 connections were served")
    peer_tool.run_many([configs("--delete-config", "max.connections.per.ip")])


CASES = [producers_are_held_back, consumers_get_nothing_while_held_back, time_is_limited,
         the_nearest_quota_counts_at_once, mutations_are_limited, a_stock_producer_slows_down, addresses_come_slowly,
         all_connections_are_limited_at_once]


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--case", help="only those whose name has this in it")
    arguments = parser.parse_args()
    report = Report(f"quotas {arguments.broker}")
    with Broker(arguments.broker, "quotas") as broker:
        admin = AdminClient({"bootstrap.servers": broker.address})
        for created in admin.create_topics([NewTopic(TOPIC, 1, 1), NewTopic(SMALL, 1, 1)]).values():
            created.result(60)
        wait_until_led(broker.port, (TOPIC, SMALL))
        for case in CASES:
            if not arguments.case or arguments.case in case.__name__:
                report.run(case.__name__.replace("_", " "), case, broker)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
