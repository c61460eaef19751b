"""The office instructs: who has the file, what it asks for, and what the commission says."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID, uuid4

from pydantic import Field

from services.rokhas.api.common import (
    Change,
    Code,
    DossierOut,
    Nothing,
    Reference,
    Sentence,
    Sha256,
    changing,
)
from services.rokhas.domain import Action
from services.rokhas.domain.values import ExtensionGround
from services.rokhas.events import OpinionOutcome
from services.rokhas.store import dossiers
from shared.http import Body, Instant, Router
from shared.http.files import brought

router = Router(prefix="/dossiers/{dossier_id}")


class AssignmentIn(Body):
    instructor: Reference


class ReplacementIn(Body):
    document: Code
    reasons: Sentence


class AskedIn(Body):
    """`documents` are of the recueil: nothing else can be asked for (55-19 art. 3)."""

    reasons: Sentence
    documents: list[Code] = Field(default=[], max_length=50)


class ExtensionIn(Body):
    """The two grounds of 55-19 art. 17."""

    days: int = Field(ge=1, le=366)
    ground: ExtensionGround


class OpinionRequestIn(Body):
    actor: Code


class OpinionIn(Body):
    """Anything but a plain favourable opinion is reasoned; `document`, wanted of one that binds, is the
    digest of the paper, uploaded before by the caller.
    """

    actor: Code
    outcome: OpinionOutcome
    reasons: str = Field(default="", max_length=4000)
    document: Sha256 | None = None


class SittingIn(Body):
    """Of all the procedure's actors unless some are named."""

    sits_at: Instant
    actors: list[Code] = Field(default=[], max_length=50)


class MinutesIn(Body):
    """The digest of the signed minutes, uploaded before by the caller."""

    document: Sha256


class FeeIn(Body):
    """`quantity` is units, or the cost in centimes, where the recueil has a rate; `amount` is centimes, where
    it has none.
    """

    code: Code
    quantity: Decimal | None = Field(default=None, gt=0, max_digits=15, decimal_places=3)
    amount: int | None = Field(default=None, gt=0, le=10**13)


class RepeatIn(Body):
    """The refused application that this one repeats unchanged (55-19 art. 15)."""

    earlier: UUID


@router.post("/assignment")
async def assign(file: Annotated[Change, changing(Action.ASSIGN)], body: AssignmentIn) -> DossierOut:
    """To an instructor, or from one to another."""
    return await file.answer(file.dossier.assign(body.instructor, **file.officer))


@router.post("/return")
async def give_back(file: Annotated[Change, changing(Action.RETURN)], body: Nothing) -> DossierOut:
    """An incomplete file, once the applicant's 30 days have passed: no refusal (55-19 art. 10)."""
    return await file.answer(file.dossier.return_file(**file.officer))


@router.post("/replacement-requests")
async def request_replacement(
    file: Annotated[Change, changing(Action.REQUEST_REPLACEMENT)], body: ReplacementIn
) -> DossierOut:
    """Once for each document, in the first half of the period, which it suspends (55-19 art. 10)."""
    return await file.answer(
        file.dossier.request_replacement(str(uuid4()), body.document, body.reasons, **file.officer)
    )


@router.post("/information-requests")
async def request_information(
    file: Annotated[Change, changing(Action.REQUEST_INFORMATION)], body: AskedIn
) -> DossierOut:
    """Once, in the first half of the period, which it suspends (55-19 art. 14)."""
    return await file.answer(
        file.dossier.request_information(str(uuid4()), body.reasons, documents=body.documents, **file.officer)
    )


@router.post("/modification-requests")
async def request_modification(
    file: Annotated[Change, changing(Action.REQUEST_MODIFICATION)], body: AskedIn
) -> DossierOut:
    """The commission's (RGC art. 41); one made too late is recorded and suspends nothing."""
    return await file.answer(
        file.dossier.request_modification(
            str(uuid4()), body.reasons, documents=body.documents, **file.officer
        )
    )


@router.post("/requests/{request}/reminder")
async def remind(
    file: Annotated[Change, changing(Action.REMIND)],
    request: Annotated[str, Field(max_length=64)],
    body: Nothing,
) -> DossierOut:
    """Of a request that suspends the file, once a week at most; no clock changes."""
    return await file.answer(file.dossier.remind(request, **file.officer))


@router.post("/extension")
async def extend(file: Annotated[Change, changing(Action.EXTEND)], body: ExtensionIn) -> DossierOut:
    """Once; the applicant is told the new date (55-19 art. 17)."""
    return await file.answer(file.dossier.extend(body.days, body.ground, **file.officer))


@router.post("/opinion-requests")
async def request_opinion(
    file: Annotated[Change, changing(Action.REQUEST_OPINION)], body: OpinionRequestIn
) -> DossierOut:
    """Of an actor that the procedure consults."""
    return await file.answer(file.dossier.request_opinion(body.actor, **file.officer))


@router.post("/opinions")
async def give_opinion(file: Annotated[Change, changing(Action.GIVE_OPINION)], body: OpinionIn) -> DossierOut:
    """An actor's own, once; the urban agency's binds (113-14 art. 101, RGC art. 38-39)."""
    await file.brought(body.document)
    given = file.dossier.give_opinion(
        body.actor, body.outcome, reasons=body.reasons, document=body.document, **file.officer
    )
    return await file.answer(given)


@router.post("/forwarding")
async def forward(file: Annotated[Change, changing(Action.FORWARD)], body: Nothing) -> DossierOut:
    """A large project to the commission (RGC art. 18)."""
    return await file.answer(file.dossier.forward(**file.officer))


@router.post("/sitting")
async def convene(file: Annotated[Change, changing(Action.CONVENE)], body: SittingIn) -> DossierOut:
    """Sets or moves the commission's sitting."""
    return await file.answer(file.dossier.convene(body.sits_at, body.actors, **file.officer))


@router.post("/minutes")
async def sign_minutes(file: Annotated[Change, changing(Action.SIGN_MINUTES)], body: MinutesIn) -> DossierOut:
    """The signed minutes, with each member's opinion (RGC art. 38)."""
    await brought(file.tx, body.document)
    return await file.answer(file.dossier.sign_minutes(body.document, **file.officer))


@router.post("/fees")
async def assess_fee(file: Annotated[Change, changing(Action.ASSESS_FEE)], body: FeeIn) -> DossierOut:
    """One of the recueil, once, in centimes."""
    due = file.dossier.assess_fee(body.code, quantity=body.quantity, amount=body.amount, **file.officer)
    return await file.answer(due)


@router.post("/repeat")
async def close_as_repeat(
    file: Annotated[Change, changing(Action.CLOSE_AS_REPEAT)], body: RepeatIn
) -> DossierOut:
    """An identical application that was refused, with nothing changed: left unanswered (55-19 art. 15)."""
    earlier = await dossiers.get(file.tx, body.earlier)
    return await file.answer(file.dossier.close_as_repeat(earlier, **file.officer))
