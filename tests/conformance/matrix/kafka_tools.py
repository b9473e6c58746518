"""Rows of Kafka's tools that choose their records themselves: the verifiable clients and the performance tests."""

import json
import re

from lib import peer_tool
from lib.report import expect, expect_equal

from matrix import stored, witness
from matrix.groups import PARTITIONS, SESSION_MS
from matrix.program import PATIENCE_S, Running, wait_for
from matrix.records import numbered
from matrix.row import Row
from matrix.stage import Stage

SENT = re.compile(r"^(\d+) records sent")


def tool(stage: Stage, name: str, *words) -> Running:
    return stage.launch(peer_tool.command(name, "--bootstrap-server", stage.broker.address, *words))


def events(program: Running, name: str) -> list[dict]:
    """The JSON lines of that name which a verifiable client has printed."""
    return [event for line in list(program.lines) if line.startswith("{") and
            (event := json.loads(line))["name"] == name]


def acknowledged(stage: Stage, program: Running) -> int:
    """Each value that was acknowledged is at its place, or somewhere if nobody told it; how many there are."""
    found = [record.value for record in stage.witness.read(stage.topic)]
    successes = events(program, "producer_send_success")
    for event in successes:
        seen = found[event["offset"]] if event["offset"] >= 0 else event["value"].encode()
        expect_equal(seen, event["value"].encode(), f"value at offset {event['offset']}")
    expect({event["value"].encode() for event in successes} <= set(found), "an acknowledged value is missing")
    return len(successes)


def verifiable_produce(stage: Stage, acks: int) -> None:
    stage.create_topic()
    program = tool(stage, "verifiable-producer", "--topic", stage.topic, "--max-messages", 500, "--acks", acks)
    program.succeeds()
    wait_for(lambda: stored.count(stage.broker, stage.topic) >= 500, "all records are stored")
    expect_equal(acknowledged(stage, program), 500, "acknowledged records")
    expect_equal([record.value for record in stage.witness.read(stage.topic)], [b"%d" % i for i in range(500)], "values")


def verifiable_produce_over_restart(stage: Stage) -> None:
    """The tool never sends again; it tells which records were lost, and no other may be."""
    stage.create_topic()
    program = tool(stage, "verifiable-producer", "--topic", stage.topic, "--max-messages", 1500, "--throughput", 300)
    wait_for(lambda: len(events(program, "producer_send_success")) > 100, "some records are acknowledged")
    stage.restart()
    program.ends()
    lost = len(events(program, "producer_send_error"))
    expect_equal(acknowledged(stage, program) + lost, 1500, "acknowledged and lost records")
    expect(acknowledged(stage, program) > 300, "nothing is acknowledged after the restart")


def verifiable_group(stage: Stage) -> None:
    stage.create_topic(PARTITIONS)
    members = [tool(stage, "verifiable-consumer", "--topic", stage.topic, "--group-id", stage.topic, "--session-timeout",
                    SESSION_MS, "--reset-policy", "earliest") for _ in range(2)]
    wait_for(lambda: witness.members_of(stage.broker.address, stage.topic) == [3, 3], "two members share the partitions")
    stage.witness.write(stage.topic, numbered(600, partitions=PARTITIONS))
    wait_for(lambda: sum(map(consumed, members)) >= 600, "all records are consumed")
    expect_equal([consumed(member) for member in members], [300, 300], "records by member")
    for member in members:
        member.process.terminate()
        member.process.wait(timeout=PATIENCE_S)
        expect(all(event["success"] for event in events(member, "offsets_committed")), "a commit failed")
    expect_equal(witness.committed(stage.broker.address, stage.topic, stage.topic, PARTITIONS), [100] * PARTITIONS,
                 "committed offsets")


def consumed(program: Running) -> int:
    return sum(event["count"] for event in events(program, "records_consumed"))


def perf_produce(stage: Stage, records: int, size: int, **settings) -> None:
    stage.create_topic()
    options = [word for name, value in settings.items()
               for word in ("--command-property", f"{name.replace('_', '.')}={value}")]
    program = tool(stage, "producer-perf-test", "--topic", stage.topic, "--num-records", records, "--record-size", size,
                   "--throughput", -1, *options)
    sent = [int(found[1]) for line in program.succeeds() if (found := SENT.match(line))]
    expect_equal(sent[-1], records, "records sent")
    expect_equal([len(record.value) for record in stage.witness.read(stage.topic)], [size] * records, "sizes")


def perf_consume(stage: Stage, records: int) -> None:
    stage.witness.write(stage.create_topic(), numbered(records))
    program = tool(stage, "consumer-perf-test", "--topic", stage.topic, "--num-records", records, "--hide-header",
                   "--timeout", 30_000)
    expect_equal(program.succeeds()[-1].split(", ")[4], str(records), "records consumed")


VERIFIABLE = (
    Row("produce, acks 0", verifiable_produce, {"acks": 0}),
    Row("produce, acks 1", verifiable_produce, {"acks": 1}),
    Row("produce, acks all", verifiable_produce, {"acks": -1}),
    Row("group of two", verifiable_group),
    Row("restart while producing", verifiable_produce_over_restart, restarts=True),
)
PERFORMANCE = (
    *(Row(f"produce {codec}", perf_produce, {"records": 10_000, "size": 1024, "compression_type": codec})
      for codec in ("none", "gzip", "snappy", "lz4", "zstd")),
    *(Row(f"produce, acks {acks}", perf_produce, {"records": 10_000, "size": 100, "acks": acks,
                                                  "enable_idempotence": "false"}) for acks in ("0", "1")),
    Row("produce records of 900 KB", perf_produce, {"records": 10, "size": 900_000}),
    Row("consume", perf_consume, {"records": 20_000}),
)
