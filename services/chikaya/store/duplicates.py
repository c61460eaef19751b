"""Reports near another one, and those that a person merged into one."""

from typing import Final
from uuid import UUID

from sqlalchemy import text

from services.chikaya.domain import Report
from services.chikaya.domain.duplicates import box, categories_like
from services.chikaya.domain.states import LEADING
from services.chikaya.store.reports import SELECT, from_row, reading
from shared.db import Tx

MOST: Final = 200
NEAR = reading(f"""{SELECT}
    WHERE category = ANY(:categories) AND latitude BETWEEN :south AND :north
      AND longitude BETWEEN :west AND :east AND state = ANY(:states) AND id <> :id
    ORDER BY received_at DESC LIMIT {MOST}""")
SOMEWHERE = reading(f"""{SELECT}
    WHERE collectivity = :collectivity AND category = :category AND state = ANY(:states) AND id <> :id
      AND (latitude IS NULL OR :nowhere)
    ORDER BY received_at DESC LIMIT {MOST}""")
MERGED = reading(f"""{SELECT}
    WHERE state = 'merged' AND body ->> 'merged_into' = :id ORDER BY id""")
LOCKED = reading(f"""{SELECT}
    WHERE state = 'merged' AND body ->> 'merged_into' = :id ORDER BY id FOR UPDATE""")
THESE = reading(f"{SELECT} WHERE id = ANY(:ids) ORDER BY received_at, id")
LEADS = text("""
    SELECT EXISTS (SELECT FROM chikaya.report WHERE state = 'merged' AND body ->> 'merged_into' = :id)""")


async def candidates(tx: Tx, report: Report) -> list[Report]:
    """Of what is open and the caller sees: what lies near, in categories like its own; and where one of the
    two has no point, what is of its category in its commune. The newest, at most `MOST` of each.
    """
    point = report.place.point
    values = {
        "id": report.id,
        "states": [str(state) for state in LEADING],
        "collectivity": report.collectivity,
        "category": report.category,
        "nowhere": point is None,
    }
    found = [from_row(row) for row in await tx.execute(SOMEWHERE, values)]
    if point is not None:
        high, wide = box(point)
        around = {
            "categories": categories_like(report.category),
            "south": point.latitude - high,
            "north": point.latitude + high,
            "west": point.longitude - wide,
            "east": point.longitude + wide,
        }
        near = await tx.execute(NEAR, {name: values[name] for name in ("id", "states")} | around)
        found += [from_row(row) for row in near]
    return found


async def merged_into(tx: Tx, report_id: UUID, *, locked: bool = False) -> list[Report]:
    """Those that are merged into it now, by id; `locked` to be changed."""
    found = await tx.execute(LOCKED if locked else MERGED, {"id": str(report_id)})
    return [from_row(row) for row in found]


async def dismissed(tx: Tx, report: Report) -> list[Report]:
    """Those of which a person said, on this one, that they are no duplicates of it."""
    ids = [one.other for one in report.dismissed]
    return [from_row(row) for row in await tx.execute(THESE, {"ids": ids})]


async def leads(tx: Tx, report_id: UUID) -> bool:
    """Whether others are merged into it, of those that the caller sees."""
    return bool((await tx.execute(LEADS, {"id": str(report_id)})).scalar_one())
