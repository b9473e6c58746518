"""The regression guard: CPU per GB, in units of the floor of the same run, beside the figures last committed."""

import json

from broker import ROOT
from report import figures

FIGURES = ROOT / "docs/benchmarks.json"
# Medians of three on a quiet machine stay within 10 % of each other here; a real regression of the hot path (a copy, a
# second checksum) costs 30 % and more.
TOLERANCE = 1.25
ROUNDS = 3


def narrow(args) -> None:
    """Only what the guard looks at, and not the peer."""
    args.rounds, args.only = min(args.rounds, ROUNDS), "Gregor"
    args.cells = ["acks_all", "acks_1", "lz4", "many"]


def judge(results: dict) -> int:
    committed = json.loads(FIGURES.read_text())["ratio to the floor"]
    now = figures(results)["ratio to the floor"]
    failed = 0
    for words, before in committed.items():
        value = now.get(words)
        is_fine = value is not None and value <= before * TOLERANCE
        failed += not is_fine
        print(f"{'ok  ' if is_fine else 'FAIL'} {words}: {value} x floor, {before} committed")
    print(f"{len(committed) - failed} passed, {failed} failed")
    return 1 if failed else 0
