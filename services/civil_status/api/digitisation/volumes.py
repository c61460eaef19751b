"""Volumes: opened, scanned, listed, sampled, concluded."""

import asyncio
from datetime import datetime
from secrets import token_hex
from typing import Annotated, Final
from uuid import UUID, uuid4, uuid5

from fastapi import File, Path, Query, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from services.civil_status.api.common import Nothing, Number, Office, Reason, Year, authorize
from services.civil_status.api.digitisation.common import (
    EntryLine,
    ObstacleOut,
    PageNumber,
    VolumeOut,
    VolumeStep,
    changing_volume,
    hold_of,
    show_volume,
)
from services.civil_status.domain.digitisation.entry import Entry
from services.civil_status.domain.digitisation.rules import rules
from services.civil_status.domain.digitisation.scans import Image, image_of
from services.civil_status.domain.digitisation.states import EntryState, VolumeState
from services.civil_status.domain.digitisation.volume import Listing as Listed
from services.civil_status.domain.digitisation.volume import Volume
from services.civil_status.domain.permissions import demand
from services.civil_status.domain.states import Action
from services.civil_status.events import ActKind
from services.civil_status.events.digitisation import Damage, LotRefused, ReturnGround
from services.civil_status.store.digitisation import entries, progress, volumes
from shared.access import recorded
from shared.db import Tx
from shared.files import StoredFile, files_of
from shared.http import Body, Caller, Configured, Instant, Listing, Page, Router
from shared.http.files import MOST_FORM
from shared.settings import Settings

router = Router(prefix="/volumes")

UNFINISHED: Final = frozenset({EntryState.WAITING, EntryState.KEYED_ONCE, EntryState.DIFFERING})
SCAN: Final = "JPEG or PNG, the whole page and nothing else"


class VolumeIn(Body):
    """A bound register, as its closing statement says: the numbers of its first and its last act."""

    office: Office
    kind: ActKind
    year: Year
    volume: Annotated[int, Field(ge=1, le=99)]
    first: Number
    last: Number


class ListedIn(Body):
    number: Number
    pages: Annotated[list[PageNumber], Field(min_length=1, max_length=20)]


class ListingIn(Body):
    """Every act that stands in the volume. Numbers that are not listed are missing."""

    acts: Annotated[list[ListedIn], Field(max_length=1000)]


class DamageIn(Body):
    damage: Damage


class PageOut(BaseModel):
    """The image of a page; `size` in bytes, sides in pixels."""

    page: int
    sha256: str
    media_type: str
    size: int
    width: int
    height: int
    scanned_at: Instant


class VolumeLine(BaseModel):
    id: UUID
    kind: ActKind
    office: str
    year: int
    volume: int
    first: int
    last: int
    pages: int
    state: VolumeState
    damage: ObstacleOut | None
    opened_at: Instant
    version: int


@router.post("", status_code=201)
async def open_volume(
    tx: Annotated[Tx, authorize(Action.OPEN_VOLUME)], body: VolumeIn, response: Response
) -> VolumeOut:
    volume, opened = Volume.open(
        uuid4(),
        kind=body.kind,
        collectivity=body.office.rpartition("-")[0],
        office=body.office,
        year=body.year,
        volume=body.volume,
        first=body.first,
        last=body.last,
        by=tx.actor,
        now=tx.now,
    )
    await volumes.save(tx, volume, because=opened)
    response.headers["Location"] = f"/civil_status/v1/volumes/{volume.id}"
    return await show_volume(tx, response, volume)


@router.get("")
async def list_volumes(
    tx: Annotated[Tx, authorize(Action.LIST_VOLUMES)],
    paging: Listing,
    state: Annotated[list[VolumeState] | None, Query()] = None,
    office: Office | None = None,
    year: Year | None = None,
) -> Page[VolumeLine]:
    """Those of one's offices, the oldest first."""
    after = paging.after(datetime, UUID)
    found = await volumes.find(
        tx,
        states=state,
        office=office,
        year=year,
        after=after and (after[0], after[1]),
        limit=paging.fetch,
    )
    return paging.page(found, key=lambda v: (v.opened_at, v.id), to=_line)


def _line(volume: Volume) -> VolumeLine:
    fields = {name: getattr(volume, name) for name in VolumeLine.model_fields}
    return VolumeLine(**fields | {"damage": ObstacleOut.of(volume.damage)})


