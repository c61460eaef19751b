"""What happens to a request for an administrative document."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Final

from shared.events import Event, Stream


class Channel(StrEnum):
    PORTAL = "portal"
    COUNTER = "counter"


class Delivery(StrEnum):
    DOWNLOAD = "download"
    COUNTER = "counter"
    POST = "post"


class RefusalGround(StrEnum):
    """Why an office, or the central authority, gives nothing."""

    NOT_ENTITLED = "not_entitled"
    PROOF_INSUFFICIENT = "proof_insufficient"
    IDENTITY_DOUBTFUL = "identity_doubtful"
    NOT_THE_ACT = "not_the_act"
    UNFOUNDED = "unfounded"


class ControlReason(StrEnum):
    """Why a person looks before anything is issued."""

    PROOFS = "proofs"
    NOT_LINKED = "not_linked"
    MARGIN_UNKNOWN = "margin_unknown"
    POLICY = "policy"
    DECEASED = "deceased"
    NOT_PRINTABLE = "not_printable"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEvent(Event):
    """`document` is a code of the catalogue; `collectivity` that of the office that issues."""

    collectivity: str
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted(RequestEvent):
    """`capacity`: as what they ask, a code of `rules/capacities.yaml`."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.submitted.v1"
    submitted_at: datetime
    office: str
    channel: Channel
    capacity: str
    delivery: Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldByClosure(RequestEvent):
    """The office is closed: another one issues the same, or the request waits."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.held_by_closure.v1"
    held_at: datetime
    office: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirected(RequestEvent):
    """To another office: any issues an act held by another (36-21 art. 43)."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.redirected.v1"
    redirected_at: datetime
    office: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisationRequested(RequestEvent):
    """Whoever asks is not on the list of 36-21 art. 43: the central authority has its period to decide."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.authorisation_requested.v1"
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisationDeadlineKnown(RequestEvent):
    TYPE: ClassVar = "ma.jamaa.watiqa.request.authorisation_deadline_known.v1"
    answer_by: datetime | None
    last_day: date | None
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisationOverdue(RequestEvent):
    """Nobody decided in time, which authorises nothing: it is shown to those who wait."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.authorisation_overdue.v1"
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorised(RequestEvent):
    TYPE: ClassVar = "ma.jamaa.watiqa.request.authorised.v1"
    authorised_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisationRefused(RequestEvent):
    TYPE: ClassVar = "ma.jamaa.watiqa.request.authorisation_refused.v1"
    refused_at: datetime
    ground: RefusalGround


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingBegun(RequestEvent):
    """The register is to be asked: it is, as soon as a key to seal with is known."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.matching_begun.v1"
    begun_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingAsked(RequestEvent):
    """The question. `sealed` is a JWE for a key of the register, `reply_key` a public key of this question
    alone, for which the register seals `output` of the act.
    """

    TYPE: ClassVar = "ma.jamaa.watiqa.request.matching_asked.v1"
    asked_at: datetime
    sealed: str
    reply_key: dict[str, str]
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched(RequestEvent):
    """One act of the register, and nobody has to look."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.matched.v1"
    matched_at: datetime
    act: str
    act_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchAmbiguous(RequestEvent):
    TYPE: ClassVar = "ma.jamaa.watiqa.request.match_ambiguous.v1"
    answered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchMissing(RequestEvent):
    TYPE: ClassVar = "ma.jamaa.watiqa.request.match_missing.v1"
    answered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchUnreadable(RequestEvent):
    """The register could not read the question: it is asked again, under its present key."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.match_unreadable.v1"
    answered_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clarified(RequestEvent):
    """What is asked for was said more exactly: the register is asked again."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.clarified.v1"
    clarified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRequired(RequestEvent):
    """An officer looks before anything is issued; `act` is what the register found."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.control_required.v1"
    required_at: datetime
    reason: ControlReason
    act: str | None = None
    act_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofAdded(RequestEvent):
    """`proof` is the code of what it proves; the paper stays here."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.proof_added.v1"
    added_at: datetime
    proof: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved(RequestEvent):
    TYPE: ClassVar = "ma.jamaa.watiqa.request.approved.v1"
    approved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(RequestEvent):
    TYPE: ClassVar = "ma.jamaa.watiqa.request.refused.v1"
    refused_at: datetime
    ground: RefusalGround


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStarted(RequestEvent):
    """`amount` in centimes."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.payment_started.v1"
    started_at: datetime
    payment: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid(RequestEvent):
    TYPE: ClassVar = "ma.jamaa.watiqa.request.paid.v1"
    paid_at: datetime
    payment: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed(RequestEvent):
    TYPE: ClassVar = "ma.jamaa.watiqa.request.payment_failed.v1"
    failed_at: datetime
    payment: str


class OwedReason(StrEnum):
    """Why money that came is not ours to keep."""

    PAID_TWICE = "paid_twice"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentUnowed(RequestEvent):
    """Nothing is given for it: the office owes it back. `amount` in centimes."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.payment_unowed.v1"
    unowed_at: datetime
    payment: str
    amount: int
    reason: OwedReason


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReturned(RequestEvent):
    """Given back; by what transfer, the request says."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.payment_returned.v1"
    returned_at: datetime
    payment: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperOrdered(RequestEvent):
    """Written, and handed to the seal; `act_version` is what it was written from."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.paper_ordered.v1"
    ordered_at: datetime
    sealed_document: str
    act: str | None = None
    act_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued(RequestEvent):
    """Sealed: `sealed_document` is its identifier, of the stream `jamaa.watiqa.document.events`."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.issued.v1"
    issued_at: datetime
    sealed_document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver(RequestEvent):
    TYPE: ClassVar = "ma.jamaa.watiqa.request.handed_over.v1"
    handed_over_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted(RequestEvent):
    """By registered post. The number of the letter leads to an address: it stays here."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.posted.v1"
    posted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned(RequestEvent):
    """The post brought it back."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.returned.v1"
    returned_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Overtaken(RequestEvent):
    """The act changed, is disputed, or is so no longer. What was issued before a change is superseded; what
    was not issued yet is asked for again.
    """

    TYPE: ClassVar = "ma.jamaa.watiqa.request.overtaken.v1"
    overtaken_at: datetime
    act: str
    act_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReissueRequested(RequestEvent):
    """Of the act as it now reads."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.reissue_requested.v1"
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked(RequestEvent):
    """`reason`: `act_annulled`, or `issued_in_error`."""

    TYPE: ClassVar = "ma.jamaa.watiqa.request.revoked.v1"
    revoked_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(RequestEvent):
    TYPE: ClassVar = "ma.jamaa.watiqa.request.withdrawn.v1"
    withdrawn_at: datetime


REQUEST: Final = Stream(
    "watiqa",
    "request",
    (
        Submitted,
        HeldByClosure,
        Redirected,
        AuthorisationRequested,
        AuthorisationDeadlineKnown,
        AuthorisationOverdue,
        Authorised,
        AuthorisationRefused,
        MatchingBegun,
        MatchingAsked,
        Matched,
        MatchAmbiguous,
        MatchMissing,
        MatchUnreadable,
        Clarified,
        ControlRequired,
        ProofAdded,
        Approved,
        Refused,
        PaymentStarted,
        Paid,
        PaymentFailed,
        PaymentUnowed,
        PaymentReturned,
        PaperOrdered,
        Issued,
        HandedOver,
        Posted,
        Returned,
        Overtaken,
        ReissueRequested,
        Revoked,
        Withdrawn,
    ),
)
