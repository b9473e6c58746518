#!/usr/bin/env python3
"""Runs the stages of a suite in tests/stages.txt one after another, whatever became of the earlier ones, and adds up
what they counted. The last line is "N passed, N failed"; the exit code is 0 only if nothing failed."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNTS = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")
HEARTBEAT_S = 30
TAIL_LINES = 60


@dataclass
class Stage:
    name: str
    suites: list[str]
    limit_s: float
    command: str


@dataclass
class Outcome:
    passed: int
    failed: int
    skipped: int
    seconds: float
    trouble: str = ""  # why the command's own counts cannot be the whole truth

    def counts(self) -> str:
        return f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else "")


def parse_stages(text: str) -> list[Stage]:
    stages = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, suites, minutes, command = line.split(None, 3)
        stages.append(Stage(name, suites.split(","), float(minutes) * 60, command))
    return stages


def judge(output: str, exit_code: int | None, seconds: float) -> Outcome:
    """The last line of counts, and one failure more for a command that failed without counting one."""
    counts = [match for line in output.splitlines() if (match := COUNTS.match(line.strip()))]
    passed, failed, skipped = (int(group or 0) for group in counts[-1].groups()) if counts else (0, 0, 0)
    trouble = ""
    if exit_code is None:
        trouble = "stopped at its time limit"
    elif not counts:
        trouble = f"counted nothing (exit code {exit_code})"
    elif exit_code != 0 and failed == 0:
        trouble = f"counted no failure, yet left with exit code {exit_code}"
    elif passed + failed + skipped == 0:
        trouble = "ran nothing"
    return Outcome(passed, failed + bool(trouble), skipped, seconds, trouble)


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}m{int(seconds) % 60:02}s"


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return lines[-1].strip()[:100] if lines else ""


def stop(process: subprocess.Popen) -> None:
    """Ends the whole process group of a stage, politely first."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(timeout=10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass


def run_stage(stage: Stage, log: Path) -> Outcome:
    started = time.monotonic()
    with log.open("wb") as sink:
        process = subprocess.Popen(["bash", "-c", stage.command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sink,
                                   stderr=subprocess.STDOUT, start_new_session=True)
    exit_code = None
    try:
        beat = started + HEARTBEAT_S
        while exit_code is None and time.monotonic() - started < stage.limit_s:
            try:
                exit_code = process.wait(timeout=min(HEARTBEAT_S, stage.limit_s))
            except subprocess.TimeoutExpired:
                pass
            if exit_code is None and time.monotonic() >= beat:
                print(f"    {clock(time.monotonic() - started):>7}  {last_line(log)}", flush=True)
                beat = time.monotonic() + HEARTBEAT_S
    finally:
        stop(process)
    return judge(log.read_text(errors="replace"), exit_code, time.monotonic() - started)


def explain(stage: Stage, outcome: Outcome, log: Path) -> None:
    if outcome.trouble:
        print(f"    {stage.name} {outcome.trouble}")
    print(f"    the end of {log.relative_to(ROOT)}; run it alone with: {stage.command}")
    for line in log.read_text(errors="replace").splitlines()[-TAIL_LINES:]:
        print(f"    | {line}")


def main() -> int:
    suite = sys.argv[1].lstrip("-") if len(sys.argv) == 2 else ""  # --long is a suite, too
    stages = [stage for stage in parse_stages((ROOT / "tests/stages.txt").read_text()) if suite in stage.suites]
    if not stages:
        print("usage: run_stages.py SUITE, a suite of tests/stages.txt", file=sys.stderr)
        return 2
    logs = ROOT / "build" / "stages"
    logs.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for number, stage in enumerate(stages, 1):
        print(f"[{number}/{len(stages)}] {stage.name}: {stage.command}", flush=True)
        log = logs / f"{stage.name}.log"
        outcomes.append(run_stage(stage, log))
        print(f"    {stage.name}: {outcomes[-1].counts()}  ({clock(outcomes[-1].seconds)})", flush=True)
        if outcomes[-1].failed:
            explain(stage, outcomes[-1], log)
    total = Outcome(*(sum(getattr(outcome, field) for outcome in outcomes)
                      for field in ("passed", "failed", "skipped", "seconds")))
    print(f"\n{'stage':<16}{'time':>8}  result")
    for stage, outcome in zip(stages, outcomes):
        print(f"{stage.name:<16}{clock(outcome.seconds):>8}  {outcome.counts()}")
    print(f"{'all':<16}{clock(total.seconds):>8}\n")
    print(total.counts())
    return 1 if total.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
