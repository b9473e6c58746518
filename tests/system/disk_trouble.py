#!/usr/bin/env python3
"""Disks that fill up, die, or turn read-only under load of several clients: producers get an answer that makes them try
again, everything else goes on, a directory that fails takes its own partitions only, and nothing acknowledged is lost.
Needs root and loop devices, and says so where there are none."""

import itertools
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from crash import PARTITIONS, TOPIC, Campaign

from lib import disks, options
from lib.broker import Broker
from lib.loads import PROBE, value_of
from lib.report import Report, expect, expect_equal, say

MIB = 1 << 20
DISK_BYTES = 640 * MIB
RESERVE_BYTES = 64 * MIB
ROOM_BYTES = 16 * MIB  # left above the reserve before the load begins: gone within seconds
HEAL_LIMIT_S = 60
PROBES = itertools.count()
RETRIABLE = {KafkaError.KAFKA_STORAGE_ERROR, KafkaError.REQUEST_TIMED_OUT, KafkaError.NOT_LEADER_FOR_PARTITION,
             KafkaError.LEADER_NOT_AVAILABLE,
             KafkaError._MSG_TIMED_OUT}  # the client's own, when it is told that nobody leads


class TroubledBroker(Broker):
    """A broker whose log directories are each a disk of their own; the first holds the metadata."""

    def __init__(self, flavour: str, name: str, count: int = 1, kind: str = "ext4", **overrides):
        super().__init__(flavour, name, **overrides)
        self.disks = [disks.Disk(self.folder / f"disk{i}.img", self.folder / f"disk{i}", kind, DISK_BYTES)
                      for i in range(count)]
        self.data = self.disks[0].data
        self.overrides["log.dirs"] = ",".join(str(disk.data) for disk in self.disks)
        self.write_properties()

    def __exit__(self, kind, error, trace) -> None:
        self.kill()
        for disk in self.disks:
            disk.remove()
        super().__exit__(kind, error, trace)

    def partitions_on(self, disk: disks.Disk) -> list[int]:
        return [partition for partition in range(PARTITIONS) if (disk.data / f"{TOPIC}-{partition}").exists()]


class Ballast:
    """Bytes that others keep on the same disk."""

    def __init__(self, disk: disks.Disk):
        self.path = disk.folder / "ballast"
        self.folder = disk.folder

    def leave(self, free_bytes: int) -> None:
        """Writes until no more is free; also when the broker takes some meanwhile."""
        with self.path.open("ab", buffering=0) as file:
            while (surplus := self.free_bytes() - free_bytes) > 0:
                try:
                    file.write(bytes(min(MIB, max(surplus, 1024))))
                except OSError:
                    break  # the last blocks are for others
            os.fsync(file.fileno())

    def free_bytes(self) -> int:
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize if os.geteuid() else status.f_bfree * status.f_frsize

    def remove(self) -> None:
        self.path.unlink()


# ---------------------------------------------------------------- what clients see


def produce_once(address: str, partition: int, topic: str = TOPIC) -> KafkaError | None:
    """The broker's first answer to a producer that never tries again."""
    answers = []
    producer = Producer({"bootstrap.servers": address, "acks": "all", "message.send.max.retries": 0, "log_level": 0,
                         "message.timeout.ms": 20_000, "error_cb": lambda error: None})
    value = value_of(PROBE, partition, next(PROBES))
    producer.produce(topic, value, partition=partition, on_delivery=lambda error, _: answers.append(error))
    producer.flush(30)
    expect(answers, f"no answer to a producer for {topic}-{partition}")
    return answers[0]


