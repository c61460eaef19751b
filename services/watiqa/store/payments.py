"""Payments of requests: whose they are, and which were never heard of again."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from shared.db import Tx

BECOME = text("SELECT watiqa.become_payer(:request)")
# The predicate is the partial index's, word for word.
STARTED = text("""
    SELECT r.id, p.value ->> 'id' AS payment FROM watiqa.request r, jsonb_each(r.body -> 'payments') p
    WHERE r.body @? '$.payments.*.state ? (@ == "started")' AND p.value ->> 'state' = 'started'
      AND CAST(p.value ->> 'started_at' AS timestamptz) < :before
    ORDER BY r.id LIMIT 500""")


async def become_payer(tx: Tx, request: UUID) -> bool:
    """From here on the transaction sees this one request. Only for a caller that proved to be the provider,
    who has no scope of its own. False when there is none.
    """
    return bool((await tx.execute(BECOME, {"request": request})).scalar_one_or_none())


async def under_way(tx: Tx, *, before: datetime) -> list[tuple[UUID, str]]:
    """Request and payment of those that were started before that instant, and of which nothing was heard."""
    return [(row.id, row.payment) for row in await tx.execute(STARTED, {"before": before})]
