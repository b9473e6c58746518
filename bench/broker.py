"""One broker of the benchmark: started pinned to its CPUs, watched through /proc, stopped."""

import os
import re
import signal
import socket
import struct
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEER = ROOT / "tools/peer/kafka"
START_LIMIT_S = 60
STOP_LIMIT_S = 60


@dataclass
class Variant:
    name: str
    is_peer: bool = False
    overrides: list[str] = field(default_factory=list)
    leaves_out: tuple[str, ...] = ()  # cells that would say nothing new


@dataclass
class Idle:
    rss_mib: float
    cpu_percent: float
    wakeups_per_s: float


METADATA = struct.pack(">ihhihi", 14, 3, 1, 7, -1, -1)  # size, key, version, correlation id, no client id, all topics


def first_metadata_answer(port: int, deadline: float) -> float:
    """Waits for a Metadata v1 answer that names a broker; returns when it had come."""
    while time.perf_counter() < deadline:
        try:
            with socket.create_connection(("localhost", port), timeout=5) as connection:
                connection.sendall(METADATA)
                answer = connection.recv(12, socket.MSG_WAITALL)  # size, correlation id, count of brokers
                if len(answer) == 12 and struct.unpack(">iii", answer)[2] > 0:
                    return time.perf_counter()
        except OSError:
            pass
        time.sleep(0.001)
    raise SystemExit(f"bench: no Metadata answer on port {port} within {START_LIMIT_S} s")


class Broker:
    """Serving on a clean, formatted directory once constructed. `first_start_ms` includes the formatting: the peer's tool
    does it beforehand, Gregor at its first start."""

    def __init__(self, variant: Variant, folder: Path, port: int, cpus: set[int], gregor: Path):
        self.folder, self.port, self.cpus = folder, port, cpus
        folder.mkdir(parents=True)
        properties = self._write_properties(variant)
        self.command = [PEER, "start", properties] if variant.is_peer else [gregor, "serve", properties]
        for override in variant.overrides:
            self.command += ["--override", override]
        if variant.is_peer:
            started = time.perf_counter()
            subprocess.run([PEER, "format", properties], check=True, capture_output=True)
            format_ms = (time.perf_counter() - started) * 1000
            self.start_ms = self.start()
            self.first_start_ms = format_ms + self.start_ms
        else:
            self.first_start_ms = self.start()
            self.stop()
            self.start_ms = self.start()

    def start(self) -> float:
        started = time.perf_counter()
        with open(self.folder / "broker.log", "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env={**os.environ, "LOG_DIR": str(self.folder)},
                                            preexec_fn=lambda: os.sched_setaffinity(0, self.cpus))
        self.pid = self.process.pid
        return (first_metadata_answer(self.port, started + START_LIMIT_S) - started) * 1000

    def _write_properties(self, variant: Variant) -> Path:
        """The peer's own sample with this run's ports and folder, and with Kafka's wait for more members before a first
        rebalance: the same file for every broker."""
        text = (ROOT / "tools/peer/combined.properties").read_text()
        text = text.replace(":9092", f":{self.port}").replace(":9093", f":{self.port + 1}")
        text = text.replace("rebalance.delay.ms=0", "rebalance.delay.ms=3000")
        text = re.sub(r"^log\.dirs=.*$", f"log.dirs={self.folder / 'data'}", text, flags=re.M)
        path = self.folder / "server.properties"
        path.write_text(text)
        return path

    def rss_mib(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+)", status, re.M).group(1)) / 1024

    def memory_of_connections(self, count: int) -> float:
        """MiB more with so many connections that have asked something once and are idle now."""
        before = self.rss_mib()
        connections = [socket.create_connection(("localhost", self.port)) for _ in range(count)]
        try:
            for connection in connections:
                connection.sendall(METADATA)
                size = struct.unpack(">i", connection.recv(4, socket.MSG_WAITALL))[0]
                connection.recv(size, socket.MSG_WAITALL)
            time.sleep(1)
            return self.rss_mib() - before
        finally:
            for connection in connections:
                connection.close()

    def idle(self, seconds: float) -> Idle:
        cpu_ns, switches = self._cpu_ns(), self._voluntary_switches()
        time.sleep(seconds)
        return Idle(self.rss_mib(), (self._cpu_ns() - cpu_ns) / 1e7 / seconds,
                    (self._voluntary_switches() - switches) / seconds)

    def cpu_s(self) -> float:
        return self._cpu_ns() / 1e9

    def _task_files(self, name: str) -> list[str]:
        texts = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                texts.append((task / name).read_text())
            except OSError:
                pass  # the thread has gone
        return texts

    def _cpu_ns(self) -> int:
        return sum(int(text.split()[0]) for text in self._task_files("schedstat"))

    def _voluntary_switches(self) -> int:
        """Each is a sleep, hence a wake-up."""
        return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M).group(1))
                   for text in self._task_files("status"))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
