"""The figures that the ministry reports, counted from the clocks of files and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import text

from shared.db import Tx


class Grouping(StrEnum):
    COMMUNE = "commune"
    PROVINCE = "province"
    PROCEDURE = "procedure"
    MONTH = "month"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Figures:
    """`files` started in the period; `overdue` were not decided in time, or are still open after their date;
    `eligible` those whose silence approves; of these, how many applicants `invoked` it, and how many permits
    were then `delivered` by the president or `attested` by the governor.
    """

    group: str | None
    files: int
    decided: int
    overdue: int
    eligible: int
    invoked: int
    delivered: int
    attested: int
    median_days_to_decision: Decimal | None


COUNT = text("""
    SELECT CASE CAST(:by AS text) WHEN 'commune' THEN collectivity WHEN 'province' THEN province
        WHEN 'procedure' THEN procedure
        WHEN 'month' THEN month END AS "group",
      count(*) AS files, count(*) FILTER (WHERE state = 'answered') AS decided,
      count(*) FILTER (WHERE overdue) AS overdue, count(*) FILTER (WHERE eligible) AS eligible,
      count(*) FILTER (WHERE eligible AND invoked_at IS NOT NULL) AS invoked,
      count(*) FILTER (WHERE eligible AND delivered_at >= invoked_at) AS delivered,
      count(*) FILTER (WHERE eligible AND attested_at IS NOT NULL) AS attested,
      round(CAST(percentile_cont(0.5) WITHIN GROUP (
        ORDER BY extract(epoch FROM closed_at - started_at) / 86400
      ) FILTER (WHERE state = 'answered') AS numeric), 1)
    FROM deadlines.case_figures
    WHERE started_at >= :since AND started_at < :until
      AND (CAST(:collectivities AS text[]) IS NULL OR collectivity = ANY(CAST(:collectivities AS text[])))
      AND (CAST(:procedure AS text) IS NULL OR procedure = :procedure)
    GROUP BY 1 ORDER BY 1""")


async def count(
    tx: Tx,
    *,
    by: Grouping,
    since: datetime,
    until: datetime,
    collectivities: Sequence[str] | None,
    procedure: str | None,
) -> list[Figures]:
    """Files whose clock started in [since, until), counted whole: a file without any group has none."""
    values = {
        "by": str(by),
        "since": since,
        "until": until,
        "collectivities": None if collectivities is None else list(collectivities),
        "procedure": procedure,
    }
    return [Figures(*row) for row in await tx.execute(COUNT, values)]
