"""Who let whom know, and what was answered: references only, the data went to who asked and nowhere else."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from shared.events import Event, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEvent(Event):
    collectivity: str
    act: str
    administration: str
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGiven(ConsentEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.consent.given.v1"
    given_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRevoked(ConsentEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.consent.revoked.v1"
    revoked_at: datetime


class ExchangeGround(StrEnum):
    NO_CONSENT = "no_consent"
    ACT_NOT_VALID = "act_not_valid"
    MARGIN_UNKNOWN = "margin_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeEvent(Event):
    """`act` and `consent` are None where none was found: the asker is told no more than the refusal."""

    administration: str
    purpose: str
    act: str | None
    consent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeAnswered(ExchangeEvent):
    """`fields` names what was told, `version` the act's."""

    TYPE: ClassVar = "ma.jamaa.civil_status.exchange.answered.v1"
    answered_at: datetime
    version: int
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRefused(ExchangeEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.exchange.refused.v1"
    refused_at: datetime
    ground: ExchangeGround


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupMissed(Event):
    """Somebody searched and found nothing, for the `misses`-th time that day; the aggregate is the
    reader. With `suspended` they search no more that day: who guesses identifiers is seen.
    """

    TYPE: ClassVar = "ma.jamaa.civil_status.lookup.missed.v1"
    purpose: str
    misses: int
    missed_at: datetime
    suspended: bool


CONSENT: Final = Stream("civil_status", "consent", (ConsentGiven, ConsentRevoked))
EXCHANGE: Final = Stream("civil_status", "exchange", (ExchangeAnswered, ExchangeRefused))
LOOKUP: Final = Stream("civil_status", "lookup", (LookupMissed,))
