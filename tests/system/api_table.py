#!/usr/bin/env python3
"""The APIs that are advertised on both listeners, against the peer's (tests/golden/api_versions.json). What the peer has and
Gregor does not is named in tests/golden/api_versions.missing, with what will bring it; nothing else may be absent."""

import json
import re
import struct
import sys
from pathlib import Path

from lib import options, wire
from lib.broker import Broker
from lib.report import Report, expect, expect_equal, say

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
LISTENERS = ("broker", "controller")


def expected(listener: str) -> dict[int, tuple]:
    """By key: name, first and last version."""
    apis = json.loads((GOLDEN / "api_versions.json").read_text())[listener]["apis"]
    return {api["api_key"]: (api["name"], api["min"], api["max"]) for api in apis}


def missing(listener: str) -> dict[str, str]:
    """By name: what will bring it."""
    rows = [re.split(r"\s{2,}", line.strip(), maxsplit=2) for line in (GOLDEN / "api_versions.missing").read_text().splitlines()
            if line.strip() and not line.startswith("#")]
    return {name: reason for name, where, reason in rows if where == listener}


def advertised(port: int) -> dict[int, tuple]:
    """By key: first and last version; nothing of a listener that is closed."""
    try:
        connection = wire.connect(port)
    except ConnectionRefusedError:
        return {}
    with connection:
        answer = wire.Fields(wire.ask(connection, wire.header(wire.API_VERSIONS, 0)))
    answer.number("i")
    expect_equal(answer.number("h"), 0, "the error of ApiVersions")
    return {row[0]: row[1:] for row in (struct.unpack(">hhh", answer.take(6)) for _ in range(answer.number("i")))}


def same_but_for_the_list(port: int, listener: str, is_complete: bool) -> None:
    wanted, seen = expected(listener), advertised(port)
    allowed = {} if is_complete else missing(listener)
    for key, (name, *versions) in wanted.items():
        if key in seen:
            expect_equal(seen[key], tuple(versions), f"versions of {name}")
            expect(name not in allowed, f"{name} is here: its row goes from api_versions.missing")
        else:
            expect(name in allowed, f"{name} is not advertised, and api_versions.missing has no reason")
            say(f"{listener}: no {name}: {allowed[name]}")
    expect_equal(sorted(set(seen) - set(wanted)), [], "keys that the peer does not have")
    expect_equal(sorted(set(allowed) - {name for name, *_ in wanted.values()}), [], "names in api_versions.missing that are none")


def main() -> int:
    arguments = options.parser(__doc__).parse_args()
    report = Report("api_table")
    with Broker(arguments.broker, "api-table") as broker:
        for listener, port in zip(LISTENERS, (broker.port, broker.controller_port)):
            report.run(f"the {listener}'s listener", same_but_for_the_list, port, listener, broker.flavour == "peer")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
