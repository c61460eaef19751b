"""What a request says and holds: whose act, stated how, proven by what, delivered where."""

import re
import unicodedata
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from services.watiqa.events.request import OwedReason
from shared.errors import Invalid

LONGEST: Final = 120  # characters of a name, as in the register
SPACES: Final = re.compile(r"\s+")


def legible(text: str, field: str, longest: int = 300) -> str:
    """Composed, with single spaces. Raises Invalid `text_characters` for what is invisible or turns the line
    around, `text_too_long`, `text_empty`.
    """
    composed = SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip(" ")
    if len(composed) > longest:
        raise Invalid("text_too_long", f"At most {longest} characters.", field=field, most=longest)
    if not composed:
        raise Invalid("text_empty", "Say something.", field=field)
    if any(unicodedata.category(one) in {"Cc", "Cf", "Co", "Cn", "Cs"} for one in composed):
        raise Invalid(
            "text_characters",
            {
                "ar": "يتضمن النص علامات غير مقبولة.",
                "fr": "Le texte contient des caractères non admis.",
                "en": "The text holds characters that are not accepted.",
            },
            field=field,
        )
    return composed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The act that is meant: the person's given name always, and the identifier, the number, or the day."""

    given: str
    family: str | None = None
    event_on: date | None = None
    identifier: str | None = None
    office: str | None = None
    year: int | None = None
    number: int | None = None
    mother_given: str | None = None
    father_given: str | None = None

    def checked(self) -> "Wanted":
        """Raises Invalid `act_undetermined` for what nobody can search by."""
        numbered = None not in {self.office, self.year, self.number}
        if not (self.identifier or numbered or self.event_on):
            raise Invalid(
                "act_undetermined",
                {
                    "ar": "أدلوا بالمعرف، أو بمرجع الرسم، أو بتاريخ الواقعة.",
                    "fr": "Donnez l'identifiant, les références de l'acte ou la date de l'événement.",
                    "en": "Give the identifier, the act's office, year and number, or the day of the event.",
                },
            )
        names = ("given", "family", "mother_given", "father_given")
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        written = {n: legible(said[n], f"act.{n}", LONGEST) for n in names if said[n] is not None}
        return Wanted(**(said | written))


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the person states and the officer attests, of a document that no act is printed on."""

    given_ar: str
    family_ar: str
    address: str
    given_latin: str | None = None
    family_latin: str | None = None
    born_on: date | None = None

    def checked(self) -> "Statement":
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        written = {
            name: legible(value, f"statement.{name}", 300 if name == "address" else LONGEST)
            for name, value in said.items()
            if isinstance(value, str)
        }
        return Statement(**(said | written))


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the registered letter goes."""

    name: str
    street: str
    town: str
    postcode: str

    def checked(self) -> "Address":
        said = {one.name: legible(getattr(self, one.name), f"address.{one.name}") for one in fields(self)}
        return Address(**said)


class Identity(StrEnum):
    """By what an agent knew who stood at the counter."""

    NATIONAL_CARD = "national_card"
    PASSPORT = "passport"
    RESIDENCE_CARD = "residence_card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """At a counter the agent answers for who the person is, and for the papers that were seen."""

    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What the register found. `linked`: it knows that the act is of whoever asks. Without `margin_known`
    nobody has compared the margin with the paper register since the act was taken over.
    """

    act: str
    act_version: int
    linked: bool = False
    margin_known: bool = True


class PaymentState(StrEnum):
    STARTED = "started"
    PAID = "paid"
    FAILED = "failed"
    OWED_BACK = "owed_back"  # it came, and nothing is given for it
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """`amount` in centimes. `reference`: of the transfer by which it was given back."""

    id: str
    amount: int
    started_at: datetime
    state: PaymentState = PaymentState.STARTED
    owed_since: datetime | None = None
    reason: OwedReason | None = None
    returned_at: datetime | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What the deadlines service said of a period."""

    rule: str
    answer_by: datetime | None
    last_day: date | None
    provisional: bool = False


WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)
LETTER: Final = re.compile(r"[A-Z]{2}\d{9}MA", re.ASCII)


def tracked(number: str) -> str:
    """The number of a registered letter posted in Morocco (UPU S10). Raises Invalid `tracking_malformed`."""
    digits = number[2:10]
    if LETTER.fullmatch(number):
        rest = 11 - sum(int(d) * w for d, w in zip(digits, WEIGHTS, strict=True)) % 11
        if int(number[10]) == {10: 0, 11: 5}.get(rest, rest):
            return number
    raise Invalid(
        "tracking_malformed",
        {
            "ar": "رقم الإرسال المضمون غير صحيح.",
            "fr": "Ce n'est pas un numéro d'envoi recommandé.",
            "en": "This is no number of a registered letter.",
        },
    )
