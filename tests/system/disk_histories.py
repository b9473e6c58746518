#!/usr/bin/env python3
"""Is the simulator's disk at least as bad as a real one? Random histories of appends, renames, removals and fsyncs on a file
system whose power is cut at their end: what is left must be something that the simulator's disk can leave, too. Needs root
and loop devices, and says so where there are none."""

import subprocess
import sys
from pathlib import Path

from lib import disks, options
from lib.report import Report, expect_equal, say

ROOT = Path(__file__).resolve().parents[2]
HISTORIES, HISTORIES_LONG = 6, 100
KINDS = ("ext4", "xfs")


def history(tool: Path, disk: disks.NestedDisk, seed: int) -> None:
    folder = disk.inner.folder / f"history-{seed}"
    folder.mkdir()
    disks.run("sync", disk.inner.folder)
    disks.run(tool, "play", seed, folder)
    disk.power_cut()
    disk.power_on()
    ran = subprocess.run([tool, "check", str(seed), folder], stdout=subprocess.PIPE, text=True, check=False)
    say(f"seed {seed}, {disk.inner.kind}: {ran.stdout.strip()}")
    expect_equal(ran.returncode, 0, "the exit code of the search")


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first of them")
    parser.add_argument("--count", type=int)
    parser.add_argument("--tool", type=Path, default=ROOT / "build/dev/disk_histories")
    chosen = parser.parse_args()
    report = Report("disk histories")
    if reason := disks.why_not():
        report.skip("everything", reason)
        return report.finish()
    disks.enter_namespace()
    count = chosen.count or (HISTORIES_LONG if chosen.long else HISTORIES)
    seeds = range(chosen.seed, chosen.seed + count)
    for number, kind in enumerate(KINDS):
        with disks.nested(kind) as disk:
            for seed in seeds[number::len(KINDS)]:
                report.run(f"{kind}, seed {seed}", history, chosen.tool, disk, seed)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
