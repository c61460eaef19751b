"""One line of a file of acts that were digitised elsewhere, as the act that it says: checked as the register
checks what is drawn up in it, and written as the register writes.

This is the hot path of tens of millions of lines: what lines have in common (names, days, offices, places) is
checked once and remembered. `tests/civil_status/test_imports.py` holds it equal to the slow way, through
`Blocks.checked`.
"""

import json
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final, NamedTuple, TypeVar

from services.civil_status.domain.dates import RegisterDate
from services.civil_status.domain.identifier import checked
from services.civil_status.domain.spelling import Spelled, spelled
from services.civil_status.domain.values import HOUR, Name, Sex, tree
from services.civil_status.domain.writing import plain
from services.civil_status.events import ActKind
from shared.errors import Problem
from shared.territory import territory

T = TypeVar("T")

REQUIRED: Final = ("kind", "office", "year", "number", "event_on", "place", "given_ar")
OPTIONAL: Final = (
    *("given_latin", "given_tifinagh", "family_ar", "family_latin", "family_tifinagh", "sex", "event_time"),
    *("hijri", "facility", "born_on", "birthplace", "identifier", "drawn_up_on"),
    *(
        f"{parent}_{what}"
        for parent in ("father", "mother")
        for what in ("given_ar", "given_latin", "family_ar", "family_latin", "occupation")
    ),
)
"""The columns of a file, by their names in its first line; in any order, optional ones left out or empty."""

FIRST_YEAR: Final = 1915  # dahir of 4 September 1915
MOST: Final = 2**31 - 1
REMEMBERED: Final = 500_000
"""Distinct names, days, places kept in memory: more than the country has of any."""
OFFICE: Final = re.compile(r"(\d\d)\.(\d{3})\.(\d\d)\.(\d{1,2})-(\d\d)", re.ASCII)
PARTIAL: Final = re.compile(r"(\d{4})(?:-(\d\d))?", re.ASCII)
KIND: Final = {kind.value: (kind.value, number) for number, kind in enumerate(ActKind)}
JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Refused(Exception):
    """What is wrong with one line; `rejects.py` has the text. `field` is a column, or empty for the line."""

    def __init__(self, code: str, field: str = "") -> None:
        super().__init__(code)
        self.code: Final = code
        self.field: Final = field


class Taking(NamedTuple):
    """An act to be laid down: `body` is the JSON of its `Blocks`, days are ISO."""

    id: str
    kind: str
    collectivity: str
    office: str
    year: int
    number: int
    identifier: str | None
    event_on: str
    drawn_up_on: str
    body: str
    family: Spelled | None
    given: Spelled
    father: Spelled | None
    mother: Spelled | None


def place_id(office: str, year: int, kind: str, number: int) -> str:
    """The id of an act that is taken over, by its place in the register: the same from whatever file, so that
    one event may name thousands; and near its neighbours, so that the index grows at few places.

    A UUID of version 8 (RFC 9562): digits of the office, year, kind, number; nothing of a person.
    Raises Refused `office_unknown`.
    """
    return _id(_office_digits(office), year, KIND[kind][1], number)


def _id(digits: str, year: int, kind: int, number: int) -> str:
    return f"{digits[:8]}-{digits[8:]}-8{year:03x}-8{kind:x}00-{number:012x}"


def _office_digits(office: str) -> str:
    found = OFFICE.fullmatch(office)
    if found is None:
        raise Refused("office_unknown", "office")
    region, province, cercle, commune, which = found.groups()
    return f"{region}{province}{cercle}{commune:0>2}{which}{2 - len(commune)}"


def counted(numbers: str) -> int:
    """How many `1-3,5` are."""
    ends = (part.partition("-") for part in numbers.split(","))
    return sum(int(last or first) - int(first) + 1 for first, _, last in ends)


class _Remembered(dict[str, Any]):
    """What a cell says, worked out once; a refusal too."""

    def __init__(self, work: Callable[[str], Any]) -> None:
        super().__init__()
        self._work = work

    def __missing__(self, cell: str) -> Any:
        if len(self) > REMEMBERED:
            self.clear()
        found = self[cell] = self._work(cell)
        return found


def reader(columns: Sequence[str], today: date) -> Callable[[list[str]], Taking]:
    """How lines of a file with these columns are read. The function raises Refused; it changes its argument.

    `columns` were found good by `faults`.
    """
    return _Reader(columns, today).read


