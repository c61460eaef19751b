"""What is to be forgotten, and what goes with it. For the worker alone."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text

from shared.db import Tx

MOST: Final = 500  # in one round
PENDING = text(f"""SELECT id FROM chikaya.subscription WHERE standing = 'pending' AND begun_at <= :before
    ORDER BY begun_at LIMIT {MOST}""")
# Spelled as the index `report_unconfirmed` spells it, so that it serves.
UNCONFIRMED = text(f"""SELECT id FROM chikaya.report
    WHERE filed_by = '' AND body ->> 'contact_confirmed_at' IS NULL
      AND coalesce(body #>> '{{contact,email}}', body #>> '{{contact,phone}}') IS NOT NULL
      AND received_at <= :before ORDER BY received_at LIMIT {MOST}""")
TOLD = text("SELECT chikaya.forget_notices(:about, :recipient)")
CODES = text("SELECT chikaya.forget_codes(:older)")
PLACES = text("DELETE FROM chikaya.place_taken WHERE taken_at < clock_timestamp() - interval '1 hour'")


async def pending(tx: Tx, before: datetime) -> list[UUID]:
    """Subscriptions that were begun by then and that nobody confirmed, the oldest first."""
    return list((await tx.execute(PENDING, {"before": before})).scalars())


async def unconfirmed(tx: Tx, before: datetime) -> list[UUID]:
    """Reports without an account that were received by then, whose contact nobody confirmed."""
    return list((await tx.execute(UNCONFIRMED, {"before": before})).scalars())


async def notices(tx: Tx, about: UUID, recipient: str) -> None:
    """What was written to that address about that: the code, which bears the address too."""
    await tx.execute(TOLD, {"about": str(about), "recipient": recipient})


async def codes(tx: Tx, older: timedelta) -> None:
    """Follow-up codes and keys in the answers that are kept for their Idempotency-Keys, in real time as those
    are.
    """
    await tx.execute(CODES, {"older": older})


async def places(tx: Tx) -> None:
    """Those that were free again long ago."""
    await tx.execute(PLACES)
