#!/usr/bin/env python3
"""The tests' own reader of schemas and codec against Kafka's bytes: every golden message decodes to what Kafka prints as
JSON and encodes to the same bytes."""

import base64
import gzip
import json
import sys
from pathlib import Path

import codec
import schema

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "messages.jsonl.gz"


def messages() -> dict[str, schema.Message]:
    found = {}
    for path in schema.FOLDER.glob("*/*.msg"):
        for entry in schema.read_file(path):
            parts = (entry.request, entry.response) if isinstance(entry, schema.Api) else (entry,)
            found |= {part.name: part for part in parts}
    return found


def camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in tail)


def as_json(fields: list, version: int, value: dict) -> dict:
    """A decoded struct in the notation of Kafka's converter."""
    found = {}
    for entry in fields:
        if version not in entry.versions or (entry.tag is not None and value[entry.name] == entry.missing()):
            continue
        found[camel(entry.name)] = json_value(entry, version, value[entry.name])
    return found


def json_value(entry, version: int, value):
    if isinstance(value, list):
        return [json_value(entry, version, element) for element in value]
    if isinstance(value, dict):
        return as_json(entry.fields, version, value)
    if isinstance(value, bytes):
        return (base64.urlsafe_b64encode(value).decode().rstrip("=") if entry.base == "uuid"
                else base64.b64encode(value).decode())
    return value


def check(line: dict, known: dict) -> str:
    """What is wrong with a line; nothing: empty."""
    name = line["message"].removesuffix("Data") if line["message"] not in known else line["message"]
    message, data = known[name], bytes.fromhex(line["bytes"])
    try:
        value = codec.decode(message, line["version"], data)
    except (codec.Malformed, ValueError) as error:
        return f"does not decode: {error!r}"
    if (line["version"] >= message.flexible) != line["flexible"]:
        return "flexible or not?"
    if codec.encode(message, line["version"], value) != data:
        return "encodes to other bytes"
    unknown = value.get(codec.UNKNOWN, {})
    if len(unknown) != len(line.get("unknown_tags", [])):
        return f"unknown tags: {unknown}"
    seen = as_json(message.fields, line["version"], value)
    return "" if seen == line["json"] else f"reads {seen}, Kafka prints {line['json']}"


def main() -> int:
    known = messages()
    passed = failed = 0
    for text in gzip.open(GOLDEN, "rt"):
        line = json.loads(text)
        trouble = check(line, known)
        passed, failed = passed + (not trouble), failed + bool(trouble)
        if trouble:
            print(f"FAIL {line['message']} v{line['version']} {line['variant']}: {trouble[:500]}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
