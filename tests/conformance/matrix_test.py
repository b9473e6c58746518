"""The harness of the matrix itself: lines, programs, stored batches. A program here is a line of shell."""

import struct
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

from lib.report import Failure  # noqa: E402
from matrix import stored  # noqa: E402
from matrix.client import Client  # noqa: E402
from matrix.outcome import red_on_peer  # noqa: E402
from matrix.program import Running, wait_for  # noqa: E402
from matrix.records import Record, from_line, to_line  # noqa: E402
from matrix.row import Row  # noqa: E402


class Lines(unittest.TestCase):
    def test_null_and_empty_differ(self):
        record = Record(None, b"", ((b"h", None), (b"", b"\xff")), partition=3, time_ms=7)
        self.assertEqual(to_line(record), "3 7 - x x68:- x:xff\n")
        self.assertEqual(from_line("record 3 9 7 - x x68:- x:xff"),
                         Record(None, b"", ((b"h", None), (b"", b"\xff")), 3, 7, 9))

    def test_anything_else_is_refused(self):
        for line in ("record 0 0 0 text -", "record 0 0 0 -", "record a 0 0 - -"):
            with self.assertRaises(ValueError):
                from_line(line)


class Programs(unittest.TestCase):
    def shell(self, text: str) -> Running:
        program = Running(["sh", "-c", text])
        self.addCleanup(program.kill)
        return program

    def test_what_it_acknowledges(self):
        program = self.shell("echo acked 1 -; echo acked 0 5")
        program.succeeds()
        self.assertEqual(program.acked(), {0: 5, 1: None})

    def test_a_line_is_acknowledged_once(self):
        program = self.shell("echo acked 0 1; echo acked 0 2")
        program.succeeds()
        self.assertRaises(Failure, program.acked)

    def test_its_exit_code_and_last_words_count(self):
        with self.assertRaisesRegex(Failure, "left with 3: too bad"):
            self.shell("echo too bad >&2; exit 3").succeeds()

    def test_one_that_does_not_end_is_killed(self):
        program = self.shell("sleep 60")
        with self.assertRaisesRegex(Failure, "does not end within 0.1 s"):
            program.succeeds(0.1)
        self.assertEqual(program.process.returncode, -9)

    def test_a_line_that_never_comes(self):
        with self.assertRaisesRegex(Failure, "ended before it printed 'ready'"):
            self.shell("echo steady").prints("ready")

    def test_waiting_ends(self):
        with self.assertRaisesRegex(Failure, "the moon is blue: not within 0 s"):
            wait_for(lambda: False, "the moon is blue", limit_s=0)


class Stored(unittest.TestCase):
    def test_headers_of_batches(self):
        header = struct.Struct(">qiibIhiqqqhii")
        batches = [header.pack(0, 49 + 5, 0, 2, 0, 4, 1, 0, 0, -1, -1, -1, 2) + b"12345",
                   header.pack(2, 49, 0, 2, 0, 0, 0, 0, 0, 1000, 0, 0, 1)]
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder)
            (data / "t-0").mkdir()
            (data / "t-0" / "00.log").write_bytes(b"".join(batches) + bytes(100))
            broker = SimpleNamespace(data=data)
            self.assertEqual(stored.batches(broker, "t"), [stored.Batch(0, "zstd", -1, 2), stored.Batch(2, "none", 1000, 1)])
            self.assertEqual(stored.count(broker, "t"), 3)


class SharedSources(unittest.TestCase):
    def test_each_client_has_its_own(self):
        first, second = (Client(name, name, name, folder="go") for name in ("franz-go", "sarama"))
        self.assertEqual(first.output(), second.output())
        self.assertEqual([client.program().name for client in (first, second)], ["franz-go", "sarama"])


class Refusals(unittest.TestCase):
    def test_a_pattern_of_rows(self):
        client = Client("c", "C", "c", refused=[("group of *", "no groups")])
        self.assertEqual(client.refusal("group of two, range"), "no groups")
        self.assertIsNone(client.refusal("groups"))

    def test_ci_plays_fewer_rows(self):
        rows = [Row("a", print), Row("b", print), Row("big a", print, long=True)]
        client = Client("c", "C", "c", quick_rows=("a*",))
        self.assertEqual([row.name for row in client.rows(rows, is_long=False)], ["a"])
        self.assertEqual([row.name for row in client.rows(rows, is_long=True)], ["a", "b", "big a"])

    def test_rows_that_do_not_count_name_clients_and_reasons(self):
        for (client, row), reason in red_on_peer(HERE / "red_on_peer.txt").items():
            self.assertTrue(client and row and reason)


if __name__ == "__main__":
    unittest.main()
