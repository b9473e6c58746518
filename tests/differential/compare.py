"""Compares two answers field by field. What one broker chooses at random (ids, ports) is paired with what the other chose in
its place, and the pair must hold from then on; rules.py says which fields those are."""

import json
from dataclasses import dataclass, field

import batches
import rules
from schema import Field, Message

PEER, GREGOR = 0, 1


@dataclass(frozen=True)
class Ref:
    """A value that each broker chose for itself, by the step and the place of the answer where it was first seen."""

    kind: str
    name: str


@dataclass(frozen=True)
class Difference:
    path: str
    peer: object
    gregor: object

    def __str__(self) -> str:
        return f"{self.path}: peer {short(self.peer)}, gregor {short(self.gregor)}"


@dataclass
class Pairs:
    """Of every kind, which value of one broker stands for which of the other."""

    values: dict = field(default_factory=dict)  # Ref -> (peer's, gregor's)
    found: tuple = field(default_factory=lambda: ({}, {}))  # (kind, value) -> Ref, for each side

    def find(self, side: int, kind: str, value) -> Ref | None:
        return self.found[side].get((kind, value))

    def bind(self, ref: Ref, peer, gregor) -> Ref:
        self.found[PEER][ref.kind, peer] = self.found[GREGOR][ref.kind, gregor] = ref
        self.values[ref] = (peer, gregor)
        return ref

    def value(self, ref: Ref, side: int):
        """Of a reference that nothing stands for in this run: a value that no broker gave."""
        return self.values[ref][side] if ref in self.values else rules.NOBODYS[ref.kind]


def short(value, limit: int = 160) -> str:
    text = json.dumps(value, default=printable, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def printable(value):
    if isinstance(value, Ref):
        return f"<{value.kind} of {value.name}>"
    return value.hex() if isinstance(value, bytes) else str(value)


class Comparison:
    """Of the two answers to one request. `differences` is what no rule explains; `seen` is the peer's answer with references."""

    def __init__(self, message: Message, pairs: Pairs, name: str, prune=None, own_texts=({}, {})):
        """`name` is what the step is called in references; list elements that `prune` holds for are left out;
        `own_texts` are words of each side and what to read in their place."""
        self.message, self.pairs, self.name, self.prune, self.own_texts = message, pairs, name, prune, own_texts
        self.differences: list[Difference] = []
        self.seen = None

    def run(self, peer: dict, gregor: dict) -> "Comparison":
        views = [self.view(side, self.message.fields, answer, self.message.name)
                 for side, answer in ((PEER, peer), (GREGOR, gregor))]
        self.seen = self.walk(self.message.fields, "", *views)
        return self

    # ---- each answer on its own: records as batches, lists without order sorted, foreign names left out

    def view(self, side: int, fields: list[Field], value: dict, where: str) -> dict:
        found = {name: value[name] for name in value if name == "unknown_tags"}
        for entry in fields:
            if entry.name in value:
                found[entry.name] = self.view_field(side, entry, value[entry.name], f"{where}.{entry.name}")
        return found

    def view_field(self, side: int, entry: Field, value, where: str):
        if entry.base == "records":
            return batches.view(value)
        if isinstance(value, str) and not isinstance(rules.of(self.message.name, entry.name), rules.Id):
            for text, word in self.own_texts[side].items():
                value = value.replace(text, word)
        if isinstance(value, list):
            if self.prune:  # whole elements, before the lists in them
                value = [element for element in value if not self.prune(element)]
            if entry.is_struct:
                value = [self.view(side, entry.fields, element, where) for element in value]
            if where in rules.UNORDERED:
                value.sort(key=lambda element: self.order(side, element))
        elif isinstance(value, dict):
            value = self.view(side, entry.fields, value, where)
        return value

    def order(self, side: int, value) -> tuple[str, str]:
        """Texts that are the same for both brokers' elements, whatever ids they carry; what names an element counts first."""
        names = {name: value[name] for name in rules.IDENTITY if name in value} if isinstance(value, dict) else {}
        return self.text(side, names), self.text(side, value)

    def text(self, side: int, value) -> str:
        return json.dumps(self.known(side, value, ""), default=printable, sort_keys=True)

    def known(self, side: int, value, name: str):
        if isinstance(value, dict):
            return {key: self.known(side, inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.known(side, inner, name) for inner in value]
        rule = rules.of(self.message.name, name)
        if isinstance(rule, rules.Id):
            return self.pairs.find(side, rule.kind, value) or ("" if rule.is_generated(value) else value)
        return value if rule is None else ""

    # ---- both together

    def walk(self, fields: list[Field], path: str, peer: dict, gregor: dict) -> dict:
        seen = {}
        for entry in sorted(fields, key=lambda entry: entry.name != rules.OWN_NAME):
            if entry.name in peer:
                where = f"{path}.{entry.name}".lstrip(".")
                seen[entry.name] = self.value(entry, entry.name, where, peer[entry.name], gregor[entry.name])
        if peer.get("unknown_tags") != gregor.get("unknown_tags"):
            self.report(f"{path}.unknown_tags", peer.get("unknown_tags"), gregor.get("unknown_tags"))
        return seen

    def report(self, path: str, peer, gregor) -> None:
        self.differences.append(Difference(path, peer, gregor))

    def value(self, entry: Field | None, name: str, path: str, peer, gregor):
        if isinstance(peer, list) and isinstance(gregor, list):
            if len(peer) != len(gregor):
                self.report(path, [each for each in peer if each not in gregor], [each for each in gregor if each not in peer])
                return peer
            return [self.value(entry, name, f"{path}[{i}]", *both) for i, both in enumerate(zip(peer, gregor))]
        if isinstance(peer, dict) and isinstance(gregor, dict):
            if entry is not None and entry.is_struct:
                return self.walk(entry.fields, path, peer, gregor)
            return self.batch(path, peer, gregor)
        rule = rules.of(self.message.name, name)
        if isinstance(rule, rules.Id):
            return self.id(rule, path, peer, gregor)
        if not (rule.equal(peer, gregor) if rule else peer == gregor):
            self.report(path, peer, gregor)
        return peer

    def batch(self, path: str, peer: dict, gregor: dict) -> dict:
        if peer.keys() != gregor.keys():
            self.report(path, peer, gregor)
            return peer
        for name in peer:
            self.value(None, name, f"{path}.{name}", peer[name], gregor[name])
        return peer

    def id(self, rule, path: str, peer, gregor):
        refs = self.pairs.find(PEER, rule.kind, peer), self.pairs.find(GREGOR, rule.kind, gregor)
        if refs[0] == refs[1]:
            if refs[0] or peer == gregor:
                return refs[0] or peer
            if rule.is_generated(peer) and rule.is_generated(gregor):
                return self.pairs.bind(Ref(rule.kind, f"{self.name}:{path}"), peer, gregor)
        self.report(path, refs[0] or peer, refs[1] or gregor)
        return refs[0] or peer
