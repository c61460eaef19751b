"""Rokhas listens to its own files, to give people their receipt, permit or attestation on a sealed page."""

from uuid import UUID

from services.rokhas.domain.certificates import OCCASIONS, occasioned, overtaken
from services.rokhas.events import DOSSIER, DossierEvent
from services.rokhas.store import dossiers
from shared.db import Tx
from shared.documents import Standing, order, withdraw
from shared.events import Envelope


async def certify(tx: Tx, envelope: Envelope) -> None:
    """Orders what the event gives rise to, and withdraws what it overtakes. The seal comes afterwards, from a
    task: a transaction waits for no printing. A type that this release does not know does neither.
    """
    kind = DOSSIER.types.get(envelope.type)
    if kind is None:
        return
    event = kind.read(envelope.data)
    assert isinstance(event, DossierEvent)  # the stream holds no other
    over = overtaken(event)
    if over is None and not isinstance(event, OCCASIONS):
        return
    dossier = await dossiers.get(tx, UUID(envelope.subject))
    if over:
        kinds, reason, ended = over
        state = Standing.REVOKED if ended else Standing.SUPERSEDED
        for one in sorted(kinds):
            await withdraw(tx, "rokhas", about=dossier.id, kind=one, state=state, reason=reason)
    for name, content in occasioned(event, dossier):
        await order(
            tx,
            about=dossier.id,
            collectivity=dossier.collectivity,
            kind=name,
            cause=envelope.id,
            content=content,
        )
