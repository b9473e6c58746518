#!/usr/bin/env python3
"""Holds the dependency law: the table in docs/ARCHITECTURE.md, the USES lists of CMakeLists.txt and the #include lines
of src/ and sim/ must agree, third-party headers keep to their folders, and nothing goes in a circle.
Usage: check_deps.py [ROOT]"""

import re
import sys
from pathlib import Path

# Third-party and kernel headers, and the folders that may include them.
FOREIGN = [
    (re.compile(r"<boost/(asio|system)"), {"io/asio"}),
    (re.compile(r"<boost/"), {"io/asio", "console"}),
    (re.compile(r"<openssl/"), {"io/asio", "security"}),
    (re.compile(r"<(sys/|netinet/|arpa/|linux/|unistd\.h|fcntl\.h|signal\.h|csignal|poll\.h|thread|mutex|pthread\.h|filesystem|fstream)"),
     {"io/asio", "cli"}),
    (re.compile(r"<(zlib|zstd|lz4\w*|snappy[\w-]*|isa-l/?\w*)\.h>"), {"records"}),
    (re.compile(r"<(re2/|xxhash\.h)"), {"coordinator"}),
    (re.compile(r"<(spdlog/|spdlog\.h)"), {"base"}),
    (re.compile(r"<CLI/"), {"cli", "node"}),
]
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|(<[^>]+>))', re.M)

Law = dict[str, set[str]]


def law_of_page(text: str) -> Law:
    """The rows "| folder | may include | is |" of the dependency law."""
    section = text.split("## The dependency law", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| ([a-z/]+) \| ([\w/, ]*) ?\|", section, re.M)
    return {folder: {name.strip() for name in uses.split(",") if name.strip()} for folder, uses in rows}


def law_of_cmake(text: str) -> tuple[Law, set[str]]:
    """The USES of every gregor_module, and the modules marked SCHEMA."""
    law, schema = {}, set()
    for call in re.findall(r"^gregor_module\(([^)]*)\)", text, re.M):
        words = call.split()
        name, uses, keyword = words[0], set(), ""
        for word in words[1:]:
            if word in ("USES", "LIBS", "ROOT", "SCHEMA"):
                keyword = word
                schema |= {name} if word == "SCHEMA" else set()
            elif keyword == "USES":
                uses.add(word)
        law[name] = uses
    return law, schema


def module_of(path: str, modules: set[str]) -> str | None:
    """The longest module that a path below src/ (or sim/) lies in."""
    folders = path.split("/")[:-1]
    for depth in range(len(folders), 0, -1):
        if (name := "/".join(folders[:depth])) in modules:
            return name
    return None


def compare(page: Law, cmake: Law) -> list[str]:
    complaints = []
    for folder in sorted(page.keys() | cmake.keys()):
        if page.get(folder) != cmake.get(folder):
            complaints.append(f"{folder}: docs/ARCHITECTURE.md says {sorted(page.get(folder, []))}, "
                              f"CMakeLists.txt says {sorted(cmake.get(folder, []))}")
    return complaints


def find_circle(law: Law) -> list[str]:
    done: set[str] = set()

    def visit(folder: str, trail: list[str]) -> list[str]:
        if folder in trail:
            return [" -> ".join([*trail[trail.index(folder):], folder]) + ": the folders include each other in a circle"]
        if folder in done:
            return []
        done.add(folder)
        return [circle for used in sorted(law.get(folder, ())) for circle in visit(used, [*trail, folder])]

    return [circle for folder in sorted(law) for circle in visit(folder, [])]


def check_file(path: str, text: str, law: Law, schema: set[str]) -> list[str]:
    """Generated messages ("gen/...") are for those who use protocol or carry the SCHEMA mark of CMakeLists.txt. `path` is relative to the include root, as in an #include line: raft/raft.h, sim/world.h."""
    modules = set(law)
    own = module_of(path, modules)
    if own is None:
        return [f"{path}: lies in no folder of CMakeLists.txt"]
    complaints = []
    for ours, foreign in INCLUDE.findall(text):
        if ours.startswith("gen/"):
            if "protocol" not in law[own] and own != "protocol" and own not in schema:
                complaints.append(f'{path}: "{ours}": {own} may not include generated messages')
        elif ours:
            used = module_of(ours, modules)
            if used is not None and used != own and used not in law[own]:
                complaints.append(f'{path}: "{ours}": {own} may not include {used}')
        for pattern, allowed in FOREIGN:
            if foreign and pattern.match(foreign):
                if own not in allowed and not path.endswith("_test.cc") and "/contract/" not in path:
                    complaints.append(f"{path}: {foreign}: only in {', '.join(sorted(allowed))}")
                break
    return complaints


def check_tree(root: Path) -> list[str]:
    law, schema = law_of_cmake((root / "CMakeLists.txt").read_text())
    complaints = compare(law_of_page((root / "docs/ARCHITECTURE.md").read_text()), law) + find_circle(law)
    for base, folder in ((root / "src", root / "src"), (root, root / "sim")):
        for path in sorted([*folder.rglob("*.h"), *folder.rglob("*.cc")]):
            complaints += check_file(path.relative_to(base).as_posix(), path.read_text(), law, schema)
    return complaints


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    complaints = check_tree(root)
    print("\n".join(complaints) if complaints else "the dependency law holds")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
