"""The applicant's other steps: giving up, giving over, proxies, silence and appeals. An agent takes them at a
counter, with `counter` (55-19 art. 30).
"""

from typing import Annotated

from services.rokhas.api.common import (
    AtCounter,
    Change,
    DossierOut,
    Reference,
    Sentence,
    Sha256,
    changing,
)
from services.rokhas.domain import Action
from services.rokhas.domain.values import TransferBasis
from services.rokhas.store import dossiers
from shared.http import Router

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
    """Who holds the proxy: in the body, for a person's reference has no place in an address."""

    holder: Reference


class AppealIn(AtCounter):
    text: Sentence


@router.post("/withdrawal")
async def withdraw(file: Annotated[Change, changing(Action.WITHDRAW)], body: EndIn) -> DossierOut:
    """Before a decision."""
    await file.brought(body.evidence)
    return await file.answer(file.dossier.withdraw(evidence=body.evidence, **file.applicant(body)))


@router.post("/renunciation")
async def renounce(file: Annotated[Change, changing(Action.RENOUNCE)], body: EndIn) -> DossierOut:
    """Of a permit that one holds."""
    await file.brought(body.evidence)
    return await file.answer(file.dossier.renounce(evidence=body.evidence, **file.applicant(body)))


@router.post("/works")
async def start_works(file: Annotated[Change, changing(Action.START_WORKS)], body: AtCounter) -> DossierOut:
    """The works have begun: the permit does not lapse (12-90 art. 49)."""
    return await file.answer(file.dossier.start_works(**file.applicant(body)))


@router.post("/transfer")
async def transfer(file: Annotated[Change, changing(Action.TRANSFER)], body: TransferIn) -> DossierOut:
    """The file goes on with an heir or a buyer; it is the last that its former applicant sees of it."""
    await file.brought(body.evidence)
    await dossiers.make_way(file.tx, body.successor)
    moved = file.dossier.transfer(body.successor, body.basis, body.evidence, **file.applicant(body))
    return await file.answer(moved)


@router.post("/proxies")
async def grant_proxy(file: Annotated[Change, changing(Action.GRANT_PROXY)], body: ProxyIn) -> DossierOut:
    """To act on this file, short of giving it away."""
    return await file.answer(file.dossier.grant_proxy(body.holder, **file.applicant(body)))


@router.post("/proxies/revocation")
async def revoke_proxy(file: Annotated[Change, changing(Action.REVOKE_PROXY)], body: ProxyIn) -> DossierOut:
    """At once."""
    return await file.answer(file.dossier.revoke_proxy(body.holder, **file.applicant(body)))


@router.post("/invocation")
async def invoke(file: Annotated[Change, changing(Action.INVOKE)], body: AtCounter) -> DossierOut:
    """Asks the president for the act that silence approved; it is due within 7 days (55-19 art. 19)."""
    return await file.answer(file.dossier.invoke(**file.applicant(body)))


@router.post("/attestation-request")
async def request_attestation(
    file: Annotated[Change, changing(Action.REQUEST_ATTESTATION)], body: AtCounter
) -> DossierOut:
    """From the governor, once the president's 7 days have passed (55-19 art. 20)."""
    return await file.answer(file.dossier.request_attestation(**file.applicant(body)))


@router.post("/appeals")
async def appeal(file: Annotated[Change, changing(Action.APPEAL)], body: AppealIn) -> DossierOut:
    """To the president, within 30 days of the refusal or of the silence (55-19 art. 21)."""
    return await file.answer(file.dossier.appeal(body.text, **file.applicant(body)))


@router.post("/appeals/escalation")
async def escalate_appeal(
    file: Annotated[Change, changing(Action.ESCALATE_APPEAL)], body: AppealIn
) -> DossierOut:
    """To the governor, once the president's 15 days have passed unanswered (55-19 art. 21)."""
    return await file.answer(file.dossier.escalate_appeal(body.text, **file.applicant(body)))