@router.get("/{volume_id}")
async def read(
    tx: Annotated[Tx, authorize(Action.READ_VOLUME)], volume_id: UUID, response: Response
) -> VolumeOut:
    """With what the caller may do now."""
    volume = await volumes.get(tx, volume_id)
    demand(Action.READ_VOLUME, tx.actor, volume.collectivity)
    return await show_volume(tx, response, volume)


@router.get("/{volume_id}/pages")
async def list_pages(
    tx: Annotated[Tx, authorize(Action.READ_VOLUME)], volume_id: UUID, paging: Listing
) -> Page[PageOut]:
    """In their order."""
    volume = await volumes.get(tx, volume_id)
    demand(Action.READ_VOLUME, tx.actor, volume.collectivity)
    after = paging.after(int)
    found = await volumes.pages(tx, volume_id, after=after[0] if after else 0, limit=paging.fetch)
    return paging.page(
        found,
        key=lambda one: (one.page,),
        to=lambda one: PageOut(**{name: getattr(one, name) for name in PageOut.model_fields}),
    )


@router.post("/{volume_id}/pages/{page}", status_code=201, max_body_size=MOST_FORM)
async def add_page(
    caller: Annotated[Caller, authorize.caller(Action.ADD_PAGE)],
    volume_id: UUID,
    page: Annotated[PageNumber, Path()],
    file: Annotated[UploadFile, File(description=SCAN)],
    settings: Configured,
    response: Response,
) -> VolumeOut:
    """The image of a page, once. Stored before the transaction that refers to it."""
    stored, image = await _stored(file, settings)
    tx = await caller.begin()
    volume = await volumes.locked(tx, volume_id)
    scanned = volume.scan(page, stored.sha256, by=tx.actor, now=tx.now)
    await volumes.add_page(tx, volume, page, stored, image)
    await volumes.save(tx, volume, because=scanned)
    await progress.add(tx, volume.collectivity, {tx.actor.subject: {"scanned": 1}})
    return await show_volume(tx, response, volume)


@router.post("/{volume_id}/pages/{page}/replacement", max_body_size=MOST_FORM)
async def replace_page(
    caller: Annotated[Caller, authorize.caller(Action.REPLACE_PAGE)],
    volume_id: UUID,
    page: Annotated[PageNumber, Path()],
    file: Annotated[UploadFile, File(description=SCAN)],
    settings: Configured,
    response: Response,
) -> VolumeOut:
    """A better image, or that of the second copy, in place of the one that cannot be read."""
    stored, image = await _stored(file, settings)
    tx = await caller.begin()
    volume = await volumes.locked(tx, volume_id)
    read = await entries.reading(tx, volume.id, page)
    scanned = volume.rescan(page, stored.sha256, by=tx.actor, now=tx.now, read=read)
    await volumes.replace_page(tx, volume, page, stored, image)
    await volumes.save(tx, volume, because=scanned)
    await progress.add(tx, volume.collectivity, {tx.actor.subject: {"scanned": 1}})
    return await show_volume(tx, response, volume)


async def _stored(file: UploadFile, settings: Settings) -> tuple[StoredFile, Image]:
    """Nothing is stored of what is no page. A page has a number and no name: the sender's is dropped."""
    content = await file.read()
    image = await asyncio.to_thread(image_of, content, rules().scan)
    name = "page.png" if image.media_type == "image/png" else "page.jpg"
    return await files_of(settings).put(content, name=name, content_type=file.content_type), image


@router.get(
    "/{volume_id}/pages/{page}/image",
    dependencies=[Reason],
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in ("image/jpeg", "image/png")
            }
        }
    },
)
async def read_page(
    caller: Annotated[Caller, authorize.caller(Action.READ_ENTRY)],
    volume_id: UUID,
    page: Annotated[PageNumber, Path()],
    settings: Configured,
) -> StreamingResponse:
    """What is keyed from; each look is in the register of reads."""
    tx = await caller.begin()
    volume = await volumes.get(tx, volume_id)
    demand(Action.READ_ENTRY, tx.actor, volume.collectivity)
    known = await volumes.page(tx, volume_id, page)
    await recorded(
        tx,
        "civil_status",
        action=Action.READ_ENTRY,
        aggregate="volume",
        owners={str(volume.id): ""},
        collectivity=volume.collectivity,
    )
    await caller.commit()  # before the object store is asked
    stored = StoredFile(
        sha256=known.sha256,
        size=known.size,
        media_type=known.media_type,
        name=f"{volume.kind}-{volume.year}-{volume.volume}-{page}.{known.media_type.rpartition('/')[2]}",
    )
    return StreamingResponse(await files_of(settings).open(known.sha256), headers=stored.headers)


