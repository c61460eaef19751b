"""Acts in work: held by one person, keyed twice, adjudicated, checked, compared with the register."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field

from services.civil_status.api.common import Nothing, Reason, authorize, read_by_another
from services.civil_status.api.digitisation.common import (
    EntryOut,
    EntryStep,
    FieldName,
    PageNumber,
    TranscriptionIn,
    looked_at,
    show_entry,
    working,
)
from services.civil_status.domain.digitisation.rules import rules
from services.civil_status.domain.digitisation.transcription import Transcription, flat, named
from services.civil_status.domain.permissions import MAY, demand, not_allowed
from services.civil_status.domain.states import Action
from services.civil_status.events.digitisation import RejectGround, ReturnGround, TakeoverReason
from services.civil_status.store import acts
from services.civil_status.store.digitisation import entries, progress, volumes
from shared.db import Tx
from shared.errors import Invalid, NotFound
from shared.http import Body, Router

router = Router(prefix="/entries")
waiting = Router(prefix="/digitisation")
"""What is not one entry: `/entries/next` would be the entry `next` for every other method."""


class NextIn(Body):
    work: Literal[Action.KEY, Action.ADJUDICATE]


class TakeoverIn(Body):
    reason: TakeoverReason


class CheckIn(Body):
    """`defects`: the fields that differ from the page; none when the act is as the page says."""

    defects: Annotated[list[FieldName], Field(max_length=40)] = Field(default_factory=list)


class RejectIn(Body):
    ground: RejectGround


class ReopeningIn(Body):
    """The pages on which it can be read after all."""

    pages: Annotated[list[PageNumber], Field(min_length=1, max_length=20)]


class DecisionIn(Body):
    """`same`: the act of the register that it is; null when it is another one."""

    same: UUID | None


class FieldOut(BaseModel):
    field: str
    here: str | None
    there: str | None
    same: bool


class CandidateOut(BaseModel):
    """`reference`: number, year and office. `fields` are empty where the act is another office's: that one is
    asked.
    """

    act: UUID
    reference: str | None
    visible: bool
    fields: list[FieldOut]


class CandidatesOut(BaseModel):
    items: list[CandidateOut]


@router.get("/{paper_id}", dependencies=[Reason])
async def read(
    tx: Annotated[Tx, authorize(Action.READ_ENTRY)], paper_id: UUID, response: Response
) -> EntryOut:
    """With what the caller may do now. Who keys does not see what another keyed."""
    entry = await entries.get(tx, paper_id)
    demand(Action.READ_ENTRY, tx.actor, entry.collectivity)
    await looked_at(tx, Action.READ_ENTRY, entry)
    return show_entry(tx, response, entry)


@waiting.post("/next")
async def hold_next(tx: Annotated[Tx, authorize(Action.HOLD)], body: NextIn, response: Response) -> EntryOut:
    """The next act that waits for this work and in which the caller has no part yet, held for them; or the
    one that they hold already. Raises NotFound `nothing_to_do`.
    """
    if not tx.actor.holds(*MAY[body.work]):
        raise not_allowed()
    entry = await entries.take_next(tx, body.work, rules().hold)
    if entry is None:
        raise NotFound(
            "nothing_to_do",
            {
                "ar": "لا رسم ينتظركم الآن.",
                "fr": "Aucun acte ne vous attend en ce moment.",
                "en": "No act waits for you now.",
            },
        )
    entry.may_hold(tx.actor)
    await looked_at(tx, Action.HOLD, entry)
    return show_entry(tx, response, entry)


@router.post("/{paper_id}/hold")
async def hold(file: Annotated[EntryStep, working(Action.HOLD)], body: Nothing) -> EntryOut:
    """The act is the caller's alone for a while; asked again, for longer. Everybody sees until when."""
    file.entry.may_hold(file.tx.actor)
    file.entry.hold = await entries.take(file.tx, file.entry, rules().hold)
    return await file.answer(None)


@router.post("/{paper_id}/release")
async def release(file: Annotated[EntryStep, working(Action.RELEASE)], body: Nothing) -> EntryOut:
    """Before its time, what the caller holds."""
    file.entry.releasable(file.tx.actor)
    await entries.release(file.tx, file.entry)
    file.entry.hold = None
    return await file.answer(None)


@router.post("/{paper_id}/takeover")
async def take_over(file: Annotated[EntryStep, working(Action.TAKE_OVER)], body: TakeoverIn) -> EntryOut:
    """By the supervisor: who held it holds it no more, and anybody else may."""
    return await file.answer(file.entry.taken_over(body.reason, **file.clerk))


@router.post("/{paper_id}/keying")
async def key(file: Annotated[EntryStep, working(Action.KEY)], body: TranscriptionIn) -> EntryOut:
    """What the page says. After the second keying the two are compared, field by field."""
    said = body.value(file.volume)
    _without_files(said)
    keyed = file.entry.key(said, **file.clerk)
    await progress.add(
        file.tx,
        file.entry.collectivity,
        {file.tx.actor.subject: {"keyed": 1, "fields": len(flat(said))}},
    )
    return await file.answer(keyed)


