#!/usr/bin/env python3
"""Sends the same requests, drawn from a seed, to the peer and to Gregor, and compares whole answers. See README.md."""

import argparse
import importlib
import re
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

import known  # noqa: E402
import replay  # noqa: E402
import schema  # noqa: E402
from compare import printable, short  # noqa: E402
from dice import Dice  # noqa: E402
from pair import FLAVOURS, ON_CONTROLLER, Brokers  # noqa: E402
from session import Outcome, Session  # noqa: E402

FAMILIES = sorted(path.stem for path in (Path(__file__).parent / "families").glob("[a-z]*.py"))


MANY_SEEDS = 20  # in so many, every known difference shows


def family_class(name: str) -> type:
    return importlib.import_module(f"families.{name}").FAMILY


def blunt(path: str, value) -> str:
    return short(value) if path.endswith("error_code") else re.sub(r"\d+-?", "N", short(value, 40))


def signature(outcome: Outcome) -> str:
    """What makes two findings the same finding."""
    difference = outcome.differences[0]
    path = replay.without_indexes(difference.path)
    return f"{outcome.step.api} {path}: peer {blunt(path, difference.peer)}, gregor {blunt(path, difference.gregor)}"


def describe(outcome: Outcome) -> str:
    step = outcome.step
    wire = "" if not step.mangle else f", bytes changed: {step.mangle}"
    lines = [f"{step.api} v{step.version} on connection {step.connection}{wire}: {short(outcome.body, 3000)}",
             *(f"  {difference}" for difference in outcome.differences[:8]),
             f"  peer:   {short(outcome.answers[0], 2000)}", f"  gregor: {short(outcome.answers[1], 2000)}"]
    return "\n".join(lines)


class Runner:
    def __init__(self, options, brokers: Brokers):
        self.options, self.brokers = options, brokers
        self.apis = schema.apis()
        session = Session(brokers, self.apis)
        self.versions = session.pair.advertised()
        self.controller_versions = session.pair.advertised(ON_CONTROLLER) if session.pair.is_open(ON_CONTROLLER) else {}
        session.barrier.wait_until_warm()
        session.close()
        self.passed = self.failed = self.skipped = 0
        self.findings: Counter = Counter()
        self.used: set = set()

    def can_run(self, name: str) -> bool:
        missing = [api for api in family_class(name).NEEDS if api not in self.versions]
        if missing:
            self.skipped += 1
            print(f"skip {name}: {', '.join(missing)} not served yet", flush=True)
        return not missing

    def run(self, name: str, seed: int) -> None:
        """One family, one seed: one line, and a finding where it ends."""
        started = time.monotonic()
        session = Session(self.brokers, self.apis)
        family = family_class(name)(Dice(f"{name} {seed}"), self.apis, self.versions, self.controller_versions)
        steps, trouble = [], 0
        try:
            while len(steps) < self.options.steps and not session.is_over and (self.options.keep_going or not trouble):
                steps.append(family.next(session.pair))
                for outcome in session.perform(steps[-1], str(len(steps) - 1)):
                    if outcome.seen is not None:
                        family.saw(outcome.step, outcome.seen)
                    if outcome.differences:
                        trouble += 1
                        self.report(name, seed, steps, outcome)
        finally:
            session.close()
        self.used |= session.used
        self.passed, self.failed = self.passed + (not trouble), self.failed + bool(trouble)
        word = f"FAIL {name}: seed {seed}: {trouble} differences in" if trouble else f"ok   {name}: seed {seed}:"
        print(f"{word} {len(steps)} steps  ({time.monotonic() - started:.1f} s)", flush=True)

    def report(self, name: str, seed: int, steps: list, outcome: Outcome) -> None:
        finding = signature(outcome)
        self.findings[finding] += 1
        if self.findings[finding] > 1:
            return
        print(f"\n---- {finding}\nstep {len(steps)}: {describe(outcome)}")
        print(f"again: tests/differential/run.py {name} --seed {seed} --steps {self.options.steps}")
        if not self.options.keep_going:
            found = replay.shrink(steps, finding, lambda: Session(self.brokers, self.apis), signature)
            print(f"{len(found)} steps are enough; alone: run.py --replay {replay.save(found)}")
            for number, step in found[-8:]:
                print(f"  {number}: {step.api} v{step.version} on {step.connection}: {short(step.body, 400)}")
        print(flush=True)

    def replay(self, path: str) -> None:
        session = Session(self.brokers, self.apis)
        for number, step in replay.load(path):
            for outcome in session.perform(step, number):
                print(f"step {number}: {describe(outcome)}", flush=True)
                self.failed += bool(outcome.differences)
                self.passed += not outcome.differences
        session.close()

    def stale(self) -> None:
        for entry in known.KNOWN:
            if entry not in self.used:
                self.failed += 1
                print(f"FAIL known difference that no longer shows: {entry.api} {entry.path}: {entry.reason}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*", metavar="family", default=["all"], help=f"all, or of {', '.join(FAMILIES)}")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--steps", type=int, default=300, help="requests of each family and seed")
    parser.add_argument("--keep-going", action="store_true", help="list every kind of difference, do not stop at the first")
    parser.add_argument("--twins", action="store_true", help="the peer against itself: what the rules should forgive")
    parser.add_argument("--replay", metavar="FILE", help="the steps of a finding, with every answer")
    options = parser.parse_args()
    options.is_all = options.families == ["all"]
    if unknown := set(options.families) - {"all", *FAMILIES}:
        parser.error(f"no such family: {', '.join(sorted(unknown))}")
    return options


def main() -> int:
    options = parse()
    names = FAMILIES if options.is_all else options.families
    settings = {key: value for name in names for key, value in family_class(name).SETTINGS.items()}
    with Brokers(("peer", "peer") if options.twins else FLAVOURS, settings) as brokers:
        runner = Runner(options, brokers)
        if options.replay:
            runner.replay(options.replay)
        else:
            for name in filter(runner.can_run, names):
                for seed in range(options.seed, options.seed + options.seeds):
                    runner.run(name, seed)
            if options.is_all and options.seeds >= MANY_SEEDS and not options.twins:
                runner.stale()
    for finding, count in sorted(runner.findings.items()):
        print(f"{count:6} x {finding}")
    skipped = f", {runner.skipped} skipped" if runner.skipped else ""
    print(f"{runner.passed} passed, {runner.failed} failed{skipped}", flush=True)
    return 1 if runner.failed or not runner.passed else 0


if __name__ == "__main__":
    sys.exit(main())
