"""Two examples of every event: with all that it may say, and with the least that it must say."""

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, Final, Union, get_args, get_origin
from uuid import UUID

from shared.events import Event

DIGEST: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
FILE: Final = UUID("0190a3f2-6c00-7000-8000-000000000001")

# What a value means, where its type does not tell: taken from the rules and the recueil as they are.
VALUES: Final[Mapping[str, str]] = {
    "aggregate": "dossier",
    "aggregate_id": str(FILE),
    "article": "55-19 art. 16",
    "citation": "Loi 55-19, art. 16",
    "collectivity": "06.141.01.0",
    "confidence": "A",
    "content": DIGEST,
    "document": "application_form",
    "evidence": DIGEST,
    "file": DIGEST,
    "on_expiry": "approval",
    "procedure": "construction_small",
    "reference": "06.141.01.0/2026/00001",
    "role": "decision",
    "rule": "construction_small.decision",
    "scope": "06.141.01.0",
    "service": "rokhas",
    "sha256": DIGEST,
}
SCALARS: Final[Mapping[Any, Callable[[str], Any]]] = {
    bool: lambda _: True,
    int: lambda _: 1,
    str: lambda name: VALUES.get(name, name),
    datetime: lambda _: datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
    date: lambda _: date(2026, 12, 9),
    UUID: lambda _: FILE,
}


def examples(event: type[Event]) -> list[dict[str, Any]]:
    """The payloads, as they travel."""
    made = [_make(event, least=least).payload() for least in (False, True)]
    return [json.loads(payload) for payload in dict.fromkeys(made)]


def _make(kind: Any, *, least: bool) -> Any:
    hints = typing.get_type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):
        optional = (
            field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        )
        if not (least and optional):
            values[field.name] = _value(hints[field.name], field.name, least=least)
    return kind(**values)


def _value(kind: Any, name: str, *, least: bool) -> Any:
    """Raises TypeError for a type that no event should have: it would not be a value on the wire."""
    arguments = get_args(kind)
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        if least and type(None) in arguments:
            return None
        return _value(next(a for a in arguments if a is not type(None)), name, least=least)
    if origin in {list, tuple}:
        members = [] if least else [_value(arguments[0], name.removesuffix("s"), least=least)]
        return origin(members)
    if origin is dict:
        return {language: f"{name} ({language})" for language in ("ar", "fr", "en")}
    if dataclasses.is_dataclass(kind):
        return _make(kind, least=least)
    return _scalar(kind, name)


def _scalar(kind: Any, name: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    if kind in SCALARS:
        return SCALARS[kind](name)
    raise TypeError(f"the field {name} has the type {kind}, which has no example")
