"""Appeals against a refusal, or a silence that is no approval (55-19 art. 21)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.rokhas.domain.core import Core, too_early, wanted
from services.rokhas.domain.permissions import Delegation
from services.rokhas.domain.states import Action, State
from services.rokhas.domain.values import Appeal, ClockRule, Counter, Decision
from services.rokhas.events import AppealAnswered, AppealLodged, Authority, Outcome, PresidentInvited
from shared.auth import Actor
from shared.errors import Conflict


class Appeals(Core):
    def appeal(self, text: str, *, by: Actor, now: datetime, counter: Counter | None = None) -> AppealLodged:
        """To the president, within 30 days. Raises Conflict `appeal_window_closed` once they are over."""
        self._may(Action.APPEAL, by, now, counter=counter)
        wanted(text, "appeal_empty")
        ends = self._due(ClockRule.APPEAL_LODGING)
        if ends is not None and now >= ends:
            raise Conflict(
                "appeal_window_closed",
                {
                    "ar": "انصرم أجل الطعن المحدد في 30 يوما؛ تبقى الطريق القضائية.",
                    "fr": "Le délai de recours de 30 jours est passé ; reste la voie judiciaire.",
                    "en": "The 30 days for an appeal have passed; the courts remain.",
                },
            )
        lodged = Appeal(authority=Authority.PRESIDENT, lodged_at=now, text=text)
        return self._lodged(lodged, State.APPEAL_PRESIDENT, self._received(by, counter))

    def escalate_appeal(
        self, text: str, *, by: Actor, now: datetime, counter: Counter | None = None
    ) -> AppealLodged:
        """To the governor, once the president's 15 days passed unanswered. Raises Conflict `too_early`."""
        self._may(Action.ESCALATE_APPEAL, by, now, counter=counter)
        wanted(text, "appeal_empty")
        due = self._due(ClockRule.APPEAL_PRESIDENT)
        if due is None or now < due:
            raise too_early(due)
        lodged = Appeal(authority=Authority.GOVERNOR, lodged_at=now, text=text)
        return self._lodged(lodged, State.APPEAL_GOVERNOR, self._received(by, counter))

    def invite_president(self, *, by: Actor, now: datetime) -> PresidentInvited:
        self._may(Action.INVITE_PRESIDENT, by, now)
        return self._announce(PresidentInvited, invited_at=now)

    def answer_appeal(
        self,
        outcome: Outcome,
        reasons: str,
        *,
        by: Actor,
        now: datetime,
        delegations: Sequence[Delegation] = (),
    ) -> AppealAnswered:
        """The president's answer, on their own or on the governor's invitation; a rejection is reasoned."""
        self._may(Action.ANSWER_APPEAL, by, now, delegations=delegations)
        if outcome is Outcome.REFUSED:
            wanted(reasons, "reasons_missing")
        return self._answered(outcome, reasons, by, now)

    def _lodged(self, lodged: Appeal, to: State, received: dict[str, Any]) -> AppealLodged:
        self._forget(ClockRule.APPEAL_LODGING, ClockRule.APPEAL_PRESIDENT)
        self.appeals = [*self.appeals, lodged]
        return self._announce(
            AppealLodged, to, lodged_at=lodged.lodged_at, authority=lodged.authority, **received
        )

    def _answered(self, outcome: Outcome, reasons: str, by: Actor, now: datetime) -> AppealAnswered:
        latest = self.appeals[-1]
        self.appeals = [
            *self.appeals[:-1],
            replace(latest, answered_at=now, outcome=outcome, reasons=reasons),
        ]
        self._acted(Action.ANSWER_APPEAL, by)
        granted = outcome is Outcome.GRANTED
        if granted:
            self.effective_at = now
            self.decision = Decision(outcome=outcome, notified_at=now, by=by.subject)
        return self._announce(
            AppealAnswered,
            State.GRANTED if granted else State.APPEAL_REJECTED,
            answered_at=now,
            authority=latest.authority,
            outcome=outcome,
        )
