#!/usr/bin/env python3
"""A topic that is deleted and made again under the same name, while clients write to it, read it and commit offsets, by its name and
by every id that it ever had: is the new topic empty of the old one's records, offsets and producers, and is an id that is gone unknown
to every request?"""

import random
import sys
import threading
import time

from lib import options
from lib.asker import Asker
from lib.broker import Broker
from lib.report import Report, expect, expect_equal, say

import batches  # found through lib.asker

TOPIC, PARTITIONS, GROUP = "again", 3, "readers"
ROUNDS, ROUNDS_LONG = 25, 200
NONE, UNKNOWN_TOPIC, UNKNOWN_ID, INCONSISTENT_ID = 0, 3, 100, 103
# What a name may be answered while its topic goes or comes.
BY_NAME = (NONE, UNKNOWN_TOPIC, 5, 6, 45, 56)  # no leader, not the leader, out of order, storage
LOADING = (14, 15, 16)  # the coordinator
LIMIT_S = 60


def batch(generation: int, writer: int, number: int) -> bytes:
    return batches.build({"records": [{"value": f"{generation} {writer} {number}"}]})


def generations_of(data: bytes | None) -> list[int]:
    """Of the records that a fetch has answered, the topic that each was meant for."""
    return [int(record.value.split()[0]) for part in batches.split(data or b"") for record in batches.records_of(part)]


def fetch_body(topic: dict, offset: int = 0, **session) -> dict:
    partitions = [{"partition": index, "fetch_offset": offset, "partition_max_bytes": 1 << 20} for index in range(PARTITIONS)]
    return {"max_wait_ms": 0, "min_bytes": 0, "max_bytes": 1 << 24, "isolation_level": 0, "session_id": 0, "session_epoch": -1,
            "topics": [topic | {"partitions": partitions}], "forgotten_topics_data": [], "rack_id": ""} | session


def produce(asker: Asker, version: int, topic: dict, partition: int, records: bytes) -> dict:
    answer = asker.ask("Produce", version, {"acks": -1, "timeout_ms": 30_000, "topic_data": [
        topic | {"partition_data": [{"index": partition, "records": records}]}]})
    return answer["responses"][0]["partition_responses"][0]


def commit(asker: Asker, version: int, topic: dict, offset: int) -> set[int]:
    answer = asker.ask("OffsetCommit", version, {
        "group_id": GROUP, "generation_id_or_member_epoch": -1, "member_id": "", "topics": [topic | {"partitions": [
            {"partition_index": index, "committed_offset": offset, "committed_metadata": ""} for index in range(PARTITIONS)]}]})
    return {entry["error_code"] for topic in answer["topics"] for entry in topic["partitions"]}


def committed(asker: Asker, version: int, topic: dict) -> set[int]:
    answer = asker.ask("OffsetFetch", version, {"groups": [{"group_id": GROUP, "topics": [
        topic | {"partition_indexes": list(range(PARTITIONS))}]}], "require_stable": False})
    return {entry["committed_offset"] for topic in answer["groups"][0]["topics"] for entry in topic["partitions"]}


