"""Acts in PostgreSQL: drawn up once, their margins added to. Loaded to be changed, an act is locked."""

import json
from datetime import date, datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB

from services.civil_status.domain import Act, ActState
from services.civil_status.domain.digitisation.entry import number_taken
from services.civil_status.domain.identifier import draw
from services.civil_status.domain.outputs import Output, fold
from services.civil_status.domain.values import Blocks, Mention, Seen, tree
from services.civil_status.events import (
    ACT,
    ActEvent,
    ActKind,
    ActRegistered,
    MentionAdded,
    MentionKind,
    Origin,
)
from services.civil_status.store import names
from shared.db import Tx
from shared.errors import NotFound, Stale
from shared.time import civil_day

COLUMNS: Final = (
    "id, kind, collectivity, office, year, number, origin, identifier, event_on, parties, state,"
    " disputed_with, judgment, version, drawn_up_at, drawn_up_by, margin_checked_at, margin_checked_by,"
    " holder, holder_seen, holder_by, holder_at, body"
)
_COLUMNS: Final = (*COLUMNS.split(", "), *names.COLUMNS)
VALUES: Final = ", ".join("CAST(:body AS jsonb)" if name == "body" else f":{name}" for name in _COLUMNS)
SELECT: Final = f"""
    SELECT {COLUMNS}, coalesce((SELECT jsonb_agg(m.body ORDER BY m.ordinal) FROM civil_status.mention m
      WHERE m.act = act.id), '[]') AS mentions FROM civil_status.act"""


def _read(sql: str) -> Any:
    return text(sql).columns(body=JSONB, mentions=JSONB)


ONE = _read(f"{SELECT} WHERE id = :id")
# A statement of its own: who waited for the row would else see it with the margin of before the wait.
LOCK = text("SELECT FROM civil_status.act WHERE id = :id FOR UPDATE")
NUMBERED = _read(f"{SELECT} WHERE office = :office AND year = :year AND kind = :kind AND number = :number")
IDENTIFIED = _read(f"{SELECT} WHERE identifier = :identifier ORDER BY kind, id LIMIT 3")
INSERT = text(
    f"INSERT INTO civil_status.act ({', '.join(_COLUMNS)}) VALUES ({VALUES})"
    " ON CONFLICT (office, year, kind, number) DO NOTHING RETURNING id"
)
CHANGED: Final = (
    *("state", "disputed_with", "judgment", "version", "margin_checked_at", "margin_checked_by"),
    *("holder", "holder_seen", "holder_by", "holder_at"),
)
"""What happens to an act; all else was written once."""
UPDATE = text(
    f"UPDATE civil_status.act SET {', '.join(f'{name} = :{name}' for name in CHANGED)} WHERE id = :id"
)
NOTE = text(
    "INSERT INTO civil_status.mention (act, ordinal, id, kind, entered_at, body)"
    " VALUES (:act, :ordinal, :id, :kind, :entered_at, CAST(:body AS jsonb)) ON CONFLICT (id) DO NOTHING"
)
NUMBER = text("SELECT civil_status.next_number(:office, :year, :kind)")
TAKE = text("SELECT civil_status.take_identifier(:digits)")
EXISTS = text("SELECT civil_status.act_exists(:id)")
DEATH_OF = text("SELECT civil_status.death_of(:identifier)")


@cache
def blocks_adapter() -> TypeAdapter[Blocks]:
    return TypeAdapter(Blocks)


@cache
def mention_adapter() -> TypeAdapter[Mention]:
    return TypeAdapter(Mention)


async def get(tx: Tx, act_id: UUID) -> Act:
    """To read. Raises `NotFound`, also for what row-level security hides."""
    return _found((await tx.execute(ONE, {"id": act_id})).one_or_none())


async def known(tx: Tx, act_id: UUID) -> None:
    """Raises `NotFound` for no act of the country; whatever else of it stays behind row-level security."""
    if not (await tx.execute(EXISTS, {"id": act_id})).scalar_one():
        raise act_unknown()


async def locked(tx: Tx, act_id: UUID, *, version: int | None = None) -> Act:
    """To change. Raises `NotFound`, and `Stale` when the caller read another version than this one."""
    await tx.execute(LOCK, {"id": act_id})
    act = await get(tx, act_id)
    if version is not None and version != act.version:
        raise Stale("act_changed", version=act.version)
    return act


async def numbered(tx: Tx, kind: ActKind, office: str, year: int, number: int) -> Act | None:
    values = {"kind": kind.value, "office": office, "year": year, "number": number}
    row = (await tx.execute(NUMBERED, values)).one_or_none()
    return None if row is None else from_row(row)


async def identified(tx: Tx, identifier: str) -> list[Act]:
    """The act of birth of a person, and of death."""
    return [from_row(row) for row in await tx.execute(IDENTIFIED, {"identifier": identifier})]


