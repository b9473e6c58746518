"""A client's program, running: what it is fed, what it prints, how it ends."""

import os
import signal
import subprocess
import threading
import time

from lib.report import Failure, expect, shorten

from matrix.records import Record, from_line, to_line

PATIENCE_S = 120  # on a machine that has too much to do; nothing takes so long otherwise


def wait_for(condition, what: str, limit_s: float = PATIENCE_S, every_s: float = 0.05) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        expect(time.monotonic() < deadline, f"{what}: not within {limit_s} s")
        time.sleep(every_s)


class Running:
    """One process of a program in a group of its own, so that a kill reaches what it started."""

    def __init__(self, command: list[str]):
        self.words = command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.lines: list[str] = []
        self.complaints: list[str] = []
        self.readers = [threading.Thread(target=gather, args=(stream, lines), daemon=True) for stream, lines in
                        ((self.process.stdout, self.lines), (self.process.stderr, self.complaints))]
        for reader in self.readers:
            reader.start()

    def feed(self, records: list[Record]) -> None:
        try:
            self.process.stdin.write("".join(map(to_line, records)))
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failure(f"{self} has ended: {self.complaint()}") from None

    def end_input(self) -> None:
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended already; its exit code tells

    def ends(self, limit_s: float = PATIENCE_S) -> int:
        """Closes the input and waits; the exit code."""
        self.end_input()
        try:
            self.process.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"{self} does not end within {limit_s} s; it printed {shorten(self.lines[-3:])}, "
                          f"{self.complaint()}") from None
        for reader in self.readers:
            reader.join(timeout=10)
        return self.process.returncode

    def succeeds(self, limit_s: float = PATIENCE_S) -> list[str]:
        code = self.ends(limit_s)
        expect(code == 0, f"{self} left with {code}: {self.complaint()}")
        return self.lines

    def kill(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def prints(self, line: str) -> None:
        """Waits for a line."""
        wait_for(lambda: line in self.lines or self.process.poll() is not None, f"{self} prints {line!r}")
        expect(line in self.lines, f"{self} ended before it printed {line!r}: {self.complaint()}")

    def records(self) -> list[Record]:
        return [from_line(line) for line in list(self.lines) if line.startswith("record ")]

    def count(self) -> int:
        """How many records it has printed."""
        return sum(line.startswith("record ") for line in list(self.lines))

    def acked(self) -> dict[int, int | None]:
        """The offset of each acknowledged line, None where the library does not know it."""
        fields = [line.split(" ") for line in list(self.lines) if line.startswith("acked ")]
        expect(len({index for _, index, _ in fields}) == len(fields), f"{self} acknowledged a line twice")
        return {int(index): None if offset == "-" else int(offset) for _, index, offset in fields}

    def complaint(self) -> str:
        return " / ".join(self.complaints[-3:]) or "no word on the standard error"

    def __str__(self) -> str:
        return " ".join(self.words[1:])[-120:]


def gather(stream, lines: list[str]) -> None:
    for line in stream:
        lines.append(line.rstrip("\n"))
