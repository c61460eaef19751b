"""How a file ends otherwise: renounced, annulled, lapsed, closed as a repeat."""

from collections.abc import Sequence
from datetime import datetime

from services.rokhas.domain import references
from services.rokhas.domain.core import Core, too_early, wanted
from services.rokhas.domain.permissions import Delegation
from services.rokhas.domain.states import Action, State
from services.rokhas.domain.values import Counter, PaperKind
from services.rokhas.events import Annulled, ClosedAsRepeat, Lapsed, Renounced, WorksStarted
from shared.auth import Actor
from shared.errors import Conflict


class Ends(Core):
    def renounce(
        self, *, by: Actor, now: datetime, counter: Counter | None = None, evidence: str | None = None
    ) -> Renounced:
        """The holder gives the authorisation up; at a counter, `evidence` is the digest of the signed
        request. Raises Invalid without it.
        """
        self._may(Action.RENOUNCE, by, now, counter=counter)
        proof = self._proof(PaperKind.RENUNCIATION, by, now, evidence)
        self.ended_at = now
        return self._announce(
            Renounced, State.RENOUNCED, renounced_at=now, evidence=proof, **self._received(by, counter)
        )

    def annul(self, act: str, *, by: Actor, now: datetime) -> Annulled:
        """`act` names the judgment or order that annuls; the event carries it if it has a usual form."""
        self._may(Action.ANNUL, by, now)
        wanted(act, "act_missing")
        self.annulment = act
        self.ended_at = now
        return self._announce(Annulled, State.ANNULLED, annulled_at=now, act=references.act(act) or "")

    def start_works(self, *, by: Actor, now: datetime, counter: Counter | None = None) -> WorksStarted:
        """Keeps the permit (12-90 art. 49). Raises Conflict the second time, or once the validity is over."""
        self._may(Action.START_WORKS, by, now, counter=counter)
        if self.works_started_at is not None:
            raise Conflict("works_started", "The works have begun.")
        lapse = self._lapse_clock
        if lapse is not None and lapse.answer_by is not None and now >= lapse.answer_by:
            raise Conflict("validity_over", "The validity of the permit is over.")
        self.works_started_at = now
        return self._announce(WorksStarted, started_at=now, **self._received(by, counter))

    def lapse(self, *, by: Actor, now: datetime, delegations: Sequence[Delegation] = ()) -> Lapsed:
        """Once the validity is over, which runs from the grant, or from the silence that approved.

        Raises Conflict `too_early`, `clock_unknown`, or `works_started` where that keeps the permit.
        """
        self._may(Action.LAPSE, by, now, delegations=delegations)
        if self.works_started_at is not None:
            raise Conflict("works_started", "The works began in time: the permit does not lapse.")
        lapse = self._lapse_clock
        if lapse is None or lapse.answer_by is None or lapse.last_day is None or now < lapse.answer_by:
            raise too_early(lapse.answer_by if lapse else None)
        self.ended_at = now
        return self._announce(Lapsed, State.LAPSED, lapsed_at=now, last_day=lapse.last_day)

    def repeats_of(self, earlier: "Core") -> bool:
        """Whether this is the same application as a refused one, with nothing changed (55-19 art. 15)."""
        return (
            earlier.state in {State.REFUSED, State.APPEAL_REJECTED}
            and earlier.id != self.id
            and not self.circumstances.strip()
            and _content(earlier) == _content(self)
        )

    def close_as_repeat(
        self,
        earlier: "Core",
        *,
        by: Actor,
        now: datetime,
        delegations: Sequence[Delegation] = (),
    ) -> ClosedAsRepeat:
        """An identical repeat of a refused application may stay unanswered. Raises Conflict `not_a_repeat`,
        `deadline_passed` or `clock_unknown`.
        """
        self._may(Action.CLOSE_AS_REPEAT, by, now, delegations=delegations)
        if not self.repeats_of(earlier):
            raise Conflict(
                "not_a_repeat", "The applications differ, or circumstances changed (55-19 art. 15)."
            )
        if now >= self._answer_by():
            raise Conflict("deadline_passed", "The period has passed: the silence has taken effect.")
        self.repeats = earlier.id
        self.ended_at = now
        self._acted(Action.CLOSE_AS_REPEAT, by)
        return self._announce(ClosedAsRepeat, State.CLOSED_AS_REPEAT, closed_at=now, earlier=str(earlier.id))


def _content(dossier: Core) -> tuple[object, ...]:
    files = sorted((document.document, document.file) for document in dossier.documents.values())
    return (dossier.procedure.code, dossier.collectivity, dossier.applicant, dossier.site, files)
