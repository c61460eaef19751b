"""Permit files in PostgreSQL: loaded to be changed, they are locked until the transaction ends."""

import dataclasses
from datetime import datetime
from functools import cache
from typing import Any, Final, get_type_hints
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row, text
from typing_extensions import TypedDict

from services.rokhas.domain import Dossier, Procedures, State, load
from services.rokhas.events import DOSSIER, DossierEvent
from services.rokhas.store.lists import FAR
from shared.db import Arrival, Tx
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


SELECT: Final = f"SELECT {', '.join(COLUMNS)}::text FROM rokhas.dossier"
"""The last one is the body, which is read as the text that it is."""
ONE = text(f"{SELECT} WHERE id = :id")
LOCK = text(f"{SELECT} WHERE id = :id FOR UPDATE")
ARRIVE = text("SELECT * FROM rokhas.arrive(:subject, :communes, :provinces, :key, :id)")
VALUES: Final = ", ".join("CAST(:body AS jsonb)" if name == "body" else f":{name}" for name in COLUMNS)
INSERT = text(f"INSERT INTO rokhas.dossier ({', '.join(COLUMNS)}) VALUES ({VALUES})")
UPDATE = text(
    "UPDATE rokhas.dossier SET "
    + ", ".join(f"{n} = CAST(:body AS jsonb)" if n == "body" else f"{n} = :{n}" for n in COLUMNS[2:])
    + " WHERE id = :id"
)
SUCCESSOR = text("SELECT set_config('app.successor', :successor, true)")
NUMBER = text("SELECT rokhas.next_number(:collectivity, :year)")
NUMBERED = text("SELECT true WHERE rokhas.next_number(:collectivity, :year) = :last")
EARLIER = text(f"""{SELECT} WHERE applicant = :applicant AND procedure = :procedure
      AND collectivity = :collectivity AND state IN ('refused', 'appeal_rejected') AND id <> :id
    ORDER BY drafted_at DESC LIMIT 20""")


@cache
def procedures() -> Procedures:
    """The recueil of this release."""
    return load()


@cache
def _body() -> TypeAdapter[dict[str, Any]]:
    """What `body` holds. A field that an older release did not write has its default, one that this release
    does not know is left out.
    """
    hints = get_type_hints(Dossier)
    kept = [field.name for field in dataclasses.fields(Dossier) if field.name not in IN_COLUMNS]
    return TypeAdapter(TypedDict("DossierBody", {name: hints[name] for name in kept}, total=False))  # type: ignore[operator]


async def get(tx: Tx, dossier_id: UUID) -> Dossier:
    """To read. Raises `NotFound`, also for what row-level security hides."""
    return _found((await tx.execute(ONE, {"id": dossier_id})).one_or_none())


def arrival(dossier_id: UUID) -> Arrival:
    """For a transaction that begins with this file: `locked` gives what it read."""
    return Arrival(ARRIVE, {"id": dossier_id})


async def locked(tx: Tx, dossier_id: UUID, *, version: int | None = None) -> Dossier:
    """To change. Raises `NotFound`, and `Stale` when the caller read another version than this one."""
    if tx.arrived is not None and tx.arrived.id in {None, dossier_id}:
        row = tx.arrived if tx.arrived.id else None
    else:
        row = (await tx.execute(LOCK, {"id": dossier_id})).one_or_none()
    dossier = _found(row)
    if version is not None and version != dossier.version:
        raise Stale("dossier_changed", version=dossier.version)
    return dossier


async def save(tx: Tx, dossier: Dossier, *, because: DossierEvent) -> None:
    """The row and its one event. The version that the domain counted is the event's sequence."""
    write = INSERT if dossier.version == 1 else UPDATE
    await tx.save(DOSSIER, dossier.id, because, dossier.version, write, to_row(dossier))


async def make_way(tx: Tx, successor: str) -> None:
    """For the rest of the transaction the successor's files are visible too: row-level security asks that
    whoever changes a row still sees it afterwards.
    """
    await tx.execute(SUCCESSOR, {"successor": successor})


async def number(tx: Tx, collectivity: str, at: datetime) -> str:
    """The next reference of a commune's year. A rollback gives it back: there are no gaps."""
    year = civil_day(at).year
    if tx.arrived is not None and tx.arrived.numbered_in == year:
        last = tx.arrived.numbered + 1
        tx.drawn(NUMBERED, {"collectivity": collectivity, "year": year, "last": last})
        return f"{collectivity}/{year}/{last:05d}"
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
        "body": _body().dump_json(vars(dossier)).decode(),
    }


def from_row(row: Row[*tuple[Any, ...]]) -> Dossier:
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
        **_body().validate_json(row.body),
    )
