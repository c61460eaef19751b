"""What the law's clocks did to a file: silence, appeals, dates."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from services.rokhas.events.common import Authority, BindingOpinion, Deposited, DossierEvent, Outcome


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
