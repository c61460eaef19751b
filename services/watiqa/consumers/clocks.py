"""Watiqa listens to the one clock that it has: the central authority's (2-22-04 art. 41)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from services.watiqa.domain.values import Clock
from services.watiqa.store import requests
from shared.db import Tx
from shared.events import Envelope

CLOCK: Final = "ma.jamaa.deadlines.clock."
CHANGES: Final = frozenset(f"{CLOCK}{change}.v1" for change in ("started", "moved", "certainty_changed"))
ELAPSED: Final = f"{CLOCK}elapsed.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFacts:
    """The fields of a clock's event that are read here; the others are ignored."""

    service: str
    aggregate: str
    aggregate_id: str
    rule: str
    answer_by: datetime | None = None
    last_day: date | None = None
    provisional: bool = False
    effective_at: datetime | None = None

    def clock(self) -> Clock:
        return Clock(
            rule=self.rule, answer_by=self.answer_by, last_day=self.last_day, provisional=self.provisional
        )


async def keep_time(tx: Tx, envelope: Envelope) -> None:
    """Takes over a date, or lets its passing be seen, under the row lock: the clock announces, the request
    decides.
    """
    if envelope.type not in CHANGES and envelope.type != ELAPSED:
        return
    facts = envelope.read(ClockFacts)
    if (facts.service, facts.aggregate) != ("watiqa", "request"):
        return
    request = await requests.locked(tx, UUID(facts.aggregate_id))
    if envelope.type == ELAPSED:
        assert facts.effective_at is not None  # every elapsed event has it
        overdue = request.elapsed(facts.effective_at)
        if overdue is not None:
            await requests.save(tx, request, because=overdue)
    elif known := request.observe(facts.clock()):
        await requests.save(tx, request, because=known)
