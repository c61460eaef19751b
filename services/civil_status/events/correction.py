"""What happens to a request to put a material error right (36-21 art. 48-51)."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Final

from services.civil_status.events.act import ActKind
from shared.events import Event, Stream


class RejectionGround(StrEnum):
    """`substantial`: what is asked changes the substance, which only a court does."""

    SUBSTANTIAL = "substantial"
    UNFOUNDED = "unfounded"
    PROOF_MISSING = "proof_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionEvent(Event):
    collectivity: str
    kind: ActKind
    act: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionRequested(CorrectionEvent):
    """`fields` names what is said to be wrong, never what it should be."""

    TYPE: ClassVar = "ma.jamaa.civil_status.correction.requested.v1"
    requested_at: datetime
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionDeadlineKnown(CorrectionEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.correction.deadline_known.v1"
    answer_by: datetime | None
    last_day: date | None
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionAccepted(CorrectionEvent):
    """The margin of the act has the mention."""

    TYPE: ClassVar = "ma.jamaa.civil_status.correction.accepted.v1"
    accepted_at: datetime
    mention: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionRejected(CorrectionEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.correction.rejected.v1"
    rejected_at: datetime
    ground: RejectionGround


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionWithdrawn(CorrectionEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.correction.withdrawn.v1"
    withdrawn_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionOverdue(CorrectionEvent):
    """Nobody decided in time, which corrects nothing: it is shown to those who wait, and to whom they
    answer.
    """

    TYPE: ClassVar = "ma.jamaa.civil_status.correction.overdue.v1"
    effective_at: datetime


CORRECTION: Final = Stream(
    "civil_status",
    "correction",
    (
        CorrectionRequested,
        CorrectionDeadlineKnown,
        CorrectionAccepted,
        CorrectionRejected,
        CorrectionWithdrawn,
        CorrectionOverdue,
    ),
)
