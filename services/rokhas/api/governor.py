"""The governor attests the silence, asks for explanations, invites to decide, and has acts annulled."""

from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import Field

from services.rokhas.api.common import DossierOut, Nothing, authorize, change
from services.rokhas.domain import Action
from shared.db import Tx
from shared.http import Body, IfRead, Router

router = Router(prefix="/dossiers/{dossier_id}")


class AnnulmentIn(Body):
    """The reference of the judgment or order that annuls."""

    act: str = Field(min_length=1, max_length=200)


@router.post("/attestation")
async def attest(
    tx: Annotated[Tx, authorize(Action.ATTEST)],
    dossier_id: UUID,
    body: Nothing,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """Stands for the act; fees remain due (55-19 art. 20, 2-22-141 art. 3)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, lent: file.attest(by=tx.actor, now=tx.now, delegations=lent),
    )


@router.post("/explanations")
async def ask_explanations(
    tx: Annotated[Tx, authorize(Action.ASK_EXPLANATIONS)],
    dossier_id: UUID,
    body: Nothing,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """Of the president; the 10 days go on meanwhile (55-19 art. 20)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, _: file.ask_explanations(by=tx.actor, now=tx.now),
    )


@router.post("/annulment")
async def annul(
    tx: Annotated[Tx, authorize(Action.ANNUL)],
    dossier_id: UUID,
    body: AnnulmentIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """Records the judgment or order that annuls the permit."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, _: file.annul(body.act, by=tx.actor, now=tx.now),
    )


@router.post("/appeals/invitation")
async def invite_president(
    tx: Annotated[Tx, authorize(Action.INVITE_PRESIDENT)],
    dossier_id: UUID,
    body: Nothing,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """To decide an appeal within 10 days (55-19 art. 21)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda file, _: file.invite_president(by=tx.actor, now=tx.now),
    )
