"""How far offices and the country are, and who did how much."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Row, text

from services.civil_status.domain.digitisation.states import EntryState
from shared.db import Tx
from shared.time import civil_day

COUNTS: Final = ("scanned", "keyed", "fields", "errors", "adjudicated", "checked", "rejected")
PROGRESS = text("SELECT * FROM civil_status.progress_of(:within, :by_office, :after, :limit)")
IMPORTED = text("SELECT civil_status.imported_of(:within)")
ADD = text(f"""
    INSERT INTO civil_status.work AS w (collectivity, operator, day, {", ".join(COUNTS)})
    VALUES (:collectivity, :operator, :day, {", ".join(f":{name}" for name in COUNTS)})
    ON CONFLICT (collectivity, day, operator) DO UPDATE SET
      {", ".join(f"{name} = w.{name} + excluded.{name}" for name in COUNTS)}""")
WORK = text(f"""
    SELECT operator, {", ".join(f"sum({name})::bigint AS {name}" for name in COUNTS)},
      count(DISTINCT day) AS days
    FROM civil_status.work
    WHERE day BETWEEN :since AND :until AND (CAST(:operator AS text) IS NULL OR operator = :operator)
      AND (CAST(:after AS text) IS NULL OR operator > :after)
    GROUP BY operator ORDER BY operator LIMIT :limit""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Acts by state; `expected` as the closing statements of the opened volumes say. Without `office`: all
    together.
    """

    office: str | None
    volumes: int
    pages: int
    expected: int
    acts: Mapping[EntryState, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Of one person in a period. `fields` were keyed, of which `errors` were not what was settled."""

    operator: str
    days: int
    scanned: int
    keyed: int
    fields: int
    errors: int
    adjudicated: int
    checked: int
    rejected: int


async def progress(tx: Tx, *, within: str | None) -> Progress:
    """Of a collectivity, or of the country. Counts only, so of offices too that the caller does not serve."""
    values = {"within": within, "by_office": False, "after": None, "limit": 1}
    row = (await tx.execute(PROGRESS, values)).one_or_none()
    if row is None:
        return Progress(office=None, volumes=0, pages=0, expected=0, acts=dict.fromkeys(EntryState, 0))
    return _progress(row)


async def imported(tx: Tx, *, within: str | None) -> int:
    """Acts that were taken over from files, of a collectivity or of the country."""
    acts: int = (await tx.execute(IMPORTED, {"within": within})).scalar_one()
    return acts


async def by_office(tx: Tx, *, within: str | None, after: str | None, limit: int) -> list[Progress]:
    values = {"within": within, "by_office": True, "after": after, "limit": limit}
    return [_progress(row) for row in await tx.execute(PROGRESS, values)]


async def add(tx: Tx, collectivity: str, counts: Mapping[str, Mapping[str, int]]) -> None:
    """By person, what they did or what was found in their work, today. In the order of their names, so that
    no two transactions wait for each other.
    """
    for operator in sorted(counts):
        values = dict.fromkeys(COUNTS, 0) | dict(counts[operator])
        await tx.execute(
            ADD, values | {"collectivity": collectivity, "operator": operator, "day": civil_day(tx.now)}
        )


async def throughput(
    tx: Tx, *, since: date, until: date, operator: str | None, after: str | None, limit: int
) -> list[Work]:
    """Of the offices that the caller serves, by person."""
    values = {"since": since, "until": until, "operator": operator, "after": after, "limit": limit}
    return [Work(**row._asdict()) for row in await tx.execute(WORK, values)]


def _progress(row: Row[*tuple[Any, ...]]) -> Progress:
    return Progress(
        office=row.office,
        volumes=row.volumes,
        pages=row.pages,
        expected=row.expected,
        acts={state: getattr(row, state.value) for state in EntryState},
    )
