"""The law as data: what a rule says, which events it listens to and what they do to its clocks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Final

from services.deadlines.domain.counting import Count
from shared.data import Names, Scalar
from shared.errors import Invalid
from shared.time import civil_day, parse_instant

OPEN_ENDED: Final = date.max
ARTICLES: Final = frozenset({"suspension", "restart", "extension", "first_half", "francs"})


class Expiry(StrEnum):
    """What the silence of whoever had to act means."""

    APPROVAL = "approval"
    REJECTION = "rejection"
    VISA = "visa"
    APPEAL_OPENS = "appeal_opens"
    ESCALATION = "escalation"


class Kind(StrEnum):
    """Of the territorial collectivity that has the file, as `shared.territory` names it."""

    REGION = "region"
    PROVINCE = "province"
    COMMUNE = "commune"
    ARRONDISSEMENT = "arrondissement"


class Confidence(StrEnum):
    """How well the rule is known: text read, secondary source, background, uncertain or an interpretation."""

    READ = "C"
    PRESS = "P"
    BACKGROUND = "B"
    UNCERTAIN = "U"


class Role(StrEnum):
    """`decision`: the period of the file itself, one per procedure. `step`: the share of one actor, a child
    clock that approves nothing and never stops its parent. `applicant`: time that runs for the applicant.
    """

    DECISION = "decision"
    STEP = "step"
    APPLICANT = "applicant"
    INVOCATION = "invocation"
    ATTESTATION = "attestation"
    APPEAL = "appeal"


class Effect(StrEnum):
    """What an event does to a clock. `answer`: the awaited act was done; `stop`: nothing is awaited any
    more.
    """

    START = "start"
    SUSPEND = "suspend"
    RESUME = "resume"
    RESTART = "restart"
    EXTEND = "extend"
    ANSWER = "answer"
    STOP = "stop"


class Meaning(StrEnum):
    """What statistics count besides the clock's own states."""

    INVOKED = "invoked"
    DELIVERED = "delivered"
    ATTESTED = "attested"


class Warn(StrEnum):
    HALF = "half"
    EIGHTY_PERCENT = "eighty_percent"
    TWO_DAYS = "two_days"


@dataclass(frozen=True, slots=True)
class Citation:
    text: str
    article: str = ""
    source: str | None = None

    def __str__(self) -> str:
        article = f"art. {self.article}" if self.article[:1].isdigit() else self.article
        return f"{self.text}, {article}" if article else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One event type that acts on a rule's clocks, when the named fields have the value or one of the values
    listed. `at` names the field that dates it, `days` the one that says by how much it extends.
    """

    event: str
    when: Mapping[str, Scalar | tuple[Scalar, ...]] = field(default_factory=dict)
    at: str
    days: str | None = None

    def matches(self, event: str, data: Mapping[str, Any]) -> bool:
        return event == self.event and all(
            data.get(name) in (wanted if isinstance(wanted, tuple) else (wanted,))
            for name, wanted in self.when.items()
        )

    def instant(self, data: Mapping[str, Any]) -> datetime:
        value = _value(data, self.at, self.event)
        return value if isinstance(value, datetime) else parse_instant(str(value))


@dataclass(frozen=True, slots=True)
class Reaction:
    """What an event does to a running clock, from the instant `at`."""

    effect: Effect
    at: datetime
    outcome: str
    days: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """Another plausible reading of the law: the answer to an open question and the count it leads to."""

    question: str
    answer: str
    label: Names
    count: Count


@dataclass(frozen=True, slots=True)
class Question:
    """Where the law can be read in two ways: the clocks follow the `default`."""

    code: str
    default: str
    answers: Mapping[str, Names]

    def __post_init__(self) -> None:
        if self.default not in self.answers:
            raise ValueError(f"{self.default!r} is none of the answers", "default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Which events of a service's aggregate act on the clocks of the rules that name the profile.

    `each`: the field that tells the clocks of one file apart (one per actor, one per document). `once`: no
    second clock on a file, unless the first was stopped because its reason ended. `articles`: where the law
    allows a suspension, a restart, an extension, for the explanation.
    """

    name: str
    service: str
    aggregate: str
    each: str | None = None
    once: bool = False
    events: Mapping[Effect, tuple[Trigger, ...]]
    statistics: Mapping[Meaning, tuple[Trigger, ...]] = field(default_factory=dict)
    articles: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.events.get(Effect.START):
            raise ValueError("no event starts this clock", "events")
        if unknown := self.articles.keys() - ARTICLES:
            raise ValueError(f"{min(unknown)!r} is none of {', '.join(sorted(ARTICLES))}", "articles")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a rule says, whatever times it and however long it is."""

    code: str
    version: Annotated[int, range(1, 1000)]
    role: Role
    procedures: frozenset[str] | None = None
    territories: frozenset[Kind] | None = None
    label: Names
    citations: tuple[Citation, ...]
    confidence: Confidence
    note: str | None = None
    valid_from: date
    valid_to: date | None = None
    on_expiry: Expiry
    warnings: tuple[Warn, ...] = tuple(Warn)

    def __post_init__(self) -> None:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("the rule ends before it begins", "valid_to")
        if self.role is Role.DECISION and not self.procedures:
            raise ValueError("the period of a file needs its procedures", "role")
        if not self.citations:
            raise ValueError("a rule needs a citation", "citations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Terms):
    """One version of one deadline, in force for the files that start from `valid_from` to `valid_to`,
    included. `where` is the file and line that say so.
    """

    count: Count
    readings: tuple[Reading, ...]
    profile: Profile
    where: str = field(compare=False)

    @property
    def citation(self) -> str:
        return "; ".join(str(one) for one in self.citations)

    def in_force(self, day: date) -> bool:
        return self.valid_from <= day <= (self.valid_to or OPEN_ENDED)

    def concerns(self, procedure: str | None, territory: str | None = None) -> bool:
        """Whether it times files of this procedure in this kind of territory."""
        return (self.procedures is None or procedure in self.procedures) and (
            self.territories is None or territory in self.territories
        )

    def discriminator(self, data: Mapping[str, Any]) -> str:
        """Tells apart the clocks that this rule has on one file; empty when there is only one."""
        each = self.profile.each
        return "" if each is None else str(data.get(each) or "")

    def reactions(self, event: str, data: Mapping[str, Any]) -> list[Reaction]:
        """What the event does to a clock of this rule, in the order of `Effect`. Raises `Invalid` when the
        event lacks the field that dates it.
        """
        return [
            Reaction(
                effect,
                trigger.instant(data),
                event.split(".")[-2],
                0 if trigger.days is None else int(_value(data, trigger.days, event)),
            )
            for effect, triggers in self.profile.events.items()
            if effect is not Effect.START
            for trigger in triggers
            if trigger.matches(event, data)
        ]

    def meanings(self, event: str, data: Mapping[str, Any]) -> list[tuple[Meaning, datetime]]:
        """What the event counts as in the statistics of this rule's clocks, and when it happened."""
        return [
            (meaning, trigger.instant(data))
            for meaning, triggers in self.profile.statistics.items()
            for trigger in triggers
            if trigger.matches(event, data)
        ]


