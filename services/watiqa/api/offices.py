"""Offices: closed, open again, and the list of those that are closed, for everybody."""

from typing import Annotated

from pydantic import BaseModel

from services.watiqa.api.common import Nothing, Office, authorize
from services.watiqa.domain import Action
from services.watiqa.domain import office as domain
from services.watiqa.events.office import ClosureReason
from services.watiqa.store import offices
from shared.db import Tx
from shared.http import PUBLIC, Body, Instant, Router

router = Router(prefix="/offices")


class ClosureIn(Body):
    """`until`: when it expects to open again, where it knows; nothing reopens by itself."""

    reason: ClosureReason
    until: Instant | None = None


class OfficeOut(BaseModel):
    code: str
    closed_at: Instant | None
    reason: ClosureReason | None
    until: Instant | None
    version: int


class OfficesOut(BaseModel):
    items: list[OfficeOut]


def _show(office: domain.Office) -> OfficeOut:
    return OfficeOut(**{name: getattr(office, name) for name in OfficeOut.model_fields})


@router.get("/closed")
async def closed(tx: Annotated[Tx, authorize(PUBLIC)]) -> OfficesOut:
    """Any other office issues."""
    return OfficesOut(items=[_show(one) for one in await offices.closed(tx)])


@router.post("/{office}/closure")
async def close(
    tx: Annotated[Tx, authorize(Action.CLOSE_OFFICE)], office: Office, body: ClosureIn
) -> OfficeOut:
    """What waits there for an officer waits for another office, or until this one opens again."""
    found = await offices.get(tx, office, lock=True)
    event = found.close(body.reason, body.until, by=tx.actor, now=tx.now)
    await offices.save(tx, found, because=event)
    return _show(found)


@router.post("/{office}/reopening")
async def reopen(
    tx: Annotated[Tx, authorize(Action.REOPEN_OFFICE)], office: Office, body: Nothing
) -> OfficeOut:
    found = await offices.get(tx, office, lock=True)
    event = found.reopen(by=tx.actor, now=tx.now)
    await offices.save(tx, found, because=event)
    return _show(found)
