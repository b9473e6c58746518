#!/usr/bin/env python3
"""Consumer groups of the protocol of KIP-848 with stock clients: members come, leave, die and change their protocol; the
broker is killed; the peer's tools look; and either broker goes on with the groups of the other."""

import re
import subprocess
import sys

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from lib import options, peer_tool
from lib.broker import PEER, Broker
from lib.members import Member, wait_for, wait_until_divided
from lib.report import Report, expect, expect_equal

PARTITIONS = 6
SETTINGS = {
    "group.consumer.session.timeout.ms": 6000, "group.consumer.min.session.timeout.ms": 6000,
    "group.consumer.heartbeat.interval.ms": 500, "group.consumer.min.heartbeat.interval.ms": 500,
    "group.initial.rebalance.delay.ms": 0, "offsets.topic.num.partitions": 4,
}


def partitions_of(topic: str, count: int = PARTITIONS) -> set[tuple[str, int]]:
    return {(topic, i) for i in range(count)}


def create(broker: Broker, topic: str, partitions: int = PARTITIONS) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)


class Source:
    """Writes numbered values, round robin."""

    def __init__(self, broker: Broker, topic: str):
        self.topic, self.count = topic, 0
        self.producer = Producer({"bootstrap.servers": broker.address, "reconnect.backoff.max.ms": 500})

    def send(self, count: int) -> None:
        for _ in range(count):
            self.producer.produce(self.topic, f"value {self.count}", partition=self.count % PARTITIONS)
            self.count += 1
        expect_equal(self.producer.flush(60), 0, "values that were not acknowledged")

    def expect_read(self, members: list[Member], limit_s: float = 60) -> None:
        wanted = {f"value {i}" for i in range(self.count)}
        seen = lambda: {value for member in members for value in member.values}
        wait_for(f"all {self.count} values are read", lambda: seen() >= wanted, limit_s)


def group_of_three(broker: Broker, protocol: str) -> None:
    topic = group = f"three-{protocol}"
    create(broker, topic)
    source = Source(broker, topic)
    source.send(60)
    members = [Member(broker.address, group, topic, protocol=protocol)]
    try:
        wait_until_divided(members, partitions_of(topic))
        members += [Member(broker.address, group, topic, protocol=protocol) for _ in range(2)]
        wait_until_divided(members, partitions_of(topic))
        wait_for("everybody has two", lambda: {len(member.assigned) for member in members} == {2})
        source.send(60)
        source.expect_read(members)
        members[0].leave()
        wait_until_divided(members[1:], partitions_of(topic))
        members[1].die()
        wait_until_divided(members[2:], partitions_of(topic))
        source.send(60)
        source.expect_read(members)
    finally:
        for member in members:
            member.die()


def broker_dies(broker: Broker) -> None:
    topic = group = "broker-dies"
    create(broker, topic)
    source = Source(broker, topic)
    members = [Member(broker.address, group, topic) for _ in range(3)]
    try:
        wait_until_divided(members, partitions_of(topic))
        for turn in range(3):
            source.send(30)
            broker.kill()
            broker.start()
            source.send(30)
            source.expect_read(members)
            wait_until_divided(members, partitions_of(topic))
        members[0].leave()
        broker.kill()  # in the middle of that rebalance
        broker.start()
        wait_until_divided(members[1:], partitions_of(topic))
        source.send(30)
        source.expect_read(members)
        values = [value for member in members for value in member.values]
        expect(len(values) < 2 * source.count, f"{len(values)} deliveries of {source.count} values")
    finally:
        for member in members:
            member.die()


def static_member(broker: Broker) -> None:
    topic = group = "static"
    create(broker, topic)
    others = Member(broker.address, group, topic, group_instance_id="other")
    first = Member(broker.address, group, topic, group_instance_id="one")
    try:
        wait_until_divided([others, first], partitions_of(topic))
        before, kept = first.assigned, others.assigned
        first.leave()  # a static member says that it comes back
        second = Member(broker.address, group, topic, group_instance_id="one")
        wait_until_divided([others, second], partitions_of(topic))
        expect_equal((second.assigned, others.assigned), (before, kept), "what they have")
        second.die()
    finally:
        others.die()
        first.die()


