"""Reading the YAML files that carry the law, so that a slip of the pen is refused with its file and line."""

import difflib
from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Final, Self, TypeVar

import yaml

Names = dict[str, str]  # a text for people: {"ar": …, "fr": …, "en": …}
Scalar = str | int | bool | date | None

LANGUAGES: Final = ("ar", "fr", "en")
LOADER: Final = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # libyaml when the wheel has it: ten times faster
ROOT: Final = Path(__file__).resolve().parents[3]

E = TypeVar("E", bound=StrEnum)


class Refused(Exception):
    """A file of rules or days that cannot be used. The message begins with `file:line:`."""


class Table:
    """One YAML mapping. Every field is asked for by name; `done` refuses those that nobody asked for."""

    def __init__(self, file: str, node: yaml.Node) -> None:
        self.file = file
        self.line = node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            raise Refused(f"{file}:{self.line}: expected named fields")
        self._fields: dict[str, yaml.Node] = {}
        self._lines: dict[str, int] = {}
        self._asked: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in self._fields:
                raise Refused(f"{file}:{line}: the field {key.value!r} is written twice")
            self._fields[key.value] = value
            self._lines[key.value] = line

    @classmethod
    def load(cls, path: Path) -> Self:
        file = str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"), Loader=LOADER)
        except yaml.MarkedYAMLError as broken:
            line = broken.problem_mark.line + 1 if broken.problem_mark else 1
            raise Refused(f"{file}:{line}: not YAML: {broken.problem}") from broken
        if node is None:
            raise Refused(f"{file}:1: the file is empty")
        return cls(file, node)

    def refuse(self, why: str, key: str | None = None) -> Refused:
        return Refused(f"{self.file}:{self._lines.get(key or '', self.line)}: {why}")

    def __contains__(self, key: str) -> bool:
        return key in self._fields

    def fields(self) -> Iterator[str]:
        return iter(self._fields)

    def node(self, key: str) -> yaml.Node:
        self._asked.add(key)
        if key not in self._fields:
            raise self.refuse(f"the field {key!r} is missing")
        return self._fields[key]

    def scalar(self, key: str) -> Scalar:
        return self._value(self.node(key), key)

    def text(self, key: str) -> str:
        value = self.scalar(key)
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(f"{key!r} must be a text", key)
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        value = self.scalar(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refuse(f"{key!r} must be a whole number from {low} to {high}", key)
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        self._asked.add(key)
        if key not in self:
            return default
        value = self.scalar(key)
        if not isinstance(value, bool):
            raise self.refuse(f"{key!r} must be true or false", key)
        return value

    def day(self, key: str) -> date:
        value = self.scalar(key)
        if not isinstance(value, date):
            raise self.refuse(f"{key!r} must be a day written 2023-07-13", key)
        return value

    def optional_text(self, key: str) -> str | None:
        self._asked.add(key)
        return self.text(key) if key in self else None

    def optional_day(self, key: str) -> date | None:
        self._asked.add(key)
        return self.day(key) if key in self else None

    def choice(self, key: str, among: type[E]) -> E:
        return self._chosen(self.scalar(key), key, among)

    def choices(self, key: str, among: type[E], default: Iterable[E]) -> tuple[E, ...]:
        self._asked.add(key)
        if key not in self:
            return tuple(default)
        return tuple(self._chosen(value, key, among) for value in self.scalars(key))

    def names(self, key: str) -> Names:
        table = self.table(key)
        names = {language: table.text(language) for language in LANGUAGES}
        table.done()
        return names

    def table(self, key: str) -> "Table":
        return Table(self.file, self.node(key))

    def tables(self, key: str) -> list["Table"]:
        self._asked.add(key)
        if key not in self:
            return []
        return [Table(self.file, item) for item in self._items(key)]

    def scalars(self, key: str) -> list[Scalar]:
        """A list of plain values; one plain value counts as a list of one."""
        self._asked.add(key)
        if key not in self:
            return []
        node = self._fields[key]
        if isinstance(node, yaml.ScalarNode):
            return [self._value(node, key)]
        return [self._value(item, key) for item in self._items(key)]

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.scalars(key)
        if not all(isinstance(value, str) and value for value in values):
            raise self.refuse(f"{key!r} must be a list of texts", key)
        return tuple(str(value) for value in values)

    def done(self) -> None:
        for key in self._fields:
            if key not in self._asked:
                near = difflib.get_close_matches(key, self._asked, n=1)
                raise self.refuse(f"unknown field {key!r}" + (f"; is it {near[0]!r}?" if near else ""), key)

    def _items(self, key: str) -> list[yaml.Node]:
        node = self._fields[key]
        if not isinstance(node, yaml.SequenceNode):
            raise self.refuse(f"{key!r} must be a list", key)
        return list(node.value)

    def _chosen(self, value: Scalar, key: str, among: type[E]) -> E:
        try:
            return among(str(value))
        except ValueError as unknown:
            known = ", ".join(among)
            raise self.refuse(f"{value!r} is no {key!r}; one of: {known}", key) from unknown

    def _value(self, node: yaml.Node, key: str) -> Scalar:
        if not isinstance(node, yaml.ScalarNode):
            raise self.refuse(f"{key!r} must be a plain value", key)
        kind = node.tag.rpartition(":")[2]
        line = node.start_mark.line + 1
        try:
            if kind == "int":
                return int(node.value)
            if kind == "timestamp":
                return date.fromisoformat(node.value)
        except ValueError as bad:
            raise Refused(f"{self.file}:{line}: {key!r}: {node.value!r}: {bad}") from bad
        if kind == "bool":
            return str(node.value).lower() in {"true", "yes", "on"}
        if kind == "null":
            return None
        return str(node.value)
