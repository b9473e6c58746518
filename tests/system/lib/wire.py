"""The few bytes of Kafka's protocol that a test writes itself: request headers, frames, the first answers."""

import socket
import struct

API_VERSIONS, METADATA, PRODUCE, FETCH = 18, 3, 0, 1


def string(text: str | None) -> bytes:
    if text is None:
        return struct.pack(">h", -1)
    return struct.pack(">h", len(text.encode())) + text.encode()


def header(api_key: int, version: int, correlation_id: int = 7, client_id: str | None = "system-test") -> bytes:
    """Request header v1: what every version before the flexible ones wears."""
    return struct.pack(">hhi", api_key, version, correlation_id) + string(client_id)


def frame(payload: bytes) -> bytes:
    return struct.pack(">i", len(payload)) + payload


def connect(port: int, timeout_s: float = 5) -> socket.socket:
    return socket.create_connection(("localhost", port), timeout=timeout_s)


def read_exactly(connection: socket.socket, size: int) -> bytes | None:
    """None when the other end closes first."""
    parts = bytearray()
    while len(parts) < size:
        try:
            part = connection.recv(size - len(parts))
        except ConnectionError:
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)


def read_frame(connection: socket.socket) -> bytes | None:
    """The next answer without its length; None when the broker closes the connection instead."""
    size = read_exactly(connection, 4)
    return None if size is None else read_exactly(connection, struct.unpack(">i", size)[0])


def ask(connection: socket.socket, payload: bytes) -> bytes | None:
    connection.sendall(frame(payload))
    return read_frame(connection)


class Fields:
    """Reads an answer field by field."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, code: str) -> int:
        return struct.unpack(">" + code, self.take(struct.calcsize(">" + code)))[0]

    def text(self) -> str | None:
        size = self.number("h")
        return None if size < 0 else self.take(size).decode(errors="replace")


def broker_count(port: int) -> int:
    """How many brokers a Metadata answer names; 0 while nobody answers."""
    try:
        with connect(port) as connection:
            answer = ask(connection, header(METADATA, 1) + struct.pack(">i", 0))
    except OSError:
        return 0
    return 0 if answer is None else struct.unpack(">i", answer[4:8])[0]


def fetch(connection: socket.socket, topic: str, partition: int, offset: int) -> tuple[int, bytes]:
    """The error code and the records that Fetch v4 answers, at most a MiB and without waiting."""
    size_max = 1 << 20
    wanted = struct.pack(">i", 1) + string(topic) + struct.pack(">iiqi", 1, partition, offset, size_max)
    answer = ask(connection, header(FETCH, 4) + struct.pack(">iiiib", -1, 0, 0, size_max, 0) + wanted)
    if answer is None:
        raise ConnectionError("the broker closes the connection instead of answering Fetch")
    fields = Fields(answer)
    fields.take(4 + 4 + 4)  # correlation id, throttle time, one topic
    fields.text()
    fields.take(4 + 4)  # one partition, its index
    error = fields.number("h")
    fields.take(8 + 8)  # high watermark, last stable offset
    for _ in range(max(fields.number("i"), 0)):
        fields.take(8 + 8)  # an aborted transaction
    return error, fields.take(max(fields.number("i"), 0))
