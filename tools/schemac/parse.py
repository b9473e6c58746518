"""Reads schema files (*.msg; the language is described in schema/README.md) into model.SchemaFile."""

import re

from model import Api, FIXED, Field, Message, NEVER, NO_VERSION, SchemaFile, Struct, Versions

KINDS = ("record", "key", "value", "data", "header")


class SchemaError(Exception):
    pass


class Line:
    def __init__(self, path, number, text):
        body, _, note = text.partition("#")
        self.path, self.number, self.note = path, number, note.strip()
        self.indent = len(body) - len(body.lstrip(" "))
        self.words = body.split()

    def fail(self, why):
        raise SchemaError(f"{self.path}:{self.number}: {why}")

    def take(self, word):
        """Removes `word VALUE` from the words and returns VALUE, or None."""
        if word not in self.words:
            return None
        at = self.words.index(word)
        if at + 1 >= len(self.words):
            self.fail(f"'{word}' needs a value")
        value = self.words[at + 1]
        del self.words[at : at + 2]
        return value

    def flag(self, word):
        if word not in self.words:
            return False
        self.words.remove(word)
        return True


def is_range(word):
    return re.fullmatch(r"\d+\+|\d+\.\.\d+|\.\.\d+|\d+", word) is not None


def parse_range(word, bounds):
    """"3+", "3..7", "..7" or "3", cut to the versions around it."""
    if word.endswith("+"):
        return Versions(int(word[:-1]), bounds.high).cut(bounds)
    low, dots, high = word.partition("..")
    if not dots:
        return Versions(int(word), int(word)).cut(bounds)
    return Versions(int(low) if low else bounds.low, int(high)).cut(bounds)


