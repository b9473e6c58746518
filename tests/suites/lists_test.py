#!/usr/bin/env python3
"""The lists themselves: whether they parse, and whether the parser refuses what it should."""

import unittest
from pathlib import Path

import lists


class ParseTest(unittest.TestCase):
    def test_reads_names_marks_and_reasons(self):
        known = lists.parse("# heading\na quick\nb with blanks\n\n", "c  no such API\nd e   red on the peer\n")
        self.assertEqual(known.allowed, {"a": True, "b with blanks": False})
        self.assertEqual(known.misses, {"c": "no such API", "d e": "red on the peer"})

    def test_a_part_is_missed_with_the_whole(self):
        known = lists.parse("", "a/b  no such API\n")
        self.assertEqual([known.reason(name) for name in ("a/b", "a/b/c", "a", "a/bc")],
                         ["no such API", "no such API", None, None])

    def test_refuses_a_name_twice(self):
        for allow, misses in (("a\na quick\n", ""), ("a\n", "a  reason\n"), ("", "a  one\na  two\n")):
            with self.assertRaisesRegex(ValueError, "twice"):
                lists.parse(allow, misses)

    def test_refuses_a_miss_without_a_reason(self):
        with self.assertRaisesRegex(ValueError, "for no reason"):
            lists.parse("", "lonely\n")

    def test_the_lists_of_every_suite_parse(self):
        suites = sorted(path.stem for path in Path(lists.HERE).glob("*.allow"))
        self.assertIn("librdkafka", suites)
        for suite in suites:
            self.assertTrue(lists.load(suite).allowed, suite)


if __name__ == "__main__":
    unittest.main()
