"""What `deadlines` tells the world: the clocks of the law, and the calendar they are counted by.

Instants are UTC; days are civil days of Africa/Casablanca. `answer_by` is the instant at which silence takes
effect: 00:00 of the day after `last_day`. A refusal is lawful strictly before it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar, Final
from uuid import UUID

from shared.events import Event, Stream

Day = date  # for the classes that have a field named `date`


@dataclass(frozen=True, slots=True)
class Step:
    """One step from the start to the date: `text` is {"ar", "fr", "en"}, `article` where it comes from."""

    step: str
    date: date | None
    article: str
    text: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockEvent(Event):
    """What every event of a clock says.

    `service`, `aggregate` and `aggregate_id` name the file that it times. `discriminator` and `ordinal`
    tell apart the clocks of one rule on one file (an actor, a request; its second time). `generation` grows
    whenever the date changes or an announced expiry no longer holds, so that the owner can tell an old date
    from the present one. Without
    `answer_by` the clock is suspended and `remaining_days` are left; otherwise `remaining_days` is None.
    """

    clock_id: UUID
    service: str
    aggregate: str
    aggregate_id: str
    procedure: str | None
    collectivity: str
    rule: str
    rule_version: int
    role: str
    discriminator: str
    ordinal: int
    parent: UUID | None
    generation: int
    on_expiry: str
    last_day: date | None
    answer_by: datetime | None
    remaining_days: int | None
    provisional: bool
    officer_safe_by: date | None
    applicant_safe_from: date | None
    first_half_until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStarted(ClockEvent):
    TYPE: ClassVar[str] = "ma.jamaa.deadlines.clock.started.v1"
    started_at: datetime
    citation: str
    confidence: str
    label: dict[str, str]
    explanation: list[Step]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSuspended(ClockEvent):
    """`by` is what was asked (an event of the owner), `at` since when."""

    TYPE: ClassVar[str] = "ma.jamaa.deadlines.clock.suspended.v1"
    at: datetime
    by: str
    explanation: list[Step]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockResumed(ClockEvent):
    TYPE: ClassVar[str] = "ma.jamaa.deadlines.clock.resumed.v1"
    at: datetime
    by: str
    explanation: list[Step]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRestarted(ClockEvent):
    TYPE: ClassVar[str] = "ma.jamaa.deadlines.clock.restarted.v1"
    at: datetime
    by: str
    explanation: list[Step]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockExtended(ClockEvent):
    TYPE: ClassVar[str] = "ma.jamaa.deadlines.clock.extended.v1"
    at: datetime
    by: str
    days: int
    explanation: list[Step]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMoved(ClockEvent):
    """The calendar changed after the fact and the date with it. `reason` is what people are told, `source`
    the text that announced the change.
    """

    TYPE: ClassVar[str] = "ma.jamaa.deadlines.clock.moved.v1"
    old_last_day: date | None
    old_answer_by: datetime | None
    reason: dict[str, str]
    source: str
    announced_at: datetime
    explanation: list[Step]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockCertaintyChanged(ClockEvent):
    """The date stays, but what surrounds it changed: `provisional`, the safe dates, the first half."""

    TYPE: ClassVar[str] = "ma.jamaa.deadlines.clock.certainty_changed.v1"
    reason: dict[str, str]
    source: str
    announced_at: datetime
    explanation: list[Step]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockWarned(ClockEvent):
    """`warning` is `half`, `eighty_percent` or `two_days`; `due_at` is when it was due."""

    TYPE: ClassVar[str] = "ma.jamaa.deadlines.clock.warned.v1"
    warning: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockElapsed(ClockEvent):
    """Nobody answered. The effect is as of `effective_at`, however late it was noticed."""

    TYPE: ClassVar[str] = "ma.jamaa.deadlines.clock.elapsed.v1"
    effective_at: datetime
    noticed_at: datetime
    lateness_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStopped(ClockEvent):
    """The owner's outcome closed the clock: `answered` (the awaited act was done) or merely ended. `in_time`
    tells whether `at` was before `answer_by`, whatever this clock had announced before.
    """

    TYPE: ClassVar[str] = "ma.jamaa.deadlines.clock.stopped.v1"
    at: datetime
    outcome: str
    answered: bool
    in_time: bool
    elapsed_before: bool


CLOCKS: Final = Stream(
    "deadlines",
    "clock",
    (
        ClockStarted,
        ClockSuspended,
        ClockResumed,
        ClockRestarted,
        ClockExtended,
        ClockMoved,
        ClockCertaintyChanged,
        ClockWarned,
        ClockElapsed,
        ClockStopped,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDayEvent(Event):
    """`scope` is the collectivity whose offices alone are closed, None for the whole country. `off` false:
    the entry only ends those that it `replaces`. `feast` ties the days that move as one; `earliest` and
    `latest` bound an estimated one.
    """

    entry_id: UUID
    date: date
    kind: str
    status: str
    name: dict[str, str]
    source: str
    announced_at: datetime | None
    scope: str | None
    replaces: tuple[UUID, ...]
    off: bool = True
    feast: str | None = None
    earliest: Day | None = None
    latest: Day | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDayProposed(CalendarDayEvent):
    """Recorded by one person; changes nothing until another confirms it."""

    TYPE: ClassVar[str] = "ma.jamaa.deadlines.calendar_day.proposed.v1"
    proposed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDayConfirmed(CalendarDayEvent):
    """In force from now on, in place of what it replaces: every open clock concerned is counted again."""

    TYPE: ClassVar[str] = "ma.jamaa.deadlines.calendar_day.confirmed.v1"
    confirmed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDayRejected(CalendarDayEvent):
    TYPE: ClassVar[str] = "ma.jamaa.deadlines.calendar_day.rejected.v1"
    rejected_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDayReplaced(CalendarDayEvent):
    """No longer in force: `by` took its place."""

    TYPE: ClassVar[str] = "ma.jamaa.deadlines.calendar_day.replaced.v1"
    by: UUID
    replaced_at: datetime


CALENDAR_DAYS: Final = Stream(
    "deadlines",
    "calendar_day",
    (CalendarDayProposed, CalendarDayConfirmed, CalendarDayRejected, CalendarDayReplaced),
)
