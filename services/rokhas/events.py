"""What `rokhas` announces: one event per change of a permit file, in the order of the file's versions.

Instants are aware UTC datetimes. Persons appear as opaque references only, and nothing that a person
wrote travels: reasons and messages stay in the file. Every event of a file repeats its `procedure` and
`collectivity`, because the rules of law that time it are filtered on them.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Final

from shared.events import Event, Stream


class BindingOpinion(StrEnum):
    """What the urban agency said, whose opinion binds the commune (113-14 art. 101, RGC art. 39)."""

    FAVOURABLE = "favourable"
    UNFAVOURABLE = "unfavourable"
    MISSING = "missing"
    NOT_REQUIRED = "not_required"


class OpinionOutcome(StrEnum):
    FAVOURABLE = "favourable"
    WITH_RESERVATIONS = "favourable_with_reservations"
    UNFAVOURABLE = "unfavourable"


class Outcome(StrEnum):
    GRANTED = "granted"
    REFUSED = "refused"


class Channel(StrEnum):
    """How something was deposited; the counter's unit and agent are recorded (55-19 art. 30)."""

    PORTAL = "portal"
    COUNTER = "counter"
    PAPER = "paper"
    IMPORT = "import"


class Authority(StrEnum):
    """Before whom an appeal is brought (55-19 art. 21)."""

    PRESIDENT = "president"
    GOVERNOR = "governor"


@dataclass(frozen=True, slots=True, kw_only=True)
class DossierEvent(Event):
    procedure: str
    collectivity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposited(DossierEvent):
    """Common to what an applicant may also do at a counter or on paper."""

    channel: Channel = Channel.PORTAL
    unit: str | None = None
    agent: str | None = None


# The applicant's side


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted(Deposited):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.drafted.v1"
    drafted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentAttached(Deposited):
    """`document` is the code in the recueil, `file` the content's digest."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.document_attached.v1"
    attached_at: datetime
    document: str
    file: str
    declaration: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted(Deposited):
    """`complete` starts the clock; otherwise `missing` lists, once and exhaustively, what must still come
    (55-19 art. 10).
    """

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.submitted.v1"
    submitted_at: datetime
    reference: str
    complete: bool
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed(Deposited):
    """The last listed document came at `completed_at`: the clock starts."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.completed.v1"
    completed_at: datetime
    document: str
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAnswered(Deposited):
    """`suspension_ends` when no other suspending request stays open; `restarts` when the applicant
    deposited a substantively modified project (RGC art. 41).
    """

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.answered_request.v1"
    answered_at: datetime
    request: str
    suspension_ends: bool
    restarts: bool
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(Deposited):
    """`evidence` is the digest of the signed request, where a counter entered it."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.withdrawn.v1"
    withdrawn_at: datetime
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Renounced(Deposited):
    """`evidence` as in `Withdrawn`."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.renounced.v1"
    renounced_at: datetime
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred(Deposited):
    """The file or its permit goes on with an heir or a buyer; no clock stops. `evidence` is a digest;
    `former` are the applicant until now and the holders of the proxies, which end.
    """

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.transferred.v1"
    transferred_at: datetime
    successor: str
    basis: str
    evidence: str
    former: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyGranted(Deposited):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.proxy_granted.v1"
    granted_at: datetime
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRevoked(Deposited):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.proxy_revoked.v1"
    revoked_at: datetime
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorksStarted(Deposited):
    """Keeps the permit from lapsing (12-90 art. 49)."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.works_started.v1"
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePosted(DossierEvent):
    """`message` is the reference of a text that stays in the file."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.message_posted.v1"
    posted_at: datetime
    message: str
    from_applicant: bool