class Clients:
    """Those who go on all the time. What was seen wrong is in `faults`."""

    def __init__(self, port: int, seed: int):
        self.port, self.seed = port, seed
        self.generation = 0  # of the topic that exists, or existed last
        self.gone: list[bytes] = []  # ids of which the deletion was answered
        self.faults: list[str] = []
        self.asked = 0
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number, work), daemon=True)
                        for number, work in enumerate((self.write, self.write, self.read, self.commit, *[self.ask_for_what_is_gone] * 2))]

    def __enter__(self) -> "Clients":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, error, trace) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(LIMIT_S)

    def run(self, number: int, work) -> None:
        chance = random.Random(f"{self.seed} {number}")
        try:
            with Asker(self.port) as asker:
                while not self.over.is_set():
                    work(asker, chance, number)
                    self.asked += 1
                    time.sleep(chance.choice((0, 0, 0.002, 0.02)))
        except Exception as error:
            self.faults.append(f"{work.__name__}: {type(error).__name__}: {error}")

    def check(self, is_right: bool, text: str) -> None:
        if not is_right:
            self.faults.append(text)

    def write(self, asker: Asker, chance: random.Random, number: int) -> None:
        """By name; the generation is that of the topic which existed before the request left, or a later one gets the record."""
        records = batch(self.generation, number, self.asked)
        code = produce(asker, 12, {"name": TOPIC}, chance.randrange(PARTITIONS), records)["error_code"]
        self.check(code in BY_NAME, f"Produce by name answers {code}")

    def read(self, asker: Asker, chance: random.Random, number: int) -> None:
        """By name: what was certainly meant for a topic that had gone before this request left may not be there."""
        first = self.generation - 1  # a writer may have taken its generation just before the next topic came
        for topic in asker.ask("Fetch", 12, fetch_body({"topic": TOPIC}))["responses"]:
            for partition in topic["partitions"]:
                seen = min(generations_of(partition["records"]), default=first)
                self.check(seen >= first, f"a record of topic {seen} is in topic {first + 1} or later")

    def commit(self, asker: Asker, chance: random.Random, number: int) -> None:
        for code in commit(asker, 9, {"name": TOPIC}, 1_000_000 + self.generation):
            self.check(code in BY_NAME, f"OffsetCommit by name answers {code}")
        time.sleep(0.05)

    def ask_for_what_is_gone(self, asker: Asker, chance: random.Random, number: int) -> None:
        if not self.gone:
            return
        topic = {"topic_id": chance.choice((self.gone[-1], chance.choice(self.gone)))}
        seen = {"Produce": {produce(asker, 13, topic, 0, batch(-1, number, self.asked))["error_code"]},
                "OffsetCommit": commit(asker, 10, topic, 2_000_000)}
        answer = asker.ask("Fetch", chance.randint(13, 18), fetch_body(topic))
        parts = [partition for each in answer["responses"] for partition in each["partitions"]]
        seen["Fetch"] = {partition["error_code"] for partition in parts}
        self.check(not any(partition["records"] for partition in parts), "a fetch by the id of a topic that is gone has records")
        answer = asker.ask("Metadata", 12, {"topics": [topic | {"name": None}], "allow_auto_topic_creation": False})
        seen["Metadata"] = {each["error_code"] for each in answer["topics"]}
        for api, codes in seen.items():
            self.check(codes == {UNKNOWN_ID}, f"{api} by the id of a topic that is gone answers {codes}")


