"""What the broker stored: the headers of a partition's batches, read from its segment files."""

import struct
from dataclasses import dataclass

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
# base offset, length, leader epoch, magic, crc, attributes, last offset delta, base and max time, producer id,
# producer epoch, base sequence, records
HEADER = struct.Struct(">qiibIhiqqqhii")
BEFORE_LENGTH = 12


@dataclass(frozen=True)
class Batch:
    base_offset: int
    codec: str
    producer_id: int
    records: int


def batches(broker, topic: str, partition: int = 0) -> list[Batch]:
    found = []
    for segment in sorted((broker.data / f"{topic}-{partition}").glob("*.log")):
        data = segment.read_bytes()
        at = 0
        while at + HEADER.size <= len(data):
            fields = HEADER.unpack_from(data, at)
            if fields[1] == 0:
                break  # room that a segment has in advance
            found.append(Batch(fields[0], CODECS[fields[5] & 7], fields[9], fields[12]))
            at += BEFORE_LENGTH + fields[1]
    return found


def count(broker, topic: str) -> int:
    return sum(batch.records for batch in batches(broker, topic))
