"""What members of classic consumer groups say to each other: subscriptions and assignments, bytes that the broker does not read
until such a group becomes one of KIP-848."""

import struct

from codec import Malformed, Reader
from lib import wire


def listed(entries: list[bytes]) -> bytes:
    return struct.pack(">i", len(entries)) + b"".join(entries)


def owned(partitions: list) -> bytes:
    """Of pairs: a topic, its partitions."""
    return listed([wire.string(topic) + listed([struct.pack(">i", number) for number in numbers]) for topic, numbers in partitions])


def user_data(data: bytes | None) -> bytes:
    return struct.pack(">i", -1 if data is None else len(data)) + (data or b"")


def subscription(spec: dict) -> bytes:
    """ConsumerProtocolSubscription v0..v3: v1 owned partitions, v2 generation, v3 rack."""
    version = spec.get("version", 1)
    found = struct.pack(">h", version) + listed([wire.string(topic) for topic in spec["topics"]]) + user_data(spec.get("data"))
    if version >= 1:
        found += owned(spec.get("owned", []))
    if version >= 2:
        found += struct.pack(">i", -1)
    return found + (wire.string(None) if version >= 3 else b"")


def assignment(spec: dict) -> bytes:
    """ConsumerProtocolAssignment."""
    return struct.pack(">h", spec.get("version", 1)) + owned(spec["partitions"]) + user_data(spec.get("data"))


def in_order(data: bytes) -> bytes:
    """An assignment with its topics in the order of the alphabet; what is none stays as it is."""
    reader, found = Reader(data), []
    try:
        reader.take(2)
        for _ in range(reader.fixed("int32")):
            start = reader.at
            reader.take(reader.fixed("int16"))
            reader.take(4 * reader.fixed("int32"))
            found.append(data[start:reader.at])
    except (Malformed, struct.error):
        return data
    return data[:6] + b"".join(sorted(found)) + data[reader.at:]