class _Reader:
    """What lines have in common, remembered. A column that the file does not have is the empty cell that is
    put behind every line, at -1.
    """

    def __init__(self, columns: Sequence[str], today: date) -> None:
        at = {name: columns.index(name) if name in columns else -1 for name in (*REQUIRED, *OPTIONAL)}
        self._width = len(columns)
        self._place = tuple(at[name] for name in ("kind", "office", "year", "number"))
        self._event = tuple(
            at[name] for name in ("event_on", "place", "event_time", "hijri", "facility", "drawn_up_on")
        )
        self._subject = tuple(at[name] for name in ("sex", "born_on", "birthplace", "identifier"))
        self._given = tuple(at[f"given_{script}"] for script in ("ar", "latin", "tifinagh"))
        self._family = tuple(at[f"family_{script}"] for script in ("ar", "latin", "tifinagh"))
        self._parents = [
            (parent, tuple(at[f"{parent}_{what}"] for what in _PARENT)) for parent in ("father", "mother")
        ]
        self._offices = _Remembered(_office)
        self._days = _Remembered(_day)
        self._years = _Remembered(lambda cell: _year(cell, today))
        self._texts = _Remembered(_text)
        self._names: dict[tuple[str, str, str], tuple[str, Spelled] | Refused] = {}
        self._last = today.isoformat()

    def read(self, cells: list[str]) -> Taking:
        if len(cells) != self._width:
            raise Refused("cells_count")
        cells.append("")
        kind_, office_, year_, number_ = self._place
        if (kind := KIND.get(cells[kind_])) is None:
            raise Refused("kind_unknown", "kind")
        office = cells[office_]
        if (found := self._offices[office]) is None:
            raise Refused("office_unknown", "office")
        digits, collectivity = found
        if not (year := self._years[cells[year_]]):
            raise Refused("year_out_of_range", "year")
        number = _number(cells[number_])
        first, drawn, event = self._happened(cells, year)
        given = self._name(cells, self._given, "given")
        family = self._name(cells, self._family, "family") if _any(cells, self._family) else None
        identifier, about = self._about(cells, died=bool(kind[1]))
        body = f'{{"event":{event},"subject":{{"given":{given[0]}'
        body += f',"family":{family[0]}{about}}}' if family else f"{about}}}"
        parents: list[Spelled | None] = []
        for parent, columns in self._parents:
            said, spelling = self._parent(cells, parent, columns)
            body += said
            parents.append(spelling)
        return Taking(
            _id(digits, year, kind[1], number),
            kind[0],
            collectivity,
            office,
            year,
            number,
            identifier,
            first,
            drawn,
            body + "}",
            family[1] if family else None,
            given[1],
            *parents,
        )

    def _happened(self, cells: list[str], year: int) -> tuple[str, str, str]:
        """The earliest day of the event, the day of the drafting, the JSON of the event."""
        on_, place_, time_, hijri_, facility_, drawn_ = self._event
        first, on, event_year = _known(self._days[cells[on_]], "event_on")
        if first > self._last:
            raise Refused("event_in_future", "event_on")
        if event_year > year:
            raise Refused("event_after_register", "event_on")
        if cells[hijri_]:
            on = _with_hijri(first, cells[on_], cells[hijri_])
        drawn = self._drawn(cells[drawn_], year, first) if cells[drawn_] else f"{year}-01-01"
        event = f'{{"on":{on},"place":{self._text(cells[place_], "place")}'
        if time := cells[time_]:
            if not HOUR.fullmatch(time):
                raise Refused("time_malformed", "event_time")
            event += f',"time":"{time}"'
        if cells[facility_]:
            event += f',"facility":{self._text(cells[facility_], "facility")}'
        return first, drawn, event + "}"

    def _drawn(self, cell: str, year: int, event: str) -> str:
        first, _, drawn_year = _known(self._days[cell], "drawn_up_on")
        if len(cell) != 10 or drawn_year != year or not event <= first <= self._last:
            raise Refused("drawn_up_elsewhen", "drawn_up_on")
        return str(first)

    def _about(self, cells: list[str], *, died: bool) -> tuple[str | None, str]:
        """The identifier, and the JSON of what is known of the person beside the names."""
        sex_, born_, birthplace_, identifier_ = self._subject
        about, identifier = "", None
        if sex := cells[sex_]:
            if sex not in _SEXES:
                raise Refused("sex_unknown", "sex")
            about = f',"sex":"{sex}"'
        if cells[born_]:
            about += f',"born":{_known(self._days[cells[born_]], "born_on")[1]}'
        if cells[birthplace_]:
            about += f',"birthplace":{self._text(cells[birthplace_], "birthplace")}'
        if cells[identifier_]:
            identifier = _identifier(cells[identifier_])
            if died:  # a child's stands on its act
                about += f',"identifier":"{identifier}"'
        return identifier, about

    def _parent(self, cells: list[str], parent: str, columns: tuple[int, ...]) -> tuple[str, Spelled | None]:
        ga, gl, fa, fl, occupation = columns
        if not (cells[ga] or cells[gl]):
            if cells[fa] or cells[fl] or cells[occupation]:
                raise Refused("name_empty", f"{parent}_given_ar")
            return "", None
        written, spelling = self._name(cells, (ga, gl, -1), f"{parent}_given")
        said = f',"{parent}":{{"given":{written}'
        if cells[fa] or cells[fl]:
            said += f',"family":{self._name(cells, (fa, fl, -1), f"{parent}_family")[0]}'
        if cells[occupation]:
            said += f',"occupation":{self._text(cells[occupation], f"{parent}_occupation")}'
        return said + "}", spelling

    def _name(self, cells: list[str], columns: tuple[int, ...], field: str) -> tuple[str, Spelled]:
        ar, latin, tifinagh = columns
        asked = (cells[ar], cells[latin], cells[tifinagh])
        if (found := self._names.get(asked)) is None:
            if len(self._names) > REMEMBERED:
                self._names.clear()
            found = self._names[asked] = _name(*asked)
        if isinstance(found, Refused):
            raise Refused(found.code, f"{field}_{found.field}")
        return found

    def _text(self, cell: str, field: str) -> str:
        if (found := self._texts[cell]) is None:
            raise Refused("text_characters", field)
        return str(found)


