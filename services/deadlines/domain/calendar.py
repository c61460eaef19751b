"""The days on which administrations are closed: fixed holidays, religious feasts, exceptional closures.

A feast follows the sighting of the moon: until it is announced its date is an estimate with a window of
plausible days, and whatever it could move is provisional.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from shared.data import Names, Source

SEED: Final = Path(__file__).resolve().parents[1] / "calendar"
SEEDED_YEARS: Final = range(2022, 2033)
FIXED_YEARS: Final = range(1990, 2061)  # beyond what any running file can reach


Day = date  # for the classes that have a field named `date`


class Kind(StrEnum):
    NATIONAL = "national"
    RELIGIOUS = "religious"
    CLOSURE = "closure"


class Status(StrEnum):
    ESTIMATED = "estimated"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDay:
    """One day off. `scope` is the collectivity whose offices alone are closed, or None for the whole country.

    `feast` ties the days of one feast together: they move as one. `earliest` and `latest` bound the dates on
    which an estimated day can plausibly fall; without them a religious day may be a day off either way.
    """

    date: date
    kind: Kind
    status: Status
    name: Names
    source: str
    announced_at: datetime | None = None
    scope: str | None = None
    feast: str | None = None
    earliest: Day | None = None
    latest: Day | None = None


@dataclass(frozen=True, slots=True)
class Feast:
    """Estimated days that move together, as ordinals, by `before` days back to `after` days forth."""

    days: frozenset[int]
    before: int
    after: int

    @property
    def first(self) -> int:
        return min(self.days) - self.before

    @property
    def last(self) -> int:
        return max(self.days) + self.after

    def elsewhere(self) -> list[frozenset[int]]:
        """Every other reading: the feast on each other plausible date; a day that cannot move may not be at
        all.
        """
        if not self.before and not self.after:
            return [frozenset()]
        shifts = range(-self.before, self.after + 1)
        return [frozenset(day + shift for day in self.days) for shift in shifts if shift]


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedDay:
    """A day off on the same date every year (`day` is MM-DD), since its first year (None: before the oldest
    file).
    """

    day: str
    since: Annotated[int, range(1900, 2101)] | None = None
    name: Names
    source: str

    def __post_init__(self) -> None:
        try:
            self._in(2023)  # no leap year: 29 February is not a day of every year
        except ValueError as bad:
            raise ValueError(f"{self.day!r} is no month and day", "day") from bad

    def of(self, year: int) -> CalendarDay | None:
        if self.since is not None and year < self.since:
            return None
        return CalendarDay(
            date=self._in(year),
            kind=Kind.NATIONAL,
            status=Status.CONFIRMED,
            name=self.name,
            source=self.source,
        )

    def _in(self, year: int) -> date:
        return date.fromisoformat(f"{year}-{self.day}")


class Calendar:
    """An immutable set of days off.

    `fixed` fills the dates of which neither `days` nor `recorded` speaks: `recorded` are dates on which a
    national day was entered, even one that is no day off any more. `covers` tells the years whose feasts are
    known.
    """

    def __init__(
        self,
        days: Iterable[CalendarDay],
        fixed: Iterable[FixedDay] = (),
        *,
        recorded: Iterable[Day] = (),
    ) -> None:
        given = list(days)
        spoken = {day.date for day in given if day.kind is Kind.NATIONAL and day.scope is None}
        spoken.update(recorded)
        given += [
            day
            for one in fixed
            for year in FIXED_YEARS
            if (day := one.of(year)) is not None and day.date not in spoken
        ]
        by_date: dict[date, list[CalendarDay]] = {}
        for day in given:
            by_date.setdefault(day.date, []).append(day)
        self._years = frozenset(day.date.year for day in given if day.kind is Kind.RELIGIOUS)
        self._by_date = by_date
        everywhere = [day for day in given if day.scope is None]
        self.certain = _ordinals(day for day in everywhere if day.status is Status.CONFIRMED)
        self.feasts = _feasts(day for day in everywhere if day.status is Status.ESTIMATED)
        self.closed = _ordinals(everywhere)
        self._local = [day for day in given if day.scope is not None]

    def on(self, day: date) -> tuple[CalendarDay, ...]:
        """What closes offices on that day, closures of one collectivity included."""
        return tuple(self._by_date.get(day, ()))

    def year(self, year: int) -> list[CalendarDay]:
        days = [day for days in self._by_date.values() for day in days if day.date.year == year]
        return sorted(days, key=lambda day: (day.date, day.kind, day.scope or ""))

    def covers(self, day: date) -> bool:
        """Whether the religious feasts of that year are recorded at all."""
        return day.year in self._years

    def closed_if(self, moved: Mapping[Feast, frozenset[int]]) -> frozenset[int]:
        """The days off, as ordinals, with each feast of `moved` on other days than estimated."""
        return self.certain.union(*(moved.get(feast, feast.days) for feast in self.feasts))

    def closed_locally(self, collectivity: str | None) -> frozenset[int]:
        """Closures of that collectivity or of one that contains it, as ordinals."""
        if collectivity is None or not self._local:
            return frozenset()
        return _ordinals(
            day
            for day in self._local
            if day.scope is not None and (collectivity + ".").startswith(day.scope + ".")
        )


def _ordinals(days: Iterable[CalendarDay]) -> frozenset[int]:
    return frozenset(day.date.toordinal() for day in days)


def _feasts(days: Iterable[CalendarDay]) -> tuple[Feast, ...]:
    groups: dict[str, list[CalendarDay]] = {}
    for day in days:
        groups.setdefault(day.feast or day.date.isoformat(), []).append(day)
    return tuple(sorted((_feast(group) for group in groups.values()), key=lambda feast: feast.first))


def _feast(days: list[CalendarDay]) -> Feast:
    unstated = 1 if days[0].kind is Kind.RELIGIOUS else 0
    before = max((day.date - day.earliest).days if day.earliest else unstated for day in days)
    after = max((day.latest - day.date).days if day.latest else unstated for day in days)
    return Feast(_ordinals(days), max(before, 0), max(after, 0))


# What the files of the seed say, as they say it


@dataclass(frozen=True, slots=True, kw_only=True)
class _FeastKind:
    days: Annotated[int, range(1, 4)]
    name: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class _Observed:
    feast: str
    hijri: Annotated[int, range(1300, 1601)]
    first: date
    status: Status
    source: str
    window: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        if self.status is Status.CONFIRMED:
            if self.window:
                raise ValueError("a confirmed feast has no window", "window")
        elif len(self.window) != 2 or not self.window[0] <= self.first <= self.window[1]:
            raise ValueError("an estimated feast needs a window of two days around `first`", "window")

    def days(self, kind: _FeastKind) -> Iterable[CalendarDay]:
        for later in map(timedelta, range(kind.days)):
            yield CalendarDay(
                date=self.first + later,
                kind=Kind.RELIGIOUS,
                status=self.status,
                name=kind.name,
                source=self.source,
                feast=f"{self.feast}-{self.hijri}",
                earliest=self.window[0] + later if self.window else None,
                latest=self.window[1] + later if self.window else None,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Closure:
    date: date
    name: Names
    source: str
    scope: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seed:
    fixed: tuple[FixedDay, ...] = ()
    feasts: dict[str, _FeastKind] = field(default_factory=dict)
    observed: tuple[_Observed, ...] = ()
    closures: tuple[_Closure, ...] = ()


def load_fixed(path: Path = SEED / "fixed.yaml") -> tuple[FixedDay, ...]:
    """Raises `BadData` with file and line."""
    return Source(path, _Seed).value.fixed


def load_seed(folder: Path = SEED) -> tuple[CalendarDay, ...]:
    """The days with which a new calendar table starts. Raises `BadData` with file and line."""
    fixed = load_fixed(folder / "fixed.yaml")
    national = [day for year in SEEDED_YEARS for one in fixed if (day := one.of(year)) is not None]
    days = [*national, *_load_feasts(folder / "religious.yaml"), *_load_closures(folder / "closures.yaml")]
    return tuple(sorted(days, key=lambda day: day.date))


@cache
def seed_calendar() -> Calendar:
    """The calendar of the seed alone, as it is before anybody has recorded a change."""
    return Calendar(load_seed(), load_fixed())


def _load_feasts(path: Path) -> Iterable[CalendarDay]:
    source = Source(path, _Seed)
    kinds = source.value.feasts
    for one in source.value.observed:
        if one.feast not in kinds:
            raise source.refuse(one, f"unknown feast {one.feast!r}", "feast")
        yield from one.days(kinds[one.feast])


def _load_closures(path: Path) -> Iterable[CalendarDay]:
    for one in Source(path, _Seed).value.closures:
        yield CalendarDay(
            date=one.date,
            kind=Kind.CLOSURE,
            status=Status.CONFIRMED,
            name=one.name,
            source=one.source,
            scope=one.scope,
        )
