"""Public reports as Open311 asks for them: the wall of `store.public`, with the dates of what happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text

from services.chikaya.domain import State
from services.chikaya.store import public
from shared.db import Tx

STEPS: Final = {
    "acknowledged": State.ACKNOWLEDGED,
    "declared_defective": State.DEFECTIVE,
    "completed": State.COMPLETED,
    "assigned": State.ASSIGNED,
    "started": State.IN_PROGRESS,
    "rerouted": State.ACKNOWLEDGED,
    "redirected": State.REDIRECTED,
    "answered": State.ANSWERED,
    "reopened": State.REOPENED,
    "rated": State.CLOSED,
    "closed": State.CLOSED,
}
"""By the last word of an event, how a report stood after it. The view `public_step` holds no other events."""

FINDS: Final = public.listed(
    f"SELECT {public.COLUMNS}, due_at, stepped_at FROM chikaya.public_report",
    f"""(CAST(:references AS text[]) IS NULL OR reference = ANY(:references))
      AND (CAST(:report AS uuid) IS NULL OR id = :report)
      AND (CAST(:categories AS text[]) IS NULL OR category = ANY(:categories))
      AND (CAST(:states AS text[]) IS NULL OR state = ANY(:states))
      AND {public.SINCE} AND received_at <= {public.UNTIL}""",
    page=":reach",
    whole="LIMIT :limit OFFSET :offset",
)
UPDATES = text("""
    SELECT id, reference, reply, answered_at::timestamptz, seq, step, occurred_at FROM chikaya.public_step
    WHERE (CAST(:collectivities AS text[]) IS NULL OR collectivity = ANY(:collectivities))
      AND (CAST(:references AS text[]) IS NULL OR reference = ANY(:references))
      AND updated_at >= :since AND occurred_at >= :since AND occurred_at <= :until
    ORDER BY occurred_at, id, seq LIMIT :limit OFFSET :offset""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for; None is everything. `until` is included. `skip` are earlier pages' rows."""

    collectivities: Sequence[str] | None = None
    references: Sequence[str] | None = None
    report: UUID | None = None
    categories: Sequence[str] | None = None
    states: Sequence[State] | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 1
    skip: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """`due_at` is until when a reply is due, `stepped_at` when it came to stand as it does."""

    shown: public.PublicReport
    due_at: datetime | None
    stepped_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """How a report stood from `at` on; `reply` where it is the one that was given then, and may be shown."""

    report: UUID
    reference: str
    number: int
    state: State
    at: datetime
    reply: str | None


async def find(tx: Tx, asked: Asked) -> list[Listed]:
    """The newest first."""
    values = {
        "collectivities": asked.collectivities,
        "reach": asked.skip + asked.limit,
        "references": asked.references,
        "report": asked.report,
        "categories": asked.categories,
        "states": None if asked.states is None else [str(state) for state in asked.states],
        "since": asked.since,
        "until": asked.until,
        "limit": asked.limit,
        "offset": asked.skip,
    }
    return [
        Listed(shown=public.read(row), due_at=row.due_at, stepped_at=row.stepped_at)
        for row in await tx.execute(FINDS[public.few(asked.collectivities)], values)
    ]


async def updates(tx: Tx, asked: Asked) -> list[Update]:
    """The oldest first; `since` and `until` are of the updates."""
    values = {
        "collectivities": asked.collectivities,
        "references": asked.references,
        "since": asked.since,
        "until": asked.until,
        "limit": asked.limit,
        "offset": asked.skip,
    }
    return [
        Update(
            report=row.id,
            reference=row.reference,
            number=row.seq,
            state=STEPS[row.step],
            at=row.occurred_at,
            reply=row.reply if row.step == "answered" and row.occurred_at == row.answered_at else None,
        )
        for row in await tx.execute(UPDATES, values)
    ]
