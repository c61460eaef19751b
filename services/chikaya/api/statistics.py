"""Statistics and heat maps: of the office's territory for its staff, of public categories for everybody.

Small numbers are not hidden from everybody: the reports of public categories are shown one by one, with place
and days. What is not shown of one report is not shown of a few: other categories are left out, and shares of
satisfaction below five ratings.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import Row

from services.chikaya.api.common import authorize
from services.chikaya.domain import Action
from services.chikaya.domain.catalogue import catalogue
from services.chikaya.domain.permissions import not_allowed, workplaces
from services.chikaya.domain.place import extents
from services.chikaya.domain.statistics import FEWEST, Figures, Measure
from services.chikaya.store import statistics
from shared.auth import Actor
from shared.db import Tx
from shared.errors import Invalid
from shared.http import PUBLIC, Collectivity, Router, Texts
from shared.territory import territory
from shared.time import civil_day

router = Router(prefix="")

LONGEST: Final = 10  # years
Month = Annotated[str, Query(pattern=r"^2\d{3}-(0[1-9]|1[0-2])$", examples=["2026-01"])]


class FiguresOut(BaseModel):
    """Of the reports received in the period. Days are whole civil days from the receipt to the first reply.
    Shares are of 1: `within_sixty_days` of the reports that were answered or are overdue (2-17-265 art. 8),
    `satisfaction` of those rated, `reopening` of those answered; null of nothing. `overdue` have no reply
    yet, `escalated` had none in time.
    """

    received: int
    by_kind: dict[str, int]
    answered: int
    overdue: int
    escalated: int
    inadmissible: int
    redirected: int
    reopened: int
    rated: int
    by_outcome: dict[str, int]
    median_days: int | None
    p90_days: int | None
    within_sixty_days: float | None
    satisfaction: float | None
    reopening: float | None

    @classmethod
    def of(cls, figures: Figures) -> "FiguresOut":
        return cls(**{name: getattr(figures, name) for name in cls.model_fields})


class CauseOut(BaseModel):
    """`share` is of all that was received."""

    category: str
    title: Texts
    share: float
    figures: FiguresOut

    @classmethod
    def all_of(cls, total: Figures, causes: Mapping[str, Figures]) -> "list[CauseOut]":
        return [
            cls(
                category=code,
                title=Texts(**catalogue().category(code).name),
                share=round(figures.received / total.received, 4),
                figures=FiguresOut.of(figures),
            )
            for code, figures in causes.items()
        ]


class MonthOut(BaseModel):
    month: str
    figures: FiguresOut


class StatisticsOut(BaseModel):
    """`since` and `until` are months, both included, by the day of receipt in Casablanca. `causes`: the most
    frequent category first.
    """

    collectivity: str | None
    since: str
    until: str
    total: FiguresOut
    causes: list[CauseOut]
    months: list[MonthOut]


class CommuneOut(BaseModel):
    """Its centre, in degrees, where it is known."""

    code: str
    name: Texts
    latitude: float | None
    longitude: float | None


class HeatMapOut(BaseModel):
    """`cells` are a place in `communes`, a place in `categories`, and how many were received there. What is
    not listed has none.
    """

    since: str
    until: str
    communes: list[CommuneOut]
    categories: list[str]
    cells: list[tuple[int, int, int]]


@router.get("/statistics")
async def of_office(
    tx: Annotated[Tx, authorize(Action.STATISTICS)],
    collectivity: Annotated[Collectivity | None, Query()] = None,
    since: Month | None = None,
    until: Month | None = None,
) -> StatisticsOut:
    """Of the territory that the caller works for, or of a part of it; this year, unless said."""
    places = of_caller(tx.actor, collectivity)
    return await _statistics(tx, collectivity, places, period(tx, since, until), everybody=False)


@router.get("/public-statistics")
async def of_everybody(
    tx: Annotated[Tx, authorize(PUBLIC, limit="60/minute")],
    collectivity: Annotated[Collectivity | None, Query()] = None,
    since: Month | None = None,
    until: Month | None = None,
) -> StatisticsOut:
    """Of the country or of a part of it, for categories whose reports are public. Of fewer than five ratings
    no satisfaction is told.
    """
    return await _statistics(tx, collectivity, _below(collectivity), period(tx, since, until), everybody=True)


@router.get("/heat-map")
async def heat_of_office(
    tx: Annotated[Tx, authorize(Action.STATISTICS)],
    collectivity: Annotated[Collectivity | None, Query()] = None,
    since: Month | None = None,
    until: Month | None = None,
) -> HeatMapOut:
    """Of the territory that the caller works for."""
    places = of_caller(tx.actor, collectivity)
    return await _heat(tx, places, period(tx, since, until), everybody=False)


@router.get("/public-heat-map")
async def heat_of_everybody(
    tx: Annotated[Tx, authorize(PUBLIC, limit="60/minute")],
    collectivity: Annotated[Collectivity | None, Query()] = None,
    since: Month | None = None,
    until: Month | None = None,
) -> HeatMapOut:
    return await _heat(tx, _below(collectivity), period(tx, since, until), everybody=True)


def of_caller(by: Actor, collectivity: str | None) -> list[str]:
    """Where the caller works, or the part of it. Raises Forbidden `not_allowed`."""
    found = workplaces(by, collectivity)
    if collectivity is not None and not found:
        raise not_allowed()
    return found


def _below(collectivity: str | None) -> list[str] | None:
    return None if collectivity is None else sorted(territory().within(collectivity))


def period(tx: Tx, since: str | None, until: str | None) -> tuple[date, date]:
    """First days of months, both included. Raises Invalid `period_unsuitable`."""
    today = civil_day(tx.now)
    last = date.fromisoformat(f"{until}-01") if until else today.replace(day=1)
    first = date.fromisoformat(f"{since}-01") if since else last.replace(month=1)
    if not first <= last < first.replace(year=first.year + LONGEST):
        raise Invalid("period_unsuitable", f"At most {LONGEST} years, from `since` to `until`.")
    return first, last


def told(
    rows: Sequence[Row[Any]], *, fewest: int = 1
) -> tuple[Figures, Mapping[str, Figures], Mapping[date, Figures]]:
    """The total, by category (the most frequent first) and by month."""
    of_category: dict[str, list[tuple[Measure, int, int]]] = defaultdict(list)
    of_month: dict[date, list[tuple[Measure, int, int]]] = defaultdict(list)
    for row in rows:
        one = (Measure(row.measure), row.days, row.n)
        if row.category is None:
            of_month[row.month].append(one)
        else:
            of_category[row.category].append(one)
    total = Figures.of([one for counts in of_month.values() for one in counts], fewest=fewest)
    causes = {code: Figures.of(counts, fewest=fewest) for code, counts in of_category.items()}
    months = {month: Figures.of(of_month[month], fewest=fewest) for month in sorted(of_month)}
    return total, dict(sorted(causes.items(), key=lambda one: (-one[1].received, one[0]))), months


async def _statistics(
    tx: Tx,
    collectivity: str | None,
    places: list[str] | None,
    between: tuple[date, date],
    *,
    everybody: bool,
) -> StatisticsOut:
    rows = await statistics.counts(tx, *between, places, everybody=everybody)
    total, causes, months = told(rows, fewest=FEWEST if everybody else 1)
    return StatisticsOut(
        collectivity=collectivity,
        since=f"{between[0]:%Y-%m}",
        until=f"{between[1]:%Y-%m}",
        total=FiguresOut.of(total),
        causes=CauseOut.all_of(total, causes),
        months=[
            MonthOut(month=f"{month:%Y-%m}", figures=FiguresOut.of(figures))
            for month, figures in months.items()
        ],
    )


async def _heat(
    tx: Tx, places: list[str] | None, between: tuple[date, date], *, everybody: bool
) -> HeatMapOut:
    rows = await statistics.heat(tx, *between, places, everybody=everybody)
    communes = {code: at for at, code in enumerate(dict.fromkeys(row.collectivity for row in rows))}
    categories = {code: at for at, code in enumerate(sorted({row.category for row in rows}))}
    centres = {one.code: one for one in extents()}
    return HeatMapOut(
        since=f"{between[0]:%Y-%m}",
        until=f"{between[1]:%Y-%m}",
        communes=[
            CommuneOut(
                code=code,
                name=Texts(**territory().get(code).name),
                latitude=centres[code].latitude if code in centres else None,
                longitude=centres[code].longitude if code in centres else None,
            )
            for code in communes
        ],
        categories=list(categories),
        cells=[(communes[row.collectivity], categories[row.category], row.n) for row in rows],
    )
