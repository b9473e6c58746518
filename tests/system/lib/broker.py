"""A broker of either flavour, peer or gregor, started on the same server.properties and data directory."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from lib import wire

ROOT = Path(__file__).resolve().parents[3]
PEER = ROOT / "tools" / "peer" / "kafka"
READY_LIMIT_S = {"peer": 90, "gregor": 20}
STOP_LIMIT_S = 60
PORTS = range(25000, 29000)  # below the range from which the kernel takes ports for outgoing connections

DEFAULTS = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:{controller_port}
listeners=PLAINTEXT://localhost:{port},CONTROLLER://localhost:{controller_port}
advertised.listeners=PLAINTEXT://localhost:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
log.retention.ms=-1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def gregor_binary() -> Path:
    """$GREGOR, else the optimised build, else the developer's."""
    candidates = [Path(os.environ["GREGOR"])] if "GREGOR" in os.environ else [
        ROOT / "build" / preset / "gregor" for preset in ("release", "dev")]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise FileNotFoundError("no gregor binary: ./dev build release gregor")


def free_port(taken: int = 0) -> int:
    for port in random.sample(PORTS, 200):
        if port == taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("localhost", port))
                return port
            except OSError:
                continue
    raise OSError("no free port")


def scratch(name: str) -> Path:
    """An empty folder of its own, removed by whoever is done with it."""
    return Path(tempfile.mkdtemp(prefix=f"gregor-{name}-", dir=os.environ.get("GREGOR_TEST_DIR")))


class Broker:
    """One node: its folder holds the properties, the data and the logs. Used as a context, it leaves nothing behind."""

    def __init__(self, flavour: str, name: str = "broker", **overrides):
        self.flavour = flavour
        self.folder = scratch(name)
        self.data = self.folder / "data"
        self.port = free_port()
        self.controller_port = free_port(taken=self.port)
        self.overrides = overrides
        self.properties = self.folder / "server.properties"
        self.process: subprocess.Popen | None = None
        self.prefix: list[str] = []  # in front of its command
        self.write_properties()

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    def write_properties(self) -> None:
        text = DEFAULTS.format(port=self.port, controller_port=self.controller_port, data=self.data)
        settings = dict(line.split("=", 1) for line in text.splitlines())
        settings |= {key.replace("__", "."): str(value) for key, value in self.overrides.items()}
        self.properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))

    def format(self) -> None:
        """The peer serves formatted directories only; Gregor formats at its first start."""
        subprocess.run([PEER, "format", self.properties], check=True, stdout=subprocess.DEVNULL)

    def command(self) -> list:
        if self.flavour == "peer":
            return [PEER, "start", self.properties]
        return [gregor_binary(), "serve", self.properties]

    def start(self, wait: bool = True) -> "Broker":
        if self.flavour == "peer" and not (self.data / "meta.properties").exists():
            self.format()
        environment = os.environ | {"LOG_DIR": str(self.folder / "peer-logs"), "KAFKA_HEAP_OPTS": "-Xmx512M"}
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(self.prefix + self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment)
        if wait:
            self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_LIMIT_S[self.flavour]
        while wire.broker_count(self.port) == 0:
            if self.process.poll() is not None:
                raise RuntimeError(f"the {self.flavour} left with exit code {self.process.returncode}:\n{self.log()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"the {self.flavour} does not answer:\n{self.log()}")
            time.sleep(0.02)

    def start_ms(self) -> float:
        """Starts it: from the start of the process to a Metadata answer that names the broker."""
        began = time.monotonic()
        self.start(wait=False)
        while wire.broker_count(self.port) == 0:
            if not self.is_alive() or time.monotonic() - began > READY_LIMIT_S[self.flavour]:
                raise RuntimeError(f"the {self.flavour} does not start:\n{self.log()}")
            time.sleep(0.001)
        return (time.monotonic() - began) * 1000

    def cpu_s(self) -> float:
        """User and system time of its process."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def log_path(self) -> Path:
        return self.folder / f"{self.flavour}.log"

    def log(self, lines: int = 20) -> str:
        """The end of what it printed; the peer logs into a file of its own."""
        served = self.folder / "peer-logs" / "server.log"
        path = served if self.flavour == "peer" and served.exists() else self.log_path
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> int:
        """A clean stop; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"the {self.flavour} does not stop within {STOP_LIMIT_S} s:\n{self.log()}") from None

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def status_kib(self, field: str = "VmRSS") -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise KeyError(field)

    def __enter__(self) -> "Broker":
        try:
            return self.start()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def __exit__(self, kind, error, trace) -> None:
        self.kill()
        if kind is None or not os.environ.get("GREGOR_TEST_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)
