"""What everybody may see of a report: rules point out, a person decides."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from services.chikaya.api.common import (
    Change,
    Files,
    Reasoned,
    ReportOut,
    Written,
    authorize,
    changing,
    read_by_another,
)
from services.chikaya.domain import Action, Report, State
from services.chikaya.domain.moderation import Concern, flags_in, proposed, rules
from services.chikaya.domain.photo import NoPicture, bare
from services.chikaya.store import reports
from shared.db import Tx
from shared.errors import NotFound
from shared.files import StoredFile, files_of
from shared.http import Body, Configured, Instant, Listing, Page, Router, Texts
from shared.http.files import record
from shared.settings import Settings

router = Router(prefix="")


class FlagOut(BaseModel):
    """`rule` found something from `start` to before `end`, in code points."""

    rule: str
    kind: Concern
    name: Texts
    start: int
    end: int


class WrittenOut(BaseModel):
    """As it was written, what is pointed out in it, and a `proposal` without that."""

    text: str
    flags: list[FlagOut]
    proposal: str

    @classmethod
    def of(cls, text: str) -> "WrittenOut":
        known = rules()
        flags = [
            FlagOut(
                rule=one.rule,
                kind=one.kind,
                name=Texts(**known[one.rule].name),
                start=one.start,
                end=one.end,
            )
            for one in flags_in(text)
        ]
        return cls(text=text, flags=flags, proposal=proposed(text))


class ToReviewOut(BaseModel):
    """`photos` are digests, for `…/attachments/`. `reply` is the last one."""

    id: UUID
    reference: str
    category: str
    title: Texts
    collectivity: str
    received_at: Instant
    state: State
    text: WrittenOut
    reply: WrittenOut | None
    photos: list[str]
    version: int

    @classmethod
    def of(cls, one: Report) -> "ToReviewOut":
        fields = {name: getattr(one, name) for name in cls.model_fields if hasattr(one, name)}
        own = {
            "title": Texts(**one.listed.name),
            "text": WrittenOut.of(one.text),
            "reply": WrittenOut.of(one.replies[-1].text) if one.replies else None,
            "photos": [held.file for held in one.attachments if held.media_type.startswith("image/")],
        }
        return cls(**(fields | own))


class PublicationIn(Body):
    """`text`: with cuts, for each of which `[…]` stands; without it, the text is shown as it was written.
    `reply`: the last reply as it is shown, word for word or with cuts; without it none is. `photos`: those
    that are shown, and no other; everybody gets the picture alone, without where and with what it was taken.
    `reasons`, where rules point out what is shown nevertheless.
    """

    text: Written | None = None
    reply: Written | None = None
    photos: Files = Field(default_factory=list)
    reasons: Written | None = None


@router.get("/reviews")
async def to_review(
    tx: Annotated[Tx, authorize(Action.REVIEW)],
    paging: Listing,
    flagged: Annotated[bool | None, Query()] = None,
) -> Page[ToReviewOut]:
    """Of which somebody has yet to say what everybody may see; again after each reply. The oldest first."""
    after = paging.after(datetime, UUID)
    found = await reports.to_review(
        tx, flagged=flagged, after=after and (after[0], after[1]), limit=paging.fetch
    )
    await read_by_another(tx, tx.actor, Action.REVIEW, *found[: paging.limit])
    return paging.page(found, key=lambda one: (one.received_at, one.id), to=ToReviewOut.of)


@dataclass(frozen=True, slots=True)
class Publication:
    """`copies` are of the photos by digest: the picture alone, or None."""

    body: PublicationIn
    copies: dict[str, StoredFile | None]


async def copied(body: PublicationIn, settings: Configured) -> Publication:
    """Before the transaction, for it asks the object store: a copy that nothing refers to does no harm. Whose
    the photos are, the report says.
    """
    return Publication(body, {digest: await _copy(settings, digest) for digest in body.photos})


async def _copy(settings: Settings, digest: str) -> StoredFile | None:
    store = files_of(settings)
    try:
        content = b"".join([chunk async for chunk in await store.open(digest)])
        picture = await asyncio.to_thread(bare, content)
    except (NotFound, NoPicture):
        return None
    return await store.put(picture, name="photo")


@router.post("/reports/{report_id}/publication")
async def publish(
    asked: Annotated[Publication, Depends(copied)], report: Annotated[Change, changing(Action.PUBLISH)]
) -> ReportOut:
    """Replaces what was shown before."""
    body, photos = asked.body, {of: copy.sha256 if copy else None for of, copy in asked.copies.items()}
    event = report.report.publish(body.text, body.reply, photos, body.reasons, **report.who)
    for copy in filter(None, asked.copies.values()):
        await record(report.tx, copy)
    return await report.answer(event)


@router.post("/reports/{report_id}/withholding")
async def withhold(report: Annotated[Change, changing(Action.WITHHOLD)], body: Reasoned) -> ReportOut:
    """Of text, reply and photos; that there is a report of this kind at this place is shown still."""
    return await report.answer(report.report.withhold(body.reasons, **report.who))
