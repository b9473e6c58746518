"""kcat, the command-line client on librdkafka, as a program of the matrix: each verb is a kcat or several."""

import json
import subprocess
import sys

from contract import HEARTBEAT_MS, Wanted, about, acked, end_of_input, run, say, say_record, wanted_records

KEY_MARK = "\x1f"  # between a key and a value, which are text here
FLUSH_S = 120
ENDS = "kcat ends when no broker is up"


def kcat(address: str, *words) -> list[str]:
    return ["kcat", "-b", address, *map(str, words)]


def printed(command: list[str]) -> str:
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(ran.stderr.strip())
    return ran.stdout


def style(record: Wanted) -> list[str]:
    """The options under which a record can be written; they hold for all records of a kcat."""
    headers = [word for name, value in record.headers
               for word in ("-H", name if value is None else f"{name}={value.decode()}")]
    nulls = ["-Z"] if None in (record.key, record.value) else []
    return ["-p", str(record.partition), "-K", KEY_MARK, *nulls, *headers]


def produce(address: str, wanted: dict) -> None:
    base = kcat(address, "-P", "-t", wanted["topic"], "-z", wanted.get("codec", "none"),
                "-X", f"acks={wanted.get('acks', 'all')}", "-X", "linger.ms=5", "-X", f"message.timeout.ms={FLUSH_S}000",
                "-X", f"enable.idempotence={'true' if wanted.get('idempotence') == 'yes' else 'false'}")
    process, now, count = None, None, 0
    for record in wanted_records():
        if style(record) != now:
            finish(process)
            now = style(record)
            process = subprocess.Popen(base + now, stdin=subprocess.PIPE)
        line = (record.key or b"") + KEY_MARK.encode() + (record.value or b"") + b"\n"
        process.stdin.write(line)
        process.stdin.flush()
        count += 1
    finish(process)
    for index in range(count):  # kcat says nothing before its end
        acked(index, None)


def finish(process: subprocess.Popen | None) -> None:
    if process is not None:
        process.stdin.close()
        if process.wait(timeout=FLUSH_S):
            raise RuntimeError(f"kcat left with {process.returncode}")


def print_messages(command: list[str]) -> None:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        print_message(line)
    if process.wait():
        raise RuntimeError(f"kcat left with {process.returncode}")


def print_message(line: str) -> None:
    message = json.loads(line)
    headers = message.get("headers", [])
    say_record(message["partition"], message["offset"], message["ts"], as_bytes(message["key"]),
               as_bytes(message["payload"]), [(name, as_bytes(value)) for name, value in
                                              zip(headers[::2], headers[1::2])])


def as_bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def consume(address: str, wanted: dict) -> None:
    start = wanted["from"]
    if start == "end":  # looked up now, for kcat would look it up some time later
        start = str(query(address, wanted, -1))
    elif start.startswith("time:"):
        start = "s@" + start.removeprefix("time:")
    say("ready")
    print_messages(kcat(address, "-q", "-u", "-J", "-C", "-t", wanted["topic"], "-p", wanted["partition"], "-o",
                        "beginning" if start == "start" else start, "-c", wanted["count"]))


def query(address: str, wanted: dict, moment: int) -> int:
    return int(printed(kcat(address, "-Q", "-t", f"{wanted['topic']}:{wanted['partition']}:{moment}")).split()[-1])


def member(address: str, wanted: dict) -> None:
    settings = {"auto.offset.reset": "earliest", "heartbeat.interval.ms": HEARTBEAT_MS,
                "session.timeout.ms": wanted.get("session_ms", 6000),
                "partition.assignment.strategy": {"range": "range", "cooperative": "cooperative-sticky"}[
                    wanted.get("assignor", "range")]}
    if "instance" in wanted:
        settings["group.instance.id"] = wanted["instance"]
    options = [word for name, value in settings.items() for word in ("-X", f"{name}={value}")]
    command = kcat(address, "-q", "-u", "-J", *options, "-G", wanted["group"])
    if "count" in wanted:
        print_messages([*command, "-c", wanted["count"], wanted["topic"]])
        return
    process = subprocess.Popen([*command, wanted["topic"]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    ended = end_of_input(process.terminate)
    for line in process.stdout:
        print_message(line)
    process.wait()
    if not ended.is_set():
        raise RuntimeError(f"kcat left with {process.returncode}")


def describe(address: str, wanted: dict) -> None:
    topic = json.loads(printed(kcat(address, "-L", "-J", "-t", wanted["topic"])))["topics"][0]
    for row in sorted(topic["partitions"], key=lambda row: row["partition"]):
        say("partition", row["partition"], "leader", row["leader"],
            "replicas", ",".join(str(node["id"]) for node in row["replicas"]),
            "isr", ",".join(str(node["id"]) for node in row["isrs"]))


def offsets(address: str, wanted: dict) -> None:
    say("offsets", query(address, wanted, -2), query(address, wanted, -1))


def tell() -> None:
    version = subprocess.run(["kcat", "-V"], capture_output=True, text=True).stdout
    words = version[version.index("Version"):].replace(",", "").split()
    about(f"{words[1]} (librdkafka {words[words.index('librdkafka') + 1]})", {
        "produce null and empty": "-Z makes every empty key and value null",
        "* any bytes": "keys and values are text",
        "* odd headers": "a header's value is text",
        "group *by the broker": "its librdkafka knows the classic protocol alone",
        "produce times": "no option sets a time",
        "restart wh*": ENDS, "restart with*": ENDS, "kill wh*": ENDS, "kill with*": ENDS,
        "topics": "no admin client", "topic *": "no admin client", "invalid topic": "no admin client",
        "more partitions": "no admin client", "groups": "no admin client",
    })


if __name__ == "__main__":
    verbs = (produce, consume, member, describe, offsets)
    run({"about": tell} | {verb.__name__: verb for verb in verbs}, lambda error: None)
