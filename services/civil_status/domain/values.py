"""What an act says: the blocks of decree 2-22-04 art. 21, which those of the legacy registers fit into."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from services.civil_status.domain.dates import RegisterDate
from services.civil_status.domain.writing import Script, plain, written
from services.civil_status.events import MentionKind
from shared.data import Names
from shared.errors import Invalid


class Sex(StrEnum):
    FEMALE = "female"
    MALE = "male"


class Seen(StrEnum):
    """By what an officer knew who stood before them."""

    NATIONAL_CARD = "national_card"
    PASSPORT = "passport"
    RESIDENCE_CARD = "residence_card"


class Basis(StrEnum):
    """By what a mention is entered."""

    SUMMARY = "summary"  # of a marriage or a dissolution (2-22-04 art. 15)
    ACT_OF_DEATH = "act_of_death"
    DECISION = "decision"  # of the central authority on a material error (36-21 art. 48)
    JUDGMENT = "judgment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One name, given or of the family. Arabic always; the other scripts where they are known."""

    ar: str
    latin: str | None = None
    tifinagh: str | None = None

    def checked(self, field: str) -> "Name":
        """Raises Invalid for what is no name in its script."""
        return Name(
            ar=written(self.ar, Script.ARABIC, f"{field}.ar"),
            latin=None if self.latin is None else written(self.latin, Script.LATIN, f"{field}.latin"),
            tifinagh=None
            if self.tifinagh is None
            else written(self.tifinagh, Script.TIFINAGH, f"{field}.tifinagh"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A child, a deceased, a parent, a spouse, a declarant: as much of them as the register knows."""

    given: Name
    family: Name | None = None
    sex: Sex | None = None
    born: RegisterDate | None = None
    birthplace: str | None = None
    nationality: str = "MA"  # ISO 3166-1
    occupation: str | None = None
    address: str | None = None
    identifier: str | None = None

    def checked(self, field: str) -> "Person":
        texts: dict[str, Any] = {
            name: plain(value, f"{field}.{name}")
            for name in ("birthplace", "occupation", "address")
            if (value := getattr(self, name)) is not None
        }
        family = None if self.family is None else self.family.checked(f"{field}.family")
        return replace(self, given=self.given.checked(f"{field}.given"), family=family, **texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """The birth or the death. `time` is the hour and minute in Casablanca, as declared, `06:40`."""

    on: RegisterDate
    time: str | None = None
    place: str
    collectivity: str | None = None
    abroad: bool = False
    facility: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declarant:
    """`relation` is a code of `rules/declarants.yaml`; a court's registrar has none."""

    person: Person
    relation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """An act's content at its drafting, which nobody edits. `subject` is the child or the deceased; `annexed`
    are digests of the papers it rests on.
    """

    event: Happening
    subject: Person
    father: Person | None = None
    mother: Person | None = None
    spouse: Person | None = None
    declarant: Declarant | None = None
    annexed: tuple[str, ...] = ()

    def checked(self) -> "Blocks":
        """The same, written as the register writes. Raises Invalid, with the field."""
        event = replace(
            self.event,
            place=plain(self.event.place, "event.place"),
            facility=None if self.event.facility is None else plain(self.event.facility, "event.facility"),
        )
        people = {
            name: person.checked(name)
            for name in ("father", "mother", "spouse")
            if (person := getattr(self, name)) is not None
        }
        declarant = self.declarant
        if declarant is not None:
            declarant = replace(declarant, person=declarant.person.checked("declarant"))
        return replace(
            self, event=event, subject=self.subject.checked("subject"), declarant=declarant, **people
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A note in the margin. `changes` are new values by field (`subject.given.latin`); `text` is what a copy
    prints; `reference` is the number of the act, decision or judgment it rests on, `proof` its digest.
    """

    id: UUID
    ordinal: int
    kind: MentionKind
    basis: Basis
    reference: str
    on: date
    entered_at: datetime
    entered_by: str
    text: Names
    changes: dict[str, str]
    spouse: Person | None = None
    proof: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What the deadlines service said of a period."""

    rule: str
    answer_by: datetime | None
    last_day: date | None
    provisional: bool = False


HOUR: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_NAMES: Final = tuple(
    f"{person}.{part}.{script}"
    for person in ("subject", "father", "mother", "spouse")
    for part in ("given", "family")
    for script in ("ar", "latin", "tifinagh")
)
CHANGEABLE: Final = frozenset(
    {*_NAMES, "subject.sex", "event.on", "event.time", "event.place"}
    | {
        f"{person}.{part}"
        for person in ("father", "mother")
        for part in ("birthplace", "occupation", "address")
    }
)
"""Every field that a correction or a judgment may restate. What it said before stays in the history."""


def restated(field: str, value: str) -> str:
    """A new value as the register writes it. Raises Invalid `field_not_changeable`, or for what is none."""
    if field not in CHANGEABLE:
        raise Invalid("field_not_changeable", "No mention restates this field.", field=field)
    if field in _NAMES:
        return written(value, Script(field.rpartition(".")[2]), field)
    if field == "subject.sex":
        if value not in set(Sex):
            raise Invalid("sex_unknown", f"One of {', '.join(Sex)}.", field=field)
        return value
    if field == "event.on":
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise Invalid("date_malformed", "A day is written 2026-03-02.", field=field) from None
    if field == "event.time" and not HOUR.fullmatch(value):
        raise Invalid("time_malformed", "An hour is written 06:40.", field=field)
    return plain(value, field)


def demand_named(blocks: Blocks, earlier: Iterable[Mapping[str, str]], changes: Mapping[str, str]) -> None:
    """Nothing is restated of a person without a name: of one whom neither the act nor `earlier` changes know,
    the given name in Arabic comes with it. Every output can so name who stands in it.

    Raises Invalid `person_unknown`.
    """
    said = {field for one in (*earlier, changes) for field in one}
    for field in changes:
        person = field.partition(".")[0]
        if person != "event" and getattr(blocks, person) is None and f"{person}.given.ar" not in said:
            raise Invalid(
                "person_unknown",
                {
                    "ar": "الرسم لا يذكر هذا الشخص: بينوا أولا اسمه الشخصي بالعربية.",
                    "fr": "L'acte ne connaît pas cette personne : donnez aussi son prénom en arabe.",
                    "en": "The act does not know this person: give the given name in Arabic too.",
                },
                field=field,
            )


def tree(value: Any) -> Any:
    """Plain values, by field: what outputs are made of."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: tree(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple | list):
        return [tree(one) for one in value]
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, StrEnum | UUID) else value