class Parser:
    def __init__(self, path, text):
        self.file = SchemaFile(path)
        self.lines = []
        self.heading_notes = {}
        notes = []
        for number, raw in enumerate(text.split("\n"), 1):
            line = Line(path, number, raw)
            if "\t" in raw:
                line.fail("tab: indent with two spaces a level")
            if line.words:
                self.heading_notes[number] = notes
                notes = []
                self.lines.append(line)
            elif line.note:
                notes.append(line.note)
        self.at = 0

    def parse(self):
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.indent:
                line.fail("a field outside of a message")
            if line.words[0] == "api":
                self.parse_api(line)
            elif line.words[0] in KINDS:
                self.parse_message(line, line.words.pop(0), None)
            else:
                line.fail(f"'{line.words[0]}': expected api, {', '.join(KINDS)}")
        return self.file

    def parse_api(self, line):
        if self.file.api:
            line.fail("one api a file")
        heading = self.parse_heading(line, "api", None)
        notes = self.heading_notes[line.number]
        for kind in ("request", "response"):
            if self.at >= len(self.lines) or self.lines[self.at].words[0] != kind:
                line.fail(f"api {heading.name} has no {kind}")
            part = self.lines[self.at]
            part.words[0] = heading.name + kind.capitalize()
            message = self.parse_message(part, kind, heading)
            message.notes = notes + message.notes
            setattr(heading, kind, message)
        self.file.api = heading

    def parse_heading(self, line, kind, api):
        """`NAME key N versions A..B flexible C+`; an api also `on LISTENER... [unstable N]`."""
        self.at += 1
        words = line.words
        if kind == "api":
            words.pop(0)
        listeners = []
        if "on" in words:
            listeners = words[words.index("on") + 1 :]
            del words[words.index("on") :]
        unstable, key, versions, flexible = (line.take(w) for w in ("unstable", "key", "versions", "flexible"))
        if len(words) != 1:
            line.fail(f"cannot read '{' '.join(words)}'")
        if not versions and not api:
            line.fail("'versions' is missing")
        versions = parse_range(versions, Versions(0, NO_VERSION)) if versions else api.versions
        if kind == "api":
            if key is None or not set(listeners) <= {"broker", "controller"}:
                line.fail("an api needs a key and listeners (on broker controller)")
            heading = Api(words[0], int(key), versions, listeners, int(unstable) if unstable else None)
            heading.flexible = parse_range(flexible, Versions(0, NO_VERSION)).low if flexible else NO_VERSION
            return heading
        first = parse_range(flexible, Versions(0, NO_VERSION)).low if flexible else api.flexible if api else NO_VERSION
        number = api.key if api else int(key) if key is not None else None
        return Message(words[0], kind, number, versions, first, line=line.number)

    def parse_message(self, line, kind, api):
        message = self.parse_heading(line, kind, api)
        message.notes = self.heading_notes[line.number] + ([line.note] if line.note else [])
        message.top = Struct(message.name, message.versions)
        while self.at < len(self.lines) and self.lines[self.at].indent:
            if self.lines[self.at].words[0] == "struct":
                self.parse_shared_struct(message)
            else:
                self.parse_field(message, message.top, 2)
        self.check_message(message, line)
        self.file.messages.append(message)
        return message

    def parse_shared_struct(self, message):
        line = self.lines[self.at]
        self.at += 1
        if len(line.words) != 2:
            line.fail("a shared struct is 'struct NAME'")
        self.parse_struct_body(message, line, line.words[1], message.versions)

    def parse_struct_body(self, message, line, name, versions):
        if name in message.structs:
            line.fail(f"struct {name} is described twice")
        struct = Struct(name, versions, note=line.note)
        while self.at < len(self.lines) and self.lines[self.at].indent > line.indent:
            self.parse_field(message, struct, line.indent + 2)
        message.structs[name] = struct

    def parse_field(self, message, struct, indent):
        line = self.lines[self.at]
        self.at += 1
        if line.indent != indent:
            line.fail(f"indent by {indent} spaces, not {line.indent}")
        if len(line.words) < 2:
            line.fail("a field is 'name type [versions] [= default] [tag N] [ignorable] [secret] [as NAME]'")
        name, text = line.words[:2]
        del line.words[:2]
        f = Field(name, "", text.startswith("[]"), struct.versions, NEVER, note=line.note, line=line.number)
        f.default, tag, f.alias = line.take("="), line.take("tag"), line.take("as") or ""
        f.tag = int(tag) if tag is not None else None
        f.ignorable, f.secret, f.classic = (line.flag(w) for w in ("ignorable", "secret", "classic"))
        if line.words and is_range(line.words[0]):
            f.versions = parse_range(line.words.pop(0), struct.versions)
        f.base, question, null_versions = text.removeprefix("[]").partition("?")
        if question:
            f.nullable = parse_range(null_versions, f.versions) if null_versions else f.versions
        if line.words:
            line.fail(f"cannot read '{' '.join(line.words)}'")
        if any(other.name == name for other in struct.fields):
            line.fail(f"field {name} is there twice")
        self.check_field(message, struct, f, line)
        struct.fields.append(f)
        if self.at < len(self.lines) and self.lines[self.at].indent > indent:
            if not f.is_struct:
                self.lines[self.at].fail(f"{name} is no struct: it has no fields")
            self.parse_struct_body(message, line, f.base, f.versions)

    def check_field(self, message, struct, f, line):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", f.name):
            line.fail(f"'{f.name}': names are snake_case")
        if f.is_struct and not re.fullmatch(r"[A-Z][A-Za-z0-9]*", f.base):
            line.fail(f"unknown type '{f.base}'")
        if f.versions.low > f.versions.high:
            line.fail(f"{f.name} is in no version of {message.name}")
        if f.tag is not None:
            if f.versions.low < message.flexible:
                line.fail(f"{f.name} is tagged in versions that are not flexible")
            if any(other.tag == f.tag for other in struct.fields):
                line.fail(f"tag {f.tag} is there twice")
            if f.base == "records":
                line.fail("records cannot be tagged: their size would have to be known before they are written")
        if f.is_nullable and not f.is_list and f.base in FIXED:
            line.fail(f"{f.base} cannot be null")
        if f.is_null_by_default and not f.is_nullable:
            line.fail(f"{f.name} is null by default but not nullable")
        if f.is_list and f.base in ("bool", "bytes", "records"):
            line.fail(f"lists of {f.base} are not supported")
        if f.default not in (None, "null"):
            self.check_default(f, line)

    @staticmethod
    def check_default(f, line):
        if f.is_list or f.base not in FIXED or f.base == "uuid":
            line.fail(f"a default of {f.base} can only be null")
        if f.base == "bool":
            if f.default not in ("true", "false"):
                line.fail(f"'{f.default}' is neither true nor false")
        else:
            try:
                int(f.default, 0)
            except ValueError:
                line.fail(f"'{f.default}' is no number")

    def check_message(self, message, line):
        for struct in [message.top, *message.structs.values()]:
            for f in struct.fields:
                if f.is_struct and f.base not in message.structs:
                    raise SchemaError(f"{line.path}:{f.line}: struct {f.base} is not described")
            tags = [f.tag for f in struct.tagged()]
            if tags != list(range(len(tags))):
                line.fail(f"tags of {struct.name} have a gap: {tags}")
        message.structs = {s.name: s for s in ordered(message)}


def ordered(message):
    """The structs, each after those that it holds."""
    done, out = set(), []

    def visit(struct):
        for f in struct.fields:
            if f.is_struct and f.base not in done:
                done.add(f.base)
                visit(message.structs[f.base])
                out.append(message.structs[f.base])

    visit(message.top)
    return out


def parse_file(path, text):
    return Parser(path, text).parse()
