"""What the events of a permit file share: their base, and the words that several of them use."""

from dataclasses import dataclass
from enum import StrEnum

from shared.events import Event


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
