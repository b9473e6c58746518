"""The two brokers side by side: each step goes to both, over connections of the same number, and both answers come back.

An answer is a decoded message, or one of the strings below; closing the connection is an answer, too."""

import select
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

import codec
from compare import GREGOR, PEER
from lib import wire
from lib.broker import Broker
from schema import Api

CLOSED, SILENT, NOT_ASKED, GARBLED = "closes the connection", "does not answer", "sends no answer", "cannot be decoded"
ANSWER_LIMIT_S = 15
ON_CONTROLLER = 1000  # connections from this number on are to the controller's listener
QUIET_S = 0.06  # a request that may wait and got no answer of either broker in this time does wait
FLAVOURS = ("peer", "gregor")


@dataclass
class Step:
    """One request, the same for both brokers but for what `Ref`s stand for."""

    api: str
    version: int
    body: dict
    connection: int = 0
    client_id: str | None = "differential"
    may_wait: bool = False  # for other requests: asked again for its answer after each later step
    has_answer: bool = True
    mangle: list = field(default_factory=list)  # [what, place, bytes]: see `mangled`
    until: str = ""  # a Fetch of a whole log, repeated until this of awaited.py holds


@dataclass
class Pending:
    step: Step
    number: int
    answers: list = field(default_factory=lambda: [None, None])

    def is_complete(self) -> bool:
        return None not in self.answers

    def is_half(self) -> bool:
        return not self.is_complete() and self.answers != [None, None]


class Side:
    """One broker and its connections."""

    def __init__(self, broker: Broker):
        self.broker = broker
        self.sockets: dict[int, socket.socket] = {}
        self.buffers: dict[int, bytearray] = {}

    def socket(self, number: int) -> socket.socket:
        if number not in self.sockets:
            port = self.broker.controller_port if number >= ON_CONTROLLER else self.broker.port
            self.sockets[number] = wire.connect(port, ANSWER_LIMIT_S)
            self.buffers[number] = bytearray()
        return self.sockets[number]

    def send(self, number: int, payload: bytes) -> None:
        connection = self.socket(number)
        try:
            connection.sendall(wire.frame(payload))
        except OSError:
            pass  # closed by the broker: reading will tell

    def receive(self, number: int) -> bytes | str | None:
        """Reads once. A whole frame, CLOSED, or None when there is more to come."""
        try:
            data = self.sockets[number].recv(1 << 20)
        except OSError:
            data = b""
        if not data:
            self.close(number)
            return CLOSED
        buffer = self.buffers[number]
        buffer += data
        size = struct.unpack(">i", buffer[:4])[0] if len(buffer) >= 4 else LARGEST
        if len(buffer) < 4 + size:
            return None
        frame = bytes(buffer[4:4 + size])
        del buffer[:4 + size]
        return frame

    def close(self, number: int) -> None:
        if number in self.sockets:
            self.sockets.pop(number).close()

    def close_all(self) -> None:
        for number in list(self.sockets):
            self.close(number)


LARGEST = 1 << 30


class Brokers:
    """Both running, on the same settings; used as a context."""

    def __init__(self, flavours: tuple[str, str], settings: dict[str, str]):
        self.brokers = [Broker(flavour, f"differential-{flavour}", **settings) for flavour in flavours]

    def __enter__(self) -> "Brokers":
        starts = [threading.Thread(target=broker.start) for broker in self.brokers]
        for start in starts:
            start.start()
        for start in starts:
            start.join()
        for broker in self.brokers:
            if not broker.is_alive() or wire.broker_count(broker.port) == 0:
                error = RuntimeError(f"the {broker.flavour} does not run:\n{broker.log()}")
                self.__exit__(type(error), error, None)
                raise error
        return self

    def __exit__(self, kind, error, trace) -> None:
        for broker in self.brokers:
            broker.__exit__(kind, error, trace)


