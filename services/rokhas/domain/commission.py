"""The commission: individual opinions, the sitting, its minutes (RGC art. 18–19, 22–24, 38–39)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from services.rokhas.domain.core import Core, wanted
from services.rokhas.domain.permissions import Delegation
from services.rokhas.domain.recueil import Session
from services.rokhas.domain.states import Action
from services.rokhas.domain.values import Minutes, Opinion, PaperKind, Sitting
from services.rokhas.events import (
    CommissionConvened,
    ForwardedToCommission,
    MinutesSigned,
    OpinionGiven,
    OpinionOutcome,
    OpinionRequested,
)
from shared.auth import Actor
from shared.errors import Conflict, Invalid

MOST_AHEAD: Final = timedelta(days=90)
"""The law gives a commission days, never months (RGC art. 18-19): a sitting farther away is a slip."""


class Commission(Core):
    def request_opinion(
        self, actor: str, *, by: Actor, now: datetime, delegations: Sequence[Delegation] = ()
    ) -> OpinionRequested:
        """Raises Invalid `opinion_not_collected`, Conflict `opinion_requested` when asked already."""
        self._may(Action.REQUEST_OPINION, by, now, delegations=delegations)
        listed = self.procedure.opinion(actor)
        if actor in self.opinions:
            raise Conflict("opinion_requested", "This actor was asked already.")
        self.opinions[actor] = Opinion(actor=actor, binding=listed.binding, requested_at=now)
        self._acted(Action.REQUEST_OPINION, by)
        return self._announce(OpinionRequested, requested_at=now, actor=actor, binding=listed.binding)

    def give_opinion(
        self,
        actor: str,
        outcome: OpinionOutcome,
        *,
        by: Actor,
        now: datetime,
        reasons: str = "",
        document: str | None = None,
        delegations: Sequence[Delegation] = (),
    ) -> OpinionGiven:
        """One actor's own opinion, given once; anything but a plain favourable one is reasoned, and one that
        binds is on paper: `document` is its digest.

        Raises Invalid, Conflict `opinion_given` or `minutes_signed`.
        """
        self._may(Action.GIVE_OPINION, by, now, delegations=delegations)
        listed = self.procedure.opinion(actor)
        if self.minutes is not None:
            raise Conflict("minutes_signed", "The minutes record the opinions: they are signed.")
        if listed.binding:
            wanted(document or "", "opinion_document_missing")
        if outcome is not OpinionOutcome.FAVOURABLE:
            wanted(reasons, "reasons_missing")
        known = self.opinions.get(actor, Opinion(actor=actor, binding=listed.binding))
        if known.given_at is not None:
            raise Conflict("opinion_given", "This actor gave an opinion.")
        self.opinions[actor] = replace(
            known, given_at=now, outcome=outcome, reasons=reasons, by=by.subject, document=document
        )
        self._keep(PaperKind.OPINION, document, by, now)
        self._acted(Action.GIVE_OPINION, by)
        return self._announce(
            OpinionGiven,
            given_at=now,
            actor=actor,
            binding=listed.binding,
            favourable=self.opinions[actor].favourable,
            outcome=outcome,
        )

    def forward(
        self, *, by: Actor, now: datetime, delegations: Sequence[Delegation] = ()
    ) -> ForwardedToCommission:
        """A large project, within 3 open days (RGC art. 18). Raises Conflict when it was forwarded."""
        self._may(Action.FORWARD, by, now, delegations=delegations)
        if self.forwarded_at is not None:
            raise Conflict("already_forwarded", "The commission has the file.")
        self.forwarded_at = now
        self._acted(Action.FORWARD, by)
        return self._announce(ForwardedToCommission, forwarded_at=now)

    def convene(
        self,
        sits_at: datetime,
        actors: Sequence[str] = (),
        *,
        by: Actor,
        now: datetime,
        delegations: Sequence[Delegation] = (),
    ) -> CommissionConvened:
        """Sets or moves the sitting, of all the procedure's actors by default. Raises Invalid, Conflict."""
        self._may(Action.CONVENE, by, now, delegations=delegations)
        if self.minutes is not None:
            raise Conflict("minutes_signed", "The commission has sat.")
        if sits_at < now:
            raise Invalid("sitting_in_past", "The commission is convened for a later instant.")
        if sits_at > now + MOST_AHEAD:
            raise Invalid(
                "sitting_too_far",
                {
                    "ar": "تُستدعى اللجنة داخل 90 يوما على الأكثر.",
                    "fr": "La commission est convoquée sous 90 jours au plus.",
                    "en": "The commission is convened for a day within 90 days.",
                },
                latest=(now + MOST_AHEAD).isoformat().replace("+00:00", "Z"),
            )
        members = tuple(actors) or tuple(listed.actor for listed in self.procedure.opinions)
        for actor in members:
            self.procedure.opinion(actor)
        self.sitting = Sitting(convened_at=now, sits_at=sits_at, actors=members)
        self._acted(Action.CONVENE, by)
        return self._announce(CommissionConvened, convened_at=now, sits_at=sits_at, actors=members)

    def sign_minutes(
        self, document: str, *, by: Actor, now: datetime, delegations: Sequence[Delegation] = ()
    ) -> MinutesSigned:
        """The minutes record each member's opinion (RGC art. 38); `document` is their digest.

        Raises Conflict `not_convened` for a large project, `minutes_signed` the second time.
        """
        self._may(Action.SIGN_MINUTES, by, now, delegations=delegations)
        wanted(document, "minutes_missing")
        if self.minutes is not None:
            raise Conflict("minutes_signed", "The minutes are signed.")
        if self.procedure.session is Session.PRIOR and self.sitting is None:
            raise Conflict("not_convened", "Convene the commission first.")
        self.minutes = Minutes(signed_at=now, document=document)
        self._keep(PaperKind.MINUTES, document, by, now)
        self._acted(Action.SIGN_MINUTES, by)
        given = {actor: opinion for actor, opinion in self.opinions.items() if opinion.given_at}
        members = self.sitting.actors if self.sitting else tuple(o.actor for o in self.procedure.opinions)
        return self._announce(
            MinutesSigned,
            signed_at=now,
            document=document,
            favourable=tuple(actor for actor, opinion in given.items() if opinion.favourable),
            unfavourable=tuple(actor for actor, opinion in given.items() if not opinion.favourable),
            silent=tuple(actor for actor in members if actor not in given),
        )
