"""What came out of a row, and the rows that do not count because the peer fails them as well."""

from dataclasses import dataclass
from pathlib import Path

from matrix.client import Client
from matrix.row import Row

PASSED, FAILED, NOT_OFFERED, RED_ON_PEER = "passed", "failed", "not offered", "red on the peer"


@dataclass
class Outcome:
    client: Client
    row: Row
    verdict: str
    reason: str = ""


def red_on_peer(path: Path) -> dict[tuple[str, str], str]:
    """Lines `CLIENT | ROW | REASON`; client and row give the reason."""
    found = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            client, row, reason = line.split(" | ", 2)
            found[client, row] = reason
    return found
