"""Facts kept as YAML: the dataclass is the schema, and a slip of the pen is refused with its file and line.

A field is a text, a whole number (`Annotated[int, range(1, 8)]` bounds it), true or false, a day, a
`StrEnum`, `Names`, a dataclass, a `tuple`, `frozenset` or `dict` of these, or a union that its writing
decides. A dataclass that cannot be built as written raises `ValueError(why)` or `ValueError(why, field)`.
YAML's own `<<: *first` takes over what another mapping states.
"""

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

T = TypeVar("T")

Names = dict[str, str]
"""A text for people: exactly `ar`, `fr` and `en`."""
Scalar = str | int | bool | date | None
"""A plain value of any kind."""

LANGUAGES: Final = ("ar", "fr", "en")
ROOT: Final = Path(__file__).resolve().parents[1]
# libyaml, where the wheel brings it: ten times faster
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
PLAIN: Final[dict[str, tuple[type, str, Callable[[str], Scalar]]]] = {
    "str": (str, "a text", str),
    "int": (int, "a whole number", int),
    "bool": (bool, "true or false", lambda text: text.lower() in {"true", "yes", "on"}),
    "timestamp": (date, "a day written 2023-07-13", date.fromisoformat),
    "null": (NoneType, "empty", lambda _: None),
}
"""By YAML's name of the kind: what it is here, how a message calls it, how it is read."""


class BadData(Exception):
    """A file that cannot be used. The message begins with `file:line:`."""


class Source(Generic[T]):
    """A file as read: `value` is what it says; every dataclass in it keeps its place. Raises `BadData`."""

    def __init__(self, path: Path, kind: type[T]) -> None:
        self.file = str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
        self._places: dict[int, tuple[object, dict[str, int]]] = {}  # by identity, so it keeps the object
        self.value: T = self._read(self._compose(path), kind, path.name)

    def place(self, part: object, field: str = "") -> str:
        """`file:line` of a dataclass that was read, or of one of its fields."""
        _, lines = self._places[id(part)]
        return f"{self.file}:{lines.get(field, lines[''])}"

    def refuse(self, part: object, why: str, field: str = "") -> BadData:
        return BadData(f"{self.place(part, field)}: {why}")

    def _compose(self, path: Path) -> yaml.Node:
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"), Loader=LOADER)
        except (yaml.YAMLError, UnicodeDecodeError) as broken:
            mark = getattr(broken, "problem_mark", None)
            why = getattr(broken, "problem", None) or broken
            raise BadData(f"{self.file}:{mark.line + 1 if mark else 1}: not YAML: {why}") from broken
        if node is None:
            raise BadData(f"{self.file}:1: the file is empty")
        return node

    def _refuse(self, node: yaml.Node, why: str) -> BadData:
        return BadData(f"{self.file}:{_line(node)}: {why}")

    def _read(self, node: yaml.Node, kind: Any, name: str) -> Any:
        origin, inner = get_origin(kind), get_args(kind)
        if origin is Annotated:
            value, bounds = self._read(node, inner[0], name), inner[1]
            if value not in bounds:
                raise self._refuse(node, f"{name!r} must be from {bounds[0]} to {bounds[-1]}")
            return value
        if origin in (UnionType, Union):
            return self._read(node, next((one for one in inner if _fits(node, one)), inner[0]), name)
        if origin in (tuple, frozenset):
            if not isinstance(node, yaml.SequenceNode):
                raise self._refuse(node, f"{name!r} must be a list")
            return origin(self._read(item, inner[0], name) for item in node.value)
        if origin in (dict, Mapping):
            found = self._fields(node, name)
            if kind == Names and set(found) != set(LANGUAGES):
                raise self._refuse(node, f"{name!r} must be written in {', '.join(LANGUAGES)}")
            keys = {key: self._scalar(where, inner[0], name) for key, (where, _) in found.items()}
            return {keys[key]: self._read(value, inner[1], key) for key, (_, value) in found.items()}
        read = self._dataclass if dataclasses.is_dataclass(kind) else self._scalar
        return read(node, kind, name)

    def _fields(self, node: yaml.Node, name: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self._refuse(node, f"{name!r} must be named fields")
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._refuse(key, "the name of a field is one word")
            if key.value in found:
                raise self._refuse(key, f"the field {key.value!r} is written twice")
            found[key.value] = (key, value)
        inherited = found.pop("<<", None)
        return (self._fields(inherited[1], "<<") if inherited else {}) | found

    def _dataclass(self, node: yaml.Node, kind: Any, name: str) -> Any:
        found = self._fields(node, name)
        wanted = {field.name: field for field in dataclasses.fields(kind) if field.init}
        for key, (where, _) in found.items():
            if key not in wanted:
                near = [f"; is it {one!r}?" for one in difflib.get_close_matches(key, wanted, n=1)]
                raise self._refuse(where, f"unknown field {key!r}{''.join(near)}")
        hints = get_type_hints(kind, include_extras=True)
        values = {key: self._read(value, hints[key], key) for key, (_, value) in found.items()}
        for key, field in wanted.items():
            if key not in found and field.default is field.default_factory is dataclasses.MISSING:
                raise self._refuse(node, f"the field {key!r} is missing")
        try:
            built = kind(**values)
        except ValueError as bad:
            why, *fields = bad.args
            at = next((found[key][0] for key in fields if key in found), node)
            raise self._refuse(at, why) from bad
        lines = {"": _line(node)} | {key: _line(where) for key, (where, _) in found.items()}
        self._places[id(built)] = (built, lines)
        return built

    def _scalar(self, node: yaml.Node, kind: Any, name: str) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise self._refuse(node, f"{name!r} must be a plain value")
        if issubclass(kind, StrEnum):
            if node.value not in set(kind):
                raise self._refuse(node, f"{node.value!r} is no {name!r}; one of: {', '.join(kind)}")
            return kind(node.value)
        wanted, read = next((wanted, read) for plain, wanted, read in PLAIN.values() if plain is kind)
        if not _fits(node, kind) or (kind is str and not node.value.strip()):
            raise self._refuse(node, f"{name!r} must be {wanted}")
        try:
            return read(node.value)
        except ValueError as bad:
            raise self._refuse(node, f"{name!r}: {node.value!r}: {bad}") from bad


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _fits(node: yaml.Node, kind: Any) -> bool:
    """Whether the way a node is written is that of `kind`."""
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    origin = get_origin(kind) or kind
    if isinstance(node, yaml.SequenceNode):
        return origin in (tuple, frozenset)
    if isinstance(node, yaml.MappingNode):
        return origin in (dict, Mapping) or dataclasses.is_dataclass(origin)
    plain = PLAIN.get(node.tag.rpartition(":")[2], (None,))[0]
    return plain is origin or (plain is str and issubclass(origin, StrEnum))
