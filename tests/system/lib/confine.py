"""Hard limits of the kernel around a process: memory, by a control group of either version, and descriptors."""

import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


class MemoryGroup:
    """A control group with a hard limit of memory. Page cache counts, swap is off where the kernel can tell."""

    def __init__(self, name: str, limit: int):
        self.is_v2 = (ROOT / "cgroup.controllers").exists()
        self.folder = (ROOT if self.is_v2 else ROOT / "memory") / f"gregor-{name}-{os.getpid()}"
        self.limit = limit

    def __enter__(self) -> "MemoryGroup":
        self.folder.mkdir()
        (self.folder / ("memory.max" if self.is_v2 else "memory.limit_in_bytes")).write_text(str(self.limit))
        return self

    def __exit__(self, *_) -> None:
        self.folder.rmdir()  # only when nobody is in it any more

    def prefix(self) -> list[str]:
        """In front of a command: it starts inside the group."""
        return ["sh", "-c", f"echo $$ > {self.folder}/cgroup.procs && exec \"$@\"", "sh"]

    def number(self, file: str, key: str | None = None) -> int:
        text = (self.folder / file).read_text()
        if key is None:
            return int(text)
        return next(int(line.split()[1]) for line in text.splitlines() if line.split()[0] == key)

    def kills(self) -> int:
        """How often the kernel killed for want of memory."""
        return self.number(*(("memory.events", "oom_kill") if self.is_v2 else ("memory.oom_control", "oom_kill")))

    def process_bytes(self) -> int:
        """What the processes hold now, without the page cache."""
        return self.number("memory.stat", "anon" if self.is_v2 else "rss")


def can_confine() -> bool:
    try:
        with MemoryGroup("probe", 64 << 20):
            return True
    except OSError:
        return False


def with_descriptors(count: int) -> list[str]:
    """In front of a command: so many file descriptors and no more."""
    return ["prlimit", f"--nofile={count}:{count}"]