@dataclass(frozen=True, slots=True)
class Opening:
    """An event opens a clock of `rule` at `at`."""

    rule: Rule
    at: datetime
    discriminator: str


class Rulebook:
    """Every version of every rule. Immutable; built once when the service starts."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._versions = {(rule.code, rule.version): rule for rule in self.rules}
        self._openings: dict[str, list[tuple[Rule, Trigger]]] = {}
        for rule in self.rules:
            for trigger in rule.profile.events.get(Effect.START, ()):
                self._openings.setdefault(trigger.event, []).append((rule, trigger))

    @cached_property
    def procedures(self) -> frozenset[str]:
        return frozenset().union(*(r.procedures or () for r in self.rules if r.role is Role.DECISION))

    @cached_property
    def events(self) -> frozenset[str]:
        """Every event type that some rule listens to."""
        return frozenset(
            trigger.event
            for rule in self.rules
            for triggers in (*rule.profile.events.values(), *rule.profile.statistics.values())
            for trigger in triggers
        )

    @cached_property
    def sources(self) -> frozenset[tuple[str, str]]:
        """The (service, aggregate) pairs whose topics have to be read."""
        pairs = (event.split(".")[2:4] for event in self.events)
        return frozenset((service, aggregate) for service, aggregate in pairs)

    def version(self, code: str, version: int) -> Rule:
        """The rule under which a clock was opened. Raises `Invalid` when no file has it any more."""
        try:
            return self._versions[code, version]
        except KeyError as unknown:
            raise Invalid("unknown_rule", f"There is no version {version} of the rule {code}.") from unknown

    def rule(self, code: str, day: date) -> Rule:
        """The version in force that day. Raises `Invalid`."""
        versions = [rule for rule in self.rules if rule.code == code]
        if not versions:
            raise Invalid("unknown_rule", f"There is no rule {code}.")
        return _in_force(versions, day)

    def decision(self, procedure: str, day: date) -> Rule:
        """The rule that times the file itself. Raises `Invalid` for a procedure without one that day."""
        versions = [
            rule
            for rule in self.rules
            if rule.role is Role.DECISION and rule.procedures is not None and procedure in rule.procedures
        ]
        if not versions:
            raise Invalid("unknown_procedure", f"There is no procedure {procedure}.")
        return _in_force(versions, day)

    def openings(
        self, event: str, data: Mapping[str, Any], procedure: str | None, territory: str | None = None
    ) -> list[Opening]:
        """The clocks that an event opens on a file of that procedure and kind of territory, each under the
        version of its rule in force on the civil day of the event, the file's own first. Raises `Invalid`
        when the event lacks the field that dates it.
        """
        openings = []
        for rule, trigger in self._openings.get(event, ()):
            if not rule.concerns(procedure, territory) or not trigger.matches(event, data):
                continue
            at = trigger.instant(data)
            if rule.in_force(civil_day(at)):
                openings.append(Opening(rule, at, rule.discriminator(data)))
        return sorted(openings, key=lambda one: one.rule.role is not Role.DECISION)


def _in_force(versions: list[Rule], day: date) -> Rule:
    for rule in versions:
        if rule.in_force(day):
            return rule
    raise Invalid("no_rule_in_force", f"No rule for this was in force on {day}.")


def _value(data: Mapping[str, Any], name: str, event: str) -> Any:
    if data.get(name) is None:
        raise Invalid("event_field_missing", f"{event} has no field {name!r}.")
    return data[name]
