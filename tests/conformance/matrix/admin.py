"""Rows of the admin client: topics, their settings, groups."""

from lib.report import expect, expect_equal

from matrix import witness
from matrix.program import wait_for
from matrix.records import numbered
from matrix.stage import Stage

TOPIC_ALREADY_EXISTS, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC = 36, 3, 17
RETENTION_MS = "1234567"


def described(count: int) -> list[str]:
    return [f"partition {i} leader 1 replicas 1 isr 1" for i in range(count)]


def describe(stage: Stage) -> None:
    stage.create_topic(3)
    expect_equal(stage.run("describe", topic=stage.topic), described(3), "description")


def topics(stage: Stage) -> None:
    stage.run("create", topic=stage.topic, partitions=3)
    wait_for(lambda: stage.topic in witness.topics(stage.broker.address), "the new topic appears")
    expect_equal(len(witness.topics(stage.broker.address)[stage.topic].partitions), 3, "partitions")
    expect_equal(stage.run("describe", topic=stage.topic), described(3), "description")
    stage.run("delete", topic=stage.topic)
    wait_for(lambda: stage.topic not in witness.topics(stage.broker.address), "the deleted topic disappears")


def topic_errors(stage: Stage) -> None:
    stage.create_topic()
    refuses(stage, TOPIC_ALREADY_EXISTS, "create", topic=stage.topic, partitions=1)
    refuses(stage, UNKNOWN_TOPIC_OR_PARTITION, "delete", topic=f"{stage.topic}-nowhere")


def invalid_topic(stage: Stage) -> None:
    refuses(stage, INVALID_TOPIC, "create", topic="no spaces", partitions=1)


def refuses(stage: Stage, code: int, verb: str, **arguments) -> None:
    program = stage.start(verb, **arguments)
    expect(program.ends() != 0, f"{program} succeeds")
    expect_equal([line for line in program.lines if line.startswith("error ")], [f"error {code}"], f"error of {verb}")


def grow(stage: Stage) -> None:
    stage.create_topic(2)
    stage.run("grow", topic=stage.topic, partitions=5)
    wait_for(lambda: len(witness.topics(stage.broker.address)[stage.topic].partitions) == 5, "there are five partitions")


def configs(stage: Stage) -> None:
    stage.run("create", topic=stage.topic, partitions=1, **{"config.retention.ms": RETENTION_MS})
    wait_for(lambda: stage.topic in witness.topics(stage.broker.address), "the new topic appears")
    for name, value in (("retention.ms", RETENTION_MS), ("cleanup.policy", "delete"), ("segment.bytes", "1073741824")):
        expect_equal(stage.run("config", topic=stage.topic, name=name), [f"config {value}"], name)


def groups(stage: Stage) -> None:
    stage.witness.write(stage.create_topic(), numbered(10))
    witness.commit(stage.broker.address, stage.topic, stage.topic, 5)
    expect(f"group {stage.topic}" in stage.run("groups"), "the group is not listed")
    stage.run("delete_group", group=stage.topic)
    expect(f"group {stage.topic}" not in stage.run("groups"), "the deleted group is listed")
    expect_equal(witness.committed(stage.broker.address, stage.topic, stage.topic), [None], "committed offsets")
