"""What is counted of reports, and the figures that follow: volumes, delays, satisfaction, causes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import ceil
from typing import Final

from services.chikaya.domain.report import Report
from services.chikaya.domain.states import State
from services.chikaya.events.report import Kind, Outcome
from shared.time import civil_day

REPLY_DAYS: Final = 60  # 2-17-265 art. 8
FEWEST: Final = 5
"""Of fewer ratings, everybody is told no share: it would tell what one person thought of their office."""


class Measure(StrEnum):
    """What a report counts as, in the month in which it was received. `answered` also by days: whole civil
    days from the receipt to the first reply. `overdue`: no reply yet, and the time for it passed;
    `escalated`: it passed before some reply.
    """

    RECEIVED = "received"
    COMPLAINT = Kind.COMPLAINT.value
    OBSERVATION = Kind.OBSERVATION.value
    SUGGESTION = Kind.SUGGESTION.value
    ANSWERED = "answered"
    OVERDUE = "overdue"
    ESCALATED = "escalated"
    REOPENED = "reopened"
    SATISFIED = "satisfied"
    DISSATISFIED = "dissatisfied"
    INADMISSIBLE = "inadmissible"
    REDIRECTED = "redirected"
    RESOLVED = Outcome.RESOLVED.value
    PLANNED = Outcome.PLANNED.value
    EXPLAINED = Outcome.EXPLAINED.value
    NOT_UPHELD = Outcome.NOT_UPHELD.value


M = Measure
TURNED_AWAY: Final = {State.INADMISSIBLE: M.INADMISSIBLE, State.REDIRECTED: M.REDIRECTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """As what a report counts, where and when. `month` is its first day, in Casablanca."""

    collectivity: str
    category: str
    public: bool
    month: date
    entries: frozenset[tuple[Measure, int]]

    @classmethod
    def of(cls, report: Report) -> "Counted":
        """As it stands: that it was escalated once, a reopening forgets."""
        received = civil_day(report.received_at)
        days = {M.RECEIVED: 0, Measure(report.kind.value): 0}
        if report.replies:
            days[M.ANSWERED] = (civil_day(report.replies[0].answered_at) - received).days
            days[Measure(report.replies[-1].outcome.value)] = 0
        if report.escalated_at is not None and not report.replies:
            days[M.OVERDUE] = 0
        if report.escalated_at is not None:
            days[M.ESCALATED] = 0
        if report.round > 1:
            days[M.REOPENED] = 0
        if report.ratings:
            days[M.SATISFIED if report.ratings[-1].satisfied else M.DISSATISFIED] = 0
        if report.state in TURNED_AWAY:
            days[TURNED_AWAY[report.state]] = 0
        return cls(
            collectivity=report.collectivity,
            category=report.category,
            public=report.listed.public,
            month=received.replace(day=1),
            entries=frozenset(days.items()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of the reports received in a period. Days are whole civil days from the receipt to the first reply, by
    the nearest rank, null where there is none. Shares are of 1: `within_sixty_days` of the reports that were
    answered or are overdue, `satisfaction` of those rated, `reopening` of those answered.
    """

    received: int
    by_kind: Mapping[str, int]
    answered: int
    overdue: int
    escalated: int
    inadmissible: int
    redirected: int
    reopened: int
    rated: int
    by_outcome: Mapping[str, int]
    median_days: int | None
    p90_days: int | None
    within_sixty_days: float | None
    satisfaction: float | None
    reopening: float | None

    @classmethod
    def of(cls, counts: Iterable[tuple[Measure, int, int]], *, fewest: int = 1) -> "Figures":
        """`counts` are measure, days, number. Below `fewest` ratings no satisfaction is given."""
        totals = dict.fromkeys(Measure, 0)
        delays: dict[int, int] = {}
        for measure, days, number in counts:
            totals[measure] += number
            if measure is M.ANSWERED:
                delays[days] = delays.get(days, 0) + number
        rated = totals[M.SATISFIED] + totals[M.DISSATISFIED]
        soon = sum(number for days, number in delays.items() if days <= REPLY_DAYS)
        shown = rated >= fewest
        return cls(
            received=totals[M.RECEIVED],
            by_kind={kind.value: totals[Measure(kind.value)] for kind in Kind},
            answered=totals[M.ANSWERED],
            overdue=totals[M.OVERDUE],
            escalated=totals[M.ESCALATED],
            inadmissible=totals[M.INADMISSIBLE],
            redirected=totals[M.REDIRECTED],
            reopened=totals[M.REOPENED],
            rated=rated if shown else 0,
            by_outcome={outcome.value: totals[Measure(outcome.value)] for outcome in Outcome},
            median_days=ranked(delays, 0.5),
            p90_days=ranked(delays, 0.9),
            within_sixty_days=_share(soon, totals[M.ANSWERED] + totals[M.OVERDUE]),
            satisfaction=_share(totals[M.SATISFIED], rated) if shown else None,
            reopening=_share(totals[M.REOPENED], totals[M.ANSWERED]),
        )


def ranked(numbers: Mapping[int, int], share: float) -> int | None:
    """The least value that at least this share does not exceed; None of nothing."""
    wanted, seen = ceil(share * sum(numbers.values())), 0
    for value in sorted(numbers):
        seen += numbers[value]
        if seen >= wanted:
            return value
    return None


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
