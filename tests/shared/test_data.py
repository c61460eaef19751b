"""Facts kept as YAML: what the reader accepts, and where and why it refuses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pytest

from shared.data import BadData, Names, Scalar, Source


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    code: str
    weight: Annotated[int, range(1, 10)] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    name: Names
    since: date
    colour: Colour
    parts: tuple[Part, ...]
    until: date | None = None
    open: bool = False
    tags: frozenset[str] = frozenset()
    by_colour: Mapping[Colour, Part] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    when: dict[str, Scalar | tuple[Scalar, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.until is not None and self.until < self.since:
            raise ValueError("it ends before it begins", "until")
        if not self.parts:
            raise ValueError("nothing is made of nothing")


FULL = """\
# a comment
name: {ar: شيء, fr: chose, en: thing}
since: 2023-07-13
until: 2024-02-29
colour: green
open: yes
parts:
  - {code: "7", weight: 9}
  - code: b
tags: [x, y, x]
by_colour: {red: {code: r}}
notes: {ar: one, any: other}
when:
  paid: true
  amount: [1, 2]
  day: 2026-01-01
  nobody: ~
  who: someone
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "thing.yaml"


def test_a_dataclass_is_the_schema(file: Path) -> None:
    file.write_text(FULL, encoding="utf-8")
    assert Source(file, Thing).value == Thing(
        name={"ar": "شيء", "fr": "chose", "en": "thing"},
        since=date(2023, 7, 13),
        until=date(2024, 2, 29),
        colour=Colour.GREEN,
        open=True,
        parts=(Part(code="7", weight=9), Part(code="b")),
        tags=frozenset({"x", "y"}),
        by_colour={Colour.RED: Part(code="r")},
        notes={"ar": "one", "any": "other"},
        when={"paid": True, "amount": (1, 2), "day": date(2026, 1, 1), "nobody": None, "who": "someone"},
    )


@pytest.mark.parametrize("word", ["true", "True", "on", "YES"])
def test_every_way_of_writing_true(word: str, file: Path) -> None:
    file.write_text(FULL.replace("open: yes", f"open: {word}"), encoding="utf-8")
    assert Source(file, Thing).value.open


