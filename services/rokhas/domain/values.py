"""The parts of a permit file: values, replaced and never changed in place."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from services.rokhas.events import Authority, Channel, OpinionOutcome, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """Where an agent received something in the applicant's place (55-19 art. 30)."""

    unit: str
    channel: Channel = Channel.COUNTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """`file` is the content's digest; a declaration on honour may stand for some documents (55-19 art. 8)."""

    document: str
    file: str
    attached_at: datetime
    by: str
    declaration: bool = False

    @property
    def called(self) -> str:
        return self.document


class PaperKind(StrEnum):
    """What a paper of the file proves, besides the documents that the recueil lists."""

    OPINION = "opinion"
    MINUTES = "minutes"
    HANDOVER = "handover_proof"
    TRANSFER = "transfer_deed"
    WITHDRAWAL = "withdrawal_request"
    RENUNCIATION = "renunciation_request"
    REPLACED = "replaced_document"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """Kept for good, whatever becomes of what it proved. `file` is the content's digest."""

    kind: PaperKind
    file: str
    kept_at: datetime
    by: str

    @property
    def called(self) -> str:
        return self.kind


class RequestKind(StrEnum):
    REPLACEMENT = "replacement"
    INFORMATION = "information"
    MODIFICATION = "modification"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something asked of the applicant. `suspends` is false for a commission's request made too late, and for
    one of complementary documents only (RGC art. 37).
    """

    id: str
    kind: RequestKind
    requested_at: datetime
    by: str
    reasons: str
    suspends: bool
    document: str | None = None
    documents: tuple[str, ...] = ()
    answered_at: datetime | None = None
    answer: str = ""
    reminded_at: datetime | None = None

    @property
    def open(self) -> bool:
        return self.answered_at is None


class ExtensionGround(StrEnum):
    """The only two grounds of 55-19 art. 17."""

    EXPERTISE = "technical_expertise"
    PUBLIC_INQUIRY = "public_inquiry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    days: int
    ground: ExtensionGround
    extended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One actor's individual opinion (RGC art. 38); `given_at` is absent while it is awaited. `document` is
    the digest of the paper that says so.
    """

    actor: str
    binding: bool
    requested_at: datetime | None = None
    given_at: datetime | None = None
    outcome: OpinionOutcome | None = None
    reasons: str = ""
    by: str | None = None
    document: str | None = None

    @property
    def favourable(self) -> bool:
        return self.outcome in {OpinionOutcome.FAVOURABLE, OpinionOutcome.WITH_RESERVATIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    convened_at: datetime
    sits_at: datetime
    actors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Minutes:
    """`document` is the digest of the signed minutes."""

    signed_at: datetime
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an application is refused: the article, in the officer's words (55-19 art. 18, RGC art. 40)."""

    article: str
    text: str
    document: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`notified_at` is when it reached the applicant; `proof` the digest of a paper handover's proof."""

    outcome: Outcome
    notified_at: datetime
    by: str
    reasons: tuple[Reason, ...] = ()
    proof: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A handover on paper entered by an agent, or after the expiry, awaiting a second person."""

    outcome: Outcome
    handed_over_at: datetime
    evidence: str
    recorded_at: datetime
    recorded_by: str
    reasons: tuple[Reason, ...] = ()


class ClockRole(StrEnum):
    """What a clock of the deadlines service times."""

    DECISION = "decision"
    STEP = "step"
    APPLICANT = "applicant"
    INVOCATION = "invocation"
    ATTESTATION = "attestation"
    APPEAL = "appeal"


class ClockRule(StrEnum):
    """The rules whose dates open or close something here, or order the work.

    The period of the file itself is `Procedure.rule`.
    """

    MISSING_ITEMS = "completion.missing_items"
    REPLACEMENT = "completion.replacement"
    UNANSWERED = "completion.unanswered"
    DELIVERY = "invocation.delivery"
    ATTESTATION = "invocation.attestation"
    APPEAL_LODGING = "appeal.lodging"
    APPEAL_PRESIDENT = "appeal.president"
    APPEAL_GOVERNOR = "appeal.governor"
    APPEAL_SILENCE = "appeal.silence"


LAPSE = "lapse."
"""How the rules begin under which a permit lapses, one per kind of permit."""


class ClockChange(StrEnum):
    """The last word of the type of a clock's event."""

    STARTED = "started"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    RESTARTED = "restarted"
    EXTENDED = "extended"
    MOVED = "moved"
    CERTAINTY_CHANGED = "certainty_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What the deadlines service last announced. `answer_by` is absent while suspended; a refusal is lawful
    strictly before it. `first_half_until` is the last civil day on which a request suspends.
    """

    rule: str
    role: ClockRole
    answer_by: datetime | None
    last_day: date | None = None
    first_half_until: date | None = None
    provisional: bool = False
    remaining_days: int = 0
    discriminator: str = ""
    elapsed: bool = False

    @property
    def key(self) -> str:
        return f"{self.rule}/{self.discriminator}" if self.discriminator else self.rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Appeal:
    authority: Authority
    lodged_at: datetime
    text: str
    answered_at: datetime | None = None
    outcome: Outcome | None = None
    reasons: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """Centimes of dirham."""

    code: str
    amount: int
    before_delivery: bool
    assessed_at: datetime
    paid_at: datetime | None = None


class PaymentState(StrEnum):
    STARTED = "started"
    PAID = "paid"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    id: str
    fees: tuple[str, ...]
    amount: int
    started_at: datetime
    state: PaymentState = PaymentState.STARTED


class TransferBasis(StrEnum):
    HEIR = "heir"
    BUYER = "buyer"


class Recipient(StrEnum):
    """Of individual urban acts (113-14 art. 116, 237)."""

    GOVERNOR = "governor"
    COMMUNE = "commune"
