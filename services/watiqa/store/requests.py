"""Requests in PostgreSQL: loaded to be changed, they are locked until the transaction ends."""

import dataclasses
import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, get_type_hints
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB

from services.watiqa.domain import Request, State
from services.watiqa.events import REQUEST, RequestEvent
from services.watiqa.store import offices
from shared.db import Tx
from shared.errors import NotFound, Stale

IN_COLUMNS: Final = (
    "id",
    "document",
    "collectivity",
    "office",
    "applicant",
    "state",
    "submitted_at",
    "version",
)
COLUMNS: Final = (
    *IN_COLUMNS,
    *("act", "act_version", "due", "reply_key", "missed_at", "misses", "among", "body"),
)


def _read(sql: str) -> Any:
    return text(sql).columns(body=JSONB)


VALUES: Final = ", ".join("CAST(:body AS jsonb)" if name == "body" else f":{name}" for name in COLUMNS)
SELECT: Final = f"SELECT {', '.join(IN_COLUMNS)}, body FROM watiqa.request"
ONE = _read(f"{SELECT} WHERE id = :id")
LOCK = _read(f"{SELECT} WHERE id = :id FOR UPDATE")
INSERT = text(f"INSERT INTO watiqa.request ({', '.join(COLUMNS)}) VALUES ({VALUES})")
UPDATE = text(
    "UPDATE watiqa.request SET "
    + ", ".join(f"{n} = CAST(:body AS jsonb)" if n == "body" else f"{n} = :{n}" for n in COLUMNS if n != "id")
    + " WHERE id = :id"
)
LIST = _read(f"""{SELECT}
    WHERE (CAST(:states AS text[]) IS NULL OR state = ANY(CAST(:states AS text[])))
      AND (CAST(:applicant AS text) IS NULL OR applicant = :applicant)
      AND (NOT CAST(:owed AS boolean) OR body @? '$.payments.*.state ? (@ == "owed_back")')
      AND (CAST(:after_at AS timestamptz) IS NULL
        OR (submitted_at, id) > (:after_at, CAST(:after_id AS uuid)))
    ORDER BY submitted_at, id LIMIT :limit""")
DUE = _read(f"""{SELECT} WHERE due = :due AND due_at <= clock_timestamp()
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED""")
LATER = text("""
    UPDATE watiqa.request SET due_at = clock_timestamp() + make_interval(secs => :seconds) WHERE id = :id""")
OF_ACT = text("""
    SELECT id FROM watiqa.request WHERE act = CAST(:act AS uuid) AND act_version < :version ORDER BY id""")
AMONG = text("""
    SELECT id FROM watiqa.request
    WHERE state = 'ambiguous' AND among @> ARRAY[CAST(:act AS uuid)] ORDER BY id""")
OF_OFFICE = text("SELECT id FROM watiqa.request WHERE office = :office AND state = :state ORDER BY id")


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(Request)
    names = [field.name for field in dataclasses.fields(Request)]
    return {name: TypeAdapter(hints[name]) for name in names if name not in IN_COLUMNS}


async def get(tx: Tx, request_id: UUID) -> Request:
    """To read. Raises `NotFound`, also for what row-level security hides."""
    return _found((await tx.execute(ONE, {"id": request_id})).one_or_none())


async def locked(tx: Tx, request_id: UUID, *, version: int | None = None) -> Request:
    """To change. Raises `NotFound`, and `Stale` when the caller read another version than this one."""
    found = _found((await tx.execute(LOCK, {"id": request_id})).one_or_none())
    if version is not None and version != found.version:
        raise Stale("request_changed", version=found.version)
    return found


async def find(
    tx: Tx,
    *,
    states: Sequence[State] | None,
    applicant: str | None,
    owed: bool,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Request]:
    """The oldest first, of those that the caller sees."""
    values = {
        "states": None if states is None else [str(state) for state in states],
        "applicant": applicant,
        "owed": owed,
        "after_at": after and after[0],
        "after_id": after and after[1],
        "limit": limit,
    }
    return [from_row(row) for row in await tx.execute(LIST, values)]


async def due(tx: Tx, what: str) -> Request | None:
    """The one that waits longest to be asked about (`ask`) or written (`write`), locked."""
    row = (await tx.execute(DUE, {"due": what})).one_or_none()
    return None if row is None else from_row(row)


async def later(tx: Tx, request_id: UUID, seconds: float) -> None:
    """It stays due, and holds up no other meanwhile."""
    await tx.execute(LATER, {"id": request_id, "seconds": seconds})


async def of_act(tx: Tx, act: str, version: int) -> list[UUID]:
    """Those that were answered of an earlier version of it."""
    return [row.id for row in await tx.execute(OF_ACT, {"act": act, "version": version})]


async def among(tx: Tx, act: str) -> list[UUID]:
    """Those that wait to hear more of this act."""
    return [row.id for row in await tx.execute(AMONG, {"act": act})]


async def of_office(tx: Tx, office: str, state: State) -> list[UUID]:
    return [row.id for row in await tx.execute(OF_OFFICE, {"office": office, "state": state.value})]


async def save(tx: Tx, request: Request, *, because: RequestEvent) -> None:
    """What is left waiting for an officer of a closed office is held there, by an event of its own; what was
    paid for an issue that never comes is owed back, by another.
    """
    await _written(tx, request, because)
    if request.state is State.UNDER_CONTROL and await offices.shut(tx, request.office):
        held = request.hold(tx.now)
        assert held is not None  # it waits for an officer
        await _written(tx, request, held)
    elif owed := request.owe_back(tx.now):
        await _written(tx, request, owed)


async def _written(tx: Tx, request: Request, because: RequestEvent) -> None:
    sequence = await tx.emit(REQUEST, request.id, request.collectivity, because)
    assert sequence == request.version  # the row was locked when it was loaded
    await tx.execute(INSERT if request.version == 1 else UPDATE, to_row(request))


def _found(row: Row[*tuple[Any, ...]] | None) -> Request:
    if row is None:
        raise request_unknown()
    return from_row(row)


def request_unknown() -> NotFound:
    return NotFound(
        "request_unknown",
        {
            "ar": "لا يوجد طلب بهذا المعرف ضمن ما يحق لكم الاطلاع عليه.",
            "fr": "Aucune demande de cet identifiant parmi celles que vous pouvez consulter.",
            "en": "There is no such request among those that you may see.",
        },
    )


def to_row(request: Request) -> dict[str, Any]:
    body = {
        name: adapter.dump_python(getattr(request, name), mode="json")
        for name, adapter in _adapters().items()
    }
    row = {name: getattr(request, name) for name in IN_COLUMNS}
    return row | {
        "state": request.state.value,
        "act": request.match.act if request.match else None,
        "act_version": request.match.act_version if request.match else None,
        "due": "ask" if request.to_ask else "write" if request.to_write else None,
        "reply_key": request.key_in_use,
        "missed_at": request.missed_at,
        "misses": request.misses,
        "among": [UUID(act) for act in request.candidates],
        "body": json.dumps(body, ensure_ascii=False),
    }


def from_row(row: Row[*tuple[Any, ...]]) -> Request:
    known = _adapters()
    body = {name: known[name].validate_python(value) for name, value in row.body.items() if name in known}
    columns = {name: getattr(row, name) for name in IN_COLUMNS}
    return Request(**(columns | {"state": State(row.state)} | body))
