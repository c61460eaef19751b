"""The administration's silence: what it means, and how the applicant gets a paper (55-19 art. 19–20).

The deadlines service announces dates and their passing; only this file decides what follows.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.rokhas.domain.core import too_early
from services.rokhas.domain.permissions import Delegation
from services.rokhas.domain.recueil import SilenceEffect
from services.rokhas.domain.requests import APPLICANTS_PERIODS, Requests
from services.rokhas.domain.states import APPEALS, FINAL, Action, State
from services.rokhas.domain.values import Clock, ClockChange, ClockRole, ClockRule, Counter
from services.rokhas.events import (
    AppealAnswered,
    ApprovedBySilence,
    AttestationRequested,
    Attested,
    DeadlineMoved,
    DeadlinePassed,
    DeadlineSet,
    ExplanationsRequested,
    Outcome,
    Returned,
    SilenceInvoked,
    SilenceWithoutApproval,
)
from shared.auth import Actor
from shared.data import Names

RUNNING = frozenset({State.UNDER_REVIEW, State.SUSPENDED})

CHANGES: Final[dict[ClockChange, Names]] = {
    ClockChange.STARTED: {"ar": "بدأ أجل جديد.", "fr": "Un nouveau délai court.", "en": "A new period runs."},
    ClockChange.SUSPENDED: {
        "ar": "في انتظار جوابكم.",
        "fr": "Votre réponse est attendue.",
        "en": "Your answer is awaited.",
    },
    ClockChange.RESUMED: {
        "ar": "توصلت الإدارة بجوابكم.",
        "fr": "Votre réponse est parvenue.",
        "en": "Your answer arrived.",
    },
    ClockChange.RESTARTED: {
        "ar": "أودعتم مشروعا معدلا تعديلا جوهريا.",
        "fr": "Un projet substantiellement modifié est déposé.",
        "en": "A substantively modified project was deposited.",
    },
    ClockChange.EXTENDED: {
        "ar": "مُدد الأجل لإنجاز خبرة تقنية أو بحث عمومي.",
        "fr": "Le délai est prolongé pour une expertise ou une enquête publique.",
        "en": "The period is extended for an expertise or a public inquiry.",
    },
    ClockChange.MOVED: {
        "ar": "تغير يوم من أيام العطل.",
        "fr": "Un jour férié a changé.",
        "en": "A public holiday changed.",
    },
    ClockChange.CERTAINTY_CHANGED: {
        "ar": "تغير ما يُعرف عن يوم من أيام العطل.",
        "fr": "Ce que l'on sait d'un jour férié a changé.",
        "en": "What is known of a public holiday changed.",
    },
}
"""What the applicant is told of a changed date where the deadlines service gives no reason of its own."""


class Silence(Requests):
    def observe(
        self, clock: Clock, change: ClockChange, *, reason: Names | None = None
    ) -> DeadlineSet | DeadlineMoved | None:
        """Takes over what the deadlines service announced; the applicant is told of every moved date.

        Nothing for the share of one actor, for a file already decided, or when nothing changed: there is
        nothing to save then.
        """
        if clock.role is ClockRole.STEP or (clock.role is ClockRole.DECISION and self.state not in RUNNING):
            return None
        decision = clock.role is ClockRole.DECISION
        previous = self.clock if decision else self.clocks.get(clock.key)
        settles = decision and change is self.awaiting
        if previous == clock and not settles:
            return None
        if decision:
            self.clock = clock
            if settles:
                self.awaiting, self.awaiting_since = None, None
        else:
            self.clocks = self.clocks | {clock.key: clock}
        if previous is None:
            return self._announce(
                DeadlineSet, rule=clock.key, answer_by=clock.answer_by, provisional=clock.provisional
            )
        return self._announce(
            DeadlineMoved,
            rule=clock.key,
            previous=previous.answer_by,
            answer_by=clock.answer_by,
            provisional=clock.provisional,
            reason=reason or CHANGES[change],
        )

    def elapsed(
        self, clock: Clock, *, effective_at: datetime, now: datetime
    ) -> ApprovedBySilence | SilenceWithoutApproval | Returned | AppealAnswered | DeadlinePassed | None:
        """A clock ran out as of `effective_at`, however late that is noticed. Nothing when it no longer
        concerns the file: decided, withdrawn, suspended, or changed in a way that the clock had not seen.

        Raises ValueError for an effect in the future: an announcement that cannot be true.
        """
        if effective_at > now:
            raise ValueError(f"{clock.key} elapses at {effective_at}, after {now}")
        if clock.role is ClockRole.DECISION:
            return self._silent(effective_at)
        if clock.role is ClockRole.STEP:
            return None
        if clock.rule == ClockRule.APPEAL_SILENCE and self.state in APPEALS:
            return self._rejected_by_silence(effective_at)
        if clock.rule in APPLICANTS_PERIODS:
            return self._returned(now) if clock.discriminator in self._owed else None
        known = self.clocks.get(clock.key)
        if known is None or known.elapsed:
            return None
        self.clocks = self.clocks | {clock.key: replace(known, elapsed=True, answer_by=effective_at)}
        return self._announce(DeadlinePassed, rule=clock.key, due_at=effective_at)

    def awaits(self, clock: Clock) -> bool:
        """Whether what this clock times is still to be done; an actor's share is, while the file runs."""
        if clock.role in {ClockRole.DECISION, ClockRole.STEP}:
            return self.state in RUNNING
        known = self.clocks.get(clock.key)
        return known is not None and not known.elapsed and self.state not in FINAL

    def invoke(self, *, by: Actor, now: datetime, counter: Counter | None = None) -> SilenceInvoked:
        """Asks the president for the act, who delivers it within 7 days (55-19 art. 19)."""
        self._may(Action.INVOKE, by, now, counter=counter)
        self.invoked_at = now
        return self._announce(
            SilenceInvoked, State.SILENCE_INVOKED, invoked_at=now, **self._received(by, counter)
        )

    def request_attestation(
        self, *, by: Actor, now: datetime, counter: Counter | None = None
    ) -> AttestationRequested:
        """From the governor, after the president's 7 days (55-19 art. 20). Raises Conflict `too_early`."""
        self._may(Action.REQUEST_ATTESTATION, by, now, counter=counter)
        due = self._due(ClockRule.DELIVERY)
        if due is None or now < due:
            raise too_early(due)
        self.attestation_requested_at = now
        return self._announce(
            AttestationRequested,
            State.ATTESTATION_REQUESTED,
            requested_at=now,
            **self._received(by, counter),
        )

    def ask_explanations(self, *, by: Actor, now: datetime) -> ExplanationsRequested:
        """The governor writes to the president; the 10 days go on (55-19 art. 20)."""
        self._may(Action.ASK_EXPLANATIONS, by, now)
        return self._announce(ExplanationsRequested, requested_at=now)

    def attest(self, *, by: Actor, now: datetime, delegations: Sequence[Delegation] = ()) -> Attested:
        """The attestation stands for the act, whatever fees remain due (2-22-141 art. 3)."""
        self._may(Action.ATTEST, by, now, delegations=delegations)
        self.attested_at = now
        return self._announce(
            Attested, State.ATTESTED, attested_at=now, binding_opinion=self.binding_opinion()
        )

    def _outdates(self, effective_at: datetime) -> bool:
        """Whether this file changed its clock before that due instant, unseen, or knows it suspended."""
        if self.clock is None:
            return False
        unseen = self.awaiting_since is not None and self.awaiting_since < effective_at
        return unseen or self.clock.answer_by is None

    def _rejected_by_silence(self, effective_at: datetime) -> AppealAnswered | None:
        """Sixty days of silence on an appeal mean its rejection (41-90 art. 23); the courts are next."""
        latest = self.appeals[-1]
        if effective_at <= latest.lodged_at:
            return None
        self._forget(ClockRule.APPEAL_SILENCE)
        self.appeals = [
            *self.appeals[:-1],
            replace(latest, answered_at=effective_at, outcome=Outcome.REFUSED),
        ]
        return self._announce(
            AppealAnswered,
            State.APPEAL_REJECTED,
            answered_at=effective_at,
            authority=latest.authority,
            outcome=Outcome.REFUSED,
            by_silence=True,
        )

    def _silent(self, effective_at: datetime) -> ApprovedBySilence | SilenceWithoutApproval | None:
        # A decision taken meanwhile wins, and so does a change of the clock made before the due instant: the
        # deadlines service will hear of it and count again.
        if self.state is not State.UNDER_REVIEW or self._outdates(effective_at):
            return None
        self.awaiting, self.awaiting_since = None, None
        self.silence_at = effective_at
        if self.procedure.silence.effect is not SilenceEffect.APPROVAL:
            return self._announce(SilenceWithoutApproval, State.SILENCE_NO_EFFECT, effective_at=effective_at)
        self.effective_at = effective_at
        return self._announce(
            ApprovedBySilence,
            State.APPROVED_BY_SILENCE,
            effective_at=effective_at,
            binding_opinion=self.binding_opinion(),
        )
