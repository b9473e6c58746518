#!/usr/bin/env python3
"""Published test suites of other projects against one broker. What SUITE.allow names must pass; what SUITE.misses names
runs with --misses only, to see what could be added. All logs are in build/suites.
usage: run.py [SUITE [TEST..]] [--broker gregor|peer] [--quick] [--misses] [--long]"""

import fcntl
import json
import shutil
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import lists  # noqa: E402
from execute import Execution  # noqa: E402
from franz_go import FranzGo  # noqa: E402
from kafka_python import KafkaPython  # noqa: E402
from lib import options  # noqa: E402
from lib.report import say  # noqa: E402
from librdkafka import Librdkafka  # noqa: E402
from node_rdkafka import NodeRdkafka  # noqa: E402
from suite import Suite, Unit, Verdict  # noqa: E402

SUITES = {suite.name: suite for suite in (Librdkafka, FranzGo, KafkaPython, NodeRdkafka)}
RESULTS = HERE.parents[1] / "build" / "suites"


class Judge:
    """Compares what a suite reported with its lists, and counts what had to pass."""

    def __init__(self, suite: str, known: lists.Lists):
        self.suite = suite
        self.known = known
        self.seen: dict[str, Verdict] = {}
        self.passed = 0
        self.failed = 0

    def report(self, unit: Unit, verdicts: dict[str, Verdict]) -> None:
        for name in (name for name in self.known.allowed if unit.reports(name)):
            verdicts.setdefault(name, Verdict("failed", 0, "was not reported"))
        for name, verdict in verdicts.items():
            self.seen[name] = verdict
            self.judge(name, verdict)

    def judge(self, name: str, verdict: Verdict) -> None:
        passed = verdict.state == "passed"
        if name not in self.known.allowed and (reason := self.known.reason(name)):
            note = "could be added to the allow-list" if passed else f"{verdict.state}: {reason}"
            print(f"miss {self.suite}: {name}: {note}  ({verdict.seconds:.1f} s)", flush=True)
        elif passed and name in self.known.allowed:
            self.passed += 1
            print(f"ok   {self.suite}: {name}  ({verdict.seconds:.1f} s)", flush=True)
        elif name in self.known.allowed:
            self.fail(name, f"{verdict.state}: {verdict.detail}  ({verdict.seconds:.1f} s)")
        else:
            self.fail(name, f"on neither list: {verdict.state}: {verdict.detail}  ({verdict.seconds:.1f} s)")

    def fail(self, name: str, reason: str) -> None:
        self.failed += 1
        print(f"FAIL {self.suite}: {name}: {reason}", flush=True)

    def write(self, path: Path, flavour: str) -> None:
        result = {"suite": self.suite, "broker": flavour, "date": time.strftime("%Y-%m-%d"),
                  "tests": {name: asdict(verdict) for name, verdict in sorted(self.seen.items())}}
        path.write_text(json.dumps(result, indent=1) + "\n")


def chosen_units(suite: Suite, known: lists.Lists, chosen) -> list[Unit]:
    units = suite.units()
    if chosen.tests:
        return [unit for unit in units if any(test.startswith(wanted) for wanted in chosen.tests
                                              for test in (unit.name, *unit.tests))]
    if chosen.misses:
        return units
    wanted = [name for name, quick in known.allowed.items() if quick or not chosen.quick]
    return [unit for unit in units if any(unit.reports(name) for name in wanted)]


def has_quick(suite: str) -> bool:
    return any(lists.load(suite).allowed.values())


def run_suite(suite: Suite, chosen) -> Judge:
    suite.is_long = chosen.long
    known = lists.load(suite.name)
    judge = Judge(suite.name, known)
    for name in sorted(lists.removed(suite.name)):
        judge.fail(name, "was removed from the allow-list, which may only grow")
    folder = RESULTS / f"{suite.name}-{chosen.broker}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs at a time would take each other's folder away
        execute(suite, known, judge, folder, chosen)
    return judge


def execute(suite: Suite, known: lists.Lists, judge: Judge, folder: Path, chosen) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    say(f"preparing {suite.name}")
    suite.prepare()
    units = chosen_units(suite, known, chosen)
    try:
        Execution(suite, chosen.broker, folder, judge.report).run(units)
    except (RuntimeError, OSError) as error:
        judge.fail("the run", str(error))
    judge.write(folder.with_suffix(".json"), chosen.broker)


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("suite", nargs="?", choices=SUITES, help="all of them if none is named")
    parser.add_argument("tests", nargs="*", metavar="TEST", help="the beginning of a test's name")
    parser.add_argument("--quick", action="store_true", help="what CI runs: the lines of SUITE.allow marked quick")
    parser.add_argument("--misses", action="store_true", help="also what SUITE.misses names")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    RESULTS.mkdir(parents=True, exist_ok=True)
    names = [chosen.suite] if chosen.suite else SUITES
    judges = [run_suite(SUITES[name](), chosen) for name in names if not chosen.quick or has_quick(name)]
    passed, failed = sum(judge.passed for judge in judges), sum(judge.failed for judge in judges)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
