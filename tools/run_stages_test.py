"""What the runner of stages believes of a command's output."""

import tempfile
import unittest
from pathlib import Path

import run_stages
from run_stages import Stage, judge, parse_stages, run_stage


class Judge(unittest.TestCase):
    def counts(self, output, exit_code):
        outcome = judge(output, exit_code, 0)
        return outcome.passed, outcome.failed, outcome.skipped

    def test_last_line_of_counts_wins(self):
        self.assertEqual(self.counts("1 passed, 1 failed\nnoise\n12 passed, 0 failed, 3 skipped\nbye", 0), (12, 0, 3))

    def test_a_name_may_stand_before_the_counts(self):
        self.assertEqual(self.counts("total: 2 passed, 0 failed", 0), (2, 0, 0))

    def test_counts_inside_a_sentence_do_not_count(self):
        self.assertEqual(self.counts("it says 5 passed, 0 failed somewhere", 0), (0, 1, 0))

    def test_a_failure_without_counts_is_one_failure(self):
        self.assertEqual(self.counts("", 1), (0, 1, 0))
        self.assertEqual(self.counts("4 passed, 0 failed", 139), (4, 1, 0))

    def test_counted_failures_are_not_counted_twice(self):
        self.assertEqual(self.counts("4 passed, 2 failed", 1), (4, 2, 0))

    def test_running_nothing_is_a_failure(self):
        self.assertEqual(self.counts("0 passed, 0 failed", 0), (0, 1, 0))

    def test_a_time_limit_is_a_failure(self):
        self.assertEqual(self.counts("4 passed, 0 failed", None), (4, 1, 0))


class Stages(unittest.TestCase):
    def run_command(self, command, limit_s=10.0):
        with tempfile.TemporaryDirectory() as folder:
            return run_stage(Stage("s", ["test"], limit_s, command), Path(folder) / "log")

    def test_the_table(self):
        stages = parse_stages("# comment\n\nsim check,test 10 ./dev sim --seeds 50 > x\n")
        self.assertEqual(stages, [Stage("sim", ["check", "test"], 600, "./dev sim --seeds 50 > x")])

    def test_the_table_of_the_project_parses(self):
        stages = parse_stages((run_stages.ROOT / "tests/stages.txt").read_text())
        self.assertTrue({"check", "test", "long"} <= {suite for stage in stages for suite in stage.suites})

    def test_output_and_exit_code_are_seen(self):
        outcome = self.run_command("echo '3 passed, 0 failed'; exit 7")
        self.assertEqual((outcome.passed, outcome.failed), (3, 1))
        self.assertIn("exit code 7", outcome.trouble)

    def test_a_stage_over_its_limit_is_stopped_with_its_children(self):
        outcome = self.run_command("sleep 30 & sleep 30", limit_s=0.2)
        self.assertEqual(outcome.failed, 1)
        self.assertLess(outcome.seconds, 25)


if __name__ == "__main__":
    unittest.main()
