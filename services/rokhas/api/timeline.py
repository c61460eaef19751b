"""What happened to a file, and why its dates are what they are."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel

from services.rokhas.api.common import authorize, read_by_another
from services.rokhas.domain import Action
from services.rokhas.store import dossiers, history
from shared.db import Tx
from shared.http import Instant, Router, Texts

router = Router(prefix="/dossiers/{dossier_id}")


class MomentOut(BaseModel):
    """One event of the file. `details` are its fields, less those that name persons or contents."""

    sequence: int
    type: str
    at: Instant
    text: Texts
    details: dict[str, Any]


class Timeline(BaseModel):
    items: list[MomentOut]


class StepOut(BaseModel):
    step: str
    date: date | None
    article: str
    text: Texts


class ExplainedOut(BaseModel):
    """One clock as the deadlines service last explained it: each step from the start to the date."""

    rule: str
    label: Texts | None
    answer_by: Instant | None
    last_day: date | None
    said_at: Instant
    explanation: list[StepOut]


class Explanation(BaseModel):
    clocks: list[ExplainedOut]


@router.get("/timeline")
async def timeline(tx: Annotated[Tx, authorize(Action.READ)], dossier_id: UUID) -> Timeline:
    """The oldest first."""
    dossier = await dossiers.get(tx, dossier_id)
    moments = await history.of(tx, dossier)
    await read_by_another(tx, Action.READ, dossier)
    return Timeline(items=[MomentOut.model_validate(moment, from_attributes=True) for moment in moments])


@router.get("/explanation")
async def explanation(tx: Annotated[Tx, authorize(Action.READ)], dossier_id: UUID) -> Explanation:
    """Why these dates: article by article."""
    dossier = await dossiers.get(tx, dossier_id)
    explained = await history.explanations(tx, dossier)
    await read_by_another(tx, Action.READ, dossier)
    return Explanation(clocks=[ExplainedOut.model_validate(one, from_attributes=True) for one in explained])
