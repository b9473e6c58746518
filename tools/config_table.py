#!/usr/bin/env python3
"""Makes src/metadata/config_table.def and docs/CONFIGURATION.md from the golden table of Kafka's configs and from
src/metadata/config_docs.txt, which says what each of them does.

usage: tools/config_table.py [--check] [configs.jsonl]      (default: tests/golden/configs.jsonl)

--check writes nothing and exits 1 when a checked-in file differs.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "src/metadata/config_table.def"
PAGE = ROOT / "docs/CONFIGURATION.md"
DOCS = ROOT / "src/metadata/config_docs.txt"

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


def read_docs(rows):
    """{(scope, name): (sentence, whether Gregor obeys)} of every row."""
    told = {}
    for entry in DOCS.read_text().splitlines():
        if entry and not entry.startswith("#"):
            name, sentence = entry.split(": ", 1)
            told[name.removeprefix("+")] = (sentence, name.startswith("+"))
    found = {}
    for row in rows:
        name = f"{row['scope']}/{row['name']}"
        name = name if name in told else row["name"]
        if name not in told:
            sys.exit(f"config_table.py: {DOCS} does not say what {row['name']} does")
        found[row["scope"], row["name"]] = told.pop(name) if "/" in name else told[name]
    unknown = set(told) - {row["name"] for row in rows}
    if unknown:
        sys.exit(f"config_table.py: {DOCS} speaks of {', '.join(sorted(unknown))}, which nobody has")
    return found


def line(row, docs):
    name, low, high = rule(row["valid"])
    default = "std::nullopt" if row["default"] is None else text(row["default"])
    mode = MODES[row.get("update_mode", "cluster-wide")]
    return (f'CONFIG({row["scope"].replace("-", "_")}, {text(row["name"])}, {TYPES[row["type"]]}, '
            f'{str(row["required"]).lower()}, {default}, {name}, {text(row["valid"] or "")}, {low}, {high}, '
            f'{str(row["internal"]).lower()}, {mode}, {text(synonyms(row))}, '
            f'{text(docs[row["scope"], row["name"]][0])})')


SCOPES = {"broker": ("Broker", "In `server.properties`; those that say so also while the broker runs, with `kafka-configs --entity-type brokers`."),
          "topic": ("Topic", "With `kafka-topics --config` and `kafka-configs --entity-type topics`."),
          "group": ("Group", "With `kafka-configs --entity-type groups`."),
          "client-metrics": ("Client metrics", "With `kafka-client-metrics` or `kafka-configs --entity-type client-metrics`."),
          "broker-quota": ("Broker quota", "With `kafka-configs --entity-type brokers`, while the broker runs only."),
          "user-client-quota": ("Quota of users and client ids", "With `kafka-configs --entity-type users` or `clients`."),
          "ip-quota": ("Quota of addresses", "With `kafka-configs --entity-type ips`.")}
UPDATES = {"read-only": "no", "per-broker": "per broker", "cluster-wide": "yes"}


def in_order(rows):
    return sorted(rows, key=lambda row: (list(SCOPES).index(row["scope"]), row["name"]))


def page_line(row, docs):
    sentence, obeyed = docs[row["scope"], row["name"]]
    default = "" if row["default"] is None else f"`{row['default']}`" if row["default"] else "empty"
    cells = [f"`{row['name']}`", row["type"].lower(), default, row["valid"] or "", "yes" if obeyed else "no"]
    if row["scope"] == "broker":
        cells.append(UPDATES[row["update_mode"]])
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in [*cells, sentence]) + " |"


def render_page(rows, docs):
    out = ["# Configuration", "",
           "Every config of Kafka, with its type, default and rule; tools/config_table.py makes this page, do not edit it. A config",
           'that Gregor does not obey yet is checked, kept and described like any other. "Live" says whether it can change while the',
           "broker runs. Settings of Gregor's own are in the [README](../README.md#configuration).", ""]
    for scope, (title, how) in SCOPES.items():
        live = " Live |" if scope == "broker" else ""
        out += [f"## {title}", "", how, "", f"| Config | Type | Default | Valid | Obeyed |{live} What it does |",
                "|---|---|---|---|---|" + ("---|" if live else "") + "---|"]
        out += [page_line(row, docs) for row in in_order(rows) if row["scope"] == scope and not row["internal"]] + [""]
    return "\n".join(out[:-1]) + "\n"


def render(rows, docs):
    rows = in_order(rows)
    head = ("// Every config key of Kafka. Made by tools/config_table.py; do not edit.\n"
            "// CONFIG(scope, name, type, required, default, rule, valid, min, max, internal, update mode, synonyms, what it does)\n")
    return head + "\n".join(line(row, docs) for row in rows) + "\n"


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    source = pathlib.Path(arguments[0]) if arguments else ROOT / "tests/golden/configs.jsonl"
    rows = [json.loads(each) for each in source.read_text().splitlines()]
    docs = read_docs(rows)
    for path, made in ((OUTPUT, render(rows, docs)), (PAGE, render_page(rows, docs))):
        if "--check" not in sys.argv:
            path.write_text(made)
        elif not path.exists() or path.read_text() != made:
            sys.exit(f"{path} is out of date: run tools/config_table.py")


if __name__ == "__main__":
    main()
