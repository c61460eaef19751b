"""Lines of the lists of permit files, read from their columns: a file is only built whole to be changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text

from services.rokhas.domain import State
from shared.db import Tx

FAR: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Where the queue puts what has no date."""


class Line(NamedTuple):
    """What lists show of a file. `missing` are codes of the recueil; `due_at` is `FAR` without a date."""

    id: UUID
    reference: str | None
    procedure: str
    procedure_version: int
    collectivity: str
    applicant: str
    state: str
    instructor: str | None
    drafted_at: datetime
    submitted_at: datetime | None
    due_at: datetime
    answer_by: datetime | None
    version: int
    last_day: date | None
    provisional: bool
    missing: Sequence[str]
    site: str


COLUMNS: Final = ", ".join(Line._fields[:13])
KEPT: Final = (
    "CAST(kept.clock ->> 'last_day' AS date), coalesce(CAST(kept.clock ->> 'provisional' AS boolean), false),"
    " kept.missing, kept.site"
)
"""What stands in the body, which is unpacked once for each line that is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Files of `places`, and with `own` those of which the caller is the applicant or a proxy holder; then
    narrowed, where None leaves it open. Row-level security holds besides.
    """

    places: Sequence[str] = ()
    own: bool = False
    within: Sequence[str] | None = None
    states: Sequence[State] | None = None
    procedure: str | None = None
    instructor: str | None = None


CONDITIONS: Final = {
    "within": "collectivity = ANY(CAST(:within AS text[]))",
    "states": "state = ANY(CAST((SELECT CAST(:states AS text[])) AS text[]))",
    "procedure": "procedure = :procedure",
    "instructor": "instructor = :instructor",
}


@cache
def statement(*, urgent: bool, places: bool, own: bool, after: bool, narrowed: tuple[str, ...]) -> TextClause:
    """Every place and what is one's own is read in the order of the list by an index of its own, up to the
    end of the page, however many files there are. So no condition may be left open in the statement, where
    one plan would have to serve all; and limit and states are subqueries: a planner that knows them believes
    that a whole place is soon read and sorted, and a place is as large as Casablanca.
    """
    key, order = ("due_at", "due_at, id") if urgent else ("drafted_at", "drafted_at DESC, id DESC")
    sign = ">" if urgent else "<"
    also = [CONDITIONS[name] for name in narrowed]
    also += [f"({key}, id) {sign} (:after_at, CAST(:after_id AS uuid))"] if after else []

    def one(*conditions: str) -> str:
        where = " AND ".join([*conditions, *also])
        few = "LIMIT (SELECT CAST(:limit AS bigint))"
        return f"SELECT {COLUMNS}, body FROM rokhas.dossier WHERE {where} ORDER BY {order} {few}"

    parts = []
    if places:
        each = one("collectivity = place")
        parts.append(f"SELECT file.* FROM unnest(CAST(:places AS text[])) AS place, LATERAL ({each}) AS file")
    if own:
        elsewhere = ["collectivity <> ALL(CAST(:places AS text[]))"] if places else []
        parts.append(f"({one('applicant = :caller', *elsewhere)})")
        held = "id = ANY(ARRAY(SELECT rokhas.held_by_proxy()))"
        parts.append(f"({one(held, 'applicant <> :caller', *elsewhere)})")
    page = f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS found ORDER BY {order} LIMIT :limit"
    return text(
        f"SELECT {COLUMNS}, {KEPT} FROM ({page}) AS page"
        f" CROSS JOIN LATERAL jsonb_to_record(body) AS kept (clock jsonb, missing jsonb, site text)"
        f" ORDER BY {order}"
    )


async def find(
    tx: Tx, where: Filter, *, urgent: bool, after: tuple[datetime, UUID] | None, limit: int
) -> list[Line]:
    """The newest first, or by legal urgency: what is due first comes first, what has no date last."""
    if not where.places and not where.own:
        return []
    narrowed = {name: value for name in CONDITIONS if (value := getattr(where, name)) is not None}
    if "states" in narrowed:
        narrowed["states"] = [str(state) for state in narrowed["states"]]
    values: dict[str, Any] = narrowed | {
        "places": list(where.places),
        "caller": tx.actor.subject,
        "limit": limit,
    }
    if after:
        values |= {"after_at": after[0], "after_id": after[1]}
    asked = statement(
        urgent=urgent,
        places=bool(where.places),
        own=where.own,
        after=after is not None,
        narrowed=tuple(narrowed),
    )
    return [Line(*row) for row in await tx.execute(asked, values)]
