"""Chikaya listens to its own reports, to keep the sums that statistics are read from."""

from typing import Final
from uuid import UUID

from services.chikaya.domain.statistics import Counted
from services.chikaya.events import REPORT
from services.chikaya.events.report import (
    Answered,
    DeclaredInadmissible,
    Escalated,
    Rated,
    Received,
    Redirected,
    Reopened,
    Rerouted,
)
from services.chikaya.store import reports, statistics
from shared.db import Tx
from shared.events import Envelope

COUNTS: Final = (
    Answered,
    DeclaredInadmissible,
    Escalated,
    Rated,
    Received,
    Redirected,
    Reopened,
    Rerouted,
)


async def keep_count(tx: Tx, envelope: Envelope) -> None:
    """As the report stands now: heard late, or twice, the sums are the same in the end."""
    kind = REPORT.types.get(envelope.type)
    if kind not in COUNTS:
        return
    report = await reports.get(tx, UUID(envelope.subject))
    await statistics.tally(tx, report.id, Counted.of(report), escalated=kind is Escalated)