def wait_for(what: str, condition, limit_s: float = HEAL_LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        expect(time.monotonic() < deadline, f"{what}: not within {limit_s} s")
        time.sleep(0.05)


def acknowledged(campaign: Campaign, partitions) -> list[int]:
    return [sum(len(writer.acknowledged[partition]) for partition in partitions) for writer in campaign.writers]


def expect_progress(campaign: Campaign, what: str, partitions=range(PARTITIONS)) -> None:
    """Every writer gets something acknowledged that it did not have."""
    before = acknowledged(campaign, partitions)
    wait_for(what, lambda: all(now > then for now, then in zip(acknowledged(campaign, partitions), before)))


def read_some(address: str, partition: int) -> int:
    """How many records a consumer gets from the beginning of a partition."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "probe", "enable.auto.commit": False, "log_level": 0,
                         "error_cb": lambda error: None})
    consumer.assign([TopicPartition(TOPIC, partition, OFFSET_BEGINNING)])
    messages = consumer.consume(100, timeout=10)
    consumer.close()
    return sum(message.error() is None for message in messages)


def administer(admin: AdminClient, name: str) -> None:
    """A topic comes, changes, and goes; the records of the load's topic are looked up."""
    for made in admin.create_topics([NewTopic(name, 1)], operation_timeout=20).values():
        made.result(30)
    resource = ConfigResource(ConfigResource.Type.TOPIC, name)
    expect(admin.describe_configs([resource])[resource].result(30), "the topic's settings are told")
    for gone in admin.delete_topics([name], operation_timeout=20).values():
        gone.result(30)
    wait_for(f"topic {name} is gone", lambda: name not in admin.list_topics(timeout=20).topics)


def delete_some_records(admin: AdminClient, topic: str) -> None:
    done = admin.delete_records([TopicPartition(topic, 0, 1)])
    expect_equal([answer.result(30).low_watermark for answer in done.values()], [1], "the low watermark")


@contextmanager
def under_load(broker: Broker, seed: int):
    campaign = Campaign(broker, seed, with_java=False)
    campaign.start()
    try:
        campaign.wait_for_readers()
        yield campaign
    finally:
        campaign.finish()


def verify(campaign: Campaign) -> None:
    """Kafka answers before its disk has the records, and may lose them."""
    if campaign.broker.flavour == "peer":
        return
    campaign.verify_writers()
    for reader in campaign.readers:
        campaign.verify_reader(reader)


# ---------------------------------------------------------------- a disk that fills up


def beside(broker: Broker) -> AdminClient:
    """A topic that the load does not touch, with some records."""
    admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
    admin.create_topics([NewTopic("beside", 1)])["beside"].result(30)
    for _ in range(3):
        expect_equal(produce_once(broker.address, 0, "beside"), None, "the answer while all is well")
    return admin


def others_fill_the_disk(flavour: str, seed: int) -> None:
    """Down to the reserve: only producers notice."""
    with TroubledBroker(flavour, "disk-full", gregor__disk__reserve__bytes=RESERVE_BYTES) as broker:
        ballast, admin = Ballast(broker.disks[0]), beside(broker)
        with under_load(broker, seed) as campaign:
            expect_progress(campaign, "writing before")
            ballast.leave(RESERVE_BYTES + ROOM_BYTES)
            wait_for("producers are told", lambda: produce_once(broker.address, 0) is not None)
            error = produce_once(broker.address, 1)
            expect(error is not None and error.code() in RETRIABLE, f"the answer of a full disk is {error}")
            say(f"a producer is told: {error}; {ballast.free_bytes() // MIB} MiB are free")
            administer(admin, "made-without-space")
            delete_some_records(admin, "beside")
            expect(read_some(broker.address, 0) > 0, "a consumer reads")
            expect("disk_reserve_reached" in broker.log(1000), "the log names the full disk")
            ballast.remove()
            expect_progress(campaign, "writing afterwards")
        verify(campaign)


def others_fill_it_to_the_brim(flavour: str, seed: int) -> None:
    """The reserve, too, for a while; then the broker is killed, and what it had acknowledged is there."""
    with TroubledBroker(flavour, "disk-brim", gregor__disk__reserve__bytes=0) as broker:
        ballast = Ballast(broker.disks[0])
        with under_load(broker, seed) as campaign:
            expect_progress(campaign, "writing before")
            ballast.leave(0)
            wait_for("producers are told", lambda: produce_once(broker.address, 0) is not None)
            say(f"{ballast.free_bytes()} bytes are free; a producer is told: {produce_once(broker.address, 1)}")
            expect(broker.is_alive(), f"the broker has left:\n{broker.log()}")
            expect(read_some(broker.address, 0) > 0, "a consumer reads")
            ballast.remove()
            expect_progress(campaign, "writing goes on by itself when there is space again")
            ballast.leave(0)
            wait_for("producers are told again", lambda: produce_once(broker.address, 0) is not None)
            broker.kill()
            ballast.remove()
            broker.start()
            expect_progress(campaign, "writing after a death on a full disk")
        verify(campaign)


def starts_on_a_full_disk(flavour: str, seed: int) -> None:
    """A broker that died comes up while there is no space, and serves readers."""
    with TroubledBroker(flavour, "disk-start", gregor__disk__reserve__bytes=RESERVE_BYTES) as broker:
        ballast = Ballast(broker.disks[0])
        with under_load(broker, seed) as campaign:
            expect_progress(campaign, "writing before")
            broker.kill()
            ballast.leave(RESERVE_BYTES // 2)
            broker.start()
            expect(read_some(broker.address, 0) > 0, "a consumer reads")
            error = produce_once(broker.address, 0)
            expect(error is not None and error.code() in RETRIABLE, f"the answer of a full disk is {error}")
            ballast.remove()
            expect_progress(campaign, "writing afterwards")
        verify(campaign)


# ---------------------------------------------------------------- a disk that dies


def die(disk: disks.Disk) -> None:
    disk.shut_down()


def turn_read_only(disk: disks.Disk) -> None:
    """As ext4 does when it meets something that it cannot believe."""
    Path(f"/sys/fs/ext4/{disk.device()}/trigger_fs_error").write_text("1")


def one_directory_fails(flavour: str, seed: int, how, kind: str) -> None:
    with TroubledBroker(flavour, "disk-fails", count=2, kind=kind) as broker:
        sound, broken = broker.disks
        if how is turn_read_only:
            disks.run("mount", "-o", "remount,errors=remount-ro", broken.folder)
        with under_load(broker, seed) as campaign:
            expect_progress(campaign, "writing before")
            here, there = broker.partitions_on(sound), broker.partitions_on(broken)
            expect(here and there, f"each directory has partitions: {here}, {there}")
            how(broken)
            wait_for("producers are told", lambda: produce_once(broker.address, there[0]) is not None)
            error = produce_once(broker.address, there[0])
            expect(error is not None and error.code() in RETRIABLE, f"the answer of a dead directory is {error}")
            say(f"partitions {there} are offline, a producer is told: {error}")
            expect_progress(campaign, f"writing to partitions {here} goes on", here)
            expect(read_some(broker.address, here[0]) > 0, "the others are read")
            administer(campaign.admin, "made-on-the-sound-one")
            broker.kill()
            broken.unmount()
            if how is turn_read_only:
                broken.repair()
            broken.mount()
            broker.start()
            expect_progress(campaign, "writing afterwards")
        verify(campaign)


def the_only_directory_fails(flavour: str, seed: int) -> None:
    with TroubledBroker(flavour, "disk-only") as broker:
        disk = broker.disks[0]
        with under_load(broker, seed) as campaign:
            expect_progress(campaign, "writing before")
            disk.shut_down()
            wait_for("the broker gives up", lambda: not broker.is_alive(), 60)
            expect_equal(broker.process.returncode, 1, "its exit code")
            disk.unmount()
            disk.mount()
            broker.start()
            expect_progress(campaign, "writing afterwards")
        verify(campaign)


CASES = {
    "others fill the disk down to the reserve": (others_fill_the_disk, ("gregor",)),
    "others fill the disk to the brim": (others_fill_it_to_the_brim, ("gregor",)),
    "a start on a full disk": (starts_on_a_full_disk, ("gregor",)),
    "one of two directories dies: EIO": (lambda *known: one_directory_fails(*known, die, "xfs"), ("gregor", "peer")),
    "one of two directories turns read-only": (lambda *known: one_directory_fails(*known, turn_read_only, "ext4"),
                                               ("gregor", "peer")),
    "the only directory dies": (the_only_directory_fails, ("gregor", "peer")),
}


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    chosen = parser.parse_args()
    report = Report("disk trouble")
    if reason := disks.why_not():
        report.skip("everything", reason)
        return report.finish()
    disks.enter_namespace()
    for name, (case, flavours) in CASES.items():
        if chosen.broker in flavours and chosen.only in name:
            report.run(name, case, chosen.broker, chosen.seed)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
