"""Runs the cases of a test script one after another and counts them: a line a case, "N passed, N failed" at the end,
with ", N skipped" where a machine lacks what a case needs."""

import sys
import time
import traceback


class Failure(Exception):
    """A case did not see what it should have seen; its text says both."""


def expect(condition: bool, text: str) -> None:
    if not condition:
        raise Failure(text)


def expect_equal(seen, wanted, what: str) -> None:
    if seen != wanted:
        raise Failure(f"{what}: saw {shorten(seen)}, wanted {shorten(wanted)}")


def shorten(value) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}... ({len(text)} characters)"


class Report:
    def __init__(self, title: str):
        self.title = title
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def run(self, name: str, case, *arguments) -> bool:
        """Runs one case; whatever it raises is its failure."""
        started = time.monotonic()
        try:
            case(*arguments)
        except Exception as error:
            self.failed += 1
            print(f"FAIL {self.title}: {name}: {type(error).__name__}: {error}", flush=True)
            if not isinstance(error, Failure):
                traceback.print_exc(file=sys.stdout)
            return False
        self.passed += 1
        print(f"ok   {self.title}: {name}  ({time.monotonic() - started:.1f} s)", flush=True)
        return True

    def skip(self, name: str, reason: str) -> None:
        self.skipped += 1
        print(f"skip {self.title}: {name}: {reason}", flush=True)

    def finish(self) -> int:
        """Prints the counts; the exit code."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{skipped}", flush=True)
        return 1 if self.failed or not self.passed + self.skipped else 0


def say(text: str) -> None:
    print(f"     {text}", flush=True)
