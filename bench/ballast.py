"""Keeps the machine's memory in the state that makes rows comparable, and takes files out of it for the cold ones."""

import os
import re
import shutil
from pathlib import Path

LEAVES_KIB = 512 << 10
TURNS_KEPT = 2


def memory_kib(key: str) -> int:
    return int(re.search(rf"^{key}:\s+(\d+)", Path("/proc/meminfo").read_text(), re.M).group(1))


class Ballast:
    """Keeps free memory in the page cache: on a virtual machine, freed pages may go back to the host and cost much more
    at their next touch. Reads the holes of a sparse file, which fill pages without using the disk."""

    CHUNK = bytearray(4 << 20)
    STRIDE = 64  # chunks between two looks at the free memory

    def __init__(self, path: Path):
        self.file = open(path, "wb+", buffering=0)
        self.file.truncate(memory_kib("MemTotal") * 1024)

    def fill(self) -> None:
        """Goes on where it stopped, where the oldest holes are; until memory is full or a control group's limit holds."""
        free_kib = memory_kib("MemFree")
        while free_kib > LEAVES_KIB:
            for _ in range(self.STRIDE):
                if self.file.readinto(self.CHUNK) == 0:
                    self.file.seek(0)
            before_kib, free_kib = free_kib, memory_kib("MemFree")
            if before_kib - free_kib < self.STRIDE * len(self.CHUNK) // 2048:
                return


class Attic:
    """The folders of past turns: kept, because removing them would free their pages, but not all of them, because disks
    end. What is removed is made good by the ballast."""

    def __init__(self):
        self.folders: list[Path] = []

    def take(self, folder: Path) -> None:
        self.folders.append(folder)
        while len(self.folders) > TURNS_KEPT:
            shutil.rmtree(self.folders.pop(0))


def drop_from_cache(folder: Path) -> None:
    """As if nobody had touched the files of this folder for long; needs no privilege."""
    os.sync()
    for path in folder.rglob("*.log"):
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
