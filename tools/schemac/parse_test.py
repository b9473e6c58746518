import unittest

from model import NEVER, Versions
from parse import SchemaError, parse_file
from testing import SAMPLE, message


class Reading(unittest.TestCase):
    def test_fields_and_their_versions(self):
        sample = message(SAMPLE)
        name, maybe, size, parts, state = sample.top.fields
        self.assertEqual((sample.versions, sample.flexible), (Versions(0, 3), 2))
        self.assertEqual((name.base, name.versions, name.nullable), ("string", Versions(0, 3), NEVER))
        self.assertEqual((maybe.versions, maybe.nullable), (Versions(1, 3), Versions(1, 3)))
        self.assertTrue(maybe.is_null_by_default and maybe.ignorable)
        self.assertEqual((size.versions, size.default), (Versions(0, 2), "-1"))
        self.assertEqual((parts.is_list, parts.base, parts.nullable), (True, "Part", Versions(1, 3)))
        self.assertEqual((state.tag, state.versions), (0, Versions(2, 3)))

    def test_structs_inherit_versions_and_come_inner_first(self):
        sample = message(SAMPLE)
        self.assertEqual(list(sample.structs), ["Part", "State"])
        index, secret = sample.structs["Part"].fields
        self.assertEqual(secret.versions, Versions(3, 3))
        self.assertTrue(secret.secret and not index.secret)
        self.assertEqual(sample.structs["State"].fields[0].versions, Versions(2, 3))

    def test_an_api_gives_its_versions_to_both_messages(self):
        file = parse_file("api/77_ping.msg", "# why\napi Ping key 77 versions 1..4 flexible 3+ unstable 4 on broker\n"
                                             "request\n  id int32 # an id\nresponse versions 1..2\n  ok bool\n")
        self.assertEqual(file.header, "api/ping.h")
        self.assertEqual((file.api.unstable, file.api.listeners), (4, ["broker"]))
        request, response = file.messages
        self.assertEqual((request.name, request.key, request.versions), ("PingRequest", 77, Versions(1, 4)))
        self.assertEqual((response.versions, response.flexible), (Versions(1, 2), 3))
        self.assertEqual(request.notes, ["why"])
        self.assertEqual(request.top.fields[0].note, "an id")

    def test_structs_may_be_shared(self):
        shared = message("data Two versions 0..0\n  a Pair\n  b []Pair\n  struct Pair\n    x int8\n")
        self.assertEqual([f.base for f in shared.top.fields], ["Pair", "Pair"])
        self.assertEqual(list(shared.structs), ["Pair"])


class Refusing(unittest.TestCase):
    def refuses(self, fields, why):
        with self.assertRaisesRegex(SchemaError, why):
            message("data Bad versions 0..3 flexible 2+\n" + fields)

    def test_names_the_line(self):
        self.refuses("  a int32\n  b int99\n", r"misc/sample.msg:3: unknown type 'int99'")

    def test_contradictions(self):
        self.refuses("  a int32?\n", "cannot be null")
        self.refuses("  a string = null\n", "not nullable")
        self.refuses("  a int32 1+ tag 0\n", "not flexible")
        self.refuses("  a int32 2+ tag 0\n  b int32 2+ tag 0\n", "tag 0 is there twice")
        self.refuses("  a int32 2+ tag 1\n", "gap")
        self.refuses("  a records 2+ tag 0\n", "records cannot be tagged")
        self.refuses("  a int32\n  a int8\n", "there twice")
        self.refuses("  a Thing\n", "struct Thing is not described")
        self.refuses("  a int32\n    b int8\n", "no struct")
        self.refuses("  a int32 = many\n", "no number")
        self.refuses("  a bool = 1\n", "neither true nor false")
        self.refuses("  a int32 7+\n", "in no version")
        self.refuses("  A int32\n", "snake_case")
        self.refuses("  a int32 whatever\n", "cannot read 'whatever'")
        self.refuses("  a []bool\n", "not supported")
        self.refuses("    a int32\n", "indent by 2")
        self.refuses("\ta int32\n", "tab")

    def test_an_api_needs_both_halves(self):
        with self.assertRaisesRegex(SchemaError, "has no response"):
            parse_file("api/1_a.msg", "api A key 1 versions 0..1 on broker\nrequest\n  a int8\n")
        with self.assertRaisesRegex(SchemaError, "listeners"):
            parse_file("api/1_a.msg", "api A key 1 versions 0..1 on everything\n")


if __name__ == "__main__":
    unittest.main()
