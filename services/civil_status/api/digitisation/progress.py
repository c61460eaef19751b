"""How far offices and the country are, who did how much, and the rules that it is done by."""

from datetime import timedelta
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from services.civil_status.api.common import authorize
from services.civil_status.api.digitisation.common import ObstacleOut
from services.civil_status.domain.digitisation.rules import rules
from services.civil_status.domain.digitisation.states import EntryState
from services.civil_status.domain.permissions import MAY
from services.civil_status.domain.states import Action
from services.civil_status.events.digitisation import Damage, RejectGround
from services.civil_status.store.digitisation import progress
from shared.auth import Role
from shared.db import Tx
from shared.http import PUBLIC, Collectivity, Day, Listing, Page, Router
from shared.time import civil_day

router = Router(prefix="/digitisation")

MONTH = timedelta(days=30)


class OfficeOut(BaseModel):
    """`expected`: acts that the opened volumes hold by their closing statements; `acts`: those listed."""

    office: str
    volumes: int
    pages: int
    expected: int
    acts: dict[EntryState, int]


class ProgressOut(BaseModel):
    """`target` is the country's; `done` are acts of paper that the register holds, keyed here or `imported`
    from files: what was keyed and found there already is not counted twice.
    """

    within: str | None
    target: int
    target_source: str
    done: int
    imported: int
    share: float
    volumes: int
    pages: int
    expected: int
    acts: dict[EntryState, int]


class WorkOut(BaseModel):
    """Of one person in the period. `error_rate`: fields that were decided otherwise, of those keyed."""

    operator: str
    days: int
    scanned: int
    keyed: int
    keyed_per_day: float
    fields: int
    errors: int
    error_rate: float
    adjudicated: int
    checked: int
    rejected: int


class PlanOut(BaseModel):
    from_lot: int
    sample: int
    accept: int


class RulesOut(BaseModel):
    sampling_source: str
    confidence: str
    plans: list[PlanOut]
    hold_minutes: int
    least_side: int
    most_pixels: int
    most_acts: int
    rejects: list[ObstacleOut]
    damages: list[ObstacleOut]


@router.get("/rules")
async def read_rules(tx: Annotated[Tx, authorize(PUBLIC)]) -> RulesOut:
    """By what samples are drawn and lots accepted, and the next step after each reject."""
    known = rules()
    return RulesOut(
        sampling_source=known.sampling.source,
        confidence=known.sampling.confidence,
        plans=[
            PlanOut(from_lot=one.from_lot, sample=one.sample, accept=one.accept)
            for one in known.sampling.plans
        ],
        hold_minutes=known.hold_minutes,
        least_side=known.scan.least_side,
        most_pixels=known.scan.most_pixels,
        most_acts=known.most_acts,
        rejects=[one for code in RejectGround if (one := ObstacleOut.of(code))],
        damages=[one for code in Damage if (one := ObstacleOut.of(code))],
    )


@router.get("/progress")
async def read_progress(
    tx: Annotated[Tx, authorize(Action.READ_PROGRESS)], within: Collectivity | None = None
) -> ProgressOut:
    """Of the country, or of a region, province or commune."""
    found = await progress.progress(tx, within=within)
    imported = await progress.imported(tx, within=within)
    done = found.acts[EntryState.REGISTERED] + imported
    return ProgressOut(
        within=within,
        target=rules().acts,
        target_source=rules().acts_source,
        done=done,
        imported=imported,
        share=done / rules().acts,
        volumes=found.volumes,
        pages=found.pages,
        expected=found.expected,
        acts=dict(found.acts),
    )


@router.get("/offices")
async def list_offices(
    tx: Annotated[Tx, authorize(Action.READ_PROGRESS)], paging: Listing, within: Collectivity | None = None
) -> Page[OfficeOut]:
    """Office by office, by code."""
    after = paging.after(str)
    found = await progress.by_office(tx, within=within, after=after[0] if after else None, limit=paging.fetch)
    return paging.page(found, key=lambda one: (one.office,), to=_office)


def _office(found: progress.Progress) -> OfficeOut:
    assert found.office is not None
    return OfficeOut(
        office=found.office,
        volumes=found.volumes,
        pages=found.pages,
        expected=found.expected,
        acts=dict(found.acts),
    )


@router.get("/throughput")
async def read_throughput(
    tx: Annotated[Tx, authorize(Action.READ_THROUGHPUT)],
    paging: Listing,
    since: Annotated[Day | None, Query()] = None,
    until: Annotated[Day | None, Query()] = None,
) -> Page[WorkOut]:
    """By person, in the offices that the caller supervises; a clerk sees their own. The last thirty days."""
    last = until or civil_day(tx.now)
    supervises = tx.actor.holds(*MAY[Action.TAKE_OVER], Role.CIVIL_STATUS_AUTHORITY)
    after = paging.after(str)
    found = await progress.throughput(
        tx,
        since=since or last - MONTH,
        until=last,
        operator=None if supervises else tx.actor.subject,
        after=after[0] if after else None,
        limit=paging.fetch,
    )
    return paging.page(found, key=lambda one: (one.operator,), to=_work)


def _work(found: progress.Work) -> WorkOut:
    return WorkOut(
        **{name: getattr(found, name) for name in WorkOut.model_fields if hasattr(found, name)},
        keyed_per_day=found.keyed / max(found.days, 1),
        error_rate=found.errors / max(found.fields, 1),
    )
