"""Several reports of one thing: a person joins them, and each gets the answer to it."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.chikaya.domain.report.core import A, Core, S
from services.chikaya.domain.states import LEADING
from services.chikaya.domain.values import Dismissed, Reply, legible
from services.chikaya.events import ReportEvent
from services.chikaya.events import report as told
from shared.auth import Actor
from shared.errors import Conflict, Invalid


class Merging(Core):
    def merge(self, into: Core, *, leads: bool, by: Actor, now: datetime) -> told.Merged:
        """From now on `into` is worked on for both; this one's clock runs on, and it gets the answer. One
        that leads others, which `leads` says, goes into none: no answer takes two steps.

        Raises Invalid `same_report`, Forbidden, Conflict `not_merged_into`.
        """
        self._may(A.MERGE, by)
        if into.id == self.id:
            raise Invalid("same_report", "A report is not a duplicate of itself.")
        into.demand(A.MERGE, by)
        if leads or into.state not in LEADING:
            raise Conflict(
                "not_merged_into",
                {
                    "ar": "لا يضم هذا التبليغ إلى ذاك: أحدهما مضموم أو أجيب عنه أو ينتظر من قدمه.",
                    "fr": "Ils ne se joignent pas : l'un est déjà joint, a sa réponse ou attend son auteur.",
                    "en": "These are not merged: one is merged, answered, or waits for whoever reported it.",
                },
                state=into.state,
            )
        self.merged_into, self.merged_round = into.id, into.round
        self.assignee = None
        return self._announce(told.Merged, to=S.MERGED, merged_at=now, into=str(into.id))

    def separate(self, *, by: Actor, now: datetime) -> told.Separated:
        """They were two things after all: it waits for somebody to take it."""
        self._may(A.SEPARATE, by)
        return self._part(now)

    def told_apart(self, other: Core) -> Dismissed | None:
        """The first that a person said, on either, of the two as no duplicates."""
        said = [one for one in self.dismissed if one.other == other.id]
        said += [one for one in other.dismissed if one.other == self.id]
        return min(said, key=lambda one: one.at, default=None)

    def dismiss(self, other: Core, reasons: str, *, by: Actor, now: datetime) -> told.DuplicateDismissed:
        """It and `other` are of two things, and are not proposed again. Who knows better merges them all the
        same. Raises Invalid `same_report`, Forbidden, Conflict `dismissed_before`.
        """
        self._may(A.DISMISS, by)
        if other.id == self.id:
            raise Invalid("same_report", "A report is not a duplicate of itself.")
        other.demand(A.DISMISS, by)
        if said := self.told_apart(other):
            raise Conflict(
                "dismissed_before",
                {
                    "ar": "سبق أن قيل إنهما أمران مختلفان.",
                    "fr": "Il a déjà été dit que ce sont deux choses.",
                    "en": "Somebody already said that these are two things.",
                },
                at=said.at,
            )
        one = Dismissed(other=other.id, by=by.subject, at=now, reasons=legible(reasons, "reasons"))
        self.dismissed = (*self.dismissed, one)
        return self._announce(told.DuplicateDismissed, dismissed_at=now, other=str(other.id))

    def share(self, reply: Reply | None, *, of: UUID, now: datetime) -> ReportEvent | None:
        """What became of the report that it was merged into: its answer, or that it ended without one (None),
        upon which this one waits for somebody again. Who gave the answer answers nothing they reported, and
        what was answered before they were merged is not this one's.
        """
        if self.state is not S.MERGED or self.merged_into != of:
            return None
        if reply is not None and reply.round < self.merged_round:
            return None
        if reply is None or reply.by == self.reporter:
            return self._part(now)
        self.replies = (*self.replies, replace(reply, round=self.round))
        return self._announce(
            told.Answered,
            to=S.ANSWERED,
            answered_at=reply.answered_at,
            outcome=reply.outcome,
            round=self.round,
        )

    def _part(self, now: datetime) -> told.Separated:
        parted, self.merged_into = self.merged_into, None
        return self._announce(told.Separated, to=self._waits, separated_at=now, of=str(parted))
