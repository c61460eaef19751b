"""The counting of days again, slow and obviously right: it walks one day at a time and asks about each.

Shares no code with the services; a day off is a plain date in a set.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

DAY = timedelta(days=1)
FAR = 4000  # days: no generated case reaches further unless it is suspended for good


@dataclass(kw_only=True)
class Case:
    days: int
    working: bool = False
    francs: bool = False
    start: date
    suspensions: list[tuple[date, date | None]] = field(default_factory=list)
    restarts: list[date] = field(default_factory=list)
    extension: int = 0
    off: frozenset[date] = frozenset()


@dataclass(kw_only=True)
class Answer:
    last_day: date | None
    nth_day: date | None
    remaining: int
    half: date | None
    counted: list[date]


def touched(case: Case, day: date) -> bool:
    return any(since <= day and (to is None or day <= to) for since, to in case.suspensions)


def open_office(case: Case, day: date) -> bool:
    return day.weekday() < 5 and day not in case.off


def walk(start: date) -> Iterator[date]:
    for number in range(1, FAR):
        yield start + number * DAY


def answer(case: Case) -> Answer:
    """Day after day: a restart empties the list of whole days, a whole day is put on it, and the last day is
    the first one on which the law says that the period is over.
    """
    total = case.days + case.extension
    counted: list[date] = []
    half: date | None = None
    nth: date | None = None
    last: date | None = None
    for day in walk(case.start):
        if day in case.restarts:
            counted, half, nth = [], None, None
            continue
        whole = not touched(case, day)
        if whole and nth is None and (open_office(case, day) or not case.working):
            counted.append(day)
            if len(counted) == case.days // 2 + 1:
                half = day - DAY
            if len(counted) == total:
                nth = day
        if nth is None or (case.francs and day == nth):
            continue
        if whole and open_office(case, day):
            last = day
            break
    return Answer(last_day=last, nth_day=nth, remaining=total - len(counted), half=half, counted=counted)
