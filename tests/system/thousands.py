#!/usr/bin/env python3
"""Thousands of topics and partitions: what creating, describing, altering and deleting them costs the broker, in CPU
seconds of its process."""

import os
import struct
import sys
import time

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic

from lib import options, peer_tool, wire
from lib.broker import Broker
from lib.report import Report, expect, expect_equal, say

TICKS = os.sysconf("SC_CLK_TCK")
LIMIT_S = 300
METADATA_MS_MAX = 5


def cpu_s(broker):
    """User and system time of the broker's process, in s."""
    fields = open(f"/proc/{broker.process.pid}/stat").read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Meter:
    def __init__(self, broker):
        self.broker = broker
        self.figures = {}

    def run(self, what, work):
        before, started = cpu_s(self.broker), time.monotonic()
        result = work()
        time.sleep(1)  # what the answer does not wait for
        self.figures[what] = cpu_s(self.broker) - before
        say(f"{what}: {self.figures[what]:.2f} CPU s, {time.monotonic() - started - 1:.2f} s")
        return result


def topic_count(admin):
    return len(admin.list_topics(timeout=60).topics)


def wait_for(admin, count):
    deadline = time.monotonic() + LIMIT_S
    while topic_count(admin) != count:
        expect(time.monotonic() < deadline, f"there are {topic_count(admin)} topics, not {count}")
        time.sleep(0.5)


def many_topics(meter, broker):
    admin = AdminClient({"bootstrap.servers": broker.address, "request.timeout.ms": LIMIT_S * 1000,
                         "socket.timeout.ms": LIMIT_S * 1000})
    topics = [NewTopic(f"t{i}", 3, 1) for i in range(1000)]
    def create():
        for created in admin.create_topics(topics, operation_timeout=LIMIT_S, request_timeout=LIMIT_S).values():
            created.result(LIMIT_S)
    meter.run("create 1,000 topics of 3 partitions", create)
    wait_for(admin, 1000)
    more = [NewTopic(f"u{i}", 1, 1) for i in range(4000)]
    for start in range(0, len(more), 1000):
        for created in admin.create_topics(more[start:start + 1000], request_timeout=LIMIT_S).values():
            created.result(LIMIT_S)
    wait_for(admin, 5000)
    asks = 20
    def metadata():
        with wire.connect(broker.port, 60) as connection:
            for _ in range(asks):
                wire.ask(connection, wire.header(wire.METADATA, 1) + struct.pack(">i", -1))
    meter.run(f"metadata of 5,000 topics, {asks} times", metadata)
    each_ms = meter.figures[f"metadata of 5,000 topics, {asks} times"] / asks * 1000
    say(f"one metadata answer: {each_ms:.1f} CPU ms")
    if broker.flavour == "gregor" and "release" in str(broker.command()[0]):
        expect(each_ms <= METADATA_MS_MAX, f"a metadata answer of 5,000 topics takes {each_ms:.1f} CPU ms")
    def alter():
        entry = ConfigEntry("retention.ms", "100000", incremental_operation=AlterConfigOpType.SET)
        resources = [ConfigResource(ConfigResource.Type.TOPIC, f"t{i}", incremental_configs=[entry]) for i in range(1000)]
        for altered in admin.incremental_alter_configs(resources, request_timeout=LIMIT_S).values():
            altered.result(LIMIT_S)
    meter.run("alter the configs of 1,000 topics", alter)
    def delete():
        names = [f"t{i}" for i in range(1000)] + [f"u{i}" for i in range(4000)]
        for start in range(0, len(names), 1000):
            for deleted in admin.delete_topics(names[start:start + 1000], request_timeout=LIMIT_S).values():
                deleted.result(LIMIT_S)
        wait_for(admin, 0)
    meter.run("delete 5,000 topics", delete)


def many_partitions(meter, broker):
    def topics(*words):
        printed = peer_tool.run("topics", "--bootstrap-server", broker.address, *words)
        return printed
    meter.run("kafka-topics creates 5,000 partitions",
              lambda: topics("--create", "--topic", "wide", "--partitions", "5000"))
    described = meter.run("kafka-topics describes them", lambda: topics("--describe", "--topic", "wide"))
    expect_equal(described.count("Leader: 1"), 5000, "partitions with a leader")
    admin = AdminClient({"bootstrap.servers": broker.address})
    meter.run("500 partitions more",
              lambda: admin.create_partitions([NewPartitions("wide", 5500)])["wide"].result(LIMIT_S))
    meter.run("kafka-topics deletes them", lambda: topics("--delete", "--topic", "wide"))
    wait_for(admin, 0)
    folders = [each for each in broker.data.iterdir() if each.name.startswith("wide-")]
    deadline = time.monotonic() + 120
    while folders and time.monotonic() < deadline:  # the peer keeps them for a minute
        time.sleep(1)
        folders = [each for each in broker.data.iterdir() if each.name.startswith("wide-")]
    expect_equal(len(folders), 0, "folders that stay")


def main() -> int:
    arguments = options.parser(__doc__).parse_args()
    report = Report(f"thousands {arguments.broker}")
    with Broker(arguments.broker, "thousands", log__segment__delete__delay__ms=1000,
                max__request__partition__size__limit=10000) as broker:
        meter = Meter(broker)
        report.run("many topics", many_topics, meter, broker)
        report.run("many partitions", many_partitions, meter, broker)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
