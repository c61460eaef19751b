"""The president decides, delivers and answers; what was handed over on paper is proven and confirmed."""

from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import Field

from services.rokhas.api.common import (
    Change,
    Code,
    DossierOut,
    Nothing,
    Sentence,
    Sha256,
    authorize,
    change,
    show,
)
from services.rokhas.domain import Action, late_refusal
from services.rokhas.domain.values import Reason, Recipient
from services.rokhas.events import DecisionAttemptedLate, Outcome
from services.rokhas.store import delegations, dossiers
from services.rokhas.store.uploads import uploaded
from shared.db import Tx
from shared.http import Body, IfRead, Instant, Refusal, Router, refused

router = Router(prefix="/dossiers/{dossier_id}")


class ReasonIn(Body):
    """`document`: a basic one; a complementary one never justifies a refusal (RGC art. 37)."""

    article: str = Field(min_length=1, max_length=200)
    text: Sentence
    document: Code | None = None

    def value(self) -> Reason:
        return Reason(article=self.article, text=self.text, document=self.document)


class DecisionIn(Body):
    """A refusal is reasoned (55-19 art. 18)."""

    outcome: Outcome
    reasons: list[ReasonIn] = Field(default=[], max_length=30)

    def grounds(self) -> list[Reason]:
        return [reason.value() for reason in self.reasons]


class HandoverIn(DecisionIn):
    """`evidence`: the digest of the signed proof, uploaded before by the caller."""

    handed_over_at: Instant
    evidence: Sha256


class TransmissionIn(Body):
    recipient: Recipient


class AppealAnswerIn(Body):
    outcome: Outcome
    reasons: str = Field(default="", max_length=4000)


async def _settle(
    tx: Tx,
    response: Response,
    dossier_id: UUID,
    read: int | None,
    how: Change,
    *,
    evidence: str | None = None,
) -> DossierOut | Refusal:
    """As `change`; but a refusal that came too late is recorded, and answered by what it is. `evidence` is a
    digest that the caller must have uploaded.
    """
    dossier = await dossiers.locked(tx, dossier_id, version=read)
    if evidence is not None:
        await uploaded(tx, evidence)
    lent = await delegations.lent_to(tx, tx.actor.subject, dossier.collectivity)
    event = how(dossier, lent)
    assert event is not None  # every decision is announced
    await dossiers.save(tx, dossier, because=event)
    if isinstance(event, DecisionAttemptedLate):
        return refused(late_refusal(event))
    return show(tx, response, dossier, lent)


@router.post("/decision")
async def decide(
    tx: Annotated[Tx, authorize(Action.GRANT)],
    dossier_id: UUID,
    body: DecisionIn,
    response: Response,
    version: IfRead,
) -> DossierOut | Refusal:
    """Signed and published to the applicant in one step: that is what stops the clock. A refusal after the
    date has no effect; it is recorded, and answered 409 `late_refusal`.
    """
    if body.outcome is Outcome.REFUSED:
        return await _settle(
            tx,
            response,
            dossier_id,
            version,
            lambda file, lent: file.refuse(body.grounds(), by=tx.actor, now=tx.now, delegations=lent),
        )
    return await _settle(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.grant(by=tx.actor, now=tx.now, delegations=lent),
    )


@router.post("/handover")
async def record_handover(
    tx: Annotated[Tx, authorize(Action.RECORD_HANDOVER)],
    dossier_id: UUID,
    body: HandoverIn,
    response: Response,
    version: IfRead,
) -> DossierOut | Refusal:
    """A decision handed over on paper. Entered after the expiry it awaits a second person."""
    return await _settle(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.record_handover(
            body.outcome,
            handed_over_at=body.handed_over_at,
            evidence=body.evidence,
            by=tx.actor,
            now=tx.now,
            reasons=body.grounds(),
            delegations=lent,
        ),
        evidence=body.evidence,
    )


@router.post("/handover/confirmation")
async def confirm_handover(
    tx: Annotated[Tx, authorize(Action.CONFIRM_HANDOVER)],
    dossier_id: UUID,
    body: Nothing,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """By another person than the one who entered it."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.confirm_handover(by=tx.actor, now=tx.now, delegations=lent),
    )


@router.post("/handover/rejection")
async def reject_handover(
    tx: Annotated[Tx, authorize(Action.REJECT_HANDOVER)],
    dossier_id: UUID,
    body: Nothing,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """By another person than the one who entered it: nothing has changed."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.reject_handover(by=tx.actor, now=tx.now, delegations=lent),
    )


@router.post("/delivery")
async def deliver(
    tx: Annotated[Tx, authorize(Action.DELIVER)],
    dossier_id: UUID,
    body: Nothing,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """Of the permit granted, or of the act asked for after a silence (55-19 art. 19)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.deliver(by=tx.actor, now=tx.now, delegations=lent),
    )


@router.post("/transmission")
async def transmit(
    tx: Annotated[Tx, authorize(Action.TRANSMIT)],
    dossier_id: UUID,
    body: TransmissionIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """An urban act to the governor, an arrondissement's also to its commune (113-14 art. 116, 237)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.transmit(body.recipient, by=tx.actor, now=tx.now, delegations=lent),
    )


@router.post("/lapse")
async def lapse(
    tx: Annotated[Tx, authorize(Action.LAPSE)],
    dossier_id: UUID,
    body: Nothing,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """Once the validity is over and no works began (12-90 art. 49)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.lapse(by=tx.actor, now=tx.now, delegations=lent),
    )


@router.post("/appeals/answer")
async def answer_appeal(
    tx: Annotated[Tx, authorize(Action.ANSWER_APPEAL)],
    dossier_id: UUID,
    body: AppealAnswerIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """The president's, also when the governor invited it; a rejection is reasoned (55-19 art. 21)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.answer_appeal(
            body.outcome, body.reasons, by=tx.actor, now=tx.now, delegations=lent
        ),
    )
