"""One incident with many complaints: one reply for each, in a transaction of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field

from services.chikaya.api.common import authorize, read_by_another
from services.chikaya.api.templates import Values
from services.chikaya.domain import Action, State
from services.chikaya.domain.states import UNASSIGNED
from services.chikaya.store import administrations, reports, templates
from shared.db import Tx
from shared.errors import Problem
from shared.http import Body, Caller, Router, idempotency
from shared.http.context import ARRIVAL
from shared.http.idempotency import Claim, Replayed
from shared.http.problems import language
from shared.http.route import UNIT

router = Router(prefix="/answers")


class BulkIn(Body):
    """`values` for all of them. `take`: what nobody took yet is taken by the caller first, and begun."""

    template_id: UUID
    reports: Annotated[list[UUID], Field(min_length=1, max_length=100)]
    values: Values = Field(default_factory=dict)
    take: bool = False


class Result(StrEnum):
    ANSWERED = "answered"
    ALREADY = "already_answered"  # by somebody, with these very words
    REFUSED = "refused"


class ResultOut(BaseModel):
    """`problem` is what the single route would answer, where it was refused; `code` is the problem's."""

    report_id: UUID
    result: Result
    code: str | None = None
    problem: dict[str, Any] | None = None


class BulkOut(BaseModel):
    items: list[ResultOut]


@router.post("")
async def answer_all(caller: Annotated[Caller, authorize.caller(Action.ANSWER)], body: BulkIn) -> BulkOut:
    """A result for each, in the order asked. One that is refused holds up no other. Whoever is cut off before
    the answer, or by it, asks again the same with the same key: what was answered is not answered again, also
    where it was reopened since, and what was refused is tried.
    """
    try:
        async with _part(caller, "call") as claim:
            await templates.get(claim.tx, body.template_id)
            await claim.store(Response())
    except Replayed:
        pass  # the same call again: each report has a mark of its own
    return BulkOut(items=[await _result(caller, one, body) for one in dict.fromkeys(body.reports)])


@asynccontextmanager
async def _part(caller: Caller, name: str) -> AsyncIterator[Claim]:
    """A transaction of its own for one part of the call: what `store` of the claim puts down is done once for
    the caller's key and this part, whose key has a space, as no caller's has. Raises `Replayed` for what is
    done, Invalid `idempotency_key_reused`.
    """
    arrival, unit = ARRIVAL.get(), caller.request.scope[UNIT]
    wanted = idempotency.wanted(caller.request, unit.fingerprint)
    wanted["key"] = f"{sha256(wanted['key'].encode()).hexdigest()} {name}"
    async with caller.request.app.state.site.database.transaction(
        caller.actor,
        correlation_id=arrival.correlation_id,
        traceparent=arrival.traceparent,
        tracestate=arrival.tracestate,
        claim=wanted,
    ) as tx:
        yield await idempotency.claimed(tx, wanted)


async def _result(caller: Caller, report_id: UUID, body: BulkIn) -> ResultOut:
    try:
        async with _part(caller, str(report_id)) as claim:
            result = await _answered(claim.tx, report_id, body)
            if result is Result.ANSWERED:
                await claim.store(Response())
    except Replayed:
        return ResultOut(report_id=report_id, result=Result.ANSWERED)
    except Problem as refusal:
        problem = refusal.body(language())
        return ResultOut(report_id=report_id, result=Result.REFUSED, code=refusal.code, problem=problem)
    return ResultOut(report_id=report_id, result=result)


async def _answered(tx: Tx, report_id: UUID, body: BulkIn) -> Result:
    template = await templates.get(tx, body.template_id)
    report = await reports.locked(tx, report_id)
    report.demand(Action.ANSWER, tx.actor)
    text = template.drawn_up(report, body.values)
    await read_by_another(tx, tx.actor, Action.ANSWER, report)
    if report.answered_with(template.outcome, text):
        return Result.ALREADY
    desk = await administrations.desk_of(tx, report.collectivity)
    if body.take and report.state in UNASSIGNED:
        await reports.save(tx, report, because=report.assign(tx.actor.subject, by=tx.actor, now=tx.now))
    if body.take and report.state is State.ASSIGNED:
        await reports.save(tx, report, because=report.start(by=tx.actor, now=tx.now))
    event = report.answer(template.outcome, text, desk, by=tx.actor, now=tx.now)
    await reports.save(tx, report, because=event)
    return Result.ANSWERED
