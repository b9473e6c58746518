"""The peer's command-line tools, run against a broker of either flavour."""

import re
import subprocess

from lib.broker import PEER

LIMIT_S = 90


def command(name: str, *arguments) -> list[str]:
    return [str(PEER), "tool", name, *map(str, arguments)]


def run(name: str, *arguments, text: str | None = None, may_fail: bool = False) -> str:
    """What the tool prints on both streams; a tool that fails fails the case."""
    ran = subprocess.run(command(name, *arguments), input=text or "", stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S)
    if ran.returncode != 0 and not may_fail:
        raise RuntimeError(f"kafka-{name} {' '.join(map(str, arguments))} left with {ran.returncode}: {ran.stdout}")
    return ran.stdout


def version() -> str:
    """The version of Kafka whose tools these are."""
    classpath = subprocess.run([PEER, "classpath"], capture_output=True, text=True, check=True).stdout
    return re.search(r"/kafka-clients-([\d.]+)\.jar", classpath)[1]


def run_many(calls: list[tuple], limit_s: float = LIMIT_S) -> list[str]:
    """What each call (a tool's name and arguments) prints, all of them in one JVM, which gets 2 s for each beside the limit; exit codes
    other than 0 are shown."""
    lines = "".join("\t".join(map(str, call)) + "\n" for call in calls)
    ran = subprocess.run([str(PEER), "tools"], input=lines.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         timeout=limit_s + 2 * len(calls))
    if ran.returncode != 0:
        raise RuntimeError(f"kafka tools left with {ran.returncode}: {ran.stderr.decode()}")
    printed, rest = [], ran.stdout
    for _ in calls:
        head, _, rest = rest.partition(b"\n")
        code, size = map(int, head.split())
        printed.append(rest[:size].decode() + (f"exit code {code}\n" if code else ""))
        rest = rest[size:]
    return printed
