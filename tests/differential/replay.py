"""A sequence of steps as a file, and the search for fewer steps that show the same finding."""

import dataclasses
import json
import re
import tempfile
import time
from typing import Callable

from compare import Ref
from pair import Step

SHRINK_LIMIT_S = 30


def without_indexes(path: str) -> str:
    return re.sub(r"\[\d+\]", "", path)


def packed(value):
    if isinstance(value, Ref):
        return {"$ref": [value.kind, value.name]}
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    if isinstance(value, dict):
        return {key: packed(inner) for key, inner in value.items()}
    return [packed(inner) for inner in value] if isinstance(value, list) else value


def unpacked(value):
    if isinstance(value, dict):
        if "$ref" in value:
            return Ref(*value["$ref"])
        return bytes.fromhex(value["$hex"]) if "$hex" in value else {key: unpacked(inner) for key, inner in value.items()}
    return [unpacked(inner) for inner in value] if isinstance(value, list) else value


def save(steps: list[tuple[str, Step]]) -> str:
    with tempfile.NamedTemporaryFile("w", prefix="differential-", suffix=".json", delete=False) as file:
        lines = [json.dumps([number, packed(dataclasses.asdict(dataclasses.replace(step, body={})) | {"body": step.body})])
                 for number, step in steps]
        file.write("[" + ",\n".join(lines) + "]\n")
    return file.name


def load(path: str) -> list[tuple[str, Step]]:
    with open(path) as file:
        return [(number, Step(**unpacked(step))) for number, step in json.load(file)]


def shows(steps: list[tuple[str, Step]], finding: str, open_session: Callable, signature: Callable) -> bool:
    session = open_session()
    try:
        return any(outcome.differences and signature(outcome) == finding
                   for number, step in steps if not session.pair.is_busy(step.connection)
                   for outcome in session.perform(step, number))
    except TimeoutError:
        return False  # a step waits for what a step that was left out had brought about
    finally:
        session.close()


def shrink(steps: list[Step], finding: str, open_session: Callable, signature: Callable) -> list[tuple[str, Step]]:
    """Leaves out halves, quarters ... single steps as long as the finding shows, within a time limit."""
    left = [(str(number), step) for number, step in enumerate(steps)]
    deadline, size = time.monotonic() + SHRINK_LIMIT_S, len(left) // 2
    while size and time.monotonic() < deadline:
        at = 0
        while at < len(left) - 1 and time.monotonic() < deadline:
            fewer = left[:at] + left[at + size:] if at + size < len(left) else left[:at] + left[-1:]
            if len(fewer) < len(left) and shows(fewer, finding, open_session, signature):
                left = fewer
            else:
                at += size
        size //= 2
    return left
