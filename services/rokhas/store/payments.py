"""Payments of permit files: whose they are, and which were never heard of again."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from shared.db import Tx

BECOME = text("SELECT rokhas.become_payer(:dossier)")
# The predicate is the partial index's, word for word.
STARTED = text("""
    SELECT d.id, p.value ->> 'id' AS payment FROM rokhas.dossier d, jsonb_each(d.body -> 'payments') p
    WHERE d.body @? '$.payments.*.state ? (@ == "started")' AND p.value ->> 'state' = 'started'
      AND CAST(p.value ->> 'started_at' AS timestamptz) < :before
    ORDER BY d.id LIMIT 500""")


async def become_payer(tx: Tx, dossier: UUID) -> bool:
    """From here on the transaction sees what the applicant of this file sees. Only for a caller that proved
    to be the provider, who has no scope of its own. False when there is no such file.
    """
    return bool((await tx.execute(BECOME, {"dossier": dossier})).scalar_one())


async def under_way(tx: Tx, *, before: datetime) -> list[tuple[UUID, str]]:
    """File and payment of those that were started before that instant, and of which nothing was heard."""
    return [(row.id, row.payment) for row in await tx.execute(STARTED, {"before": before})]