class Pair:
    """The conversation of one run with both brokers."""

    def __init__(self, brokers: Brokers, apis: dict[str, Api]):
        self.sides = [Side(broker) for broker in brokers.brokers]
        self.apis = apis
        self.waiting: list[Pending] = []
        self.correlation = 0

    def is_open(self, connection: int) -> bool:
        """Do both brokers listen there?"""
        try:
            return all(side.socket(connection) for side in self.sides)
        except ConnectionRefusedError:
            return False

    def advertised(self, connection: int = 0) -> dict[str, range]:
        """By API: the versions that both brokers advertise at this connection's end and the schema has."""
        offers = []
        step = Step("ApiVersions", 0, {}, connection)
        for answer in self.exchange(step, [self.payload(step, {})] * 2):
            offers.append({row["api_key"]: range(row["min_version"], row["max_version"] + 1) for row in answer["api_keys"]})
        found = {}
        for name, api in self.apis.items():
            if all(api.key in offer for offer in offers):
                ranges = [offer[api.key] for offer in offers] + [api.request.versions]
                found[name] = range(max(r.start for r in ranges), min(r.stop for r in ranges))
        return found

    def ports(self) -> list[int]:
        return [side.broker.port for side in self.sides]

    def own_texts(self) -> list[dict[str, str]]:
        """Of each side: what its settings say otherwise, and a word for it."""
        return [{str(side.broker.port): "PORT", str(side.broker.controller_port): "CONTROLLER_PORT",
                 str(side.broker.data): "DATA"} for side in self.sides]

    def ask(self, connection: socket.socket, api: str, version: int, body: dict) -> dict:
        """A question beside the conversation, to one broker."""
        pending = Pending(Step(api, version, body), self.correlation)
        return self.decoded(pending, wire.ask(connection, self.payload(pending.step, body)))

    def payload(self, step: Step, body: dict) -> bytes:
        request = self.apis[step.api].request
        head = struct.pack(">hhi", request.key, step.version, self.correlation) + wire.string(step.client_id)
        if step.version >= request.flexible:
            head += b"\0"
        return mangled(head, codec.encode(request, step.version, body), step.mangle)

    def is_busy(self, connection: int) -> bool:
        return any(pending.step.connection == connection for pending in self.waiting)

    def exchange(self, step: Step, payloads: list[bytes]) -> list:
        """Sends to both; the answers of both, [None, None] of what waits."""
        pending = Pending(step, self.correlation)
        self.correlation += 1
        for side, payload in zip(self.sides, payloads):
            side.send(step.connection, payload)
        if not step.has_answer:
            pending.answers = [NOT_ASKED, NOT_ASKED]
            return pending.answers
        self.waiting.append(pending)
        self.listen(until=pending, limit_s=QUIET_S if step.may_wait else ANSWER_LIMIT_S)
        if pending.answers == [None, None] and step.may_wait:
            return pending.answers
        self.waiting.remove(pending)
        pending.answers = [SILENT if answer is None else answer for answer in pending.answers]
        if SILENT in pending.answers:
            self.disconnect(step.connection)
        return pending.answers

    def listen(self, until: Pending | None, limit_s: float) -> None:
        """Takes in what arrives until `until` is complete and nothing is answered by one side only."""
        started = time.monotonic()
        while True:
            half = any(pending.is_half() for pending in self.waiting)
            if until and until.is_complete() and not half:
                return
            limit = ANSWER_LIMIT_S if half else limit_s
            left = started + limit - time.monotonic()
            if left <= 0 or not self.take_in(left):
                return

    def take_in(self, limit_s: float) -> bool:
        """Reads once from every connection that has something to say; False if none had within the limit."""
        ends = {self.sides[side].sockets[pending.step.connection]: (pending, side) for pending in self.waiting
                for side in (PEER, GREGOR) if pending.answers[side] is None}
        ready, _, _ = select.select(list(ends), [], [], limit_s)
        for end in ready:
            pending, side = ends[end]
            frame = self.sides[side].receive(pending.step.connection)
            pending.answers[side] = self.decoded(pending, frame) if isinstance(frame, bytes) else frame
        return bool(ready)

    def settle(self) -> list[Pending]:
        """The waiting requests that have been answered meanwhile."""
        if not self.waiting:
            return []
        self.listen(until=None, limit_s=QUIET_S)
        done = [pending for pending in self.waiting if pending.answers != [None, None]]
        self.waiting = [pending for pending in self.waiting if pending not in done]
        for pending in done:
            pending.answers = [SILENT if answer is None else answer for answer in pending.answers]
        return done

    def decoded(self, pending: Pending, frame: bytes) -> dict | str:
        response, version = self.apis[pending.step.api].response, pending.step.version
        if pending.step.api == "ApiVersions" and (version not in response or frame[4:6] == b"\0\x23"):
            version = 0  # KIP-511: the answer to a version that the broker does not know
        head = 5 if version >= response.flexible and pending.step.api != "ApiVersions" else 4
        if frame[:4] != struct.pack(">i", pending.number) or frame[4:head] != b"\0" * (head - 4):
            return f"{GARBLED}: header {frame[:8].hex()}, correlation id {pending.number}"
        try:
            value = codec.decode(response, version, frame[head:])
        except (codec.Malformed, struct.error, UnicodeDecodeError) as error:
            return f"{GARBLED}: {error}: {frame.hex()}"
        if codec.encode(response, version, value) != frame[head:]:
            return f"{GARBLED}: not as Kafka would write it: {frame.hex()}"
        return value

    def disconnect(self, number: int) -> None:
        self.waiting = [pending for pending in self.waiting if pending.step.connection != number]
        for side in self.sides:
            side.close(number)

    def close(self) -> None:
        for side in self.sides:
            side.close_all()


def mangled(head: bytes, body: bytes, ops: list) -> bytes:
    """cut: the last `place` bytes; add: bytes behind; set: bytes over those at `place`, counted from the end."""
    data = bytearray(body)
    for what, place, raw in ops:
        raw = bytes.fromhex(raw)
        if what == "cut":
            del data[max(0, len(data) - place):]
        elif what == "add":
            data += raw
        elif data:
            at = place % len(data)
            data[at:at + len(raw)] = raw[:len(data) - at]
    return head + bytes(data)
