#!/usr/bin/env python3
"""A directory of a static quorum (controller.quorum.voters, as Kafka's container images have it), administered in turn
by the peer and by Gregor, with metadata snapshots and retention all the time: what one has done, the other describes; the
peer's tools read every snapshot; both endpoints describe the quorum."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from lib import options, peer_tool
from lib.broker import PEER, Broker, free_port
from lib.report import Report, expect, expect_equal, say

ORDER = ("gregor", "peer", "gregor", "peer")
SMALL = {"metadata__log__max__record__bytes__between__snapshots": 3000,
         "internal__metadata__log__segment__bytes": 20000,
         "metadata__max__retention__bytes": 12000}
SHELL_TRIES = 3
FOLDER = "__cluster_metadata-0"


def static_broker(flavour: str, name: str, **overrides) -> Broker:
    broker = Broker(flavour, name, **overrides)
    broker.overrides["controller.quorum.voters"] = f"1@localhost:{broker.controller_port}"
    # Every key of the container image's file.
    broker.overrides |= {"num.network.threads": 3, "num.io.threads": 8, "socket.send.buffer.bytes": 102400,
                         "socket.receive.buffer.bytes": 102400, "socket.request.max.bytes": 104857600,
                         "num.recovery.threads.per.data.dir": 2, "log.retention.hours": 168,
                         "log.segment.bytes": 1073741824, "log.retention.check.interval.ms": 300000}
    broker.write_properties()
    lines = [line for line in broker.properties.read_text().splitlines() if "bootstrap.servers" not in line]
    listeners = f"listeners=PLAINTEXT://:{broker.port},CONTROLLER://:{broker.controller_port}"
    broker.properties.write_text("\n".join([*lines, listeners]) + "\n")
    return broker


def alter(broker: Broker, turn: int) -> None:
    """Something of every kind that a node without an authorizer can change."""
    server = ("--bootstrap-server", broker.address)
    configs = ("configs", *server, "--alter")
    calls = [("topics", *server, "--create", "--topic", f"turn-{turn}-{i}", "--partitions", 1 + i, "--config",
              f"retention.ms={1000 + turn}") for i in range(12)]
    calls += [("topics", *server, "--delete", "--topic", f"turn-{turn}-0"),
              ("topics", *server, "--alter", "--topic", f"turn-{turn}-1", "--partitions", 5),
              (*configs, "--entity-type", "brokers", "--entity-default", "--add-config", f"log.cleaner.threads={1 + turn}"),
              (*configs, "--entity-type", "users", "--entity-name", f"user{turn}", "--add-config",
               f"producer_byte_rate={1000 + turn}"),
              (*configs, "--entity-type", "users", "--entity-name", f"user{turn}", "--add-config",
               "SCRAM-SHA-256=[iterations=4096,password=secret]"),
              (*configs, "--entity-type", "groups", "--entity-name", f"group{turn}", "--add-config",
               f"consumer.session.timeout.ms={45000 + turn}"),
              ("client-metrics", *server, "--alter", "--name", f"metrics{turn}", "--metrics", "org.apache",
               "--interval", 1000 * (1 + turn))]
    for call, text in zip(calls, peer_tool.run_many(calls)):
        expect("exit code" not in text or "left with 0" in text, f"{call}: {text}")


def describe(broker: Broker) -> list[str]:
    server = ("--bootstrap-server", broker.address)
    kinds = ("brokers", "users", "groups", "client-metrics")
    calls = [("topics", *server, "--describe")]
    calls += [("configs", *server, "--describe", "--entity-type", kind) for kind in kinds]
    calls += [("features", *server, "describe")]
    return [normalise(text) for text in peer_tool.run_many(calls)]


def normalise(text: str) -> str:
    text = re.sub(r"Epoch: \d+", "", text)
    lines = [re.sub(r"\s+", " ", re.sub(r"Configs: (\S*)", sorted_configs, line)) for line in text.splitlines()]
    return "\n".join(sorted(line for line in lines if line.strip() and "StatusConsoleListener" not in line))


def sorted_configs(match) -> str:
    return "Configs: " + ",".join(sorted(match[1].split(",")))


def turn_of(broker: Broker, turn: int, state: dict) -> None:
    if "described" in state:
        for seen, wanted in zip(describe(broker), state["described"]):
            expect_equal(seen, wanted, "what the other broker had described")
    alter(broker, turn)
    state["described"] = describe(broker)


def snapshots_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.checkpoint") if not path.name.startswith("0" * 20))


def snapshots(broker: Broker) -> list[Path]:
    return snapshots_in(broker.data / FOLDER)


def took_snapshots(broker: Broker, turn: int) -> None:
    taken = snapshots(broker)
    expect(len(taken) > 0, "no snapshot was taken")
    first = min(int(path.stem) for path in (broker.data / FOLDER).glob("*.log"))
    newest = int(taken[-1].name[:20])
    expect(first <= newest, f"the log begins at {first}, the newest snapshot ends at {newest}")
    expect(turn == 0 or first > 0, "the log still begins at 0")
    left = [path.name for path in (broker.data / FOLDER).iterdir() if path.suffix in (".part", ".deleted", ".tmp")]
    expect_equal(left, [], "what is left over")


def tools_read(broker: Broker) -> None:
    newest = snapshots(broker)[-1]
    text = peer_tool.run("dump-log", "--files", newest, "--cluster-metadata-decoder")
    expect("isvalid: false" not in text and "rror" not in text, f"dump-log complains: {text[-500:]}")
    for kind in ("SnapshotHeader", "SnapshotFooter", "FEATURE_LEVEL_RECORD", "TOPIC_RECORD", "CLIENT_QUOTA_RECORD",
                 "USER_SCRAM_CREDENTIAL_RECORD", "PRODUCER_IDS_RECORD" if "PRODUCER_IDS" in text else "CONFIG_RECORD"):
        expect(kind in text, f"no {kind} in {newest.name}")
    expect("KRaftVoters" not in text and "KRaftVersion" not in text, "a static quorum is written into a snapshot")
    # The shell often leaves before it has loaded what it shows.
    shells = [peer_tool.run("metadata-shell", "--snapshot", newest, "tree", "/image/topics/byName")
              for _ in range(SHELL_TRIES)]
    expect(any("turn-0-3" in shell for shell in shells), f"the shell sees {shells[-1][-500:]}")


def describes_the_quorum(broker: Broker) -> None:
    controller = ("--bootstrap-controller", f"localhost:{broker.controller_port}")
    calls = [("metadata-quorum", *where, "describe", how) for where in (("--bootstrap-server", broker.address), controller)
             for how in ("--status", "--replication")]
    texts = peer_tool.run_many(calls)
    for text in texts[::2]:
        expect(f'"endpoints": ["CONTROLLER://localhost:{broker.controller_port}"]' in text and "LeaderId:               1" in text,
               text)
    for text in texts[1::2]:
        expect(re.search(r"^1\s+A{22}\s+\d+\s+0\s+\d+\s+\d+\s+Leader", text, re.M) is not None, text)


def observer_properties(broker: Broker, folder: Path) -> Path:
    """A Java node that is only a broker, of the same cluster. Nobody lets it register; it follows all the same."""
    path = folder / "observer.properties"
    path.write_text(f"""\
