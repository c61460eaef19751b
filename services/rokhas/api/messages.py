"""Applicant and office write to each other on the file."""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Response
from pydantic import BaseModel

from services.rokhas.api.common import DossierOut, Sentence, authorize, read_by_another, show
from services.rokhas.domain import Action
from services.rokhas.store import delegations, dossiers, messages
from services.rokhas.store.messages import Message
from shared.db import Tx
from shared.http import Body, IfRead, Instant, Listing, Page, Router

router = Router(prefix="/dossiers/{dossier_id}/messages")


class MessageIn(Body):
    text: Sentence


class MessageOut(BaseModel):
    id: UUID
    author: str
    from_applicant: bool
    text: str
    posted_at: Instant

    @classmethod
    def of(cls, message: Message) -> "MessageOut":
        return cls(
            id=message.id,
            author=message.author,
            from_applicant=message.from_applicant,
            text=message.body,
            posted_at=message.posted_at,
        )


@router.post("")
async def post_message(
    tx: Annotated[Tx, authorize(Action.MESSAGE)],
    dossier_id: UUID,
    body: MessageIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """The text stays here; the event that tells of it carries its reference only."""
    dossier = await dossiers.locked(tx, dossier_id, version=version)
    lent = await delegations.lent_to(tx, tx.actor.subject, dossier.collectivity)
    message_id = uuid4()
    posted = dossier.post_message(str(message_id), by=tx.actor, now=tx.now, delegations=lent)
    await dossiers.save(tx, dossier, because=posted)
    message = Message(
        id=message_id,
        dossier=dossier.id,
        author=tx.actor.subject,
        from_applicant=posted.from_applicant,
        body=body.text,
        posted_at=tx.now,
    )
    await messages.add(tx, message)
    return show(tx, response, dossier, lent)


@router.get("")
async def read_messages(
    tx: Annotated[Tx, authorize(Action.READ)], dossier_id: UUID, paging: Listing
) -> Page[MessageOut]:
    """The oldest first."""
    dossier = await dossiers.get(tx, dossier_id)
    after = paging.after(datetime, UUID)
    found = await messages.find(tx, dossier_id, after=after and (after[0], after[1]), limit=paging.fetch)
    await read_by_another(tx, Action.READ, dossier)
    return paging.page(found, key=lambda m: (m.posted_at, m.id), to=MessageOut.of)
