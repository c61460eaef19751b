"""The governor attests the silence, asks for explanations, invites to decide, and has acts annulled."""

from typing import Annotated

from services.rokhas.api.common import ActReference, Change, DossierOut, Nothing, changing
from services.rokhas.domain import Action
from shared.http import Body, Router

router = Router(prefix="/dossiers/{dossier_id}")


class AnnulmentIn(Body):
    """The reference of the judgment or order that annuls."""

    act: ActReference


@router.post("/attestation")
async def attest(file: Annotated[Change, changing(Action.ATTEST)], body: Nothing) -> DossierOut:
    """Stands for the act; fees remain due (55-19 art. 20, 2-22-141 art. 3)."""
    return await file.answer(file.dossier.attest(**file.officer))


@router.post("/explanations")
async def ask_explanations(
    file: Annotated[Change, changing(Action.ASK_EXPLANATIONS)], body: Nothing
) -> DossierOut:
    """Of the president; the 10 days go on meanwhile (55-19 art. 20)."""
    return await file.answer(file.dossier.ask_explanations(**file.governor))


@router.post("/annulment")
async def annul(file: Annotated[Change, changing(Action.ANNUL)], body: AnnulmentIn) -> DossierOut:
    """Records the judgment or order that annuls the permit."""
    return await file.answer(file.dossier.annul(body.act, **file.governor))


@router.post("/appeals/invitation")
async def invite_president(
    file: Annotated[Change, changing(Action.INVITE_PRESIDENT)], body: Nothing
) -> DossierOut:
    """To decide an appeal within 10 days (55-19 art. 21)."""
    return await file.answer(file.dossier.invite_president(**file.governor))