def regular_expression(broker: Broker) -> None:
    for topic in ("regex-a", "regex-b", "other-c"):
        create(broker, topic, 2)
    member = Member(broker.address, "regex", "^regex-.*")
    try:
        wanted = partitions_of("regex-a", 2) | partitions_of("regex-b", 2)
        wait_until_divided([member], wanted)
        create(broker, "regex-d", 2)
        wait_until_divided([member], wanted | partitions_of("regex-d", 2))
    finally:
        member.die()


def topics_change(broker: Broker) -> None:
    topic = group = "grows"
    create(broker, topic, 2)
    member = Member(broker.address, group, topic)
    try:
        wait_until_divided([member], partitions_of(topic, 2))
        peer_tool.run("topics", "--bootstrap-server", broker.address, "--alter", "--topic", topic, "--partitions", 4)
        wait_until_divided([member], partitions_of(topic, 4))
    finally:
        member.die()


def migration(broker: Broker) -> None:
    """Members are restarted one by one with the other protocol, and back, while values flow."""
    topic = group = "migrates"
    create(broker, topic)
    source = Source(broker, topic)
    members = [Member(broker.address, group, topic, protocol="classic") for _ in range(3)]
    gone: list[Member] = []
    try:
        wait_until_divided(members, partitions_of(topic))
        for protocol in ("consumer", "classic"):
            for i in range(3):
                gone.append(members[i])
                members[i].leave()
                members[i] = Member(broker.address, group, topic, protocol=protocol)
                source.send(12)
                wait_until_divided(members, partitions_of(topic))
            source.expect_read(members + gone)
            listed = peer_tool.run("groups", "--bootstrap-server", broker.address, "--list", f"--group-type={protocol}")
            expect(re.search(rf"^{group}\s", listed, re.M) is not None, f"{group} is no {protocol} group: {listed}")
    finally:
        for member in members + gone:
            member.die()


class JavaMember:
    """The peer's kafka-verifiable-consumer."""

    def __init__(self, broker: Broker, group: str, topic: str, protocol: str):
        command = peer_tool.command("verifiable-consumer", "--bootstrap-server", broker.address, "--topic", topic,
                                    "--group-id", group, "--group-protocol", protocol, "--reset-policy", "earliest")
        if protocol == "classic":
            command += ["--session-timeout", "6000", "--assignment-strategy",
                        "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"]
        self.output: list[str] = []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        import threading
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        for line in self.process.stdout:
            self.output.append(line)

    def has(self, text: str) -> bool:
        return any(text in line for line in self.output)

    def leave(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)


def java_migration(broker: Broker) -> None:
    topic = group = "java-migrates"
    create(broker, topic, 2)
    classic = JavaMember(broker, group, topic, "classic")
    try:
        wait_for("the classic member is assigned", lambda: classic.has("partitions_assigned"))
        modern = JavaMember(broker, group, topic, "consumer")
        try:
            wait_for("both have one", lambda: state_of(broker, group) == "Stable" and member_count(broker, group) == 2)
            classic.leave()
            wait_for("it is alone", lambda: state_of(broker, group) == "Stable" and member_count(broker, group) == 1)
            back = JavaMember(broker, group, topic, "classic")
            try:
                wait_for("both again", lambda: state_of(broker, group) == "Stable" and member_count(broker, group) == 2)
                modern.leave()
                wait_for("the classic one is alone", lambda: member_count(broker, group) == 1, 90)
            finally:
                back.process.kill()
        finally:
            modern.process.kill()
    finally:
        classic.process.kill()


