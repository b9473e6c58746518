"""The rows of the matrix: what every client is asked to do. README.md says what a client is."""

from dataclasses import dataclass, field

from matrix import admin, consume, groups, produce, restarts

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@dataclass(frozen=True)
class Row:
    name: str
    play: object
    arguments: dict = field(default_factory=dict)
    long: bool = False  # not in what CI runs
    restarts: bool = False  # the broker goes away, so that nothing else may run beside it


ROWS = (
    *(Row(f"produce {name}", produce.codec, {"name": name}) for name in CODECS),
    *(Row(f"acks {level}", produce.acks, {"level": level}) for level in ("0", "1", "all")),
    Row("idempotence", produce.idempotence),
    Row("produce null and empty", produce.nulls),
    Row("produce null key and value", produce.nothing),
    Row("produce any bytes", produce.any_bytes),
    Row("produce headers", produce.headers),
    Row("produce odd headers", produce.odd_headers),
    Row("produce times", produce.times),
    Row("produce to partitions", produce.partitions),
    Row("produce 2 MiB", produce.bulk, {"mebibytes": 2}),
    Row("produce 10 MiB", produce.bulk, {"mebibytes": 10}, long=True),
    Row("produce a record of 900 KB", produce.large, {"size": 900_000}),
    *(Row(f"consume {name}", consume.codec, {"name": name}) for name in CODECS),
    Row("consume null and empty", consume.nulls),
    Row("consume headers", consume.headers),
    Row("consume odd headers", consume.odd_headers),
    Row("consume from end", consume.from_end),
    Row("consume from offset", consume.from_offset),
    Row("consume from time", consume.from_time),
    Row("consume 10 MiB", consume.bulk, {"mebibytes": 10}),
    Row("consume a record of 900 KB", consume.large, {"size": 900_000}),
    Row("first and last offset", consume.offsets),
    Row("commit and resume", groups.resume),
    Row("group of two, range", groups.of_two, {"assignor": "range"}),
    Row("group of two, cooperative", groups.of_two, {"assignor": "cooperative"}),
    Row("group of three, range", groups.of_three, {"assignor": "range"}),
    Row("group of three, cooperative", groups.of_three, {"assignor": "cooperative"}, long=True),
    Row("group with static members", groups.static_member),
    Row("describe a topic", admin.describe),
    Row("topics", admin.topics),
    Row("topic errors", admin.topic_errors),
    Row("invalid topic", admin.invalid_topic),
    Row("more partitions", admin.grow),
    Row("topic configs", admin.configs),
    Row("groups", admin.groups),
    Row("restart: produce", restarts.producing, {"kill": False}, restarts=True),
    Row("restart: produce idempotently", restarts.producing, {"kill": False, "idempotence": "yes"}, restarts=True),
    Row("restart: consume", restarts.consuming, {"kill": False}, restarts=True),
    Row("restart: group", restarts.group, {"kill": False}, restarts=True),
    Row("restart: commit and resume", restarts.resume, {"kill": False}, restarts=True),
    Row("kill: produce idempotently", restarts.producing, {"kill": True, "idempotence": "yes"}, long=True,
        restarts=True),
    Row("kill: group", restarts.group, {"kill": True}, long=True, restarts=True),
    Row("kill: commit and resume", restarts.resume, {"kill": True}, long=True, restarts=True),
)
