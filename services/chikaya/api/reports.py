"""Reports: filed with an account, without one, or by an agent for somebody; what the reporter does then."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID, uuid4

from fastapi import Response
from limits import parse
from pydantic import BaseModel, Field

from services.chikaya.api.common import (
    Change,
    Files,
    Reasoned,
    ReportIn,
    ReportOut,
    Written,
    attached,
    authorize,
    changing,
    read_by_another,
    readable,
    show,
)
from services.chikaya.domain import Action, Report, State
from services.chikaya.domain.pace import counted_for
from services.chikaya.domain.report.filing import BY_AGENT
from services.chikaya.events.report import Channel, Kind
from services.chikaya.store import codes, pace, reports
from services.chikaya.store.pace import WAIT
from shared.db import Tx
from shared.errors import TooMany
from shared.http import PUBLIC, Body, Caller, Instant, Listing, Page, Router, Texts, etag, problems

router = Router(prefix="")

PER_ACCOUNT: Final = parse("60/minute")
"""Of one process, as the kernel limits routes: a round trip for each report would be paid by everybody. It is
not the route's, for an agent who types for others is not limited for themselves.
"""


class SubmissionIn(ReportIn):
    """`channel` is `web` or `mobile` with an account; of an agent, where the person came from."""

    channel: Literal[Channel.WEB, Channel.MOBILE, Channel.CALL_CENTRE, Channel.COUNTER, Channel.EMAIL]


class AnonymousIn(ReportIn):
    channel: Literal[Channel.WEB, Channel.MOBILE] = Channel.WEB


class FiledOut(BaseModel):
    """`follow_up_code`, for whoever has no account, is told this once, and again with the same key for a day:
    with the reference it is all that gives access to the report.
    """

    report: ReportOut
    follow_up_code: str | None


class CompletionIn(Body):
    text: Written
    files: Files = Field(default_factory=list)


class RatingIn(Body):
    satisfied: bool
    comment: Written | None = None


class ReportLine(BaseModel):
    id: UUID
    reference: str
    kind: Kind
    category: str
    title: Texts
    collectivity: str
    received_at: Instant
    state: State
    assignee: str | None
    answer_by: Instant | None
    escalated_at: Instant | None
    version: int

    @classmethod
    def of(cls, one: Report) -> "ReportLine":
        fields = {name: getattr(one, name) for name in cls.model_fields if hasattr(one, name)}
        return cls(**(fields | {"title": Texts(**one.listed.name)}))


@router.post("/reports", status_code=201, responses=problems(429))
async def submit(
    caller: Annotated[Caller, authorize.caller(Action.SUBMIT)],
    body: SubmissionIn,
    response: Response,
) -> FiledOut:
    """Acknowledged at once (2-17-265 art. 5). An agent files for somebody without an account, of any commune,
    and tells them the code. So many in a minute of one number or address, and of one account; what is
    refused for that is sent again as it is, with the same key.
    """
    account = body.channel not in BY_AGENT
    if account and not await caller.request.app.state.site.limiter.hit(PER_ACCOUNT, caller.actor.subject):
        raise TooMany("too_many_reports", WAIT, retry_after=PER_ACCOUNT.get_expiry())
    tx = await caller.begin(reports.ARRIVAL if account else None)
    return await filed(tx, body, body.channel, response, account=account)


@router.post("/anonymous-reports", status_code=201)
async def submit_anonymously(
    tx: Annotated[Tx, authorize(PUBLIC, limit="60/minute")], body: AnonymousIn, response: Response
) -> FiledOut:
    """Without an account: the reference and the code of the answer are how it is followed. Whoever gives an
    address is sent a code there that confirms it.
    """
    return await filed(tx, body, body.channel, response, account=False)


async def filed(
    tx: Tx,
    body: ReportIn,
    channel: Channel,
    response: Response,
    *,
    account: bool,
    links: Sequence[str] = (),
    sent_by: str | None = None,
) -> FiledOut:
    """Received and acknowledged in one transaction, by whichever way it came."""
    collectivity, place = body.place.found()
    report, received = Report.receive(
        uuid4(),
        kind=body.kind,
        category=body.category,
        collectivity=collectivity,
        channel=channel,
        text=body.text,
        place=place,
        contact=body.contact.value() if body.contact else None,
        attachments=await attached(tx, body.files),
        answers=body.answers,
        links=links,
        sent_by=sent_by,
        by=tx.actor,
        now=tx.now,
        account=account,
    )
    await pace.take(tx, counted_for(report))
    code = None if account else codes.drawn()
    if code is not None:
        await codes.become_reporter(tx, report.id)
    await reports.file(tx, report, received=received, acknowledged=report.acknowledge(tx.now))
    by = tx.actor if report.filed_by else report.as_reporter()
    if code is not None:
        await codes.keep(tx, report.id, code)
    await read_by_another(tx, by, Action.SUBMIT, report)
    where = f"reports/{report.id}" if report.filed_by else f"followed/{report.reference}"
    response.headers["Location"] = f"/chikaya/v1/{where}"
    etag(response, report.version)
    return FiledOut(report=show(report, by), follow_up_code=code)


@router.get("/reports")
async def list_own(tx: Annotated[Tx, authorize(Action.LIST)], paging: Listing) -> Page[ReportLine]:
    """One's own, the newest first."""
    after = paging.after(datetime, UUID)
    found = await reports.of_reporter(
        tx, tx.actor.subject, after=after and (after[0], after[1]), limit=paging.fetch
    )
    return paging.page(found, key=lambda one: (one.received_at, one.id), to=ReportLine.of)


@router.get("/reports/{report_id}")
async def read(tx: Annotated[Tx, authorize(Action.READ)], report_id: UUID, response: Response) -> ReportOut:
    """How it stands, until when the reply is due, and what may be done now."""
    report = await readable(tx, report_id)
    etag(response, report.version)
    return show(report, tx.actor)


@router.post("/reports/{report_id}/completion")
async def complete(report: Annotated[Change, changing(Action.COMPLETE)], body: CompletionIn) -> ReportOut:
    """What the office asked for (art. 11)."""
    files = await report.brought(*body.files)
    return await report.answer(report.report.complete(body.text, files, **report.who))


@router.post("/reports/{report_id}/reopening")
async def reopen(report: Annotated[Change, changing(Action.REOPEN)], body: Reasoned) -> ReportOut:
    """What was answered or closed badly; within the time of the rule `chikaya.reopening`."""
    return await report.answer(report.report.reopen(body.reasons, **report.who))


@router.post("/reports/{report_id}/rating")
async def rate(report: Annotated[Change, changing(Action.RATE)], body: RatingIn) -> ReportOut:
    """Closes it."""
    return await report.answer(
        report.report.rate(satisfied=body.satisfied, comment=body.comment, **report.who)
    )
