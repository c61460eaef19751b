"""Offices of which something was said. Any other is open."""

from sqlalchemy import text

from services.watiqa.domain.office import Office
from services.watiqa.events import OFFICE, OfficeEvent
from services.watiqa.events.office import ClosureReason
from shared.db import Tx

ONE = text("SELECT closed_at, reason, until, version FROM watiqa.office WHERE code = :code")
# By its code: an office of which nothing was ever said has no row to lock.
ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('watiqa.office ' || :code, 0))")
STILL = text("SELECT pg_advisory_xact_lock_shared(hashtextextended('watiqa.office ' || :code, 0))")
SAVE = text("""
    INSERT INTO watiqa.office (code, closed_at, reason, until, version)
    VALUES (:code, :closed_at, :reason, :until, :version)
    ON CONFLICT (code) DO UPDATE SET closed_at = excluded.closed_at, reason = excluded.reason,
      until = excluded.until, version = excluded.version""")
CLOSED = text("""
    SELECT code, closed_at, reason, until, version FROM watiqa.office
    WHERE closed_at IS NOT NULL ORDER BY code""")


async def get(tx: Tx, code: str, *, lock: bool = False) -> Office:
    """With `lock`, to close it or open it: it waits for every request that is coming to wait there."""
    if lock:
        await tx.execute(ALONE, {"code": code})
    row = (await tx.execute(ONE, {"code": code})).one_or_none()
    if row is None:
        return Office(code=code)
    reason = ClosureReason(row.reason) if row.reason else None
    return Office(code=code, closed_at=row.closed_at, reason=reason, until=row.until, version=row.version)


async def shut(tx: Tx, code: str) -> bool:
    """Whether it is closed, and stays so, or open, until this transaction ends."""
    await tx.execute(STILL, {"code": code})
    return (await get(tx, code)).closed


async def closed(tx: Tx) -> list[Office]:
    return [
        Office(
            code=row.code,
            closed_at=row.closed_at,
            reason=ClosureReason(row.reason),
            until=row.until,
            version=row.version,
        )
        for row in await tx.execute(CLOSED)
    ]


async def save(tx: Tx, office: Office, *, because: OfficeEvent) -> None:
    sequence = await tx.emit(OFFICE, office.code, office.collectivity, because)
    assert sequence == office.version  # its sequence is locked by the emission itself
    values = {name: getattr(office, name) for name in ("code", "closed_at", "reason", "until", "version")}
    await tx.execute(SAVE, values)
