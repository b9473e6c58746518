import unittest

from model import NEVER, Versions
from testing import SAMPLE, message


class Ranges(unittest.TestCase):
    def test_algebra(self):
        self.assertIn(3, Versions(3, 5))
        self.assertNotIn(6, Versions(3, 5))
        self.assertTrue(Versions(0, 9).covers(Versions(3, 5)))
        self.assertFalse(Versions(4, 9).covers(Versions(3, 5)))
        self.assertTrue(Versions(5, 9).meets(Versions(3, 5)))
        self.assertFalse(Versions(6, 9).meets(Versions(3, 5)))
        self.assertEqual(Versions(4, 9).cut(Versions(3, 5)), Versions(4, 5))
        self.assertTrue(Versions(0, 1).covers(NEVER))


class LeastSizes(unittest.TestCase):
    """Counted by hand from the wire format."""

    def test_struct(self):
        sample = message(SAMPLE)
        # v0: string 2, int32 4, list 4; v1 adds a string of 2; v2: 1 + 1 + 4 + 1 and the tag count; v3 loses the int32.
        self.assertEqual([sample.min_size(sample.top, v) for v in range(4)], [10, 12, 8, 4])

    def test_element_is_the_least_over_all_versions(self):
        sample = message(SAMPLE)
        parts = sample.top.fields[3]
        self.assertEqual(sample.min_element(parts), 2)  # v0: one int16
        strings = message("data S versions 0..1\n  s []string\n  n []int64\n  e []Empty 1+\n  struct Empty\n    x int8 0\n")
        self.assertEqual([strings.min_element(f) for f in strings.top.fields], [2, 8, 1])  # never 0


class Names(unittest.TestCase):
    def test_json_and_cpp(self):
        names = message("data S versions 0..0\n  last_known_elr int8\n  default int8\n")
        self.assertEqual([f.json_name for f in names.top.fields], ["lastKnownElr", "default"])
        self.assertEqual([f.cpp_name for f in names.top.fields], ["last_known_elr", "default_"])


if __name__ == "__main__":
    unittest.main()
