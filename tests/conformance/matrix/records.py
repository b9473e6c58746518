"""Records, and the lines in which programs read and print them (README.md)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[bytes, bytes | None], ...] = ()
    partition: int = 0
    time_ms: int | None = None
    offset: int | None = None

    def content(self) -> tuple:
        """What a record is regardless of where and when it was written."""
        return self.key, self.value, self.headers


def encode_bytes(data: bytes | None) -> str:
    return "-" if data is None else "x" + data.hex()


def decode_bytes(text: str) -> bytes | None:
    if text == "-":
        return None
    if not text.startswith("x"):
        raise ValueError(f"{text[:60]!r} is neither - nor x and hex digits")
    return bytes.fromhex(text[1:])


def to_line(record: Record) -> str:
    """What `produce` reads."""
    headers = "".join(f" {encode_bytes(name)}:{encode_bytes(value)}" for name, value in record.headers)
    time_ms = "-" if record.time_ms is None else record.time_ms
    return f"{record.partition} {time_ms} {encode_bytes(record.key)} {encode_bytes(record.value)}{headers}\n"


def from_line(line: str) -> Record:
    """What `consume` and `member` print."""
    _, partition, offset, time_ms, key, value, *headers = line.split(" ")
    pairs = (header.split(":") for header in headers)
    return Record(decode_bytes(key), decode_bytes(value),
                  tuple((decode_bytes(name), decode_bytes(text)) for name, text in pairs), int(partition),
                  int(time_ms), int(offset))


def contents(records: list[Record]) -> list[tuple]:
    return [record.content() for record in records]


def numbered(count: int, first: int = 0, partitions: int = 1) -> list[Record]:
    """Text that compresses, each record known by its number."""
    return [Record(b"k%d" % i, b"value %d " % i * 12, partition=i % partitions) for i in range(first, first + count)]


def sized(count: int, size: int) -> list[Record]:
    """Text that compresses to about a half, as text does."""
    filler = bytes(33 + (i * i * 31 + i // 7) % 90 for i in range(size))
    return [Record(b"%d" % i, (b"%d " % i + filler)[:size]) for i in range(count)]


def unlike() -> list[Record]:
    """Every combination of null, empty and text that a key and a value have, but for both null."""
    parts = (None, b"", b"text")
    return [Record(key, value) for key in parts for value in parts if (key, value) != (None, None)]
