"""The days on which administrations are closed: read by everybody, changed by two persons."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from uuid import UUID

import icalendar
from fastapi import Query, Response
from pydantic import BaseModel, Field

from services.deadlines.api.common import authorize
from services.deadlines.domain.calendar import CalendarDay, Kind, Status
from services.deadlines.domain.entry import Entry, EntryState, reason_of
from services.deadlines.domain.permissions import Action
from services.deadlines.store import calendar
from shared.db import Tx
from shared.errors import Conflict
from shared.http import PUBLIC, Body, Collectivity, Day, Instant, Router, Texts, etag

router = Router(prefix="")

Date = date  # a field has its name
Year = Annotated[int, Query(ge=2000, le=2100)]


class TextsIn(Body):
    ar: str = Field(min_length=1, max_length=200)
    fr: str = Field(min_length=1, max_length=200)
    en: str = Field(min_length=1, max_length=200)


class DayIn(Body):
    """`replaces`: the entries that this one ends, by identifier or by date. `off` false: they are no days off
    after all.
    """

    date: Day
    kind: Kind
    status: Status
    name: TextsIn
    replaces: Annotated[list[UUID | Day], Field(max_length=10)] | UUID | Day | None = None
    source: str = Field(min_length=3, max_length=500)
    announced_at: Instant | None = None
    scope: Collectivity | None = None
    feast: str | None = Field(default=None, max_length=64)
    earliest: Day | None = None
    latest: Day | None = None
    off: bool = True


class RejectionIn(Body):
    reason: str = Field(min_length=3, max_length=500)


class DayOut(BaseModel):
    id: UUID
    date: date
    kind: Kind
    status: Status
    name: Texts
    source: str
    announced_at: Instant | None
    scope: str | None
    feast: str | None
    replaces: list[UUID]
    off: bool
    state: EntryState
    version: int

    @classmethod
    def of(cls, entry: Entry) -> "DayOut":
        day = entry.day
        return cls(
            id=entry.id,
            date=day.date,
            kind=day.kind,
            status=day.status,
            name=Texts(**day.name),
            source=day.source,
            announced_at=day.announced_at,
            scope=day.scope,
            feast=day.feast,
            replaces=list(entry.replaces),
            off=entry.off,
            state=entry.state,
            version=entry.version,
        )


class YearOut(BaseModel):
    days: list[DayOut]


@router.get("/calendar")
async def read_year(tx: Annotated[Tx, authorize(PUBLIC)], year: Year) -> YearOut:
    """The days off of a year: those confirmed, and those that wait for the moon."""
    entries = await calendar.year(tx, year, [EntryState.IN_FORCE])
    return YearOut(days=[DayOut.of(entry) for entry in entries if entry.off])


@router.get("/calendar.ics", response_class=Response, responses={200: {"content": {"text/calendar": {}}}})
async def export_year(tx: Annotated[Tx, authorize(PUBLIC)], year: Year) -> Response:
    """The same as iCalendar; an estimated day is tentative."""
    entries = await calendar.year(tx, year, [EntryState.IN_FORCE])
    feed = icalendar.Calendar()
    feed.add("prodid", "-//Jamaa//deadlines//AR")
    feed.add("version", "2.0")
    feed.add("x-wr-calname", f"أيام العطل الإدارية {year}")
    for entry in entries:
        if not entry.off:
            continue
        event = icalendar.Event()
        event.add("uid", f"{entry.id}@deadlines.jamaa.ma")
        event.add("dtstamp", datetime(year, 1, 1, tzinfo=UTC))
        event.add("dtstart", entry.day.date)
        event.add("dtend", entry.day.date + timedelta(days=1))
        event.add("summary", entry.day.name["ar"], parameters={"LANGUAGE": "ar"})
        event.add("description", f"{entry.day.name['fr']} · {entry.day.name['en']}")
        event.add("status", "CONFIRMED" if entry.day.status is Status.CONFIRMED else "TENTATIVE")
        event.add("transp", "TRANSPARENT")
        feed.add_component(event)
    return Response(feed.to_ical(), media_type="text/calendar")


@router.get("/calendar/proposals")
async def read_proposals(tx: Annotated[Tx, authorize(Action.READ_PROPOSALS)], year: Year) -> YearOut:
    """What waits for a second person."""
    entries = await calendar.year(tx, year, [EntryState.PROPOSED])
    return YearOut(days=[DayOut.of(entry) for entry in entries])


@router.post("/calendar/days", status_code=201)
async def propose_day(
    tx: Annotated[Tx, authorize(Action.PROPOSE_DAY)], body: DayIn, response: Response
) -> DayOut:
    """Records a day off, or that one is none. Changes no date until a second person confirms it."""
    named = body.replaces if isinstance(body.replaces, list) else [body.replaces] if body.replaces else []
    replaces = [one for one in named if isinstance(one, UUID)]
    for day in named:
        if isinstance(day, Date):
            replaces += await calendar.on(tx, day, body.scope)
    for entry in (await calendar.locked(tx, replaces)).values():
        if entry.state is not EntryState.IN_FORCE:
            raise Conflict("not_in_force", f"The entry {entry.id} is {entry.state}: it cannot be replaced.")
    off = CalendarDay(
        date=body.date,
        kind=body.kind,
        status=body.status,
        name=body.name.model_dump(),
        source=body.source,
        announced_at=body.announced_at,
        scope=body.scope,
        feast=body.feast,
        earliest=body.earliest,
        latest=body.latest,
    )
    entry, proposed = Entry.propose(off, replaces=replaces, off=body.off, by=tx.actor.subject, now=tx.now)
    await calendar.save(tx, entry, because=proposed)
    etag(response, entry.version)
    return DayOut.of(entry)


@router.post("/calendar/days/{entry_id}/confirmation")
async def confirm_day(
    tx: Annotated[Tx, authorize(Action.CONFIRM_DAY)], entry_id: UUID, response: Response
) -> DayOut:
    """In force from now on, by another person than the one who proposed it: every open clock concerned is
    counted again, and each moved date is announced with the reason.
    """
    proposed = (await calendar.locked(tx, [entry_id]))[entry_id]
    entries = await calendar.locked(tx, [entry_id, *proposed.replaces])
    entry = entries.pop(entry_id)
    replaced = list(entries.values())
    confirmed = entry.confirm(by=tx.actor.subject, now=tx.now)
    for old in replaced:
        await calendar.save(tx, old, because=old.replace(by=entry.id, now=tx.now))
    await calendar.save(tx, entry, because=confirmed)
    await calendar.revise(tx, reason_of(entry, replaced), entry.day.source, entry.day.announced_at or tx.now)
    etag(response, entry.version)
    return DayOut.of(entry)


@router.post("/calendar/days/{entry_id}/rejection")
async def reject_day(
    tx: Annotated[Tx, authorize(Action.REJECT_DAY)], entry_id: UUID, body: RejectionIn, response: Response
) -> DayOut:
    entry = (await calendar.locked(tx, [entry_id]))[entry_id]
    await calendar.save(tx, entry, because=entry.reject(reason=body.reason, now=tx.now))
    etag(response, entry.version)
    return DayOut.of(entry)
