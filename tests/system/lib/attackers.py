"""Clients that mean no good, by the thousand, in a process of their own: python -m lib.attackers PORT COUNT TOPIC.

Every connection is of one kind, comes again when it is closed, and costs its process little: what is measured is the
broker. Prints a line a second: how many are connected, were closed, bytes sent and received."""

import errno
import random
import selectors
import socket
import struct
import sys
import time

from lib import wire

TICK_S = 0.05
CONNECTS_PER_TICK = 40
BURST = 4000  # requests sent at once
ENDLESS = 50_000_000
CHUNK = b"\0" * 16_384


def api_versions(number: int) -> bytes:
    return wire.frame(wire.header(wire.API_VERSIONS, 0, number))


def metadata(number: int) -> bytes:
    return wire.frame(wire.header(wire.METADATA, 1, number) + struct.pack(">i", -1))


def fetch(topic: str, number: int, max_wait_ms: int, min_bytes: int) -> bytes:
    """Fetch v4 of partition 0 from its start."""
    body = struct.pack(">iiiib", -1, max_wait_ms, min_bytes, 50 << 20, 0) + struct.pack(">i", 1) + wire.string(topic)
    return wire.frame(wire.header(1, 4, number) + body + struct.pack(">iiqi", 1, 0, 0, 50 << 20))


class Attacker:
    """One connection: what it sends at once, then in each of its turns, and whether it reads."""

    reads = True
    turn_s = 1.0

    def __init__(self, topic: str):
        self.topic = topic
        self.random = random.Random(id(self))
        self.pending = b""
        self.next_turn = 0.0

    def first(self) -> bytes:
        return b""

    def turn(self) -> bytes:
        return b""


class HalfFrame(Attacker):
    def first(self) -> bytes:
        return struct.pack(">i", 60_000) + b"x" * 500


class EndlessFrame(Attacker):
    turn_s = 0.2

    def first(self) -> bytes:
        return struct.pack(">i", ENDLESS)

    def turn(self) -> bytes:
        return CHUNK


class SlowBytes(Attacker):
    """A sound request, a byte at a time."""

    turn_s = 0.3

    def __init__(self, topic: str):
        super().__init__(topic)
        self.rest = metadata(1) * 1000

    def turn(self) -> bytes:
        byte, self.rest = self.rest[:1], self.rest[1:]
        return byte


class Garbage(Attacker):
    def first(self) -> bytes:
        return self.random.randbytes(self.random.randrange(4, 3000))

    turn = first


class LyingBody(Attacker):
    """A header as it should be, and an array that claims two thousand million entries."""

    def first(self) -> bytes:
        return wire.frame(wire.header(wire.METADATA, 1) + struct.pack(">i", 2_000_000_000) + b"0123456789")

    turn = first


class Pipeliner(Attacker):
    """Thousands of requests at once; reads the answers."""

    turn_s = 5.0

    def turn(self) -> bytes:
        return b"".join(api_versions(number) for number in range(BURST))


class NeverReads(Attacker):
    """Asks for records and metadata, again and again, and takes no answer."""

    reads = False

    def turn(self) -> bytes:
        return (fetch(self.topic, 1, 0, 0) + metadata(2)) * 10


class WaitsAndSendsAhead(Attacker):
    """A fetch that waits for more than there is, and requests behind it; then goes, and comes again."""

    turn_s = 4.0

    def first(self) -> bytes:
        return fetch(self.topic, 1, 2**31 - 1, 2**30) + metadata(2) * 2000


KINDS = (HalfFrame, EndlessFrame, SlowBytes, Garbage, LyingBody, Pipeliner, NeverReads, WaitsAndSendsAhead)


class Flood:
    def __init__(self, port: int, count: int, topic: str):
        self.port, self.topic = port, topic
        self.selector = selectors.DefaultSelector()
        self.absent = [KINDS[i % len(KINDS)] for i in range(count)]
        self.present: dict[socket.socket, Attacker] = {}
        self.closed = self.sent = self.received = 0
        self.random = random.Random(7)

    def run(self) -> None:
        report_at = time.monotonic() + 1
        while True:
            started = time.monotonic()
            for kind in self.absent[:CONNECTS_PER_TICK]:
                self.connect(kind)
            self.absent = self.absent[CONNECTS_PER_TICK:]
            for connection, attacker in list(self.present.items()):
                if started >= attacker.next_turn:
                    self.take_turn(connection, attacker, started)
            self.receive()
            if started >= report_at:
                print(len(self.present), self.closed, self.sent, self.received, flush=True)
                report_at += 1
            time.sleep(max(0.0, TICK_S - (time.monotonic() - started)))

    def connect(self, kind: type) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        if connection.connect_ex(("127.0.0.1", self.port)) not in (0, errno.EINPROGRESS):
            connection.close()
            self.absent.append(kind)
            return
        attacker = kind(self.topic)
        attacker.pending = attacker.first()
        attacker.next_turn = time.monotonic() + self.random.uniform(0.1, attacker.turn_s)
        self.present[connection] = attacker
        if attacker.reads:
            self.selector.register(connection, selectors.EVENT_READ)

    def take_turn(self, connection: socket.socket, attacker: Attacker, now: float) -> None:
        attacker.next_turn = now + attacker.turn_s
        if len(attacker.pending) < 200_000:
            attacker.pending += attacker.turn()
        try:
            size = connection.send(attacker.pending) if attacker.pending else 0
        except BlockingIOError:
            return
        except OSError:
            return self.lose(connection)
        self.sent += size
        attacker.pending = attacker.pending[size:]

    def receive(self) -> None:
        for key, _ in self.selector.select(0):
            try:
                data = key.fileobj.recv(1 << 18)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            self.received += len(data)
            if not data:
                self.lose(key.fileobj)

    def lose(self, connection: socket.socket) -> None:
        attacker = self.present.pop(connection)
        if attacker.reads:
            self.selector.unregister(connection)
        connection.close()
        self.closed += 1
        self.absent.append(type(attacker))


if __name__ == "__main__":
    Flood(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]).run()
