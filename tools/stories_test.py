"""Every error of tests/transcripts/errors.md is in the test that the row names; every story there is not empty."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STORIES = ROOT / "tests" / "transcripts"
ROW = re.compile(r"^\| ([^|]+) \| ([A-Z_0-9]+) \| ([^|]+) \| ([^|]+) \|$", re.M)
# What a story calls the answer to a request, where one word does.
VERBS = {"Join": "join", "Sync": "sync", "Heartbeat": "heartbeat", "Leave": "leave", "OffsetCommit": "commit",
         "TxnOffsetCommit": "commit", "OffsetDelete": "delete offsets", "DeleteGroups": "delete", "InitProducerId": "init",
         "AddPartitionsToTxn": "add", "EndTxn": "end", "DescribeTransactions": "describe", "ListTransactions": "list"}
TEST = re.compile(r"^TEST(?:_F|_P)?\((\w+), (\w+)\) \{\n(.*?)^\}", re.M | re.S)


def unit_tests(root: Path) -> dict[str, str]:
    """By "Suite.Name": what the test does."""
    found = {}
    for path in root.rglob("*_test.cc"):
        for suite, name, body in TEST.findall(path.read_text()):
            found[f"{suite}.{name}"] = found.get(f"{suite}.{name}", "") + body
    return found


def happenings(story: str) -> str:
    """The lines that tell what the brokers did."""
    return "\n".join(line for line in story.splitlines() if line.startswith("    "))


class Errors(unittest.TestCase):
    def test_each_row_has_its_test(self):
        bodies = unit_tests(ROOT / "src")
        rows = ROW.findall((STORIES / "errors.md").read_text())
        self.assertGreater(len(rows), 150)
        for request, error, condition, tests in rows:
            named = re.findall(r"`([^`]+)`", tests)
            self.assertTrue(named, f"{request}: {error}: no test")
            for name in named:
                with self.subTest(request=request, error=error, when=condition, test=name):
                    if "/" in name:
                        said = VERBS.get(request, "")
                        self.assertRegex(happenings((STORIES / f"{name}.txt").read_text()), rf"\b{said}\b.*\b{error}\b")
                    else:
                        self.assertRegex(bodies[name], rf"\b{error.lower()}\b")

    def test_each_story_happens(self):
        for path in sorted(STORIES.glob("*/*.txt")):
            with self.subTest(story=path.name):
                self.assertTrue(path.read_text().startswith("# "), "says nothing of what it tells")
                self.assertGreater(len(happenings(path.read_text()).splitlines()), 3)


if __name__ == "__main__":
    unittest.main()
