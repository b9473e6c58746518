"""The members of one large group, without threads: each is a state machine that is given an answer and says what to send next, or
that it has nothing to say for now; one loop moves the bytes of all. What the client costs does not count."""

import selectors
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from groups import frame, string

HEARTBEAT, JOIN_GROUP, LEAVE_GROUP, SYNC_GROUP, CONSUMER_GROUP_HEARTBEAT = 12, 11, 13, 14, 68
NONE, REBALANCE_IN_PROGRESS = 0, 27
TIMEOUT_MS = 120_000
PAUSE_S = 0.5  # between two heartbeats: shorter than a consumer's, so that what is measured is the broker and not the wait
LIMIT_S = 180
NO_LIST, EMPTY_LIST = b"\0", b"\1"  # of the flexible versions


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

    def uvarint(self) -> int:
        value = shift = 0
        while (byte := self.take("B")) >= 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift

    def string(self) -> str:
        return self.raw(self.take("h")).decode()

    def compact(self) -> bytes:
        return self.raw(max(self.uvarint() - 1, 0))


def sized(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


def compact(text: str) -> bytes:
    """Of fewer than 127 characters."""
    return bytes([len(text) + 1]) + text.encode()


class ClassicMember:
    """JoinGroup v2, SyncGroup v1, Heartbeat v1, LeaveGroup v0; the leader gives everybody one byte."""

    PROTOCOLS = struct.pack(">i", 1) + string("range") + sized(b"\0\0\0\0\0\0\xff\xff\xff\xff")

    def __init__(self, group: str):
        self.group, self.member, self.generation = group, "", -1
        self.is_settled = False
        self.hear = self.joined

    def begin(self) -> bytes:
        self.is_settled, self.hear = False, self.joined
        return frame(JOIN_GROUP, 2, string(self.group) + struct.pack(">ii", TIMEOUT_MS, TIMEOUT_MS) + string(self.member)
                     + string("consumer") + self.PROTOCOLS)

    def heard(self, answer: bytes) -> bytes | None:
        reader = Reader(answer)
        _, _, error = reader.take("iih")
        if error == REBALANCE_IN_PROGRESS:
            return self.begin()
        if error != NONE:
            raise SystemExit(f"bench: a member of a classic group is answered error {error}")
        return self.hear(reader)

    def joined(self, reader: Reader) -> bytes:
        self.generation, _, _, self.member = reader.take("i"), reader.string(), reader.string(), reader.string()
        members = []
        for _ in range(reader.take("i")):  # only the leader is told of any
            members.append(string(reader.string()) + sized(b"x"))
            reader.raw(reader.take("i"))
        self.hear = self.synced
        return frame(SYNC_GROUP, 1, self.identity() + struct.pack(">i", len(members)) + b"".join(members))

    def synced(self, _: Reader) -> None:
        self.is_settled, self.hear = True, lambda _: None

    def again(self) -> bytes:
        return frame(HEARTBEAT, 1, self.identity())

    def identity(self) -> bytes:
        return string(self.group) + struct.pack(">i", self.generation) + string(self.member)

    def leave(self) -> bytes:
        return frame(LEAVE_GROUP, 0, string(self.group) + string(self.member))


class ConsumerMember:
    """ConsumerGroupHeartbeat v1: acknowledges at once what it is given."""

    def __init__(self, group: str, number: int, topic: str):
        self.group, self.name, self.topic = group, f"member-{number:05}", topic
        self.epoch = self.count = 0

    def begin(self) -> bytes:
        return self.heartbeat(TIMEOUT_MS, b"\2" + compact(self.topic), EMPTY_LIST)

    def heartbeat(self, timeout_ms: int = -1, topics: bytes = NO_LIST, owned: bytes = NO_LIST) -> bytes:
        return frame(CONSUMER_GROUP_HEARTBEAT, 1, b"\0" + compact(self.group) + compact(self.name) + struct.pack(">i", self.epoch)
                     + b"\0\0" + struct.pack(">i", timeout_ms) + topics + b"\0\0" + owned + b"\0")

    def heard(self, answer: bytes) -> bytes | None:
        reader = Reader(answer)
        _, _, _, error = reader.take("ibih")
        words, _ = reader.compact(), reader.compact()
        if error != NONE:
            raise SystemExit(f"bench: a member of a consumer group is answered error {error}: {words.decode()}")
        self.epoch, _, has_assignment = reader.take("iib")
        if has_assignment < 0:
            return None
        start, self.count = reader.at, 0
        for _ in range(reader.uvarint() - 1):
            reader.raw(16)  # the topic's id
            partitions = reader.uvarint() - 1
            self.count += partitions
            reader.raw(4 * partitions + 1)
        return self.heartbeat(owned=answer[start:reader.at])

    def again(self) -> bytes:
        return self.heartbeat()

    def leave(self) -> bytes:
        self.epoch = -1
        return self.heartbeat()


@dataclass
class Seat:
    """A member's connection. It has one to itself: a JoinGroup that waits holds up what comes behind it."""
    member: ClassicMember | ConsumerMember
    socket: socket.socket
    buffer: bytearray = field(default_factory=bytearray)
    awaited: int = 0

    def ask(self, request: bytes) -> None:
        self.awaited += 1
        self.socket.sendall(request)

    def answers(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise SystemExit("bench: the broker closed a member's connection")
        self.buffer += data
        while len(self.buffer) >= 4 and len(self.buffer) >= 4 + (size := struct.unpack_from(">i", self.buffer)[0]):
            answer = bytes(self.buffer[4:4 + size])
            del self.buffer[:4 + size]
            self.awaited -= 1
            yield answer


class Crowd:
    def __init__(self, port: int, members: list):
        self.selector, self.pauses = selectors.DefaultSelector(), []
        self.seats = [Seat(member, socket.create_connection(("localhost", port))) for member in members]
        for seat in self.seats:
            self.selector.register(seat.socket, selectors.EVENT_READ, seat)

    def run(self, is_done) -> float:
        """All begin at once; seconds until it is."""
        started = time.perf_counter()
        for seat in self.seats:
            seat.ask(seat.member.begin())
        while not is_done():
            now = time.perf_counter()
            if now > started + LIMIT_S:
                raise SystemExit(f"bench: the group has not settled after {LIMIT_S} s")
            for key, _ in self.selector.select(0.01):
                self.take_in(key.data, now)
            while self.pauses and self.pauses[0][0] <= now:
                _, seat = self.pauses.pop(0)
                seat.ask(seat.member.again())
        return time.perf_counter() - started

    def take_in(self, seat: Seat, now: float) -> None:
        for answer in seat.answers():
            if (request := seat.member.heard(answer)) is not None:
                seat.ask(request)
            else:
                self.pauses.append((now + PAUSE_S, seat))

    def leave(self) -> None:
        """So that nobody expires during what is measured later."""
        for seat in self.seats:
            seat.ask(seat.member.leave())
        for seat in self.seats:
            while seat.awaited:
                list(seat.answers())
            seat.socket.close()


def classic_crowd(port: int, group: str, count: int) -> tuple[Crowd, Callable[[], bool]]:
    """And whether its members have settled in one generation."""
    members = [ClassicMember(group) for _ in range(count)]
    return Crowd(port, members), lambda: (all(member.is_settled for member in members)
                                          and len({member.generation for member in members}) == 1)


def consumer_crowd(port: int, group: str, count: int, topic: str) -> tuple[Crowd, Callable[[], bool]]:
    """And whether each has one partition of the topic, which has as many, in the same epoch."""
    members = [ConsumerMember(group, number, topic) for number in range(count)]
    return Crowd(port, members), lambda: (all(member.count == 1 for member in members)
                                          and len({member.epoch for member in members}) == 1)
