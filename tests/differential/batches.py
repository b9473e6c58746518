"""Record batches of format 2: built from a description that can lie about every field, and read back as fields."""

import gzip
import struct
from dataclasses import dataclass

import cramjam
import lz4.frame
import zstandard
from crc32c import crc32c

HEADER = struct.Struct(">qiibIhiqqqhii")  # up to the record count
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
LOG_APPEND_TIME, TRANSACTIONAL, CONTROL, HAS_HORIZON = 8, 16, 32, 64
BASE_TIME = 1_700_000_000_000


def snappy(data: bytes) -> bytes:
    """Snappy as Java writes it: a header, then blocks behind their length."""
    block = bytes(cramjam.snappy.compress_raw(data))
    return b"\x82SNAPPY\0" + struct.pack(">iii", 1, 1, len(block)) + block


def unsnappy(data: bytes) -> bytes:
    if not data.startswith(b"\x82SNAPPY\0"):
        return bytes(cramjam.snappy.decompress_raw(data))
    at, parts = 16, []
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        parts.append(bytes(cramjam.snappy.decompress_raw(data[at + 4:at + 4 + size])))
        at += 4 + size
    return b"".join(parts)


COMPRESS = {0: bytes, 1: lambda data: gzip.compress(data, mtime=0), 2: snappy,
            3: lambda data: lz4.frame.compress(data, block_size=lz4.frame.BLOCKSIZE_MAX64KB, block_linked=False),
            4: lambda data: zstandard.ZstdCompressor().compress(data)}
EXPAND = {0: bytes, 1: gzip.decompress, 2: unsnappy, 3: lz4.frame.decompress,
          4: lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)}


def signed_varint(value: int) -> bytes:
    value = (value << 1) ^ (value >> 63)
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def sized(data: str | None) -> bytes:
    if data is None:
        return signed_varint(-1)
    return signed_varint(len(data.encode())) + data.encode()


def record(spec: dict, place: int) -> bytes:
    """delta, time (relative to the batch), key, value, headers; `size` lies about the length."""
    headers = spec.get("headers", [])
    body = (b"\0" + signed_varint(spec.get("time", 0)) + signed_varint(spec.get("delta", place))
            + sized(spec.get("key")) + sized(spec.get("value"))
            + signed_varint(spec.get("header_count", len(headers)))
            + b"".join(sized(key) + sized(value) for key, value in headers))
    return signed_varint(spec.get("size", len(body))) + body


def build(spec: dict) -> bytes:
    """A batch of `records`; every header field may be said, and is worked out from the records otherwise."""
    records = spec["records"]
    payload = b"".join(record(entry, place) for place, entry in enumerate(records)) + bytes.fromhex(spec.get("tail", ""))
    codec = spec.get("codec", 0)
    payload = COMPRESS.get(codec, bytes)(payload)
    payload = payload[:spec.get("keep", len(payload))]
    if "garbage" in spec:
        payload = bytes.fromhex(spec["garbage"])
    base_time = spec.get("base_time", BASE_TIME)
    latest = base_time + max((entry.get("time", 0) for entry in records), default=0)
    max_time = spec.get("max_time", min(max(latest, -2**63), 2**63 - 1))
    summed = struct.pack(">hiqqqhii", spec.get("attributes", 0) | codec, spec.get("last_delta", len(records) - 1), base_time,
                         max_time, spec.get("producer_id", -1), spec.get("producer_epoch", -1), spec.get("sequence", -1),
                         spec.get("count", len(records))) + payload
    checksum = crc32c(summed) ^ spec.get("crc_xor", 0)
    return struct.pack(">qiibI", spec.get("base_offset", 0), spec.get("length", 9 + len(summed)),
                       spec.get("leader_epoch", -1), spec.get("magic", 2), checksum) + summed


def build_all(specs: list[dict]) -> bytes:
    return b"".join(bytes.fromhex(spec["hex"]) if "hex" in spec else build(spec) for spec in specs)


def expanded(codec: int, payload: bytes) -> str:
    """Two brokers may compress alike records differently."""
    try:
        return EXPAND[codec](payload).hex()
    except Exception:  # whatever a codec's library throws at garbage
        return payload.hex()


def view(data: bytes | list[dict] | None) -> list[dict] | None:
    """What a fetch answers, batch by batch. Of a cut one, what comes behind whole ones is nothing to a client; what comes
    alone is told by its size."""
    if data is None or isinstance(data, list):
        return data
    found, at = [], 0
    while len(data) - at >= 12:
        end = at + 12 + int.from_bytes(data[at + 8:at + 12], "big", signed=True)
        if end > len(data) or end - at < HEADER.size:
            break
        found.append(batch_view(data[at:end]))
        at = end
    if at < len(data) and not found:
        found.append({"cut": len(data) - at, "bytes": data[at:at + 12].hex()})
    return found


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at


@dataclass(frozen=True)
class Record:
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def records_of(data: bytes) -> list[Record]:
    """Of a whole, sound batch; headers are passed over."""
    header = HEADER.unpack_from(data)
    payload, found, at = EXPAND[header[5] & 7](data[HEADER.size:]), [], 0
    for _ in range(header[12]):
        size, at = varint(payload, at)
        end = at + size
        time, at = varint(payload, at + 1)
        delta, at = varint(payload, at)
        key, at = text(payload, at)
        value, at = text(payload, at)
        found.append(Record(header[0] + delta, header[7] + time, key, value))
        at = end
    return found


def text(payload: bytes, at: int) -> tuple[bytes | None, int]:
    size, at = varint(payload, at)
    return (None, at) if size < 0 else (payload[at:at + size], at + size)


def split(data: bytes) -> list[bytes]:
    """The whole batches of a set."""
    found, at = [], 0
    while len(data) - at >= HEADER.size:
        end = at + 12 + int.from_bytes(data[at + 8:at + 12], "big", signed=True)
        if end - at < HEADER.size or end > len(data):
            break
        found.append(data[at:end])
        at = end
    return found


def next_offset(data: bytes) -> int:
    header = HEADER.unpack_from(data)
    return header[0] + header[6] + 1


def has_horizon(data: bytes) -> bool:
    return bool(HEADER.unpack_from(data)[5] & HAS_HORIZON)


def batch_view(data: bytes) -> dict:
    (offset, _, epoch, magic, crc, attributes, last_delta, base_time, max_time, producer_id, producer_epoch, sequence,
     count) = HEADER.unpack_from(data)
    return {"base_offset": offset, "partition_leader_epoch": epoch, "magic": magic, "crc_is_right": crc == crc32c(data[21:]),
            "attributes": attributes, "last_offset_delta": last_delta, "base_timestamp": base_time,
            "max_timestamp": max_time, "producer_id": producer_id, "producer_epoch": producer_epoch,
            "base_sequence": sequence, "count": count, "records": expanded(attributes & 7, data[HEADER.size:])}
