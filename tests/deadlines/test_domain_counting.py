"""How days are counted: worked examples by hand, then every case against an oracle that walks day by day."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.deadlines.domain.calendar import Calendar, CalendarDay, Kind, Status, load_fixed, seed_calendar
from services.deadlines.domain.counting import (
    Count,
    Extension,
    Interruption,
    Restart,
    Running,
    Suspension,
    Unit,
    reckon,
    reckon_with,
)
from shared.errors import Invalid
from shared.time import parse_instant
from tests.deadlines import oracle

FRANCS_15 = Count(days=15, francs=True)
PLAIN_20 = Count(days=20)
OPEN_10 = Count(days=10, unit=Unit.WORKING)
TWO_MONTHS = Count(days=60)

D = date.fromisoformat


@pytest.mark.parametrize(
    ("count", "start", "interruptions", "nth", "last"),
    [
        pytest.param(FRANCS_15, "2026-11-23", [], "2026-12-08", "2026-12-09", id="55-19 art. 31"),
        pytest.param(FRANCS_15, "2026-11-19", [], "2026-12-04", "2026-12-07", id="55-19 art. 31, weekend"),
        pytest.param(Count(days=15), "2026-11-19", [], "2026-12-04", "2026-12-04", id="DOC art. 131, plain"),
        pytest.param(PLAIN_20, "2026-11-16", [], "2026-12-06", "2026-12-07", id="113-14 art. 118, Sunday"),
        pytest.param(PLAIN_20, "2024-12-22", [], "2025-01-11", "2025-01-13", id="DOC art. 133, 11 January"),
        pytest.param(
            OPEN_10, "2026-11-16", [], "2026-12-01", "2026-12-01", id="RGC art. 45, 18 November off"
        ),
        pytest.param(OPEN_10, "2023-04-19", [], "2023-05-05", "2023-05-05", id="2-05-916, day off 24 April"),
        pytest.param(
            TWO_MONTHS, "2022-09-05", [], "2022-11-04", "2022-11-04", id="12-90 art. 48, DOC art. 132"
        ),
        pytest.param(
            Count(days=365), "2023-03-01", [], "2024-02-29", "2024-02-29", id="12-90 art. 49, leap day"
        ),
        pytest.param(
            FRANCS_15,
            "2026-11-23",
            [Suspension(D("2026-11-25"), D("2026-11-27"))],
            "2026-12-11",
            "2026-12-14",
            id="55-19 art. 14, three days and a weekend",
        ),
        pytest.param(
            FRANCS_15,
            "2026-11-23",
            [Suspension(D("2026-12-09"), D("2026-12-09"))],
            "2026-12-08",
            "2026-12-10",
            id="a suspension that begins on the last day moves it",
        ),
        pytest.param(
            FRANCS_15,
            "2026-11-23",
            [Suspension(D("2026-12-10"))],
            "2026-12-08",
            "2026-12-09",
            id="a suspension after the last day changes nothing",
        ),
        pytest.param(
            FRANCS_15,
            "2026-11-23",
            [Suspension(D("2026-11-20"), D("2026-11-24"))],
            "2026-12-09",
            "2026-12-10",
            id="what lies on day 0 or before is clipped",
        ),
        pytest.param(
            FRANCS_15,
            "2026-11-23",
            [Suspension(D("2026-11-25"), D("2026-11-30")), Suspension(D("2026-11-27"), D("2026-12-01"))],
            "2026-12-15",
            "2026-12-16",
            id="overlapping suspensions are their union",
        ),
        pytest.param(
            FRANCS_15,
            "2026-11-02",
            [Suspension(D("2026-11-05"), D("2026-11-09")), Restart(D("2026-11-23"))],
            "2026-12-08",
            "2026-12-09",
            id="RGC art. 41, a restart discards what came before",
        ),
        pytest.param(
            FRANCS_15,
            "2026-11-23",
            [Restart(D("2026-12-10"))],
            "2026-12-08",
            "2026-12-09",
            id="a restart after the last day changes nothing",
        ),
        pytest.param(
            FRANCS_15,
            "2026-11-02",
            [Extension(15), Restart(D("2026-11-23"))],
            "2026-12-23",
            "2026-12-24",
            id="55-19 art. 17, an extension survives a restart",
        ),
    ],
)
def test_worked_examples(
    count: Count, start: str, interruptions: list[Interruption], nth: str, last: str
) -> None:
    found = reckon(count, D(start), interruptions, seed_calendar())
    assert found.nth is not None
    assert (date.fromordinal(found.nth), found.last_day) == (D(nth), D(last))


def test_the_effect_is_the_midnight_that_follows_the_last_day() -> None:
    found = reckon(FRANCS_15, D("2026-11-23"), [], seed_calendar())
    assert found.effective_at == parse_instant("2026-12-10T00:00:00Z")
    before_the_return_to_gmt = reckon(FRANCS_15, D("2026-07-01"), [], seed_calendar())
    assert before_the_return_to_gmt.last_day == D("2026-07-17")
    assert before_the_return_to_gmt.effective_at == parse_instant("2026-07-18T00:00:00+01:00")


@pytest.mark.parametrize(
    ("since", "remaining"),
    [("2026-11-23", 15), ("2026-11-24", 15), ("2026-11-25", 14), ("2026-12-08", 1), ("2026-12-09", 0)],
)
def test_an_open_suspension_leaves_days_and_no_date(since: str, remaining: int) -> None:
    found = reckon(FRANCS_15, D("2026-11-23"), [Suspension(D(since))], seed_calendar())
    assert (found.state, found.last_day, found.effective_at) == (Running.SUSPENDED, None, None)
    assert found.total - found.whole_days() == remaining


def test_an_extension_adds_to_what_a_suspension_leaves() -> None:
    found = reckon(FRANCS_15, D("2026-11-23"), [Extension(10), Suspension(D("2026-11-25"))], seed_calendar())
    assert found.total - found.whole_days() == 24


@pytest.mark.parametrize(
    ("count", "interruptions", "until"),
    [
        pytest.param(FRANCS_15, [], "2026-11-30", id="7 of 15"),
        pytest.param(Count(days=1), [], "2026-11-23", id="day 0 is allowed"),
        pytest.param(FRANCS_15, [Extension(15)], "2026-11-30", id="N is that before extension"),
        pytest.param(FRANCS_15, [Suspension(D("2026-11-30"), D("2026-12-03"))], "2026-12-04", id="suspended"),
        pytest.param(FRANCS_15, [Suspension(D("2026-11-30"))], None, id="open"),
        pytest.param(OPEN_10, [], "2026-11-30", id="working days"),
    ],
)
def test_first_half_of_the_period_55_19_art_7_10_14(
    count: Count, interruptions: list[Interruption], until: str | None
) -> None:
    found = reckon(count, D("2026-11-23"), interruptions, seed_calendar())
    assert found.first_half_until == (None if until is None else D(until))


@pytest.mark.parametrize(
    ("interruptions", "code"),
    [
        ([Suspension(D("2026-11-25"), D("2026-11-24"))], "interruption_ends_before_it_starts"),
        ([Extension(5), Extension(5)], "extension_already_used"),
        ([Extension(0)], "extension_out_of_range"),
        ([Suspension(D("0226-11-25"))], "date_out_of_range"),
        ([Restart(date.max)], "date_out_of_range"),
    ],
)
def test_impossible_interruptions_are_refused(interruptions: list[Interruption], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        reckon(FRANCS_15, D("2026-11-23"), interruptions, seed_calendar())
    assert refused.value.code == code


def test_a_closure_of_one_commune_moves_the_date_only_where_the_rule_says_so() -> None:
    closure = CalendarDay(
        date=D("2026-12-09"),
        kind=Kind.CLOSURE,
        status=Status.CONFIRMED,
        name={"ar": "إغلاق", "fr": "Fermeture", "en": "Closure"},
        source="order of the president",
        scope="06.141.01",
    )
    calendar = Calendar([*seed_calendar().year(2026), closure], load_fixed())
    lasts = {
        (local, commune): reckon(
            Count(days=15, francs=True, local_closures=local), D("2026-11-23"), [], calendar, commune
        ).last_day
        for local in (False, True)
        for commune in ("06.141.01.0", "06.141.0", None)
    }
    moved = {case for case, last in lasts.items() if last != D("2026-12-09")}
    assert moved == {(True, "06.141.01.0")}
    assert lasts[True, "06.141.01.0"] == D("2026-12-10")


# Against the oracle

DAYS = st.integers(0, 140)
SUSPENSIONS = st.lists(st.tuples(DAYS, st.one_of(st.none(), st.integers(0, 40))), max_size=4)
# Starts around month and year ends, leap days, Ramadan and the returns to GMT.
STARTS = st.one_of(
    st.dates(D("2022-01-01"), D("2030-12-31")),
    st.sampled_from(
        [D("2024-02-27"), D("2024-01-30"), D("2025-12-30"), D("2026-09-18"), D("2026-02-13"), D("2028-02-28")]
    ),
)


@st.composite
def cases(draw: st.DrawFn) -> oracle.Case:
    start = draw(STARTS)

    def later(number: int) -> date:
        return start + timedelta(number - 10)

    suspensions = [
        (later(since), None if length is None else later(since + length))
        for since, length in draw(SUSPENSIONS)
    ]
    off = draw(st.frozensets(st.integers(0, 120), max_size=12))
    seeded = {date.fromordinal(day) for day in seed_calendar().closed}
    return oracle.Case(
        days=draw(st.integers(1, 65)),
        working=draw(st.booleans()),
        francs=draw(st.booleans()),
        start=start,
        suspensions=suspensions,
        restarts=[later(day) for day in draw(st.lists(DAYS, max_size=2))],
        extension=draw(st.sampled_from([0, 0, 1, 15, 60])),
        off=frozenset(seeded | {later(day) for day in off}),
    )


def interruptions_of(case: oracle.Case) -> list[Interruption]:
    found: list[Interruption] = [Suspension(since, to) for since, to in case.suspensions]
    found += [Restart(day) for day in case.restarts]
    found += [Extension(case.extension)] if case.extension else []
    return found


@given(cases(), st.randoms())
def test_every_date_is_that_of_the_oracle(case: oracle.Case, random: Any) -> None:
    expected = oracle.answer(case)
    interruptions = interruptions_of(case)
    random.shuffle(interruptions)
    count = Count(days=case.days, unit=Unit.WORKING if case.working else Unit.CALENDAR, francs=case.francs)
    found = reckon_with(count, case.start, interruptions, frozenset(day.toordinal() for day in case.off))
    assert found.last_day == expected.last_day
    assert found.first_half_until == expected.half
    if expected.last_day is None:
        assert found.total - found.whole_days() == expected.remaining
    else:
        assert found.nth == (None if expected.nth_day is None else expected.nth_day.toordinal())
        for number, day in enumerate(expected.counted, start=1):
            assert found.whole_day(number) == day
            assert found.whole_days(day) == number


@given(cases(), st.integers(0, 200))
def test_a_holiday_more_never_brings_the_date_forward(case: oracle.Case, extra: int) -> None:
    count = Count(days=case.days, unit=Unit.WORKING if case.working else Unit.CALENDAR, francs=case.francs)
    suspensions = [one for one in interruptions_of(case) if isinstance(one, Suspension)]
    off = frozenset(day.toordinal() for day in case.off)
    before = reckon_with(count, case.start, suspensions, off).last
    after = reckon_with(count, case.start, suspensions, off | {case.start.toordinal() + extra}).last
    assert after is None or (before is not None and after >= before)
