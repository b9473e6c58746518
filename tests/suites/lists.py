"""What a suite must pass (SUITE.allow) and what it misses, each with its reason (SUITE.misses).

A line of SUITE.allow is a test's name; " quick" behind it puts the test into what CI runs. A line of SUITE.misses is a
name, two blanks or more, and a reason. Between them they name every test, so that none gets lost unseen."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass
class Lists:
    allowed: dict[str, bool] = field(default_factory=dict)  # name: whether it is quick
    misses: dict[str, str] = field(default_factory=dict)  # name: reason

    def reason(self, name: str) -> str | None:
        """Why a test, or the one that it is a part of, is missed."""
        parts = name.split("/")
        names = ("/".join(parts[:size]) for size in range(len(parts), 0, -1))
        return next((self.misses[part] for part in names if part in self.misses), None)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def parse(allow: str, misses: str) -> Lists:
    result = Lists()
    for line in lines(allow):
        name = line.removesuffix(" quick").strip()
        if name in result.allowed:
            raise ValueError(f"{name} is on the allow-list twice")
        result.allowed[name] = line.endswith(" quick")
    for line in lines(misses):
        name, *reason = re.split(r"\s{2,}", line.strip(), maxsplit=1)
        if not reason:
            raise ValueError(f"{name} is missed for no reason")
        if name in result.allowed or name in result.misses:
            raise ValueError(f"{name} is listed twice")
        result.misses[name] = reason[0]
    return result


def load(suite: str) -> Lists:
    return parse((HERE / f"{suite}.allow").read_text(), (HERE / f"{suite}.misses").read_text())


def removed(suite: str) -> set[str]:
    """What the allow-list held on main and no longer does: it may only grow. On main itself the last commit counts."""
    def git(*arguments) -> str:
        return subprocess.run(["git", *arguments], cwd=HERE, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout

    base = git("merge-base", "HEAD", "main").strip()
    base = "HEAD~1" if base == git("rev-parse", "HEAD").strip() else base
    before = git("show", f"{base}:./{suite}.allow") if base else ""
    return set(parse(before, "").allowed) - set(load(suite).allowed)
