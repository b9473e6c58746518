import os
import pathlib
import unittest

from emit_cpp import condition, emit_codec, emit_header, generate, spread
from model import Versions
from parse import parse_file
from testing import SAMPLE, message

ROOT = pathlib.Path(__file__).resolve().parents[2]
REVIEWED = ROOT / "tests" / "golden" / "generated"


def schema_file(path):
    return parse_file(path, (ROOT / "schema" / path).read_text())


class Pieces(unittest.TestCase):
    def test_conditions_say_no_more_than_needed(self):
        around = Versions(3, 9)
        self.assertEqual(condition(Versions(0, 20), around), "true")
        self.assertEqual(condition(Versions(10, 20), around), "false")
        self.assertEqual(condition(Versions(5, 9), around), "v >= 5")
        self.assertEqual(condition(Versions(0, 4), around), "v <= 4")
        self.assertEqual(condition(Versions(4, 5), around), "v >= 4 && v <= 5")

    def test_only_fields_that_may_not_be_dropped_are_refused(self):
        codec = emit_codec(message(SAMPLE))
        self.assertIn('if (size != -1) w.unsupported("Sample.size");', codec)
        self.assertNotIn("Sample.maybe", codec)

    def test_secrets_are_hidden(self):
        self.assertIn("d.shows_secrets() ? d.value(bytes) : d.redacted();", emit_codec(message(SAMPLE)))

    def test_units_hold_each_file_once(self):
        files = [schema_file(f"misc/{name}") for name in ("request_header.msg", "voters.msg", "quorum_state.msg")]
        units = spread(files, 2, lambda f: 1)
        self.assertEqual(sorted(f.path for unit in units for f in unit), sorted(f.path for f in files))


class Whole(unittest.TestCase):
    def test_everything_is_generated_once_and_the_same_again(self):
        paths = sorted((ROOT / "schema").glob("*/*.msg"))
        files = [parse_file(p.relative_to(ROOT / "schema").as_posix(), p.read_text()) for p in paths]
        first, second = generate(files), generate(list(reversed(files)))
        self.assertEqual(first, second)
        codec = "".join(text for name, text in first.items() if name.startswith("codec_"))
        for m in (m for f in files for m in f.messages):
            self.assertEqual(codec.count(f"void {m.name}::decode("), 1)

    def test_the_reviewed_files_are_what_schemac_writes(self):
        """UPDATE=1 rewrites them; their difference is what a review of the generator looks at."""
        for path in ("api/10_find_coordinator.msg", "group/consumer_group_member_metadata.msg"):
            file = schema_file(path)
            for suffix, text in ((".h", emit_header(file)), (".cc", "".join(map(emit_codec, file.messages)))):
                reviewed = REVIEWED / (pathlib.Path(file.header).stem + suffix)
                if os.environ.get("UPDATE"):
                    reviewed.parent.mkdir(exist_ok=True)
                    reviewed.write_text(text)
                self.assertEqual(reviewed.read_text(), text, f"{reviewed}: run with UPDATE=1 if this is meant")


if __name__ == "__main__":
    unittest.main()
