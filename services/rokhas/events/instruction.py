"""What the office asked, and what the commission said."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from services.rokhas.events.common import DossierEvent, OpinionOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned(DossierEvent):
    """Given back, which is no refusal: incomplete after 30 days (55-19 art. 10), where `reasons` name the
    documents (`missing:…`), or abandoned under a rule that some territory has in force (`unanswered:…`).
    """

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.returned.v1"
    returned_at: datetime
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested(DossierEvent):
    """Common to the three requests made of an applicant. `suspends` is false for one made too late."""

    requested_at: datetime
    request: str
    suspends: bool
    document: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementRequested(Requested):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.replacement_requested.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class InformationRequested(Requested):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.information_requested.v1"
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModificationRequested(Requested):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.modification_requested.v1"
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReminded(DossierEvent):
    """The office recalled a request that suspends the file: no clock changes."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.request_reminded.v1"
    reminded_at: datetime
    request: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended(DossierEvent):
    """The one extension, for an expertise or a public inquiry (55-19 art. 17)."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.extended.v1"
    extended_at: datetime
    days: int
    ground: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned(DossierEvent):
    """`previous` is absent the first time."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.reassigned.v1"
    assigned_at: datetime
    instructor: str
    previous: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedAsRepeat(DossierEvent):
    """Identical to a refused application: it may stay unanswered (55-19 art. 15)."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.closed_as_repeat.v1"
    closed_at: datetime
    earlier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionRequested(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.opinion_requested.v1"
    requested_at: datetime
    actor: str
    binding: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionGiven(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.opinion_given.v1"
    given_at: datetime
    actor: str
    binding: bool
    favourable: bool
    outcome: OpinionOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardedToCommission(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.forwarded_to_commission.v1"
    forwarded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionConvened(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.commission_convened.v1"
    convened_at: datetime
    sits_at: datetime
    actors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MinutesSigned(DossierEvent):
    """The minutes record individual opinions (RGC art. 38); `silent` are the members who gave none."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.minutes_signed.v1"
    signed_at: datetime
    document: str
    favourable: tuple[str, ...]
    unfavourable: tuple[str, ...]
    silent: tuple[str, ...]
