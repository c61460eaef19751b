"""Reports in PostgreSQL: loaded to be changed, they are locked until the transaction ends."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, get_type_hints
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB

from services.chikaya.domain import Report, State
from services.chikaya.domain.permissions import workplaces
from services.chikaya.domain.states import OPEN
from services.chikaya.events import REPORT, ReportEvent
from services.chikaya.events.report import Acknowledged, Kind, Received
from shared.db import EMIT, Arrival, Tx
from shared.errors import Malformed, NotFound, Stale

IN_COLUMNS: Final = (
    "id",
    "reference",
    "kind",
    "category",
    "collectivity",
    "past",
    "reporter",
    "filed_by",
    "state",
    "received_at",
    "escalated_at",
    "assignee",
    "published",
    "version",
)
COLUMNS: Final = (*IN_COLUMNS, "due_at", "longitude", "latitude", "public", "updated_at", "to_review", "body")


def reading(sql: str) -> Any:
    """A query of `SELECT`, for `from_row`."""
    return text(sql).columns(body=JSONB)


VALUES: Final = ", ".join("CAST(:body AS jsonb)" if name == "body" else f":{name}" for name in COLUMNS)
SELECT: Final = f"SELECT {', '.join(IN_COLUMNS)}, body FROM chikaya.report"
ONE = reading(f"{SELECT} WHERE id = :id")
LOCK = reading(f"{SELECT} WHERE id = :id FOR UPDATE")
ARRIVE = text("SELECT now, claimed FROM chikaya.arrive(:subject, :communes, :provinces, :key)")
ARRIVAL: Final = Arrival(ARRIVE, {})
"""Of whoever files: there is no report to read yet (decision 0056)."""
INSERT = text(f"INSERT INTO chikaya.report ({', '.join(COLUMNS)}) VALUES ({VALUES})")
UPDATE = text(
    "UPDATE chikaya.report SET "
    + ", ".join(f"{n} = CAST(:body AS jsonb)" if n == "body" else f"{n} = :{n}" for n in COLUMNS if n != "id")
    + " WHERE id = :id"
)
OWN = reading(f"""{SELECT}
    WHERE reporter = :reporter
      AND (CAST(:after_at AS timestamptz) IS NULL
        OR (received_at, id) < (:after_at, CAST(:after_id AS uuid)))
    ORDER BY received_at DESC, id DESC LIMIT :limit""")
# A page of each place, by an index that has them in this order, and of these the page: an office would sort
# all of its own otherwise. What is open is spelled as the index `report_queue` spells it.
PLACES: Final = "unnest(CAST(:places AS text[])) AS place (code) CROSS JOIN LATERAL"
IS_OPEN: Final = "state NOT IN ('answered', 'closed', 'inadmissible', 'redirected')"
WAITING: Final = f"""
    SELECT page.* FROM {PLACES} (
      SELECT {", ".join(IN_COLUMNS)}, body, coalesce(due_at, 'infinity') AS due FROM chikaya.report
      WHERE collectivity = place.code AND {{which}} AND state = ANY(:states)
        AND (CAST(:category AS text) IS NULL OR category = :category)
        AND (CAST(:assignee AS text) IS NULL OR assignee = :assignee)
        AND (NOT CAST(:escalated AS boolean) OR escalated_at IS NOT NULL)
        AND (CAST(:after_id AS uuid) IS NULL
          OR (coalesce(due_at, 'infinity'), id)
            > (coalesce(CAST(:after_due AS timestamptz), 'infinity'), CAST(:after_id AS uuid)))
      ORDER BY coalesce(due_at, 'infinity'), id LIMIT :limit) AS page
    ORDER BY page.due, page.id LIMIT :limit"""
QUEUES = {
    only_open: reading(WAITING.format(which=IS_OPEN if only_open else "true")) for only_open in (True, False)
}
TO_REVIEW = reading(f"""
    SELECT page.* FROM {PLACES} (
      {SELECT}
      WHERE collectivity = place.code AND to_review
        AND (CAST(:flagged AS boolean) IS NULL OR (body ->> 'flagged')::boolean = :flagged)
        AND (CAST(:after_at AS timestamptz) IS NULL
          OR (received_at, id) > (:after_at, CAST(:after_id AS uuid)))
      ORDER BY received_at, id LIMIT :limit) AS page
    ORDER BY page.received_at, page.id LIMIT :limit""")
NO_DATE: Final = "infinity"
"""Where a report has no date yet, in a cursor."""


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(Report)
    names = [field.name for field in dataclasses.fields(Report)]
    return {name: TypeAdapter(hints[name]) for name in names if name not in IN_COLUMNS}


@cache
def _whole() -> TypeAdapter[Report]:
    """To write a report: all its fields in one call."""
    return TypeAdapter(Report)


async def get(tx: Tx, report_id: UUID) -> Report:
    """To read. Raises `NotFound`, also for what row-level security hides."""
    return _found((await tx.execute(ONE, {"id": report_id})).one_or_none())


async def locked(tx: Tx, report_id: UUID, *, version: int | None = None) -> Report:
    """To change. Raises `NotFound`, and `Stale` when the caller read another version than this one."""
    found = _found((await tx.execute(LOCK, {"id": report_id})).one_or_none())
    if version is not None and version != found.version:
        raise Stale("report_changed", version=found.version)
    return found


async def of_reporter(
    tx: Tx, reporter: str, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[Report]:
    """The newest first."""
    values = {
        "reporter": reporter,
        "after_at": after and after[0],
        "after_id": after and after[1],
        "limit": limit,
    }
    return [from_row(row) for row in await tx.execute(OWN, values)]


async def queue(
    tx: Tx,
    *,
    states: Sequence[State] | None,
    category: str | None,
    assignee: str | None,
    escalated: bool,
    after: tuple[datetime | None, UUID] | None,
    limit: int,
) -> list[Report]:
    """By the date on which the reply is due, of the places that the caller serves now."""
    wanted = frozenset(states or OPEN)
    values = {
        "states": sorted(wanted),
        "places": workplaces(tx.actor),
        "category": category,
        "assignee": assignee,
        "escalated": escalated,
        "after_due": after and after[0],
        "after_id": after and after[1],
        "limit": limit,
    }
    return [from_row(row) for row in await tx.execute(QUEUES[wanted <= OPEN], values)]


async def to_review(
    tx: Tx, *, flagged: bool | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[Report]:
    """Of the places that the caller serves now, those of which a person has yet to say what everybody may
    see: the oldest first.
    """
    values = {
        "places": workplaces(tx.actor),
        "flagged": flagged,
        "after_at": after and after[0],
        "after_id": after and after[1],
        "limit": limit,
    }
    return [from_row(row) for row in await tx.execute(TO_REVIEW, values)]


async def file(tx: Tx, report: Report, *, received: Received, acknowledged: Acknowledged) -> None:
    """Received and acknowledged at once: two events and one row. Of who arrived without a lock they are one
    statement.
    """
    if tx.arrived is None:
        await tx.emit(REPORT, report.id, report.collectivity, received)
    else:
        tx.later(EMIT, tx.announcement(REPORT, report.id, report.collectivity, received))
    row = to_row(report) | {"updated_at": tx.now}
    # Nobody who files waits for another one: each may go along.
    await tx.save(REPORT, report.id, acknowledged, report.version, INSERT, row, place=str(report.id))


async def save(tx: Tx, report: Report, *, because: ReportEvent) -> None:
    row = to_row(report) | {"updated_at": tx.now}
    await tx.save(REPORT, report.id, because, report.version, UPDATE, row)


def due_text(report: Report) -> str:
    return report.answer_by.isoformat() if report.answer_by else NO_DATE


def due_of(text: str) -> datetime | None:
    """Raises Malformed `cursor_malformed`."""
    if text == NO_DATE:
        return None
    try:
        read = datetime.fromisoformat(text)
        return read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed("cursor_malformed") from None


def _found(row: Row[*tuple[Any, ...]] | None) -> Report:
    if row is None:
        raise report_unknown()
    return from_row(row)


def report_unknown() -> NotFound:
    return NotFound(
        "report_unknown",
        {
            "ar": "لا يوجد تبليغ بهذا المعرف ضمن ما يحق لكم الاطلاع عليه.",
            "fr": "Aucun signalement de cet identifiant parmi ceux que vous pouvez consulter.",
            "en": "There is no such report among those that you may see.",
        },
    )


def to_row(report: Report) -> dict[str, Any]:
    row = {name: getattr(report, name) for name in IN_COLUMNS}
    point = report.place.point
    return row | {
        "kind": report.kind.value,
        "past": list(report.past),
        "state": report.state.value,
        "due_at": report.answer_by,
        "longitude": point and point.longitude,
        "latitude": point and point.latitude,
        "public": report.listed.public,
        "to_review": report.to_review,
        "body": _whole().dump_json(report, exclude=set(IN_COLUMNS)).decode(),
    }


def from_row(row: Row[*tuple[Any, ...]]) -> Report:
    known = _adapters()
    body = {name: known[name].validate_python(value) for name, value in row.body.items() if name in known}
    columns = {name: getattr(row, name) for name in IN_COLUMNS}
    return Report(
        **(columns | {"state": State(row.state), "kind": Kind(row.kind), "past": tuple(row.past)} | body)
    )
