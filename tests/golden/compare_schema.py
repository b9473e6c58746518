#!/usr/bin/env python3
"""compare_schema.py JARS: compares schema/ field by field with the message definitions inside the peer's jars.

JARS is a folder of Kafka's jars (tools/peer/kafka prints it as its class path). Prints every difference; exit 1 if any.
What we decided to say otherwise (int16 error codes are `error`, no map keys, no comments) is no difference.
"""

import json
import pathlib
import re
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "schemac"))
from model import NEVER, NO_VERSION, Versions  # noqa: E402
from parse import parse_file  # noqa: E402

FOLDERS = re.compile(r"(common/message|common/metadata|message)/[A-Za-z]+\.json$")
# Kafka Streams keeps its own subscription format in its jar; no broker reads it.
MODULES = ("clients", "metadata", "group-coordinator", "transaction-coordinator", "share-coordinator", "raft", "storage")


def without_comments(text):
    return re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', lambda m: m.group(1) or "", text, flags=re.S)


def definitions(jars):
    for module in MODULES:
        for jar in pathlib.Path(jars).glob(f"kafka-{module}-[0-9]*.jar"):
            with zipfile.ZipFile(jar) as archive:
                for name in archive.namelist():
                    if FOLDERS.match(name):
                        yield json.loads(without_comments(archive.read(name).decode()))


def range_of(text, around):
    """A range in Kafka's notation ("3", "3+", "3-5", "none"), cut to the versions around it."""
    if not text or text == "none":
        return NEVER
    low, dash, high = text.removesuffix("+").partition("-")
    end = NO_VERSION if text.endswith("+") else int(high) if dash else int(low)
    cut = Versions(int(low), end).cut(around)
    return cut if cut.low <= cut.high else NEVER


class Comparison:
    def __init__(self):
        self.differences = 0
        self.fields = 0

    def expect(self, where, what, ours, theirs):
        if ours != theirs:
            self.differences += 1
            print(f"{where}: {what} is {ours}, the peer has {theirs}")

    def message(self, ours, theirs):
        versions = range_of(theirs["validVersions"], Versions(0, NO_VERSION))
        self.expect(ours.name, "versions", ours.versions, versions)
        self.expect(ours.name, "key", ours.key, theirs.get("apiKey"))
        flexible = range_of(theirs["flexibleVersions"], versions)
        self.expect(ours.name, "flexible", max(ours.flexible, versions.low) if ours.ever_flexible else None, None if flexible == NEVER else flexible.low)
        shared = {s["name"]: s["fields"] for s in theirs.get("commonStructs", [])}
        self.struct(ours, ours.top, theirs["fields"], shared, versions, versions)

    def struct(self, message, ours, theirs, shared, around, valid):
        """`around`: the versions in which the struct itself is there."""
        present = []
        for field in theirs:
            versions = range_of(field.get("versions") or field["taggedVersions"], around)
            if versions != NEVER:
                present.append((field, versions))
        names = [self.json_name(field) for field, _ in present]
        self.expect(f"{message.name}.{ours.name}", "fields", [f.json_name for f in ours.fields], names)
        for mine, (field, versions) in zip(ours.fields, present):
            self.field(message, f"{message.name}.{ours.name}.{mine.name}", mine, field, shared, versions, valid)

    @staticmethod
    def json_name(field):
        return field["name"][0].lower() + field["name"][1:]

    def field(self, message, where, ours, theirs, shared, versions, valid):
        self.fields += 1
        base = "int16" if ours.base == "error" else ours.base
        self.expect(where, "type", ("[]" if ours.is_list else "") + base, theirs["type"])
        in_struct = self.enclosing(message, ours)
        self.expect(where, "versions", ours.versions, versions.cut(in_struct))
        self.expect(where, "nullable", ours.nullable, range_of(theirs.get("nullableVersions"), ours.versions))
        self.expect(where, "tag", ours.tag, theirs.get("tag"))
        self.expect(where, "ignorable", ours.ignorable, theirs.get("ignorable", False))
        self.expect(where, "classic", ours.classic, theirs.get("flexibleVersions") == "none")
        self.expect(where, "default", self.value(ours, ours.default), self.value(ours, self.default_of(theirs)))
        if ours.is_struct and "fields" in theirs:
            self.struct(message, message.structs[ours.base], theirs["fields"], shared, ours.versions, valid)
        elif ours.is_struct:
            self.struct(message, message.structs[ours.base], shared[ours.base], shared, message.versions, valid)

    @staticmethod
    def enclosing(message, field):
        for struct in [message.top, *message.structs.values()]:
            if any(f is field for f in struct.fields):
                return struct.versions
        raise AssertionError(field.name)

    @staticmethod
    def default_of(theirs):
        # A literal null (not the text "null") means empty: see the README of the golden data.
        default = theirs.get("default")
        return None if default is None else str(default).lower()

    @staticmethod
    def value(field, text):
        if text == "null":
            return None if not field.is_nullable else "null"
        if field.base == "bool":
            return text == "true"
        if field.base == "string" or field.is_list or field.is_struct or field.base in ("bytes", "records", "uuid"):
            return text or None
        return float(int(text, 0)) if text else 0.0


def main(jars):
    ours = {}
    for path in sorted((ROOT / "schema").glob("*/*.msg")):
        for message in parse_file(path.name, path.read_text()).messages:
            ours[message.name] = message
    comparison = Comparison()
    for theirs in definitions(jars):
        if theirs["validVersions"] == "none":
            comparison.expect(theirs["name"], "present", theirs["name"] in ours, False)
        elif comparison.expect(theirs["name"], "present", theirs["name"] in ours, True) or theirs["name"] in ours:
            comparison.message(ours.pop(theirs["name"]), theirs)
    for name in ours:
        comparison.expect(name, "present", True, False)
    print(f"{comparison.fields} fields compared, {comparison.differences} differences")
    return 1 if comparison.differences or not comparison.fields else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
