"""kcat, the command-line client on librdkafka, as Debian 12 has it."""

import json
import subprocess
import threading
import time

from lib.report import expect, expect_equal

TOPIC = "kcat"
PATIENCE_S = 30


def kcat(address: str, *arguments, text: str | None = None) -> str:
    ran = subprocess.run(["kcat", "-b", address, *map(str, arguments)], input=text, capture_output=True, text=True,
                         timeout=PATIENCE_S)
    expect_equal(ran.returncode, 0, f"exit code of kcat {' '.join(map(str, arguments))}: {ran.stderr}")
    return ran.stdout


def consume(address: str, topic: str, shape: str, *arguments) -> list[str]:
    """Every message of a topic, each as a line of the given shape."""
    return kcat(address, "-q", "-C", "-t", topic, "-o", "beginning", "-e", "-f", shape + "\\n", *arguments).splitlines()


def codec(address: str, name: str) -> None:
    topic = f"{TOPIC}-codec-{name}"
    sent = [f"k{i}:value {i} " + "x" * 100 for i in range(300)]
    kcat(address, "-P", "-t", topic, "-z", name, "-K", ":", "-H", "a=1", "-H", "b=two", text="\n".join(sent) + "\n")
    expect_equal(consume(address, topic, "%o %k:%s %h"), [f"{i} {text} a=1,b=two" for i, text in enumerate(sent)],
                 "messages")


def empty_parts(address: str) -> None:
    topic = f"{TOPIC}-empty"
    kcat(address, "-P", "-t", topic, "-Z", "-K", ":", text=":no key\nno value:\n:\nkey:value\n")
    expect_equal(consume(address, topic, "%k/%K/%s/%S"),
                 ["/-1/no key/6", "no value/8//-1", "/-1//-1", "key/3/value/5"], "keys, values and their lengths")


def seek_by_time(address: str) -> None:
    topic = f"{TOPIC}-time"
    kcat(address, "-P", "-t", topic, text="early\n")
    time.sleep(0.2)
    now_ms = int(time.time() * 1000)
    kcat(address, "-P", "-t", topic, text="late\nlater\n")
    expect_equal(consume(address, topic, "%o %s", "-o", f"s@{now_ms}"), ["1 late", "2 later"], "messages since then")
    expect_equal(kcat(address, "-Q", "-t", f"{topic}:0:{now_ms}").split(), [topic, "[0]", "offset", "1"], "offset")


def metadata(address: str) -> None:
    topic = f"{TOPIC}-metadata"
    kcat(address, "-P", "-t", topic, text="x\n")
    listed = json.loads(kcat(address, "-L", "-J", "-t", topic))
    expect_equal(listed["brokers"], [{"id": 1, "name": address}], "brokers")
    expect_equal(listed["topics"], [{"topic": topic, "partitions": [
        {"partition": 0, "leader": 1, "replicas": [{"id": 1}], "isrs": [{"id": 1}]}]}], "topics")


class Member(threading.Thread):
    """kcat -G: a member of a group; its notes tell of assignments, its lines are messages."""

    def __init__(self, address: str, group: str, topic: str):
        super().__init__(daemon=True)
        self.process = subprocess.Popen(
            ["kcat", "-b", address, "-u", "-G", group, "-X", "auto.offset.reset=earliest",
             "-X", "heartbeat.interval.ms=300", "-X", "session.timeout.ms=10000", topic],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.notes: list[str] = []
        self.values: list[str] = []
        self.start()
        threading.Thread(target=self.read_notes, daemon=True).start()

    def run(self) -> None:
        for line in self.process.stdout:
            self.values.append(line.strip())

    def read_notes(self) -> None:
        for line in self.process.stderr:
            self.notes.append(line)

    def assigned(self) -> int:
        """How many partitions the last assignment held."""
        given = [note.split("assigned:")[1].count("[") for note in self.notes if "assigned:" in note]
        return given[-1] if given else 0

    def leave(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=PATIENCE_S)


def wait_for(condition, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        expect(time.monotonic() < deadline, f"{what}: not within {PATIENCE_S} s")
        time.sleep(0.05)


def group_of_two(address: str) -> None:
    from kafka import KafkaAdminClient

    group = topic = f"{TOPIC}-group"
    with KafkaAdminClient(bootstrap_servers=address) as admin:
        admin.create_topics({topic: {"num_partitions": 4, "replication_factor": 1}}, wait_for_metadata=True)
    first = Member(address, group, topic)
    wait_for(lambda: first.assigned() == 4, "one member has all partitions")
    second = Member(address, group, topic)
    wait_for(lambda: first.assigned() == second.assigned() == 2, "two members share the partitions")
    for partition in range(4):
        kcat(address, "-P", "-t", topic, "-p", partition, text=f"a{partition}\nb{partition}\n")
    wait_for(lambda: len(first.values) == len(second.values) == 4, "each reads its half")
    second.leave()
    wait_for(lambda: first.assigned() == 4, "the one that stays has all partitions again")
    first.leave()
    expect_equal(sorted(first.values + second.values), sorted(f"{c}{i}" for c in "ab" for i in range(4)), "values")


def read_group(address: str, count: int) -> list[str]:
    topic = f"{TOPIC}-restart"
    return kcat(address, "-q", "-u", "-G", topic, "-X", "auto.offset.reset=earliest", "-c", count, topic).splitlines()


def commit_half(address: str) -> None:
    kcat(address, "-P", "-t", f"{TOPIC}-restart", text="".join(f"{i}\n" for i in range(10)))
    expect_equal(read_group(address, 5), [f"{i}" for i in range(5)], "the first five")


def resume(address: str) -> None:
    expect_equal(read_group(address, 5), [f"{i}" for i in range(5, 10)], "the other five")


CASES = [
    *[(f"codec {name}", codec, name) for name in ("none", "gzip", "snappy", "lz4", "zstd")],
    ("null keys and values", empty_parts),
    ("seek by time", seek_by_time),
    ("metadata", metadata),
    ("group of two", group_of_two),
]
BEFORE_RESTART = [("commit, then restart", commit_half)]
AFTER_RESTART = [("resume after the restart", resume)]
