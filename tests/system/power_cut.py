#!/usr/bin/env python3
"""A real power cut under load of several clients: the data lie in a file system inside another one, which is shut down
without flushing, so that whatever was not fsynced is gone. Whatever was acknowledged is there, in order, once, and
committed offsets are sound. Needs root and loop devices, and says so where there are none."""

import os
import sys
import time

from crash import PARTITIONS, TOPIC, Campaign, read_partition, rounds

from lib import disks, options
from lib.broker import Broker
from lib.loads import number_of
from lib.report import Report, expect, expect_equal, say

ROUNDS, ROUNDS_LONG = 2, 20
KINDS = ("ext4", "xfs")  # half of the rounds each


class PowerCuts(Campaign):
    """Instead of the broker, the disk dies: the broker may see what that looks like before it is killed."""

    def __init__(self, broker: Broker, disk: disks.NestedDisk, seed: int, with_java: bool):
        super().__init__(broker, seed, with_java)
        self.disk = disk
        self.signals = {"power cut": 0, "SIGKILL while starting": 0}

    def start(self) -> None:
        super().start()
        self.wait_for_readers()

    def stop(self) -> None:
        self.signals["power cut"] += 1
        self.disk.power_cut()
        time.sleep(self.chance.choice((0, 0, 0.1, 1)))
        self.broker.kill()
        self.disk.power_on()


class DiskBroker(Broker):
    """A broker whose data are on a nested disk of their own."""

    def __init__(self, flavour: str, kind: str, **overrides):
        super().__init__(flavour, "power-cut", **overrides)
        self.disk = disks.NestedDisk(self.folder, kind)
        self.data = self.disk.data
        self.write_properties()

    def __exit__(self, kind, error, trace) -> None:
        self.kill()
        self.disk.remove()
        super().__exit__(kind, error, trace)


def disk_forgets(kind: str) -> None:
    """The method works: after a cut the synced half of a file is there, the other is not."""
    with disks.nested(kind) as disk:
        file = disk.inner.folder / "file"
        with file.open("wb", buffering=0) as opened:
            opened.write(b"s" * 4096)
            os.fsync(opened.fileno())
            opened.write(b"n" * 4096)
        disk.power_cut()
        disk.power_on()
        expect_equal(file.read_bytes(), b"s" * 4096, "the file after the cut")


def page_cache_forgets(flavour: str, seed: int) -> None:
    """So does the judgement: a broker that answers before its disk has it loses what it acknowledged."""
    with DiskBroker(flavour, "ext4", gregor__ack__durability="page_cache") as broker:
        campaign = PowerCuts(broker, broker.disk, seed, with_java=False)
        campaign.start()
        known = [[set(numbers) for numbers in writer.acknowledged] for writer in campaign.writers]
        for thread in (*campaign.writers, *campaign.readers):  # not waited for: a broker that forgets confuses them
            thread.stopping.set()
        campaign.stop()
        broker.start()
        lost = 0
        for partition in range(PARTITIONS):
            found = {number_of(value)[::2] for value in read_partition(broker.address, TOPIC, partition)}
            lost += sum((writer.identity, number) not in found
                        for writer, numbers in zip(campaign.writers, known) for number in numbers[partition])
        expect(lost > 0, "nothing was lost")
        say(f"as it should be: {lost} acknowledged records are lost")


def cuts(report: Report, chosen, kind: str, count: int) -> None:
    with DiskBroker(chosen.broker, kind) as broker:
        campaign = PowerCuts(broker, broker.disk, chosen.seed, with_java=chosen.long)
        report.run(f"{kind}: {count} power cuts under load, seed {chosen.seed}", rounds, campaign, count)
        report.run(f"{kind}: every acknowledged record is there, in order, once", campaign.verify_writers)
        if campaign.java:
            report.run(f"{kind}: every record that Java was told of is where it was told", campaign.verify_java)
        for reader in campaign.readers:
            report.run(f"{kind}: what group {reader.group} read and committed", campaign.verify_reader, reader)
        if report.failed:
            print(broker.log(40))


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS}, with --long {ROUNDS_LONG}")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    report = Report("power cut")
    if reason := disks.why_not():
        report.skip("everything", reason)
        return report.finish()
    disks.enter_namespace()
    count = chosen.rounds or (ROUNDS_LONG if chosen.long else ROUNDS)
    for kind in KINDS:
        report.run(f"{kind}: a cut forgets what was not synced, nothing else", disk_forgets, kind)
        cuts(report, chosen, kind, max(1, count // len(KINDS)))
    if chosen.long and chosen.broker == "gregor":
        report.run("with acknowledgements from the page cache, records are lost", page_cache_forgets, chosen.broker, chosen.seed)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
