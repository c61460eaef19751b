"""The calendar's seed: which days are off, since when, and how sure that is."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hijridate import Hijri

from services.deadlines.domain.calendar import (
    SEEDED_YEARS,
    Calendar,
    CalendarDay,
    Kind,
    Status,
    load_fixed,
    load_seed,
    seed_calendar,
)
from shared.data import BadData

D = date.fromisoformat


@pytest.mark.parametrize(
    ("day", "kinds"),
    [
        pytest.param("2024-01-14", {Kind.NATIONAL}, id="2-23-1000, from 2024"),
        pytest.param("2023-01-14", set(), id="not before"),
        pytest.param("2025-10-31", {Kind.NATIONAL}, id="2-25-1140, from 2025"),
        pytest.param("2024-10-31", set(), id="31 October not before"),
        pytest.param("2027-01-01", {Kind.NATIONAL}, id="2-77-169"),
        pytest.param("2023-04-23", {Kind.RELIGIOUS}, id="second day of a feast, 2-77-169"),
        pytest.param("2023-04-24", {Kind.CLOSURE}, id="2-05-916"),
        pytest.param("2023-04-21", set(), id="where calculated calendars put it"),
        pytest.param("2024-07-08", set(), id="1 Moharram is one day"),
        pytest.param("2022-07-30", {Kind.NATIONAL, Kind.RELIGIOUS}, id="Throne Day and 1 Moharram"),
        pytest.param("2045-11-18", {Kind.NATIONAL}, id="fixed days of any year"),
    ],
)
def test_days_off(day: str, kinds: set[Kind]) -> None:
    assert {one.kind for one in seed_calendar().on(D(day))} == kinds


def test_religious_days_are_confirmed_until_eid_al_fitr_2026_and_estimated_after() -> None:
    for year in SEEDED_YEARS:
        for day in seed_calendar().year(year):
            estimated = day.kind is Kind.RELIGIOUS and day.date > D("2026-03-21")
            assert day.status is (Status.ESTIMATED if estimated else Status.CONFIRMED), day


def test_estimates_from_2027_are_umm_al_qura_and_a_day_with_a_day_either_way() -> None:
    expected = set()
    for hijri in range(1448, 1455):
        for month, day, length in [(10, 1, 2), (12, 10, 2), (1, 1, 1), (3, 12, 2)]:
            first = date(*Hijri(hijri, month, day).to_gregorian().datetuple()) + timedelta(1)
            expected |= {first + timedelta(number) for number in range(length)}
    days = [one for one in load_seed() if one.kind is Kind.RELIGIOUS and one.date.year >= 2027]
    assert {one.date for one in days} == {day for day in expected if 2027 <= day.year <= 2032}
    assert all(
        (one.earliest, one.latest) == (one.date - timedelta(1), one.date + timedelta(1)) for one in days
    )


def test_a_calendar_speaks_only_for_the_years_it_records() -> None:
    calendar = Calendar([one for one in load_seed() if one.date.year == 2026], load_fixed())
    assert calendar.covers(D("2026-12-31"))
    assert not calendar.covers(D("2027-01-01"))
    assert len(calendar.year(2027)) == 11


NAME = "name: {ar: عطلة, fr: Congé, en: Day off}"
FEAST = "feasts: {}\nobserved:\n  - {feast: noel, hijri: 1448, first: 2027-03-10"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("fixed", f'fixed:\n  - {{day: "02-30", {NAME}, source: x}}\n', "2: '02-30' is no month and day"),
        ("fixed", f'fixed:\n  - {{day: "02-29", {NAME}, source: x}}\n', "2: '02-29' is no month and day"),
        ("religious", FEAST + ", status: confirmed, source: x}\n", "3: unknown feast 'noel'"),
        ("religious", FEAST + ", status: estimated, source: x}\n", "3: an estimated feast needs a window"),
        (
            "religious",
            FEAST + ", status: estimated, source: x, window: [2027-03-11, 2027-03-12]}\n",
            "3: an estimated feast needs a window",
        ),
        (
            "religious",
            FEAST + ", status: confirmed, source: x, window: [2027-03-10, 2027-03-11]}\n",
            "3: a confirmed feast has no window",
        ),
        ("closures", "closures:\n  - date: tomorrow\n", "2: 'date' must be a day"),
    ],
)
def test_a_slip_in_a_calendar_file_is_refused_with_its_line(
    name: str, content: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "fixed.yaml").write_text("fixed: []\n")
    (tmp_path / "religious.yaml").write_text("feasts: {}\nobserved: []\n")
    (tmp_path / "closures.yaml").write_text("closures: []\n")
    (tmp_path / f"{name}.yaml").write_text(content)
    with pytest.raises(BadData, match=rf"{name}\.yaml:{message}"):
        load_seed(tmp_path)


def day_off(day: str, kind: Kind = Kind.NATIONAL) -> CalendarDay:
    name = {"ar": "عطلة", "fr": "Jour chômé", "en": "Day off"}
    return CalendarDay(date=D(day), kind=kind, status=Status.CONFIRMED, name=name, source="x")


def test_one_added_day_leaves_the_fixed_days_of_its_year() -> None:
    calendar = Calendar([day_off("2040-02-02")], load_fixed())
    assert {one.kind for one in calendar.on(D("2040-11-18"))} == {Kind.NATIONAL}
    assert len(calendar.year(2040)) == 12


def test_a_fixed_day_recorded_otherwise_is_not_added_again() -> None:
    calendar = Calendar([day_off("2040-11-18")], load_fixed(), recorded=[D("2040-11-06")])
    assert len(calendar.on(D("2040-11-18"))) == 1
    assert not calendar.on(D("2040-11-06"))


@pytest.mark.parametrize(
    ("kind", "covered"), [(Kind.NATIONAL, False), (Kind.CLOSURE, False), (Kind.RELIGIOUS, True)]
)
def test_a_year_is_covered_once_its_feasts_are_recorded(kind: Kind, covered: bool) -> None:
    assert Calendar([day_off("2040-02-02", kind)], load_fixed()).covers(D("2040-12-31")) is covered
