"""Who acts for whom in a commune."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from services.rokhas.domain import Delegation, DelegationKind
from services.rokhas.events import DELEGATION, DelegationGiven, DelegationRevoked
from shared.auth import OFFICERS, Actor
from shared.db import Tx
from shared.errors import NotFound

COLUMNS = "id, collectivity, kind, giver, holder, starts_at, ends_at, revoked_at, version"
SAVE = text(f"""
    INSERT INTO rokhas.delegation ({COLUMNS}) VALUES (:id, :collectivity, :kind, :giver, :holder, :starts_at,
      :ends_at, :revoked_at, :version)
    ON CONFLICT (id) DO UPDATE SET revoked_at = excluded.revoked_at, version = excluded.version""")
LOCK = text(f"SELECT {COLUMNS} FROM rokhas.delegation WHERE id = :id FOR UPDATE")
LENT = text(f"""
    SELECT {COLUMNS} FROM rokhas.delegation WHERE holder = :holder AND collectivity = :collectivity
      AND starts_at <= :now AND ends_at > :now AND revoked_at IS NULL""")
HELD = text(f"""
    SELECT {COLUMNS} FROM rokhas.delegation WHERE holder = :holder
      AND starts_at <= :now AND ends_at > :now AND revoked_at IS NULL""")
LIST = text(f"""
    SELECT {COLUMNS} FROM rokhas.delegation WHERE (CAST(:after AS uuid) IS NULL OR id > :after)
    ORDER BY id LIMIT :limit""")


async def lent_to(tx: Tx, holder: Actor, collectivity: str) -> list[Delegation]:
    """What others have lent to one person in one commune, in force now: to an officer, for nobody else may
    use it (`api.common.authorize`).
    """
    if not holder.holds(*OFFICERS):
        return []
    values = {"holder": holder.subject, "collectivity": collectivity, "now": tx.now}
    return [from_row(row) for row in await tx.execute(LENT, values)]


async def held_by(tx: Tx, holder: str) -> list[Delegation]:
    """What others have lent to one person in any commune, in force now."""
    return [from_row(row) for row in await tx.execute(HELD, {"holder": holder, "now": tx.now})]


async def find(tx: Tx, *, after: UUID | None, limit: int) -> list[Delegation]:
    """Those of the caller's communes, and those that the caller holds."""
    return [from_row(row) for row in await tx.execute(LIST, {"after": after, "limit": limit})]


async def locked(tx: Tx, delegation_id: UUID) -> Delegation:
    """Raises `NotFound`, also for what row-level security hides."""
    row = (await tx.execute(LOCK, {"id": delegation_id})).one_or_none()
    if row is None:
        raise NotFound("delegation_unknown", "There is no such delegation in your commune.")
    return from_row(row)


async def save(tx: Tx, delegation: Delegation, *, because: DelegationGiven | DelegationRevoked) -> None:
    sequence = await tx.emit(DELEGATION, delegation.id, delegation.collectivity, because)
    assert sequence == delegation.version  # the row was locked when it was loaded
    values = {name: getattr(delegation, name) for name in COLUMNS.split(", ")}
    await tx.execute(SAVE, values | {"kind": str(delegation.kind)})


def from_row(row: Row[*tuple[Any, ...]]) -> Delegation:
    return Delegation(
        id=row.id,
        collectivity=row.collectivity,
        kind=DelegationKind(row.kind),
        giver=row.giver,
        holder=row.holder,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        revoked_at=row.revoked_at,
        version=row.version,
    )
