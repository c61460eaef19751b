"""A clock: one deadline that runs on one file. It decides nothing; it announces.

running ⇄ suspended; running → elapsed; any of them → answered or stopped, which are the end. An elapsed clock
comes back only for what happened before its due instant and was heard of after it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid5

from services.deadlines.domain.calendar import Calendar
from services.deadlines.domain.counting import Extension, Interruption, Restart, Running, Suspension
from services.deadlines.domain.estimate import Estimate, estimate
from services.deadlines.domain.explanation import explain, not_before
from services.deadlines.domain.rules import Effect, Opening, Reaction, Role, Rule, Warn
from services.deadlines.events import (
    ClockCertaintyChanged,
    ClockElapsed,
    ClockEvent,
    ClockExtended,
    ClockMoved,
    ClockRestarted,
    ClockResumed,
    ClockStarted,
    ClockStopped,
    ClockSuspended,
    ClockWarned,
    Step,
)
from shared.data import Names
from shared.errors import Conflict
from shared.time import civil_day, midnight

NAMESPACE: Final = UUID("6f0a3c5e-7d51-5a0e-9d0c-1b5b1c0f5519")
ONE_DAY: Final = timedelta(days=1)


class State(StrEnum):
    RUNNING = "running"
    SUSPENDED = "suspended"
    ELAPSED = "elapsed"
    """The due instant passed and nobody had answered."""
    ANSWERED = "answered"
    """The act that was awaited was done, in time or not."""
    STOPPED = "stopped"
    """Nothing is awaited any more."""


NEXT: Final[dict[State, frozenset[State]]] = {
    State.RUNNING: frozenset(State),
    State.SUSPENDED: frozenset({State.SUSPENDED, State.RUNNING, State.ANSWERED, State.STOPPED}),
    State.ELAPSED: frozenset({State.RUNNING, State.SUSPENDED, State.ANSWERED, State.STOPPED}),
    State.ANSWERED: frozenset(),
    State.STOPPED: frozenset(),
}

HEARS: Final[dict[State, frozenset[Effect]]] = {
    State.RUNNING: frozenset(
        {Effect.SUSPEND, Effect.RESTART, Effect.EXTEND, Effect.ANSWER, Effect.STOP},
    ),
    State.SUSPENDED: frozenset(
        {Effect.RESUME, Effect.RESTART, Effect.EXTEND, Effect.ANSWER, Effect.STOP},
    ),
    State.ELAPSED: frozenset(
        {Effect.SUSPEND, Effect.RESTART, Effect.EXTEND, Effect.ANSWER, Effect.STOP},
    ),
    State.ANSWERED: frozenset(),
    State.STOPPED: frozenset(),
}
"""What an event of the owner can do to a clock in each state; anything else passes it by."""

RENEWABLE: Final = frozenset({State.ELAPSED, State.ANSWERED, State.STOPPED})
"""Where another clock of the same rule may begin."""

ENDS: Final = frozenset({Effect.ANSWER, Effect.STOP})


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What a clock times: an aggregate of another service."""

    service: str
    aggregate: str
    id: str
    procedure: str | None
    collectivity: str


def clock_id(file: File, rule: str, discriminator: str = "", ordinal: int = 1) -> UUID:
    """The same facts give the same clock, whoever computes it and however often. `ordinal` counts the clocks
    that a rule has had on a file: an opinion asked for a second time has a clock of its own.
    """
    return uuid5(
        NAMESPACE, "/".join((file.service, file.aggregate, file.id, rule, discriminator, str(ordinal)))
    )


def next_ordinal(opening: Opening, clocks: Iterable["Clock"]) -> int | None:
    """Which clock of its rule the opening would start on a file that has `clocks`; None when one still
    runs. The decision on a file has one clock, whatever became of it; a rule that runs `once` begins again
    only where it was stopped.
    """
    same = [
        one
        for one in clocks
        if one.rule.code == opening.rule.code and one.discriminator == opening.discriminator
    ]
    over = frozenset({State.STOPPED}) if opening.rule.profile.once else RENEWABLE
    alive = any(one.state not in over for one in same)
    if alive or (same and opening.rule.role is Role.DECISION):
        return None
    return len(same) + 1


