"""The one period of the window is data of the deadlines service: its figure, and every date beside the oracle
that walks one day at a time.
"""

from datetime import date
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.deadlines.domain.calendar import Calendar, load_fixed, load_seed
from services.deadlines.domain.estimate import estimate
from services.deadlines.domain.loading import rulebook
from services.deadlines.domain.rules import Expiry
from shared.time import midnight
from tests.deadlines import oracle

D = date.fromisoformat
RULES: Final = [rule for rule in rulebook().rules if rule.code.startswith("watiqa.")]
CONFIRMED: Final = [day for day in load_seed() if day.feast is None or day.status == "confirmed"]
OFF: Final = frozenset(day.date for day in CONFIRMED)
CALENDAR: Final = Calendar(CONFIRMED, load_fixed())


def test_the_authority_has_sixty_days_and_its_silence_authorises_nothing() -> None:
    [rule] = RULES
    assert (rule.code, rule.count.days, rule.count.francs) == ("watiqa.authorisation", 60, False)
    assert rule.on_expiry is Expiry.ESCALATION
    assert rule.confidence == "C"
    assert "41" in [citation.article for citation in rule.citations]


@pytest.mark.parametrize(
    ("asked", "last_day"),
    [
        ("2026-11-02", "2027-01-04"),  # the 60th day is 1 January, a Friday and a holiday
        ("2026-11-23", "2027-01-22"),  # a Friday
    ],
)
def test_sixty_days_then_the_next_working_day(asked: str, last_day: str) -> None:
    found = estimate(rulebook().rule("watiqa.authorisation", D(asked)), midnight(D(asked)), (), CALENDAR)
    assert found.last_day == D(last_day)


@given(st.dates(D("2023-07-06"), D("2027-06-30")))
def test_every_date_is_that_of_the_oracle(day: date) -> None:
    found = estimate(RULES[0], midnight(day), (), CALENDAR)
    assert found.last_day == oracle.answer(oracle.Case(days=60, start=day, off=OFF)).last_day