@router.post("/{paper_id}/adjudication")
async def adjudicate(
    file: Annotated[EntryStep, working(Action.ADJUDICATE)], body: TranscriptionIn
) -> EntryOut:
    """What the page says, by a third person; errors are counted for who made them."""
    said = body.value(file.volume)
    _without_files(said)
    adjudicated = file.entry.adjudicate(said, **file.clerk)
    counts = {operator: {"errors": errors} for operator, errors in file.entry.errors().items()}
    counts[file.tx.actor.subject] = {"adjudicated": 1}
    await progress.add(file.tx, file.entry.collectivity, counts)
    return await file.answer(adjudicated)


@router.post("/{paper_id}/check")
async def check(
    file: Annotated[EntryStep, working(Action.CHECK_ACT, with_volume=True)], body: CheckIn
) -> EntryOut:
    """One act of the sample against its page. A defective one goes back to a third person."""
    defects = named(body.defects)
    file.entry.checkable(file.tx.actor)
    checked = file.volume.check(file.entry.number, defects, **file.clerk)
    await volumes.save(file.tx, file.volume, because=checked)
    await progress.add(file.tx, file.entry.collectivity, {file.tx.actor.subject: {"checked": 1}})
    if defects:
        back = file.entry.returned(ReturnGround.DEFECTIVE, defects=defects, now=file.tx.now)
        return await file.answer(back)
    await entries.release(file.tx, file.entry)
    file.entry.hold = None
    return await file.answer(None)


@router.post("/{paper_id}/reject")
async def reject(file: Annotated[EntryStep, working(Action.REJECT_ENTRY)], body: RejectIn) -> EntryOut:
    """It cannot be keyed as it is; the answer says what to do next."""
    rejected = file.entry.reject(body.ground, **file.clerk)
    await progress.add(file.tx, file.entry.collectivity, {file.tx.actor.subject: {"rejected": 1}})
    return await file.answer(rejected)


@router.post("/{paper_id}/reopening")
async def reopen(
    file: Annotated[EntryStep, working(Action.REOPEN_ENTRY, with_volume=True)], body: ReopeningIn
) -> EntryOut:
    """The page was scanned again, or the act was found: two keyings from the start."""
    scanned = await volumes.numbers(file.tx, file.volume.id)
    if set(body.pages) - scanned:
        raise Invalid("page_not_scanned", "An act stands on a page that was not scanned.")
    reopened = file.entry.reopen(body.pages, **file.clerk)
    again = file.volume.reopened(file.entry.number, now=file.tx.now)
    await volumes.save(file.tx, file.volume, because=again)
    return await file.answer(reopened)


@router.get("/{paper_id}/candidates", dependencies=[Reason])
async def candidates(tx: Annotated[Tx, authorize(Action.DECIDE_DUPLICATE)], paper_id: UUID) -> CandidatesOut:
    """Side by side with the acts of the register that it resembles, field by field."""
    entry = await entries.get(tx, paper_id)
    demand(Action.DECIDE_DUPLICATE, tx.actor, entry.collectivity)
    volume = await volumes.get(tx, entry.volume)
    items: list[CandidateOut] = []
    if entry.settled is not None:
        here = flat(Transcription(blocks=entry.settled.blocks))
        known = await entries.references(tx, volume.kind, entry.settled.blocks, entry.candidates)
        items = [await _beside(tx, one, known.get(one), here) for one in entry.candidates]
    await looked_at(tx, Action.DECIDE_DUPLICATE, entry)
    return CandidatesOut(items=items)


async def _beside(tx: Tx, act_id: UUID, reference: str | None, here: dict[str, str]) -> CandidateOut:
    try:
        act = await acts.get(tx, act_id)
    except NotFound:  # row-level security: another office's
        return CandidateOut(act=act_id, reference=reference, visible=False, fields=[])
    there = flat(Transcription(blocks=act.blocks))
    await read_by_another(tx, Action.DECIDE_DUPLICATE, act)
    fields = [
        FieldOut(
            field=name, here=here.get(name), there=there.get(name), same=here.get(name) == there.get(name)
        )
        for name in sorted(here.keys() | there.keys())
        if not name.startswith("annexed.")
    ]
    return CandidateOut(act=act_id, reference=act.reference, visible=True, fields=fields)


@router.post("/{paper_id}/duplicate-decision")
async def decide_duplicate(
    file: Annotated[EntryStep, working(Action.DECIDE_DUPLICATE)], body: DecisionIn
) -> EntryOut:
    """A person has compared: the register has this act already, or it is another one."""
    if body.same is not None:
        return await file.answer(file.entry.same(body.same, **file.clerk))
    return await file.answer(file.entry.distinguish(**file.clerk))


def _without_files(said: Transcription) -> None:
    """What an act of paper rests on are the images of its pages, which it is given when it is entered."""
    if said.blocks.annexed:
        raise Invalid("annexed_not_expected", "The pages are annexed by themselves.")
