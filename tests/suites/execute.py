"""Runs the units of a suite against one broker, some at a time, each as a process group of its own."""

import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lib.broker import Broker
from suite import PROFILE, Place, Suite, Unit, Verdict


class Execution:
    """The processes of one run; leaving it ends those that still run."""

    def __init__(self, suite: Suite, flavour: str, folder: Path, report):
        self.suite = suite
        self.flavour = flavour
        self.folder = folder
        self.report = report  # called with a unit and its verdicts, one call at a time
        self.running: set[subprocess.Popen] = set()
        self.lock = threading.Lock()
        self.stopped = False

    def run(self, units: list[Unit]) -> None:
        """A broker for each configuration that the units ask for."""
        for overrides in dict.fromkeys(unit.overrides for unit in units):
            self.with_broker(dict(overrides), [unit for unit in units if unit.overrides == overrides])

    def with_broker(self, overrides: dict, units: list[Unit]) -> None:
        with Broker(self.flavour, f"suite-{self.suite.name}", **(PROFILE | overrides)) as broker:
            self.stopped = False
            pool = ThreadPoolExecutor(self.suite.jobs)
            try:
                for job in [pool.submit(self.unit, unit, broker) for unit in units if not unit.alone]:
                    job.result()
                for unit in units:
                    if unit.alone:
                        self.unit(unit, broker)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                self.stop()

    def unit(self, unit: Unit, broker: Broker) -> None:
        if not broker.is_alive():
            raise RuntimeError(f"the {self.flavour} is gone:\n{broker.log(40)}")
        place = Place(broker.address, self.folder / unit.name.replace("/", "_"))
        place.folder.mkdir(parents=True)
        started = time.monotonic()
        problem = self.process(unit, place)
        output = (place.folder / "log").read_text(errors="replace")
        verdicts = self.suite.verdicts(unit, place, output)
        seconds = time.monotonic() - started
        for name in unit.tests or () if verdicts else (unit.name,):
            verdicts.setdefault(name, Verdict("failed", seconds, problem or "reported nothing"))
        with self.lock:
            self.report(unit, verdicts)

    def process(self, unit: Unit, place: Place) -> str:
        """Runs it to its end or its limit; why its own report cannot be whole."""
        call = self.suite.call(unit, place)
        with (place.folder / "log").open("wb") as log, self.lock:
            if self.stopped:
                return "not started"
            process = subprocess.Popen(call.command, cwd=call.folder, env=call.environment, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True)
            self.running.add(process)
        try:
            process.wait(timeout=unit.limit_s)
            return f"left with exit code {process.returncode}" if process.returncode else ""
        except subprocess.TimeoutExpired:
            return f"did not end within {unit.limit_s} s"
        finally:
            self.end(process)

    def end(self, process: subprocess.Popen) -> None:
        with self.lock:
            self.running.discard(process)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()

    def stop(self) -> None:
        with self.lock:
            self.stopped = True
            running = list(self.running)
        for process in running:
            self.end(process)
