"""Civil status listens to its own declarations and corrections, to tell people what became of them."""

from uuid import UUID

from services.civil_status.domain.notices import CORRECTING, DECLARING, of_correction, of_declaration
from services.civil_status.events import CORRECTION, DECLARATION
from services.civil_status.events.correction import CorrectionEvent
from services.civil_status.events.declaration import DeclarationEvent
from services.civil_status.store import corrections, declarations
from shared.data import Names
from shared.db import Database, Tx
from shared.events import Envelope
from shared.notify import notify, provider_at, send_notices
from shared.settings import Settings


async def tell(tx: Tx, envelope: Envelope) -> None:
    """At most one notice for an event. A type that this release does not know tells nobody."""
    kind = {**DECLARATION.types, **CORRECTION.types}.get(envelope.type)
    event = None if kind is None else kind.read(envelope.data)
    if isinstance(event, DeclarationEvent):
        declaration = await declarations.get(tx, UUID(envelope.subject))
        said = of_declaration(event, declaration)
        await _post(tx, envelope, declaration.opener, DECLARING[declaration.kind], said)
    elif isinstance(event, CorrectionEvent):
        correction = await corrections.get(tx, UUID(envelope.subject))
        await _post(tx, envelope, correction.requested_by, CORRECTING, of_correction(event))


async def _post(tx: Tx, envelope: Envelope, recipient: str, title: Names, said: Names | None) -> None:
    if said is None:
        return
    content = {language: {"title": title[language], "text": text} for language, text in said.items()}
    await notify(
        tx,
        event_id=envelope.id,
        recipient=recipient,
        about=UUID(envelope.subject),
        kind=envelope.type.split(".")[-2],
        content=content,
    )


async def send(database: Database, settings: Settings) -> None:
    """Hands what was written to the provider. Runs until cancelled."""
    await send_notices(database, provider_at(settings.needed("notify_url")))
