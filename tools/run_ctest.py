#!/usr/bin/env python3
"""Runs ctest over a build folder and counts the test cases inside its binaries (GoogleTest, unittest), not the
binaries. The last line is "N passed, N failed". Usage: run_ctest.py BUILD_FOLDER [ctest arguments]"""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GTEST_PASSED = re.compile(r"^\[  PASSED  \] (\d+) tests?", re.M)
GTEST_FAILED = re.compile(r"^ ?\[  FAILED  \] (\d+) tests?, listed below", re.M)
GTEST_FAILED_BRIEF = re.compile(r"^\[  FAILED  \] \S+.* \(\d+ ms\)$", re.M)  # --gtest_brief has no summary of failures
GTEST_SKIPPED = re.compile(r"^\[  SKIPPED \] (\d+) tests?[.,]", re.M)
UNITTEST_RAN = re.compile(r"^Ran (\d+) tests?", re.M)
UNITTEST_FAILED = re.compile(r"(?:failures|errors)=(\d+)")


def count(output: str, succeeded: bool) -> tuple[int, int, int]:
    """(passed, failed, skipped) of one ctest test; a test that counts nothing itself is one case."""

    def total(pattern: re.Pattern) -> int:
        return sum(int(number) for number in pattern.findall(output))

    passed, skipped = total(GTEST_PASSED), total(GTEST_SKIPPED)
    failed = total(GTEST_FAILED) or len(GTEST_FAILED_BRIEF.findall(output))
    if ran := total(UNITTEST_RAN):
        failed = total(UNITTEST_FAILED)
        passed = ran - failed
    elif not GTEST_PASSED.search(output) and not failed:
        passed = int(succeeded)
    if not succeeded and not failed:  # it crashed, or ran into its time limit
        failed = 1
    return passed, failed, skipped


def main() -> int:
    build, arguments = Path(sys.argv[1]), sys.argv[2:]
    report = (ROOT / build / "ctest.xml").resolve()
    report.unlink(missing_ok=True)
    status = subprocess.run(
        ["ctest", "--test-dir", str(build), "-j", str(os.cpu_count()), "--output-on-failure", "--no-tests=error",
         "--timeout", "300", "--output-junit", str(report), "--test-output-size-passed", "10000000",
         "--test-output-size-failed", "10000000", *arguments], cwd=ROOT).returncode
    if not report.exists():
        return status or 1
    sums = [0, 0, 0]
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        output = case.findtext("system-out") or ""
        sums = [a + b for a, b in zip(sums, count(output, case.get("status") == "run"))]
    print(f"{sums[0]} passed, {sums[1]} failed" + (f", {sums[2]} skipped" if sums[2] else ""))
    return 1 if sums[1] or status else 0


if __name__ == "__main__":
    sys.exit(main())
