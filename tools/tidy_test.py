"""Each rule of tidy.py finds its sinner and spares its neighbour."""

import tempfile
import unittest
from pathlib import Path

import tidy


class Rules(unittest.TestCase):
    def rules_of(self, files):
        """The rules broken by a tree of these files, and where."""
        with tempfile.TemporaryDirectory() as folder:
            for path, text in files.items():
                (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / path).write_text(text)
            return [(finding.rule, finding.place) for finding in tidy.check_tree(Path(folder))[0]]

    def broken_by(self, line, path="src/raft/raft.cc"):
        return [rule for rule, _ in self.rules_of({path: line + "\n"})]

    def test_clocks(self):
        self.assertEqual(self.broken_by("auto t = std::chrono::steady_clock::now();"), ["raw-clock"])
        self.assertEqual(self.broken_by("auto t = std::chrono::steady_clock::now();", "src/io/asio/loop.cc"), [])
        self.assertEqual(self.broken_by("auto t = clock.now();"), [])

    def test_random(self):
        self.assertEqual(self.broken_by("int x = rand();"), ["random"])
        self.assertEqual(self.broken_by("int x = operand();"), [])

    def test_shared_ptr_threads_coroutines_exceptions(self):
        self.assertEqual(self.broken_by("std::shared_ptr<int> p;"), ["shared-ptr"])
        self.assertEqual(self.broken_by("std::mutex m;"), ["thread"])
        self.assertEqual(self.broken_by("std::mutex m;", "src/io/asio/worker.cc"), [])
        self.assertEqual(self.broken_by("co_await x;"), ["coroutine"])
        self.assertEqual(self.broken_by("throw 1;"), ["throw"])
        self.assertEqual(self.broken_by("using namespace std;", "fuzz/x_fuzz.cc"), ["using-namespace"])

    def test_words_in_comments_and_strings_are_free(self):
        self.assertEqual(self.broken_by('f("throw"); // we never throw\n/* co_await */ g(R"(using namespace x)");'), [])

    def test_tests_are_exempt(self):
        self.assertEqual(self.broken_by("std::shared_ptr<int> p;", "src/raft/raft_test.cc"), [])

    def test_unfinished_work(self):
        self.assertEqual(self.broken_by("// TO" "DO: later"), ["unfinished"])
        self.assertEqual(self.broken_by("FIX" "ME", "docs/x.md"), ["unfinished"])

    def test_walking_an_unordered_container(self):
        header = "// A map.\n#pragma once\nstruct A { std::unordered_map<int, int> members_; };\n"
        walk = '#include "raft/a.h"\nvoid f() {\n    for (auto& m : members_) use(m);\n}\n'
        files = {"src/raft/a.h": header, "src/raft/a.cc": walk, "src/raft/user.cc": '#include "raft/a.h"\n'}
        self.assertEqual(self.rules_of(files), [("unordered-walk", "src/raft/a.cc:3")])
        files["src/raft/a.cc"] = walk.replace("for (auto& m : members_) use(m)", "members_.find(3)")
        self.assertEqual(self.rules_of(files), [])

    def test_dead_headers(self):
        header = "// Used by nobody.\n#pragma once\n"
        files = {"src/raft/a.h": header, "src/raft/a_test.cc": '#include "raft/a.h"\n'}
        self.assertEqual(self.rules_of(files), [("dead-file", "src/raft/a.h")])
        files["src/raft/b.cc"] = '#include "raft/a.h"\n'
        self.assertEqual(self.rules_of(files), [])

    def test_headers_say_what_they_are(self):
        files = {"src/raft/a.h": "int x;\n", "src/raft/b.cc": '#include "raft/a.h"\n'}
        self.assertEqual([rule for rule, _ in self.rules_of(files)], ["pragma-once", "header-comment"])

    def test_links_and_paths_in_pages(self):
        page = "[a](b.md) [c](../README.md#x) [web](https://x.test/) `src/raft/` `src/gone.h` `src/<name>/`\n"
        files = {"docs/a.md": page, "README.md": "x\n", "src/raft/a.cc": "\n"}
        self.assertEqual(self.rules_of(files), [("dead-link", "docs/a.md"), ("dead-path", "docs/a.md")])

    def test_headers_that_a_folder_says_it_has(self):
        files = {"src/raft/README.md": "`raft.h` `gone.h`\n", "src/raft/raft.h": "// A.\n#pragma once\n",
                 "src/node/node.cc": '#include "raft/raft.h"\n'}
        self.assertEqual(self.rules_of(files), [("dead-path", "src/raft/README.md")])

    def test_length_of_files(self):
        self.assertEqual(self.broken_by("\n" * 600), ["file-length"])
        self.assertEqual(self.broken_by("\n" * 599), [])


