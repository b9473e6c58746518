#!/usr/bin/env python3
"""How long a start takes until the first Metadata answer, and what an idle broker costs: memory, CPU, wake-ups; how large the program is.
The limits hold for Gregor; with --long the peer is measured beside it."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from lib import options
from lib.broker import Broker, gregor_binary, scratch
from lib.report import Report, expect, say

READY_LIMIT_MS, RSS_LIMIT_MIB, CPU_LIMIT_PERCENT = 100, 20, 1.0
PROGRAM_LIMIT_MIB = 15  # without symbols, as it is released
TRIES = 5
IDLE_S, IDLE_S_LONG = 5, 60


def switches(broker: Broker) -> int:
    """Voluntary context switches of all threads: how often one woke up and slept again."""
    total = 0
    for status in Path(f"/proc/{broker.process.pid}/task").glob("*/status"):
        total += int(status.read_text().split("voluntary_ctxt_switches:")[1].split()[0])
    return total


def measure_start(broker: Broker, limited: bool) -> None:
    broker.stop()
    times = []
    for _ in range(TRIES):
        times.append(broker.start_ms())
        broker.stop()
    broker.start()
    say(f"{broker.flavour}: start to first Metadata answer {min(times):.0f} ms, the slowest of {TRIES} {max(times):.0f} ms")
    expect(not limited or min(times) <= READY_LIMIT_MS, f"{min(times):.0f} ms is over {READY_LIMIT_MS} ms")


def measure_idle(broker: Broker, limited: bool, seconds: float) -> None:
    time.sleep(1)
    cpu, woken = broker.cpu_s(), switches(broker)
    time.sleep(seconds)
    percent = (broker.cpu_s() - cpu) / seconds * 100
    rss_mib = broker.status_kib() / 1024
    say(f"{broker.flavour}: idle {rss_mib:.1f} MiB, {percent:.2f} % of a core, "
        f"{(switches(broker) - woken) / seconds:.0f} wake-ups a second")
    expect(not limited or rss_mib <= RSS_LIMIT_MIB, f"{rss_mib:.1f} MiB is over {RSS_LIMIT_MIB} MiB")
    expect(not limited or percent < CPU_LIMIT_PERCENT, f"{percent:.2f} % of a core is over {CPU_LIMIT_PERCENT} %")


def measure_program() -> None:
    folder = scratch("start-program")
    try:
        subprocess.run(["strip", "-s", "-o", folder / "gregor", gregor_binary()], check=True)
        mib = (folder / "gregor").stat().st_size / 2**20
    finally:
        shutil.rmtree(folder)
    say(f"the program without symbols: {mib:.1f} MiB")
    is_limited = "release" in str(gregor_binary())
    expect(not is_limited or mib <= PROGRAM_LIMIT_MIB, f"{mib:.1f} MiB is over {PROGRAM_LIMIT_MIB} MiB")


def main() -> int:
    chosen = options.parser(__doc__).parse_args()
    report = Report("start")
    for flavour in {chosen.broker: None} | ({"peer": None} if chosen.long else {}):
        limited = flavour == "gregor"
        with Broker(flavour, "start") as broker:
            report.run(f"{flavour}, start", measure_start, broker, limited)
            report.run(f"{flavour}, idle", measure_idle, broker, limited, IDLE_S_LONG if chosen.long else IDLE_S)
    if chosen.broker == "gregor":
        report.run("the program's size", measure_program)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
