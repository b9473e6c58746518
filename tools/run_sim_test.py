"""What is read out of `gregor simulate`, and which bugs are hunted."""

import unittest

from run_sim import ROOT, judge, planted_bugs


class Judge(unittest.TestCase):
    def test_seeds_are_cases(self):
        self.assertEqual(judge("50 seeds, 0 failed: 3000 simulated seconds\nfaults: crash 3\n", 0), (50, 0))
        self.assertEqual(judge("FAILED seed 3: lost\n50 seeds, 2 failed: 3000 simulated seconds\n", 1), (48, 2))

    def test_a_crash_is_a_failure(self):
        self.assertEqual(judge("", 134), (0, 1))
        self.assertEqual(judge("50 seeds, 0 failed: 3000 simulated seconds\n", 134), (50, 1))


class Bugs(unittest.TestCase):
    def test_the_five_of_the_first_release_are_hunted(self):
        self.assertLessEqual({"answer_before_fsync", "lost_truncation", "offsets_reused_after_crash",
                              "forgotten_waiting_fetch", "group_answers_from_wrong_generation"}, set(planted_bugs(ROOT)))

    def test_those_of_tests_are_not(self):
        self.assertFalse([name for name in planted_bugs(ROOT) if name.startswith("fault_test")])


if __name__ == "__main__":
    unittest.main()
