"""Rows in which the witness writes and the client reads, without a group."""

from lib.report import expect, expect_equal

from matrix.records import Record, contents, numbered, sized, unlike
from matrix.stage import Stage

FIRST_MS = 1_700_000_000_000


def codec(stage: Stage, name: str) -> None:
    """From the start, by the codec in which another library wrote."""
    sent = numbered(200)
    stage.witness.write(stage.create_topic(), sent, name)
    seen = stage.consume("start", len(sent))
    expect_equal(contents(seen), contents(sent), "records")
    expect_equal([record.offset for record in seen], list(range(len(sent))), "offsets")


def nulls(stage: Stage) -> None:
    sent = unlike()
    stage.witness.write(stage.create_topic(), sent)
    expect_equal(contents(stage.consume("start", len(sent))), contents(sent), "records")


def headers(stage: Stage) -> None:
    sent = [Record(b"k", b"none"), Record(b"k", b"one", ((b"name", b"text"),)),
            Record(b"k", b"two", ((b"name", b"text"), (b"other", b"more")))]
    stage.witness.write(stage.create_topic(), sent)
    expect_equal(contents(stage.consume("start", len(sent))), contents(sent), "records")


def repeated_headers(stage: Stage) -> None:
    sent = [Record(b"k", b"twice", ((b"name", b"first"), (b"other", b"x"), (b"name", b"second")))]
    stage.witness.write(stage.create_topic(), sent)
    expect_equal(contents(stage.consume("start", len(sent))), contents(sent), "records")


def odd_headers(stage: Stage) -> None:
    sent = [Record(b"k", b"null and empty", ((b"null", None), (b"empty", b""))),
            Record(b"k", b"bytes", ((b"bytes", bytes(range(256))),))]
    stage.witness.write(stage.create_topic(), sent)
    expect_equal(contents(stage.consume("start", len(sent))), contents(sent), "records")


def from_end(stage: Stage) -> None:
    stage.witness.write(stage.create_topic(), numbered(20))
    program = stage.start("consume", topic=stage.topic, partition=0, **{"from": "end"}, count=10)
    program.prints("ready")
    late = numbered(10, first=20)
    stage.witness.write(stage.topic, late)
    program.succeeds()
    expect_equal(contents(program.records()), contents(late), "records")


def from_offset(stage: Stage) -> None:
    sent = numbered(100)
    stage.witness.write(stage.create_topic(), sent)
    expect_equal(contents(stage.consume(42, 58)), contents(sent[42:]), "records")


def from_time(stage: Stage) -> None:
    sent = [Record(b"k", b"%d" % i, time_ms=FIRST_MS + i * 1000) for i in range(100)]
    stage.witness.write(stage.create_topic(), sent)
    seen = stage.consume(f"time:{FIRST_MS + 41_500}", 58)
    expect_equal(contents(seen), contents(sent[42:]), "records")
    expect_equal([record.time_ms for record in seen], [record.time_ms for record in sent[42:]], "times")


def bulk(stage: Stage, mebibytes: int) -> None:
    sent = sized(mebibytes * 1024, 1024)
    stage.witness.write(stage.create_topic(), sent)
    expect(contents(stage.consume("start", len(sent))) == contents(sent), "the records differ")


def large(stage: Stage, size: int) -> None:
    sent = sized(1, size)
    stage.witness.write(stage.create_topic(), sent)
    expect(contents(stage.consume("start", 1)) == contents(sent), "the record differs")


def offsets(stage: Stage) -> None:
    stage.create_topic()
    expect_equal(stage.run("offsets", topic=stage.topic, partition=0), ["offsets 0 0"], "offsets of an empty topic")
    stage.witness.write(stage.topic, numbered(100))
    expect_equal(stage.run("offsets", topic=stage.topic, partition=0), ["offsets 0 100"], "offsets")
