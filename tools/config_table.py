#!/usr/bin/env python3
"""Makes src/metadata/config_table.def from the golden table of Kafka's configs.

usage: tools/config_table.py [--check] [configs.jsonl]      (default: tests/golden/configs.jsonl)

--check writes nothing and exits 1 when the checked-in file differs.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "src/metadata/config_table.def"

TYPES = {"BOOLEAN": "boolean", "STRING": "string", "INT": "int32", "SHORT": "int16", "LONG": "int64",
         "DOUBLE": "float64", "LIST": "list", "CLASS": "class_name", "PASSWORD": "password"}
MODES = {"read-only": "read_only", "per-broker": "per_broker", "cluster-wide": "cluster_wide"}
NUMBER = r"(-?\d+(?:\.\d+)?)"


def text(value):
    """A C++ string literal."""
    return json.dumps(value)


def rule(valid):
    """(rule, min, max) of a validator as Kafka prints it."""
    if valid is None or valid == "":
        return "none", "0", "0"
    if match := re.fullmatch(rf"\[{NUMBER},\.\.\.\]", valid):
        return "at_least", match[1], "0"
    if match := re.fullmatch(rf"\[{NUMBER},\.\.\.,{NUMBER}\]", valid):
        return "between", match[1], match[2]
    if match := re.fullmatch(rf"\[{NUMBER},\.\.\.,{NUMBER}\] or -1", valid):
        return "between_or_minus_one", match[1], match[2]
    if valid.startswith("(case insensitive) ["):
        return "one_of_ignoring_case", "0", "0"
    if valid.startswith("[partitionId]"):
        return "throttled_replicas", "0", "0"
    if "by_duration" in valid:
        return "offset_reset", "0", "0"
    if valid.startswith("non-empty"):
        return "non_empty", "0", "0"
    if valid == "non-null string":
        return "none", "0", "0"
    if re.fullmatch(r"\[[A-Za-z0-9_, -]+\]", valid):
        return "one_of", "0", "0"
    sys.exit(f"config_table.py: unknown validator {valid!r}")


def synonyms(row):
    """The broker configs behind a key, first wins: "a,b:hours"."""
    if row["scope"] == "topic":
        return ",".join(s["name"] if s["unit"] == "same" else f"{s['name']}:{s['unit']}"
                        for s in row["broker_synonyms"])
    if row["scope"] == "group":
        return row["broker_synonym"] or ""
    return ",".join(row.get("synonyms", []))


def line(row):
    name, low, high = rule(row["valid"])
    default = "std::nullopt" if row["default"] is None else text(row["default"])
    mode = MODES[row.get("update_mode", "cluster-wide")]
    return (f'CONFIG({row["scope"].replace("-", "_")}, {text(row["name"])}, {TYPES[row["type"]]}, '
            f'{str(row["required"]).lower()}, {default}, {name}, {text(row["valid"] or "")}, {low}, {high}, '
            f'{str(row["internal"]).lower()}, {mode}, {text(synonyms(row))})')


def render(rows):
    order = ["broker", "topic", "group", "client-metrics", "broker-quota", "user-client-quota", "ip-quota"]
    rows = sorted(rows, key=lambda row: (order.index(row["scope"]), row["name"]))
    head = ("// Every config key of Kafka. Made by tools/config_table.py; do not edit.\n"
            "// CONFIG(scope, name, type, required, default, rule, valid, min, max, internal, update mode, synonyms)\n")
    return head + "\n".join(line(row) for row in rows) + "\n"


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    source = pathlib.Path(arguments[0]) if arguments else ROOT / "tests/golden/configs.jsonl"
    made = render([json.loads(each) for each in source.read_text().splitlines()])
    if "--check" in sys.argv:
        sys.exit(0 if OUTPUT.read_text() == made else f"{OUTPUT} is out of date: run tools/config_table.py")
    OUTPUT.write_text(made)


if __name__ == "__main__":
    main()
