"""Typed values out of YAML: the dataclass is the schema, and a slip is refused with its file and line."""

import dataclasses
import difflib
import types
import typing
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

T = TypeVar("T")

Names = dict[str, str]
"""A text for people: exactly `ar`, `fr` and `en`."""

LANGUAGES: Final = ("ar", "fr", "en")
ROOT: Final = Path(__file__).resolve().parents[3]
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, where the wheel brings it


class BadProcedure(Exception):
    """A file of procedures that cannot be used; the message begins with `file:line:`."""


def compose(path: Path) -> tuple[str, yaml.Node]:
    """The file's name as written in messages, and its root node."""
    file = str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=LOADER)
    except yaml.MarkedYAMLError as broken:
        line = broken.problem_mark.line + 1 if broken.problem_mark else 1
        raise BadProcedure(f"{file}:{line}: not YAML: {broken.problem}") from broken
    if node is None:
        raise BadProcedure(f"{file}:1: the file is empty")
    return file, node


def refuse(file: str, node: yaml.Node, why: str) -> BadProcedure:
    return BadProcedure(f"{file}:{node.start_mark.line + 1}: {why}")


def fields(file: str, node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Key to (key node, value node). Refuses a field that is written twice."""
    if not isinstance(node, yaml.MappingNode):
        raise refuse(file, node, "expected named fields")
    found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        if key.value in found:
            raise refuse(file, key, f"the field {key.value!r} is written twice")
        found[key.value] = (key, value)
    return found


def read(file: str, node: yaml.Node, kind: type[T]) -> T:
    """The node as a value of the dataclass `kind`; unknown, missing or ill-typed fields are refused."""
    value: T = _read(file, node, kind, "this")
    return value


def _read(file: str, node: yaml.Node, kind: Any, name: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):  # only `X | None` occurs
        if node.tag.endswith(":null"):
            return None
        return _read(file, node, next(a for a in arguments if a is not types.NoneType), name)
    if origin is tuple:
        if not isinstance(node, yaml.SequenceNode):
            raise refuse(file, node, f"{name!r} must be a list")
        return tuple(_read(file, item, arguments[0], name) for item in node.value)
    if kind == Names:
        return _names(file, node, name)
    if dataclasses.is_dataclass(kind):
        return _dataclass(file, node, typing.cast("type[Any]", kind))
    return _scalar(file, node, kind, name)


def _dataclass(file: str, node: yaml.Node, kind: type[Any]) -> Any:
    found = fields(file, node)
    wanted = {field.name: field for field in dataclasses.fields(kind) if field.init}
    for key, (where, _) in found.items():
        if key not in wanted:
            near = difflib.get_close_matches(key, wanted, n=1)
            hint = f"; is it {near[0]!r}?" if near else ""
            raise refuse(file, where, f"unknown field {key!r}{hint}")
    hints = typing.get_type_hints(kind)
    values = {}
    for name, field in wanted.items():
        if name in found:
            values[name] = _read(file, found[name][1], hints[name], name)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise refuse(file, node, f"the field {name!r} is missing")
    return kind(**values)


def _names(file: str, node: yaml.Node, name: str) -> Names:
    found = fields(file, node)
    if set(found) != set(LANGUAGES):
        raise refuse(file, node, f"{name!r} must be written in {', '.join(LANGUAGES)}")
    return {language: _scalar(file, found[language][1], str, language) for language in LANGUAGES}


def _scalar(file: str, node: yaml.Node, kind: Any, name: str) -> Any:
    if not isinstance(node, yaml.ScalarNode):
        raise refuse(file, node, f"{name!r} must be a plain value")
    tag = node.tag.rpartition(":")[2]
    if issubclass(kind, StrEnum):
        if node.value not in list(kind):
            raise refuse(file, node, f"{node.value!r} is no {name!r}; one of: {', '.join(kind)}")
        return kind(node.value)
    if kind is bool and tag == "bool":
        return node.value == "true"
    if kind is int and tag == "int":
        return int(node.value)
    if kind is date and tag == "timestamp":
        try:
            return date.fromisoformat(node.value)
        except ValueError as impossible:
            raise refuse(file, node, f"{name!r}: {impossible}") from impossible
    if kind is str and tag == "str" and node.value.strip():
        return node.value
    wanted = {bool: "true or false", int: "a whole number", date: "a day written 2023-07-13", str: "a text"}
    raise refuse(file, node, f"{name!r} must be {wanted[kind]}")
