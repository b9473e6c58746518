"""A client of the matrix: where its program is, and what it says of itself."""

import hashlib
import os
import subprocess
import sys
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from lib import peer_tool
from lib.report import Failure, expect

from matrix.row import Row

CLIENTS = Path(__file__).resolve().parent.parent / "clients"
CACHE = CLIENTS.parents[2] / ".cache" / "clients"
BUILD_LIMIT_S = 1200
BUILDING = defaultdict(threading.Lock)  # by folder: clients that share one are built by the first
ABOUT_LIMIT_S = 60


@dataclass
class Client:
    name: str
    title: str
    family: str  # the library that does the work; a client is never checked by its own
    own_rows: tuple[Row, ...] = ()  # in place of the common ones, for what is no program but a set of Kafka's tools
    quick_rows: tuple[str, ...] = ("*",)  # patterns of the rows that CI plays; the long run plays all
    folder: str = ""  # of its sources, if several clients share one; then its program has its name
    group: str = "base"  # which of the stages plays it
    version: str = ""
    refused: list[tuple[str, str]] = field(default_factory=list)  # rows that it cannot do, and why

    def sources(self) -> Path:
        return CLIENTS / (self.folder or self.name)

    def is_built(self) -> bool:
        return (self.sources() / "build").exists()

    def program(self) -> Path:
        return self.output() / (self.name if self.folder else "client")

    def command(self) -> list[str]:
        if self.is_built():
            return [str(self.program())]
        return [sys.executable, str(CLIENTS / f"{self.name}.py")]

    def output(self) -> Path:
        """A folder of its own for each state of the client's sources."""
        digest = hashlib.sha256()
        for path in sorted(self.sources().rglob("*")):
            if path.is_file():
                digest.update(path.relative_to(CLIENTS).as_posix().encode() + b"\0" + path.read_bytes())
        return CACHE / f"{self.sources().name}-{digest.hexdigest()[:12]}"

    def prepare(self, rows: list[str]) -> None:
        """Builds the program if its sources have changed, and asks what it can do of these rows."""
        if self.own_rows:
            self.version = peer_tool.version()
            return
        if self.is_built():
            with BUILDING[self.sources()]:
                if not self.program().exists():
                    self.build()
        ran = subprocess.run([*self.command(), "about"], capture_output=True, text=True, timeout=ABOUT_LIMIT_S)
        expect(ran.returncode == 0, f"{self.name} about left with {ran.returncode}: {ran.stderr.strip()[-500:]}")
        for line in ran.stdout.splitlines():
            word, _, rest = line.partition(" ")
            if word == "version":
                self.version = rest
            elif word == "not":
                row, _, reason = rest.partition(": ")
                expect(bool(reason) and any(fnmatch(name, row) for name in rows), f"{self.name} refuses no row: {line}")
                self.refused.append((row, reason))
            else:
                raise Failure(f"{self.name} about printed {line!r}")
        expect(bool(self.version), f"{self.name} about names no version")

    def build(self) -> None:
        output = self.output()
        output.mkdir(parents=True, exist_ok=True)
        ran = subprocess.run([self.sources() / "build", output], stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=BUILD_LIMIT_S)
        built = ran.returncode == 0 and os.access(self.program(), os.X_OK)
        expect(built, f"{self.name} does not build:\n{ran.stdout[-3000:]}")

    def rows(self, common: tuple[Row, ...], is_long: bool) -> list[Row]:
        """What it is asked to do."""
        quick = [row for row in self.own_rows or common
                 if not row.long and any(fnmatch(row.name, pattern) for pattern in self.quick_rows)]
        return list(self.own_rows or common) if is_long else quick

    def refusal(self, row: str) -> str | None:
        """Why the client cannot do a row; None if it can."""
        return next((reason for pattern, reason in self.refused if fnmatch(row, pattern)), None)
