"""Members of one large group without threads: each is a state machine that is given an answer and says what to send next; one loop
moves the bytes of all. What the client costs does not count."""

import selectors
import socket
import struct
import time

from groups import frame, string

JOIN_GROUP, SYNC_GROUP, CONSUMER_GROUP_HEARTBEAT = 11, 14, 68
REBALANCE_MS, PAUSE_S = 120_000, 0.25
REBALANCE_IN_PROGRESS, ILLEGAL_GENERATION, NONE = 27, 22, 0


class Reader:
    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, form: str):
        value = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return value[0] if len(value) == 1 else value

    def raw(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size:self.at]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take("B")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def string(self) -> str | None:
        size = self.take("h")
        return None if size < 0 else self.raw(size).decode()

    def compact(self) -> bytes | None:
        size = self.varint()
        return None if size == 0 else self.raw(size - 1)


def sized(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


def compact(data: bytes) -> bytes:
    """Of fewer than 16,000 bytes."""
    return uvarint(len(data) + 1) + data


def uvarint(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80, value >> 7])


class ClassicMember:
    """JoinGroup v2, SyncGroup v1; the leader gives everybody one byte."""

    def __init__(self, group: str, number: int):
        self.group, self.member, self.has_joined, self.is_settled = group, "", False, False

    def first(self) -> bytes:
        self.has_joined = self.is_settled = False
        protocols = struct.pack(">i", 1) + string("range") + sized(b"\0\0\0\0\0\0\xff\xff\xff\xff")
        return frame(JOIN_GROUP, 2, string(self.group) + struct.pack(">ii", REBALANCE_MS, REBALANCE_MS) + string(self.member)
                     + string("consumer") + protocols)

    def heard(self, answer: bytes) -> bytes | None:
        reader = Reader(answer)
        _, _, error = reader.take("iih")
        if error in (REBALANCE_IN_PROGRESS, ILLEGAL_GENERATION):
            return self.first()
        if error != NONE:
            raise SystemExit(f"bench: a member of a classic group is answered error {error}")
        if self.has_joined:
            self.is_settled = True
            return None
        self.has_joined = True
        generation, _, leader, self.member = reader.take("i"), reader.string(), reader.string(), reader.string()
        given = [string(reader.string()) + sized(b"x") + self.skip(reader) for _ in range(reader.take("i"))]
        return frame(SYNC_GROUP, 1, string(self.group) + struct.pack(">i", generation) + string(self.member)
                     + struct.pack(">i", len(given)) + b"".join(given))

    @staticmethod
    def skip(reader: Reader) -> bytes:
        reader.raw(reader.take("i"))
        return b""

    def again(self) -> None:
        """It has nothing to say until it hears something."""


class ConsumerMember:
    """ConsumerGroupHeartbeat v1: acknowledges what it is given at once, and asks again after a pause."""

    def __init__(self, group: str, number: int, topic: str):
        self.group, self.name, self.topic = group, f"member-{number:05}", topic
        self.epoch, self.owned, self.count = 0, b"\1", 0

    def first(self) -> bytes:
        return self.heartbeat(struct.pack(">i", REBALANCE_MS), b"\2" + compact(self.topic.encode()))

    def heartbeat(self, timeout: bytes = b"\xff\xff\xff\xff", topics: bytes = b"\0") -> bytes:
        body = (compact(self.group.encode()) + compact(self.name.encode()) + struct.pack(">i", self.epoch) + b"\0\0" + timeout + topics
                + b"\0\0" + self.owned + b"\0")
        return frame(CONSUMER_GROUP_HEARTBEAT, 1, b"\0" + body)

    def heard(self, answer: bytes) -> bytes | None:
        reader = Reader(answer)
        _, _, _, error = reader.take("ibih")
        words, _ = reader.compact(), reader.compact()
        if error != NONE:
            raise SystemExit(f"bench: a member of a consumer group is answered error {error}: {words}")
        self.epoch, _ = reader.take("ii")
        if reader.take("b") < 0:
            return None
        start, topics = reader.at, reader.varint() - 1
        self.count = 0
        for _ in range(topics):
            reader.raw(16)
            partitions = reader.varint() - 1
            self.count += partitions
            reader.raw(4 * partitions + 1)
        self.owned = reader.data[start:reader.at]
        return self.heartbeat()

    def again(self) -> bytes:
        return self.heartbeat()


class Crowd:
    """The connections of all members, one each: a JoinGroup that waits holds up what comes behind it."""

    def __init__(self, port: int, members: list):
        self.selector = selectors.DefaultSelector()
        self.sockets = []
        for member in members:
            end = socket.create_connection(("localhost", port))
            self.sockets.append(end)
            self.selector.register(end, selectors.EVENT_READ, [member, bytearray()])

    def run(self, is_done, limit_s: float) -> float:
        """Seconds until it is."""
        started, pauses = time.perf_counter(), []
        for key in self.selector.get_map().values():
            key.fileobj.sendall(key.data[0].first())
        while not is_done():
            now = time.perf_counter()
            if now > started + limit_s:
                raise SystemExit(f"bench: the group has not settled after {limit_s} s")
            for key, _ in self.selector.select(0.01):
                self.take_in(key, pauses, now)
            while pauses and pauses[0][0] <= now:
                _, end, member = pauses.pop(0)
                end.sendall(member.again())
        return time.perf_counter() - started

    @staticmethod
    def take_in(key, pauses: list, now: float) -> None:
        member, buffer = key.data
        data = key.fileobj.recv(1 << 20)
        if not data:
            raise SystemExit("bench: the broker closed a member's connection")
        buffer += data
        while len(buffer) >= 4 and len(buffer) >= 4 + (size := struct.unpack(">i", buffer[:4])[0]):
            answer = bytes(buffer[4:4 + size])
            del buffer[:4 + size]
            if (request := member.heard(answer)) is not None:
                key.fileobj.sendall(request)
            elif isinstance(member, ConsumerMember):
                pauses.append((now + PAUSE_S, key.fileobj, member))

    def close(self) -> None:
        for end in self.sockets:
            end.close()


def form_classic(port: int, count: int, limit_s: float) -> float:
    members = [ClassicMember("large-classic", number) for number in range(count)]
    return play(port, members, lambda: all(member.is_settled for member in members), limit_s)


def converge(port: int, count: int, topic: str, partitions: int, limit_s: float) -> float:
    """Until all have the same epoch, and together every partition."""
    members = [ConsumerMember("large-consumer", number, topic) for number in range(count)]

    def is_settled() -> bool:
        return (sum(member.count for member in members) == partitions and max(member.count for member in members) * count <= partitions
                and len({member.epoch for member in members}) == 1)
    return play(port, members, is_settled, limit_s)


def play(port: int, members: list, is_done, limit_s: float) -> float:
    crowd = Crowd(port, members)
    try:
        return crowd.run(is_done, limit_s)
    finally:
        crowd.close()