async def died_on(tx: Tx, act: Act) -> date | None:
    """Of the person of an act of birth: what its margin says, or an act of death that nobody has entered
    there yet.
    """
    if act.kind is not ActKind.BIRTH:
        return None
    noted = next((one.on for one in act.mentions if one.kind is MentionKind.DEATH), None)
    if noted is not None or act.identifier is None:
        return noted
    day: date | None = (await tx.execute(DEATH_OF, {"identifier": act.identifier})).scalar_one()
    return day


async def number(tx: Tx, office: str, kind: ActKind, at: datetime) -> int:
    """The next one of the office's year. Draws no gap: a rollback gives it back."""
    values = {"office": office, "year": civil_day(at).year, "kind": kind.value}
    taken: int = (await tx.execute(NUMBER, values)).scalar_one()
    return taken


async def identifier(tx: Tx) -> str:
    """One that nobody has or ever had. One draw in a dozen meets a taken one when 80 million are given."""
    while True:
        drawn = draw()
        if (await tx.execute(TAKE, {"digits": drawn})).scalar_one():
            return drawn


async def save(tx: Tx, act: Act, *, because: ActEvent) -> None:
    """The act with its one event, and what its margin gained. Raises Conflict `number_taken` when the office
    has another act of this year, kind and number: an import or a colleague was first.
    """
    sequence = await tx.emit(ACT, act.id, act.collectivity, because)
    assert sequence == act.version  # the row was locked when it was loaded
    if isinstance(because, ActRegistered):  # what was imported is there before its first event
        row = to_row(act) | await names.columns(tx, tree(act.blocks))
        if (await tx.execute(INSERT, row)).one_or_none() is None:
            raise number_taken()
    else:
        row = to_row(act)
        await tx.execute(UPDATE, {name: row[name] for name in ("id", *CHANGED)})
    if isinstance(because, MentionAdded):
        last = act.mentions[-1]
        await tx.execute(
            NOTE,
            {
                "act": act.id,
                "ordinal": last.ordinal,
                "id": last.id,
                "kind": last.kind.value,
                "entered_at": last.entered_at,
                "body": mention_adapter().dump_json(last).decode(),
            },
        )
        if last.changes:
            await names.renamed(tx, act, fold(act, Output.FULL_COPY)["blocks"])


def _found(row: Row[*tuple[Any, ...]] | None) -> Act:
    if row is None:
        raise act_unknown()
    return from_row(row)


def act_unknown() -> NotFound:
    return NotFound(
        "act_unknown",
        {
            "ar": "لا يوجد رسم بهذه المعطيات ضمن ما يحق لكم الاطلاع عليه.",
            "fr": "Aucun acte ne répond à ces données parmi ceux que vous pouvez consulter.",
            "en": "There is no such act among those that you may see.",
        },
    )


def to_row(act: Act) -> dict[str, Any]:
    return {
        "id": act.id,
        "kind": act.kind.value,
        "collectivity": act.collectivity,
        "office": act.office,
        "year": act.year,
        "number": act.number,
        "origin": act.origin.value,
        "identifier": act.identifier,
        "event_on": act.blocks.event.on.first,
        "parties": sorted(act.parties - {act.holder}),
        "state": act.state.value,
        "disputed_with": act.disputed_with,
        "judgment": act.judgment,
        "version": act.version,
        "drawn_up_at": act.drawn_up_at,
        "drawn_up_by": act.drawn_up_by,
        "margin_checked_at": act.margin_checked_at,
        "margin_checked_by": act.margin_checked_by,
        "holder": act.holder,
        "holder_seen": None if act.holder_seen is None else act.holder_seen.value,
        "holder_by": act.holder_by,
        "holder_at": act.holder_at,
        "body": json.dumps(blocks_adapter().dump_python(act.blocks, mode="json"), ensure_ascii=False),
    }


def from_row(row: Row[*tuple[Any, ...]]) -> Act:
    return Act(
        id=row.id,
        kind=ActKind(row.kind),
        collectivity=row.collectivity,
        office=row.office,
        year=row.year,
        number=row.number,
        origin=Origin(row.origin),
        identifier=row.identifier,
        blocks=blocks_adapter().validate_python(row.body),
        drawn_up_at=row.drawn_up_at,
        drawn_up_by=row.drawn_up_by,
        margin_checked_at=row.margin_checked_at,
        margin_checked_by=row.margin_checked_by,
        holder=row.holder,
        holder_seen=None if row.holder_seen is None else Seen(row.holder_seen),
        holder_by=row.holder_by,
        holder_at=row.holder_at,
        parties=frozenset([*row.parties, *([row.holder] if row.holder else [])]),
        state=ActState(row.state),
        version=row.version,
        mentions=[mention_adapter().validate_python(one) for one in row.mentions],
        disputed_with=row.disputed_with,
        judgment=row.judgment,
    )
