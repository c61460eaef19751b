"""Requests for correction in PostgreSQL: loaded to be changed, they are locked until the transaction ends."""

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

from services.civil_status.domain.correction import Correction
from services.civil_status.domain.states import CorrectionState
from services.civil_status.events.correction import CORRECTION, CorrectionEvent
from shared.db import Tx
from shared.errors import NotFound, Stale

IN_COLUMNS: Final = ("id", "act", "collectivity", "parties", "state", "requested_at", "version")


def _read(sql: str) -> Any:
    return text(sql).columns(body=JSONB)


SELECT: Final = f"SELECT {', '.join(IN_COLUMNS)}, body FROM civil_status.correction"
ONE = _read(f"{SELECT} WHERE id = :id")
LOCK = _read(f"{SELECT} WHERE id = :id FOR UPDATE")
INSERT = text(
    f"INSERT INTO civil_status.correction ({', '.join(IN_COLUMNS)}, body)"
    f" VALUES ({', '.join(f':{name}' for name in IN_COLUMNS)}, CAST(:body AS jsonb))"
)
UPDATE = text(
    "UPDATE civil_status.correction SET state = :state, version = :version, body = CAST(:body AS jsonb)"
    " WHERE id = :id"
)
LIST = _read(f"""{SELECT}
    WHERE (CAST(:states AS text[]) IS NULL OR state = ANY(CAST(:states AS text[])))
      AND (CAST(:party AS text) IS NULL OR :party = ANY(parties))
      AND (CAST(:after_at AS timestamptz) IS NULL
        OR (requested_at, id) > (:after_at, CAST(:after_id AS uuid)))
    ORDER BY requested_at, id LIMIT :limit""")


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(Correction)
    names = [field.name for field in dataclasses.fields(Correction)]
    return {name: TypeAdapter(hints[name]) for name in names if name not in IN_COLUMNS}


async def get(tx: Tx, correction_id: UUID) -> Correction:
    """To read. Raises `NotFound`, also for what row-level security hides."""
    return _found((await tx.execute(ONE, {"id": correction_id})).one_or_none())


async def locked(tx: Tx, correction_id: UUID, *, version: int | None = None) -> Correction:
    """To change. Raises `NotFound`, and `Stale` when the caller read another version than this one."""
    found = _found((await tx.execute(LOCK, {"id": correction_id})).one_or_none())
    if version is not None and version != found.version:
        raise Stale("correction_changed", version=found.version)
    return found


async def find(
    tx: Tx,
    *,
    states: Sequence[CorrectionState] | None,
    party: str | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Correction]:
    """The oldest first, of those that the caller sees."""
    values = {
        "states": None if states is None else [str(state) for state in states],
        "party": party,
        "after_at": after and after[0],
        "after_id": after and after[1],
        "limit": limit,
    }
    return [from_row(row) for row in await tx.execute(LIST, values)]


async def save(tx: Tx, correction: Correction, *, because: CorrectionEvent) -> None:
    sequence = await tx.emit(CORRECTION, correction.id, correction.collectivity, because)
    assert sequence == correction.version  # the row was locked when it was loaded
    await tx.execute(INSERT if correction.version == 1 else UPDATE, to_row(correction))


def _found(row: Row[*tuple[Any, ...]] | None) -> Correction:
    if row is None:
        raise correction_unknown()
    return from_row(row)


def correction_unknown() -> NotFound:
    return NotFound(
        "correction_unknown",
        {
            "ar": "لا يوجد طلب إصلاح بهذا المعرف ضمن ما يحق لكم الاطلاع عليه.",
            "fr": "Aucune demande de cet identifiant parmi celles que vous pouvez consulter.",
            "en": "There is no such request among those that you may see.",
        },
    )


def to_row(correction: Correction) -> dict[str, Any]:
    body = {
        name: adapter.dump_python(getattr(correction, name), mode="json")
        for name, adapter in _adapters().items()
    }
    row = {name: getattr(correction, name) for name in IN_COLUMNS}
    return row | {
        "parties": sorted(correction.parties),
        "state": correction.state.value,
        "body": json.dumps(body, ensure_ascii=False),
    }


def from_row(row: Row[*tuple[Any, ...]]) -> Correction:
    known = _adapters()
    body = {name: known[name].validate_python(value) for name, value in row.body.items() if name in known}
    return Correction(
        id=row.id,
        act=row.act,
        collectivity=row.collectivity,
        parties=frozenset(row.parties),
        state=CorrectionState(row.state),
        requested_at=row.requested_at,
        version=row.version,
        **body,
    )
