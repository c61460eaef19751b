"""Administrations and what their replies say of them. Everybody may know."""

import json

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from services.chikaya.domain.administration import Administration
from services.chikaya.domain.values import Desk
from services.chikaya.events import ADMINISTRATION, ContactPublished
from shared.db import Tx

ONE = text("SELECT desk, version FROM chikaya.administration WHERE code = :code").columns(desk=JSONB)
SAVE = text("""
    INSERT INTO chikaya.administration (code, desk, version)
    VALUES (:collectivity, CAST(:desk AS jsonb), :version)
    ON CONFLICT (code) DO UPDATE SET desk = excluded.desk, version = excluded.version""")
DESK = TypeAdapter(Desk)


async def get(tx: Tx, code: str) -> Administration:
    row = (await tx.execute(ONE, {"code": code})).one_or_none()
    if row is None:
        return Administration(code=code)
    return Administration(code=code, desk=DESK.validate_python(row.desk), version=row.version)


async def save(tx: Tx, administration: Administration, *, because: ContactPublished) -> None:
    """Raises Stale when somebody else published at the same moment."""
    row = {
        "collectivity": administration.collectivity,
        "desk": json.dumps(DESK.dump_python(administration.desk, mode="json"), ensure_ascii=False)
        if administration.desk
        else None,
        "version": administration.version,
    }
    await tx.save(ADMINISTRATION, administration.code, because, administration.version, SAVE, row)


async def desk_of(tx: Tx, code: str) -> Desk:
    """Raises Conflict `contact_missing`."""
    return (await get(tx, code)).demand_desk()
