"""The reply, and what whoever reported makes of it."""

from datetime import datetime

from services.chikaya.domain.moderation import flags_in
from services.chikaya.domain.report.core import REOPENING, REPLY_AGAIN, A, Core, S
from services.chikaya.domain.values import Attachment, Desk, Rating, Reply, legible
from services.chikaya.events import report as told
from services.chikaya.events.report import Outcome
from shared.auth import Actor


class Answering(Core):
    def answer(
        self,
        outcome: Outcome,
        text: str,
        desk: Desk,
        attachments: tuple[Attachment, ...] = (),
        *,
        by: Actor,
        now: datetime,
    ) -> told.Answered:
        """With reasons, and the administration's contact block (art. 8, 10); late too: silence decides
        nothing.
        """
        self._may(A.ANSWER, by)
        reply = Reply(
            text=legible(text, "text"),
            outcome=outcome,
            desk=desk,
            answered_at=now,
            by=by.subject,
            round=self.round,
            attachments=attachments,
        )
        self.replies = (*self.replies, reply)
        self.flagged = self.flagged or bool(flags_in(reply.text))
        return self._announce(
            told.Answered, to=S.ANSWERED, answered_at=now, outcome=outcome, round=self.round
        )

    def answered_with(self, outcome: Outcome, text: str) -> bool:
        """Whether this very reply is the one that stands."""
        if self.state not in {S.ANSWERED, S.CLOSED}:
            return False
        return (self.replies[-1].outcome, self.replies[-1].text) == (outcome, text)

    def reopen(self, reasons: str, *, by: Actor, now: datetime) -> told.Reopened:
        """What was answered or closed badly, within the time for it, which the law does not say. Raises
        Conflict `period_over`.
        """
        self._may(A.REOPEN, by, now)
        self.reopened_for = (*self.reopened_for, legible(reasons, "reasons"))
        self.round += 1
        self.assignee = self.escalated_at = self.closed_at = self.merged_into = None
        for rule in (REPLY_AGAIN, REOPENING):  # the next of each is another clock
            self.clocks.pop(rule, None)
        return self._announce(told.Reopened, to=S.REOPENED, reopened_at=now, round=self.round)

    def rate(self, *, satisfied: bool, comment: str | None = None, by: Actor, now: datetime) -> told.Rated:
        """Closes it; it may still be reopened, within the time for it."""
        self._may(A.RATE, by)
        said = legible(comment, "comment", 1000) if comment is not None else None
        rating = Rating(satisfied=satisfied, at=now, round=self.round, comment=said)
        self.ratings = (*self.ratings, rating)
        self.closed_at = now
        return self._announce(told.Rated, to=S.CLOSED, rated_at=now, satisfied=satisfied, round=self.round)
