"""The periods of complaints are data of the deadlines service: their figures, and every date beside the
oracle that walks one day at a time.
"""

from datetime import date
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chikaya.domain.report.core import LIMITS, REPLY, REPLY_AGAIN
from services.deadlines.domain.calendar import Calendar, load_fixed, load_seed
from services.deadlines.domain.counting import Suspension
from services.deadlines.domain.estimate import estimate
from services.deadlines.domain.loading import rulebook
from services.deadlines.domain.rules import Expiry, Rule
from shared.time import midnight
from tests.deadlines import oracle

D = date.fromisoformat
RULES: Final = {rule.code: rule for rule in rulebook().rules if rule.code.startswith("chikaya.")}
CONFIRMED: Final = [day for day in load_seed() if day.feast is None or day.status == "confirmed"]
OFF: Final = frozenset(day.date for day in CONFIRMED)
CALENDAR: Final = Calendar(CONFIRMED, load_fixed())


@pytest.mark.parametrize(
    ("code", "days", "article", "confidence"),
    [
        ("chikaya.reply", 60, "8", "C"),
        ("chikaya.defect", 15, "11", "C"),
        ("chikaya.redirection", 15, "9 et 12", "U"),
        ("chikaya.reply_again", 60, "8", "U"),
        ("chikaya.reopening", 30, "8", "U"),
    ],
)
def test_every_period_has_its_article_and_how_well_it_is_known(
    code: str, days: int, article: str, confidence: str
) -> None:
    rule = RULES[code]
    assert (rule.count.days, rule.confidence, rule.on_expiry) == (days, confidence, Expiry.ESCALATION)
    assert article in [citation.article for citation in rule.citations]


def test_the_report_knows_every_rule_and_no_other() -> None:
    assert set(RULES) == {REPLY, REPLY_AGAIN, *LIMITS}


@pytest.mark.parametrize(
    ("rule", "received", "last_day"),
    [
        ("chikaya.reply", "2026-11-02", "2027-01-04"),  # the 60th day is 1 January, a Friday and a holiday
        ("chikaya.defect", "2026-11-02", "2026-11-17"),
        ("chikaya.defect", "2026-11-03", "2026-11-19"),  # the 15th day is 18 November, a holiday
    ],
)
def test_the_last_day_is_a_working_day(rule: str, received: str, last_day: str) -> None:
    found = estimate(RULES[rule], midnight(D(received)), (), CALENDAR)
    assert found.last_day == D(last_day)


@given(st.sampled_from(sorted(RULES)), st.dates(D("2023-07-06"), D("2027-06-30")))
def test_every_date_is_that_of_the_oracle(code: str, day: date) -> None:
    rule: Rule = RULES[code]
    found = estimate(rule, midnight(day), (), CALENDAR)
    assert found.last_day == oracle.answer(oracle.Case(days=rule.count.days, start=day, off=OFF)).last_day


def test_while_it_is_defective_no_day_of_the_reply_counts() -> None:
    whole = estimate(RULES[REPLY], midnight(D("2026-11-02")), (), CALENDAR).last_day
    waited = Suspension(D("2026-11-10"), D("2026-11-19"))
    longer = estimate(RULES[REPLY], midnight(D("2026-11-02")), (waited,), CALENDAR).last_day
    assert (whole, longer) == (D("2027-01-04"), D("2027-01-12"))
