"""Random choices of a run: all of them come from its seed."""

import random

from rules import IDENTITY
from schema import Field, Message

EDGES = {"int8": (-1, 0, 1, 2, 127, -128), "int16": (-2, -1, 0, 1, 32767, -32768),
         "int32": (-2, -1, 0, 1, 2, 5, 2**31 - 1, -2**31), "int64": (-2, -1, 0, 1, 3, 1000, 2**63 - 1, -2**63),
         "uint16": (0, 9092), "uint32": (0, 1), "error": (0, -1, 3), "float64": (0.0, -1.0, 0.5, 1e300)}
TEXTS = ("", "a", "no such thing", "..", "x" * 249, "x" * 250, "__consumer_offsets", "ünïcode", "with/slash", "null")


class Dice(random.Random):
    def maybe(self, chance: float) -> bool:
        return self.random() < chance

    def weighted(self, choices: dict):
        return self.choices(list(choices), list(choices.values()))[0]

    def some(self, values, least: int = 1, most: int = 3) -> list:
        """A few of the values, now and then one of them twice."""
        return [self.choice(values) for _ in range(self.randint(least, most))]

    def version(self, versions: range) -> int:
        """Any, the newest more often."""
        return versions[-1] if self.maybe(0.3) else self.choice(versions)

    def arbitrary(self, message: Message, version: int, pools: dict) -> dict:
        """A message filled at random; `pools` has the values for fields by their name or by what they name."""
        return self.fill(message.fields, version, pools)

    def fill(self, fields: list[Field], version: int, pools: dict) -> dict:
        return {entry.name: self.field(entry, version, pools) for entry in fields if version in entry.versions}

    def field(self, entry: Field, version: int, pools: dict):
        if version in entry.nullable and self.maybe(0.2):
            return None
        if entry.is_list:
            return self.distinct([self.element(entry, version, pools) for _ in range(self.choice((0, 1, 1, 1, 2, 3)))])
        if entry.tag is not None and self.maybe(0.7):
            return entry.missing()
        return self.element(entry, version, pools)

    @staticmethod
    def distinct(elements: list) -> list:
        """No name twice: repetition is for the families that know what it means."""
        found = {}
        for element in elements:
            names = [element[name] for name in IDENTITY if name in element] if isinstance(element, dict) else element
            found.setdefault(str(names) if names else str(len(found)), element)
        return list(found.values())

    def element(self, entry: Field, version: int, pools: dict):
        pool = pools.get(entry.name) or pools.get(entry.names)
        if entry.is_struct:
            return self.fill(entry.fields, version, pools)
        if pool and (len(pool) == 1 or self.maybe(0.9)):
            return self.choice(pool)
        if entry.base == "bool":
            return self.maybe(0.5)
        if entry.base == "string":
            return self.choice(TEXTS)
        if entry.base == "uuid":
            return bytes(16) if self.maybe(0.5) else self.randbytes(16)
        if entry.base in ("bytes", "records"):
            return self.randbytes(self.choice((0, 1, 30)))
        return self.choice(EDGES[entry.base])

    def mangling(self) -> list:
        """What damages the bytes of a request."""
        place = self.randrange(60)
        return [self.choice([["cut", 1 + place, ""], ["add", 0, self.randbytes(1 + place % 9).hex()],
                             ["set", place, self.randbytes(1).hex()], ["set", place, "ffffffff"[:2 * self.randint(1, 4)]],
                             ["set", place, "7fffffff"]])]
