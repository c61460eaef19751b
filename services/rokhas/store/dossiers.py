"""Permit files in PostgreSQL: loaded to be changed, they are locked until the transaction ends."""

import dataclasses
import json
from datetime import datetime
from functools import cache
from typing import Any, Final, get_type_hints
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB

from services.rokhas.domain import Dossier, Procedures, State, load
from services.rokhas.events import DOSSIER, DossierEvent
from services.rokhas.store.lists import FAR
from shared.db import Tx
from shared.errors import NotFound, Stale
from shared.time import civil_day

COLUMNS: Final = (
    "id",
    "procedure",
    "procedure_version",
    "collectivity",
    "applicant",
    "proxies",
    "state",
    "reference",
    "instructor",
    "drafted_at",
    "submitted_at",
    "answer_by",
    "due_at",
    "version",
    "body",
)
IN_COLUMNS: Final = frozenset(
    {"id", "procedure", "collectivity", "applicant", "state", "reference", "instructor", "drafted_at"}
    | {"submitted_at", "version"}
)
"""Fields that live in columns only; `proxies` and the clock stand in the body and are copied."""


def _read(sql: str) -> Any:
    return text(sql).columns(body=JSONB)


SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM rokhas.dossier"
ONE = _read(f"{SELECT} WHERE id = :id")
LOCK = _read(f"{SELECT} WHERE id = :id FOR UPDATE")
VALUES: Final = ", ".join("CAST(:body AS jsonb)" if name == "body" else f":{name}" for name in COLUMNS)
INSERT = text(f"INSERT INTO rokhas.dossier ({', '.join(COLUMNS)}) VALUES ({VALUES})")
UPDATE = text(
    "UPDATE rokhas.dossier SET "
    + ", ".join(f"{n} = CAST(:body AS jsonb)" if n == "body" else f"{n} = :{n}" for n in COLUMNS[2:])
    + " WHERE id = :id"
)
SUCCESSOR = text("SELECT set_config('app.successor', :successor, true)")
NUMBER = text("SELECT rokhas.next_number(:collectivity, :year)")
EARLIER = _read(f"""{SELECT} WHERE applicant = :applicant AND procedure = :procedure
      AND collectivity = :collectivity AND state IN ('refused', 'appeal_rejected') AND id <> :id
    ORDER BY drafted_at DESC LIMIT 20""")


@cache
def procedures() -> Procedures:
    """The recueil of this release."""
    return load()


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(Dossier)
    return {
        field.name: TypeAdapter(hints[field.name])
        for field in dataclasses.fields(Dossier)
        if field.name not in IN_COLUMNS
    }


async def get(tx: Tx, dossier_id: UUID) -> Dossier:
    """To read. Raises `NotFound`, also for what row-level security hides."""
    return _found((await tx.execute(ONE, {"id": dossier_id})).one_or_none())


async def locked(tx: Tx, dossier_id: UUID, *, version: int | None = None) -> Dossier:
    """To change. Raises `NotFound`, and `Stale` when the caller read another version than this one."""
    dossier = _found((await tx.execute(LOCK, {"id": dossier_id})).one_or_none())
    if version is not None and version != dossier.version:
        raise Stale("dossier_changed", version=dossier.version)
    return dossier


async def save(tx: Tx, dossier: Dossier, *, because: DossierEvent) -> None:
    """The row and its one event. The version that the domain counted is the event's sequence."""
    sequence = await tx.emit(DOSSIER, dossier.id, dossier.collectivity, because)
    if sequence != dossier.version:
        raise Stale("dossier_changed", version=sequence - 1)
    await tx.execute(INSERT if sequence == 1 else UPDATE, to_row(dossier))


async def make_way(tx: Tx, successor: str) -> None:
    """For the rest of the transaction the successor's files are visible too: row-level security asks that
    whoever changes a row still sees it afterwards.
    """
    await tx.execute(SUCCESSOR, {"successor": successor})


async def number(tx: Tx, collectivity: str, at: datetime) -> str:
    """The next reference of a commune's year. A rollback gives it back: there are no gaps."""
    year = civil_day(at).year
    last = (await tx.execute(NUMBER, {"collectivity": collectivity, "year": year})).scalar_one()
    return f"{collectivity}/{year}/{last:05d}"


async def refused_before(tx: Tx, dossier: Dossier) -> list[Dossier]:
    """The applicant's refused files of the same procedure in the same place (55-19 art. 15)."""
    same = {
        "applicant": dossier.applicant,
        "procedure": dossier.procedure.code,
        "collectivity": dossier.collectivity,
        "id": dossier.id,
    }
    return [from_row(row) for row in await tx.execute(EARLIER, same)]


def _found(row: Row[*tuple[Any, ...]] | None) -> Dossier:
    if row is None:
        raise NotFound(
            "dossier_unknown",
            {
                "ar": "لا يوجد ملف بهذا المعرف ضمن ما يحق لكم الاطلاع عليه.",
                "fr": "Aucun dossier de cet identifiant parmi ceux que vous pouvez consulter.",
                "en": "There is no such file among those that you may see.",
            },
        )
    return from_row(row)


def to_row(dossier: Dossier) -> dict[str, Any]:
    body = {
        name: adapter.dump_python(getattr(dossier, name), mode="json")
        for name, adapter in _adapters().items()
    }
    return {
        "id": dossier.id,
        "procedure": dossier.procedure.code,
        "procedure_version": dossier.procedure.version,
        "collectivity": dossier.collectivity,
        "applicant": dossier.applicant,
        "proxies": sorted(dossier.proxies),
        "state": str(dossier.state),
        "reference": dossier.reference,
        "instructor": dossier.instructor,
        "drafted_at": dossier.drafted_at,
        "submitted_at": dossier.submitted_at,
        "answer_by": dossier.clock.answer_by if dossier.clock else None,
        "due_at": dossier.due_at or FAR,
        "version": dossier.version,
        "body": json.dumps(body, ensure_ascii=False),
    }


def from_row(row: Row[*tuple[Any, ...]]) -> Dossier:
    known = _adapters()
    body = {name: known[name].validate_python(value) for name, value in row.body.items() if name in known}
    return Dossier(
        id=row.id,
        procedure=procedures().version(row.procedure, row.procedure_version),
        collectivity=row.collectivity,
        applicant=row.applicant,
        state=State(row.state),
        reference=row.reference,
        instructor=row.instructor,
        drafted_at=row.drafted_at,
        submitted_at=row.submitted_at,
        version=row.version,
        **body,
    )