def _any(cells: list[str], columns: tuple[int, ...]) -> bool:
    ar, latin, tifinagh = columns
    return bool(cells[ar] or cells[latin] or cells[tifinagh])


_PARENT: Final = ("given_ar", "given_latin", "family_ar", "family_latin", "occupation")
_SEXES: Final = frozenset(sex.value for sex in Sex)


def faults(columns: Sequence[str]) -> list[tuple[str, str]]:
    """What is wrong with the first line of a file: (code, column)."""
    wrong = [("column_missing", name) for name in REQUIRED if name not in columns]
    wrong += [("column_unknown", name) for name in columns if name not in {*REQUIRED, *OPTIONAL}]
    return wrong + [("column_twice", name) for name in sorted(set(columns)) if columns.count(name) > 1]


def _known(found: T | None, field: str) -> T:
    if found is None:
        raise Refused("date_malformed", field)
    return found


def _office(cell: str) -> tuple[str, str] | None:
    if not OFFICE.fullmatch(cell):
        return None
    commune = cell.rpartition("-")[0]
    known = territory()
    if commune not in known or known.get(commune).kind not in {"commune", "arrondissement"}:
        return None
    return _office_digits(cell), commune


def _year(cell: str, today: date) -> int:
    """0 for none."""
    year = int(cell) if cell.isascii() and cell.isdigit() and len(cell) == 4 else 0
    return year if FIRST_YEAR <= year <= today.year else 0


def _number(cell: str) -> int:
    if not (cell.isascii() and cell.isdigit()) or len(cell) > 10 or not 0 < (number := int(cell)) <= MOST:
        raise Refused("number_malformed", "number")
    return number


def _day(cell: str) -> tuple[str, str, int] | None:
    """The earliest day that it may mean, its JSON, its year; None for what is no date. The Hijri day that
    nobody stated is computed when the act is read.
    """
    try:
        if found := PARTIAL.fullmatch(cell):
            on = RegisterDate.partial(int(found[1]), int(found[2]) if found[2] else None)
            return on.first.isoformat(), _compact(on), on.year
        day = date.fromisoformat(cell) if len(cell) == 10 and cell.isascii() else None
    except (ValueError, Problem):
        return None
    if day is None:
        return None
    return day.isoformat(), f'{{"year":{day.year},"month":{day.month},"day":{day.day}}}', day.year


def _with_hijri(first: str, cell: str, hijri: str) -> str:
    if len(cell) != 10:
        raise Refused("hijri_mismatch", "hijri")
    try:
        return _compact(RegisterDate.of(date.fromisoformat(first), hijri))
    except Problem as problem:
        raise Refused(problem.code, "hijri") from None


def _identifier(cell: str) -> str:
    try:
        return checked(cell)
    except Problem as problem:
        raise Refused(problem.code, "identifier") from None


def _text(cell: str) -> str | None:
    """As JSON; None for what is not accepted. An empty one is none of the register's texts."""
    try:
        written = plain(cell, "") if len(cell) <= 300 else ""
    except Problem:
        return None
    return JSON(written) if written else None


def _name(ar: str, latin: str, tifinagh: str) -> tuple[str, Spelled] | Refused:
    """As JSON, and as it is found. A refusal names the script."""
    try:
        name = Name(ar=ar, latin=latin or None, tifinagh=tifinagh or None).checked("")
    except Problem as problem:
        return Refused(problem.code, str(problem.extra.get("field", "")).lstrip("."))
    said = {"ar": name.ar, "latin": name.latin, "tifinagh": name.tifinagh}
    return JSON({script: one for script, one in said.items() if one}), spelled(name.ar, name.latin)


def _compact(value: Any) -> str:
    """The JSON of a value, without what is empty: half of the bytes of 55 million acts."""
    said = {name: one for name, one in tree(value).items() if one is not None and one is not False}
    return JSON(said)
