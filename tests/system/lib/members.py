"""Members of consumer groups as processes of their own: they can be stopped, killed and restarted with the other protocol."""

import json
import os
import signal
import subprocess
import sys
import threading
import time


class Member:
    """One process with one consumer. It prints what it is assigned and what it reads, one JSON object a line."""

    def __init__(self, address: str, group: str, *topics: str, protocol: str = "consumer", **configs):
        self.assigned: set[tuple[str, int]] = set()
        self.values: list[str] = []
        self.errors: list[str] = []
        options = {"address": address, "group": group, "topics": topics, "protocol": protocol,
                   "configs": {key.replace("_", "."): value for key, value in configs.items()}}
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), json.dumps(options)],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        for line in self.process.stdout:
            event = json.loads(line)
            if "assigned" in event:
                self.assigned = {tuple(at) for at in event["assigned"]}
            elif "value" in event:
                self.values.append(event["value"])
            else:
                self.errors.append(event["error"])

    def leave(self) -> None:
        """Commits, leaves its group and ends."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)
        self.assigned = set()

    def die(self) -> None:
        self.process.kill()
        self.process.wait()
        self.assigned = set()


def wait_for(what: str, condition, limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {limit_s} s: {what}")
        time.sleep(0.05)


def owns_all_once(members: list[Member], partitions: set[tuple[str, int]]) -> bool:
    """Whether every partition has exactly one owner, and everybody has some."""
    owned = [at for member in members for at in member.assigned]
    return len(owned) == len(partitions) and set(owned) == partitions and all(member.assigned for member in members)


def wait_until_divided(members: list[Member], partitions: set[tuple[str, int]], limit_s: float = 60) -> None:
    try:
        wait_for("every partition has one owner", lambda: owns_all_once(members, partitions), limit_s)
    except TimeoutError as error:
        seen = [sorted(member.assigned) for member in members]
        raise TimeoutError(f"{error}: {seen}, errors {[member.errors[-3:] for member in members]}") from None


def run_member(options: dict) -> None:
    from confluent_kafka import Consumer  # only the process itself needs it

    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())

    def tell(**event) -> None:
        print(json.dumps(event), flush=True)

    configs = {"bootstrap.servers": options["address"], "group.id": options["group"], "auto.offset.reset": "earliest",
               "group.protocol": options["protocol"], "enable.auto.commit": False, "reconnect.backoff.max.ms": 1000,
               "topic.metadata.refresh.interval.ms": 1000, "error_cb": lambda error: tell(error=str(error))}
    if options["protocol"] == "classic":
        # librdkafka's cooperative-sticky writes data of its own into assignments: no broker upgrades such a group.
        configs |= {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500, "partition.assignment.strategy": "range"}
    consumer = Consumer(configs | options["configs"])
    consumer.subscribe(options["topics"])
    told = None
    while not stopping.is_set():
        message = consumer.poll(0.1)
        assigned = sorted((at.topic, at.partition) for at in consumer.assignment())
        if assigned != told:
            told = assigned
            tell(assigned=assigned)
        if message is None:
            continue
        if message.error():
            tell(error=str(message.error()))
            continue
        try:
            consumer.commit(message, asynchronous=False)
        except Exception as error:  # fenced meanwhile: somebody else reads it again
            tell(error=str(error))
            continue
        tell(value=message.value().decode())
    consumer.close()


if __name__ == "__main__":
    run_member(json.loads(sys.argv[1]))
