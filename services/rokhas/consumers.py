"""Rokhas listens to the law's clocks; and to its own events, to tell people what concerns them."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from services.rokhas.domain.values import Clock, ClockChange, ClockRole
from services.rokhas.events import DossierEvent
from services.rokhas.store import dossiers
from shared.db import Tx
from shared.events import Envelope, topic_of
from shared.service import Consumer

CLOCK: Final = "ma.jamaa.deadlines.clock."
CHANGES: Final = {f"{CLOCK}{change}.v1": change for change in ClockChange}
ELAPSED: Final = f"{CLOCK}elapsed.v1"

EXPLAIN = text("""
    INSERT INTO rokhas.explanation AS e (dossier, clock, rule, label, answer_by, last_day, said_at, steps)
    VALUES (:dossier, :clock, :rule, CAST(:label AS jsonb), :answer_by, :last_day, :said_at,
      CAST(:steps AS jsonb))
    ON CONFLICT (dossier, clock) DO UPDATE SET label = coalesce(excluded.label, e.label),
      answer_by = excluded.answer_by, last_day = excluded.last_day, said_at = excluded.said_at,
      steps = excluded.steps""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFacts:
    """The fields of a clock's event that a permit file needs; the others are ignored."""

    clock_id: UUID
    service: str
    aggregate: str
    aggregate_id: UUID
    rule: str
    role: str
    discriminator: str = ""
    answer_by: datetime | None = None
    last_day: date | None = None
    first_half_until: date | None = None
    provisional: bool = False
    remaining_days: int | None = None
    label: dict[str, str] | None = None
    reason: dict[str, str] | None = None
    explanation: list[dict[str, Any]] | None = None
    effective_at: datetime | None = None

    def clock(self) -> Clock:
        return Clock(
            rule=self.rule,
            role=ClockRole(self.role),
            answer_by=self.answer_by,
            last_day=self.last_day,
            first_half_until=self.first_half_until,
            provisional=self.provisional,
            remaining_days=self.remaining_days or 0,
            discriminator=self.discriminator,
        )


async def keep_time(tx: Tx, envelope: Envelope) -> None:
    """Takes over a date, or lets silence take effect, under the file's row lock and after another look at
    the file's own state: the clock announces, the file decides.
    """
    if envelope.type not in CHANGES and envelope.type != ELAPSED:
        return
    facts = envelope.read(ClockFacts)
    if (facts.service, facts.aggregate) != ("rokhas", "dossier"):
        return
    dossier = await dossiers.locked(tx, facts.aggregate_id)
    event: DossierEvent | None
    if envelope.type == ELAPSED:
        assert facts.effective_at is not None  # every elapsed event has it
        event = dossier.elapsed(facts.clock(), effective_at=facts.effective_at, now=tx.now)
    else:
        reason = (facts.reason or {}).get("fr", "")
        event = dossier.observe(facts.clock(), CHANGES[envelope.type], reason=reason)
        await _explain(tx, facts, envelope.time)
    if event is not None:
        await dossiers.save(tx, dossier, because=event)


async def _explain(tx: Tx, facts: ClockFacts, said_at: datetime) -> None:
    await tx.execute(
        EXPLAIN,
        {
            "dossier": facts.aggregate_id,
            "clock": facts.clock_id,
            "rule": facts.rule,
            "label": json.dumps(facts.label, ensure_ascii=False) if facts.label else None,
            "answer_by": facts.answer_by,
            "last_day": facts.last_day,
            "said_at": said_at,
            "steps": json.dumps(facts.explanation or [], ensure_ascii=False),
        },
    )


CONSUMERS: Final = (
    Consumer(name="rokhas.clocks", topics=(topic_of("deadlines", "clock"),), handle=keep_time),
)
