#!/usr/bin/env python3
"""The README's program with stock kafka-python: its first run prints nothing, because a new group starts at the end of
the topic; the second goes on where the first was assigned; while it runs, every message is printed once."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))

from lib import options  # noqa: E402
from lib.broker import Broker  # noqa: E402
from lib.report import Report, expect, expect_equal  # noqa: E402

PROGRAM = """
from kafka import KafkaProducer, KafkaConsumer
producer = KafkaProducer(bootstrap_servers='{address}')
producer.send('test_topic', b'Hello, Kafka!')
consumer = KafkaConsumer('test_topic', group_id='test_group', bootstrap_servers='{address}')
for msg in consumer:
    print(msg.value)
"""
GREETING = "b'Hello, Kafka!'"
ASSIGNED_S = 10
REJOIN_LIMIT_S = 60  # the first run's member is only dead when its session times out


class Run:
    """One run of the program, and the lines that it has printed."""

    def __init__(self, address: str):
        self.process = subprocess.Popen([sys.executable, "-u", "-c", PROGRAM.format(address=address)], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.lines: list[str] = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def wait_for(self, count: int, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while len(self.lines) < count and time.monotonic() < deadline:
            time.sleep(0.1)

    def end(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def first_run(broker: Broker) -> None:
    run = Run(broker.address)
    try:
        wait_until_assigned(broker.address)
        time.sleep(ASSIGNED_S)
        expect_equal(run.lines, [], "lines of the first run")
        expect(run.process.poll() is None, "the program has ended")
    finally:
        run.end()


def wait_until_assigned(address: str, limit_s: float = 30) -> None:
    deadline = time.monotonic() + limit_s
    with KafkaAdminClient(bootstrap_servers=address) as admin:
        while not is_stable(admin):
            expect(time.monotonic() < deadline, f"the group is not stable within {limit_s} s")
            time.sleep(0.2)


def is_stable(admin: KafkaAdminClient) -> bool:
    try:
        return admin.describe_groups(["test_group"])["test_group"]["group_state"] == "Stable"
    except KafkaError:  # a new broker makes the topic of the offsets first
        return False


def second_run(broker: Broker) -> None:
    run = Run(broker.address)
    try:
        run.wait_for(1, REJOIN_LIMIT_S)
        expect_equal(run.lines, [GREETING], "lines of the second run")
        producer = KafkaProducer(bootstrap_servers=broker.address)
        for i in range(20):
            producer.send("test_topic", b"%d" % i)
        producer.close(timeout=10)
        run.wait_for(21, 10)
        time.sleep(1)
        expect_equal(run.lines, [GREETING] + [f"b'{i}'" for i in range(20)], "lines of the second run")
    finally:
        run.end()


def main() -> int:
    chosen = options.parser(__doc__).parse_args()
    report = Report("program")
    with Broker(chosen.broker, "program") as broker:
        report.run("the first run prints nothing", first_run, broker)
        report.run("the second prints the line once, then each new message once", second_run, broker)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
