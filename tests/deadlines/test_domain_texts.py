"""What people read: the number forms of Arabic, whose counted noun and adjective follow the number."""

from dataclasses import replace
from datetime import date

import pytest

from services.deadlines.domain.calendar import seed_calendar
from services.deadlines.domain.counting import Extension, Unit
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
