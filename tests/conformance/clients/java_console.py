"""Kafka's command-line tools as a program of the matrix: console producer and consumer, kafka-topics, -configs,
-get-offsets and -consumer-groups. Each verb is a tool or several."""

import subprocess
import sys
import tempfile
from pathlib import Path

from contract import HEARTBEAT_MS, about, acked, end_of_input, run, say, say_record, wanted_records

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "system"))

from lib import peer_tool  # noqa: E402

ASSIGNORS = {"range": "RangeAssignor", "cooperative": "CooperativeStickyAssignor"}
NULL = "<null>"
NO_HEADERS = "NO_HEADERS"

PARSE = ["parse.key=true", "key.separator=\x1f", "parse.headers=true", "headers.delimiter=\x1e", f"null.marker={NULL}"]
PRINT = ["print.timestamp=true", "print.partition=true", "print.offset=true", "print.headers=true", "print.key=true",
         "key.separator=\x1f", f"null.literal={NULL}"]
CHATTER = ("Processed a total of", "The consumer rebalance protocol (KIP-848) is")
ERRORS = {"TopicExistsException": 36, "InvalidTopicException": 17, "does not exist as expected": 3,
          "UnknownTopicOrPartitionException": 3}


class Refused(RuntimeError):
    """A tool that failed; its text names the error."""


