"""Watiqa listens to its own requests, to tell whoever asked at the portal what became of them."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from services.watiqa.domain import State
from services.watiqa.domain.words import OWED, words
from services.watiqa.events import REQUEST
from services.watiqa.events import request as told
from services.watiqa.store import requests
from shared.db import Database, Tx
from shared.events import Envelope, Event
from shared.notify import notify, provider_at, send_notices
from shared.settings import Settings

S = State
TELLS: Final[Mapping[type[Event], State]] = {
    told.HeldByClosure: S.OFFICE_CLOSED,
    told.MatchMissing: S.NOT_FOUND,
    told.MatchAmbiguous: S.AMBIGUOUS,
    told.ControlRequired: S.UNDER_CONTROL,
    told.Matched: S.UNPAID,
    told.Approved: S.UNPAID,
    told.Refused: S.REFUSED,
    told.AuthorisationRefused: S.REFUSED,
    told.Issued: S.ISSUED,
    told.Posted: S.POSTED,
    told.Returned: S.RETURNED,
    told.Overtaken: S.SUPERSEDED,
    told.Revoked: S.REVOKED,
}
"""What is told, while the request still stands so: of two steps in a row, the last one counts."""


async def tell(tx: Tx, envelope: Envelope) -> None:
    """One notice for each step that leaves the person something to know or to do. For who stood at a counter
    the office answers: the platform knows no address of theirs.
    """
    kind = REQUEST.types.get(envelope.type)
    if kind is None or not (kind in TELLS or kind is told.PaymentUnowed):
        return
    request = await requests.get(tx, UUID(envelope.subject))
    owed = kind is told.PaymentUnowed
    stands = bool(request.owed_back) if owed else request.state is TELLS.get(kind)
    if not (request.applicant and stands):
        return
    said = OWED if owed else words(request.state, request.control, request.ground)
    content = {
        language: {"title": title, "text": f"{said.message[language]} {said.next_step[language]}"}
        for language, title in request.listed.title.items()
    }
    await notify(
        tx,
        event_id=envelope.id,
        recipient=request.applicant,
        about=request.id,
        kind="payment_owed_back" if owed else request.state.value,
        content=content,
    )


async def send(database: Database, settings: Settings) -> None:
    """Hands what was written to the provider. Runs until cancelled."""
    await send_notices(database, provider_at(settings.needed("notify_url")))
