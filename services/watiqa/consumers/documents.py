"""Watiqa listens to its own documents: sealed, they are issued; and to its requests: what is revoked."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.watiqa.events.request import Revoked
from services.watiqa.store import requests
from shared.db import Tx
from shared.documents import Standing, document_stream, withdraw
from shared.documents.events import DocumentIssued
from shared.events import Envelope

STREAM: Final = document_stream("watiqa")


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationFacts:
    reason: str


async def hand_out(tx: Tx, envelope: Envelope) -> None:
    """A page that was overtaken while it was being sealed changes nothing."""
    if envelope.type == Revoked.TYPE:
        reason = envelope.read(RevocationFacts).reason
        await withdraw(tx, "watiqa", about=envelope.subject, state=Standing.REVOKED, reason=reason)
        return
    kind = STREAM.types.get(envelope.type)
    if kind is None or not issubclass(kind, DocumentIssued):
        return
    event = kind.read(envelope.data)
    assert isinstance(event, DocumentIssued)
    request = await requests.locked(tx, UUID(event.about))
    issued = request.issued(envelope.subject, tx.now)
    if issued is not None:
        await requests.save(tx, request, because=issued)
