"""Reads schema/*.msg for the tests: an opinion of its own on the language of schema/README.md, beside tools/schemac."""

import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "schema"
LAST = 32767
FIXED = {"bool": "?", "int8": "b", "int16": "h", "int32": "i", "int64": "q", "uint16": "H", "uint32": "I",
         "float64": "d", "error": "h", "uuid": "16s"}
SIZED = ("string", "bytes", "records")
RANGE = re.compile(r"(\d*)(\+|\.\.)?(\d*)$")
KINDS = ("record", "key", "value", "data", "header")


@dataclass
class Field:
    name: str
    base: str
    is_list: bool
    versions: range
    nullable: range
    default: object = None
    tag: int | None = None
    ignorable: bool = False
    classic: bool = False
    names: str = ""  # what the value names: topic_name, group_id
    fields: list = field(default_factory=list)  # of the struct

    @property
    def is_struct(self) -> bool:
        return self.base not in FIXED and self.base not in SIZED

    def missing(self):
        """The value of a field that nobody set."""
        if self.default == "null":
            return None
        if self.is_list:
            return []
        if self.is_struct:
            return {inner.name: inner.missing() for inner in self.fields}
        if self.base in SIZED:
            return "" if self.base == "string" else b""
        if self.base == "uuid":
            return bytes(16)
        if self.base == "bool":
            return self.default == "true"
        number = int(self.default or "0", 0)
        return float(number) if self.base == "float64" else number


@dataclass
class Message:
    name: str
    kind: str
    key: int | None
    versions: range
    flexible: int
    fields: list = field(default_factory=list)
    structs: dict = field(default_factory=dict)

    def __contains__(self, version: int) -> bool:
        return version in self.versions


@dataclass
class Api:
    name: str
    key: int
    versions: range
    on_broker: bool
    request: Message = None
    response: Message = None


def versions_of(word: str, around: range) -> range | None:
    """The range that a word says ("3+", "3..7", "..7", "3"), cut to the one around it; None if it is no range."""
    match = RANGE.match(word)
    if not match or not (match[1] or match[3]):
        return None
    low = int(match[1] or around.start)
    high = {"+": LAST, "..": int(match[3] or 0), None: low}[match[2]]
    return range(max(low, around.start), min(high + 1, around.stop))


def taken(words: list[str], name: str) -> str | None:
    """Removes `name VALUE` from the words and gives VALUE."""
    if name not in words:
        return None
    at = words.index(name)
    _, value = words.pop(at), words.pop(at)
    return value


def field_of(line: str, around: range) -> Field:
    words = line.split()
    name, kind = words.pop(0), words.pop(0)
    default, tag, alias = taken(words, "="), taken(words, "tag"), taken(words, "as")
    flags = {flag for flag in ("ignorable", "secret", "classic") if flag in words}
    rest = [word for word in words if word not in flags]
    versions = versions_of(rest[0], around) if rest else around
    assert versions is not None and len(rest) < 2, line
    base, question, since = kind.removeprefix("[]").partition("?")
    nullable = (versions_of(since, versions) if since else versions) if question else range(0)
    return Field(name, base, kind.startswith("[]"), versions, nullable, default, int(tag) if tag else None,
                 "ignorable" in flags, "classic" in flags, alias or "")


def read_lines(path: Path) -> list[tuple[int, str]]:
    """(indent, text) of every line that says something."""
    lines = (line.partition("#")[0].rstrip() for line in path.read_text().splitlines())
    return [(len(line) - len(line.lstrip()), line.strip()) for line in lines if line.strip()]


def read_fields(lines: list, indent: int, around: range, structs: dict) -> list[Field]:
    fields = []
    while lines and lines[0][0] >= indent:
        depth, text = lines.pop(0)
        if text.startswith("struct "):
            structs[text.split()[1]] = read_fields(lines, depth + 2, around, structs)
            continue
        entry = field_of(text, around)
        entry.fields = read_fields(lines, depth + 2, entry.versions, structs)
        if entry.fields:
            structs[entry.base] = entry.fields
        fields.append(entry)
    return fields


def attach(fields: list[Field], structs: dict) -> None:
    """Gives the fields of a shared struct to all that have its type."""
    for entry in fields:
        if entry.is_struct:
            if not entry.fields:
                entry.fields = structs[entry.base]
            attach(entry.fields, structs)


def read_message(lines: list, api: Api | None, flexible: int) -> Message:
    words = lines.pop(0)[1].split()
    kind = words.pop(0)
    key, versions, own = taken(words, "key"), taken(words, "versions"), taken(words, "flexible")
    valid = versions_of(versions, range(LAST + 1)) if versions else api.versions
    flexible = int(own.rstrip("+")) if own else flexible
    name = words[0] if words else api.name + kind.capitalize()
    message = Message(name, kind, api.key if api else key and int(key), valid, flexible)
    message.fields = read_fields(lines, 2, valid, message.structs)
    attach(message.fields, message.structs)
    return message


def read_api(lines: list) -> Api:
    words = lines.pop(0)[1].split()
    on = words[words.index("on"):]
    words = words[:words.index("on")]
    if "unstable" in on:
        del on[on.index("unstable"):]
    taken(words, "unstable")
    key, versions, flexible = taken(words, "key"), taken(words, "versions"), taken(words, "flexible")
    api = Api(words[1], int(key), versions_of(versions, range(LAST + 1)), "broker" in on)
    since = int(flexible.rstrip("+")) if flexible else LAST
    api.request = read_message(lines, api, since)
    api.response = read_message(lines, api, since)
    return api


def read_file(path: Path) -> list[Api | Message]:
    lines = read_lines(path)
    found = []
    while lines:
        is_api = lines[0][1].split()[0] == "api"
        found.append(read_api(lines) if is_api else read_message(lines, None, LAST))
    return found


def apis() -> dict[str, Api]:
    """Every API by its name."""
    found = (api for path in sorted(FOLDER.glob("api/*.msg")) for api in read_file(path))
    return {api.name: api for api in found}