class Story:
    """One topic after another."""

    def __init__(self, broker: Broker, clients: Clients):
        self.clients = clients
        self.asker = Asker(broker.port)
        self.ids: list[bytes] = []

    def create(self) -> dict:
        deadline = time.monotonic() + LIMIT_S
        while True:
            answer = self.asker.ask("CreateTopics", 7, {"topics": [
                {"name": TOPIC, "num_partitions": PARTITIONS, "replication_factor": 1, "assignments": [], "configs": []}]})["topics"][0]
            if answer["error_code"] == NONE:
                break
            expect(time.monotonic() < deadline, f"CreateTopics answers {answer['error_code']}")
        topic = {"topic_id": answer["topic_id"]}
        expect(topic["topic_id"] not in self.ids, "an id comes back")
        self.ids.append(topic["topic_id"])
        self.clients.generation += 1
        return topic

    def delete(self, topic: dict) -> None:
        answer = self.asker.ask("DeleteTopics", 6, {"topics": [topic | {"name": None}], "timeout_ms": 30_000})["responses"][0]
        expect_equal(answer["error_code"], NONE, "DeleteTopics by id")
        self.wait_until(UNKNOWN_ID, topic)
        self.clients.gone.append(topic["topic_id"])

    def wait_until(self, code: int, topic: dict) -> None:
        """The peer's broker learns a little later than its controller answers."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            seen = {partition["error_code"] for each in self.asker.ask("Fetch", 17, fetch_body(topic))["responses"]
                    for partition in each["partitions"]}
            if seen == {code}:
                return
            expect(time.monotonic() < deadline, f"a fetch by id answers {seen} instead of {code}")
            time.sleep(0.005)

    def round(self, chance: random.Random) -> None:
        topic = self.create()
        self.wait_until(NONE, topic)
        own = self.clients.generation
        placed = [produce(self.asker, 13, topic, index, batch(own, 99, index)) for index in range(PARTITIONS)]
        expect_equal({answer["error_code"] for answer in placed}, {NONE}, "Produce by id")
        self.check_records(topic, own)
        self.check_offsets(topic)
        expect_equal(commit(self.asker, 10, topic, own), {NONE}, "OffsetCommit by id")
        session = self.asker.ask("Fetch", 17, fetch_body(topic, session_epoch=0))
        time.sleep(chance.choice((0, 0.05, 0.3)))
        self.check_records(topic, own)
        self.delete(topic)
        self.check_session(session["session_id"])

    def check_records(self, topic: dict, own: int) -> None:
        for each in self.asker.ask("Fetch", 17, fetch_body(topic))["responses"]:
            for partition in each["partitions"]:
                expect_equal(partition["log_start_offset"], 0, "the first offset of a new topic")
                old = [seen for seen in generations_of(partition["records"]) if seen < own - 1]
                expect(not old, f"topic {own} has records of topics {sorted(set(old))}")

    def check_offsets(self, topic: dict) -> None:
        """What was committed of the old topic is gone; by name somebody may have committed of this one already."""
        for version, name in ((10, topic), (9, {"name": TOPIC})):
            deadline = time.monotonic() + LIMIT_S
            while old := [offset for offset in committed(self.asker, version, name)
                          if offset not in (-1, 1_000_000 + self.clients.generation)]:
                expect(time.monotonic() < deadline, f"topic {self.clients.generation} has committed offsets {old}")
                time.sleep(0.01)

    def check_session(self, session: int) -> None:
        """One that was opened by the id which is gone."""
        topic = self.create()
        self.wait_until(NONE, topic)
        for index in range(PARTITIONS):
            produce(self.asker, 13, topic, index, batch(self.clients.generation, 98, index))
        answer = self.asker.ask("Fetch", 17, fetch_body({}, session_id=session, session_epoch=1) | {"topics": []})
        for each in answer["responses"]:
            for partition in each["partitions"]:
                expect(not partition["records"], "a session of the old id gets records of the new topic")
                expect(partition["error_code"] in (UNKNOWN_ID, INCONSISTENT_ID), f"a session of the old id gets {partition}")
        self.delete(topic)


def wait_for_coordinator(port: int) -> None:
    deadline = time.monotonic() + LIMIT_S
    with Asker(port) as asker:
        while asker.ask("FindCoordinator", 4, {"key_type": 0, "coordinator_keys": [GROUP]})["coordinators"][0]["error_code"] != NONE:
            expect(time.monotonic() < deadline, "the group gets no coordinator")
            time.sleep(0.1)
        while commit(asker, 9, {"name": TOPIC}, 0) & set(LOADING):
            expect(time.monotonic() < deadline, "the coordinator does not load")
            time.sleep(0.1)


def play(broker: Broker, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    wait_for_coordinator(broker.port)
    with Clients(broker.port, seed) as clients:
        story = Story(broker, clients)
        for _ in range(rounds):
            story.round(chance)
            expect(not clients.faults, "; ".join(clients.faults[:5]))
    expect(not clients.faults, "; ".join(clients.faults[:5]))
    say(f"{len(story.ids)} topics of one name, {clients.asked} requests beside them")


def nothing_is_left(broker: Broker) -> None:
    """The folders of all of them go, too, also of what was being written when the broker was restarted."""
    broker.restart()
    deadline = time.monotonic() + LIMIT_S
    while left := [path.name for path in broker.data.glob(f"{TOPIC}-*")]:
        expect(time.monotonic() < deadline, f"folders stay: {left[:5]}")
        time.sleep(0.5)


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    arguments = parser.parse_args()
    report = Report("recreation")
    with Broker(arguments.broker, "recreation", auto__create__topics__enable="false", log__segment__delete__delay__ms=500,
                file__delete__delay__ms=500) as broker:
        report.run("one topic after another", play, broker, ROUNDS_LONG if arguments.long else ROUNDS, arguments.seed)
        report.run("their folders", nothing_is_left, broker)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
