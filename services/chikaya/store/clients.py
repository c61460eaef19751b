"""Applications that may file over Open311: people have the keys, only their digests are kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from services.chikaya.store.codes import digest
from shared.db import Tx
from shared.errors import NotFound

FIELDS = "id, name, contact, admitted_at, revoked_at"
ADMIT = text(f"""
    INSERT INTO chikaya.client (id, name, contact, key_hash, admitted_at)
    VALUES (:id, :name, :contact, :key, :now) RETURNING {FIELDS}""")
REVOKE = text(f"""
    UPDATE chikaya.client SET revoked_at = coalesce(revoked_at, :now) WHERE id = :id RETURNING {FIELDS}""")
BY_KEY = text(f"SELECT {FIELDS} FROM chikaya.client WHERE key_hash = :key AND revoked_at IS NULL")
LIST = text(f"""
    SELECT {FIELDS} FROM chikaya.client
    WHERE CAST(:after_at AS timestamptz) IS NULL OR (admitted_at, id) > (:after_at, CAST(:after_id AS uuid))
    ORDER BY admitted_at, id LIMIT :limit""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """`contact` is where whoever runs the application is reached."""

    id: UUID
    name: str
    contact: str
    admitted_at: datetime
    revoked_at: datetime | None


def _read(row: Row[*tuple[Any, ...]]) -> Client:
    return Client(**row._asdict())


async def admit(tx: Tx, client: UUID, name: str, contact: str, key: str) -> Client:
    values = {"id": client, "name": name, "contact": contact, "key": digest(key), "now": tx.now}
    return _read((await tx.execute(ADMIT, values)).one())


async def revoke(tx: Tx, client: UUID) -> Client:
    """Its key opens nothing from now on. Raises NotFound."""
    row = (await tx.execute(REVOKE, {"id": client, "now": tx.now})).one_or_none()
    if row is None:
        raise NotFound("client_unknown", "There is no such client.")
    return _read(row)


async def holding(tx: Tx, key: str) -> Client | None:
    row = (await tx.execute(BY_KEY, {"key": digest(key)})).one_or_none()
    return _read(row) if row else None


async def find(tx: Tx, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Client]:
    """In the order in which they were admitted."""
    values = {"after_at": after and after[0], "after_id": after and after[1], "limit": limit}
    return [_read(row) for row in await tx.execute(LIST, values)]
