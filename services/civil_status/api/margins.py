"""Margins of acts that were taken over from a file: compared with the paper, once, by the officer."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel

from services.civil_status.api.common import ActOut, Change, Nothing, authorize, changing
from services.civil_status.domain import Action
from services.civil_status.events import ActKind
from services.civil_status.store import margins
from shared.db import Tx
from shared.http import Instant, Listing, Page, Router

router = Router(prefix="")


class WantingOut(BaseModel):
    """An act that the window asked for. `reference`: number, year, office."""

    act: UUID
    kind: ActKind
    office: str
    reference: str
    asked_at: Instant


@router.get("/margins")
async def list_margins(
    tx: Annotated[Tx, authorize(Action.LIST_MARGINS)], paging: Listing
) -> Page[WantingOut]:
    """Acts that somebody waits for and whose margin nobody has looked at, who waits longest first."""
    after = paging.after(datetime, UUID)
    found = await margins.waiting(tx, after=after and (after[0], after[1]), limit=paging.fetch)
    return paging.page(
        found,
        key=lambda one: (one.asked_at, one.act),
        to=lambda one: WantingOut(**{name: getattr(one, name) for name in WantingOut.model_fields}),
    )


@router.post("/acts/{act_id}/margin-check")
async def confirm_margin(file: Annotated[Change, changing(Action.CONFIRM_MARGIN)], body: Nothing) -> ActOut:
    """The officer has looked at the paper register, and what stands in its margin is entered here."""
    confirmed = file.act.confirm_margin(**file.officer)
    await margins.known(file.tx, file.act)
    return await file.answer(confirmed)
