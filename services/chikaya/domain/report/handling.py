"""The office: who takes it, what it lacks, whose it is."""

from datetime import datetime

from services.chikaya.domain.catalogue import catalogue
from services.chikaya.domain.report.core import A, Core, S
from services.chikaya.domain.values import Desk, Finding, Routed, legible
from services.chikaya.events import report as told
from services.chikaya.events.report import Defect, InadmissibleGround
from shared.auth import Actor
from shared.errors import Invalid
from shared.territory import territory


class Handling(Core):
    def assign(self, assignee: str, *, by: Actor, now: datetime) -> told.Assigned:
        """To an officer, by subject; again, to another one."""
        self._may(A.ASSIGN, by)
        if assignee == self.reporter:
            raise Invalid("own_report", "Nobody handles a report that they filed.")
        self.assignee = assignee
        return self._announce(told.Assigned, to=S.ASSIGNED, assigned_at=now)

    def start(self, *, by: Actor, now: datetime) -> told.Started:
        self._may(A.START, by)
        return self._announce(told.Started, to=S.IN_PROGRESS, started_at=now)

    def note(self, *, by: Actor, now: datetime) -> told.Noted:
        """That something was written down for the office; the note itself has a row of its own."""
        self._may(A.NOTE, by)
        return self._announce(told.Noted, noted_at=now)

    def declare_defective(
        self, defect: Defect, reasons: str, desk: Desk, *, by: Actor, now: datetime
    ) -> told.DeclaredDefective:
        """Within fifteen days, with reasons (art. 11). Raises Conflict `period_over` after that."""
        self._may(A.DECLARE_DEFECTIVE, by, now)
        said = legible(reasons, "reasons")
        self.assignee = None
        self.finding = Finding(reasons=said, desk=desk, at=now, by=by.subject, defect=defect)
        return self._announce(told.DeclaredDefective, to=S.DEFECTIVE, declared_at=now, defect=defect)

    def declare_inadmissible(
        self, ground: InadmissibleGround, reasons: str, desk: Desk, *, by: Actor, now: datetime
    ) -> told.DeclaredInadmissible:
        """On one of three grounds, with reasons (art. 12)."""
        self._may(A.DECLARE_INADMISSIBLE, by)
        said = legible(reasons, "reasons")
        self.finding = Finding(reasons=said, desk=desk, at=now, by=by.subject, ground=ground)
        return self._announce(told.DeclaredInadmissible, to=S.INADMISSIBLE, declared_at=now, ground=ground)

    def redirect(self, body: str, reasons: str, desk: Desk, *, by: Actor, now: datetime) -> told.Redirected:
        """Not ours: to a body that is not on this platform, with reasons (art. 9, 12). Raises Invalid
        `body_unknown`, Conflict `period_over`.
        """
        self._may(A.REDIRECT, by, now)
        catalogue().body(body)
        said = legible(reasons, "reasons")
        self.finding = Finding(reasons=said, desk=desk, at=now, by=by.subject, body=body)
        return self._announce(told.Redirected, to=S.REDIRECTED, redirected_at=now, body=body)

    def reroute(
        self, category: str, collectivity: str, reasons: str, *, by: Actor, now: datetime
    ) -> told.Rerouted:
        """To where it belongs on this platform: the clocks go on, the history stays, somebody else takes it.
        Raises NotFound, Invalid `same_route`, and `collectivity_is_region`: no office of a region takes any.
        """
        self._may(A.REROUTE, by)
        territory().province_of(collectivity)
        if (category, collectivity) == (self.category, self.collectivity):
            raise Invalid("same_route", "It is routed there already.")
        route = self._route(category, collectivity)
        before = Routed(
            collectivity=self.collectivity,
            category=self.category,
            body=self.body,
            until=now,
            reasons=legible(reasons, "reasons"),
            by=by.subject,
        )
        self.history = (*self.history, before)
        if collectivity != self.collectivity:
            self.past = tuple(dict.fromkeys((*self.past, self.collectivity)))
        self.category, self.collectivity, self.assignee = category, collectivity, None
        self.competence, self.body = route.competence, route.body
        to = self._waits if self.state in {S.ASSIGNED, S.IN_PROGRESS} else None
        return self._announce(
            told.Rerouted,
            to=to,
            rerouted_at=now,
            competence=route.competence,
            body=route.body,
            previous_collectivity=before.collectivity,
            previous_category=before.category,
            previous_body=before.body,
        )
