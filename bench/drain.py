"""A reader of old records by a client of a few dozen lines: it looks at nothing but the headers of batches, so that what
is measured beside it is not the client's own hunger for its CPU. As a program: drain.py PORT TOPIC PARTITIONS."""

import struct
import sys
import time

from groups import Connection, frame, string

FETCH = 1
PARTITION_BYTES, ANSWER_BYTES = 1 << 20, 50 << 20  # a stock consumer's defaults
BATCH_HEAD = struct.Struct(">qi")  # base offset, length of what follows
DELTA_AT = 23  # of the last offset, from the start of a batch


def fetch_frame(topic: str, offsets: dict[int, int]) -> bytes:
    """Fetch v4, uncommitted, half a second at most."""
    rows = b"".join(struct.pack(">iqi", number, offset, PARTITION_BYTES) for number, offset in offsets.items())
    return frame(FETCH, 4, struct.pack(">iiiibi", -1, 500, 1, ANSWER_BYTES, 0, 1) + string(topic)
                 + struct.pack(">i", len(offsets)) + rows)


def offset_behind(records: memoryview, offset: int) -> int:
    """Behind the last whole batch."""
    at = 0
    while at + DELTA_AT + 4 <= len(records):
        base, length = BATCH_HEAD.unpack_from(records, at)
        if at + BATCH_HEAD.size + length > len(records):
            break
        offset = base + struct.unpack_from(">i", records, at + DELTA_AT)[0] + 1
        at += BATCH_HEAD.size + length
    return offset


def take_answer(answer: memoryview, topic: str, offsets: dict[int, int]) -> int:
    """Moves the offsets on and forgets the partitions that are read to their end; how many bytes of records came."""
    at = 4 + 4 + 4 + 2 + len(topic)  # correlation id, throttle time, count of topics, the topic's name
    count = struct.unpack_from(">i", answer, at)[0]
    at += 4
    came = 0
    for _ in range(count):
        number, error, high_watermark, _, aborted = struct.unpack_from(">ihqqi", answer, at)
        if error:
            raise SystemExit(f"bench: Fetch of {topic}-{number} was refused with error {error}")
        at += 26 + max(aborted, 0) * 16
        size = struct.unpack_from(">i", answer, at)[0]
        at += 4
        offsets[number] = offset_behind(answer[at:at + size], offsets[number])
        if offsets[number] >= high_watermark:
            del offsets[number]
        at += max(size, 0)
        came += max(size, 0)
    return came


def drain(port: int, topic: str, partitions: int) -> tuple[int, float]:
    """Everything from the start: bytes, seconds."""
    connection = Connection(port)
    offsets = dict.fromkeys(range(partitions), 0)
    started, came = time.perf_counter(), 0
    while offsets:
        came += take_answer(memoryview(connection.ask(fetch_frame(topic, offsets))), topic, offsets)
    connection.close()
    return came, time.perf_counter() - started


if __name__ == "__main__":
    print("%d %f" % drain(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
