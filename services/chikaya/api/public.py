"""What everybody may see: where, of what kind, how it stands; no names, no text that nobody looked at."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel

from services.chikaya.api.common import Code, Sha256, authorize
from services.chikaya.domain import State
from services.chikaya.domain.catalogue import catalogue
from services.chikaya.events.report import Kind, Outcome
from services.chikaya.store import public
from shared.db import Tx
from shared.errors import NotFound
from shared.http import PUBLIC, Caller, Collectivity, Configured, Instant, Listing, Page, Router, Texts
from shared.http.files import DOWNLOAD, content_of, served
from shared.territory import territory

router = Router(prefix="/public-reports")


class PublicOut(BaseModel):
    """`longitude` and `latitude` are given to some hundred metres. `text` and `reply` are null until a person
    looked whether they may be shown, and `[…]` stands for what was cut; so are `photos`, which `…/photos/`
    gives by digest.
    """

    id: UUID
    reference: str
    kind: Kind
    category: str
    title: Texts
    collectivity: str
    state: State
    received_at: Instant
    escalated_at: Instant | None
    longitude: float | None
    latitude: float | None
    text: str | None
    reply: str | None
    outcome: Outcome | None
    answered_at: Instant | None
    photos: list[str]

    @classmethod
    def of(cls, one: public.PublicReport) -> "PublicOut":
        fields: dict[str, Any] = {n: getattr(one, n) for n in cls.model_fields if hasattr(one, n)}
        return cls(**(fields | {"title": Texts(**catalogue().category(one.category).name)}))


@router.get("")
async def find(
    tx: Annotated[Tx, authorize(PUBLIC)],
    paging: Listing,
    collectivity: Annotated[Collectivity | None, Query()] = None,
    category: Annotated[Code | None, Query()] = None,
    state: Annotated[list[State] | None, Query()] = None,
    since: Annotated[Instant | None, Query()] = None,
    until: Annotated[Instant | None, Query()] = None,
) -> Page[PublicOut]:
    """The newest first. `collectivity`: it and all below it. `until` is not included."""
    after = paging.after(datetime, UUID)
    found = await public.find(
        tx,
        collectivities=None if collectivity is None else sorted(territory().within(collectivity)),
        category=category,
        states=state,
        since=since,
        until=until,
        after=after and (after[0], after[1]),
        limit=paging.fetch,
    )
    return paging.page(found, key=lambda one: (one.received_at, one.id), to=PublicOut.of)


@router.get("/{report_id}")
async def read(tx: Annotated[Tx, authorize(PUBLIC)], report_id: UUID) -> PublicOut:
    return PublicOut.of(await public.get(tx, report_id))


@router.get("/{report_id}/photos/{sha256}", **DOWNLOAD)
async def photo(
    caller: Annotated[Caller, authorize.caller(PUBLIC)],
    report_id: UUID,
    sha256: Sha256,
    request: Request,
    settings: Configured,
) -> Response:
    """One that a person said is shown."""
    tx = await caller.begin()
    shown = (await public.get(tx, report_id)).photos
    known = await content_of(tx, sha256) if sha256 in shown else None
    if known is None:
        raise NotFound("photo_unknown", "The public report has no such photo.")
    await caller.commit()
    return await served(request, settings, known)
