#!/usr/bin/env python3
"""A disk without a byte left and a process without a file handle: producers are refused in a way that lets them try again,
readers are served, nothing acknowledged is lost, and everything goes on when there is room. Needs root, for a small tmpfs."""

import os
import resource
import subprocess
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lib import options
from lib.broker import Broker
from lib.report import Report, expect, expect_equal, say

DISK_MIB, BALLAST_MIB = 64, 24
VALUE_BYTES = 20_000


class Log:
    """What one producer was told about one partition."""

    def __init__(self, broker: Broker, topic: str):
        self.broker, self.topic = broker, topic
        self.acknowledged: list[bytes] = []
        self.errors: list[str] = []
        self.number = 0
        admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
        admin.create_topics([NewTopic(topic, 1)])[topic].result(30)

    def on_delivery(self, error, message) -> None:
        if error:
            self.errors.append(str(error))
        else:
            self.acknowledged.append(message.value())

    def produce(self, count: int, timeout_ms: int = 2000) -> None:
        producer = Producer({"bootstrap.servers": self.broker.address, "acks": "all", "linger.ms": 0, "log_level": 0,
                             "message.timeout.ms": timeout_ms, "max.in.flight": 1})
        for _ in range(count):
            value = b"%08d" % self.number + bytes(VALUE_BYTES)
            self.number += 1
            producer.produce(self.topic, value, partition=0, on_delivery=self.on_delivery)
            producer.poll(0)
        producer.flush(60)

    def verify(self) -> None:
        """Whatever was acknowledged is there, in its order; an unanswered record may be, too."""
        consumer = Consumer({"bootstrap.servers": self.broker.address, "group.id": "verifier", "check.crcs": True,
                             "log_level": 0})
        end = consumer.get_watermark_offsets(TopicPartition(self.topic, 0), timeout=30)[1]
        consumer.assign([TopicPartition(self.topic, 0, OFFSET_BEGINNING)])
        seen: list[bytes] = []
        deadline = time.monotonic() + 60
        while len(seen) < end:
            expect(time.monotonic() < deadline, f"read {len(seen)} of {end}")
            for message in consumer.consume(1000, timeout=1):
                expect_equal(message.error(), None, "error of a fetch")
                seen.append(message.value())
        consumer.close()
        told = set(self.acknowledged)
        expect_equal([value for value in seen if value in told][:len(told) + 1], self.acknowledged, "acknowledged records")


def no_complaint(broker: Broker) -> None:
    expect(broker.is_alive(), f"the broker has left:\n{broker.log()}")
    expect("offline" not in broker.log_path.read_text(), f"a directory is offline:\n{broker.log(40)}")


def full_disk(broker: Broker) -> None:
    log = Log(broker, "full")
    ballast = broker.data / "ballast"
    ballast.write_bytes(bytes(BALLAST_MIB << 20))
    log.produce(DISK_MIB * (1 << 20) // VALUE_BYTES)
    expect(log.errors and log.acknowledged, f"{len(log.acknowledged)} acknowledged, {len(log.errors)} refused")
    say(f"{len(log.acknowledged)} acknowledged, {len(log.errors)} refused: {log.errors[0]}")
    expect_equal(os.statvfs(broker.data).f_bavail < 512, True, "hardly a page is free")
    no_complaint(broker)
    log.verify()
    ballast.unlink()
    before = len(log.acknowledged)
    log.produce(100, timeout_ms=30_000)
    expect_equal(len(log.acknowledged) - before, 100, "acknowledged once there is space")
    log.verify()
    broker.kill()
    broker.start()
    log.verify()
    no_complaint(broker)


def killed_when_full(broker: Broker) -> None:
    log = Log(broker, "killed")
    ballast = broker.data / "ballast"
    ballast.write_bytes(bytes(BALLAST_MIB << 20))
    log.produce(DISK_MIB * (1 << 20) // VALUE_BYTES)
    expect(bool(log.errors), "the disk is not full")
    broker.kill()
    ballast.unlink()
    broker.start()
    log.verify()
    log.produce(50, timeout_ms=30_000)
    log.verify()
    no_complaint(broker)


def no_handles(broker: Broker) -> None:
    logs = [Log(broker, f"handles-{number}") for number in range(20)]
    for log in logs:
        log.produce(2, timeout_ms=30_000)
    time.sleep(3)  # they are let go, and have no file open
    in_use = len(os.listdir(f"/proc/{broker.process.pid}/fd"))
    limits = resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE, (in_use + 3, limits[1]))  # for a connection
    for log in logs[:5]:
        log.produce(2)
    refused = sum(len(log.errors) for log in logs)
    no_complaint(broker)
    resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE, limits)
    say(f"{refused} records were refused for want of handles")
    for log in logs:
        before = len(log.acknowledged)
        log.produce(2, timeout_ms=30_000)
        expect_equal(len(log.acknowledged) - before, 2, "acknowledged with handles")
        log.verify()
    no_complaint(broker)


def with_small_disk(case) -> None:
    broker = Broker("gregor", "no-room", gregor__disk__reserve__bytes=0, gregor__partition__idle__ms=500,
                    log__segment__bytes=1 << 20)
    broker.data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "gregor-test", broker.data], check=True)
    try:
        with broker:
            case(broker)
    finally:
        broker.kill()
        subprocess.run(["umount", broker.data], check=True)


def main() -> int:
    options.parser(__doc__).parse_args()
    report = Report("no room")
    if os.geteuid() != 0:
        say("skipped: a small file system needs root")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    for case in (full_disk, killed_when_full, no_handles):
        report.run(case.__name__.replace("_", " "), with_small_disk, case)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
