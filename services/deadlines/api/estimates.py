"""What date the law gives, before anything is filed. Writes nothing; citizen portals show it."""

from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from services.deadlines.api.common import StepOut, authorize
from services.deadlines.domain.counting import LONGEST, Extension, Interruption, Restart, Running, Suspension
from services.deadlines.domain.estimate import estimate
from services.deadlines.domain.explanation import explain
from services.deadlines.domain.loading import rulebook
from services.deadlines.domain.rules import Expiry
from services.deadlines.store import calendar
from shared.db import Tx
from shared.errors import Invalid
from shared.http import PUBLIC, Body, Collectivity, Day, Instant, Router
from shared.time import civil_day

router = Router(prefix="")

AHEAD = timedelta(days=366)


class InterruptionIn(Body):
    """`suspension` with `from` and `to` (null while it lasts; both days are touched and do not count),
    `restart` with `to` alone (the new deposit, which is the new day 0), `extension` with `days`.
    """

    kind: Literal["suspension", "restart", "extension"]
    since: Day | None = Field(default=None, alias="from")
    to: Day | None = None
    days: int | None = Field(default=None, ge=1, le=LONGEST)

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        given = {name for name in ("since", "to", "days") if getattr(self, name) is not None}
        if given - {"to"} != NEEDS[self.kind] - {"to"} or (self.kind == "restart") > ("to" in given):
            raise ValueError("a suspension has from and to, a restart has to, an extension has days")
        if self.kind == "extension" and "to" in given:
            raise ValueError("an extension has days only")
        return self

    def interruption(self) -> Interruption:
        if self.since is not None:
            return Suspension(self.since, self.to)
        if self.days is not None:
            return Extension(self.days)
        assert self.to is not None  # the validator's
        return Restart(self.to)


NEEDS = {"suspension": {"since", "to"}, "restart": {"to"}, "extension": {"days"}}


class EstimateIn(Body):
    procedure: str = Field(max_length=64, examples=["construction_small"])
    commune: Collectivity
    starts_at: Instant
    interruptions: list[InterruptionIn] = Field(default=[], max_length=100)


class EstimateOut(BaseModel):
    """`remaining_days` are those that a suspension leaves, or those left today. While suspended, dates are
    null. `officer_safe_by` and `applicant_safe_from` hold under every plausible reading of the law.
    """

    rule: str
    last_day: date | None
    effective_at: Instant | None
    state: Running
    remaining_days: int
    provisional: bool
    officer_safe_by: date | None
    applicant_safe_from: date | None
    on_expiry: Expiry
    explanation: list[StepOut]


@router.post("/estimates")
async def estimate_date(
    tx: Annotated[Tx, authorize(PUBLIC, idempotent=False, limit="1000/second")], body: EstimateIn
) -> EstimateOut:
    """The last day of a procedure's period and why, article by article."""
    if body.starts_at > tx.now + AHEAD:
        raise Invalid("starts_too_far_ahead", f"A start up to {AHEAD.days} days ahead can be estimated.")
    _, days = await calendar.current(tx)
    rule = rulebook().decision(body.procedure, civil_day(body.starts_at))
    counted = estimate(
        rule, body.starts_at, [one.interruption() for one in body.interruptions], days, body.commune
    )
    return EstimateOut(
        rule=rule.code,
        last_day=counted.last_day,
        effective_at=counted.effective_at,
        state=counted.state,
        remaining_days=counted.remaining_days(
            None if counted.state is Running.SUSPENDED else civil_day(tx.now)
        ),
        provisional=counted.provisional,
        officer_safe_by=counted.officer_safe_by,
        applicant_safe_from=counted.applicant_safe_from,
        on_expiry=rule.on_expiry,
        explanation=[StepOut.of(step) for step in explain(counted)],
    )
