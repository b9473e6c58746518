#!/usr/bin/env python3
"""The client matrix: every client plays every row against a broker of its own. README.md tells what a client is.
A row is a line; the last line counts them."""

import argparse
import fnmatch
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

from catalog import CLIENTS  # noqa: E402
from lib import options  # noqa: E402
from lib.broker import Broker  # noqa: E402
from lib.report import Failure, say  # noqa: E402
from matrix import table  # noqa: E402
from matrix.client import Client  # noqa: E402
from matrix.outcome import FAILED, NOT_OFFERED, PASSED, RED_ON_PEER, Outcome, red_on_peer  # noqa: E402
from matrix.row import Row  # noqa: E402
from matrix.stage import Stage  # noqa: E402
from rows import ROWS  # noqa: E402

# Kafka's defaults would have a member that the broker assigns to answer within 5 s, and a dead one missed after 45.
SETTINGS = {"group.consumer.heartbeat.interval.ms": 500, "group.consumer.min.heartbeat.interval.ms": 500,
            "group.consumer.session.timeout.ms": 10_000, "group.consumer.min.session.timeout.ms": 10_000}
BESIDE = {"gregor": 3, "peer": 1}  # clients at a time
ROWS_BESIDE = 2  # rows of one client at a time


class Matrix:
    """One run: what is played, and what came out. Rows of several clients are played at once."""

    def __init__(self, chosen: argparse.Namespace):
        self.flavour = chosen.broker
        self.chosen = chosen
        self.red_on_peer = red_on_peer(HERE / "red_on_peer.txt") if chosen.broker == "gregor" else {}
        self.outcomes: list[Outcome] = []
        self.lock = threading.Lock()

    def play(self, clients: list[Client]) -> None:
        """Those that take longest, in JVMs, come first."""
        with ThreadPoolExecutor(BESIDE[self.flavour]) as pool:
            list(pool.map(self.play_client, sorted(clients, key=lambda client: client.family != "java")))

    def rows_of(self, client: Client) -> list[Row]:
        is_long = self.chosen.long or self.chosen.row != "*"
        return [row for row in client.rows(ROWS, is_long) if fnmatch.fnmatch(row.name, self.chosen.row)]

    def play_client(self, client: Client) -> None:
        """The rows of one client; a broker or a program that does not even start is a failure as well."""
        try:
            client.prepare([row.name for row in ROWS])
            with Broker(self.flavour, "conformance", **SETTINGS) as broker:
                self.play_rows(client, broker)
        except Exception as error:
            self.add(Outcome(client, Row("start", self.play_client), FAILED, f"{type(error).__name__}: {error}"), 0)

    def play_rows(self, client: Client, broker: Broker) -> None:
        rows = self.rows_of(client)
        with ThreadPoolExecutor(ROWS_BESIDE) as pool:
            list(pool.map(lambda row: self.play_row(client, broker, row), [row for row in rows if not row.restarts]))
        for row in rows:
            if row.restarts:
                broker.wait_until_ready()
                self.play_row(client, broker, row)
        if any(outcome.client is client and outcome.verdict == FAILED for outcome in self.outcomes):
            say(f"the end of the broker's log of {client.title}:\n{broker.log(15)}")

    def play_row(self, client: Client, broker: Broker, row: Row) -> None:
        started = time.monotonic()
        if reason := client.refusal(row.name):
            outcome = Outcome(client, row, NOT_OFFERED, reason)
        elif reason := self.red_on_peer.get((client.name, row.name)):
            outcome = Outcome(client, row, RED_ON_PEER, reason)
        else:
            outcome = played(client, broker, row)
        self.add(outcome, time.monotonic() - started)

    def add(self, outcome: Outcome, seconds: float) -> None:
        with self.lock:
            self.outcomes.append(outcome)
            print(line_of(outcome, seconds), flush=True)

    def count(self, verdict: str) -> int:
        return sum(outcome.verdict == verdict for outcome in self.outcomes)


def played(client: Client, broker: Broker, row: Row) -> Outcome:
    try:
        with Stage(client, broker, row.name) as stage:
            row.play(stage, **row.arguments)
    except Exception as error:
        if not isinstance(error, Failure):
            traceback.print_exc(file=sys.stdout)
        return Outcome(client, row, FAILED, f"{type(error).__name__}: {error}")
    return Outcome(client, row, PASSED)


def line_of(outcome: Outcome, seconds: float) -> str:
    row = f"{outcome.client.title}: {outcome.row.name}"
    if outcome.verdict == PASSED:
        return f"ok   {row}  ({seconds:.1f} s)"
    if outcome.verdict == FAILED:
        return f"FAIL {row}: {outcome.reason}"
    return f"     {row}: {outcome.verdict}: {outcome.reason}"


def choose() -> argparse.Namespace:
    parser = options.parser(__doc__)
    names = [*dict.fromkeys(client.group for client in CLIENTS), *(client.name for client in CLIENTS)]
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=f"a client or a group: {', '.join(names)}")
    parser.add_argument("--row", default="*", help="a row, or a pattern of rows such as 'group*'")
    parser.add_argument("--write", action="store_true", help="write docs/clients.md; takes every client and --long")
    chosen = parser.parse_args()
    if unknown := set(chosen.clients) - set(names):
        parser.error(f"no client named {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if chosen.write and (chosen.clients or chosen.row != "*" or chosen.broker != "gregor" or not chosen.long):
        parser.error("--write wants --long, every client, every row, and Gregor")
    chosen.clients = [client for client in CLIENTS if {client.name, client.group} & set(chosen.clients or names)]
    return chosen


def main() -> int:
    chosen = choose()
    matrix = Matrix(chosen)
    matrix.play(chosen.clients)
    if chosen.write:
        table.write(chosen.clients, ROWS, matrix.outcomes, "./dev conformance --long --write")
    say(f"{matrix.count(NOT_OFFERED)} not offered, {matrix.count(RED_ON_PEER)} red on the peer")
    print(f"{matrix.count(PASSED)} passed, {matrix.count(FAILED)} failed", flush=True)
    return 1 if matrix.count(FAILED) or not matrix.count(PASSED) else 0


if __name__ == "__main__":
    sys.exit(main())
