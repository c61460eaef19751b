"""The clock: what each state hears, what late news does, and what the calendar may not do to it."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.deadlines.domain.calendar import (
    Calendar,
    CalendarDay,
    Kind,
    Status,
    load_fixed,
    load_seed,
    seed_calendar,
)
from services.deadlines.domain.clock import HEARS, NEXT, Clock, File, State, clock_id, next_ordinal
from services.deadlines.domain.loading import rulebook
from services.deadlines.domain.rules import Effect, Opening, Reaction, Role, Warn
from services.deadlines.events import (
    CLOCKS,
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
)
from shared.errors import Conflict
from shared.time import civil_day, midnight, parse_instant

D = date.fromisoformat
T = parse_instant
HOUR: Final = timedelta(hours=1)
FILE: Final = File(
    service="rokhas",
    aggregate="dossier",
    id="0b2b7a5e-6b0f-4a64-9b0c-0d8f6b8f2b11",
    procedure="construction_small",
    collectivity="06.141.01.0",
)
MONDAY: Final = T("2026-11-23T10:00:00Z")
DUE: Final = T("2026-12-10T00:00:00Z")
WHY: Final = {"ar": "عطلة", "fr": "Jour chômé", "en": "Day off"}


def opening(code: str = "construction_small", at: datetime = MONDAY, discriminator: str = "") -> Opening:
    return Opening(rulebook().rule(code, civil_day(at)), at, discriminator)


def started(at: datetime = MONDAY, calendar: Calendar | None = None) -> Clock:
    return Clock.start(opening(at=at), FILE, calendar or seed_calendar())[0]


def reaction(effect: Effect, at: str, days: int = 0) -> Reaction:
    return Reaction(effect, T(at), "asked", days)


def in_state(state: State) -> Clock:
    clock = started()
    match state:
        case State.SUSPENDED:
            clock.suspend(T("2026-11-25T10:00:00Z"), "information_requested", seed_calendar())
        case State.ELAPSED:
            clock.elapse(DUE)
        case State.ANSWERED:
            clock.stop(T("2026-11-25T10:00:00Z"), "granted", answered=True)
        case State.STOPPED:
            clock.stop(T("2026-11-25T10:00:00Z"), "withdrawn", answered=False)
        case State.RUNNING:
            pass
    assert clock.state is state
    return clock


def with_day(day: str, calendar_days: list[CalendarDay] | None = None) -> Calendar:
    closure = CalendarDay(
        date=D(day),
        kind=Kind.CLOSURE,
        status=Status.CONFIRMED,
        name=WHY,
        source="decision of the Head of Government",
    )
    return Calendar([*(load_seed() if calendar_days is None else calendar_days), closure], load_fixed())


def recount(clock: Clock, calendar: Calendar, now: str) -> ClockMoved | ClockCertaintyChanged | None:
    return clock.recount(calendar, WHY, "decision of the Head of Government", T(now), T(now))


def test_a_clock_starts_with_its_date_and_the_reason() -> None:
    clock, event = Clock.start(opening(), FILE, seed_calendar())
    assert (clock.state, clock.answer_by, clock.last_day) == (State.RUNNING, DUE, D("2026-12-09"))
    assert (event.clock_id, event.answer_by, event.generation) == (clock.id, DUE, 1)
    assert (event.rule, event.rule_version, event.on_expiry) == ("construction_small", 2, "approval")
    assert (event.first_half_until, event.remaining_days) == (D("2026-11-30"), None)
    assert [step.step for step in event.explanation][-3:] == ["first_half", "reading", "reading"]
    assert ClockStarted.read(event.payload()) == event


def test_the_same_facts_give_the_same_clock() -> None:
    one = clock_id(FILE, "opinion.large", "urban_agency")
    assert one == clock_id(FILE, "opinion.large", "urban_agency")
    others = {
        clock_id(FILE, "opinion.large", "province"),
        clock_id(FILE, "opinion.large", "urban_agency", 2),
        clock_id(FILE, "opinion.other", "urban_agency"),
        clock_id(replace(FILE, id="another"), "opinion.large", "urban_agency"),
    }
    assert len(others | {one}) == 5


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("effect", [effect for effect in Effect if effect is not Effect.START])
def test_every_state_hears_what_the_table_says(state: State, effect: Effect) -> None:
    clock = in_state(state)
    event = clock.react(reaction(effect, "2026-11-26T10:00:00Z", 10), seed_calendar())
    assert (event is not None) is (effect in HEARS[state])
    assert clock.state in NEXT[state] | {state}
    if event is None:
        assert clock.state is state
    else:
        assert CLOCKS.types[event.TYPE] is type(event)
        assert (event.answer_by, event.generation) == (clock.answer_by, clock.generation)


def test_the_table_of_states_is_closed_and_its_ends_are_ends() -> None:
    assert NEXT.keys() == HEARS.keys() == set(State)
    assert {state for state in State if not NEXT[state]} == {State.ANSWERED, State.STOPPED}


def test_suspended_then_resumed_with_the_days_that_were_left_55_19_art_14() -> None:
    clock = started()
    suspended = clock.react(reaction(Effect.SUSPEND, "2026-11-25T10:00:00Z"), seed_calendar())
    assert isinstance(suspended, ClockSuspended)
    assert (suspended.answer_by, suspended.remaining_days, clock.next_at) == (None, 14, None)
    resumed = clock.react(reaction(Effect.RESUME, "2026-11-27T10:00:00Z"), seed_calendar())
    assert isinstance(resumed, ClockResumed)
    assert (resumed.last_day, resumed.remaining_days, resumed.generation) == (D("2026-12-14"), None, 3)


def test_a_modified_project_starts_anew_and_ends_what_was_asked_rgc_art_41() -> None:
    clock = in_state(State.SUSPENDED)
    event = clock.react(reaction(Effect.RESTART, "2026-12-01T10:00:00Z"), seed_calendar())
    assert isinstance(event, ClockRestarted)
    assert (clock.state, clock.last_day) == (State.RUNNING, D("2026-12-17"))


def test_extended_once_only_55_19_art_17() -> None:
    clock = started()
    event = clock.react(reaction(Effect.EXTEND, "2026-11-25T10:00:00Z", 15), seed_calendar())
    assert isinstance(event, ClockExtended)
    assert (event.days, clock.last_day) == (15, D("2026-12-24"))
    with pytest.raises(Conflict) as refused:
        clock.react(reaction(Effect.EXTEND, "2026-11-26T10:00:00Z", 15), seed_calendar())
    assert refused.value.code == "extension_already_used"
    assert clock.last_day == D("2026-12-24")


@pytest.mark.parametrize("effect", [Effect.SUSPEND, Effect.RESTART, Effect.EXTEND])
def test_what_comes_at_or_after_the_due_instant_changes_nothing(effect: Effect) -> None:
    for state in (State.RUNNING, State.ELAPSED):
        clock = in_state(state)
        assert clock.react(reaction(effect, "2026-12-10T00:00:00Z", 5), seed_calendar()) is None
        assert (clock.state, clock.answer_by) == (state, DUE)


@pytest.mark.parametrize("effect", [Effect.SUSPEND, Effect.RESTART, Effect.EXTEND])
def test_what_came_before_the_due_instant_and_is_heard_of_after_it_counts(effect: Effect) -> None:
    clock = in_state(State.ELAPSED)
    event = clock.react(reaction(effect, "2026-12-09T23:59:59Z", 5), seed_calendar())
    assert event is not None
    assert clock.state is (State.SUSPENDED if effect is Effect.SUSPEND else State.RUNNING)
    assert clock.elapsed_at is None
    assert clock.generation == 2


@pytest.mark.parametrize(
    ("state", "at", "in_time"),
    [
        pytest.param(State.RUNNING, "2026-12-09T23:59:59Z", True, id="in time"),
        pytest.param(State.RUNNING, "2026-12-10T00:00:00Z", False, id="late, before anyone noticed"),
        pytest.param(State.ELAPSED, "2026-12-09T23:59:59Z", True, id="taken before, heard of after"),
        pytest.param(State.ELAPSED, "2026-12-11T10:00:00Z", False, id="a late grant"),
        pytest.param(State.SUSPENDED, "2027-05-01T10:00:00Z", True, id="while suspended"),
    ],
)
def test_the_owners_outcome_closes_the_clock(state: State, at: str, in_time: bool) -> None:
    clock = in_state(state)
    event = clock.react(Reaction(Effect.ANSWER, T(at), "granted"), seed_calendar())
    assert isinstance(event, ClockStopped)
    assert (clock.state, event.outcome, event.answered) == (State.ANSWERED, "granted", True)
    assert (event.in_time, event.elapsed_before) == (in_time, state is State.ELAPSED)


def test_elapsed_as_of_the_due_instant_however_late() -> None:
    clock = started()
    with pytest.raises(Conflict) as refused:
        clock.elapse(DUE - timedelta(microseconds=1))
    assert refused.value.code == "clock_not_due"
    event = clock.elapse(DUE + 30 * HOUR)
    assert (event.effective_at, event.lateness_seconds, clock.elapsed_at) == (DUE, 108_000, DUE)
    assert ClockElapsed.read(event.payload()) == event


def test_a_clock_expires_once_in_a_generation() -> None:
    """Once per (clock, generation), also when what undid the expiry leads to the same date."""
    clock = started(T("2026-11-19T10:00:00Z"))
    due = midnight(D("2026-12-08"))
    first = clock.elapse(due)
    # one day more is the Saturday; full, it leads to the same Monday
    extended = clock.react(reaction(Effect.EXTEND, "2026-12-01T10:00:00Z", 1), seed_calendar())
    assert extended is not None
    assert (clock.state, clock.answer_by) == (State.RUNNING, due)
    assert clock.elapse(due).generation == extended.generation == first.generation + 1


def test_warnings_go_out_once_each_and_the_latest_wins() -> None:
    clock = started()
    half, most, two = clock.warnings.values()
    assert clock.next_at == half
    assert clock.warn(half - HOUR) is None
    first = clock.warn(half)
    assert first is not None
    assert (first.warning, clock.next_at) == (Warn.HALF, most)
    assert clock.warn(half) is None
    latest = clock.warn(two + HOUR)
    assert latest is not None
    assert (latest.warning, latest.due_at) == (Warn.TWO_DAYS, two)
    assert clock.next_at == DUE
    assert clock.warn(DUE) is None


def test_a_warning_is_due_again_when_its_date_moved() -> None:
    clock = started()
    clock.warn(T("2026-12-08T10:00:00Z"))
    clock.react(reaction(Effect.EXTEND, "2026-12-08T12:00:00Z", 15), seed_calendar())
    assert clock.warned == set()
    assert clock.next_at == clock.warnings[Warn.HALF]


# The calendar changes after the fact


def test_a_late_holiday_moves_the_date_and_says_why() -> None:
    clock = started()
    event = recount(clock, with_day("2026-12-09"), "2026-12-08T18:00:00Z")
    assert isinstance(event, ClockMoved)
    assert (event.old_last_day, event.last_day) == (D("2026-12-09"), D("2026-12-10"))
    assert (event.old_answer_by, event.answer_by, event.generation) == (DUE, DUE + 24 * HOUR, 2)
    assert event.reason == WHY
    assert any(step.step == "closed" and step.date == D("2026-12-09") for step in event.explanation)


@pytest.mark.parametrize("state", [State.ELAPSED, State.SUSPENDED, State.ANSWERED, State.STOPPED])
def test_only_a_running_clock_moves_and_an_elapsed_one_stays_elapsed(state: State) -> None:
    clock = in_state(state)
    before = (clock.answer_by, clock.generation)
    assert recount(clock, with_day("2026-12-09"), "2026-12-10T08:00:00Z") is None
    assert (clock.state, (clock.answer_by, clock.generation)) == (state, before)


def test_a_change_elsewhere_in_the_calendar_changes_nothing() -> None:
    clock = started()
    assert recount(clock, with_day("2026-12-18"), "2026-12-01T08:00:00Z") is None
    assert clock.generation == 1


@pytest.mark.parametrize(
    ("announced", "due"),
    [
        pytest.param("2026-12-01T08:00:00Z", "2026-12-10T00:00:00Z", id="early enough to come forward"),
        pytest.param("2026-12-09T08:00:00Z", "2026-12-10T00:00:00Z", id="the midnight that follows"),
        pytest.param("2026-12-10T08:00:00Z", "2026-12-11T00:00:00Z", id="never back in time"),
    ],
)
def test_a_withdrawn_holiday_never_brings_the_date_before_the_next_midnight(announced: str, due: str) -> None:
    clock = started(calendar=with_day("2026-12-09"))
    assert clock.answer_by == T("2026-12-11T00:00:00Z")
    event = recount(clock, seed_calendar(), announced)
    assert clock.answer_by == T(due)
    assert isinstance(event, ClockMoved) is (due != "2026-12-11T00:00:00Z")
    recount(clock, with_day("2026-12-20"), "2026-12-10T09:00:00Z")
    assert clock.answer_by == T(due)


def test_a_floor_is_explained() -> None:
    clock = started(
        calendar=with_day("2026-12-10", [*load_seed(), *with_day("2026-12-09").on(D("2026-12-09"))])
    )
    assert clock.last_day == D("2026-12-11")
    event = recount(clock, seed_calendar(), "2026-12-10T08:00:00Z")
    assert isinstance(event, ClockMoved)
    assert (event.last_day, event.explanation[-1].step) == (D("2026-12-10"), "not_before")


def test_a_holiday_moved_twice() -> None:
    clock = started()
    dates = []
    for day, now in [
        ("2026-12-09", "2026-12-07"),
        ("2026-12-10", "2026-12-08"),
        ("2026-12-09", "2026-12-09"),
    ]:
        recount(clock, with_day(day), f"{now}T12:00:00Z")
        dates.append(clock.last_day)
    # the second change is told on the 8th: the date may come back to the 9th; the third on the 9th
    assert dates == [D("2026-12-10"), D("2026-12-09"), D("2026-12-10")]


def feast_2027(first: str, status: Status) -> Calendar:
    days = [one for one in load_seed() if one.feast != "aid_al_adha-1448"]
    one, two = (one for one in load_seed() if one.feast == "aid_al_adha-1448")
    shift = D(first) - one.date
    return Calendar(
        [
            *days,
            *(
                replace(day, date=day.date + shift, status=status, earliest=None, latest=None)
                for day in (one, two)
            ),
        ],
        load_fixed(),
    )


def test_expiry_waits_until_every_reading_of_an_estimated_feast_has_passed() -> None:
    clock = started(T("2027-05-03T10:00:00Z"))
    assert (clock.answer_by, clock.settled_at) == (midnight(D("2027-05-20")), midnight(D("2027-05-21")))
    assert clock.provisional
    assert not clock.due(midnight(D("2027-05-20")))
    assert clock.due(midnight(D("2027-05-21")))
    assert clock.elapse(midnight(D("2027-05-21"))).effective_at == midnight(D("2027-05-20"))


def test_a_confirmed_feast_settles_the_date_without_moving_it() -> None:
    clock = started(T("2027-05-03T10:00:00Z"))
    event = recount(clock, feast_2027("2027-05-17", Status.CONFIRMED), "2027-05-08T20:00:00Z")
    assert isinstance(event, ClockCertaintyChanged)
    assert (event.provisional, event.generation, clock.settled_at) == (False, 1, clock.answer_by)


def test_a_feast_announced_on_another_day_moves_the_date() -> None:
    clock = started(T("2027-05-03T10:00:00Z"))
    event = recount(clock, feast_2027("2027-05-18", Status.CONFIRMED), "2027-05-08T20:00:00Z")
    assert isinstance(event, ClockMoved)
    assert (event.last_day, event.provisional) == (D("2027-05-20"), False)


# One file has several clocks


def test_the_clocks_of_one_rule_on_one_file() -> None:
    first = opening("opinion.on_the_spot", discriminator="province")
    again = Clock.start(first, FILE, seed_calendar())[0]
    assert next_ordinal(first, []) == 1
    assert next_ordinal(first, [again]) is None
    assert next_ordinal(replace(first, discriminator="urban_agency"), [again]) == 1
    again.stop(T("2026-11-25T10:00:00Z"), "opinion_given", answered=True)
    assert next_ordinal(first, [again]) == 2
    assert next_ordinal(opening(), [in_state(State.STOPPED)]) is None


def test_an_event_about_one_actor_concerns_that_actors_clock() -> None:
    clock = Clock.start(opening("opinion.on_the_spot", discriminator="province"), FILE, seed_calendar())[0]
    assert clock.concerns({"actor": "province"})
    assert not clock.concerns({"actor": "urban_agency"})
    assert clock.concerns({"notified_at": "2026-11-25T10:00:00Z"})


def test_a_step_has_a_parent_and_approves_nothing_2_22_141_art_6() -> None:
    parent = started()
    step, event = Clock.start(
        opening("opinion.on_the_spot", discriminator="province"), FILE, seed_calendar(), parent=parent.id
    )
    assert (event.parent, event.on_expiry) == (parent.id, "escalation")
    assert Clock.start(opening(), FILE, seed_calendar(), parent=step.id)[1].parent is None


def test_no_step_approves() -> None:
    steps = [rule for rule in rulebook().rules if rule.role is not Role.DECISION]
    assert {str(rule.on_expiry) for rule in steps} <= {"escalation", "appeal_opens", "rejection"}


# Any history: the clock agrees with the count of its facts, and ends once

WITH_A_HOLIDAY: Final = with_day("2026-12-09")
MOVES: Final[list[Callable[[Clock, datetime, Calendar], ClockEvent | None]]] = [
    lambda clock, at, days: clock.react(Reaction(Effect.SUSPEND, at, "asked"), days),
    lambda clock, at, days: clock.react(Reaction(Effect.RESUME, at, "answered"), days),
    lambda clock, at, days: clock.react(Reaction(Effect.RESTART, at, "deposited"), days),
    lambda clock, at, days: recount(clock, days, at.isoformat()),
    lambda clock, at, _: clock.warn(at),
    lambda clock, at, _: clock.elapse(at) if clock.due(at) else None,
    lambda clock, at, days: clock.react(Reaction(Effect.ANSWER, at, "granted"), days),
]
CHANGE: Final = 3


@given(st.lists(st.tuples(st.integers(0, 7 * 24), st.integers(0, len(MOVES) - 1)), max_size=12))
def test_any_history_keeps_the_promises_of_a_clock(history: list[tuple[int, int]]) -> None:
    """A running clock is counted under a changed calendar before anything else happens to it."""
    clock = started()
    at = MONDAY
    stopped = 0
    days, other = seed_calendar(), WITH_A_HOLIDAY
    for hours, number in history:
        at += hours * HOUR
        before, generation, state = clock.answer_by, clock.generation, clock.state
        if number == CHANGE:
            days, other = other, days
        event = MOVES[number](clock, at, days)
        stopped += isinstance(event, ClockStopped)
        if isinstance(event, ClockMoved):
            assert event.answer_by is not None
            assert before is not None
            assert event.answer_by >= min(before, midnight(civil_day(at) + timedelta(1)))
        if event is None:
            assert (clock.answer_by, clock.generation, clock.state) == (before, generation, state)
        assert (clock.answer_by is None) is (clock.state is State.SUSPENDED) or clock.closed_at is not None
        assert (clock.generation > generation) is (clock.answer_by != before)
        if clock.answer_by is not None and clock.last_day is not None:
            assert clock.answer_by == midnight(clock.last_day + timedelta(1))
    assert stopped <= 1


def test_events_carry_references_and_no_personal_data() -> None:
    allowed: set[Any] = {field.name for event in CLOCKS.events for field in fields(event)}
    assert not allowed & {"name", "applicant", "cin", "phone", "email", "address"}
