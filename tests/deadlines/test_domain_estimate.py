"""Estimates and their explanation: readings, provisional dates, warnings, and a reason for every day."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

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
from services.deadlines.domain.counting import (
    Count,
    Extension,
    Interruption,
    Restart,
    Running,
    Suspension,
    Unit,
)
from services.deadlines.domain.estimate import Estimate, estimate
from services.deadlines.domain.explanation import explain
from services.deadlines.domain.loading import rulebook
from services.deadlines.domain.rules import Expiry, Warn
from services.deadlines.domain.texts import days_text, length_of
from shared.time import day_text, midnight, parse_instant
from tests.deadlines import oracle

D = date.fromisoformat
SMALL: Final = rulebook().decision("construction_small", D("2026-11-23"))


def noon(day: str) -> datetime:
    return parse_instant(f"{day}T12:00:00Z")


def small(start: str, *interruptions: Interruption, calendar: Calendar | None = None) -> Estimate:
    return estimate(SMALL, noon(start), interruptions, calendar or seed_calendar())


def test_two_dates_stand_beside_the_last_day_where_the_reading_is_uncertain() -> None:
    found = small("2026-11-19")
    assert found.last_day == D("2026-12-07")
    assert found.officer_safe_by == D("2026-12-04")  # not francs
    assert found.applicant_safe_from == D("2027-01-19")  # the two months of 12-90 would end on 18 January


def test_where_nothing_is_uncertain_the_two_dates_are_the_day_and_its_effect() -> None:
    rule = rulebook().decision("repair", D("2026-11-23"))
    found = estimate(rule, noon("2026-11-23"), (), seed_calendar())
    assert (found.officer_safe_by, found.applicant_safe_from) == (D("2026-12-07"), D("2026-12-08"))


def test_a_suspended_period_has_days_and_no_dates() -> None:
    found = small("2026-11-23", Suspension(D("2026-11-25")))
    assert (found.state, found.last_day, found.effective_at) == (Running.SUSPENDED, None, None)
    assert (found.officer_safe_by, found.applicant_safe_from, found.settled_at) == (None, None, None)
    assert found.remaining_days() == 14
    assert not found.provisional


@pytest.mark.parametrize(
    ("as_of", "remaining"), [("2026-11-23", 15), ("2026-11-30", 8), ("2026-12-08", 0), ("2027-01-01", 0)]
)
def test_the_days_that_remain_on_a_day(as_of: str, remaining: int) -> None:
    assert small("2026-11-23").remaining_days(D(as_of)) == remaining


def test_warnings_at_half_at_eighty_percent_and_two_days_before() -> None:
    assert small("2026-11-23").warnings == {
        Warn.HALF: midnight(D("2026-12-02")),
        Warn.EIGHTY_PERCENT: midnight(D("2026-12-06")),
        Warn.TWO_DAYS: midnight(D("2026-12-08")),
    }


def test_a_short_step_warns_only_between_its_start_and_its_end() -> None:
    rule = replace(SMALL, count=Count(days=1, unit=Unit.WORKING), readings=())
    assert estimate(rule, noon("2026-11-23"), (), seed_calendar()).warnings == {}


# Provisional dates. Eid al-Adha 2027 is estimated on Monday 17 and Tuesday 18 May, a day either way.


@pytest.mark.parametrize(
    ("start", "last", "settled"),
    [
        pytest.param("2027-04-28", "2027-05-14", None, id="the day before any reading, a Friday"),
        pytest.param(
            "2027-04-29", "2027-05-19", "2027-05-20", id="on 16: the 18th; on 17: the 19th; on 18: the 17th"
        ),
        pytest.param("2027-05-01", "2027-05-19", "2027-05-20", id="the same from a Saturday"),
        pytest.param("2027-05-03", "2027-05-19", "2027-05-21", id="it may still be the second day"),
        pytest.param("2027-05-04", "2027-05-20", None, id="the day after every reading"),
    ],
)
def test_a_feast_only_estimated_makes_the_date_provisional(
    start: str, last: str, settled: str | None
) -> None:
    found = small(start)
    assert found.last_day == D(last)
    assert found.provisional is (settled is not None)
    assert found.settled_at == (midnight(D(settled)) if settled else found.effective_at)


def test_a_confirmed_feast_settles_the_date() -> None:
    days = [
        replace(one, status=Status.CONFIRMED, earliest=None, latest=None) if one.date.year == 2027 else one
        for one in load_seed()
    ]
    found = small("2027-04-29", calendar=Calendar(days, load_fixed()))
    assert (found.last_day, found.provisional) == (D("2027-05-19"), False)
    assert found.settled_at == found.effective_at


def test_beyond_the_recorded_years_a_date_is_provisional() -> None:
    found = small("2033-03-01")
    assert found.provisional
    assert explain(found)[-1].step == "not_covered"


FEAST = "feast-of-the-test"


def moved(first: date, length: int) -> frozenset[date]:
    return frozenset(first + timedelta(number) for number in range(length))


@given(
    st.dates(D("2024-01-01"), D("2024-12-31")),
    st.integers(1, 40),
    st.booleans(),
    st.booleans(),
    st.integers(0, 60),
    st.integers(1, 2),
    st.integers(0, 3),
    st.integers(0, 3),
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 10)), max_size=2),
)
def test_provisional_dates_are_those_that_another_reading_would_move(
    start: date,
    length: int,
    working: bool,
    francs: bool,
    offset: int,
    feast_days: int,
    before: int,
    after: int,
    breaks: list[tuple[int, int]],
) -> None:
    first = start + timedelta(offset)
    certain = [one for one in load_seed() if one.date.year in {2024, 2025} and one.status is Status.CONFIRMED]
    feast = [
        CalendarDay(
            date=day,
            kind=Kind.RELIGIOUS,
            status=Status.ESTIMATED,
            name={"ar": "عيد", "fr": "Fête", "en": "Feast"},
            source="test",
            feast=FEAST,
            earliest=day - timedelta(before),
            latest=day + timedelta(after),
        )
        for day in moved(first, feast_days)
    ]
    count = Count(days=length, unit=Unit.WORKING if working else Unit.CALENDAR, francs=francs)
    suspensions: list[tuple[date, date | None]] = [
        (start + timedelta(since), start + timedelta(since + lasts)) for since, lasts in breaks
    ]

    def last_with(feast_of_reading: frozenset[date]) -> date:
        off = frozenset(one.date for one in certain) | feast_of_reading
        last = oracle.answer(
            oracle.Case(
                days=length, working=working, francs=francs, start=start, suspensions=suspensions, off=off
            )
        ).last_day
        assert last is not None
        return last

    readings = [moved(first + timedelta(shift), feast_days) for shift in range(-before, after + 1)]
    if not before and not after:
        readings.append(frozenset())
    lasts = [last_with(reading) for reading in readings]
    found = estimate(
        replace(SMALL, count=count, readings=()),
        midnight(start) + timedelta(hours=12),
        [Suspension(since, to) for since, to in suspensions],
        Calendar([*certain, *feast], load_fixed()),
    )
    assert found.last_day == last_with(moved(first, feast_days))
    assert found.provisional is (len(set(lasts)) > 1)
    assert found.settled_at == midnight(max(lasts) + timedelta(1))
    assert (found.officer_safe_by, found.applicant_safe_from) == (min(lasts), max(lasts) + timedelta(1))


# The explanation


def steps(found: Estimate) -> list[tuple[str, str]]:
    return [(one.step, one.date.isoformat() if one.date else "") for one in explain(found)]


def test_the_explanation_goes_from_the_start_to_the_date() -> None:
    assert steps(small("2026-11-19")) == [
        ("start", "2026-11-19"),
        ("length", "2026-11-19"),
        ("nth_day", "2026-12-04"),
        ("francs", "2026-12-05"),
        ("closed", "2026-12-05"),
        ("closed", "2026-12-06"),
        ("last_day", "2026-12-07"),
        ("effect", "2026-12-08"),
        ("first_half", "2026-11-26"),
        ("reading", "2026-12-04"),
        ("reading", "2027-01-18"),
    ]


@pytest.mark.parametrize(
    ("start", "interruptions", "expected"),
    [
        pytest.param(
            "2026-11-23",
            [Suspension(D("2026-11-25"), D("2026-11-27"))],
            ("suspension", "2026-11-25", "loi 55-19, art. 7, 10 et 14", "3 jours ne comptent pas"),
            id="suspension",
        ),
        pytest.param(
            "2026-11-23",
            [Suspension(D("2026-11-25"))],
            ("open_suspension", "2026-11-25", "loi 55-19, art. 7, 10 et 14", "aucun jour ne compte"),
            id="open suspension",
        ),
        pytest.param(
            "2026-11-23",
            [Suspension(D("2026-11-25"))],
            ("remaining", "2026-11-25", "arrêté 1839-23", "déjà comptés : 1 jour. Restent : 14 jours."),
            id="what remains",
        ),
        pytest.param(
            "2026-11-23",
            [Suspension(D("2026-11-20"))],
            ("remaining", "2026-11-24", "arrêté 1839-23", "Restent : 15 jours."),
            id="suspended since before the start",
        ),
        pytest.param(
            "2026-11-23",
            [Suspension(D("2026-12-10"), D("2026-12-12"))],
            ("ignored", "2026-12-10", "arrêté 1839-23", "postérieur au dernier jour"),
            id="after the last day",
        ),
        pytest.param(
            "2026-11-23",
            [Restart(D("2026-12-10"))],
            ("ignored", "2026-12-10", "arrêté 1839-23", "postérieur au dernier jour"),
            id="restart after the last day",
        ),
        pytest.param(
            "2026-11-23",
            [Suspension(D("2026-11-20"), D("2026-11-23"))],
            ("ignored", "2026-11-20", "arrêté 1839-23", "antérieur au début"),
            id="before the start",
        ),
        pytest.param(
            "2026-11-09",
            [Restart(D("2026-11-23"))],
            ("restart", "2026-11-23", "décret 2-18-577 (RGC), art. 41", "repart de zéro"),
            id="restart",
        ),
        pytest.param(
            "2026-11-23",
            [Extension(15)],
            ("extension", "2026-11-23", "loi 55-19, art. 17", "sa durée passe à 30 jours"),
            id="extension",
        ),
        pytest.param(
            "2026-10-21",
            [],
            ("closed", "2026-11-06", "DOC, art. 133; décrets 2-77-169, 2-04-426", "Marche Verte"),
            id="a holiday by its name",
        ),
        pytest.param(
            "2026-11-23",
            [Suspension(D("2026-12-09"), D("2026-12-09"))],
            ("closed", "2026-12-09", "DOC, art. 133; loi 55-19, art. 7, 10 et 14", "jour de suspension"),
            id="a suspension on the last day",
        ),
        pytest.param(
            "2027-05-01",
            [],
            ("provisional", "2027-05-17", "décrets 2-77-169, 2-04-426", "Aïd al-Adha"),
            id="an estimated feast",
        ),
    ],
)
def test_each_thing_that_matters_has_its_step_and_article(
    start: str, interruptions: Sequence[Interruption], expected: tuple[str, str, str, str]
) -> None:
    step, day, article, words = expected
    found = explain(small(start, *interruptions))
    assert any(
        (one.step, one.date) == (step, D(day)) and one.article.startswith(article) and words in one.text["fr"]
        for one in found
    ), found


def test_a_period_in_working_days_names_the_holidays_it_leaps() -> None:
    rule = rulebook().decision("repair", D("2026-11-16"))
    found = explain(estimate(rule, noon("2026-11-16"), (), seed_calendar()))
    assert [one.date for one in found if one.step == "not_working"] == [D("2026-11-18")]
    assert "francs" not in {one.step for one in found}


@pytest.mark.parametrize("expiry", Expiry)
def test_what_silence_means_is_said_in_three_languages(expiry: Expiry) -> None:
    found = explain(estimate(replace(SMALL, on_expiry=expiry), noon("2026-11-23"), (), seed_calendar()))
    (effect,) = [one for one in found if one.step == "effect"]
    assert effect.text.keys() == {"ar", "fr", "en"}
    assert effect.text["en"].endswith("from 00:00 on Thursday 10 December 2026.")


@given(
    st.sampled_from(sorted(rulebook().procedures)),
    st.datetimes(datetime(2024, 1, 1), datetime(2032, 6, 1)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001 - made aware
    st.lists(st.tuples(st.integers(-5, 80), st.one_of(st.none(), st.integers(0, 20))), max_size=3),
)
def test_any_case_can_be_explained(
    procedure: str, start: datetime, breaks: list[tuple[int, int | None]]
) -> None:
    day = start.date()
    interruptions = [
        Suspension(day + timedelta(since), None if lasts is None else day + timedelta(since + lasts))
        for since, lasts in breaks
    ]
    found = estimate(rulebook().decision(procedure, day), start, interruptions, seed_calendar())
    explanation = explain(found)
    assert all(one.text.keys() == {"ar", "fr", "en"} and one.article for one in explanation)
    assert all("{" not in text and text for one in explanation for text in one.text.values())
    dated = {one.step: one.date for one in explanation}
    assert dated.get("last_day") == found.last_day
    assert ("remaining" in dated) is (found.state is Running.SUSPENDED)
    if found.last_day is not None and found.officer_safe_by and found.applicant_safe_from:
        assert found.officer_safe_by <= found.last_day < found.applicant_safe_from


@pytest.mark.parametrize(
    ("number", "arabic"),
    [
        (0, "0 يوم"),
        (1, "يوم واحد"),
        (2, "يومان"),
        (3, "3 أيام"),
        (10, "10 أيام"),
        (15, "15 يوما"),
        (100, "100 يوم"),
    ],
)
def test_arabic_counts_days_as_arabic_does(number: int, arabic: str) -> None:
    assert days_text(number)["ar"] == arabic


def test_dates_in_words() -> None:
    assert day_text(D("2026-08-01")) == {
        "ar": "السبت 1 غشت 2026",
        "fr": "samedi 1er août 2026",
        "en": "Saturday 1 August 2026",
    }
    assert length_of(SMALL.count)["fr"] == "15 jours de calendrier, francs"
