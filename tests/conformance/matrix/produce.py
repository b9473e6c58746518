"""Rows in which the client writes and the witness reads."""

from lib.report import expect, expect_equal

from matrix import stored
from matrix.program import wait_for
from matrix.records import Record, contents, numbered, sized, unlike
from matrix.stage import Stage

NO_PRODUCER = -1


def check(stage: Stage, sent: list[Record], acked: dict[int, int | None]) -> None:
    """Every record of a topic's only partition was acknowledged with its place, and is there, once and in order."""
    expect_equal(sorted(acked), list(range(len(sent))), "acknowledged lines")
    known = {index: offset for index, offset in acked.items() if offset is not None}
    expect_equal(known, {index: index for index in known}, "offsets by line")
    expect_equal(contents(stage.witness.read(stage.topic)), contents(sent), "records that the witness read")


def codec(stage: Stage, name: str) -> None:
    stage.create_topic()
    sent = numbered(200)
    check(stage, sent, stage.produce(sent, codec=name))
    seen = {batch.codec for batch in stored.batches(stage.broker, stage.topic)}
    expect_equal(seen, {name}, "codecs of the stored batches")


def acks(stage: Stage, level: str) -> None:
    stage.create_topic()
    sent = numbered(100)
    acked = stage.produce(sent, acks=level)
    if level == "0":  # nothing tells when the broker has them; a consumer gets them later than the file does
        acked = dict.fromkeys(range(len(sent)))
        wait_for(lambda: len(stage.witness.read(stage.topic)) >= len(sent), "all records can be read", every_s=0.2)
    check(stage, sent, acked)
    producers = {batch.producer_id for batch in stored.batches(stage.broker, stage.topic)}
    expect_equal(producers, {NO_PRODUCER}, "producer ids of batches without idempotence")


def idempotence(stage: Stage) -> None:
    stage.create_topic()
    sent = numbered(1000)
    check(stage, sent, stage.produce(sent, idempotence="yes"))
    producers = {batch.producer_id for batch in stored.batches(stage.broker, stage.topic)}
    expect(len(producers) == 1 and NO_PRODUCER not in producers, f"producer ids of the stored batches: {producers}")


def headers(stage: Stage) -> None:
    stage.create_topic()
    sent = [Record(b"k", b"none"), Record(b"k", b"one", ((b"name", b"text"),)),
            Record(b"k", b"two", ((b"name", b"text"), (b"other", b"more")))]
    check(stage, sent, stage.produce(sent))


def repeated_headers(stage: Stage) -> None:
    stage.create_topic()
    sent = [Record(b"k", b"twice", ((b"name", b"first"), (b"other", b"x"), (b"name", b"second")))]
    check(stage, sent, stage.produce(sent))


def odd_headers(stage: Stage) -> None:
    stage.create_topic()
    sent = [Record(b"k", b"null and empty", ((b"null", None), (b"empty", b""))),
            Record(b"k", b"bytes", ((b"bytes", bytes(range(256))),))]
    check(stage, sent, stage.produce(sent))


def nulls(stage: Stage) -> None:
    stage.create_topic()
    check(stage, unlike(), stage.produce(unlike()))


def nothing(stage: Stage) -> None:
    stage.create_topic()
    sent = [Record(None, None), Record(b"k", b"v"), Record(None, None)]
    check(stage, sent, stage.produce(sent))


def any_bytes(stage: Stage) -> None:
    stage.create_topic()
    sent = [Record(bytes(range(256)), bytes(reversed(range(256))) * 4), Record(b"\n", b"\t\r\n\0")]
    check(stage, sent, stage.produce(sent))


def times(stage: Stage) -> None:
    stage.create_topic()
    sent = [Record(b"k", b"%d" % i, time_ms=1_700_000_000_000 + i * 1000) for i in range(50)]
    check(stage, sent, stage.produce(sent))
    expect_equal([record.time_ms for record in stage.witness.read(stage.topic)], [record.time_ms for record in sent],
                 "times")


def partitions(stage: Stage) -> None:
    stage.create_topic(3)
    sent = numbered(60, partitions=3)
    acked = stage.produce(sent)
    expect_equal(sorted(acked), list(range(60)), "acknowledged lines")
    for partition in range(3):
        expect_equal(contents(stage.witness.read(stage.topic, partition)), contents(sent[partition::3]),
                     f"records of partition {partition}")


def bulk(stage: Stage, mebibytes: int) -> None:
    stage.create_topic()
    sent = sized(mebibytes * 1024, 1024)
    check(stage, sent, stage.produce(sent))
    count = len(stored.batches(stage.broker, stage.topic))
    expect(count >= mebibytes, f"{count} batches are not many")


def large(stage: Stage, size: int) -> None:
    stage.create_topic()
    sent = sized(1, size)
    check(stage, sent, stage.produce(sent))
