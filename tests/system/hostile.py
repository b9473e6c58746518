#!/usr/bin/env python3
"""Bytes that no client sends: each gets the error that Kafka gives, or a closed connection, and the broker's memory
stays where it was."""

import socket
import struct
import sys
import zlib

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from lib import options, wire
from lib.broker import Broker
from lib.report import Report, expect, expect_equal
from lib.wire import Fields, ask, connect, frame, header, string

TOPIC = "hostile"
REQUEST_MAX = 104_857_600
GROWTH_MAX_KIB = {"gregor": 160 * 1024, "peer": 1024 * 1024}  # the frame limit, and what allocators keep
UNSUPPORTED_VERSION, CORRUPT_MESSAGE, UNKNOWN_TOPIC, INVALID_TOPIC = 35, 2, 3, 17
INVALID_RECORD, UNSUPPORTED_COMPRESSION = 87, 76
UNKNOWN_ERROR = -1


def crc32c(data: bytes) -> int:
    from crc32c import crc32c as checksum

    return checksum(data)


def varint(value: int) -> bytes:
    value = (value << 1) ^ (value >> 63)
    parts = bytearray()
    while value & ~0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def record(value: bytes, delta: int = 0) -> bytes:
    body = b"\0" + varint(0) + varint(delta) + varint(-1) + varint(len(value)) + value + varint(0)
    return varint(len(body)) + body


def batch(records: bytes, count: int = 1, attributes: int = 0, crc: int | None = None, length: int | None = None,
          magic: int = 2) -> bytes:
    tail = struct.pack(">hiqqqhii", attributes, count - 1, 0, 0, -1, -1, -1, count) + records
    checksum = crc32c(tail) if crc is None else crc
    return struct.pack(">qiibI", 0, 9 + len(tail) if length is None else length, 0, magic, checksum) + tail


def produce(port: int, records: bytes, topic: str | bytes = TOPIC, partition: int = 0) -> int | None:
    """Produce v3; the partition's error code, None when the connection is closed instead."""
    name = string(topic) if isinstance(topic, str) else struct.pack(">h", len(topic)) + topic
    body = string(None) + struct.pack(">hii", -1, 5000, 1) + name + struct.pack(">iii", 1, partition, len(records))
    with connect(port, 20) as connection:
        answer = ask(connection, header(wire.PRODUCE, 3) + body + records)
    if answer is None:
        return None
    fields = Fields(answer[4:])
    fields.number("i"), fields.text(), fields.number("i"), fields.number("i")
    return fields.number("h")


def closes(port: int, data: bytes, end_of_sending: bool = False) -> None:
    """The broker answers nothing and closes."""
    with connect(port, 20) as connection:
        try:
            connection.sendall(data)
            if end_of_sending:
                connection.shutdown(socket.SHUT_WR)
        except ConnectionError:
            return
        expect_equal(wire.read_exactly(connection, 1), None, "answer")


def future_api_versions(port: int) -> None:
    with connect(port) as connection:
        answer = ask(connection, header(wire.API_VERSIONS, 99) + b"\0" + b"\5test\2" b"1" b"\0")
        expect(answer is not None, "the connection is closed")
        fields = Fields(answer)
        expect_equal((fields.number("i"), fields.number("h")), (7, UNSUPPORTED_VERSION), "correlation id and error")
        ranges = [(fields.number("h"), fields.number("h"), fields.number("h")) for _ in range(fields.number("i"))]
        expect_equal(fields.at, len(answer), "bytes of an answer in the form of version 0")
        expect_equal([row for row in ranges if row[0] == wire.API_VERSIONS], [(18, 0, 4)], "range of ApiVersions")
        expect(ask(connection, header(wire.API_VERSIONS, 0)) is not None, "the connection does not go on")


def lying_count(port: int) -> None:
    """A Metadata request whose array claims two thousand million topics in ten bytes."""
    closes(port, frame(header(wire.METADATA, 1) + struct.pack(">i", 2_000_000_000) + b"0123456789"))


def lying_string(port: int) -> None:
    closes(port, frame(struct.pack(">hhih", wire.METADATA, 1, 7, 30_000) + b"short"))


def half_frame(port: int) -> None:
    closes(port, struct.pack(">i", 1000) + b"x" * 500, end_of_sending=True)


def zeros(port: int) -> None:
    closes(port, b"\0" * 4)


def unknown_topic(port: int) -> None:
    expect_equal(produce(port, batch(record(b"x")), "not-there"), UNKNOWN_TOPIC, "error")
    expect_equal(produce(port, batch(record(b"x")), TOPIC, partition=99), UNKNOWN_TOPIC, "error")


def bad_names(port: int) -> None:
    """Metadata v4 with auto-creation of names that no topic may have."""
    for name in ("no spaces", "..", "x" * 250):
        with connect(port) as connection:
            answer = ask(connection, header(wire.METADATA, 4) + struct.pack(">i", 1) + string(name) + b"\1")
        fields = Fields(answer[8:])  # behind correlation id and throttle time
        for _ in range(fields.number("i")):
            fields.number("i"), fields.text(), fields.number("i"), fields.text()
        fields.text(), fields.number("i"), fields.number("i")
        expect_equal(fields.number("h"), INVALID_TOPIC, f"error of {name!r}")


