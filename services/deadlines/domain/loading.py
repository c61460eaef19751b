"""Reading the rule files, so that a slip of the pen is refused at the start with its file and line.

A file may hold `vocabulary` (the events of a service and their fields), `questions` (where the law can be
read in two ways), `profiles` (which events act on a clock) and `rules`. Names are shared by all the files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from services.deadlines.domain.counting import LONGEST, Count, Counting
from services.deadlines.domain.rules import (
    Effect,
    Meaning,
    Profile,
    Question,
    Reading,
    Role,
    Rule,
    Rulebook,
    Terms,
    Trigger,
)
from shared.data import BadData, Source
from shared.errors import Invalid

FOLDER: Final = Path(__file__).resolve().parents[1] / "rules"

K = TypeVar("K", Effect, Meaning)
Events = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vocabulary:
    service: str
    aggregate: str
    events: Events


@dataclass(frozen=True, slots=True, kw_only=True)
class _Count(Counting):
    """A length as the law states it: months of 30 days, years of 365 unless said otherwise (DOC art. 132)."""

    days: int = 0
    months: int = 0
    years: int = 0
    month_days: Annotated[int, range(28, 32)] = 30
    year_days: Annotated[int, range(354, 367)] = 365

    def __post_init__(self) -> None:
        Counting.__post_init__(self)  # no super(): slots make the class anew
        if [bool(self.days), bool(self.months), bool(self.years)].count(True) != 1:
            raise ValueError("give the length once: in days, in months or in years")
        if not 1 <= self.in_days <= LONGEST:
            raise ValueError(f"a period is of 1 to {LONGEST} days")

    @property
    def in_days(self) -> int:
        return self.days + self.months * self.month_days + self.years * self.year_days


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    question: str
    answer: str
    count: _Count


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule(Terms):
    count: _Count
    readings: tuple[_Reading, ...] = ()
    profile: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    subject: str
    vocabulary: tuple[_Vocabulary, ...] = ()
    questions: tuple[Question, ...] = ()
    profiles: tuple[Profile, ...] = ()
    rules: tuple[_Rule, ...] = ()


@dataclass(slots=True)
class _Known:
    """What the files have declared so far, for the names that rules refer to."""

    vocabulary: dict[tuple[str, str], Events] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)


@cache
def rulebook() -> Rulebook:
    """The rules of this release under the recommended readings. Raises `BadData` with file and line."""
    return load_rules()


def load_rules(folder: Path = FOLDER, answers: Mapping[str, str] | None = None) -> Rulebook:
    """Every `*.yaml` below `folder`. `answers` chooses another answer than the recommended one to a
    question of interpretation: `{"francs": "plain"}`. Raises `BadData` with file and line.
    """
    sources = [Source(path, _File) for path in sorted(folder.glob("*.yaml"))]
    if not sources:
        raise BadData(f"{folder}:1: no rule file here")
    known = _Known()
    for source in sources:
        _declare(source, known)
    _choose(known, answers or {})
    for source in sources:
        for profile in source.value.profiles:
            if profile.name in known.profiles:
                raise source.refuse(profile, f"the profile {profile.name!r} is written twice", "name")
            known.profiles[profile.name] = _profile(source, profile, known)
    rules = [_rule(source, rule, known) for source in sources for rule in source.value.rules]
    _refuse_overlaps(rules)
    return Rulebook(rules)


def _declare(source: Source[_File], known: _Known) -> None:
    for listed in source.value.vocabulary:
        owner = (listed.service, listed.aggregate)
        if owner in known.vocabulary:
            raise source.refuse(listed, f"the events of {'.'.join(owner)} are listed twice")
        known.vocabulary[owner] = listed.events
    for question in source.value.questions:
        if question.code in known.questions:
            raise source.refuse(question, f"the question {question.code!r} is asked twice", "code")
        known.questions[question.code] = question


def _choose(known: _Known, answers: Mapping[str, str]) -> None:
    for code, answer in answers.items():
        question = known.questions.get(code)
        if question is None or answer not in question.answers:
            raise Invalid("unknown_reading", f"The rules know no answer {answer!r} to {code!r}.")
        known.questions[code] = replace(question, default=answer)


def _profile(source: Source[_File], profile: Profile, known: _Known) -> Profile:
    """The profile with the full types of its events, each checked against the vocabulary."""
    owner = f"{profile.service}.{profile.aggregate}"
    events = known.vocabulary.get((profile.service, profile.aggregate))
    if events is None:
        raise source.refuse(profile, f"no vocabulary lists the events of {owner}", "aggregate")

    def checked(trigger: Trigger, effect: Effect | Meaning) -> Trigger:
        if trigger.event not in events:
            raise source.refuse(trigger, f"unknown event {trigger.event!r} of {owner}", "event")
        if (effect is Effect.EXTEND) != (trigger.days is not None):
            raise source.refuse(trigger, "what extends, and nothing else, names its 'days'", "days")
        for name in filter(None, (trigger.at, trigger.days, *trigger.when)):
            if name not in events[trigger.event]:
                raise source.refuse(trigger, f"the event {trigger.event!r} has no field {name!r}", "at")
        return replace(trigger, event=f"ma.jamaa.{owner}.{trigger.event}.v1")

    def in_order(written: Mapping[K, tuple[Trigger, ...]], among: type[K]) -> dict[K, tuple[Trigger, ...]]:
        # that of the enumeration, whatever that of the file: two effects of one event have one order
        return {one: tuple(checked(each, one) for each in written[one]) for one in among if one in written}

    return replace(
        profile, events=in_order(profile.events, Effect), statistics=in_order(profile.statistics, Meaning)
    )


def _rule(source: Source[_File], written: _Rule, known: _Known) -> Rule:
    if written.profile not in known.profiles:
        raise source.refuse(written, f"unknown profile {written.profile!r}", "profile")
    count, readings = _counts(source, written, known)
    return Rule(
        **_shared(written, Terms),
        count=count,
        readings=readings,
        profile=known.profiles[written.profile],
        where=source.place(written),
    )


def _counts(source: Source[_File], rule: _Rule, known: _Known) -> tuple[Count, tuple[Reading, ...]]:
    """The count in force, then the other plausible ones: a question answered otherwise than recommended swaps
    its reading with the main one.
    """
    count = _count(rule.count)
    readings: list[Reading] = []
    for one in rule.readings:
        question = known.questions.get(one.question)
        if question is None or one.answer not in question.answers:
            why = f"no question {one.question!r} has the answer {one.answer!r}"
            raise source.refuse(one, why, "answer")
        readings.append(Reading(one.question, one.answer, question.answers[one.answer], _count(one.count)))
    for number, reading in enumerate(readings):
        question = known.questions[reading.question]
        if question.default == reading.answer:
            answer, label = next(
                (one, said) for one, said in question.answers.items() if one != reading.answer
            )
            readings[number] = Reading(reading.question, answer, label, count)
            return reading.count, tuple(readings)
    return count, tuple(readings)


def _count(written: _Count) -> Count:
    return Count(**_shared(written, Counting), days=written.in_days)


def _shared(written: object, common: type[Terms] | type[Counting]) -> dict[str, Any]:
    return {one.name: getattr(written, one.name) for one in fields(common)}


def _refuse_overlaps(rules: list[Rule]) -> None:
    """Two versions in force on one day, or two rules for the decision on one procedure, decide nothing."""
    for one, other in combinations(rules, 2):
        shared = (one.procedures or frozenset()) & (other.procedures or frozenset())
        rivals = one.role is Role.DECISION and other.role is Role.DECISION and shared
        if one.code != other.code and not rivals:
            continue
        if one.code == other.code and one.version == other.version:
            raise BadData(f"{other.where}: version {one.version} of {one.code} is already at {one.where}")
        if one.valid_from <= (other.valid_to or date.max) and other.valid_from <= (one.valid_to or date.max):
            raise BadData(f"{other.where}: the validity of {other.code} overlaps that of {one.where}")
