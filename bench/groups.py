"""Loads on a group coordinator by a client of a few dozen lines: what the client costs does not count, only what the
broker does. Requests are laid out once and sent many times."""

import socket
import struct
import time
from threading import Thread

LIMIT_S = 120
FIND_COORDINATOR, OFFSET_COMMIT, OFFSET_FETCH, CREATE_TOPICS, INCREMENTAL_ALTER_CONFIGS = 10, 8, 9, 19, 44


def string(text: str | None) -> bytes:
    return struct.pack(">h", -1) if text is None else struct.pack(">h", len(text)) + text.encode()


def frame(key: int, version: int, body: bytes) -> bytes:
    payload = struct.pack(">hhi", key, version, 1) + string("bench") + body
    return struct.pack(">i", len(payload)) + payload


def commit_frame(group: str, topic: str, partitions: int, offset: int) -> bytes:
    """OffsetCommit v7 of a consumer that is in no generation."""
    rows = b"".join(struct.pack(">iqi", number, offset, -1) + string("") for number in range(partitions))
    return frame(OFFSET_COMMIT, 7, string(group) + struct.pack(">i", -1) + string("") + string(None)
                 + struct.pack(">i", 1) + string(topic) + struct.pack(">i", partitions) + rows)


class Connection:
    def __init__(self, port: int):
        self.socket = socket.create_connection(("localhost", port), timeout=LIMIT_S)
        self.file = self.socket.makefile("rb")

    def answer(self) -> bytes:
        return self.file.read(struct.unpack(">i", self.file.read(4))[0])

    def ask(self, request: bytes) -> bytes:
        self.socket.sendall(request)
        return self.answer()

    def ask_all(self, requests: bytes, count: int) -> bytes:
        """Sends without waiting while the answers come; the last of them."""
        sender = Thread(target=self.socket.sendall, args=(requests,))
        sender.start()
        for _ in range(count):
            last = self.answer()
        sender.join()
        return last

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def committed(answer: bytes) -> bool:
    """OffsetCommit v3+: throttle time, topics; the last partition's error stands at the end."""
    return len(answer) > 12 and answer[-2:] == b"\0\0"


def make_topic(connection: Connection, name: str, partitions: int, configs: dict[str, str] | None = None) -> None:
    """CreateTopics v2, as the broker's defaults are where nothing else is said; it may be there already."""
    rows = b"".join(string(key) + string(value) for key, value in (configs or {}).items())
    connection.ask(frame(CREATE_TOPICS, 2, struct.pack(">i", 1) + string(name) + struct.pack(">ihi", partitions, 1, 0)
                         + struct.pack(">i", len(configs or {})) + rows + struct.pack(">i?", 30_000, False)))


def set_config(connection: Connection, topic: str, key: str, value: str) -> None:
    """IncrementalAlterConfigs v0."""
    answer = connection.ask(frame(INCREMENTAL_ALTER_CONFIGS, 0, struct.pack(">ib", 1, 2) + string(topic) + struct.pack(">i", 1)
                                  + string(key) + b"\0" + string(value) + b"\0"))
    if struct.unpack_from(">h", answer, 12)[0]:
        raise SystemExit(f"bench: {key} of {topic} could not be set")


def wait_for_coordinator(connection: Connection, group: str, topic: str) -> None:
    """Until a commit is taken: a first use creates __consumer_offsets."""
    deadline = time.monotonic() + LIMIT_S
    while not committed(connection.ask(commit_frame(group, topic, 1, 0))):
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: no commit of group {group} is taken")
        connection.ask(frame(FIND_COORDINATOR, 1, string(group) + b"\0"))
        time.sleep(0.05)


def commit_many(port: int, groups: list[str], topic: str, partitions: int, rounds: int) -> int:
    """Each group commits so often, over a connection of its own; the number of commits."""
    threads = [Thread(target=_commit_rounds, args=(port, group, topic, partitions, rounds)) for group in groups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(groups) * rounds


def _commit_rounds(port: int, group: str, topic: str, partitions: int, rounds: int) -> None:
    connection = Connection(port)
    request = commit_frame(group, topic, partitions, 7)
    if not committed(connection.ask_all(request * rounds, rounds)):
        raise SystemExit(f"bench: a commit of group {group} was refused")
    connection.close()


def commit_once_each(port: int, groups: list[str], topic: str) -> None:
    connection = Connection(port)
    requests = b"".join(commit_frame(group, topic, 1, 7) for group in groups)
    if not committed(connection.ask_all(requests, len(groups))):
        raise SystemExit("bench: a commit of the many groups was refused")
    connection.close()


def wait_until_loaded(port: int, group: str, topic: str) -> float:
    """Until the group's offset is told (OffsetFetch v5, one partition); when that was."""
    connection = Connection(port)
    request = frame(OFFSET_FETCH, 5, string(group) + struct.pack(">i", 1) + string(topic) + struct.pack(">ii", 1, 0))
    deadline = time.perf_counter() + LIMIT_S
    while connection.ask(request)[-2:] != b"\0\0":
        if time.perf_counter() > deadline:
            raise SystemExit(f"bench: the offsets of group {group} are not loaded")
        time.sleep(0.005)
    connection.close()
    return time.perf_counter()