def bomb(port: int) -> None:
    """A gzip stream of 300 MB of zeros in 300 kB, where one record should be."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join([packer.compress(b"\0" * 1_000_000) for _ in range(300)] + [packer.flush()])
    expect(produce(port, batch(packed, attributes=1)) in (INVALID_RECORD, CORRUPT_MESSAGE, None),
           "the decompression bomb was accepted")


def honest_work(broker: Broker) -> None:
    """After all that, the broker serves."""
    producer = KafkaProducer(bootstrap_servers=broker.address)
    place = producer.send(TOPIC, b"still here").get(timeout=20)
    producer.close(timeout=10)
    consumer = KafkaConsumer(bootstrap_servers=broker.address, consumer_timeout_ms=10_000)
    consumer.assign([TopicPartition(TOPIC, 0)])
    consumer.seek(TopicPartition(TOPIC, 0), place.offset)
    expect_equal(next(consumer).value, b"still here", "value")
    consumer.close()


def batch_cases() -> list[tuple[str, bytes, tuple]]:
    """Name, record set of a Produce request, and the error codes of which one must come; None is a closed connection."""
    good = batch(record(b"x" * 100))
    return [
        ("a good batch", good, (0,)),
        ("a wrong CRC", batch(record(b"x"), crc=1), (CORRUPT_MESSAGE,)),
        ("a truncated batch", good[:-20], (CORRUPT_MESSAGE, INVALID_RECORD)),
        ("a batch length of -1", batch(record(b"x"), length=-1), (CORRUPT_MESSAGE, None)),
        ("a batch length of 2 GiB", batch(record(b"x"), length=2**31 - 1), (UNKNOWN_ERROR,)),
        ("magic 9", batch(record(b"x"), magic=9), (CORRUPT_MESSAGE, INVALID_RECORD, None)),
        ("fewer records than counted", batch(record(b"x"), count=5), (CORRUPT_MESSAGE, INVALID_RECORD)),
        ("two million records counted", batch(record(b"x"), count=2_000_000), (CORRUPT_MESSAGE, INVALID_RECORD)),
        ("a codec that is none", batch(record(b"x"), attributes=7), (CORRUPT_MESSAGE, INVALID_RECORD,
                                                                    UNSUPPORTED_COMPRESSION, None, -1)),
        ("gzip that is none", batch(b"garbage", attributes=1), (CORRUPT_MESSAGE, INVALID_RECORD, -1)),
        ("zstd in a version without it", batch(b"garbage", attributes=4), (UNSUPPORTED_COMPRESSION,)),
        ("two batches", good + good, (INVALID_RECORD,)),
        ("a control batch", batch(record(b"x"), attributes=32), (INVALID_RECORD,)),
    ]


def one_of(port: int, records: bytes, wanted: tuple) -> None:
    seen = produce(port, records)
    expect(seen in wanted, f"error {seen}, wanted one of {wanted}")


def memory(broker: Broker, before_kib: int) -> None:
    grown = broker.status_kib("VmHWM") - before_kib
    expect(grown < GROWTH_MAX_KIB[broker.flavour], f"memory has grown by {grown // 1024} MiB")


def run_frames(report: Report, port: int) -> None:
    report.run("ApiVersions of the future is answered in version 0", future_api_versions, port)
    for name, payload in (("an unknown API", header(9999, 0)), ("a version too high", header(wire.METADATA, 99)),
                          ("a version below zero", header(wire.METADATA, -1)),
                          ("a broker-only API", header(52, 0)), ("three bytes", b"abc")):
        report.run(f"{name} closes the connection", closes, port, frame(payload))
    for name, size in (("a frame over the limit", REQUEST_MAX + 1), ("a negative frame", -5),
                       ("the largest frame", 2**31 - 1)):
        report.run(f"{name} closes the connection", closes, port, struct.pack(">i", size) + b"x" * 100)
    report.run("HTTP closes the connection", closes, port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    report.run("a TLS hello closes the connection", closes, port, bytes.fromhex("160301020001") + b"\0" * 600)
    for name, case in (("an array that lies", lying_count), ("a string that lies", lying_string),
                       ("half a frame", half_frame), ("an empty frame", zeros)):
        report.run(f"{name} closes the connection", case, port)


def main() -> int:
    chosen = options.parser(__doc__).parse_args()
    report = Report("hostile")
    with Broker(chosen.broker, "hostile", auto__create__topics__enable="false") as broker:
        from kafka import KafkaAdminClient

        with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
            admin.create_topics({TOPIC: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
        before_kib = broker.status_kib("VmHWM")
        run_frames(report, broker.port)
        for name, records, wanted in batch_cases():
            report.run(name, one_of, broker.port, records, wanted)
        report.run("unknown topics and partitions", unknown_topic, broker.port)
        report.run("bad names", bad_names, broker.port)
        report.run("bad UTF-8 in a name", lambda: expect(
            produce(broker.port, batch(record(b"x")), b"\xff\xfe") in (UNKNOWN_TOPIC, None), "it was accepted"))
        report.run("a decompression bomb", bomb, broker.port)
        report.run("the broker still serves", honest_work, broker)
        report.run("memory stays bounded", memory, broker, before_kib)
        if report.failed:
            print(broker.log(30))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
