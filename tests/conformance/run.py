#!/usr/bin/env python3
"""The client matrix: every client plays every row against a broker of its own. README.md tells what a client is.
A row is a line; the last line counts them."""

import fnmatch
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

from catalog import CLIENTS  # noqa: E402
from lib import options  # noqa: E402
from lib.broker import Broker  # noqa: E402
from lib.report import Failure, say  # noqa: E402
from matrix.client import Client  # noqa: E402
from matrix.stage import Stage  # noqa: E402
from rows import ROWS, Row  # noqa: E402

BESIDE = {"gregor": 3, "peer": 1}  # clients at a time
ROWS_BESIDE = 2  # rows of one client at a time
SETTINGS = {"group.initial.rebalance.delay.ms": 0}
PASSED, FAILED, NOT_OFFERED = "passed", "failed", "not offered"


@dataclass
class Outcome:
    client: Client
    row: Row
    verdict: str
    reason: str = ""


class Matrix:
    """One run: what is played, and what came out. Rows of several clients are played at once."""

    def __init__(self, flavour: str, rows: list[Row]):
        self.flavour = flavour
        self.rows = rows
        self.outcomes: list[Outcome] = []
        self.lock = threading.Lock()

    def play(self, clients: list[Client]) -> None:
        with ThreadPoolExecutor(BESIDE[self.flavour]) as pool:
            list(pool.map(self.play_client, clients))

    def play_client(self, client: Client) -> None:
        """The rows of one client; a broker or a program that does not even start is a failure as well."""
        try:
            client.prepare()
            with Broker(self.flavour, "conformance", **SETTINGS) as broker:
                self.play_rows(client, broker)
        except Exception as error:
            self.add(Outcome(client, Row("start", None), FAILED, f"{type(error).__name__}: {error}"), 0)

    def play_rows(self, client: Client, broker: Broker) -> None:
        failed = self.failed()
        steady = [row for row in self.rows if not row.restarts]
        with ThreadPoolExecutor(ROWS_BESIDE) as pool:
            list(pool.map(lambda row: self.play_row(client, broker, row), steady))
        for row in self.rows:
            if row.restarts:
                self.play_row(client, broker, row)
        if self.failed() > failed:
            say(f"the end of the broker's log:\n{broker.log(40)}")

    def play_row(self, client: Client, broker: Broker, row: Row) -> None:
        if reason := client.refusal(row.name):
            self.add(Outcome(client, row, NOT_OFFERED, reason), 0)
            return
        started = time.monotonic()
        try:
            with Stage(client, broker, row.name) as stage:
                row.play(stage, **row.arguments)
            outcome = Outcome(client, row, PASSED)
        except Exception as error:
            outcome = Outcome(client, row, FAILED, f"{type(error).__name__}: {error}")
            if not isinstance(error, Failure):
                traceback.print_exc(file=sys.stdout)
        self.add(outcome, time.monotonic() - started)

    def add(self, outcome: Outcome, seconds: float) -> None:
        with self.lock:
            self.outcomes.append(outcome)
            if outcome.verdict == PASSED:
                print(f"ok   {outcome.client.title}: {outcome.row.name}  ({seconds:.1f} s)", flush=True)
            elif outcome.verdict == FAILED:
                print(f"FAIL {outcome.client.title}: {outcome.row.name}: {outcome.reason}", flush=True)
            else:
                say(f"{outcome.client.title}: {outcome.row.name} is not offered: {outcome.reason}")

    def failed(self) -> int:
        return self.count(FAILED)

    def count(self, verdict: str) -> int:
        return sum(outcome.verdict == verdict for outcome in self.outcomes)


def main() -> int:
    parser = options.parser(__doc__)
    names = [client.name for client in CLIENTS]
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=", ".join(names))
    parser.add_argument("--row", default="*", help="a row, or a pattern of rows such as 'group*'")
    chosen = parser.parse_args()
    if unknown := set(chosen.clients) - set(names):
        parser.error(f"no client named {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    rows = [row for row in ROWS if fnmatch.fnmatch(row.name, chosen.row) and (chosen.long or not row.long)]
    if not rows:
        parser.error(f"no row is like {chosen.row}; there are {', '.join(row.name for row in ROWS)}")
    matrix = Matrix(chosen.broker, rows)
    matrix.play([client for client in CLIENTS if client.name in (chosen.clients or names)])
    say(f"{matrix.count(NOT_OFFERED)} not offered")
    print(f"{matrix.count(PASSED)} passed, {matrix.failed()} failed", flush=True)
    return 1 if matrix.failed() or not matrix.count(PASSED) else 0


if __name__ == "__main__":
    sys.exit(main())
