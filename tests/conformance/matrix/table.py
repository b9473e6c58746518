"""docs/clients.md, written by a whole run."""

import datetime
import subprocess
from pathlib import Path

from matrix.client import Client
from matrix.outcome import FAILED, NOT_OFFERED, PASSED, RED_ON_PEER, Outcome
from matrix.row import Row

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "clients.md"
MARKS = {PASSED: "yes", FAILED: "**no**", NOT_OFFERED: "–", RED_ON_PEER: "peer"}

HEAD = """\
# Clients

Written by `{command}` on {date}, with the tree of {commit}: {passed} passed, {failed} failed. What a row asks stands in
[tests/conformance](../tests/conformance/README.md); what was odd, in [findings](clients-findings.md).

| Client | Version | Rows offered | Passed |
|---|---|---:|---:|
{clients}

yes: as the row asks, checked with a second library. –: the client does not offer it. peer: the client fails the row on Kafka itself, so
it is not counted.

"""


def write(clients: list[Client], rows: list[Row], outcomes: list[Outcome], command: str) -> None:
    found = {(outcome.client.name, outcome.row.name): outcome for outcome in outcomes}
    common = [client for client in clients if not client.own_rows]
    text = HEAD.format(command=command, date=datetime.date.today(), commit=commit(),
                       passed=count(outcomes, PASSED), failed=count(outcomes, FAILED),
                       clients="\n".join(client_line(client, outcomes) for client in clients))
    text += grid(common, rows, found)
    for client in clients:
        if client.own_rows:
            text += f"\n{client.title}\n\n" + grid([client], client.own_rows, found)
    PAGE.write_text(text + reasons("Not offered", outcomes, NOT_OFFERED) + reasons("Red on the peer", outcomes, RED_ON_PEER))


def count(outcomes: list[Outcome], verdict: str) -> int:
    return sum(outcome.verdict == verdict for outcome in outcomes)


def client_line(client: Client, outcomes: list[Outcome]) -> str:
    own = [outcome for outcome in outcomes if outcome.client is client]
    offered = len(own) - count(own, NOT_OFFERED)
    return f"| {client.title} | {client.version} | {offered} | {count(own, PASSED)} |"


def grid(clients: list[Client], rows: list[Row], found: dict) -> str:
    lines = ["| | " + " | ".join(client.title for client in clients) + " |", "|---" * (len(clients) + 1) + "|"]
    for row in rows:
        marks = [MARKS[found[client.name, row.name].verdict] if (client.name, row.name) in found else "**no**"
                 for client in clients]
        lines.append(f"| {row.name} | " + " | ".join(marks) + " |")
    return "\n".join(lines) + "\n"


def reasons(title: str, outcomes: list[Outcome], verdict: str) -> str:
    """A line for each client and reason."""
    rows: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        if outcome.verdict == verdict:
            rows.setdefault((outcome.client.title, outcome.reason), []).append(outcome.row.name)
    if not rows:
        return ""
    lines = [f"| {client} | {', '.join(names)} | {reason} |" for (client, reason), names in rows.items()]
    return f"\n## {title}\n\n| Client | Rows | Why |\n|---|---|---|\n" + "\n".join(lines) + "\n"


def commit() -> str:
    ran = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return ran.stdout.strip() or "an unknown commit"