process.roles=broker
node.id=2
controller.quorum.bootstrap.servers=localhost:{broker.controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://localhost:{free_port()}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder / "observer"}
initial.broker.registration.timeout.ms=60000
""")
    cluster_id = re.search(r"cluster.id=(\S+)", (broker.data / "meta.properties").read_text())[1]
    subprocess.run([PEER, "format", path, "-N", "-t", cluster_id], check=True, stdout=subprocess.DEVNULL)
    return path


def java_observer_follows(broker: Broker) -> None:
    properties = observer_properties(broker, broker.folder)
    environment = os.environ | {"LOG_DIR": str(broker.folder / "observer-logs"), "KAFKA_HEAP_OPTS": "-Xmx256M"}
    with (broker.folder / "observer.log").open("ab") as log:
        observer = subprocess.Popen([PEER, "start", properties], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    env=environment)
    try:
        deadline = time.monotonic() + 60
        caught_up = re.compile(r"^2\s+\S{22}\s+\d+\s+0\s+\d{13}\s+\d{13}\s+Observer", re.M)
        text = ""
        while caught_up.search(text) is None:
            expect(time.monotonic() < deadline and observer.poll() is None, f"the observer is not caught up: {text}")
            text = peer_tool.run("metadata-quorum", "--bootstrap-controller", f"localhost:{broker.controller_port}",
                                 "describe", "--replication")
    finally:
        observer.kill()
        observer.wait()
    followed = broker.folder / "observer" / FOLDER
    expect(snapshots_in(followed) != [], "it has fetched no snapshot")
    for name in {path.name for path in snapshots_in(followed)} & {path.name for path in snapshots(broker)}:
        expect_equal((followed / name).read_bytes(), (broker.data / FOLDER / name).read_bytes(), name)


def state_file(broker: Broker, epoch: int) -> None:
    text = (broker.data / FOLDER / "quorum-state").read_text()
    expect_equal(text, '{"clusterId":"","leaderId":1,"leaderEpoch":%d,"votedId":-1,"appliedOffset":0,'
                       '"currentVoters":[{"voterId":1}],"data_version":0}' % epoch, "quorum-state")


def first_start_without_format(_: None = None) -> None:
    broker = static_broker("gregor", "static-first")
    with broker:
        state_file(broker, 1)
    log = (broker.data / FOLDER)
    expect(not log.exists(), "the folder stays behind")


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("--order", default=",".join(ORDER), help="whose turn it is, by default %(default)s")
    order = parser.parse_args().order.split(",")
    report, state = Report("metadata_log"), {}
    report.run("a first start on an empty directory", first_start_without_format)
    broker = static_broker(order[0], "metadata-log", **SMALL)
    broker.format()
    try:
        for turn, flavour in enumerate(order):
            broker.flavour = flavour
            broker.start()
            passed = report.run(f"turn {turn + 1}, {flavour}: administration", turn_of, broker, turn, state)
            if flavour == "gregor":
                report.run(f"turn {turn + 1}: the quorum, on both endpoints", describes_the_quorum, broker)
            if turn == 2:
                report.run("a Java broker follows the log, from a snapshot on", java_observer_follows, broker)
                broker.kill()  # the other turns end in order
            else:
                broker.stop()
            report.run(f"turn {turn + 1}: quorum-state", state_file, broker, turn + 1)
            if flavour == "gregor":
                report.run(f"turn {turn + 1}: snapshots and a log that goes", took_snapshots, broker, turn)
                report.run(f"turn {turn + 1}: the peer's tools read the snapshot", tools_read, broker)
            if not passed:
                say(broker.log(30))
                break
    except (RuntimeError, TimeoutError) as error:
        say(str(error))
        report.failed += 1
    finally:
        broker.__exit__(None, None, None)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
