#!/usr/bin/env python3
"""kminion and kafka_exporter, which watch a Kafka cluster for Prometheus: the same topics and groups on both brokers, and the same
metrics exposed of them, names, labels and values; addresses and ids aside. The exporters are Go modules, installed through the
module proxy into .cache/exporters; KMINION and KAFKA_EXPORTER name binaries to take instead."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lib import options
from lib.broker import ROOT, Broker, free_port, scratch
from lib.report import Report, expect, expect_equal, say

CACHE = ROOT / ".cache" / "exporters"
LIMIT_S = 60
TOPICS = {"plain": 3, "compacted": 1, "empty": 2}
GROUPS = ("readers", "others")
OWN = ("go_", "process_", "promhttp_", "kafka_exporter_build_info", "kminion_exporter", "kminion_build_info",  # of the exporter itself
       "kafka_requests_sent_total", "kafka_requests_received_total", "kafka_sent_bytes", "kafka_received_bytes")  # and of kminion's client
INTERNAL = re.compile(r'topic(_name)?="__')


@dataclass
class Exporter:
    name: str
    module: str
    arguments: Callable  # of the broker's address and the port to serve
    environment: Callable
    wanted: tuple  # metrics that a whole answer has
    path: Path | None = None
    reason: str = ""
    seen: dict = field(default_factory=dict)  # by flavour


def kminion_environment(address: str, port: int) -> dict:
    return {"KAFKA_BROKERS": address, "EXPORTER_HOST": "127.0.0.1", "EXPORTER_PORT": str(port), "LOGGER_LEVEL": "warn",
            "MINION_CONSUMERGROUPS_SCRAPEMODE": "adminApi"}


def exporters() -> list[Exporter]:
    return [
        Exporter("kminion", "github.com/cloudhut/kminion/v2@v2.1.0", lambda address, port: [], kminion_environment,
                 ("kminion_kafka_consumer_group_topic_lag", "kminion_kafka_topic_partition_high_water_mark",
                  "kminion_kafka_broker_log_dir_size_total_bytes")),
        Exporter("kafka_exporter", "github.com/danielqsj/kafka_exporter@v1.9.0",
                 lambda address, port: [f"--kafka.server={address}", f"--web.listen-address=127.0.0.1:{port}"],
                 lambda address, port: {},
                 ("kafka_consumergroup_lag", "kafka_topic_partition_current_offset", "kafka_topic_partition_oldest_offset"))]


def install(exporter: Exporter) -> None:
    """Once; what the proxy does not offer has a reason instead of a path."""
    variable = exporter.name.upper()
    if variable in os.environ:
        exporter.path = Path(os.environ[variable])
        return
    found = next(CACHE.glob(f"{exporter.module.replace('/', '_')}/*"), None)
    if not found:
        toolchain = subprocess.run([ROOT / "tests" / "conformance" / "clients" / "toolchain.sh", "go"], check=True, text=True,
                                   stdout=subprocess.PIPE).stdout.strip()
        folder = CACHE / exporter.module.replace("/", "_")
        done = subprocess.run([Path(toolchain) / "bin" / "go", "install", exporter.module], text=True, stderr=subprocess.PIPE,
                              env=os.environ | {"GOBIN": str(folder), "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"})
        found = next(folder.glob("*"), None) if done.returncode == 0 else None
        exporter.reason = done.stderr.strip().splitlines()[-1] if done.returncode else "nothing was installed"
    exporter.path = found


# ---- what there is to see

def fill(broker: Broker) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address})
    for future in admin.create_topics([NewTopic(name, partitions, 1, config={"cleanup.policy": "compact"} if name == "compacted" else {})
                                       for name, partitions in TOPICS.items()]).values():
        future.result()
    producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 0})
    for number in range(30):
        for name in ("plain", "compacted"):
            producer.produce(name, f"value {number}", f"key {number}", partition=number % TOPICS[name])
        producer.flush()  # a batch each, so that both brokers store the same bytes
    for place, group in enumerate(GROUPS):
        consumer = Consumer({"bootstrap.servers": broker.address, "group.id": group})
        consumer.commit(offsets=[TopicPartition(name, index, 3 + place) for name in ("plain", "compacted")
                                 for index in range(TOPICS[name])], asynchronous=False)
        consumer.close()


def member(broker: Broker) -> Consumer:
    """Of a group that is stable while the exporters look at it."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "stable", "client.id": "member"})
    consumer.subscribe(["plain"])
    deadline = time.monotonic() + LIMIT_S
    while not consumer.assignment():
        expect(time.monotonic() < deadline, "a consumer got no assignment")
        consumer.poll(0.2)
    consumer.commit(offsets=[TopicPartition("plain", index, 5) for index in range(TOPICS["plain"])], asynchronous=False)
    return consumer


# ---- what the exporter says of it

def scrape(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=LIMIT_S) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def metrics(text: str, broker: Broker) -> list[str]:
    """A line for each metric, sorted. Sizes of internal topics depend on when their coordinators wrote; kminion guesses the version
    from the APIs, which api_table.py compares."""
    found = set()
    for line in text.splitlines():
        if not line or line.startswith(("#", *OWN)):
            continue
        line = line.replace(broker.address, "ADDRESS").replace(str(broker.port), "PORT")
        line = re.sub(r'cluster_(id|version)="[^"]*"', r'cluster_\1="ASIDE"', line)
        if INTERNAL.search(line) or "broker_log_dir_size" in line:
            line = re.sub(r" [\d.e+]+$", " N", line)
        found.add(line)
    return sorted(found)


def watch(exporter: Exporter, broker: Broker) -> list[str]:
    port, folder = free_port(), scratch(exporter.name)
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen([exporter.path, *exporter.arguments(broker.address, port)], stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, env=os.environ | exporter.environment(broker.address, port))
        try:
            deadline = time.monotonic() + LIMIT_S
            while not all(name in (text := scrape(port)) for name in exporter.wanted):
                tail = "\n".join((folder / "log").read_text().splitlines()[-8:])
                expect(time.monotonic() < deadline and process.poll() is None, f"no whole answer; it says:\n{tail}\n{text[-500:]}")
                time.sleep(0.5)
        finally:
            process.kill()
            process.wait()
    return metrics(text, broker)


def see(found: list[Exporter], flavour: str) -> None:
    with Broker(flavour, f"exporters-{flavour}", auto__create__topics__enable="false") as broker:
        fill(broker)
        consumer = member(broker)
        for exporter in found:
            exporter.seen[flavour] = watch(exporter, broker)
        consumer.close()


def same(exporter: Exporter) -> None:
    peer, gregor = exporter.seen["peer"], exporter.seen["gregor"]
    say(f"{len(peer)} metrics")
    expect_equal([line for line in gregor if line not in peer], [line for line in peer if line not in gregor],
                 "what only Gregor shows, and what only the peer")


def main() -> int:
    options.parser(__doc__).parse_args()
    report, skipped = Report("exporters"), 0
    found = exporters()
    for exporter in list(found):
        install(exporter)
        if not exporter.path:
            found.remove(exporter)
            skipped += 1
            print(f"skip {exporter.name}: {exporter.reason}", flush=True)
    for flavour in ("peer", "gregor") if found else ():
        report.run(f"{flavour} is watched", see, found, flavour)
    for exporter in found:
        if len(exporter.seen) == 2:
            report.run(f"{exporter.name} shows of Gregor what it shows of Kafka", same, exporter)
    print(f"{report.passed} passed, {report.failed} failed, {skipped} skipped", flush=True)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
