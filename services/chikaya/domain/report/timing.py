"""What the clocks of `deadlines` mean here: they announce, the report decides."""

from dataclasses import replace
from datetime import datetime

from services.chikaya.domain.report.core import LIMITS, REOPENING, REPLY_AGAIN, Core, S
from services.chikaya.domain.states import OPEN
from services.chikaya.domain.values import Clock
from services.chikaya.events import ReportEvent
from services.chikaya.events import report as told


class Timing(Core):
    def observe(self, clock: Clock) -> told.DeadlineKnown | None:
        """A date, a new one, or none while it is suspended. What passed already stays passed; what is said
        late of a round that is over changes nothing.
        """
        round_of = {REPLY_AGAIN: self.round - 1, REOPENING: self.round}
        if clock.ordinal < round_of.get(clock.rule, 1):
            return None
        known = self.clocks.get(clock.rule)
        if known is not None and replace(known, elapsed_at=None) == clock:
            return None
        self.clocks[clock.rule] = clock
        return self._announce(
            told.DeadlineKnown,
            rule=clock.rule,
            answer_by=clock.answer_by,
            last_day=clock.last_day,
            provisional=clock.provisional,
        )

    def elapsed(self, rule: str, effective_at: datetime) -> ReportEvent | None:
        """A reply that is overdue goes to the governor, and is due still: no outcome changes. The time to
        find it defective or to send it elsewhere is over; so is the time to reopen, which closes it.
        """
        clock = self.clocks.get(rule)
        if clock is None or clock.elapsed_at is not None:
            return None
        if clock.answer_by is None or effective_at < clock.answer_by:
            return None  # of an earlier clock of the rule
        overdue = rule == self.reply_rule and self.state in OPEN - {S.DEFECTIVE}
        if not overdue and rule not in LIMITS:
            return None
        self.clocks[rule] = replace(clock, elapsed_at=effective_at)
        if overdue:
            self.escalated_at = effective_at
            return self._announce(told.Escalated, rule=rule, effective_at=effective_at)
        if rule == REOPENING and self.state is S.ANSWERED:
            self.closed_at = effective_at
            return self._announce(told.Closed, to=S.CLOSED, closed_at=effective_at)
        return self._announce(told.LimitPassed, rule=rule, effective_at=effective_at)
