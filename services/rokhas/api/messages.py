"""Applicant and office write to each other on the file."""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from pydantic import BaseModel

from services.rokhas.api.common import Change, DossierOut, Sentence, authorize, changing, read_by_another
from services.rokhas.domain import Action
from services.rokhas.store import dossiers, messages
from services.rokhas.store.messages import Message
from shared.db import Tx
from shared.http import Body, Instant, Listing, Page, Router

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
async def post_message(file: Annotated[Change, changing(Action.MESSAGE)], body: MessageIn) -> DossierOut:
    """The text stays here; the event that tells of it carries its reference only."""
    message_id = uuid4()
    posted = file.dossier.post_message(str(message_id), **file.officer)
    message = Message(
        id=message_id,
        dossier=file.dossier.id,
        author=file.tx.actor.subject,
        from_applicant=posted.from_applicant,
        body=body.text,
        posted_at=file.tx.now,
    )
    await messages.add(file.tx, message)
    return await file.answer(posted)


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
