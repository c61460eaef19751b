"""The office instructs: who has the file, what it asks for, and what the commission says."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Response
from pydantic import Field

from services.rokhas.api.common import (
    Code,
    DossierOut,
    Nothing,
    Reference,
    Sentence,
    Sha256,
    authorize,
    change,
    show,
)
from services.rokhas.domain import Action
from services.rokhas.domain.values import ExtensionGround
from services.rokhas.events import OpinionOutcome
from services.rokhas.store import delegations, dossiers
from services.rokhas.store.uploads import uploaded
from shared.db import Tx
from shared.http import Body, IfRead, Instant, Router

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
async def assign(
    tx: Annotated[Tx, authorize(Action.ASSIGN)],
    dossier_id: UUID,
    body: AssignmentIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """To an instructor, or from one to another."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.assign(body.instructor, by=tx.actor, now=tx.now, delegations=lent),
    )


@router.post("/return")
async def give_back(
    tx: Annotated[Tx, authorize(Action.RETURN)],
    dossier_id: UUID,
    body: Nothing,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """An incomplete file, once the applicant's 30 days have passed: no refusal (55-19 art. 10)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.return_file(by=tx.actor, now=tx.now, delegations=lent),
    )


@router.post("/replacement-requests")
async def request_replacement(
    tx: Annotated[Tx, authorize(Action.REQUEST_REPLACEMENT)],
    dossier_id: UUID,
    body: ReplacementIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """Once for each document, in the first half of the period, which it suspends (55-19 art. 10)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.request_replacement(
            str(uuid4()), body.document, body.reasons, by=tx.actor, now=tx.now, delegations=lent
        ),
    )


@router.post("/information-requests")
async def request_information(
    tx: Annotated[Tx, authorize(Action.REQUEST_INFORMATION)],
    dossier_id: UUID,
    body: AskedIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """Once, in the first half of the period, which it suspends (55-19 art. 14)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.request_information(
            str(uuid4()), body.reasons, by=tx.actor, now=tx.now, documents=body.documents, delegations=lent
        ),
    )


@router.post("/modification-requests")
async def request_modification(
    tx: Annotated[Tx, authorize(Action.REQUEST_MODIFICATION)],
    dossier_id: UUID,
    body: AskedIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """The commission's (RGC art. 41); one made too late is recorded and suspends nothing."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.request_modification(
            str(uuid4()), body.reasons, by=tx.actor, now=tx.now, documents=body.documents, delegations=lent
        ),
    )


@router.post("/extension")
async def extend(
    tx: Annotated[Tx, authorize(Action.EXTEND)],
    dossier_id: UUID,
    body: ExtensionIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """Once; the applicant is told the new date (55-19 art. 17)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.extend(body.days, body.ground, by=tx.actor, now=tx.now, delegations=lent),
    )


@router.post("/opinion-requests")
async def request_opinion(
    tx: Annotated[Tx, authorize(Action.REQUEST_OPINION)],
    dossier_id: UUID,
    body: OpinionRequestIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """Of an actor that the procedure consults."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.request_opinion(body.actor, by=tx.actor, now=tx.now, delegations=lent),
    )


@router.post("/opinions")
async def give_opinion(
    tx: Annotated[Tx, authorize(Action.GIVE_OPINION)],
    dossier_id: UUID,
    body: OpinionIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """An actor's own, once; the urban agency's binds (113-14 art. 101, RGC art. 38-39)."""
    if body.document is not None:
        await uploaded(tx, body.document, await dossiers.get(tx, dossier_id))
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.give_opinion(
            body.actor,
            body.outcome,
            by=tx.actor,
            now=tx.now,
            reasons=body.reasons,
            document=body.document,
            delegations=lent,
        ),
    )


@router.post("/forwarding")
async def forward(
    tx: Annotated[Tx, authorize(Action.FORWARD)],
    dossier_id: UUID,
    body: Nothing,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """A large project to the commission (RGC art. 18)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.forward(by=tx.actor, now=tx.now, delegations=lent),
    )


@router.post("/sitting")
async def convene(
    tx: Annotated[Tx, authorize(Action.CONVENE)],
    dossier_id: UUID,
    body: SittingIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """Sets or moves the commission's sitting."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.convene(body.sits_at, body.actors, by=tx.actor, now=tx.now, delegations=lent),
    )


@router.post("/minutes")
async def sign_minutes(
    tx: Annotated[Tx, authorize(Action.SIGN_MINUTES)],
    dossier_id: UUID,
    body: MinutesIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """The signed minutes, with each member's opinion (RGC art. 38)."""
    dossier = await dossiers.locked(tx, dossier_id, version=version)
    document = await uploaded(tx, body.document)
    lent = await delegations.lent_to(tx, tx.actor.subject, dossier.collectivity)
    signed = dossier.sign_minutes(document, by=tx.actor, now=tx.now, delegations=lent)
    await dossiers.save(tx, dossier, because=signed)
    return show(tx, response, dossier, lent)


@router.post("/fees")
async def assess_fee(
    tx: Annotated[Tx, authorize(Action.ASSESS_FEE)],
    dossier_id: UUID,
    body: FeeIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """One of the recueil, once, in centimes."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.assess_fee(
            body.code,
            by=tx.actor,
            now=tx.now,
            quantity=body.quantity,
            amount=body.amount,
            delegations=lent,
        ),
    )


@router.post("/repeat")
async def close_as_repeat(
    tx: Annotated[Tx, authorize(Action.CLOSE_AS_REPEAT)],
    dossier_id: UUID,
    body: RepeatIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """An identical application that was refused, with nothing changed: left unanswered (55-19 art. 15)."""
    earlier = await dossiers.get(tx, body.earlier)
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.close_as_repeat(earlier, by=tx.actor, now=tx.now, delegations=lent),
    )
