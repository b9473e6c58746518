"""Messages to bytes and back, straight from the schema: a struct is a dict, a list a list, a uuid 16 bytes, records bytes.

Unknown tagged fields are kept under "unknown_tags". Encoding fills what is missing with the schema's defaults and drops
what the version does not have."""

import struct

from schema import FIXED, Field, Message

UNKNOWN = "unknown_tags"


class Malformed(Exception):
    """Bytes that are no such message."""


def varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


class Reader:
    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        if not 0 <= size <= len(self.data) - self.at:
            raise Malformed(f"{size} bytes wanted at {self.at} of {len(self.data)}")
        self.at += size
        return self.data[self.at - size:self.at]

    def fixed(self, kind: str):
        code = ">" + FIXED[kind]
        return struct.unpack(code, self.take(struct.calcsize(code)))[0]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def length(self, compact: bool, kind: str) -> int:
        """-1 for null."""
        return self.varint() - 1 if compact else self.fixed(kind)


def decode(message: Message, version: int, data: bytes) -> dict:
    """All of the bytes, or Malformed."""
    reader = Reader(data)
    value = decode_prefix(message, version, reader)
    if reader.at != len(data):
        raise Malformed(f"{len(data) - reader.at} bytes too many")
    return value


def decode_prefix(message: Message, version: int, reader: Reader) -> dict:
    return read_struct(reader, message.fields, version, version >= message.flexible)


def read_struct(reader: Reader, fields: list[Field], version: int, flexible: bool) -> dict:
    value = {}
    for entry in fields:
        if version in entry.versions:
            value[entry.name] = entry.missing() if entry.tag is not None else read_field(reader, entry, version, flexible)
    if flexible:
        tagged = {entry.tag: entry for entry in fields if entry.tag is not None and version in entry.versions}
        for _ in range(reader.varint()):
            tag, payload = reader.varint(), Reader(reader.take(reader.varint()))
            if tag not in tagged:
                value.setdefault(UNKNOWN, {})[tag] = payload.data
                continue
            value[tagged[tag].name] = read_field(payload, tagged[tag], version, True)
            if payload.at != len(payload.data):
                raise Malformed(f"the tagged field {tagged[tag].name} is longer than its value")
    return value


def read_field(reader: Reader, entry: Field, version: int, flexible: bool):
    if not entry.is_list:
        return read_value(reader, entry, version, flexible)
    count = reader.length(flexible, "int32")
    if count < 0:
        return null(entry, version)
    return [read_element(reader, entry, version, flexible) for _ in range(count)]


def null(entry: Field, version: int) -> None:
    if version not in entry.nullable:
        raise Malformed(f"{entry.name} is null")


def read_element(reader: Reader, entry: Field, version: int, flexible: bool):
    if entry.is_struct:
        return read_struct(reader, entry.fields, version, flexible)
    return reader.fixed(entry.base) if entry.base in FIXED else read_sized(reader, entry, version, flexible)


def read_value(reader: Reader, entry: Field, version: int, flexible: bool):
    if entry.is_struct and version in entry.nullable:
        present = reader.varint() if entry.tag is not None else reader.fixed("int8")
        if present != 1:
            return None
    return read_element(reader, entry, version, flexible)


def read_sized(reader: Reader, entry: Field, version: int, flexible: bool):
    size = reader.length(flexible and not entry.classic, "int16" if entry.base == "string" else "int32")
    if size < 0:
        return null(entry, version)
    data = reader.take(size)
    return data.decode(errors="surrogateescape") if entry.base == "string" else data


def encode(message: Message, version: int, value: dict) -> bytes:
    return write_struct(message.fields, version, version >= message.flexible, value)


def write_struct(fields: list[Field], version: int, flexible: bool, value: dict) -> bytes:
    present = [entry for entry in fields if version in entry.versions]
    parts = [write_field(entry, version, flexible, value.get(entry.name, entry.missing()))
             for entry in present if entry.tag is None]
    if flexible:
        tags = {entry.tag: write_field(entry, version, True, value[entry.name]) for entry in present
                if entry.tag is not None and value.get(entry.name, entry.missing()) != entry.missing()}
        tags |= value.get(UNKNOWN, {})
        parts.append(varint(len(tags)))
        parts += [varint(tag) + varint(len(data)) + data for tag, data in sorted(tags.items())]
    return b"".join(parts)


def write_length(size: int, compact: bool, kind: str) -> bytes:
    return varint(size + 1) if compact else struct.pack(">" + FIXED[kind], size)


def write_field(entry: Field, version: int, flexible: bool, value) -> bytes:
    """A null that the version does not allow is written all the same: brokers have to stand it."""
    if not entry.is_list:
        return write_value(entry, version, flexible, value)
    if value is None:
        return write_length(-1, flexible, "int32")
    return write_length(len(value), flexible, "int32") + b"".join(
        write_element(entry, version, flexible, element) for element in value)


def write_value(entry: Field, version: int, flexible: bool, value) -> bytes:
    if not entry.is_struct or version not in entry.nullable:
        return write_element(entry, version, flexible, value)
    if value is None:
        return b"\0" if entry.tag is not None else b"\xff"
    return b"\1" + write_element(entry, version, flexible, value)


def write_element(entry: Field, version: int, flexible: bool, value) -> bytes:
    if entry.is_struct:
        return write_struct(entry.fields, version, flexible, value)
    if entry.base in FIXED:
        return struct.pack(">" + FIXED[entry.base], value)
    compact, kind = flexible and not entry.classic, "int16" if entry.base == "string" else "int32"
    if value is None:
        return write_length(-1, compact, kind)
    data = value.encode(errors="surrogateescape") if isinstance(value, str) else value
    return write_length(len(data), compact, kind) + data
