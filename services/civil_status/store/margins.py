"""Acts that were asked for and whose margin nobody has looked at: an office's work, until it is done."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.civil_status.domain.act import Act
from shared.db import Tx

WANTED = text("""
    INSERT INTO civil_status.margin_wanted (act, collectivity, asked_at)
    VALUES (:act, :collectivity, :now) ON CONFLICT DO NOTHING""")
KNOWN = text("DELETE FROM civil_status.margin_wanted WHERE act = :act")
LIST = text("""
    SELECT w.act, a.kind, a.office, a.number || '/' || a.year || '/' || a.office AS reference, w.asked_at
    FROM civil_status.margin_wanted w JOIN civil_status.act a ON a.id = w.act
    WHERE (CAST(:after_at AS timestamptz) IS NULL
      OR (w.asked_at, w.act) > (:after_at, CAST(:after_id AS uuid)))
    ORDER BY w.asked_at, w.act LIMIT :limit""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanting:
    """`reference`: number, year, office. `asked_at`: when the window first asked."""

    act: UUID
    kind: str
    office: str
    reference: str
    asked_at: datetime


async def wanted(tx: Tx, act: Act) -> None:
    await tx.execute(WANTED, {"act": act.id, "collectivity": act.collectivity, "now": tx.now})


async def known(tx: Tx, act: Act) -> None:
    await tx.execute(KNOWN, {"act": act.id})


async def waiting(tx: Tx, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Wanting]:
    """Of the offices that the caller serves, who waits longest first."""
    values = {"after_at": after and after[0], "after_id": after and after[1], "limit": limit}
    return [Wanting(**row._asdict()) for row in await tx.execute(LIST, values)]
