"""What the recueil tells the public (55-19 art. 6) is what the clocks count, on every day it was in force."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

import pytest

from services.deadlines.domain.counting import Unit
from services.deadlines.domain.loading import rulebook
from services.deadlines.domain.rules import Expiry, Role, Rule
from services.rokhas.domain import SilenceEffect, load
from services.rokhas.domain.recueil import Counting, Procedure

RECUEIL: Final = load()
LATER: Final = date(2027, 1, 1)
COUNTED: Final = {
    Counting.FRANCS: (Unit.CALENDAR, True),
    Counting.PLAIN: (Unit.CALENDAR, False),
    Counting.WORKING_DAYS: (Unit.WORKING, False),
}
MEANS: Final = {
    SilenceEffect.APPROVAL: Expiry.APPROVAL,
    SilenceEffect.APPEAL_OPENS: Expiry.APPEAL_OPENS,
    # "no approval" says why in the recueil (excluded by its own decree); in law it opens the same appeal
    SilenceEffect.NONE: Expiry.APPEAL_OPENS,
}


def decisive_days(versions: tuple[Procedure, ...]) -> Iterator[date]:
    """The days around every change of the recueil or of a rule, since the first version of the recueil."""
    rules = (rule for rule in rulebook().rules if rule.role is Role.DECISION)
    concerned = [rule for rule in rules if rule.concerns(versions[0].code)]
    first = versions[0].valid_from
    changes = {version.valid_from for version in versions} | {rule.valid_from for rule in concerned}
    for day in sorted(changes | {LATER}):
        yield from (near for near in (day - timedelta(1), day) if near >= first)


def in_words(rule: Rule) -> tuple[int, Unit, bool, Expiry]:
    return rule.count.days, rule.count.unit, rule.count.francs, rule.on_expiry


def test_the_same_procedures() -> None:
    assert set(RECUEIL.versions) == rulebook().procedures


@pytest.mark.parametrize("code", sorted(RECUEIL.versions))
def test_the_recueil_says_what_the_clock_counts(code: str) -> None:
    for day in decisive_days(RECUEIL.versions[code]):
        stated, rule = RECUEIL.at(code, day), rulebook().decision(code, day)
        deadline = stated.deadline
        said = (deadline.days, *COUNTED[deadline.counting], MEANS[stated.silence.effect])
        assert said == in_words(rule), f"{code} on {day}: version {stated.version}, rule {rule.version}"
        assert stated.rule == rule.code


@pytest.mark.parametrize("code", sorted(RECUEIL.versions))
def test_a_procedure_has_one_name(code: str) -> None:
    for day in decisive_days(RECUEIL.versions[code]):
        assert rulebook().decision(code, day).label == RECUEIL.at(code, day).title


@pytest.mark.parametrize("code", sorted(RECUEIL.versions))
def test_the_recueil_is_as_sure_as_the_rule(code: str) -> None:
    for day in decisive_days(RECUEIL.versions[code]):
        stated, rule = RECUEIL.at(code, day), rulebook().decision(code, day)
        marks = {stated.deadline.confidence.value, stated.silence.confidence.value}
        assert max(marks, key="CPBU".index) == rule.confidence.value, f"{code} on {day}"


@pytest.mark.parametrize("code", sorted(RECUEIL.versions))
def test_a_permit_lapses_when_its_clock_says(code: str) -> None:
    """12-90 art. 49; 2-18-475 art. 3–4 and 14–15."""
    lapses = [one for one in rulebook().rules if one.profile.name == "rokhas.lapse" and one.concerns(code)]
    for version in RECUEIL.versions[code]:
        in_force = [rule for rule in lapses if rule.in_force(version.valid_from)]
        validity = [version.validity.days] if version.validity else []
        assert [rule.count.days for rule in in_force] == validity


@pytest.mark.parametrize("language", ["ar", "fr", "en"])
def test_the_sentences_quote_the_figures_of_the_rules(language: str) -> None:
    def figures(*codes: str) -> list[int]:
        return [rulebook().rule(code, LATER).count.days for code in codes]

    def quoted(text: dict[str, str]) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", text[language])]

    for procedure in RECUEIL.in_force(LATER):
        approval = procedure.silence.effect is SilenceEffect.APPROVAL
        opened = figures("invocation.delivery" if approval else "appeal.lodging")
        assert quoted(procedure.silence.text) == opened
        appeals = figures("appeal.lodging", "appeal.president", "appeal.governor", "appeal.court")
        assert quoted(procedure.appeals) == appeals


# Acts whose figure or list came later than law 55-19, on the days on which their reading could have changed.
@pytest.mark.parametrize(
    ("code", "day", "days", "counting", "effect"),
    [
        pytest.param("construction_small", "2023-07-12", 60, "plain", "approval", id="12-90 art. 48"),
        pytest.param("construction_large", "2023-07-12", 60, "plain", "approval", id="12-90 art. 48 grands"),
        pytest.param("subdivision", "2023-07-12", 90, "plain", "approval", id="25-90 art. 8"),
        pytest.param("housing_group", "2023-07-12", 90, "plain", "approval", id="25-90 art. 8 groupe"),
        pytest.param("parcelling", "2023-07-12", 60, "plain", "approval", id="25-90 art. 59"),
        pytest.param("occupancy", "2020-09-28", 60, "francs", "approval", id="2-22-141 habiter"),
        pytest.param("conformity", "2022-09-01", 60, "francs", "approval", id="2-22-141 conformité"),
        pytest.param("classed_2", "2023-05-10", 60, "francs", "approval", id="2-22-141 classés 2"),
        pytest.param("classed_3", "2023-05-10", 60, "francs", "approval", id="2-22-141 classés 3"),
        pytest.param("repair", "2023-05-10", 10, "working_days", "approval", id="RGC art. 45-47"),
        pytest.param("demolition", "2023-05-10", 30, "francs", "approval", id="2-18-475 art. 14"),
        pytest.param("regularisation", "2020-09-28", 60, "francs", "none", id="2-18-475 art. 8"),
        pytest.param("business_opening", "2020-09-28", 60, "francs", "appeal_opens", id="55-19 art. 21"),
    ],
)
def test_the_older_figures(code: str, day: str, days: int, counting: str, effect: str) -> None:
    stated = RECUEIL.at(code, date.fromisoformat(day))
    assert (stated.deadline.days, stated.deadline.counting, stated.silence.effect) == (days, counting, effect)