class Shape(unittest.TestCase):
    def shape(self, text):
        return tidy.shape_of(tidy.blank_literals(text))

    def names(self, text):
        return [(function.name, function.length) for function in self.shape(text).functions]

    def test_functions_are_found_where_they_begin(self):
        self.assertEqual(self.names("namespace a {\nint f(int x,\n      int y) {\n    return x;\n}\n}\n"), [("f", 4)])
        self.assertEqual(self.names("struct A {\n    A() : x_{1} {}\n    int g() const { return 1; }\n};\n"),
                         [("A", 1), ("g", 1)])
        self.assertEqual(self.names("bool operator==(A a, A b) {\n}\n"), [("operator==", 2)])

    def test_what_is_no_function(self):
        self.assertEqual(self.names("int table[] = {1, 2};\nstruct A { int x = 1; };\nenum class B { c };\n"), [])
        self.assertEqual(self.names("#define M(x) \\\n    do { f(x); \\\n    } while (0)\n"), [])

    def test_braces_in_literals_do_not_count(self):
        self.assertEqual(self.names("void f() {\n    g('{', \"{\", R\"({)\"); // {\n}\nvoid h() {}\n"), [("f", 3), ("h", 1)])

    def test_lambda_inside_lambda(self):
        inner = "void f() {\n    run([&](int x) {\n        walk([x] { return x; });\n    });\n}\n"
        self.assertEqual(self.shape(inner).nested_lambdas, [3])
        self.assertEqual(self.shape(inner.replace("walk([x] { return x; })", "walk(list[x])")).nested_lambdas, [])
        two = "void f() {\n    run([] { a(); });\n    run([] { b(); });\n}\n"
        self.assertEqual(self.shape(two).nested_lambdas, [])


class Ratchet(unittest.TestCase):
    def complaints(self, size, allowed):
        findings = [tidy.Finding("function-length", "src/a.cc:f", "long", size)] if size else []
        return len(tidy.apply_allowances(findings, tidy.read_allowances(allowed)))

    ENTRY = "function-length src/a.cc:f 60  # one table\n"

    def test_it_may_stay_but_neither_grow_nor_shrink_unseen(self):
        self.assertEqual(self.complaints(60, self.ENTRY), 0)
        self.assertEqual(self.complaints(61, self.ENTRY), 1)
        self.assertEqual(self.complaints(59, self.ENTRY), 1)
        self.assertEqual(self.complaints(60, ""), 1)

    def test_lambdas_inside_lambdas_are_counted_by_file(self):
        findings = tidy.check_lambdas("src/a.cc", tidy.Shape(nested_lambdas=[3, 9]))
        allowed = tidy.read_allowances("nested-lambda src/a.cc 2  # steps\n")
        self.assertEqual(tidy.apply_allowances(findings, allowed), [])
        self.assertEqual(len(tidy.apply_allowances(findings, {("nested-lambda", "src/a.cc"): 1})), 1)

    def test_a_mended_entry_must_go(self):
        self.assertEqual(self.complaints(0, self.ENTRY), 1)

    def test_beyond_the_last_line_nothing_helps(self):
        self.assertEqual(self.complaints(71, self.ENTRY.replace("60", "71")), 1)

    def test_an_entry_needs_a_reason(self):
        with self.assertRaises(ValueError):
            tidy.read_allowances("function-length src/a.cc:f 60\n")


if __name__ == "__main__":
    unittest.main()
