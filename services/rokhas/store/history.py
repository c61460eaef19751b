"""What a file went through, and the explanations of its dates: read only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from services.rokhas.domain import Dossier
from services.rokhas.domain.words import sentence, short
from services.rokhas.events import DOSSIER, Assigned, DossierEvent
from shared.data import Names
from shared.db import Tx

HISTORY = text("SELECT seq, type, payload, occurred_at FROM msg.history('dossier', :id)")
EXPLAINED = text("""
    SELECT rule, label, answer_by, last_day, said_at, steps FROM rokhas.explanation
    WHERE dossier = :id ORDER BY said_at, clock""").columns(label=JSONB, steps=JSONB)

INTERNAL: Final = frozenset(
    # who acted, for whom, and what only means something to the service
    {"agent", "holder", "successor", "instructor", "procedure", "collectivity"}
    | {"file", "evidence", "proof", "message", "earlier"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    sequence: int
    type: str
    at: datetime
    text: Names
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    rule: str
    label: Names | None
    answer_by: datetime | None
    last_day: date | None
    said_at: datetime
    explanation: Sequence[Mapping[str, Any]]


async def of(tx: Tx, dossier: Dossier) -> list[Moment]:
    """The events of a file that the caller was allowed to load, in their order."""
    moments = []
    for row in await tx.execute(HISTORY, {"id": str(dossier.id)}):
        event = DOSSIER.types[row.type].read(row.payload)
        assert isinstance(event, DossierEvent)  # the stream holds no other
        fields = json.loads(row.payload)
        moments.append(
            Moment(
                sequence=row.seq,
                type=short(event),
                at=row.occurred_at,
                text=sentence(event, dossier.procedure),
                details={name: fields[name] for name in fields.keys() - _hidden(event)},
            )
        )
    return moments


def _hidden(event: DossierEvent) -> frozenset[str]:
    """`previous` is a person where somebody is assigned, a date where a date moves."""
    return INTERNAL | {"previous"} if isinstance(event, Assigned) else INTERNAL


async def explanations(tx: Tx, dossier: Dossier) -> list[Explained]:
    """Of every clock of the file."""
    rows = await tx.execute(EXPLAINED, {"id": dossier.id})
    return [
        Explained(
            rule=row.rule,
            label=row.label,
            answer_by=row.answer_by,
            last_day=row.last_day,
            said_at=row.said_at,
            explanation=row.steps,
        )
        for row in rows
    ]
