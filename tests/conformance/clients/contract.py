"""What every client program in Python shares: the lines and arguments of ../README.md."""

import sys
import threading
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from matrix.records import decode_bytes, encode_bytes  # noqa: E402

HEARTBEAT_MS = 500
RETRY_MS = 120_000


@dataclass
class Wanted:
    """A record to send."""
    partition: int
    time_ms: int | None
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def wanted_record(line: str) -> Wanted:
    partition, time_ms, key, value, *headers = line.split()
    pairs = (header.split(":") for header in headers)
    return Wanted(int(partition), None if time_ms == "-" else int(time_ms), decode_bytes(key), decode_bytes(value),
                  [(decode_bytes(name).decode(), decode_bytes(text)) for name, text in pairs])


def wanted_records():
    """The lines of the standard input, as they come."""
    return map(wanted_record, sys.stdin)


def say(*words) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def say_record(partition: int, offset: int, time_ms: int, key: bytes | None, value: bytes | None, headers) -> None:
    pairs = [f"{encode_bytes(name if isinstance(name, bytes) else name.encode())}:{encode_bytes(text)}"
             for name, text in headers or ()]
    say("record", partition, offset, time_ms, encode_bytes(key), encode_bytes(value), *pairs)


def acked(index: int, offset: int | None) -> None:
    say("acked", index, "-" if offset is None or offset < 0 else offset)


def end_of_input(then=lambda: None) -> threading.Event:
    """Set once the standard input has ended, before `then` is called."""
    ended = threading.Event()

    def watch() -> None:
        sys.stdin.read()
        ended.set()
        then()

    threading.Thread(target=watch, daemon=True).start()
    return ended


def about(version: str, refused: dict[str, str]) -> None:
    say("version", version)
    for row, reason in refused.items():
        say("not", f"{row}: {reason}")


def run(verbs: dict, number_of) -> None:
    """Runs the verb of the command line; number_of gives Kafka's number of an error that a library raised, or None."""
    verb, *rest = sys.argv[1:]
    if verb == "about":
        verbs[verb]()
        return
    address, *words = rest
    try:
        verbs[verb](address, dict(word.split("=", 1) for word in words))
    except Exception as error:
        if (number := number_of(error)) is not None:
            say("error", number)
        sys.exit(f"{type(error).__name__}: {error}")


def topic_configs(arguments: dict) -> dict:
    return {name.removeprefix("config."): value for name, value in arguments.items() if name.startswith("config.")}
