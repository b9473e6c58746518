"""What is read out of a test binary's output."""

import unittest

from run_ctest import count

BRIEF_FAILURE = """[  FAILED  ] Uuid.Prints (0 ms)
[  FAILED  ] Sizes/Slice.Cuts/3, where GetParam() = 7 (2 ms)
[==========] 4 tests from 2 test suites ran. (1 ms total)
[  PASSED  ] 2 tests.
"""
FULL_FAILURE = """[  PASSED  ] 5 tests.
[  SKIPPED ] 1 test, listed below:
[  SKIPPED ] Disk.Loop
[  FAILED  ] 2 tests, listed below:
[  FAILED  ] A.B
[  FAILED  ] C.D

 2 FAILED TESTS
"""


class Count(unittest.TestCase):
    def test_googletest(self):
        self.assertEqual(count("[  PASSED  ] 20 tests.\n", True), (20, 0, 0))
        self.assertEqual(count(FULL_FAILURE, False), (5, 2, 1))

    def test_googletest_in_brief(self):
        self.assertEqual(count(BRIEF_FAILURE, False), (2, 2, 0))

    def test_a_crash_is_a_failure(self):
        self.assertEqual(count("[ RUN      ] A.B\n", False), (0, 1, 0))
        self.assertEqual(count("", False), (0, 1, 0))

    def test_unittest(self):
        self.assertEqual(count("Ran 7 tests in 0.1s\n\nOK\n", True), (7, 0, 0))
        self.assertEqual(count("Ran 7 tests in 0.1s\n\nFAILED (failures=1, errors=2)\n", False), (4, 3, 0))

    def test_a_plain_program_is_one_case(self):
        self.assertEqual(count("all laws hold", True), (1, 0, 0))
        self.assertEqual(count("a law is broken", False), (0, 1, 0))


if __name__ == "__main__":
    unittest.main()
