"""The table of configs and its page are what tools/config_table.py makes of their sources."""

import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class ConfigTable(unittest.TestCase):
    def test_is_current(self):
        ran = subprocess.run([sys.executable, ROOT / "tools/config_table.py", "--check"], capture_output=True, text=True)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