def describe(broker: Broker, group: str, *what: str) -> list[list[str]]:
    text = peer_tool.run("consumer-groups", "--bootstrap-server", broker.address, "--describe", "--group", group, *what,
                         may_fail=True)
    rows = [line.split() for line in text.splitlines() if line.strip()]
    return [row for row in rows if row[0] == group]


def state_of(broker: Broker, group: str) -> str:
    rows = describe(broker, group, "--state")
    return rows[0][-2] if rows else ""


def member_count(broker: Broker, group: str) -> int:
    return len(describe(broker, group, "--members"))


def tools(broker: Broker) -> None:
    topic = group = "tools"
    create(broker, topic, 2)
    member = Member(broker.address, group, topic, client_id="the-client")
    try:
        wait_until_divided([member], partitions_of(topic, 2))
        call = lambda *arguments: ("consumer-groups", "--bootstrap-server", broker.address, *arguments)
        printed = peer_tool.run_many([
            call("--describe", "--group", group, "--state"),
            call("--describe", "--group", group, "--members", "--verbose"),
            call("--describe", "--group", group),
            call("--list", "--state", "stable", "--type", "consumer"),
            ("groups", "--bootstrap-server", broker.address, "--list", "--consumer"),
            call("--delete", "--group", group)])
        state, members, offsets, listed, groups, deleted = printed
        expect(re.search(rf"{group}\s+localhost:{broker.port}\s+\(1\)\s+uniform\s+Stable\s+1", state), state)
        expect(re.search(rf"{group}\s+\S+\s+/127.0.0.1\s+the-client\s+2\s+.*tools:0,1", members), members)
        expect_equal(len(re.findall(rf"^{group}\s+{topic}\s+[01]\s", offsets, re.M)), 2, "rows of partitions")
        expect(re.search(rf"^{group}\s+Stable", listed, re.M) or re.search(rf"^{group}\s", listed, re.M), listed)
        expect(re.search(rf"^{group}\s+Consumer\s+consumer", groups, re.M), groups)
        expect("NonEmptyGroup" in deleted or "not empty" in deleted, deleted)
        member.leave()
        expect("successful" in peer_tool.run(*call("--delete", "--group", group)), "an empty group is deleted")
    finally:
        member.die()


def swap(chosen: str) -> None:
    """One broker dies with groups in the middle of things, the other goes on with its directory, in turn."""
    topic = group = "swapped"
    with Broker("peer", "swap", **SETTINGS) as broker:
        create(broker, topic)
        source = Source(broker, topic)
        members = [Member(broker.address, group, topic) for _ in range(2)]
        try:
            wait_until_divided(members, partitions_of(topic))
            for flavour in ("gregor", "peer", "gregor") if chosen == "gregor" else ("peer", "peer"):
                source.send(30)
                members.append(Member(broker.address, group, topic))
                wait_for("the new one is heard of", lambda: bool(members[-1].assigned), 30)
                members.pop(0).die()
                broker.kill()
                broker.flavour = flavour
                broker.start()
                source.send(30)
                wait_until_divided(members, partitions_of(topic), 90)
        finally:
            for member in members:
                member.die()


CASES = {
    "three members of the consumer protocol join, leave and die": lambda broker: group_of_three(broker, "consumer"),
    "the broker is killed four times": broker_dies,
    "a static member comes back": static_member,
    "a regular expression finds topics that come later": regular_expression,
    "a topic grows": topics_change,
    "members change their protocol one by one, and back": migration,
    "the peer's tools look": tools,
    "the peer's own consumers change their protocol, and back": java_migration,
}


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--only", help="cases whose name contains this")
    chosen = parser.parse_args()
    report = Report("consumer_groups")
    wanted = {name: case for name, case in CASES.items() if not chosen.only or chosen.only in name}
    if wanted:
        with Broker(chosen.broker, "consumer-groups", **SETTINGS) as broker:
            for name, case in wanted.items():
                report.run(name, case, broker)
    if not chosen.only or chosen.only in "swap":
        report.run("either broker goes on with the groups of the other", swap, chosen.broker)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
