"""Declarations in PostgreSQL: loaded to be changed, they are locked until the transaction ends."""

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

from services.civil_status.domain.declaration import Declaration
from services.civil_status.domain.states import DeclarationState
from services.civil_status.domain.values import Blocks
from services.civil_status.events import ActKind
from services.civil_status.events.declaration import DECLARATION, DeclarationEvent
from shared.db import Tx
from shared.errors import NotFound, Stale

IN_COLUMNS: Final = ("id", "kind", "collectivity", "office", "opener", "state", "opened_at", "version")


def _read(sql: str) -> Any:
    return text(sql).columns(body=JSONB)


SELECT: Final = f"SELECT {', '.join(IN_COLUMNS)}, body FROM civil_status.declaration"
ONE = _read(f"{SELECT} WHERE id = :id")
LOCK = _read(f"{SELECT} WHERE id = :id FOR UPDATE")
INSERT = text(
    f"INSERT INTO civil_status.declaration ({', '.join(IN_COLUMNS)}, body)"
    f" VALUES ({', '.join(f':{name}' for name in IN_COLUMNS)}, CAST(:body AS jsonb))"
)
UPDATE = text(
    "UPDATE civil_status.declaration SET state = :state, version = :version, body = CAST(:body AS jsonb)"
    " WHERE id = :id"
)
LIST = _read(f"""{SELECT}
    WHERE (CAST(:states AS text[]) IS NULL OR state = ANY(CAST(:states AS text[])))
      AND (CAST(:opener AS text) IS NULL OR opener = :opener)
      AND (CAST(:after_at AS timestamptz) IS NULL
        OR (opened_at, id) > (:after_at, CAST(:after_id AS uuid)))
    ORDER BY opened_at, id LIMIT :limit""")
RESEMBLING = text("SELECT id, reference FROM civil_status.resembling(:kind, :on, :given, :mother)")


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(Declaration)
    names = [field.name for field in dataclasses.fields(Declaration)]
    return {name: TypeAdapter(hints[name]) for name in names if name not in IN_COLUMNS}


async def get(tx: Tx, declaration_id: UUID) -> Declaration:
    """To read. Raises `NotFound`, also for what row-level security hides."""
    return _found((await tx.execute(ONE, {"id": declaration_id})).one_or_none())


async def locked(tx: Tx, declaration_id: UUID, *, version: int | None = None) -> Declaration:
    """To change. Raises `NotFound`, and `Stale` when the caller read another version than this one."""
    found = _found((await tx.execute(LOCK, {"id": declaration_id})).one_or_none())
    if version is not None and version != found.version:
        raise Stale("declaration_changed", version=found.version)
    return found


async def find(
    tx: Tx,
    *,
    states: Sequence[DeclarationState] | None,
    opener: str | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Declaration]:
    """The oldest first, of those that the caller sees."""
    values = {
        "states": None if states is None else [str(state) for state in states],
        "opener": opener,
        "after_at": after and after[0],
        "after_id": after and after[1],
        "limit": limit,
    }
    return [from_row(row) for row in await tx.execute(LIST, values)]


async def resembling(tx: Tx, kind: ActKind, blocks: Blocks) -> list[str]:
    """References of acts, anywhere in the country, that seem to say the same: the same names of the
    person and of the mother, a day apart at most.
    """
    values = {
        "kind": kind.value,
        "on": blocks.event.on.first,
        "given": blocks.subject.given.ar,
        "mother": blocks.mother.given.ar if blocks.mother else None,
    }
    return [row.reference for row in await tx.execute(RESEMBLING, values)]


async def save(tx: Tx, declaration: Declaration, *, because: DeclarationEvent) -> None:
    sequence = await tx.emit(DECLARATION, declaration.id, declaration.collectivity, because)
    assert sequence == declaration.version  # the row was locked when it was loaded
    await tx.execute(INSERT if declaration.version == 1 else UPDATE, to_row(declaration))


def _found(row: Row[*tuple[Any, ...]] | None) -> Declaration:
    if row is None:
        raise declaration_unknown()
    return from_row(row)


def declaration_unknown() -> NotFound:
    return NotFound(
        "declaration_unknown",
        {
            "ar": "لا يوجد تصريح بهذا المعرف ضمن ما يحق لكم الاطلاع عليه.",
            "fr": "Aucune déclaration de cet identifiant parmi celles que vous pouvez consulter.",
            "en": "There is no such declaration among those that you may see.",
        },
    )


def to_row(declaration: Declaration) -> dict[str, Any]:
    body = {
        name: adapter.dump_python(getattr(declaration, name), mode="json")
        for name, adapter in _adapters().items()
    }
    row = {name: getattr(declaration, name) for name in IN_COLUMNS}
    return row | {
        "kind": declaration.kind.value,
        "state": declaration.state.value,
        "body": json.dumps(body, ensure_ascii=False),
    }


def from_row(row: Row[*tuple[Any, ...]]) -> Declaration:
    known = _adapters()
    body = {name: known[name].validate_python(value) for name, value in row.body.items() if name in known}
    return Declaration(
        id=row.id,
        kind=ActKind(row.kind),
        collectivity=row.collectivity,
        office=row.office,
        opener=row.opener,
        opened_at=row.opened_at,
        state=DeclarationState(row.state),
        version=row.version,
        **body,
    )
