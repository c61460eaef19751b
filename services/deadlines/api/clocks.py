"""The clocks of one's territory, by urgency; and why a date was what it was at any past instant."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, cast
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel

from services.deadlines.api.common import Procedure, RuleCode, StepOut, authorize
from services.deadlines.domain.clock import Clock, State
from services.deadlines.domain.permissions import Action
from services.deadlines.domain.rules import Expiry, Role
from services.deadlines.events import Step
from services.deadlines.store import calendar, clocks
from services.deadlines.store.clocks import Clocks, Filter
from shared.db import Tx
from shared.errors import NotFound
from shared.http import Collectivity, Instant, Listing, Page, Router, Texts, etag
from shared.territory import territory
from shared.time import civil_day, midnight

router = Router(prefix="")

FAR = datetime(9999, 1, 1, tzinfo=UTC)


class ClockOut(BaseModel):
    """`answer_by` is when silence takes effect; null while suspended, when `remaining_days` are left."""

    id: UUID
    service: str
    aggregate: str
    aggregate_id: str
    procedure: str | None
    collectivity: str
    rule: str
    rule_version: int
    role: Role
    label: Texts
    citation: str
    confidence: str
    discriminator: str
    parent: UUID | None
    state: State
    started_at: Instant
    last_day: date | None
    answer_by: Instant | None
    remaining_days: int | None
    provisional: bool
    officer_safe_by: date | None
    applicant_safe_from: date | None
    first_half_until: date | None
    on_expiry: Expiry
    elapsed_at: Instant | None
    closed_at: Instant | None
    outcome: str | None
    in_time: bool | None
    version: int

    @classmethod
    def of(cls, clock: Clock) -> "ClockOut":
        rule = clock.rule
        return cls(
            id=clock.id,
            service=clock.file.service,
            aggregate=clock.file.aggregate,
            aggregate_id=clock.file.id,
            procedure=clock.file.procedure,
            collectivity=clock.file.collectivity,
            rule=rule.code,
            rule_version=rule.version,
            role=rule.role,
            label=Texts(**rule.label),
            citation=rule.citation,
            confidence=rule.confidence,
            discriminator=clock.discriminator,
            parent=clock.parent,
            state=clock.state,
            started_at=clock.started_at,
            last_day=clock.last_day,
            answer_by=clock.answer_by,
            remaining_days=clock.remaining_days,
            provisional=clock.provisional,
            officer_safe_by=clock.officer_safe_by,
            applicant_safe_from=clock.applicant_safe_from,
            first_half_until=clock.first_half_until,
            on_expiry=rule.on_expiry,
            elapsed_at=clock.elapsed_at,
            closed_at=clock.closed_at,
            outcome=clock.outcome,
            in_time=clock.in_time,
            version=clock.version,
        )


class ExplanationOut(BaseModel):
    """What was known of a date at `as_of`, by the event that last said so."""

    clock: UUID
    as_of: Instant
    said_at: Instant
    said_by: str
    last_day: date | None
    answer_by: Instant | None
    explanation: list[StepOut]


@router.get("/clocks")
async def list_clocks(
    tx: Annotated[Tx, authorize(Action.LIST_CLOCKS)],
    paging: Listing,
    commune: Collectivity | None = None,
    service: Annotated[str | None, Query(max_length=64)] = None,
    aggregate_id: Annotated[str | None, Query(max_length=64)] = None,
    procedure: Procedure | None = None,
    rule: RuleCode | None = None,
    state: Annotated[list[State] | None, Query()] = None,
    due_within: Annotated[int | None, Query(ge=0, le=366, description="days from today")] = None,
    elapsed_within: Annotated[int | None, Query(ge=0, le=3660, description="days back from today")] = None,
) -> Page[ClockOut]:
    """By legal urgency: what is due first comes first, what is suspended last.

    Without `state`, what runs or is suspended; all clocks of one file, or all that `elapsed_within`, when one
    asks for these. `due_within` is about running clocks alone; `elapsed_within` leaves out what was answered
    in time.
    """
    if due_within is not None:
        state = [State.RUNNING] if state is None or State.RUNNING in state else []
    elif state is None and aggregate_id is None and elapsed_within is None:
        state = [State.RUNNING, State.SUSPENDED]
    today = midnight(civil_day(tx.now))
    where = Filter(
        collectivities=None if commune is None else sorted(territory().within(commune)),
        service=service,
        aggregate_id=aggregate_id,
        procedure=procedure,
        rule=rule,
        states=state,
        due_from=None if due_within is None else tx.now,
        due_before=None if due_within is None else today + timedelta(days=due_within + 1),
        elapsed_from=None if elapsed_within is None else today - timedelta(days=elapsed_within),
    )
    after = paging.after(datetime, UUID)
    found = await clocks.find(tx, where, after=after and (after[0], after[1]), limit=paging.fetch)
    return paging.page(found, key=lambda clock: (clock.answer_by or FAR, clock.id), to=ClockOut.of)


@router.get("/clocks/{clock_id}")
async def read_clock(
    tx: Annotated[Tx, authorize(Action.READ_CLOCK)], clock_id: UUID, response: Response
) -> ClockOut:
    revision, _ = await calendar.current(tx)
    clock = await Clocks(tx, revision).get(clock_id)
    etag(response, clock.version)
    return ClockOut.of(clock)


@router.get("/clocks/{clock_id}/explanation")
async def explain_clock(
    tx: Annotated[Tx, authorize(Action.READ_CLOCK)], clock_id: UUID, as_of: Instant | None = None
) -> ExplanationOut:
    """Why the date was what it was at `as_of` (now, by default)."""
    revision, _ = await calendar.current(tx)
    clock = await Clocks(tx, revision).get(clock_id)
    at = as_of or tx.now
    said = None
    for event, occurred_at in await clocks.history(tx, clock.id, at):
        if steps := getattr(event, "explanation", None):
            said = (event, cast("list[Step]", steps), occurred_at)
    if said is None:
        raise NotFound("not_started_then", "The clock had not been started at that instant.")
    event, steps, said_at = said
    return ExplanationOut(
        clock=clock.id,
        as_of=at,
        said_at=said_at,
        said_by=event.TYPE,
        last_day=event.last_day,
        answer_by=event.answer_by,
        explanation=[StepOut.of(step) for step in steps],
    )