@pytest.mark.parametrize(
    ("right", "wrong", "line", "why"),
    [
        ("colour: green", "colour: gren", 5, "'gren' is no 'colour'; one of: red, green"),
        ("colour: green", "color: green", 5, "unknown field 'color'; is it 'colour'?"),
        ("colour: green", "shape: round", 5, "unknown field 'shape'"),
        ("colour: green\n", "", 2, "the field 'colour' is missing"),
        ("colour: green", "colour: [green]", 5, "'colour' must be a plain value"),
        ("colour: green", "colour: green\nsince: 2023-07-14", 6, "the field 'since' is written twice"),
        ("open: yes", "open: 1", 6, "'open' must be true or false"),
        ("since: 2023-07-13", "since: yesterday", 3, "'since' must be a day written 2023-07-13"),
        ("since: 2023-07-13", "since: 2023-06-31", 3, "'since': '2023-06-31': day is out of range"),
        ("since: 2023-07-13", "since: 2023-07-13T10:00:00Z", 3, "'since': '2023-07-13T10:00:00Z'"),
        ("until: 2024-02-29", "until: soon", 4, "'until' must be a day written 2023-07-13"),
        ("until: 2024-02-29", "until: 2023-07-12", 4, "it ends before it begins"),
        ("weight: 9", "weight: 10", 8, "'weight' must be from 1 to 9"),
        ("weight: 9", "weight: 0x9", 8, "'weight': '0x9': invalid literal"),
        ("weight: 9", "weight: 1.5", 8, "'weight' must be a whole number"),
        ("weight: 9", "weight: '9'", 8, "'weight' must be a whole number"),
        ('code: "7"', "code: 7", 8, "'code' must be a text"),
        ('code: "7"', 'code: " "', 8, "'code' must be a text"),
        ("  - code: b", "  - b", 9, "'parts' must be named fields"),
        ("  - code: b", "  - {code: b, wieght: 2}", 9, "unknown field 'wieght'; is it 'weight'?"),
        ("tags: [x, y, x]", "tags: x", 10, "'tags' must be a list"),
        ("{red: {code", "{blue: {code", 11, "'blue' is no 'by_colour'; one of: red, green"),
        (", en: thing}", "}", 2, "'name' must be written in ar, fr, en"),
        (", en: thing}", ", en: thing, es: cosa}", 2, "'name' must be written in ar, fr, en"),
        (", en: thing}", ", en: ''}", 2, "'en' must be a text"),
        ("[1, 2]", "[1, [2]]", 15, "'amount' must be a plain value"),
        ("colour: green", "colour: green\n? [a]\n: b", 6, "the name of a field is one word"),
        ("colour: green", "colour: [green", 6, "not YAML: "),
        ("colour: green", "colour: \x00", 1, "not YAML: "),
        (FULL, "", 1, "the file is empty"),
        (FULL, "- a\n", 1, "'thing.yaml' must be named fields"),
    ],
)
def test_a_slip_is_refused_with_its_line(right: str, wrong: str, line: int, why: str, file: Path) -> None:
    assert right in FULL
    file.write_text(FULL.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(BadData) as refusal:
        Source(file, Thing)
    assert str(refusal.value).startswith(f"{file}:{line}: {why}")


def test_a_check_of_the_whole_points_at_where_it_begins(file: Path) -> None:
    start, end = FULL.index("parts:"), FULL.index("tags:")
    file.write_text(FULL[:start] + "parts: []\n" + FULL[end:], encoding="utf-8")
    with pytest.raises(BadData, match=r"thing\.yaml:2: nothing is made of nothing"):
        Source(file, Thing)


def test_what_is_no_text_is_refused(file: Path) -> None:
    file.write_bytes("name: été\n".encode("latin-1"))
    with pytest.raises(BadData, match=r"thing\.yaml:1: not YAML: 'utf-8' codec"):
        Source(file, Thing)


def test_every_dataclass_keeps_its_place(file: Path) -> None:
    file.write_text(FULL, encoding="utf-8")
    source = Source(file, Thing)
    first, second = source.value.parts
    assert source.place(source.value, "colour") == f"{file}:5"
    assert source.place(source.value) == f"{file}:2"
    assert str(source.refuse(second, "too light", "code")) == f"{file}:9: too light"
    assert source.place(second, "weight") == f"{file}:9", "a field that is not written is where its owner is"
    assert source.place(first) == f"{file}:8"


def test_equal_values_have_places_of_their_own(file: Path) -> None:
    file.write_text("- {code: a}\n- {code: a}\n", encoding="utf-8")
    source = Source(file, tuple[Part, ...])
    one, other = source.value
    assert one == other
    assert (source.place(one), source.place(other)) == (f"{file}:1", f"{file}:2")


def test_a_mapping_may_take_over_another(file: Path) -> None:
    file.write_text("- &first\n  code: a\n  weight: 2\n- <<: *first\n  weight: 3\n", encoding="utf-8")
    source = Source(file, tuple[Part, ...])
    assert source.value == (Part(code="a", weight=2), Part(code="a", weight=3))
    assert source.place(source.value[1], "code") == f"{file}:2"
    assert source.place(source.value[1], "weight") == f"{file}:5"


def test_only_a_mapping_can_be_taken_over(file: Path) -> None:
    file.write_text("- <<: first\n  code: a\n", encoding="utf-8")
    with pytest.raises(BadData, match=r"thing\.yaml:1: '<<' must be named fields"):
        Source(file, tuple[Part, ...])


def test_files_of_the_repository_are_named_from_its_root() -> None:
    root = Path(__file__).parents[2]
    with pytest.raises(BadData, match=r"^requirements\.lock:\d+: "):
        Source(root / "requirements.lock", Thing)
