"""What a schema file says, as plain data: messages, structs, fields and the versions each of them lives in."""

from dataclasses import dataclass, field as dataclass_field
import re

NO_VERSION = 32767  # "flexible from": never

# Wire types of fixed size: name in a schema -> (bytes, C++ type, Reader and Writer method).
FIXED = {
    "bool": (1, "bool", "boolean"),
    "int8": (1, "std::int8_t", "i8"),
    "int16": (2, "std::int16_t", "i16"),
    "int32": (4, "std::int32_t", "i32"),
    "int64": (8, "std::int64_t", "i64"),
    "uint16": (2, "std::uint16_t", "u16"),
    "uint32": (4, "std::uint32_t", "u32"),
    "float64": (8, "double", "f64"),
    "uuid": (16, "Uuid", "uuid"),
    "error": (2, "ErrorCode", "error"),  # an int16
}
# Wire types with a length in front.
SIZED = {"string": "std::string_view", "bytes": "Bytes", "records": "protocol::Records"}

CPP_KEYWORDS = {"default", "operator", "namespace", "register", "class", "delete", "new", "public", "private"}


@dataclass(frozen=True)
class Versions:
    """A closed range; empty when low > high."""

    low: int
    high: int

    def __contains__(self, version):
        return self.low <= version <= self.high

    def covers(self, other):
        return other.low > other.high or (self.low <= other.low and other.high <= self.high)

    def meets(self, other):
        return max(self.low, other.low) <= min(self.high, other.high)

    def cut(self, other):
        return Versions(max(self.low, other.low), min(self.high, other.high))


NEVER = Versions(0, -1)


@dataclass
class Field:
    name: str
    base: str  # a wire type or the name of a struct
    is_list: bool
    versions: Versions
    nullable: Versions
    default: str | None = None  # as written; None: the type's own zero
    tag: int | None = None
    ignorable: bool = False  # a value is dropped silently where the version has no such field
    secret: bool = False
    classic: bool = False  # encoded as in versions that are not flexible, in all versions
    alias: str = ""  # what the value names: topic_name, broker_id...
    note: str = ""
    line: int = 0

    @property
    def cpp_name(self):
        return self.name + "_" if self.name in CPP_KEYWORDS else self.name

    @property
    def json_name(self):
        return re.sub(r"_([a-z0-9])", lambda m: m.group(1).upper(), self.name)

    @property
    def is_struct(self):
        return self.base not in FIXED and self.base not in SIZED

    @property
    def is_nullable(self):
        return self.nullable != NEVER

    @property
    def is_null_by_default(self):
        return self.default == "null"


@dataclass
class Struct:
    name: str
    versions: Versions
    fields: list = dataclass_field(default_factory=list)
    note: str = ""

    def tagged(self):
        return sorted((f for f in self.fields if f.tag is not None), key=lambda f: f.tag)

    def plain(self):
        return [f for f in self.fields if f.tag is None]


@dataclass
class Message:
    name: str
    kind: str  # request, response, record, key, value, data, header
    key: int | None
    versions: Versions
    flexible: int  # first flexible version, or NO_VERSION
    top: Struct = None
    structs: dict = dataclass_field(default_factory=dict)  # name -> Struct, inner ones first
    notes: list = dataclass_field(default_factory=list)
    line: int = 0

    @property
    def ever_flexible(self):
        return self.flexible <= self.versions.high

    def min_size(self, struct, version):
        """The least bytes of a struct on the wire; what bounds a count by the bytes that follow it."""
        size = 1 if version >= self.flexible else 0
        for f in struct.plain():
            if version in f.versions:
                size += self._min_field(f, version)
        return size

    def _min_field(self, f, version):
        compact = version >= self.flexible and not f.classic
        if f.is_list:
            return 1 if compact else 4
        if f.base in FIXED:
            return FIXED[f.base][0]
        if f.base in SIZED:
            return 1 if compact else (2 if f.base == "string" else 4)
        return 1 if version in f.nullable else self.min_size(self.structs[f.base], version)

    def min_element(self, f):
        """The least bytes of one element of a list, in any version that has the list."""
        versions = range(f.versions.low, f.versions.high + 1)
        if f.base in FIXED:
            return FIXED[f.base][0]
        if f.base in SIZED:
            return min(1 if v >= self.flexible else 2 for v in versions)
        return max(1, min(self.min_size(self.structs[f.base], v) for v in versions))


@dataclass
class Api:
    name: str
    key: int
    versions: Versions
    listeners: list
    unstable: int | None  # this version and later ones are served only when asked for
    request: Message = None
    response: Message = None


@dataclass
class SchemaFile:
    path: str  # below schema/, for example "api/00_produce.msg"
    messages: list = dataclass_field(default_factory=list)
    api: Api = None

    @property
    def header(self):
        """The generated header: "api/00_produce.msg" gives "api/produce.h"."""
        folder, name = self.path.rsplit("/", 1)
        return f"{folder}/{re.sub(r'^[0-9]+_', '', name.removesuffix('.msg'))}.h"
