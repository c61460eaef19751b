"""What happens to a report: a complaint, an observation or a suggestion."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Final

from shared.events import Event, Stream


class Kind(StrEnum):
    """2-17-265 art. 2."""

    COMPLAINT = "complaint"
    OBSERVATION = "observation"
    SUGGESTION = "suggestion"


class Channel(StrEnum):
    WEB = "web"
    MOBILE = "mobile"
    CALL_CENTRE = "call_centre"
    COUNTER = "counter"
    EMAIL = "email"
    OPEN311 = "open311"


class Competence(StrEnum):
    """Whose it is to act on what is reported."""

    COMMUNE = "commune"
    PROVINCE = "province"
    OPERATOR = "operator"
    OTHER = "other"


class Defect(StrEnum):
    """Why a report cannot be processed as it stands (2-17-265 art. 11)."""

    FORM = "form"
    UNCLEAR = "unclear"
    UNSUPPORTED = "unsupported"


class InadmissibleGround(StrEnum):
    """The three of 2-17-265 art. 12."""

    BEFORE_COURT = "before_court"
    NO_COMPETENCE = "no_competence"
    ABUSIVE = "abusive"


class Outcome(StrEnum):
    """What a reply says was done."""

    RESOLVED = "resolved"
    PLANNED = "planned"
    EXPLAINED = "explained"
    NOT_UPHELD = "not_upheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEvent(Event):
    """`category` is a code of the catalogue; `collectivity` has the report."""

    collectivity: str
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Received(ReportEvent):
    """`body` must act: a collectivity, or a code of `catalogue/bodies.yaml`. `account`: whoever reports has
    one, and is told there.
    """

    TYPE: ClassVar = "ma.jamaa.chikaya.report.received.v1"
    received_at: datetime
    kind: Kind
    channel: Channel
    competence: Competence
    body: str
    account: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged(ReportEvent):
    """At once (art. 5): `reference` is what the receipt says."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.acknowledged.v1"
    acknowledged_at: datetime
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactConfirmed(ReportEvent):
    """Who reported without an account reads what is sent to the address that they gave."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.contact_confirmed.v1"
    confirmed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineKnown(ReportEvent):
    """A clock of `deadlines`, by its rule: until when."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.deadline_known.v1"
    rule: str
    answer_by: datetime | None
    last_day: date | None
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPassed(ReportEvent):
    """A period of art. 11 or 9 went by: from `effective_at` on the report is no longer found defective, or no
    longer sent elsewhere, and is answered as it stands.
    """

    TYPE: ClassVar = "ma.jamaa.chikaya.report.limit_passed.v1"
    rule: str
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated(ReportEvent):
    """Nobody replied in time: the governor sees it. It decides nothing, and the reply is still due."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.escalated.v1"
    rule: str
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredDefective(ReportEvent):
    TYPE: ClassVar = "ma.jamaa.chikaya.report.declared_defective.v1"
    declared_at: datetime
    defect: Defect


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed(ReportEvent):
    TYPE: ClassVar = "ma.jamaa.chikaya.report.completed.v1"
    completed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned(ReportEvent):
    TYPE: ClassVar = "ma.jamaa.chikaya.report.assigned.v1"
    assigned_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(ReportEvent):
    """For the office alone; the note stays here."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.noted.v1"
    noted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(ReportEvent):
    TYPE: ClassVar = "ma.jamaa.chikaya.report.started.v1"
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerouted(ReportEvent):
    """Another category, another place or another body; the clock and the history stay."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.rerouted.v1"
    rerouted_at: datetime
    competence: Competence
    body: str
    previous_collectivity: str
    previous_category: str
    previous_body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirected(ReportEvent):
    """Not ours: to `body`, an administration that is not on this platform (art. 9, 12)."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.redirected.v1"
    redirected_at: datetime
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredInadmissible(ReportEvent):
    TYPE: ClassVar = "ma.jamaa.chikaya.report.declared_inadmissible.v1"
    declared_at: datetime
    ground: InadmissibleGround


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(ReportEvent):
    """`round` is 1, and one more after each reopening."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.answered.v1"
    answered_at: datetime
    outcome: Outcome
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened(ReportEvent):
    """By whoever reported, within the time for it; `round` is that of the reply to come."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.reopened.v1"
    reopened_at: datetime
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated(ReportEvent):
    """Closed by whoever reported, satisfied or not."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.rated.v1"
    rated_at: datetime
    satisfied: bool
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(ReportEvent):
    """The time to reopen went by, and nobody said anything."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.closed.v1"
    closed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Published(ReportEvent):
    """A person said what everybody may see of it. `flags`: rules that point something out in what is shown,
    and that the person saw.
    """

    TYPE: ClassVar = "ma.jamaa.chikaya.report.published.v1"
    published_at: datetime
    redacted: bool
    flags: tuple[str, ...]
    photos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld(ReportEvent):
    """A person said that text, reply and photos are not shown."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.withheld.v1"
    withheld_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged(ReportEvent):
    """It is of the same thing as the report `into`, and gets the answer to it; its own clock runs on."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.merged.v1"
    merged_at: datetime
    into: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Separated(ReportEvent):
    """It is dealt with by itself again: a person parted it from `of`, or that one ended without an answer."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.separated.v1"
    separated_at: datetime
    of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateDismissed(ReportEvent):
    """A person said, with reasons, that it and `other` are of two things: they are not proposed again."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.duplicate_dismissed.v1"
    dismissed_at: datetime
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactForgotten(ReportEvent):
    """Nobody confirmed in time where to write to whoever reported: it is kept no longer."""

    TYPE: ClassVar = "ma.jamaa.chikaya.report.contact_forgotten.v1"
    forgotten_at: datetime


REPORT: Final = Stream(
    "chikaya",
    "report",
    (
        Received,
        Acknowledged,
        ContactConfirmed,
        DeadlineKnown,
        LimitPassed,
        Escalated,
        DeclaredDefective,
        Completed,
        Assigned,
        Noted,
        Started,
        Rerouted,
        Redirected,
        DeclaredInadmissible,
        Answered,
        Reopened,
        Rated,
        Closed,
        Published,
        Withheld,
        Merged,
        Separated,
        DuplicateDismissed,
        ContactForgotten,
    ),
)
