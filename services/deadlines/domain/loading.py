"""Reading the rule files, so that a slip of the pen is refused at the start with its file and line.

A file may hold `vocabulary` (the events of a service and their fields), `questions` (where the law can be
read in two ways), `profiles` (which events act on a clock) and `rules`. Names are shared by all the files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Final, TypeVar

from services.deadlines.domain.counting import LONGEST, Count, Unit
from services.deadlines.domain.rules import (
    Citation,
    Confidence,
    Effect,
    Expiry,
    Meaning,
    Profile,
    Question,
    Reading,
    Role,
    Rule,
    Rulebook,
    Trigger,
    Warn,
)
from services.deadlines.domain.source import Refused, Scalar, Table
from shared.errors import Invalid

FOLDER: Final = Path(__file__).resolve().parents[1] / "rules"
MONTH_DAYS: Final = 30  # DOC art. 132
YEAR_DAYS: Final = 365
ARTICLES: Final = frozenset({"suspension", "restart", "extension", "first_half", "francs"})

K = TypeVar("K", Effect, Meaning)

Vocabulary = dict[tuple[str, str], dict[str, frozenset[str]]]


@dataclass(slots=True)
class _Known:
    """What the files have declared so far, for the names that rules refer to."""

    vocabulary: Vocabulary = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)


@cache
def rulebook() -> Rulebook:
    """The rules of this release under the recommended readings. Raises `Refused` with file and line."""
    return load_rules()


def load_rules(folder: Path = FOLDER, answers: Mapping[str, str] | None = None) -> Rulebook:
    """Every `*.yaml` below `folder`. `answers` chooses another answer than the recommended one to a
    question of interpretation: `{"francs": "plain"}`. Raises `Refused` with file and line.
    """
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise Refused(f"{folder}:1: no rule file here")
    files = [Table.load(path) for path in paths]
    known = _Known()
    for file in files:
        file.text("subject")
        for table in file.tables("vocabulary"):
            _read_vocabulary(table, known)
        for table in file.tables("questions"):
            _read_question(table, known)
    _choose(known, answers or {})
    for file in files:
        for table in file.tables("profiles"):
            _read_profile(table, known)
    rules = [_read_rule(table, known) for file in files for table in file.tables("rules")]
    for file in files:
        file.done()
    _refuse_overlaps(rules)
    return Rulebook(rules)


def _choose(known: _Known, answers: Mapping[str, str]) -> None:
    for code, answer in answers.items():
        question = known.questions.get(code)
        if question is None or answer not in question.answers:
            raise Invalid("unknown_reading", f"The rules know no answer {answer!r} to {code!r}.")
        known.questions[code] = replace(question, default=answer)


def _read_vocabulary(table: Table, known: _Known) -> None:
    key = (table.text("service"), table.text("aggregate"))
    if key in known.vocabulary:
        raise table.refuse(f"the events of {'.'.join(key)} are listed twice")
    events = table.table("events")
    known.vocabulary[key] = {name: frozenset(events.texts(name)) for name in events.fields()}
    table.done()


def _read_question(table: Table, known: _Known) -> None:
    code = table.text("code")
    answers = table.table("answers")
    labels = {name: answers.names(name) for name in answers.fields()}
    default = table.text("default")
    if default not in labels:
        raise table.refuse(f"the default {default!r} is none of the answers", "default")
    if code in known.questions:
        raise table.refuse(f"the question {code!r} is asked twice", "code")
    known.questions[code] = Question(code, default, labels)
    table.done()


def _read_profile(table: Table, known: _Known) -> None:
    name = table.text("name")
    if name in known.profiles:
        raise table.refuse(f"the profile {name!r} is written twice", "name")
    service, aggregate = table.text("service"), table.text("aggregate")
    if (service, aggregate) not in known.vocabulary:
        raise table.refuse(f"no vocabulary lists the events of {service}.{aggregate}", "aggregate")
    triggers = _read_triggers(table, "events", Effect, (service, aggregate), known)
    if not triggers.get(Effect.START):
        raise table.refuse("no event starts this clock", "events")
    known.profiles[name] = Profile(
        name=name,
        service=service,
        aggregate=aggregate,
        each=table.optional_text("each"),
        triggers=triggers,
        meanings=_read_triggers(table, "statistics", Meaning, (service, aggregate), known),
        articles=_read_articles(table.table("articles")) if "articles" in table else {},
    )
    table.done()


def _read_articles(table: Table) -> dict[str, str]:
    for name in table.fields():
        if name not in ARTICLES:
            raise table.refuse(f"{name!r} is none of {', '.join(sorted(ARTICLES))}", name)
    return {name: table.text(name) for name in table.fields()}


def _read_triggers(
    table: Table, key: str, among: type[K], owner: tuple[str, str], known: _Known
) -> dict[K, tuple[Trigger, ...]]:
    if key not in table:
        return {}
    effects = table.table(key)
    found = {}
    for name in effects.fields():
        if name not in set(among):
            raise effects.refuse(f"{name!r} is none of {', '.join(among)}", name)
        effect = among(name)
        found[effect] = tuple(
            _read_trigger(item, owner, known, extends=effect is Effect.EXTEND)
            for item in effects.tables(name)
        )
    # the order of the enumeration, whatever that of the file: two effects of one event have one order
    return {effect: found[effect] for effect in among if effect in found}


def _read_trigger(table: Table, owner: tuple[str, str], known: _Known, *, extends: bool) -> Trigger:
    name = table.text("event")
    service, aggregate = owner
    events = known.vocabulary[owner]
    if name not in events:
        raise table.refuse(f"unknown event {name!r} of {service}.{aggregate}", "event")
    at = table.text("at")
    days = table.text("days") if extends else None
    when: dict[str, tuple[Scalar, ...]] = {}
    if "when" in table:
        conditions = table.table("when")
        when = {key: tuple(conditions.scalars(key)) for key in conditions.fields()}
    for field_name in (at, *([days] if days else []), *when):
        if field_name not in events[name]:
            raise table.refuse(f"the event {name!r} has no field {field_name!r}", "at")
    table.done()
    return Trigger(f"ma.jamaa.{service}.{aggregate}.{name}.v1", when, at, days)


def _read_rule(table: Table, known: _Known) -> Rule:
    profile = table.text("profile")
    if profile not in known.profiles:
        raise table.refuse(f"unknown profile {profile!r}", "profile")
    procedures = table.texts("procedures")
    valid_from, valid_to = table.day("valid_from"), table.optional_day("valid_to")
    if valid_to is not None and valid_to < valid_from:
        raise table.refuse("the rule ends before it begins", "valid_to")
    role = table.choice("role", Role)
    if role is Role.DECISION and not procedures:
        raise table.refuse("the period of a file needs its procedures", "role")
    count, readings = _read_counts(table, known)
    rule = Rule(
        code=table.text("code"),
        version=table.integer("version", 1, 999),
        role=role,
        procedures=frozenset(procedures) or None,
        label=table.names("label"),
        citations=tuple(_read_citation(one) for one in table.tables("citations")),
        confidence=table.choice("confidence", Confidence),
        note=table.optional_text("note"),
        valid_from=valid_from,
        valid_to=valid_to,
        count=count,
        readings=readings,
        on_expiry=table.choice("on_expiry", Expiry),
        warnings=table.choices("warnings", Warn, Warn),
        profile=known.profiles[profile],
        where=f"{table.file}:{table.line}",
    )
    if not rule.citations:
        raise table.refuse("a rule needs a citation")
    table.done()
    return rule


def _read_citation(table: Table) -> Citation:
    citation = Citation(
        table.text("text"), table.optional_text("article") or "", table.optional_text("source")
    )
    table.done()
    return citation


def _read_counts(table: Table, known: _Known) -> tuple[Count, tuple[Reading, ...]]:
    """The count in force, then the other plausible ones: a question answered otherwise than recommended swaps
    its reading with the main one.
    """
    count = _read_count(table.table("count"))
    readings: list[Reading] = []
    for item in table.tables("readings"):
        code, answer = item.text("question"), item.text("answer")
        question = known.questions.get(code)
        if question is None or answer not in question.answers:
            raise item.refuse(f"no question {code!r} has the answer {answer!r}", "answer")
        readings.append(Reading(code, answer, question.answers[answer], _read_count(item.table("count"))))
        item.done()
    for number, reading in enumerate(readings):
        question = known.questions[reading.question]
        if question.default == reading.answer:
            recommended = next(one for one in question.answers if one != reading.answer)
            readings[number] = replace(
                reading, answer=recommended, label=question.answers[recommended], count=count
            )
            return reading.count, tuple(readings)
    return count, tuple(readings)


def _read_count(table: Table) -> Count:
    lengths = [name for name in ("days", "months", "years") if name in table]
    if len(lengths) != 1:
        raise table.refuse("give the length once: in days, in months or in years")
    in_days = {
        "days": 1,
        "months": table.integer("month_days", 28, 31) if "month_days" in table else MONTH_DAYS,
        "years": table.integer("year_days", 354, 366) if "year_days" in table else YEAR_DAYS,
    }[lengths[0]]
    weekend = table.scalars("weekend") or [6, 7]
    if not all(type(day) is int and 1 <= day <= 7 for day in weekend) or len(set(weekend)) > 6:
        raise table.refuse("'weekend' lists ISO weekdays, 1 to 7", "weekend")
    count = Count(
        days=table.integer(lengths[0], 1, LONGEST // in_days) * in_days,
        unit=table.choice("unit", Unit) if "unit" in table else Unit.CALENDAR,
        francs=table.flag("francs", default=False),
        roll=table.flag("roll", default=True),
        weekend=tuple(day for day in weekend if isinstance(day, int)),
        local_closures=table.flag("local_closures", default=False),
    )
    table.done()
    return count


def _refuse_overlaps(rules: list[Rule]) -> None:
    """Two versions in force on one day, or two rules for the decision on one procedure, decide nothing."""
    for one, other in combinations(rules, 2):
        shared = (one.procedures or frozenset()) & (other.procedures or frozenset())
        rivals = one.role is Role.DECISION and other.role is Role.DECISION and shared
        if one.code != other.code and not rivals:
            continue
        if one.code == other.code and one.version == other.version:
            raise Refused(f"{other.where}: version {one.version} of {one.code} is already at {one.where}")
        if one.valid_from <= (other.valid_to or date.max) and other.valid_from <= (one.valid_to or date.max):
            raise Refused(f"{other.where}: the validity of {other.code} overlaps that of {one.where}")
