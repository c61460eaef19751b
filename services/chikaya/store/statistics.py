"""The summary that statistics and heat maps are read from, which a consumer keeps: one row a place, category,
month, measure and delay, so that a million reports are some hundred thousand rows.
"""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB

from services.chikaya.domain.statistics import Counted, Measure
from shared.db import Tx

Cell = tuple[str, str, bool, date, Measure, int]

BEFORE = text("SELECT counted FROM chikaya.tallied WHERE report = :report FOR UPDATE").columns(counted=JSONB)
KEEP = text("""
    INSERT INTO chikaya.tallied (report, counted) VALUES (:report, CAST(:counted AS jsonb))
    ON CONFLICT (report) DO UPDATE SET counted = excluded.counted""")
ADD = text("""
    INSERT INTO chikaya.tally AS t (collectivity, category, public, month, measure, days, n)
    SELECT * FROM unnest(CAST(:collectivities AS text[]), CAST(:categories AS text[]),
      CAST(:public AS boolean[]),
      CAST(:months AS date[]), CAST(:measures AS text[]), CAST(:days AS int[]), CAST(:numbers AS int[]))
    ON CONFLICT (collectivity, measure, month, category, days) DO UPDATE SET n = t.n + excluded.n""")
PERIOD: Final = """month BETWEEN :since AND :until
      AND (CAST(:places AS text[]) IS NULL OR collectivity = ANY(:places))"""
COUNTS: Final = """
    SELECT category, month, measure, days, sum(n)::bigint AS n FROM {table} WHERE {period}
    GROUP BY GROUPING SETS ((category, measure, days), (month, measure, days)) HAVING sum(n) > 0"""
HEAT: Final = """
    SELECT collectivity, category, sum(n)::bigint AS n FROM {table}
    WHERE measure = 'received' AND {period} GROUP BY collectivity, category HAVING sum(n) > 0
    ORDER BY collectivity, category"""
TABLES: Final = {True: "chikaya.public_tally", False: "chikaya.tally"}
COUNT = {everybody: text(COUNTS.format(table=table, period=PERIOD)) for everybody, table in TABLES.items()}
HEATS = {everybody: text(HEAT.format(table=table, period=PERIOD)) for everybody, table in TABLES.items()}


async def tally(tx: Tx, report: UUID, counted: Counted, *, escalated: bool) -> None:
    """Takes what a report counted as before out of the sums, and puts in what it does now. `escalated`: it
    is, or was once. The cells are changed in their order, so that two workers never wait for each other.
    """
    before = (await tx.execute(BEFORE, {"report": report})).scalar_one_or_none()
    now = _cells(counted)
    if escalated or (before and any(Measure(cell[4]) is Measure.ESCALATED for cell in before)):
        now.add((counted.collectivity, counted.category, counted.public, counted.month, Measure.ESCALATED, 0))
    changes = Counter(dict.fromkeys(now, 1))
    changes.subtract(_read(before or []))
    cells = sorted((cell, number) for cell, number in changes.items() if number)
    if not cells:
        return
    columns = [list(column) for column in zip(*(cell for cell, _ in cells), strict=True)]
    names = ("collectivities", "categories", "public", "months", "measures", "days")
    values = dict(zip(names, columns, strict=True)) | {"numbers": [number for _, number in cells]}
    await tx.execute(ADD, values | {"measures": [measure.value for measure in values["measures"]]})
    await tx.execute(KEEP, {"report": report, "counted": json.dumps([*now], default=str)})


async def counts(
    tx: Tx, since: date, until: date, places: Sequence[str] | None, *, everybody: bool
) -> Sequence[Row[Any]]:
    """`category` or `month`, `measure`, `days`, `n`: each number twice, by category and by month. `since` and
    `until` are first days of months, both included. Without `places`, of all that the caller may see;
    `everybody`: of public categories only.
    """
    return (await tx.execute(COUNT[everybody], _period(since, until, places))).all()


async def heat(
    tx: Tx, since: date, until: date, places: Sequence[str] | None, *, everybody: bool
) -> Sequence[Row[Any]]:
    """`collectivity`, `category`, `n` received, as above."""
    return (await tx.execute(HEATS[everybody], _period(since, until, places))).all()


def _period(since: date, until: date, places: Sequence[str] | None) -> dict[str, Any]:
    return {"since": since, "until": until, "places": None if places is None else list(places)}


def _cells(counted: Counted) -> set[Cell]:
    return {
        (counted.collectivity, counted.category, counted.public, counted.month, measure, days)
        for measure, days in counted.entries
    }


def _read(cells: Sequence[Sequence[Any]]) -> list[Cell]:
    return [
        (place, category, public, date.fromisoformat(month), Measure(measure), days)
        for place, category, public, month, measure, days in cells
    ]
