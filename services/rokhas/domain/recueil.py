"""The recueil: what the commune may ask for a procedure, and what its silence means (55-19 art. 3, 5, 6)."""

from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from services.rokhas.events import Channel
from shared.data import Names
from shared.errors import Invalid


class Confidence(StrEnum):
    """How a fact is known: text read, secondary source, general knowledge, uncertain."""

    READ = "C"
    SECONDARY = "P"
    BACKGROUND = "B"
    UNCERTAIN = "U"


class SilenceEffect(StrEnum):
    APPROVAL = "approval"
    APPEAL_OPENS = "appeal_opens"
    NONE = "none"


class Session(StrEnum):
    """How the commission hears it: convened beforehand (RGC 18), on the spot (RGC 19), or not at all."""

    PRIOR = "prior"
    ON_THE_SPOT = "on_the_spot"
    NONE = "none"


class Stage(StrEnum):
    DEPOSIT = "deposit"
    BEFORE_DELIVERY = "before_delivery"


class Counting(StrEnum):
    FRANCS = "francs"
    PLAIN = "plain"
    WORKING_DAYS = "working_days"


class Category(StrEnum):
    URBAN = "urban"
    ECONOMIC = "economic"


class FeeKind(StrEnum):
    """`rate` is centimes (fixed), centimes per unit, or hundredths of a percent of the cost (share).

    An assessed fee has no published figure: the officer states the amount.
    """

    FIXED = "fixed"
    PER_UNIT = "per_unit"
    SHARE = "share"
    ASSESSED = "assessed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDocument:
    """A `required` (basic) document starts the clock; a complementary one never delays it (RGC 37)."""

    code: str
    source: str
    confidence: Confidence
    required: bool = True
    stage: Stage = Stage.DEPOSIT
    declaration: bool = False  # a declaration on honour may replace it (55-19 art. 8)
    label: Names = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFee:
    code: str
    kind: FeeKind
    source: str
    confidence: Confidence
    rate: int | None = None
    unit: str | None = None
    before_delivery: bool = False
    label: Names = field(default_factory=dict)

    def amount(self, *, quantity: Decimal | None, stated: int | None) -> int:
        """Centimes due. `quantity` is units, or the cost in centimes for a share; `stated` is the officer's
        figure, wanted only where no rate is published. Raises Invalid when the figure is the wrong one.
        """
        if self.kind is FeeKind.FIXED and self.rate is not None:
            computed = Decimal(self.rate)
        elif self.rate is None:
            if stated is None or stated <= 0:
                raise Invalid("fee_amount_missing", f"State the amount of {self.code} in centimes.")
            return stated
        elif quantity is None or quantity <= 0:
            raise Invalid("fee_quantity_missing", f"State the quantity on which {self.code} is computed.")
        elif self.kind is FeeKind.PER_UNIT:
            computed = quantity * self.rate
        else:
            computed = quantity * self.rate / 10_000
        due = int(computed.to_integral_value(rounding=ROUND_HALF_UP))
        if stated is not None and stated != due:
            raise Invalid("fee_amount_differs", f"By the recueil {self.code} is {due} centimes.", amount=due)
        return due


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOpinion:
    actor: str
    source: str
    confidence: Confidence
    binding: bool = False
    label: Names = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """For the reader only: the date itself is computed by the deadlines service under `Procedure.rule`."""

    days: int
    counting: Counting
    source: str
    confidence: Confidence
    text: Names = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    effect: SilenceEffect
    source: str
    confidence: Confidence
    text: Names = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """The permit lapses after so many days (365 a year, DOC 131–133), or stays if works began in time."""

    days: int
    source: str
    confidence: Confidence
    kept_by_works: bool = False
    renewable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """One version of one procedure, as it is in force from `valid_from` until the next version."""

    code: str
    version: int
    valid_from: date
    category: Category
    title: Names
    rule: str
    session: Session
    documents: tuple[ListedDocument, ...]
    deadline: Period
    silence: Silence
    channels: tuple[Channel, ...] = (Channel.PORTAL, Channel.COUNTER, Channel.PAPER)
    opinions: tuple[ListedOpinion, ...] = ()
    fees: tuple[ListedFee, ...] = ()
    validity: Validity | None = None
    extension_max_days: int = 30  # 55-19 art. 17 gives no figure (U)
    appeals: Names = field(default_factory=dict)

    def __post_init__(self) -> None:
        for field_name, codes in {
            "documents": [one.code for one in self.documents],
            "fees": [one.code for one in self.fees],
            "opinions": [one.actor for one in self.opinions],
        }.items():
            if twice := [code for code in codes if codes.count(code) > 1]:
                raise ValueError(f"{twice[0]!r} is listed twice", field_name)

    def document(self, code: str) -> ListedDocument:
        """Raises Invalid: what the recueil does not list cannot be asked for (55-19 art. 3)."""
        for document in self.documents:
            if document.code == code:
                return document
        raise Invalid(
            "not_in_recueil",
            {
                "ar": "هذه الوثيقة غير واردة في مصنف القرارات ولا يجوز طلبها (القانون 55-19، المادة 3).",
                "fr": "Cette pièce n'est pas au recueil : elle ne peut être exigée (loi 55-19, art. 3).",
                "en": "This document is not on the recueil and cannot be asked for (law 55-19, art. 3).",
            },
            documents=[document.code for document in self.documents],
        )

    def fee(self, code: str) -> ListedFee:
        """Raises Invalid: a fee that the recueil does not list cannot be charged."""
        for fee in self.fees:
            if fee.code == code:
                return fee
        raise Invalid(
            "fee_not_in_recueil", "This fee is not on the recueil.", fees=[f.code for f in self.fees]
        )

    def opinion(self, actor: str) -> ListedOpinion:
        """Raises Invalid for an actor whose opinion the procedure does not collect."""
        for opinion in self.opinions:
            if opinion.actor == actor:
                return opinion
        raise Invalid(
            "opinion_not_collected",
            "The procedure collects no opinion of this actor.",
            actors=[o.actor for o in self.opinions],
        )

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(d.code for d in self.documents if d.required)
