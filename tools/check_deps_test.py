"""check_deps.py sees a broken law wherever it is broken: in the page, in CMake, in an include."""

import tempfile
import unittest
from pathlib import Path

import check_deps

PAGE = """## The dependency law

| Folder | may include | is |
|---|---|---|
| base | | words |
| io | base | ports |
| io/asio | base, io | kernel |
| storage | base, io | logs |
| sim | base, io, storage | fakes |

## Next
| node | base | not in this section |
"""
CMAKE = """gregor_module(base LIBS fmt::fmt)
gregor_module(io USES base)
gregor_module(io/asio USES base io LIBS Boost::headers)
gregor_module(storage USES base io
              SCHEMA)
gregor_module(sim ROOT sim USES base io storage)
"""


class Law(unittest.TestCase):
    def complaints(self, files, page=PAGE, cmake=CMAKE):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for path, text in {"docs/ARCHITECTURE.md": page, "CMakeLists.txt": cmake, **files}.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            return check_deps.check_tree(root)

    def test_a_lawful_tree(self):
        files = {
            "src/storage/log.cc": '#include "storage/log.h"\n#include <vector>\n#include "base/ids.h"\n#include "io/ports.h"\n'
                                  '#include "gen/storage/snapshot.h"\n',
            "src/io/asio/loop.cc": '#include <boost/asio/io_context.hpp>\n#include <unistd.h>\n#include "io/ports.h"\n',
            "sim/world.cc": '#include "sim/world.h"\n#include "storage/log.h"\n',
        }
        self.assertEqual(self.complaints(files), [])

    def test_a_forbidden_folder(self):
        self.assertEqual(self.complaints({"src/base/ids.cc": '#include "io/ports.h"\n'}),
                         ['base/ids.cc: "io/ports.h": base may not include io'])

    def test_the_ports_do_not_open_the_kernel(self):
        self.assertEqual(self.complaints({"src/storage/log.cc": '#include "io/asio/disk.h"\n'}),
                         ['storage/log.cc: "io/asio/disk.h": storage may not include io/asio'])
        self.assertEqual(self.complaints({"src/storage/log.cc": "#include <unistd.h>\n"}),
                         ["storage/log.cc: <unistd.h>: only in cli, io/asio"])
        self.assertEqual(len(self.complaints({"src/storage/log.cc": "#  include <boost/asio.hpp>\n"})), 1)

    def test_tests_obey_too(self):
        self.assertEqual(len(self.complaints({"src/storage/log_test.cc": '#include "sim/disk.h"\n'})), 1)

    def test_generated_messages_need_leave(self):
        self.assertEqual(len(self.complaints({"src/io/x.cc": '#include "gen/api/produce.h"\n'})), 1)

    def test_a_folder_without_a_module(self):
        self.assertEqual(len(self.complaints({"src/extra/x.cc": "\n"})), 1)

    def test_page_and_cmake_must_agree(self):
        self.assertEqual(len(self.complaints({}, page=PAGE.replace("| base, io | logs", "| base | logs"))), 1)
        self.assertEqual(len(self.complaints({}, cmake=CMAKE + "gregor_module(raft USES base)\n")), 1)

    def test_circles(self):
        page = PAGE.replace("| io | base |", "| io | base, storage |")
        cmake = CMAKE.replace("gregor_module(io USES base)", "gregor_module(io USES base storage)")
        self.assertEqual(self.complaints({}, page, cmake),
                         ["io -> storage -> io: the folders include each other in a circle"])


if __name__ == "__main__":
    unittest.main()
