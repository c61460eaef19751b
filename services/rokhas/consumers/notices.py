"""Rokhas listens to its own files, to tell people what concerns them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

from services.rokhas.domain import Action, Dossier
from services.rokhas.domain.notices import Notice, notices
from services.rokhas.events import DOSSIER, DossierEvent
from services.rokhas.store import dossiers
from shared.data import Names
from shared.db import Database, Tx
from shared.events import Envelope
from shared.notify import notify, provider_at, send_notices
from shared.service import Handler
from shared.settings import Settings

STEPS: Final[Mapping[Action, tuple[str, Names]]] = {
    Action.INVOKE: (
        "invocation",
        {"ar": "طلب القرار", "fr": "Demander l'acte", "en": "Ask for the act"},
    ),
    Action.ANSWER: (
        "requests/{request}/answer",
        {"ar": "الجواب", "fr": "Répondre", "en": "Answer"},
    ),
    Action.APPEAL: (
        "appeals",
        {"ar": "تقديم طعن", "fr": "Former un recours", "en": "Appeal"},
    ),
    Action.ESCALATE_APPEAL: (
        "appeals/escalation",
        {"ar": "رفع الطعن إلى العامل", "fr": "Saisir le gouverneur", "en": "Take it to the governor"},
    ),
    Action.REQUEST_ATTESTATION: (
        "attestation-request",
        {"ar": "طلب الإشهاد", "fr": "Demander l'attestation", "en": "Ask for the attestation"},
    ),
    Action.PAY: (
        "payments",
        {"ar": "الأداء", "fr": "Payer", "en": "Pay"},
    ),
    Action.MESSAGE: (
        "messages",
        {"ar": "الرد", "fr": "Répondre", "en": "Reply"},
    ),
}
"""Where each step is taken, below the file, and the button that takes it."""


@asynccontextmanager
async def together(_: Tx, __: Sequence[Envelope]) -> AsyncIterator[Handler]:
    """Writes the notices of events of files. A type that this release does not know tells nobody.

    A file is read once for all of its events that came together, which is most of what a notice costs.
    """
    files: dict[str, Dossier] = {}

    async def one(tx: Tx, envelope: Envelope) -> None:
        kind = DOSSIER.types.get(envelope.type)
        if kind is None:
            return
        event = kind.read(envelope.data)
        assert isinstance(event, DossierEvent)  # the stream holds no other
        if envelope.subject not in files:
            files[envelope.subject] = await dossiers.get(tx, UUID(envelope.subject))
        dossier = files[envelope.subject]
        for notice in notices(event, dossier):
            await post(tx, envelope.id, dossier, notice)

    yield one


async def tell(tx: Tx, envelope: Envelope) -> None:
    async with together(tx, [envelope]) as handle:
        await handle(tx, envelope)


async def post(tx: Tx, event_id: UUID, dossier: Dossier, notice: Notice) -> None:
    """Title and text by language, and the action if it may still be taken: method, address and label."""
    told = notice.told
    content: dict[str, Any] = {
        language: {"title": told.title[language], "text": text} for language, text in notice.text.items()
    }
    if told.action in dossier.available:
        path, label = STEPS[told.action]
        href = f"/rokhas/v1/dossiers/{dossier.id}/{path.format(request=told.request)}"
        content["action"] = {"method": "POST", "href": href, "label": label}
    await notify(
        tx,
        event_id=event_id,
        recipient=notice.recipient,
        about=dossier.id,
        kind=told.kind,
        content=content,
    )


async def hand_over(database: Database, settings: Settings) -> None:
    """Hands what was written to the provider. Runs until cancelled."""
    await send_notices(database, provider_at(settings.needed("notify_url")))
