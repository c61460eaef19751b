"""What people read: the number forms of Arabic, whose counted noun and adjective follow the number."""

from dataclasses import replace
from datetime import date

import pytest

from services.deadlines.domain.calendar import CalendarDay, Kind, Status, seed_calendar
from services.deadlines.domain.counting import Extension, Unit
from services.deadlines.domain.entry import Entry, reason_of
from services.deadlines.domain.estimate import estimate
from services.deadlines.domain.explanation import explain
from services.deadlines.domain.loading import rulebook
from services.deadlines.domain.texts import length_of
from shared.time import parse_instant

SMALL = rulebook().decision("construction_small", date(2026, 11, 23))


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (1, "يوم واحد كامل من أيام التقويم"),
        (2, "يومان كاملان من أيام التقويم"),
        (7, "7 أيام كاملة من أيام التقويم"),
        (10, "10 أيام كاملة من أيام التقويم"),
        (15, "15 يوما كاملا من أيام التقويم"),
        (99, "99 يوما كاملا من أيام التقويم"),
        (100, "100 يوم كامل من أيام التقويم"),
    ],
)
def test_full_days_agree_with_their_number(days: int, text: str) -> None:
    assert length_of(replace(SMALL.count, days=days, francs=True))["ar"] == text


def test_other_days_need_no_adjective() -> None:
    assert length_of(replace(SMALL.count, days=3, francs=False))["ar"] == "3 أيام من أيام التقويم"
    working = replace(SMALL.count, days=11, francs=True, unit=Unit.WORKING)
    assert length_of(working)["ar"] == "11 يوما كاملا من أيام العمل"


@pytest.mark.parametrize(
    ("days", "text"), [(1, "بـيوم واحد"), (2, "بـيومين"), (5, "بـ5 أيام"), (15, "بـ15 يوما")]
)
def test_an_extension_takes_the_oblique_case(days: int, text: str) -> None:
    found = estimate(SMALL, parse_instant("2026-11-23T10:00:00Z"), [Extension(days)], seed_calendar())
    (step,) = [one for one in explain(found) if one.step == "extension"]
    assert f"{text}:" in step.text["ar"]


FIXED = date(2026, 12, 18)
NAME = {"ar": "عيد", "fr": "Fête", "en": "Feast"}


def _entry(day: date = FIXED, *, off: bool = True) -> Entry:
    off_day = CalendarDay(date=day, kind=Kind.CLOSURE, status=Status.CONFIRMED, name=NAME, source="")
    return Entry(day=off_day, proposed_by="one", proposed_at=parse_instant("2026-12-01T10:00:00Z"), off=off)


@pytest.mark.parametrize(
    ("entry", "replaced", "texts"),
    [
        (
            _entry(),
            [],
            {
                "ar": "عيد: يوم الجمعة 18 دجنبر 2026 يوم عطلة",
                "fr": "Fête : jour chômé le vendredi 18 décembre 2026",
                "en": "Feast: day off on Friday 18 December 2026",
            },
        ),
        (
            _entry(),
            [_entry(date(2026, 12, 17)), _entry(date(2026, 12, 16))],
            {
                "ar": "عيد: حُدد في يوم الجمعة 18 دجنبر 2026 بدل يوم الأربعاء 16 دجنبر 2026"
                " ويوم الخميس 17 دجنبر 2026",
                "fr": "Fête : fixé au vendredi 18 décembre 2026 au lieu du mercredi 16 décembre 2026"
                " et du jeudi 17 décembre 2026",
                "en": "Feast: set on Friday 18 December 2026 instead of Wednesday 16 December 2026"
                " and Thursday 17 December 2026",
            },
        ),
        (
            _entry(off=False),
            [_entry()],
            {
                "ar": "تقرر أن يوم الجمعة 18 دجنبر 2026 ليس يوم عطلة: عيد",
                "fr": "le vendredi 18 décembre 2026 n'est pas un jour chômé : Fête",
                "en": "Friday 18 December 2026 is not a day off: Feast",
            },
        ),
    ],
    ids=["a day off", "a feast that moves", "no day off after all"],
)
def test_the_reason_of_a_move_says_days_in_words(
    entry: Entry, replaced: list[Entry], texts: dict[str, str]
) -> None:
    assert reason_of(entry, replaced) == texts
