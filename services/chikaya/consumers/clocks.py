"""Chikaya listens to the clocks of its reports: until when, and what passed (2-17-265 art. 8, 11)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from services.chikaya.domain.values import Clock
from services.chikaya.store import reports
from shared.db import Tx
from shared.events import Envelope

CLOCK: Final = "ma.jamaa.deadlines.clock."
CHANGES: Final = frozenset(
    f"{CLOCK}{change}.v1" for change in ("started", "suspended", "resumed", "moved", "certainty_changed")
)
ELAPSED: Final = f"{CLOCK}elapsed.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFacts:
    """The fields of a clock's event that are read here; the others are ignored."""

    service: str
    aggregate: str
    aggregate_id: str
    rule: str
    ordinal: int = 1
    answer_by: datetime | None = None
    last_day: date | None = None
    provisional: bool = False
    effective_at: datetime | None = None

    def clock(self) -> Clock:
        return Clock(
            rule=self.rule,
            ordinal=self.ordinal,
            answer_by=self.answer_by,
            last_day=self.last_day,
            provisional=self.provisional,
        )


async def keep_time(tx: Tx, envelope: Envelope) -> None:
    """Takes over a date, or its passing, under the row lock: the clock announces, the report decides."""
    if envelope.type not in CHANGES and envelope.type != ELAPSED:
        return
    facts = envelope.read(ClockFacts)
    if (facts.service, facts.aggregate) != ("chikaya", "report"):
        return
    report = await reports.locked(tx, UUID(facts.aggregate_id))
    if envelope.type == ELAPSED:
        assert facts.effective_at is not None  # every elapsed event has it
        passed = report.elapsed(facts.rule, facts.effective_at)
        if passed is not None:
            await reports.save(tx, report, because=passed)
    elif known := report.observe(facts.clock()):
        await reports.save(tx, report, because=known)
