"""What happens to a declaration, from its announcement to the act."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Final

from services.civil_status.events.act import ActKind
from shared.events import Event, Stream


class Channel(StrEnum):
    """Who announced the event: the family online, the hospital by its notice, or the declarant at the
    counter.
    """

    FAMILY = "family"
    HOSPITAL = "hospital"
    COUNTER = "counter"


class RefusalGround(StrEnum):
    NOT_A_DECLARANT = "not_a_declarant"
    PROOF_MISSING = "proof_missing"
    DUPLICATE = "duplicate"
    UNFOUNDED = "unfounded"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclarationEvent(Event):
    collectivity: str
    kind: ActKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(DeclarationEvent):
    """`counts_from` is 00:00 in Casablanca of the day of the birth or death, which the period of the law
    counts from: the day alone, for whoever knows neither name nor place.
    """

    TYPE: ClassVar = "ma.jamaa.civil_status.declaration.opened.v1"
    channel: Channel
    opened_at: datetime
    counts_from: datetime
    abroad: bool
    unclaimed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineKnown(DeclarationEvent):
    """The deadlines service gave or moved the date."""

    TYPE: ClassVar = "ma.jamaa.civil_status.declaration.deadline_known.v1"
    rule: str
    answer_by: datetime | None
    last_day: date | None
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed(DeclarationEvent):
    """The declarant has been to the office. `suspects` are acts that seem to say the same."""

    TYPE: ClassVar = "ma.jamaa.civil_status.declaration.completed.v1"
    completed_at: datetime
    relation: str
    suspects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinguished(DeclarationEvent):
    """Somebody looked: it is no duplicate."""

    TYPE: ClassVar = "ma.jamaa.civil_status.declaration.distinguished.v1"
    distinguished_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered(DeclarationEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.declaration.registered.v1"
    act: str
    registered_at: datetime
    by_judgment: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(DeclarationEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.declaration.refused.v1"
    ground: RefusalGround
    refused_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(DeclarationEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.declaration.withdrawn.v1"
    withdrawn_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BecameLate(DeclarationEvent):
    """Nobody came in time: from `effective_at` on a court orders the registration."""

    TYPE: ClassVar = "ma.jamaa.civil_status.declaration.became_late.v1"
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeOverdue(DeclarationEvent):
    """The officer's own time for a death that nobody declares has passed; it stays to be registered."""

    TYPE: ClassVar = "ma.jamaa.civil_status.declaration.office_overdue.v1"
    effective_at: datetime


DECLARATION: Final = Stream(
    "civil_status",
    "declaration",
    (
        Opened,
        DeadlineKnown,
        Completed,
        Distinguished,
        Registered,
        Refused,
        Withdrawn,
        BecameLate,
        OfficeOverdue,
    ),
)
