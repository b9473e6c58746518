"""The examples in docs/formats are what the files that they name hold."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = re.compile(r"^```(hexdump|text) (\S+)\n(.*?)^```$", re.M | re.S)
ROW = re.compile(r"^([0-9a-f]{8})(?:  ((?:[0-9a-f]{2} ?)+(?: (?:[0-9a-f]{2} ?)+)?) *\|)?", re.M)


def bytes_of_dump(dump: str) -> bytes:
    """The bytes of `hexdump -C` output, rows of repeated bytes spelt out. Its last row is the length."""
    rows = ROW.findall(dump)
    data = b"".join(bytes.fromhex(hexes) for _, hexes in rows)
    if len(data) != int(rows[-1][0], 16):
        raise ValueError(f"{len(data)} bytes in the rows, {rows[-1][0]} in the last line")
    return data


class Formats(unittest.TestCase):
    def test_examples_equal_their_files(self):
        seen = 0
        for page in sorted((ROOT / "docs/formats").glob("*.md")):
            for kind, name, body in EXAMPLE.findall(page.read_text()):
                with self.subTest(page=page.name, file=name):
                    content = (ROOT / name).read_bytes()
                    shown = bytes_of_dump(body) if kind == "hexdump" else body.encode().rstrip(b"\n")
                    self.assertEqual(shown, content if kind == "hexdump" else content.rstrip(b"\n"))
                    seen += 1
        self.assertGreaterEqual(seen, 10)

    def test_a_dump_is_read_whole(self):
        self.assertEqual(bytes_of_dump("00000000  00 01 ff                                          |...|\n00000003\n"), b"\0\1\xff")
        with self.assertRaises(ValueError):
            bytes_of_dump("00000000  00 01                                             |..|\n00000003\n")


if __name__ == "__main__":
    unittest.main()
