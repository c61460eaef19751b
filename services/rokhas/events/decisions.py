"""The decision, how it reached the applicant, and how a permit ends."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from services.rokhas.events.common import BindingOpinion, DossierEvent, Outcome


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
    """Reasoned and notified in time; the reasons stay in the file. `articles` are those of their legal
    grounds that are written in a usual form (`loi 12-90, art. 43`).
    """

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
    """`act` is the number of the judgment or order; empty, and in the file, when its form is no usual one."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.annulled.v1"
    annulled_at: datetime
    act: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapsed(DossierEvent):
    """`last_day` is the last civil day (Casablanca) on which the permit could still be used."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.lapsed.v1"
    lapsed_at: datetime
    last_day: date
