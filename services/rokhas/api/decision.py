"""The president decides, delivers and answers; what was handed over on paper is proven and confirmed."""

from typing import Annotated

from pydantic import Field

from services.rokhas.api.common import Article, Change, Code, DossierOut, Nothing, Sentence, Sha256, changing
from services.rokhas.domain import Action, late_refusal
from services.rokhas.domain.values import Reason, Recipient
from services.rokhas.events import DecisionAttemptedLate, DossierEvent, Outcome
from shared.http import Body, Instant, Refusal, Router, refused
from shared.http.files import brought

router = Router(prefix="/dossiers/{dossier_id}")


class ReasonIn(Body):
    """`document`: a basic one; a complementary one never justifies a refusal (RGC art. 37)."""

    article: Article
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


async def _settle(file: Change, event: DossierEvent) -> DossierOut | Refusal:
    """As `file.answer`; but a refusal that came too late is recorded, and answered by what it is."""
    if isinstance(event, DecisionAttemptedLate):
        await file.save(event)
        return refused(late_refusal(event))
    return await file.answer(event)


@router.post("/decision")
async def decide(file: Annotated[Change, changing(Action.GRANT)], body: DecisionIn) -> DossierOut | Refusal:
    """Signed and published to the applicant in one step: that is what stops the clock. A refusal after the
    date has no effect; it is recorded, and answered 409 `late_refusal`.
    """
    if body.outcome is Outcome.REFUSED:
        return await _settle(file, file.dossier.refuse(body.grounds(), **file.officer))
    return await _settle(file, file.dossier.grant(**file.officer))


@router.post("/handover")
async def record_handover(
    file: Annotated[Change, changing(Action.RECORD_HANDOVER)], body: HandoverIn
) -> DossierOut | Refusal:
    """A decision handed over on paper. Entered after the expiry it awaits a second person."""
    await brought(file.tx, body.evidence)
    recorded = file.dossier.record_handover(
        body.outcome,
        handed_over_at=body.handed_over_at,
        evidence=body.evidence,
        reasons=body.grounds(),
        **file.officer,
    )
    return await _settle(file, recorded)


@router.post("/handover/confirmation")
async def confirm_handover(
    file: Annotated[Change, changing(Action.CONFIRM_HANDOVER)], body: Nothing
) -> DossierOut:
    """By another person than the one who entered it."""
    return await file.answer(file.dossier.confirm_handover(**file.officer))


@router.post("/handover/rejection")
async def reject_handover(
    file: Annotated[Change, changing(Action.REJECT_HANDOVER)], body: Nothing
) -> DossierOut:
    """By another person than the one who entered it: nothing has changed."""
    return await file.answer(file.dossier.reject_handover(**file.officer))


@router.post("/delivery")
async def deliver(file: Annotated[Change, changing(Action.DELIVER)], body: Nothing) -> DossierOut:
    """Of the permit granted, or of the act asked for after a silence (55-19 art. 19)."""
    return await file.answer(file.dossier.deliver(**file.officer))


@router.post("/transmission")
async def transmit(file: Annotated[Change, changing(Action.TRANSMIT)], body: TransmissionIn) -> DossierOut:
    """An urban act to the governor, an arrondissement's also to its commune (113-14 art. 116, 237)."""
    return await file.answer(file.dossier.transmit(body.recipient, **file.officer))


@router.post("/lapse")
async def lapse(file: Annotated[Change, changing(Action.LAPSE)], body: Nothing) -> DossierOut:
    """Once the validity is over and no works began (12-90 art. 49)."""
    return await file.answer(file.dossier.lapse(**file.officer))


@router.post("/appeals/answer")
async def answer_appeal(
    file: Annotated[Change, changing(Action.ANSWER_APPEAL)], body: AppealAnswerIn
) -> DossierOut:
    """The president's, also when the governor invited it; a rejection is reasoned (55-19 art. 21)."""
    return await file.answer(file.dossier.answer_appeal(body.outcome, body.reasons, **file.officer))
