#!/usr/bin/env python3
"""Every file of a partition directory, read by the peer's dump-log: segments of all codecs, transactions and their
index, what compaction leaves, producer snapshots. Usage: log_files.py [--log-directory PATH]"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from lib import peer_tool
from lib.report import Report, expect, expect_equal

ROOT = Path(__file__).resolve().parents[2]
FIRST_OFFSET_NOTE = re.compile(r"Non-consecutive offsets in \S+\n(  -?\d+ is followed by \d+\n)+")
COMPLAINT = re.compile(r"exception|error|mismatch|corrupt|invalid|found .*bytes|not found|isvalid: false",
                       re.IGNORECASE)


def dump(folder: Path, *suffixes: str) -> str:
    files = sorted(path for path in folder.iterdir() if path.suffix in suffixes)
    expect(files, f"no {suffixes} in {folder}")
    return peer_tool.run("dump-log", "--deep-iteration", "--files", ",".join(map(str, files)))


def check_files(tool: Path, command: str) -> None:
    with tempfile.TemporaryDirectory(prefix="log_files.") as scratch:
        folder = Path(scratch) / "files-0"
        subprocess.run([tool, command, folder], check=True)
        # Compaction leaves gaps, and every segment but the first begins with one for this tool.
        text = FIRST_OFFSET_NOTE.sub("", dump(folder, ".log", ".index", ".timeindex", ".snapshot"))
        complaints = [line for line in text.splitlines() if COMPLAINT.search(line)]
        expect_equal(complaints, [], f"what dump-log says of a directory made by {command}")
        if command == "clean":
            expect("endTxnMarker: ABORT" in text and "endTxnMarker: COMMIT" in text, "the markers are there")
            expect("deleteHorizonMs: OptionalLong[" in text, "a batch has its delete horizon")
            check_aborted(folder)


def check_aborted(folder: Path) -> None:
    """The transaction index names markers that are in the log."""
    entries = re.findall(r"firstOffset=(\d+), lastOffset=(\d+), lastStableOffset=(\d+)|"
                         r"firstOffset: (\d+) lastOffset: (\d+) lastStableOffset: (\d+)", dump(folder, ".txnindex"))
    expect(entries, "dump-log shows the entries of the transaction index")
    log = dump(folder, ".log")
    for entry in entries:
        marker = entry[1] or entry[4]
        expect(re.search(rf"offset: {marker} .*endTxnMarker: ABORT", log), f"the marker at {marker} is in the log")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log-directory", type=Path, default=ROOT / "build/dev/log_directory")
    tool = parser.parse_args().log_directory
    report = Report("log files")
    for command in ("write", "crash", "clean"):
        report.run(command, check_files, tool, command)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
