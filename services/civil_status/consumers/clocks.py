"""Civil status listens to the law's clocks."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from services.civil_status.domain.values import Clock
from services.civil_status.store import corrections, declarations
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
    aggregate_id: UUID
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
    """Takes over a date, or lets its passing take effect, under the row lock and after another look at
    the state: the clock announces, the file decides.
    """
    if envelope.type not in CHANGES and envelope.type != ELAPSED:
        return
    facts = envelope.read(ClockFacts)
    if facts.service != "civil_status":
        return
    if facts.aggregate == "declaration":
        await _declaration(tx, facts, elapsed=envelope.type == ELAPSED)
    elif facts.aggregate == "correction":
        await _correction(tx, facts, elapsed=envelope.type == ELAPSED)


async def _declaration(tx: Tx, facts: ClockFacts, *, elapsed: bool) -> None:
    declaration = await declarations.locked(tx, facts.aggregate_id)
    if elapsed:
        assert facts.effective_at is not None  # every elapsed event has it
        event = declaration.elapsed(facts.rule, facts.effective_at)
        if event is not None:
            await declarations.save(tx, declaration, because=event)
    elif known := declaration.observe(facts.clock()):
        await declarations.save(tx, declaration, because=known)


async def _correction(tx: Tx, facts: ClockFacts, *, elapsed: bool) -> None:
    correction = await corrections.locked(tx, facts.aggregate_id)
    if elapsed:
        assert facts.effective_at is not None  # every elapsed event has it
        event = correction.elapsed(facts.effective_at)
        if event is not None:
            await corrections.save(tx, correction, because=event)
    elif known := correction.observe(facts.clock()):
        await corrections.save(tx, correction, because=known)
