"""How often the administration was late, and what became of its silence."""

from datetime import date, datetime, timedelta
from typing import Annotated, Final

from fastapi import Query
from pydantic import BaseModel

from services.deadlines.api.common import Procedure, authorize
from services.deadlines.store.figures import Figures, Grouping, count
from shared.db import Tx
from shared.errors import Invalid
from shared.http import PUBLIC, Collectivity, Day, Router
from shared.territory import territory
from shared.time import civil_day, midnight

router = Router(prefix="")

ONE_TERRITORY: Final = {
    "ar": "لا تقع هذه الجماعة في هذا الإقليم.",
    "fr": "Cette commune n'est pas dans cette province.",
    "en": "This commune does not lie in this province.",
}


class FiguresOut(BaseModel):
    """Counts of files; the median in days. `group` is a code, a procedure or a month, null for the total."""

    group: str | None
    files: int
    decided: int
    overdue: int
    eligible: int
    invoked: int
    delivered: int
    attested: int
    median_days_to_decision: float | None

    @classmethod
    def of(cls, figures: Figures) -> "FiguresOut":
        return cls(**{name: getattr(figures, name) for name in cls.model_fields})


class PeriodOut(BaseModel):
    since: date
    until: date
    total: FiguresOut
    groups: list[FiguresOut]


class StatisticsOut(BaseModel):
    """`overdue_change_percent` compares the number of overdue files of the period with that of `compared`."""

    period: PeriodOut
    compared: PeriodOut | None
    overdue_change_percent: float | None


@router.get("/statistics")
async def statistics(
    tx: Annotated[Tx, authorize(PUBLIC, limit="50/second")],
    commune: Collectivity | None = None,
    province: Collectivity | None = None,
    procedure: Procedure | None = None,
    by: Grouping = Grouping.NONE,
    since: Day | None = None,
    until: Annotated[Day | None, Query(description="last day, included")] = None,
    compare_since: Day | None = None,
    compare_until: Annotated[Day | None, Query(description="last day, included")] = None,
) -> StatisticsOut:
    """Files by the civil day on which their clock started. By default, the last twelve months. `commune`
    narrows `province`.
    """
    today = civil_day(tx.now)
    end = until or today
    if commune is not None and province is not None and commune not in territory().within(province):
        raise Invalid("one_territory", ONE_TERRITORY)
    where = commune or province
    codes = None if where is None else sorted(territory().within(where))
    period = await _period(tx, since or end - timedelta(days=365), end, by, codes, procedure)
    if (compare_since is None) != (compare_until is None):
        raise Invalid("comparison_incomplete", "Give both compare_since and compare_until.")
    compared = None
    if compare_since is not None and compare_until is not None:
        compared = await _period(tx, compare_since, compare_until, by, codes, procedure)
    return StatisticsOut(
        period=period,
        compared=compared,
        overdue_change_percent=None if compared is None else _change(compared.total, period.total),
    )


async def _period(
    tx: Tx, since: date, until: date, by: Grouping, codes: list[str] | None, procedure: str | None
) -> PeriodOut:
    if until < since or not 2000 <= since.year <= until.year <= 2100:
        raise Invalid("period_impossible", f"{since} to {until} is no period.")
    first: datetime = midnight(since)
    last = midnight(until + timedelta(days=1))
    total = await count(
        tx, by=Grouping.NONE, since=first, until=last, collectivities=codes, procedure=procedure
    )
    groups = (
        []
        if by is Grouping.NONE
        else await count(tx, by=by, since=first, until=last, collectivities=codes, procedure=procedure)
    )
    nothing = Figures(None, 0, 0, 0, 0, 0, 0, 0, None)
    return PeriodOut(
        since=since,
        until=until,
        total=FiguresOut.of(total[0] if total else nothing),
        groups=[FiguresOut.of(one) for one in groups],
    )


def _change(before: FiguresOut, after: FiguresOut) -> float | None:
    """In per cent of the earlier number of overdue files; None when there were none."""
    return round(100 * (after.overdue - before.overdue) / before.overdue, 1) if before.overdue else None
