"""What everybody may see: where, of what kind, how it stands; no names, no text that nobody looked at."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel

from services.chikaya.api.common import Code, authorize
from services.chikaya.domain import State
from services.chikaya.domain.catalogue import catalogue
from services.chikaya.events.report import Kind, Outcome
from services.chikaya.store import public
from shared.db import Tx
from shared.http import PUBLIC, Collectivity, Instant, Listing, Page, Router, Texts
from shared.territory import territory

router = Router(prefix="/public-reports")


class PublicOut(BaseModel):
    """`longitude` and `latitude` are given to some hundred metres. `text` and `reply` are null until a person
    looked whether they may be shown.
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
