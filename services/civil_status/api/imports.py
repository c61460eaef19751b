"""Files of digitised acts that are taken over (`jamaa acts import`): followed from here, never started."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel

from services.civil_status.api.common import authorize
from services.civil_status.domain import Action
from services.civil_status.domain.rejects import REMEDIES
from services.civil_status.store import imports
from shared.db import Tx
from shared.http import Instant, Listing, Page, Router, Texts

router = Router(prefix="/imports")


class ImportOut(BaseModel):
    """`size` of the file in bytes; `lines` were read, each of them one of the three."""

    id: UUID
    size: int
    lines: int
    imported: int
    already: int
    rejected: int
    started_at: Instant
    finished_at: Instant | None

    @classmethod
    def of(cls, one: imports.Import) -> "ImportOut":
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class RejectOut(BaseModel):
    """A line that was not taken over, by its number in the file; what it says stays in the file."""

    line: int
    code: str
    field: str
    remedy: Texts


@router.get("")
async def list_imports(tx: Annotated[Tx, authorize(Action.READ_IMPORTS)], paging: Listing) -> Page[ImportOut]:
    """The newest first."""
    after = paging.after(datetime, UUID)
    found = await imports.find(tx, after=after and (after[0], after[1]), limit=paging.fetch)
    return paging.page(found, key=lambda one: (one.started_at, one.id), to=ImportOut.of)


@router.get("/{import_id}")
async def read(tx: Annotated[Tx, authorize(Action.READ_IMPORTS)], import_id: UUID) -> ImportOut:
    return ImportOut.of(await imports.followed(tx, import_id))


@router.get("/{import_id}/rejects")
async def list_rejects(
    tx: Annotated[Tx, authorize(Action.READ_IMPORTS)], import_id: UUID, paging: Listing
) -> Page[RejectOut]:
    """By line, with what to do about each."""
    await imports.followed(tx, import_id)
    after = paging.after(int)
    found = await imports.rejects(tx, import_id, after=after[0] if after else 0, most=paging.fetch)
    return paging.page(
        found,
        key=lambda one: (one.line,),
        to=lambda one: RejectOut(
            line=one.line, code=one.code, field=one.field, remedy=Texts(**REMEDIES[one.code])
        ),
    )