@dataclass(slots=True, kw_only=True)
class Clock:
    """`answer_by` is the due instant (00:00 in Casablanca, in UTC), None while suspended. `settled_at` is
    from when it can be announced as elapsed: later than `answer_by` while a feast is only estimated, None
    when no instant is certain. `not_before` is the floor that a late change of the calendar left. `version`
    is the sequence of its last event.
    """

    id: UUID
    file: File
    rule: Rule
    discriminator: str
    ordinal: int
    parent: UUID | None
    started_at: datetime
    state: State = State.RUNNING
    interruptions: tuple[Interruption, ...] = ()
    last_day: date | None = None
    answer_by: datetime | None = None
    remaining_days: int | None = None
    provisional: bool = False
    settled_at: datetime | None = None
    officer_safe_by: date | None = None
    applicant_safe_from: date | None = None
    first_half_until: date | None = None
    not_before: datetime | None = None
    warnings: dict[Warn, datetime] = field(default_factory=dict)
    """When each warning is due."""
    warned: frozenset[Warn] = frozenset()
    generation: int = 0
    elapsed_at: datetime | None = None
    """The due instant that was announced as passed."""
    closed_at: datetime | None = None
    outcome: str | None = None
    in_time: bool | None = None
    version: int = 0

    @classmethod
    def start(
        cls, opening: Opening, file: File, calendar: Calendar, *, ordinal: int = 1, parent: UUID | None = None
    ) -> tuple["Clock", ClockStarted]:
        """Opens the clock under the rule's version in force on the starting day."""
        rule = opening.rule
        clock = cls(
            id=clock_id(file, rule.code, opening.discriminator, ordinal),
            file=file,
            rule=rule,
            discriminator=opening.discriminator,
            ordinal=ordinal,
            parent=None if rule.role is Role.DECISION else parent,
            started_at=opening.at,
        )
        explanation = clock._count(calendar)
        return clock, ClockStarted(
            **clock._facts(),
            started_at=clock.started_at,
            citation=rule.citation,
            confidence=rule.confidence,
            label=rule.label,
            explanation=explanation,
        )

    def estimate(self, calendar: Calendar) -> Estimate:
        """What the law says of the facts alone, without the floor of a late announcement."""
        return estimate(self.rule, self.started_at, self.interruptions, calendar, self.file.collectivity)

    def explain(self, calendar: Calendar) -> list[Step]:
        return self._explain(self.estimate(calendar))

    # What the owner announced

    def concerns(self, data: Mapping[str, Any]) -> bool:
        """Whether an event of the file is about this clock: one that names no actor or request is about
        all.
        """
        named = self.rule.discriminator(data)
        return not named or named == self.discriminator

    def react(self, reaction: Reaction, calendar: Calendar) -> ClockEvent | None:
        """What an event of the owner does to this clock; None when it changes nothing, for instance because
        it came after the last day. Raises `Conflict` on a second extension.
        """
        late = self.answer_by is not None and reaction.at >= self.answer_by
        if reaction.effect not in HEARS[self.state] or (late and reaction.effect not in ENDS):
            return None
        match reaction.effect:
            case Effect.SUSPEND:
                return self.suspend(reaction.at, reaction.outcome, calendar)
            case Effect.RESUME:
                return self.resume(reaction.at, reaction.outcome, calendar)
            case Effect.RESTART:
                return self.restart(reaction.at, reaction.outcome, calendar)
            case Effect.EXTEND:
                return self.extend(reaction.at, reaction.outcome, reaction.days, calendar)
            case _:
                return self.stop(reaction.at, reaction.outcome, answered=reaction.effect is Effect.ANSWER)

    def suspend(self, at: datetime, by: str, calendar: Calendar) -> ClockSuspended:
        """The day of `at` no longer counts (55-19 art. 7, 10, 14)."""
        self._before_due(at)
        self.interruptions = (*self.interruptions, Suspension(civil_day(at)))
        explanation = self._count(calendar)
        return ClockSuspended(**self._facts(), at=at, by=by, explanation=explanation)

    def resume(self, at: datetime, by: str, calendar: Calendar) -> ClockResumed:
        """The days that were left run from the day after (55-19 art. 14)."""
        self._expect(State.SUSPENDED)
        day = self._close_suspensions(at)
        # A late change of the calendar may have made the suspension needless: no date in the past.
        self.not_before = max(filter(None, (self.not_before, midnight(day + ONE_DAY))))
        explanation = self._count(calendar)
        return ClockResumed(**self._facts(), at=at, by=by, explanation=explanation)

    def restart(self, at: datetime, by: str, calendar: Calendar) -> ClockRestarted:
        """A substantively modified project was deposited: a new day 0 (RGC art. 41). The extension stays
        used.
        """
        self._before_due(at)
        day = self._close_suspensions(at)
        self.interruptions = (*self.interruptions, Restart(day))
        self.not_before = None
        explanation = self._count(calendar)
        return ClockRestarted(**self._facts(), at=at, by=by, explanation=explanation)

    def extend(self, at: datetime, by: str, days: int, calendar: Calendar) -> ClockExtended:
        """Once (55-19 art. 17). Raises `Conflict` the second time."""
        self._before_due(at)
        if any(isinstance(one, Extension) for one in self.interruptions):
            raise Conflict("extension_already_used", "A period is extended once only (law 55-19 art. 17).")
        self.interruptions = (*self.interruptions, Extension(days))
        explanation = self._count(calendar)
        return ClockExtended(**self._facts(), at=at, by=by, days=days, explanation=explanation)

    def stop(self, at: datetime, outcome: str, *, answered: bool) -> ClockStopped:
        """The owner's outcome closes the clock, also after it elapsed: a decision taken before the due
        instant wins whenever it is heard of, a later one is recorded as not in time.
        """
        self._become(State.ANSWERED if answered else State.STOPPED)
        self.closed_at, self.outcome = at, outcome
        self.in_time = self.answer_by is None or at < self.answer_by
        return ClockStopped(
            **self._facts(),
            at=at,
            outcome=outcome,
            answered=answered,
            in_time=self.in_time,
            elapsed_before=self.elapsed_at is not None,
        )

    # What the calendar and the passing of time do

    def recount(
        self, calendar: Calendar, reason: Names, source: str, announced_at: datetime, now: datetime
    ) -> ClockMoved | ClockCertaintyChanged | None:
        """Counts again after a change of the calendar; None when nothing of this clock changes. Only a
        running clock moves: an elapsed one stays elapsed, a suspended one is counted when it resumes. The
        due instant is never brought before the midnight that follows the announcement, nor the one that
        follows `now`.
        """
        if self.state is not State.RUNNING or self.answer_by is None:
            return None
        due, last_day, doubts = self.answer_by, self.last_day, self._doubts
        counted = self.estimate(calendar)
        if counted.effective_at is not None and counted.effective_at < due:
            floor = min(due, midnight(civil_day(max(announced_at, now)) + ONE_DAY))
            if counted.effective_at < floor:
                self.not_before = max(floor, self.not_before or floor)
        explanation = self._count(calendar, counted)
        why: dict[str, Any] = {"reason": reason, "source": source, "announced_at": announced_at}
        if self.answer_by != due:
            why |= {"old_last_day": last_day, "old_answer_by": due}
            return ClockMoved(**self._facts(), **why, explanation=explanation)
        if self._doubts != doubts:
            return ClockCertaintyChanged(**self._facts(), **why, explanation=explanation)
        return None

    @property
    def next_at(self) -> datetime | None:
        """When to look at this clock again: the next warning, or the instant from which it can elapse."""
        if self.state is not State.RUNNING or self.answer_by is None:
            return None
        pending = [at for warning, at in self.warnings.items() if warning not in self.warned]
        return min([*pending, *([self.settled_at] if self.settled_at else [])], default=None)

    def due(self, now: datetime) -> bool:
        """Whether it can be announced as elapsed: its instant has passed under every reading left open."""
        return self.state is State.RUNNING and self.settled_at is not None and now >= self.settled_at

    def warn(self, now: datetime) -> ClockWarned | None:
        """The warning that is due, the latest if several are. None when there is none or the clock has
        elapsed.
        """
        if self.state is not State.RUNNING or self.due(now):
            return None
        pending = {
            warning: at for warning, at in self.warnings.items() if warning not in self.warned and at <= now
        }
        if not pending:
            return None
        self.warned |= pending.keys()
        latest = max(pending, key=lambda warning: pending[warning])
        return ClockWarned(**self._facts(), warning=latest, due_at=pending[latest])

    def elapse(self, now: datetime) -> ClockElapsed:
        """The effect is as of the due instant, however late `now` is. Raises `Conflict` before it is due."""
        if not self.due(now) or self.answer_by is None:
            raise Conflict(
                "clock_not_due", f"The clock {self.id} is {self.state} and due at {self.settled_at}."
            )
        self._become(State.ELAPSED)
        self.elapsed_at = self.answer_by
        return ClockElapsed(
            **self._facts(),
            effective_at=self.answer_by,
            noticed_at=now,
            lateness_seconds=int((now - self.answer_by).total_seconds()),
        )

    # How it keeps its dates

    def _count(self, calendar: Calendar, counted: Estimate | None = None) -> list[Step]:
        """Counts the facts, sets the dates and the state, and says why."""
        counted = counted or self.estimate(calendar)
        effective_at, last_day, settled_at = counted.effective_at, counted.last_day, counted.settled_at
        if effective_at is not None and self.not_before is not None and effective_at < self.not_before:
            effective_at = self.not_before
            last_day = civil_day(effective_at) - ONE_DAY
            settled_at = settled_at and max(settled_at, effective_at)
        if effective_at != self.answer_by or self.elapsed_at is not None or not self.generation:
            self.generation += 1  # an expiry that no longer holds never fires twice under one generation
        self.last_day, self.answer_by, self.settled_at = last_day, effective_at, settled_at
        self.provisional = counted.provisional
        self.remaining_days = counted.remaining_days() if effective_at is None else None
        self.officer_safe_by = counted.officer_safe_by
        self.applicant_safe_from = counted.applicant_safe_from
        self.first_half_until = counted.first_half_until
        due = counted.warnings
        self.warned = frozenset(one for one in self.warned if self.warnings.get(one) == due.get(one))
        self.warnings = due
        self._become(State.SUSPENDED if counted.state is Running.SUSPENDED else State.RUNNING)
        self.elapsed_at = None
        return self._explain(counted)

    def _explain(self, counted: Estimate) -> list[Step]:
        steps = explain(counted)
        if self.last_day is not None and self.last_day != counted.last_day:
            steps.append(not_before(self.last_day))
        return steps

    @property
    def _doubts(self) -> tuple[Any, ...]:
        """What surrounds the date: a change of the calendar may change it and leave the date."""
        return (
            self.provisional,
            self.settled_at,
            self.officer_safe_by,
            self.applicant_safe_from,
            self.first_half_until,
            self.warnings,
        )

    def _close_suspensions(self, at: datetime) -> date:
        day = civil_day(at)
        self.interruptions = tuple(
            Suspension(one.since, max(day, one.since))
            if isinstance(one, Suspension) and one.to is None
            else one
            for one in self.interruptions
        )
        return day

    def _before_due(self, at: datetime) -> None:
        if not HEARS[self.state] or (self.answer_by is not None and at >= self.answer_by):
            raise Conflict("clock_over", f"The clock {self.id} is {self.state}, due at {self.answer_by}.")

    def _expect(self, state: State) -> None:
        if self.state is not state:
            raise Conflict("clock_state", f"The clock {self.id} is {self.state}, not {state}.")

    def _become(self, state: State) -> None:
        if state not in NEXT[self.state]:
            raise Conflict("clock_state", f"A clock that is {self.state} cannot become {state}.")
        self.state = state

    def _facts(self) -> dict[str, Any]:
        return {
            "clock_id": self.id,
            "service": self.file.service,
            "aggregate": self.file.aggregate,
            "aggregate_id": self.file.id,
            "procedure": self.file.procedure,
            "collectivity": self.file.collectivity,
            "rule": self.rule.code,
            "rule_version": self.rule.version,
            "role": str(self.rule.role),
            "discriminator": self.discriminator,
            "ordinal": self.ordinal,
            "parent": self.parent,
            "generation": self.generation,
            "on_expiry": str(self.rule.on_expiry),
            "last_day": self.last_day,
            "answer_by": self.answer_by,
            "remaining_days": self.remaining_days,
            "provisional": self.provisional,
            "officer_safe_by": self.officer_safe_by,
            "applicant_safe_from": self.applicant_safe_from,
            "first_half_until": self.first_half_until,
        }
