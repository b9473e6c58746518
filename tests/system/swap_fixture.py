#!/usr/bin/env python3
"""A directory that the peer has filled from a seed with all that Kafka knows, served in turn by Gregor and by the peer, each of which
changes a little of everything and stops or is killed: every record, offset, group, config, id and epoch stays as it was, records that
Gregor does not serve yet stay untouched, and the peer's tools and its log complain of nothing."""

import os
import random
import re
import shutil
import sys

from lib import options, peer_tool, picture
from lib.broker import Broker
from lib.fixture import Fixture
from lib.report import Report, expect, expect_equal, say

SEEDS_LONG, MEGABYTES, MEGABYTES_LONG = 10, 5, 100
TURNS, TURNS_LONG = 3, 11  # the peer's and Gregor's together; five alternations are eleven turns
SETTINGS = {"transaction__state__log__num__partitions": 5, "share__coordinator__state__topic__num__partitions": 5,
            "metadata__log__max__record__bytes__between__snapshots": 8_000,
            "log__cleaner__min__compaction__lag__ms": 10**15,  # records of internal topics stay where they are
            "log__initial__task__delay__ms": 1000,
            "log__flush__start__offset__checkpoint__interval__ms": 500}  # the peer forgets DeleteRecords when it is killed before
COMPLAINT = re.compile(r" (WARN|ERROR|FATAL) (.*)")
USUAL = re.compile(  # what the peer says of its own directory, too: docs/kafka-findings.md
    r"Performing controller activation|Auto topic creation failed|NetworkClient that has already been closed|"
    r"Unexpected error from|was disconnected|Connection to node .* could not be established|Disconnecting from node|"
    r"Expected partition .* to exist, but it was missing. Creating|"
    r"Stopped loading records from __\S+ because the partition is not online or is no longer the leader|"
    # on a machine that gives it too little time: it loses sight of its own broker for a moment
    r"Exceptionally slow controller event|controller event queue overloaded|received error REQUEST_TIMED_OUT|"
    r"Cannot trigger unclean leader election for offline partition")
TOO_EARLY = re.compile(  # its registration reaches its own controller, which has not taken office yet; it is sent again
    r"Unexpected error handling request RequestHeader\(apiKey=CONTROLLER_REGISTRATION,.*\n.*\bNotControllerException: ")
DAMAGE = re.compile(r"(?i)corrupt|mismatch|invalid|exception|could not|failed|out of order|isvalid: false")
DUMP_LIMIT_S = 600  # every record of a directory, printed by dump-log on a machine that may have other work
TREES = ("topics/byName", "configs", "clientQuotas", "scram")


def dump(broker: Broker) -> None:
    """The peer's own reader of log files finds nothing wrong, its shell loads the metadata."""
    metadata = broker.data / "__cluster_metadata-0"
    logs, snapshots = sorted(metadata.glob("*.log")), sorted(metadata.glob("*.checkpoint"))
    files = sorted(set(broker.data.glob("*-*/*.log")) - set(logs))
    calls = [("dump-log", "--deep-iteration", "--files", ",".join(map(str, files))),
             ("dump-log", "--cluster-metadata-decoder", "--files", ",".join(map(str, logs + snapshots)))]
    calls += [("metadata-shell", "--snapshot", (snapshots + logs)[-1], "tree", f"/image/{tree}") for tree in TREES]
    for call, printed in zip(calls, peer_tool.run_many(calls, DUMP_LIMIT_S)):
        found = [line for line in printed.splitlines() if DAMAGE.search(line) and "payload" not in line]
        expect(printed and not found, f"kafka-{call[0]} {call[1]} says {found[:5]}")


def complaints(broker: Broker, start: int) -> tuple[list[str], int]:
    """What the peer's log warns of since this line, and its length."""
    path = broker.folder / "peer-logs" / "server.log"
    text = path.read_text(errors="replace").splitlines() if path.exists() else []
    found = [match[0].strip() for line, after in zip(text[start:], [*text[start + 1:], ""])
             if (match := COMPLAINT.search(line)) and not USUAL.search(line) and not TOO_EARLY.search(f"{line}\n{after}")]
    return found, len(text)


class Swap:
    def __init__(self, broker: Broker, seed: int, megabytes: float):
        self.broker, self.fixture = broker, Fixture(seed, megabytes)
        self.chance = random.Random(seed)
        self.picture: dict = {}
        self.internals: dict = {}
        self.log_lines = 0

    def fill(self) -> None:
        self.fixture.fill(self.broker.address)
        self.look()
        snapshots = len(list(self.broker.data.glob("__cluster_metadata-0/*.checkpoint"))) - 1  # without what the format made
        expect(snapshots > 0, "there is no snapshot of the metadata")
        say(f"{len(self.fixture.partitions)} topics, {len(self.fixture.groups)} groups, {snapshots} snapshots")

    def look(self) -> None:
        self.picture = picture.take(self.broker.address, self.fixture)
        self.internals = picture.internals(self.broker.address)
        expect_equal(self.picture["offsets"], picture.expected_offsets(self.fixture), "offsets")

    def take_over(self) -> None:
        before, untouched = self.picture, self.internals
        picture.compare(before, picture.take(self.broker.address, self.fixture))
        picture.check_untouched(untouched, picture.internals(self.broker.address))
        self.fixture.change(self.broker.address)
        self.look()
        picture.check_untouched(untouched, self.internals)

    def hand_over(self, flavour: str) -> None:
        broker = self.broker
        self.chance.choice((broker.stop, broker.kill))()
        found, self.log_lines = complaints(broker, self.log_lines)
        expect(broker.flavour != "peer" or not found, f"the peer's log: {found[:10]}")
        dump(broker)
        broker.flavour = flavour
        broker.start()


def keep(broker: Broker) -> None:
    """The folder of a failure, where it is asked for: a copy, because the broker takes its own away."""
    if os.environ.get("GREGOR_TEST_KEEP"):
        broker.kill()
        say(f"kept in {shutil.copytree(broker.folder, f'{broker.folder}-kept')}")


def play(report: Report, seed: int, megabytes: float, order: list[str]) -> None:
    with Broker(order[0], "swap_fixture", **SETTINGS) as broker:
        swap = Swap(broker, seed, megabytes)
        if not report.run(f"seed {seed}: the {order[0]} fills {megabytes} MB", swap.fill):
            return
        for turn, flavour in enumerate(order[1:]):
            if not (report.run(f"seed {seed}, {turn + 1}: to {flavour}", swap.hand_over, flavour)
                    and report.run(f"seed {seed}, {turn + 1}: {flavour} has all, and changes some", swap.take_over)):
                say(broker.log(30))
                keep(broker)
                return


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("seed", type=int, nargs="?", default=1, help="the first; by default %(default)s")
    parser.add_argument("--seeds", type=int, help=f"how many; by default 1, with --long {SEEDS_LONG}")
    parser.add_argument("--megabytes", type=float, help=f"by default {MEGABYTES}, with --long {MEGABYTES_LONG}")
    parser.add_argument("--turns", type=int, help=f"by default {TURNS}, with --long {TURNS_LONG}")
    chosen = parser.parse_args()
    megabytes = chosen.megabytes or (MEGABYTES_LONG if chosen.long else MEGABYTES)
    turns = chosen.turns or (TURNS_LONG if chosen.long else TURNS)
    order = [("peer", chosen.broker)[turn % 2] for turn in range(turns)]
    report = Report("swap_fixture")
    for seed in range(chosen.seed, chosen.seed + (chosen.seeds or (SEEDS_LONG if chosen.long else 1))):
        play(report, seed, megabytes, order)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
