"""The office: what waits, who takes it, what becomes of it."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Query
from pydantic import BaseModel, Field

from services.chikaya.api.common import (
    Brief,
    Change,
    Code,
    Files,
    Nothing,
    Reasoned,
    ReportOut,
    Written,
    authorize,
    changing,
    read_by_another,
)
from services.chikaya.api.reports import ReportLine
from services.chikaya.domain import Action, State
from services.chikaya.domain.values import legible
from services.chikaya.events.report import Defect, InadmissibleGround, Outcome
from services.chikaya.store import notes, reports
from shared.db import Tx
from shared.http import Body, Collectivity, Instant, Listing, Page, Router

router = Router(prefix="")


class AssignmentIn(Body):
    """`assignee`: an officer, by subject."""

    assignee: Brief


class DefectIn(Reasoned):
    defect: Defect


class InadmissibleIn(Reasoned):
    ground: InadmissibleGround


class RedirectionIn(Reasoned):
    """`body`: a code that `/bodies` lists."""

    body: Code


class RoutingIn(Reasoned):
    category: Code
    collectivity: Collectivity


class AnswerIn(Body):
    """The reply with its reasons; the contact block of the administration goes with it (art. 10)."""

    outcome: Outcome
    text: Written
    files: Files = Field(default_factory=list)


class NoteIn(Body):
    text: Written


class NoteOut(BaseModel):
    id: UUID
    author: str
    written_at: Instant
    text: str


class NotesOut(BaseModel):
    items: list[NoteOut]


@router.get("/queue")
async def queue(
    tx: Annotated[Tx, authorize(Action.QUEUE)],
    paging: Listing,
    state: Annotated[list[State] | None, Query()] = None,
    category: Annotated[Code | None, Query()] = None,
    assignee: Annotated[Brief | None, Query()] = None,
    *,
    escalated: bool = False,
) -> Page[ReportLine]:
    """Of the places that the caller serves, by the date on which the reply is due; without `state`, all that
    is still to be answered. `escalated`: only what is overdue.
    """
    after = paging.after(str, UUID)
    found = await reports.queue(
        tx,
        states=state,
        category=category,
        assignee=assignee,
        escalated=escalated,
        after=after and (reports.due_of(after[0]), after[1]),
        limit=paging.fetch,
    )
    await read_by_another(tx, tx.actor, Action.QUEUE, *found[: paging.limit])
    return paging.page(found, key=lambda one: (reports.due_text(one), one.id), to=ReportLine.of)


@router.post("/reports/{report_id}/assignment")
async def assign(report: Annotated[Change, changing(Action.ASSIGN)], body: AssignmentIn) -> ReportOut:
    return await report.answer(report.report.assign(body.assignee, **report.who))


@router.post("/reports/{report_id}/start")
async def start(report: Annotated[Change, changing(Action.START)], body: Nothing) -> ReportOut:
    """Somebody is at it."""
    return await report.answer(report.report.start(**report.who))


@router.post("/reports/{report_id}/answer")
async def answer(report: Annotated[Change, changing(Action.ANSWER)], body: AnswerIn) -> ReportOut:
    """With reasons (art. 8); late too: silence decides nothing."""
    files = await report.brought(*body.files)
    desk = await report.desk()
    return await report.answer(report.report.answer(body.outcome, body.text, desk, files, **report.who))


@router.post("/reports/{report_id}/defect")
async def declare_defective(
    report: Annotated[Change, changing(Action.DECLARE_DEFECTIVE)], body: DefectIn
) -> ReportOut:
    """Wrong form, unclear or unsupported, within fifteen days (art. 11): it waits for whoever reported."""
    desk = await report.desk()
    return await report.answer(report.report.declare_defective(body.defect, body.reasons, desk, **report.who))


@router.post("/reports/{report_id}/inadmissibility")
async def declare_inadmissible(
    report: Annotated[Change, changing(Action.DECLARE_INADMISSIBLE)], body: InadmissibleIn
) -> ReportOut:
    """On one of three grounds (art. 12)."""
    desk = await report.desk()
    return await report.answer(
        report.report.declare_inadmissible(body.ground, body.reasons, desk, **report.who)
    )


@router.post("/reports/{report_id}/redirection")
async def redirect(report: Annotated[Change, changing(Action.REDIRECT)], body: RedirectionIn) -> ReportOut:
    """Not ours: to an administration that is not on this platform (art. 9, 12)."""
    desk = await report.desk()
    return await report.answer(report.report.redirect(body.body, body.reasons, desk, **report.who))


@router.post("/reports/{report_id}/routing")
async def reroute(report: Annotated[Change, changing(Action.REROUTE)], body: RoutingIn) -> ReportOut:
    """To another category, or another collectivity of this platform: clocks and history stay."""
    event = report.report.reroute(body.category, body.collectivity, body.reasons, **report.who)
    return await report.answer(event)


@router.post("/reports/{report_id}/notes", status_code=201)
async def note(report: Annotated[Change, changing(Action.NOTE)], body: NoteIn) -> ReportOut:
    """For the office alone."""
    written = notes.Note(uuid4(), report.by.subject, report.tx.now, legible(body.text, "text"))
    event = report.report.note(**report.who)
    await notes.write(report.tx, written, report=report.report.id, collectivity=report.report.collectivity)
    return await report.answer(event)


@router.get("/reports/{report_id}/notes")
async def read_notes(tx: Annotated[Tx, authorize(Action.READ_NOTES)], report_id: UUID) -> NotesOut:
    """Those that offices of the caller's territory wrote."""
    report = await reports.get(tx, report_id)
    report.demand(Action.READ_NOTES, tx.actor)
    await read_by_another(tx, tx.actor, Action.READ_NOTES, report)
    return NotesOut(
        items=[
            NoteOut(id=one.id, author=one.author, written_at=one.written_at, text=one.text)
            for one in await notes.of_report(tx, report_id)
        ]
    )
