"""How days are counted, from a starting day to the last day of a period. Days are proleptic ordinals
inside.

Sources: law 55-19 art. 31 (full days), code of civil procedure art. 512 (francs), code of obligations and
contracts art. 131-133 (day 0, months of 30 days, a last day that is a holiday), decree 2-18-577 ("open
days").
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Final

from services.deadlines.domain.calendar import Calendar
from shared.errors import Invalid
from shared.time import midnight

NEVER: Final = date.max.toordinal() + 1  # the end of a suspension that nobody has ended
FIRST: Final = date(1900, 1, 1)
LATEST: Final = date(2200, 1, 1)  # a date beyond these is a slip of the pen
LONGEST: Final = 3660  # days: no period in force is longer than ten years

Interval = tuple[int, int]


class Unit(StrEnum):
    CALENDAR = "calendar"
    WORKING = "working"


class Running(StrEnum):
    RUNNING = "running"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """How days are counted: every choice is a parameter of the rule.

    `francs`: neither the first nor the last day counts. `roll`: a last day on which offices are closed gives
    way to the next working day. `weekend`: ISO weekdays. `local_closures`: whether a closure of one commune
    moves the date (else an office could close its way out of silence).
    """

    unit: Unit = Unit.CALENDAR
    francs: bool = False
    roll: bool = True
    weekend: tuple[Annotated[int, range(1, 8)], ...] = (6, 7)
    local_closures: bool = False

    def __post_init__(self) -> None:
        if len(set(self.weekend)) > 6:
            raise ValueError("a week has a working day", "weekend")


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Counting):
    """How long a period is, and how its days are counted."""

    days: int


@dataclass(frozen=True, slots=True)
class Suspension:
    """The days `since` to `to`, both touched, do not count. `to` is None while it lasts."""

    since: date
    to: date | None = None


@dataclass(frozen=True, slots=True)
class Restart:
    """A substantively modified project was deposited on `to`, the new day 0 (RGC art. 41)."""

    to: date


@dataclass(frozen=True, slots=True)
class Extension:
    """`days` more, once (law 55-19 art. 17)."""

    days: int


Interruption = Suspension | Restart | Extension


def check(interruptions: Iterable[Interruption]) -> None:
    """Raises `Invalid` for what no file can have: an end before its beginning, a second extension."""
    extended = False
    for one in interruptions:
        match one:
            case Suspension(since, to):
                _plausible(since)
                if to is not None:
                    _plausible(to)
                    if to < since:
                        raise Invalid("interruption_ends_before_it_starts", _reversed(since, to))
            case Restart(to):
                _plausible(to)
            case Extension(days):
                if not 1 <= days <= LONGEST:
                    raise Invalid("extension_out_of_range", f"An extension is of 1 to {LONGEST} days.")
                if extended:
                    raise Invalid("extension_already_used", ONE_EXTENSION)
                extended = True


@dataclass(frozen=True, kw_only=True)
class Reckoning:
    """The dates of one period under one reading of its rule. Without `last` it is suspended."""

    count: Count
    opened: int
    """The day of the starting event."""
    start: int
    """Day 0: the starting day, or the deposit that restarted the period."""
    extension: int
    suspended: tuple[Interval, ...]
    """The union of the suspensions after day 0."""
    closed: frozenset[int]
    nth: int | None
    """The N-th whole day."""
    last: int | None

    @property
    def total(self) -> int:
        return self.count.days + self.extension

    @property
    def state(self) -> Running:
        return Running.SUSPENDED if self.last is None else Running.RUNNING

    @property
    def last_day(self) -> date | None:
        return None if self.last is None else date.fromordinal(self.last)

    @property
    def effective_at(self) -> datetime | None:
        """00:00 in Casablanca of the day after the last day, in UTC. A refusal is lawful strictly before."""
        return None if self.last is None else midnight(date.fromordinal(self.last + 1))

    @property
    def candidate(self) -> int | None:
        """The day that would be the last if it were whole and offices were open."""
        return None if self.nth is None else self.nth + self.count.francs

    def whole_days(self, through: date | None = None) -> int:
        """Whole days counted up to `through`, included; at most the length. None: as far as they go."""
        end = NEVER if through is None else through.toordinal()
        if self.nth is not None and end >= self.nth:
            return self.total
        counted = 0
        for first, last in _free(self.start, self.suspended):
            if first > end or counted >= self.total:
                break
            if self.count.unit is Unit.CALENDAR:
                counted += min(last, end) - first + 1
            else:
                for day in range(first, min(last, end) + 1):
                    counted += is_working(day, self.count, self.closed)
                    if counted >= self.total:
                        break
        return min(counted, self.total)

    def whole_day(self, number: int) -> date | None:
        """The `number`-th whole day, or None while a suspension without end lies before it."""
        day = _nth(number, self.count, _free(self.start, self.suspended), self.closed)
        return None if day is None else date.fromordinal(day)

    @cached_property
    def first_half_until(self) -> date | None:
        """The last day of the first half (law 55-19 art. 7, 10, 14): the whole days counted up to a request
        are at most floor(N/2), N before extension; day 0 is allowed. None: a suspension keeps it open.
        """
        after = self.whole_day(self.count.days // 2 + 1)
        return None if after is None else date.fromordinal(after.toordinal() - 1)


def reckon(
    count: Count,
    start: date,
    interruptions: Sequence[Interruption],
    calendar: Calendar,
    collectivity: str | None = None,
) -> Reckoning:
    """Counts from the civil day of the starting event. Raises `Invalid` for impossible interruptions."""
    closed = calendar.closed
    if count.local_closures:
        closed |= calendar.closed_locally(collectivity)
    return reckon_with(count, start, interruptions, closed)


def reckon_with(
    count: Count, start: date, interruptions: Sequence[Interruption], closed: frozenset[int]
) -> Reckoning:
    """`reckon` with another reading of the calendar: `closed` are the days off, as ordinals."""
    _plausible(start)
    check(interruptions)
    suspensions = _union(one for one in interruptions if isinstance(one, Suspension))
    restarts = sorted({one.to.toordinal() for one in interruptions if isinstance(one, Restart)})
    extension = sum(one.days for one in interruptions if isinstance(one, Extension))
    day0 = start.toordinal()
    waiting = [day for day in restarts if day > day0]
    while True:
        free = tuple(_clip(suspensions, day0))
        nth = _nth(count.days + extension, count, _free(day0, free), closed)
        last = None if nth is None else _last(nth, count, free, closed)
        if not waiting or (last is not None and waiting[0] > last):
            break  # a deposit after the last day computed without it changes nothing
        day0 = waiting.pop(0)
    return Reckoning(
        count=count,
        opened=start.toordinal(),
        start=day0,
        extension=extension,
        suspended=free,
        closed=closed,
        nth=nth,
        last=last,
    )


def is_working(day: int, count: Count, closed: frozenset[int]) -> bool:
    return (day - 1) % 7 + 1 not in count.weekend and day not in closed


def _nth(number: int, count: Count, free: Iterable[Interval], closed: frozenset[int]) -> int | None:
    counted = 0
    for first, last in free:
        if count.unit is Unit.CALENDAR:
            length = last - first + 1
            if counted + length >= number:
                return first + number - counted - 1
            counted += length
        else:
            for day in range(first, last + 1):
                counted += is_working(day, count, closed)
                if counted == number:
                    return day
    return None


def _last(nth: int, count: Count, suspended: Sequence[Interval], closed: frozenset[int]) -> int | None:
    """The first day from the N-th (after it, if francs) that is whole and, if it rolls, working."""
    for first, last in _free(nth + count.francs - 1, suspended):
        for day in range(first, last + 1):
            if not count.roll or is_working(day, count, closed):
                return day
    return None


def _free(day0: int, suspended: Iterable[Interval]) -> Iterator[Interval]:
    """The stretches of whole days after `day0`."""
    cursor = day0 + 1
    for since, to in suspended:
        if to < cursor:
            continue
        if since > cursor:
            yield cursor, since - 1
        cursor = to + 1
    if cursor < NEVER:
        yield cursor, NEVER - 1


def _union(suspensions: Iterable[Suspension]) -> list[Interval]:
    merged: list[Interval] = []
    for since, to in sorted(
        (one.since.toordinal(), NEVER if one.to is None else one.to.toordinal()) for one in suspensions
    ):
        if merged and since <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], to))
        else:
            merged.append((since, to))
    return merged


def _clip(suspended: Iterable[Interval], day0: int) -> Iterator[Interval]:
    for since, to in suspended:
        if to > day0:
            yield max(since, day0 + 1), to


def _plausible(day: date) -> None:
    if not FIRST <= day < LATEST:
        raise Invalid("date_out_of_range", f"{day} is not between {FIRST} and {LATEST}.")


def _reversed(since: date, to: date) -> dict[str, str]:
    return {
        "ar": f"ينتهي هذا التوقف في {to} قبل أن يبدأ في {since}.",
        "fr": f"Cette interruption finit le {to} avant de commencer le {since}.",
        "en": f"This interruption ends on {to}, before it starts on {since}.",
    }


ONE_EXTENSION: Final = {
    "ar": "لا يمدد الأجل إلا مرة واحدة (المادة 17 من القانون 55-19).",
    "fr": "Le délai n'est prorogé qu'une seule fois (loi 55-19, art. 17).",
    "en": "A period is extended once only (law 55-19, art. 17).",
}
