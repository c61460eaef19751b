"""The decision and how it reaches the applicant.

The clock stops when the decision reaches the applicant's space, or is handed over with proof, not when it is
signed: signing here publishes it, in the same transaction. A late grant is always accepted; a late refusal
has no effect and is only recorded.
"""

from collections.abc import Sequence
from datetime import datetime

from services.rokhas.domain.appeals import Appeals
from services.rokhas.domain.core import clock_unknown, wanted
from services.rokhas.domain.fees import Fees
from services.rokhas.domain.permissions import Delegation
from services.rokhas.domain.recueil import SilenceEffect
from services.rokhas.domain.references import ground
from services.rokhas.domain.states import APPEALS, LATE, Action, State
from services.rokhas.domain.values import Decision, Handover, PaperKind, Reason, Recipient
from services.rokhas.events import (
    AppealAnswered,
    BindingOpinion,
    DecisionAttemptedLate,
    Granted,
    HandoverRecorded,
    HandoverRejected,
    Outcome,
    PermitDelivered,
    Refused,
    Transmitted,
)
from shared.auth import Actor, Role
from shared.errors import Conflict, Forbidden, Invalid

CHAIN = frozenset({State.SILENCE_INVOKED, State.ATTESTATION_REQUESTED})


class Decisions(Appeals, Fees):
    def grant(
        self, *, by: Actor, now: datetime, delegations: Sequence[Delegation] = ()
    ) -> Granted | PermitDelivered | AppealAnswered:
        """Publishes the permit. After an invocation it is the delivery asked for, on appeal its answer.

        In time, an unfavourable binding opinion forbids it (113-14 art. 101: nullity): Conflict
        `binding_opinion_unfavourable`. Late, nothing forbids it; after an invocation the fees payable before
        delivery do: Conflict `fees_unpaid`, and the steps of 55-19 art. 20 stay open.
        """
        self._may(Action.GRANT, by, now, delegations=delegations)
        if self.state in APPEALS:
            return self._answered(Outcome.GRANTED, "", by, now)
        if self.state in CHAIN:
            self._check_fees()
            return self._delivered(by, now)
        late = self.state in LATE or self._is_late(now)
        if not late:
            self._check_binding_opinion()
        self._acted(Action.GRANT, by)
        return self._granted(now, by, late=late)

    def refuse(
        self,
        reasons: Sequence[Reason],
        *,
        by: Actor,
        now: datetime,
        delegations: Sequence[Delegation] = (),
    ) -> Refused | DecisionAttemptedLate:
        """Lawful strictly before `answer_by`. After it, the attempt is recorded: the caller saves the event
        and answers `late_refusal`. Raises Conflict `clock_unknown`; Invalid `reasons_missing`, or
        `complementary_document` for a reason that RGC art. 37 excludes.
        """
        self._may(Action.REFUSE, by, now, delegations=delegations, also_in=LATE)
        self._check_reasons(reasons)
        expired = self._expired_at(now)
        if expired is not None:
            return self._attempted_late(expired, now)
        self._acted(Action.REFUSE, by)
        return self._refused(now, by, tuple(reasons))

    def record_handover(
        self,
        outcome: Outcome,
        *,
        handed_over_at: datetime,
        evidence: str,
        by: Actor,
        now: datetime,
        reasons: Sequence[Reason] = (),
        delegations: Sequence[Delegation] = (),
    ) -> Granted | Refused | HandoverRecorded | DecisionAttemptedLate:
        """A decision handed over on paper; `evidence` is the digest of the signed proof. Entered before the
        expiry by the president, or by whoever holds their signature, it takes effect at once, as of the
        handover; entered by an agent or later, a second person confirms it.

        Raises Invalid for an instant that cannot be, Conflict `clock_unknown` or
        `binding_opinion_unfavourable`.
        """
        self._may(Action.RECORD_HANDOVER, by, now, delegations=delegations)
        wanted(evidence, "evidence_missing")
        if self.submitted_at is None or not self.submitted_at <= handed_over_at <= now:
            raise Invalid("handed_over_at", "The handover lies between the filing and now.")
        if outcome is Outcome.REFUSED:
            self._check_reasons(reasons)
        expired = self._expired_at(now)
        if outcome is Outcome.REFUSED and expired is not None and handed_over_at >= expired:
            return self._attempted_late(expired, now)
        if outcome is Outcome.GRANTED and (expired is None or handed_over_at < expired):
            self._check_binding_opinion()
        signs = by.holds(Role.PRESIDENT) or any(
            lent.lends(Action.RECORD_HANDOVER, by.subject, self.collectivity, now) for lent in delegations
        )
        self._keep(PaperKind.HANDOVER, evidence, by, now)
        self._acted(Action.RECORD_HANDOVER, by)
        if expired is None and signs:
            return self._hand_over(outcome, handed_over_at, by.subject, tuple(reasons), evidence)
        self.handover = Handover(
            outcome=outcome,
            handed_over_at=handed_over_at,
            evidence=evidence,
            recorded_at=now,
            recorded_by=by.subject,
            reasons=tuple(reasons),
        )
        return self._announce(
            HandoverRecorded,
            recorded_at=now,
            handed_over_at=handed_over_at,
            outcome=outcome,
            evidence=evidence,
            after_expiry=expired is not None,
        )

    def confirm_handover(
        self, *, by: Actor, now: datetime, delegations: Sequence[Delegation] = ()
    ) -> Granted | Refused:
        """By another person than the one who entered it: Forbidden `second_person_required` otherwise. Raises
        Conflict `binding_opinion_unfavourable` for a grant handed over in time (113-14 art. 101).
        """
        self._may(Action.CONFIRM_HANDOVER, by, now, delegations=delegations)
        handover = self._second_person(by)
        if handover.outcome is Outcome.GRANTED and not self._was_late(handover.handed_over_at):
            self._check_binding_opinion()
        self.handover = None
        return self._hand_over(
            handover.outcome,
            handover.handed_over_at,
            handover.recorded_by,
            handover.reasons,
            handover.evidence,
        )

    def reject_handover(
        self, *, by: Actor, now: datetime, delegations: Sequence[Delegation] = ()
    ) -> HandoverRejected:
        self._may(Action.REJECT_HANDOVER, by, now, delegations=delegations)
        self._second_person(by)
        self.handover = None
        return self._announce(HandoverRejected, rejected_at=now)

    def deliver(self, *, by: Actor, now: datetime, delegations: Sequence[Delegation] = ()) -> PermitDelivered:
        """Raises Conflict `fees_unpaid` with the fees payable before delivery (RGC art. 31, 33)."""
        self._may(Action.DELIVER, by, now, delegations=delegations)
        self._check_fees()
        return self._delivered(by, now)

    def transmit(
        self,
        recipient: Recipient,
        *,
        by: Actor,
        now: datetime,
        delegations: Sequence[Delegation] = (),
    ) -> Transmitted:
        """An urban act, once to each recipient (113-14 art. 116, 237). Raises Conflict the second time."""
        self._may(Action.TRANSMIT, by, now, delegations=delegations)
        if recipient in self.transmitted:
            raise Conflict("already_transmitted", "This recipient has it.")
        self.transmitted = self.transmitted | {recipient: now}
        return self._announce(Transmitted, transmitted_at=now, recipient=recipient)

    def _expired_at(self, now: datetime) -> datetime | None:
        """The due instant if it has passed, nothing if not. Raises Conflict `clock_unknown`, also while a
        feast that is only estimated may still move a date already reached.
        """
        if self.state in LATE:
            return self.silence_at
        answer_by = self._answer_by()
        if now < answer_by:
            return None
        if self.clock is not None and self.clock.provisional:
            raise clock_unknown()
        return answer_by

    def _check_fees(self) -> None:
        if unpaid := self.unpaid_before_delivery:
            raise Conflict(
                "fees_unpaid",
                {
                    "ar": "تؤدى هذه الرسوم قبل تسليم الرخصة.",
                    "fr": "Ces taxes se règlent avant la délivrance.",
                    "en": "These fees are paid before delivery.",
                },
                fees=unpaid,
            )

    def _check_binding_opinion(self) -> None:
        if self.binding_opinion() is BindingOpinion.UNFAVOURABLE:
            raise Conflict(
                "binding_opinion_unfavourable",
                {
                    "ar": "رأي الوكالة الحضرية الملزم غير موافق: تسليم الرخصة تحت طائلة البطلان.",
                    "fr": "L'avis conforme de l'agence urbaine est défavorable : le permis serait nul.",
                    "en": "The urban agency's binding opinion is unfavourable: the permit would be void.",
                },
            )

    def _check_reasons(self, reasons: Sequence[Reason]) -> None:
        if not reasons:
            raise Invalid("reasons_missing", "A refusal is reasoned (55-19 art. 18, RGC art. 40).")
        for reason in reasons:
            wanted(reason.article, "reason_article_missing")
            wanted(reason.text, "reason_text_missing")
            if reason.document and not self.procedure.document(reason.document).required:
                raise Invalid(
                    "complementary_document",
                    "A complementary document never justifies a refusal (RGC art. 37).",
                )

    def _attempted_late(self, expired: datetime, now: datetime) -> DecisionAttemptedLate:
        self.late_attempts += 1
        return self._announce(DecisionAttemptedLate, attempted_at=now, answer_by=expired)

    def _second_person(self, by: Actor) -> Handover:
        assert self.handover is not None  # `available` hides the action otherwise
        if by.subject == self.handover.recorded_by:
            raise Forbidden(
                "second_person_required",
                {
                    "ar": "يلزم تأكيد شخص ثان.",
                    "fr": "Une seconde personne doit confirmer.",
                    "en": "A second person confirms.",
                },
            )
        return self.handover

    def _hand_over(
        self,
        outcome: Outcome,
        handed_over_at: datetime,
        recorded_by: str,
        reasons: tuple[Reason, ...],
        proof: str,
    ) -> Granted | Refused:
        if self.silence_at is not None and handed_over_at < self.silence_at:
            self.silence_at = None  # there was no silence: the decision had reached the applicant
        if outcome is Outcome.GRANTED:
            late = self._was_late(handed_over_at)
            return self._grant_at(handed_over_at, recorded_by, late=late, proof=proof)
        return self._refuse_at(handed_over_at, recorded_by, reasons, proof=proof)

    def _was_late(self, at: datetime) -> bool:
        known = self.silence_at or (self.clock.answer_by if self.clock else None)
        return known is not None and at >= known

    def _granted(self, now: datetime, by: Actor, *, late: bool) -> Granted:
        return self._grant_at(now, by.subject, late=late)

    def _refused(self, now: datetime, by: Actor, reasons: tuple[Reason, ...]) -> Refused:
        return self._refuse_at(now, by.subject, reasons)

    def _grant_at(self, at: datetime, signer: str, *, late: bool, proof: str | None = None) -> Granted:
        self.effective_at = (self._silence_before(at) if late else None) or at
        self.decision = Decision(outcome=Outcome.GRANTED, notified_at=at, by=signer, proof=proof)
        return self._announce(
            Granted,
            State.GRANTED,
            notified_at=at,
            late=late,
            binding_opinion=self.binding_opinion(),
            proof=proof,
        )

    def _silence_before(self, at: datetime) -> datetime | None:
        """An approval in force since the silence stays so, also one unnoticed before the grant."""
        if self.procedure.silence.effect is not SilenceEffect.APPROVAL:
            return None
        clock = self.clock
        if self.silence_at is None and clock is not None and not self.awaiting and not clock.provisional:
            self.silence_at = clock.answer_by if clock.answer_by and clock.answer_by <= at else None
        return self.silence_at

    def _refuse_at(
        self, at: datetime, signer: str, reasons: tuple[Reason, ...], *, proof: str | None = None
    ) -> Refused:
        self.effective_at = None
        self.decision = Decision(
            outcome=Outcome.REFUSED, notified_at=at, by=signer, reasons=reasons, proof=proof
        )
        articles = tuple(dict.fromkeys(filter(None, (ground(reason.article) for reason in reasons))))
        return self._announce(Refused, State.REFUSED, notified_at=at, articles=articles, proof=proof)

    def _delivered(self, by: Actor, now: datetime) -> PermitDelivered:
        self._acted(Action.DELIVER, by)
        self.delivered_at = now
        return self._announce(PermitDelivered, State.DELIVERED, delivered_at=now)


def late_refusal(event: DecisionAttemptedLate) -> Conflict:
    """What the caller answers once the attempt is saved; raising it would undo the record."""
    return Conflict(
        "late_refusal",
        {
            "ar": "انصرم الأجل القانوني: لا أثر لقرار الرفض، وقد سُجلت المحاولة.",
            "fr": "Le délai légal est passé : ce refus est sans effet ; la tentative est enregistrée.",
            "en": "The legal period has passed: this refusal has no effect; the attempt is recorded.",
        },
        answer_by=event.answer_by.isoformat().replace("+00:00", "Z"),
    )
