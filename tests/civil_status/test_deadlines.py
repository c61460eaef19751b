"""The periods of civil status are data of the deadlines service: their figures, and every date beside
the oracle that walks one day at a time.
"""

from datetime import date
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.deadlines.domain.calendar import Calendar, load_fixed, load_seed
from services.deadlines.domain.estimate import estimate
from services.deadlines.domain.loading import rulebook
from services.deadlines.domain.rules import Expiry, Rule
from shared.time import midnight
from tests.deadlines import oracle

D = date.fromisoformat
RULES: Final = {
    f"{rule.code} {rule.version}": rule for rule in rulebook().rules if rule.code.startswith("civil_status.")
}
CONFIRMED: Final = [
    day for day in load_seed() if day.feast is None or day.status == "confirmed"
]  # what is only estimated has readings, which are the deadlines service's own tests
OFF: Final = frozenset(day.date for day in CONFIRMED)
CALENDAR: Final = Calendar(CONFIRMED, load_fixed())


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("civil_status.declaration 1", 30),
        ("civil_status.declaration 2", 30),
        ("civil_status.declaration_abroad 1", 365),
        ("civil_status.unclaimed_death 1", 60),
        ("civil_status.correction 1", 15),
    ],
)
def test_the_figures(rule: str, days: int) -> None:
    assert (RULES[rule].count.days, RULES[rule].count.francs) == (days, False)
    assert RULES[rule].on_expiry is Expiry.ESCALATION, "silence registers nothing and corrects nothing"


def test_every_rule_has_its_figure() -> None:
    assert len(RULES) == 5


@pytest.mark.parametrize(
    ("born", "last_day"),
    [
        ("2026-11-02", "2026-12-02"),  # the day of birth does not count: the 30th day is a Wednesday
        ("2026-11-05", "2026-12-07"),  # a Saturday: the next working day
        ("2026-12-02", "2027-01-04"),  # 1 January is a holiday, and a Friday
        ("2026-12-12", "2027-01-12"),  # 11 January, the Manifesto of Independence
    ],
)
def test_thirty_days_from_the_day_after_then_the_next_working_day(born: str, last_day: str) -> None:
    rule = rulebook().rule("civil_status.declaration", D(born))
    found = estimate(rule, midnight(D(born)), (), CALENDAR)
    assert found.last_day == D(last_day)


@given(st.sampled_from(sorted(RULES)), st.dates(D("2023-07-06"), D("2027-06-30")))
def test_every_date_is_that_of_the_oracle(name: str, day: date) -> None:
    rule: Rule = RULES[name]
    found = estimate(rule, midnight(day), (), CALENDAR)
    expected = oracle.answer(oracle.Case(days=rule.count.days, start=day, off=OFF))
    assert found.last_day == expected.last_day