@router.post("/{volume_id}/listing")
async def close_scanning(
    file: Annotated[VolumeStep, changing_volume(Action.CLOSE_SCANNING)], body: ListingIn
) -> VolumeOut:
    """The pages are there: these acts stand on them. An act that was listed earlier, before the volume was
    damaged, stays as it is; a missing one that is found is reopened.
    """
    tx, volume = file.tx, file.volume
    listed = [Listed(number=one.number, pages=tuple(one.pages)) for one in body.acts]
    scanned = await volumes.numbers(tx, volume.id)
    known = await entries.states(tx, volume.id)
    pages = {one.number: one.pages for one in listed}
    again = [number for number in pages if known.get(number) is EntryState.REJECTED]
    event = volume.close_scanning(listed, scanned, reopened=again, **file.officer)
    fresh = [number for number in range(volume.first, volume.last + 1) if number not in known]
    made = [
        Entry.listed(uuid5(volume.id, str(number)), volume, number, pages.get(number, ())) for number in fresh
    ]
    for entry, because in sorted(made, key=lambda one: one[0].id):
        await entries.save(tx, entry, because=because)
    for entry in await entries.numbered(tx, volume.id, again, EntryState.REJECTED):
        await entries.save(tx, entry, because=entry.reopen(pages[entry.number], **file.officer))
    return await file.answer(event)


@router.get("/{volume_id}/entries")
async def list_entries(
    tx: Annotated[Tx, authorize(Action.LIST_ENTRIES)],
    volume_id: UUID,
    paging: Listing,
    state: Annotated[list[EntryState] | None, Query()] = None,
    *,
    free: bool = False,
) -> Page[EntryLine]:
    """Its acts by number, with who holds them; `free`: only those that nobody holds."""
    volume = await volumes.get(tx, volume_id)
    demand(Action.LIST_ENTRIES, tx.actor, volume.collectivity)
    after = paging.after(int)
    found = await entries.of_volume(
        tx, volume_id, states=state, free=free, after=after[0] if after else 0, limit=paging.fetch
    )
    return paging.page(found, key=lambda one: (one.number,), to=lambda one: _entry_line(one, tx))


def _entry_line(entry: Entry, tx: Tx) -> EntryLine:
    return EntryLine(
        id=entry.id,
        number=entry.number,
        pages=list(entry.pages),
        state=entry.state,
        hold=hold_of(entry),
        reject=ObstacleOut.of(entry.ground),
        act=entry.act,
        actions=entry.actions(tx.actor),
        version=entry.version,
    )


@router.post("/{volume_id}/sample")
async def draw_sample(
    file: Annotated[VolumeStep, changing_volume(Action.DRAW_SAMPLE)], body: Nothing
) -> VolumeOut:
    """Of what was settled since the last one; the seed is drawn now, and anybody can draw the same again."""
    found = await entries.states(file.tx, file.volume.id)
    settled = [number for number, state in found.items() if state is EntryState.SETTLED]
    unfinished = sum(state in UNFINISHED for state in found.values())
    return await file.answer(file.volume.draw(token_hex(16), settled, unfinished, **file.officer))


@router.post("/{volume_id}/conclusion")
async def conclude(
    file: Annotated[VolumeStep, changing_volume(Action.CONCLUDE_LOT)], body: Nothing
) -> VolumeOut:
    """By the rule. Of a refused lot every act is looked at again by a third person, and sampled anew."""
    event = file.volume.conclude(**file.officer)
    if isinstance(event, LotRefused):
        numbers = file.volume.newest.numbers
        for entry in await entries.numbered(file.tx, file.volume.id, numbers, EntryState.SETTLED):
            back = entry.returned(ReturnGround.LOT_REFUSED, now=file.tx.now)
            await entries.save(file.tx, entry, because=back)
    return await file.answer(event)


@router.post("/{volume_id}/damage")
async def report_damage(
    file: Annotated[VolumeStep, changing_volume(Action.REPORT_DAMAGE)], body: DamageIn
) -> VolumeOut:
    """The answer says what to do next."""
    return await file.answer(file.volume.report_damage(body.damage, **file.officer))


@router.post("/{volume_id}/resumption")
async def resume(
    file: Annotated[VolumeStep, changing_volume(Action.RESUME_VOLUME)], body: Nothing
) -> VolumeOut:
    """Restored, or the second copy is there: scanning goes on."""
    return await file.answer(file.volume.resume(**file.officer))
