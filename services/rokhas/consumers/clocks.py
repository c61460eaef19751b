"""Rokhas listens to the law's clocks."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from services.rokhas.consumers.notices import post
from services.rokhas.domain import Dossier
from services.rokhas.domain.notices import step_passed, warning
from services.rokhas.domain.values import Clock, ClockChange, ClockRole
from services.rokhas.domain.words import last_day_text, rule_name
from services.rokhas.events import DossierEvent
from services.rokhas.store import dossiers
from shared.data import Names
from shared.db import Tx
from shared.events import Envelope

CLOCK: Final = "ma.jamaa.deadlines.clock."
CHANGES: Final = {f"{CLOCK}{change}.v1": change for change in ClockChange}
ELAPSED: Final = f"{CLOCK}elapsed.v1"
WARNED: Final = f"{CLOCK}warned.v1"

EXPLAIN = text("""
    INSERT INTO rokhas.explanation AS e (dossier, clock, rule, label, answer_by, last_day, said_at, steps)
    VALUES (:dossier, :clock, :rule, CAST(:label AS jsonb), :answer_by, :last_day, :said_at,
      CAST(:steps AS jsonb))
    ON CONFLICT (dossier, clock) DO UPDATE SET label = coalesce(excluded.label, e.label),
      answer_by = excluded.answer_by, last_day = excluded.last_day, said_at = excluded.said_at,
      steps = excluded.steps""")

LABEL = text("SELECT label FROM rokhas.explanation WHERE dossier = :dossier AND clock = :clock").columns(
    label=JSONB
)


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
    warning: str = ""

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
    if envelope.type not in CHANGES and envelope.type not in {ELAPSED, WARNED}:
        return
    facts = envelope.read(ClockFacts)
    if (facts.service, facts.aggregate) != ("rokhas", "dossier"):
        return
    if envelope.type == WARNED:
        await _warn(tx, facts, envelope.id)
        return
    dossier = await dossiers.locked(tx, facts.aggregate_id)
    event: DossierEvent | None
    if envelope.type == ELAPSED:
        assert facts.effective_at is not None  # every elapsed event has it
        event = dossier.elapsed(facts.clock(), effective_at=facts.effective_at, now=tx.now)
        if facts.role == ClockRole.STEP and dossier.awaits(facts.clock()):
            label, due = await _label(tx, facts, dossier), last_day_text(facts.effective_at)
            await post(tx, envelope.id, dossier, step_passed(label, due, dossier))
    else:
        event = dossier.observe(facts.clock(), CHANGES[envelope.type], reason=facts.reason)
        await _explain(tx, facts, envelope.time)
    if event is not None:
        await dossiers.save(tx, dossier, because=event)


async def _label(tx: Tx, facts: ClockFacts, dossier: Dossier) -> Names:
    """The step, and where it has one the actor whose delay it is (2-22-141 art. 6)."""
    of = {"dossier": facts.aggregate_id, "clock": facts.clock_id}
    label: Names = (await tx.execute(LABEL, of)).scalar_one_or_none() or rule_name(facts.rule)
    for listed in dossier.procedure.opinions:
        if listed.actor == facts.discriminator:
            return {language: f"{label[language]} — {listed.label[language]}" for language in label}
    return label


async def _warn(tx: Tx, facts: ClockFacts, event_id: UUID) -> None:
    """Officers before their date, the applicant before theirs; nobody once the file needs nothing more."""
    dossier = await dossiers.get(tx, facts.aggregate_id)
    if facts.answer_by is None or not dossier.awaits(facts.clock()):
        return
    last_day = last_day_text(facts.answer_by)
    for notice in warning(facts.warning, facts.rule, ClockRole(facts.role), last_day, dossier):
        await post(tx, event_id, dossier, notice)


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