# Instruction


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned(DossierEvent):
    """Incomplete and given back after 30 days, which is no refusal. `reasons` name the documents (55-19
    art. 10).
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


# Commission


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


# Decision and delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted(DossierEvent):
    """`notified_at` is when it reached the applicant; `proof` is the digest of a paper handover's proof."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.granted.v1"
    notified_at: datetime
    late: bool
    binding_opinion: BindingOpinion
    proof: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(DossierEvent):
    """Reasoned and notified in time; the reasons stay in the file, their legal grounds travel."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.refused.v1"
    notified_at: datetime
    articles: tuple[str, ...]
    proof: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionAttemptedLate(DossierEvent):
    """A refusal signed at or after `answer_by`: without effect, and told to the governor and to audit."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.decision_attempted_late.v1"
    attempted_at: datetime
    answer_by: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverRecorded(DossierEvent):
    """A handover on paper entered by an agent, or after the expiry: awaits a second person. `evidence` is a
    digest.
    """

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.handover_recorded.v1"
    recorded_at: datetime
    handed_over_at: datetime
    outcome: Outcome
    evidence: str
    after_expiry: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverRejected(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.handover_rejected.v1"
    rejected_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitDelivered(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.permit_delivered.v1"
    delivered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Transmitted(DossierEvent):
    """To the governor within 5 days of delivery (113-14 art. 116); from an arrondissement also to the
    commune within 8 (art. 237).
    """

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.transmitted.v1"
    transmitted_at: datetime
    recipient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Annulled(DossierEvent):
    """`act` is the reference of the judgment or order."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.annulled.v1"
    annulled_at: datetime
    act: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapsed(DossierEvent):
    """`last_day` is the last civil day (Casablanca) on which the permit could still be used."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.lapsed.v1"
    lapsed_at: datetime
    last_day: date


# Silence and appeals


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedBySilence(DossierEvent):
    """In force since `effective_at`, the due instant, however late it was noticed (55-19 art. 19)."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.approved_by_silence.v1"
    effective_at: datetime
    binding_opinion: BindingOpinion


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceWithoutApproval(DossierEvent):
    """The period passed and the law attaches no approval: an appeal is open (55-19 art. 21)."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.silence_without_approval.v1"
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceInvoked(Deposited):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.silence_invoked.v1"
    invoked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationRequested(Deposited):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.attestation_requested.v1"
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationsRequested(DossierEvent):
    """The governor wrote to the president; that suspends nothing (55-19 art. 20)."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.explanations_requested.v1"
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.attested.v1"
    attested_at: datetime
    binding_opinion: BindingOpinion


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealLodged(Deposited):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.appeal_lodged.v1"
    lodged_at: datetime
    authority: Authority


@dataclass(frozen=True, slots=True, kw_only=True)
class PresidentInvited(DossierEvent):
    """The governor, seized of an appeal, invites the president to decide (55-19 art. 21)."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.president_invited.v1"
    invited_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealAnswered(DossierEvent):
    """`by_silence`: sixty days without an answer reject it as of `answered_at`, the due instant (41-90
    art. 23).
    """

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.appeal_answered.v1"
    answered_at: datetime
    authority: Authority
    outcome: Outcome
    by_silence: bool = False


# Dates


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineSet(DossierEvent):
    """What the deadlines service computed, as this file now shows it to its applicant."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.deadline_set.v1"
    rule: str
    answer_by: datetime | None
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineMoved(DossierEvent):
    """`answer_by` is absent while the clock is suspended; `reason` is what people are told: ar, fr, en."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.deadline_moved.v1"
    rule: str
    previous: datetime | None
    answer_by: datetime | None
    provisional: bool
    reason: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePassed(DossierEvent):
    """A clock other than the main one elapsed: the applicant's next step is open."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.deadline_passed.v1"
    rule: str
    due_at: datetime


# Fees: amounts in centimes of dirham


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeDue(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.fee_due.v1"
    assessed_at: datetime
    fee: str
    amount: int
    before_delivery: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStarted(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.payment_started.v1"
    started_at: datetime
    payment: str
    fees: tuple[str, ...]
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.paid.v1"
    paid_at: datetime
    payment: str
    fees: tuple[str, ...]
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.payment_failed.v1"
    failed_at: datetime
    payment: str


DOSSIER: Final = Stream(
    "rokhas",
    "dossier",
    (
        Drafted,
        DocumentAttached,
        Submitted,
        Completed,
        RequestAnswered,
        Withdrawn,
        Renounced,
        Transferred,
        ProxyGranted,
        ProxyRevoked,
        WorksStarted,
        MessagePosted,
        Returned,
        ReplacementRequested,
        InformationRequested,
        ModificationRequested,
        Extended,
        Assigned,
        ClosedAsRepeat,
        OpinionRequested,
        OpinionGiven,
        ForwardedToCommission,
        CommissionConvened,
        MinutesSigned,
        Granted,
        Refused,
        DecisionAttemptedLate,
        HandoverRecorded,
        HandoverRejected,
        PermitDelivered,
        Transmitted,
        Annulled,
        Lapsed,
        ApprovedBySilence,
        SilenceWithoutApproval,
        SilenceInvoked,
        AttestationRequested,
        ExplanationsRequested,
        Attested,
        AppealLodged,
        PresidentInvited,
        AppealAnswered,
        DeadlineSet,
        DeadlineMoved,
        DeadlinePassed,
        FeeDue,
        PaymentStarted,
        Paid,
        PaymentFailed,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationGiven(Event):
    """The president's signature delegated, or an absence covered, inside one commune (113-14 art. 103)."""

    TYPE: ClassVar = "ma.jamaa.rokhas.delegation.given.v1"
    collectivity: str
    kind: str
    giver: str
    holder: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationRevoked(Event):
    TYPE: ClassVar = "ma.jamaa.rokhas.delegation.revoked.v1"
    collectivity: str
    revoked_at: datetime


DELEGATION: Final = Stream("rokhas", "delegation", (DelegationGiven, DelegationRevoked))
