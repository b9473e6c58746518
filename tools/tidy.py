#!/usr/bin/env python3
"""The part of docs/STYLE.md that a program can check: what is banned, how long files and functions may be, what is
dead. A ratchet: tools/tidy.allow lists what is over a line today, each with its size and a reason; it may shrink, and
then its entry must follow. Prints every finding, then the histogram of lengths. Usage: tidy.py [ROOT]"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

FILE_LIMIT, FILE_NEVER = 600, 1000
FUNCTION_LIMIT, FUNCTION_NEVER = 50, 70
CODE_FOLDERS = ("src", "sim", "fuzz", "bench")
TEXT_SUFFIXES = {".h", ".cc", ".py", ".sh", ".md", ".txt", ".cmake", ".msg", ".def", ".json"}


@dataclass
class Ban:
    name: str
    pattern: re.Pattern
    remedy: str
    inside: str = r"(src|sim)/"  # where it counts
    outside: str = r"(?!)"  # where it is allowed


def ban(name: str, pattern: str, remedy: str, **places: str) -> Ban:
    return Ban(name, re.compile(pattern), remedy, **places)


KERNEL = r"src/io/asio/|src/cli/"
BANS = [
    ban("raw-clock", r"_clock::now|\b(clock_gettime|gettimeofday|std::time|::time)\s*\(|\btime\(nullptr\)",
        "time is an argument, or comes from io::Clock", outside=KERNEL),
    ban("random", r"\b(std::)?s?rand\s*\(\s*\)|\bdrand48\b|std::(random_device|mt19937\w*|default_random_engine)\b",
        "randomness comes from io::Random or base/prng.h", outside=KERNEL),
    ban("shared-ptr", r"std::(shared_ptr|weak_ptr|make_shared|enable_shared_from_this)\b", "one owner, or Ref"),
    ban("using-namespace", r"\busing\s+namespace\b", "name what you use", inside=r"(src|sim|fuzz|bench)/"),
    ban("thread", r"std::(thread|jthread|async|mutex|condition_variable)\b|\bpthread_", "threads live in io/asio",
        outside=r"src/io/asio/"),
    ban("coroutine", r"\bco_(await|return|yield)\b", "GCC 12 miscompiles coroutines (docs/adr)"),
    ban("throw", r"\bthrow\b|\bcatch\s*\(", "errors are values: Result", outside=r"src/io/asio/|src/cli/main\.cc"),
    ban("environment", r"\bgetenv\b", "settings are constructor arguments", outside=r"src/cli/"),
    ban("iostream", r"#include <iostream>", "LOG_*, or fmt in cli"),
]
MARKS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")  # split so that this file does not find itself


@dataclass
class Function:
    line: int
    name: str
    length: int


@dataclass
class Scope:
    kind: str  # function, lambda, type, block, value
    name: str = ""
    line: int = 0
    head: str = ""  # of a value: the text that goes on behind it


@dataclass
class Shape:
    functions: list[Function] = field(default_factory=list)
    nested_lambdas: list[int] = field(default_factory=list)


@dataclass
class Finding:
    rule: str
    place: str
    text: str
    size: int = 0  # of the ratcheted rules

    def __str__(self) -> str:
        return f"{self.place}: {self.rule}: {self.text}"


LITERAL = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'',
    re.S)


def blank_literals(text: str) -> str:
    """The same lines without comments, and with nothing inside string and character literals."""

    def blank(match: re.Match) -> str:
        lines = "\n" * match.group().count("\n")
        return lines if match.group().startswith("/") else '""' + lines

    return LITERAL.sub(blank, text)


LAMBDA_HEAD = re.compile(r"\[[^\[\]]*\]\s*(\((?:[^()]|\([^()]*\))*\))?\s*(mutable|noexcept|constexpr|->\s*[\w:<>,&*\s]+|\s)*$")
TYPE_HEAD = re.compile(r"\b(namespace|class|struct|enum|union|extern)\b[^()=]*$")
BLOCK_HEAD = re.compile(r"^\s*(if|for|while|switch|else|do|try|catch)\b")
FUNCTION_NAME = re.compile(r"([~\w:<>]+|operator[^\s\w(]+)\s*\(")


def scope_of(head: str, outer: list[Scope], line: int) -> Scope:
    """What the brace opens that `head`, the text since the last statement, stands before."""
    if re.search(r"[\w>]$", head):  # clang-format leaves no space before the braces of a value: x_{1}, List<int>{}
        return Scope("value", head=head)
    if LAMBDA_HEAD.search(head) and not re.search(r"operator\s*\[\]", head):
        return Scope("lambda", line=line)
    if any(scope.kind in ("function", "lambda") for scope in outer) or BLOCK_HEAD.match(head):
        return Scope("block")
    if TYPE_HEAD.search(head) and ")" not in head:
        return Scope("type")
    name = FUNCTION_NAME.search(head)
    if name and "=" not in head[: name.start()]:
        return Scope("function", name.group(1), line - head.lstrip().count("\n"))
    return Scope("block")


def shape_of(code: str) -> Shape:
    """The functions of a file and its lambdas inside lambdas, found by counting braces in code without literals."""
    shape, scopes, head, line = Shape(), [], "", 1
    for character in re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", lambda m: "\n" * m.group().count("\n"), code, flags=re.M):
        line += character == "\n"
        if character == "{":
            scope = scope_of(head, scopes, line)
            if scope.kind == "lambda" and any(outer.kind == "lambda" for outer in scopes):
                shape.nested_lambdas.append(line)
            scopes.append(scope)
            head = ""
        elif character == "}":
            closed = scopes.pop() if scopes else Scope("block")
            if closed.kind == "function":
                shape.functions.append(Function(closed.line, closed.name, line - closed.line + 1))
            head = closed.head
        elif character == ";":
            head = ""
        else:
            head += character
    return shape


def is_test(path: str) -> bool:
    return path.endswith("_test.cc") or path.startswith("tests/") or "/contract/" in path


def check_bans(path: str, code: str) -> list[Finding]:
    findings = []
    for rule in BANS:
        if not re.match(rule.inside, path) or re.match(rule.outside, path):
            continue
        for number, line in enumerate(code.splitlines(), 1):
            if rule.pattern.search(line):
                findings.append(Finding(rule.name, f"{path}:{number}", f"{line.strip()[:60]}: {rule.remedy}"))
    return findings


def check_unordered(path: str, code: str, sibling: str) -> list[Finding]:
    """Cores may look up in unordered containers but never walk them: the order is not reproducible."""
    names = set(re.findall(r"std::unordered_\w+<[^;]*>\s+(\w+)\s*[;{=]", code + sibling))
    walks = rf"for \([^;]*:\s*[\w.>-]*?\b({'|'.join(names)})\)|\b({'|'.join(names)})\.c?begin\(" if names else r"(?!)"
    return [Finding("unordered-walk", f"{path}:{number}", "its order differs from run to run: walk a sorted container")
            for number, line in enumerate(code.splitlines(), 1) if re.search(walks, line)]


def check_sizes(path: str, code: str, shape: Shape) -> list[Finding]:
    findings = []
    lines = code.count("\n")
    if lines > FILE_LIMIT:
        findings.append(Finding("file-length", path, f"{lines} lines, aim for 300", lines))
    for function in shape.functions:
        if function.length > FUNCTION_LIMIT:
            findings.append(Finding("function-length", f"{path}:{function.name}",
                                    f"{function.length} lines at line {function.line}, aim for 25", function.length))
    return findings


def check_lambdas(path: str, shape: Shape) -> list[Finding]:
    if not shape.nested_lambdas:
        return []
    lines = ", ".join(str(line) for line in shape.nested_lambdas)
    text = f"{len(shape.nested_lambdas)} lambdas inside lambdas, at line {lines}: name the inner ones"
    return [Finding("nested-lambda", path, text, len(shape.nested_lambdas))]


def check_dead(sources: dict[str, str], generators: str) -> list[Finding]:
    """A header that nobody but its own .cc and test includes, generated code neither: nothing can reach it."""
    users: dict[str, set[str]] = {}
    for path, text in sources.items():
        for header in re.findall(r'^#include "([^"]+)"', text, re.M):
            for candidate in (f"src/{header}", header, f"{path.rsplit('/', 1)[0]}/{header}"):
                users.setdefault(candidate, set()).add(path)
    findings = []
    for path in sources:
        if not path.endswith(".h") or not path.startswith(("src/", "sim/")):
            continue
        stem = path.removesuffix(".h")
        own = {f"{stem}.cc", f"{stem}_test.cc"}
        if path.removeprefix("src/") not in generators and not users.get(path, set()) - own:
            findings.append(Finding("dead-file", path, "no other file includes it"))
    return findings


def check_headers(path: str, text: str) -> list[Finding]:
    if not path.endswith(".h") or not path.startswith(("src/", "sim/")):
        return []
    findings = []
    if "#pragma once" not in text:
        findings.append(Finding("pragma-once", path, "missing"))
    if not text.startswith("//"):
        findings.append(Finding("header-comment", path, "begins with no sentence that says what it is for"))
    return findings


def check_links(root: Path, path: str, text: str) -> list[Finding]:
    """Relative links of a page, and the paths of the project that it names in backticks, exist."""
    findings = []
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not (root / path).parent.joinpath(target).exists():
            findings.append(Finding("dead-link", path, target))
    for target in re.findall(r"`((?:src|sim|fuzz|bench|tests|tools|docs|schema|cmake)/[\w./-]+)`", text):
        if not (root / target).exists():
            findings.append(Finding("dead-path", path, target))
    if path.startswith(("src/", "sim/")):  # the README of a folder names its own headers
        for target in re.findall(r"`([\w/]+\.h)`", text):
            places = ((root / path).parent / target, root / "src" / target)
            if not target.startswith(("src/", "gen/")) and not any(place.exists() for place in places):
                findings.append(Finding("dead-path", path, target))
    return findings


def read_tree(root: Path) -> dict[str, str]:
    """Every text file of ours by its path, generated and fetched ones left out."""
    tree = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        skipped = name.startswith(("build/", "data/", ".", "tests/golden/")) or "__pycache__" in name
        if not skipped and path.is_file() and (path.suffix in TEXT_SUFFIXES or path.name == "dev"):
            tree[name] = path.read_text(errors="replace")
    return tree


def check_tree(root: Path) -> tuple[list[Finding], list[Function], int]:
    tree = read_tree(root)
    code = {path: text for path, text in tree.items() if path.endswith((".h", ".cc"))}
    generators = "".join(text for path, text in tree.items() if path.startswith("tools/schemac/"))
    findings, functions = check_dead(code, generators), []
    for path, text in tree.items():
        findings += [Finding("unfinished", f"{path}:{number}", "finish it, or file an issue")
                     for number, line in enumerate(text.splitlines(), 1) if MARKS.search(line)]
        if path.endswith(".md"):
            findings += check_links(root, path, text)
    for path, text in code.items():
        plain = blank_literals(text)
        shape = shape_of(plain)
        findings += check_headers(path, text)
        if is_test(path) or not path.startswith(CODE_FOLDERS):
            continue
        functions += shape.functions
        findings += check_bans(path, plain) + check_sizes(path, text, shape)
        findings += check_lambdas(path, shape)
        if path.startswith(("src/", "sim/")) and not re.match(KERNEL, path):
            findings += check_unordered(path, plain, tree.get(path.removesuffix(".cc") + ".h", ""))
    product = sum(text.count("\n") for path, text in code.items() if path.startswith("src/") and not is_test(path))
    return findings, functions, product


def read_allowances(text: str) -> dict[tuple[str, str], int]:
    """Lines "rule place [size]  # reason"; the size of a ratcheted rule is what it is today."""
    allowed = {}
    for line in text.splitlines():
        entry, _, reason = line.partition("#")
        words = entry.split()
        if words:
            if not reason.strip():
                raise ValueError(f"tidy.allow: no reason given: {line}")
            allowed[words[0], words[1]] = int(words[2]) if len(words) > 2 else 0
    return allowed


def apply_allowances(findings: list[Finding], allowed: dict[tuple[str, str], int]) -> list[str]:
    """What remains to be mended."""
    never = {"file-length": FILE_NEVER, "function-length": FUNCTION_NEVER}
    unused, complaints = dict(allowed), []
    for finding in findings:
        key = (finding.rule, re.sub(r":\d+$", "", finding.place))
        unused.pop(key, None)
        if key not in allowed or finding.size > never.get(finding.rule, finding.size):
            complaints.append(str(finding))
        elif finding.size > allowed[key]:
            complaints.append(f"{finding}: it has grown from {allowed[key]}; it may only shrink")
        elif finding.size < allowed[key]:
            complaints.append(f"{finding}: it has shrunk from {allowed[key]}: lower its line in tools/tidy.allow")
    return complaints + [f"{place}: {rule}: mended: take it out of tools/tidy.allow" for rule, place in unused]


def histogram(functions: list[Function], lines: int) -> str:
    lengths = sorted(function.length for function in functions) or [0]
    share = {percent: lengths[min(len(lengths) - 1, len(lengths) * percent // 100)] for percent in (50, 90, 99)}
    return (f"{lines} lines in src, {len(functions)} functions; their lines: median {share[50]}, p90 {share[90]}, "
            f"p99 {share[99]}, longest {lengths[-1]}")


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    allow_file = root / "tools/tidy.allow"
    findings, functions, lines = check_tree(root)
    complaints = apply_allowances(findings, read_allowances(allow_file.read_text() if allow_file.exists() else ""))
    print("\n".join([*complaints, histogram(functions, lines)]))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