def tool(name: str, address: str, *words) -> str:
    ran = subprocess.run(peer_tool.command(name, "--bootstrap-server", address, *words), stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode or "Exception" in ran.stdout:
        raise Refused(ran.stdout.strip())
    return ran.stdout


def as_text(part: bytes | None) -> str:
    return NULL if part is None else part.decode()


def as_bytes(text: str) -> bytes | None:
    return None if text == NULL else text.encode()


def produce(address: str, wanted: dict) -> None:
    settings = {"acks": wanted.get("acks", "all"), "enable.idempotence": str(wanted.get("idempotence") == "yes").lower(),
                "linger.ms": 5, "request.timeout.ms": 30_000, "delivery.timeout.ms": 120_000, "retries": 2**31 - 1}
    options = [word for pair in settings.items() for word in ("--command-property", "{}={}".format(*pair))]
    options += [word for pair in PARSE for word in ("--reader-property", pair)]
    process = subprocess.Popen(
        peer_tool.command("console-producer", "--bootstrap-server", address, "--topic", wanted["topic"],
                          "--compression-codec", wanted.get("codec", "none"), *options),
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    count = 0
    for record in wanted_records():
        headers = ",".join(f"{name}:{as_text(value)}" for name, value in record.headers) or NULL
        process.stdin.write(f"{headers}\x1e{as_text(record.key)}\x1f{as_text(record.value)}\n")
        process.stdin.flush()
        count += 1
    _, errors = process.communicate()
    if process.returncode or "ERROR" in errors:
        raise Refused(errors.strip())
    for index in range(count):  # the tool says nothing of what it delivered
        acked(index, None)


def print_message(line: str) -> None:
    if line.startswith(CHATTER):
        return
    time_ms, partition, offset, headers, key, value = line.rstrip("\n").split("\x1f")
    pairs = [] if headers == NO_HEADERS else [pair.split(":", 1) for pair in headers.split(",")]
    say_record(int(partition.removeprefix("Partition:")), int(offset.removeprefix("Offset:")),
               int(time_ms.split(":")[1]), as_bytes(key), as_bytes(value),
               [(name, as_bytes(text)) for name, text in pairs])


def console_consumer(address: str, wanted: dict, *words) -> subprocess.Popen:
    options = [word for pair in PRINT for word in ("--formatter-property", pair)]
    return subprocess.Popen(
        peer_tool.command("console-consumer", "--bootstrap-server", address, "--topic", wanted["topic"], *options, *words),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def print_all(process: subprocess.Popen) -> None:
    for line in process.stdout:
        print_message(line)
    if process.wait():
        raise Refused(f"the console consumer left with {process.returncode}")


def consume(address: str, wanted: dict) -> None:
    start = {"start": "earliest"}.get(wanted["from"], wanted["from"])
    if start == "end":  # looked up now, for the tool would look it up some time later
        start = offset_at(address, wanted, "latest")
    elif start.startswith("time:"):
        start = offset_at(address, wanted, start.removeprefix("time:"))
    say("ready")
    print_all(console_consumer(address, wanted, "--partition", wanted["partition"], "--offset", start,
                               "--max-messages", wanted["count"]))


def offset_at(address: str, wanted: dict, moment: str) -> str:
    printed = tool("get-offsets", address, "--topic-partitions", f"{wanted['topic']}:{wanted['partition']}",
                   "--time", moment)
    return printed.strip().split(":")[-1]


def member(address: str, wanted: dict) -> None:
    lines = protocol(wanted)
    if "instance" in wanted:
        lines.append(f"group.instance.id={wanted['instance']}")
    with tempfile.NamedTemporaryFile("w", suffix=".properties") as settings:
        settings.write("\n".join(lines))
        settings.flush()
        words = ["--group", wanted["group"], "--from-beginning", "--command-config", settings.name]
        if "count" in wanted:
            print_all(console_consumer(address, wanted, *words, "--max-messages", wanted["count"]))
        else:
            print_until_input_ends(console_consumer(address, wanted, *words))


def protocol(wanted: dict) -> list[str]:
    assignor = wanted.get("assignor", "range")
    if assignor == "broker":
        return ["group.protocol=consumer"]
    return [f"partition.assignment.strategy=org.apache.kafka.clients.consumer.{ASSIGNORS[assignor]}",
            f"heartbeat.interval.ms={HEARTBEAT_MS}", f"session.timeout.ms={wanted.get('session_ms', 6000)}"]


def print_until_input_ends(process: subprocess.Popen) -> None:
    ended = end_of_input(process.terminate)
    for line in process.stdout:
        print_message(line)
    process.wait()
    if not ended.is_set():
        raise Refused(f"the console consumer left with {process.returncode}")


def create(address: str, wanted: dict) -> None:
    configs = [word for name, value in wanted.items() if name.startswith("config.")
               for word in ("--config", f"{name.removeprefix('config.')}={value}")]
    tool("topics", address, "--create", "--topic", wanted["topic"], "--partitions", wanted["partitions"],
         "--replication-factor", "1", *configs)


def grow(address: str, wanted: dict) -> None:
    tool("topics", address, "--alter", "--topic", wanted["topic"], "--partitions", wanted["partitions"])


def describe(address: str, wanted: dict) -> None:
    for line in tool("topics", address, "--describe", "--topic", wanted["topic"]).splitlines():
        words = line.split()
        if words[2] == "Partition:":
            say("partition", words[3], "leader", words[5], "replicas", words[7], "isr", words[9])


def config(address: str, wanted: dict) -> None:
    printed = tool("configs", address, "--describe", "--all", "--topic", wanted["topic"])
    values = [line.split()[0].split("=", 1) for line in printed.splitlines()[1:]]
    say("config", dict(values)[wanted["name"]])


def delete(address: str, wanted: dict) -> None:
    tool("topics", address, "--delete", "--topic", wanted["topic"])


def offsets(address: str, wanted: dict) -> None:
    say("offsets", offset_at(address, wanted, "earliest"), offset_at(address, wanted, "latest"))


def groups(address: str, _: dict) -> None:
    for line in tool("consumer-groups", address, "--list").splitlines():
        say("group", line.strip())


def delete_group(address: str, wanted: dict) -> None:
    printed = tool("consumer-groups", address, "--delete", "--group", wanted["group"])
    if "successful" not in printed:
        raise Refused(printed)


def tell() -> None:
    about(peer_tool.version(), {
        "produce null and empty": "the reader takes an empty line for no line",
        "* any bytes": "keys and values are text",
        "* odd headers": "a header's value is text",
        "produce times": "no option sets a time",
        "produce to partitions": "no option chooses a partition",
    })


def number_of(error: Exception) -> int | None:
    return next((number for text, number in ERRORS.items() if isinstance(error, Refused) and text in str(error)), None)


if __name__ == "__main__":
    verbs = (produce, consume, member, create, grow, describe, config, delete, offsets, groups, delete_group)
    run({"about": tell} | {verb.__name__: verb for verb in verbs}, number_of)
