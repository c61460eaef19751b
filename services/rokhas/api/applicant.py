"""The applicant's other steps: giving up, giving over, proxies, silence and appeals. An agent takes them at a
counter, with `counter` (55-19 art. 30).
"""

from typing import Annotated
from uuid import UUID

from fastapi import Response

from services.rokhas.api.common import (
    AtCounter,
    DossierOut,
    Reference,
    Sentence,
    Sha256,
    authorize,
    change,
)
from services.rokhas.domain import Action
from services.rokhas.domain.values import TransferBasis
from services.rokhas.store import dossiers
from services.rokhas.store.uploads import uploaded
from shared.db import Tx
from shared.http import IfRead, Router

router = Router(prefix="/dossiers/{dossier_id}")


class TransferIn(AtCounter):
    """`evidence` is the digest of the deed."""

    successor: Reference
    basis: TransferBasis
    evidence: Sha256


class EndIn(AtCounter):
    """`evidence` is the digest of the signed request, wanted where an agent enters it at a counter."""

    evidence: Sha256 | None = None


class ProxyIn(AtCounter):
    holder: Reference


class AppealIn(AtCounter):
    text: Sentence


@router.post("/withdrawal")
async def withdraw(
    tx: Annotated[Tx, authorize(Action.WITHDRAW)],
    dossier_id: UUID,
    body: EndIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    if body.evidence is not None:
        await uploaded(tx, body.evidence, await dossiers.get(tx, dossier_id))
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda dossier, _: dossier.withdraw(by=tx.actor, now=tx.now, counter=body.at, evidence=body.evidence),
    )


@router.post("/renunciation")
async def renounce(
    tx: Annotated[Tx, authorize(Action.RENOUNCE)],
    dossier_id: UUID,
    body: EndIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    if body.evidence is not None:
        await uploaded(tx, body.evidence, await dossiers.get(tx, dossier_id))
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda dossier, _: dossier.renounce(by=tx.actor, now=tx.now, counter=body.at, evidence=body.evidence),
    )


@router.post("/works")
async def start_works(
    tx: Annotated[Tx, authorize(Action.START_WORKS)],
    dossier_id: UUID,
    body: AtCounter,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """The works have begun: the permit does not lapse (12-90 art. 49)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda dossier, _: dossier.start_works(by=tx.actor, now=tx.now, counter=body.at),
    )


@router.post("/transfer")
async def transfer(
    tx: Annotated[Tx, authorize(Action.TRANSFER)],
    dossier_id: UUID,
    body: TransferIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """The file goes on with an heir or a buyer; it is the last that its former applicant sees of it."""
    await uploaded(tx, body.evidence, await dossiers.get(tx, dossier_id))
    await dossiers.make_way(tx, body.successor)
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda dossier, _: dossier.transfer(
            body.successor, body.basis, body.evidence, by=tx.actor, now=tx.now, counter=body.at
        ),
    )


@router.post("/proxies")
async def grant_proxy(
    tx: Annotated[Tx, authorize(Action.GRANT_PROXY)],
    dossier_id: UUID,
    body: ProxyIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda dossier, _: dossier.grant_proxy(body.holder, by=tx.actor, now=tx.now, counter=body.at),
    )


@router.post("/proxies/{holder}/revocation")
async def revoke_proxy(
    tx: Annotated[Tx, authorize(Action.REVOKE_PROXY)],
    dossier_id: UUID,
    holder: Reference,
    body: AtCounter,
    response: Response,
    version: IfRead,
) -> DossierOut:
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda dossier, _: dossier.revoke_proxy(holder, by=tx.actor, now=tx.now, counter=body.at),
    )


@router.post("/invocation")
async def invoke(
    tx: Annotated[Tx, authorize(Action.INVOKE)],
    dossier_id: UUID,
    body: AtCounter,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """Asks the president for the act that silence approved; it is due within 7 days (55-19 art. 19)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda dossier, _: dossier.invoke(by=tx.actor, now=tx.now, counter=body.at),
    )


@router.post("/attestation-request")
async def request_attestation(
    tx: Annotated[Tx, authorize(Action.REQUEST_ATTESTATION)],
    dossier_id: UUID,
    body: AtCounter,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """From the governor, once the president's 7 days have passed (55-19 art. 20)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda dossier, _: dossier.request_attestation(by=tx.actor, now=tx.now, counter=body.at),
    )


@router.post("/appeals")
async def appeal(
    tx: Annotated[Tx, authorize(Action.APPEAL)],
    dossier_id: UUID,
    body: AppealIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """To the president, within 30 days of the refusal or of the silence (55-19 art. 21)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda dossier, _: dossier.appeal(body.text, by=tx.actor, now=tx.now, counter=body.at),
    )


@router.post("/appeals/escalation")
async def escalate_appeal(
    tx: Annotated[Tx, authorize(Action.ESCALATE_APPEAL)],
    dossier_id: UUID,
    body: AppealIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """To the governor, once the president's 15 days have passed unanswered (55-19 art. 21)."""
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda dossier, _: dossier.escalate_appeal(body.text, by=tx.actor, now=tx.now, counter=body.at),
    )
