"""Rows in which the broker goes away in the middle and comes back."""

import time

from lib.report import expect, expect_equal

from matrix import groups, stored, witness
from matrix.program import wait_for
from matrix.records import contents, numbered
from matrix.stage import Stage

PORTION = 100


def producing(stage: Stage, kill: bool, **arguments) -> None:
    """What was acknowledged is there, in order; an idempotent producer doubles nothing."""
    stage.create_topic()
    program = stage.start("produce", topic=stage.topic, **arguments)
    sent = numbered(6 * PORTION)
    for portion in range(6):
        program.feed(sent[portion * PORTION:(portion + 1) * PORTION])
        if portion == 2:
            wait_for(lambda: stored.count(stage.broker, stage.topic) >= PORTION, "some records are stored")
            stage.restart(kill)
        time.sleep(0.1)
    program.succeeds()
    expect_equal(sorted(program.acked()), list(range(len(sent))), "acknowledged lines")
    found = stage.witness.read(stage.topic)
    for index, offset in program.acked().items():
        if offset is not None:
            expect_equal(found[offset].value, sent[index].value, f"value at offset {offset}")
    values = [record.value for record in found]
    wanted = [record.value for record in sent]
    if arguments.get("idempotence") != "yes":
        values = list(dict.fromkeys(values))  # what was sent again may stand twice
        values.sort(key=wanted.index)
    expect_equal(values, wanted, "values")


def consuming(stage: Stage, kill: bool) -> None:
    stage.witness.write(stage.create_topic(), numbered(PORTION))
    program = stage.start("consume", topic=stage.topic, partition=0, **{"from": "start"}, count=2 * PORTION)
    wait_for(lambda: program.count() == PORTION or program.process.poll() is not None, "the first half is read")
    stage.restart(kill)
    stage.witness.write(stage.topic, numbered(PORTION, first=PORTION))
    program.succeeds()
    expect_equal(contents(program.records()), contents(numbered(2 * PORTION)), "records")


def group(stage: Stage, kill: bool, **arguments) -> None:
    """Both members go on; what was committed is not read again."""
    members = groups.Group(stage, **arguments)
    first, second = members.join_two()
    members.write()
    members.read_all()
    stage.restart(kill)
    members.write()
    members.read_all()
    members.shares(3, 3)
    for member in (first, second):
        member.succeeds()
    members.all_committed()


def resume(stage: Stage, kill: bool) -> None:
    """Committed offsets outlive the broker."""
    stage.witness.write(stage.create_topic(), numbered(100))
    groups.half(stage, 0)
    stage.restart(kill)
    expect_equal(witness.committed(stage.broker.address, stage.topic, stage.topic), [50], "committed offset")
    groups.half(stage, 50)
