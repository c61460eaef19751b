"""From a rule and what happened to a file, the dates of its period: the one function behind every date."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from services.deadlines.domain.calendar import Calendar, Feast
from services.deadlines.domain.counting import (
    NEVER,
    Interruption,
    Reckoning,
    Restart,
    Running,
    Unit,
    reckon,
    reckon_with,
)
from services.deadlines.domain.rules import Reading, Rule, Warn
from shared.time import civil_day, midnight


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The dates of one period. While it is suspended every date is None and `remaining_days` are left."""

    rule: Rule
    calendar: Calendar
    collectivity: str | None
    interruptions: tuple[Interruption, ...]
    reckoning: Reckoning

    @property
    def state(self) -> Running:
        return self.reckoning.state

    @property
    def last_day(self) -> date | None:
        return self.reckoning.last_day

    @property
    def effective_at(self) -> datetime | None:
        """When silence takes effect: 00:00 in Casablanca of the day after the last day, in UTC."""
        return self.reckoning.effective_at

    @property
    def first_half_until(self) -> date | None:
        return self.reckoning.first_half_until

    def remaining_days(self, as_of: date | None = None) -> int:
        """Length with its extension, less the whole days counted up to `as_of`; the francs day is excluded.
        Without `as_of`: what a suspension leaves, and nothing of a period that runs to its end.
        """
        return self.reckoning.total - self.reckoning.whole_days(as_of)

    @cached_property
    def readings(self) -> tuple[tuple[Reading, date | None], ...]:
        """The last day under each other plausible reading of the law."""
        return tuple(
            (reading, reckon(reading.count, *self._facts, self.calendar, self.collectivity).last_day)
            for reading in self.rule.readings
        )

    @cached_property
    def unsettled(self) -> tuple[Feast, ...]:
        """The estimated feasts that would move the last day if they fell on another plausible date."""
        last = self.reckoning.last
        return tuple(
            feast
            for feast, alternatives in self._feast_readings.items()
            if any(one.last != last for one in alternatives)
        )

    @property
    def covered(self) -> bool:
        """Whether the calendar records the feasts of every year that the period touches."""
        days = (self.reckoning.opened, self.reckoning.last or self.reckoning.start)
        return all(self.calendar.covers(date.fromordinal(day)) for day in days)

    @property
    def provisional(self) -> bool:
        """A feast that is only estimated could move the last day, or the calendar does not reach that far."""
        return bool(self.unsettled) or not self.covered

    @cached_property
    def settled_at(self) -> datetime | None:
        """From when every plausible reading of the calendar has passed: expiry waits for it, and takes
        effect as of `effective_at`. None while suspended, or under a reading that suspends.
        """
        latest = [self.reckoning.last]
        moved = {}
        for feast in self.unsettled:
            lasts = [one.last for one in self._feast_readings[feast]]
            latest += lasts
            worst = max(range(len(lasts)), key=lambda number: lasts[number] or NEVER)
            moved[feast] = feast.elsewhere()[worst]
        if len(moved) > 1:
            latest.append(self._with(moved).last)
        reached = [day for day in latest if day is not None]
        return midnight(date.fromordinal(max(reached) + 1)) if len(reached) == len(latest) else None

    @property
    def officer_safe_by(self) -> date | None:
        """The last day under the earliest plausible reading of the law and of the calendar."""
        plausible = self._plausible_last_days
        return min(plausible) if plausible else None

    @property
    def applicant_safe_from(self) -> date | None:
        """The day from which silence has taken effect under every plausible reading."""
        plausible = self._plausible_last_days
        return date.fromordinal(max(plausible).toordinal() + 1) if plausible else None

    @cached_property
    def warnings(self) -> dict[Warn, datetime]:
        """When to warn, in order; only what lies between the start and the effect."""
        effective_at = self.effective_at
        total = self.reckoning.total
        half = self.reckoning.whole_day((total + 1) // 2)
        most = self.reckoning.whole_day((total * 4 + 4) // 5)
        due = {
            Warn.HALF: None if half is None else midnight(_next(half)),
            Warn.EIGHTY_PERCENT: None if most is None else midnight(_next(most)),
            Warn.TWO_DAYS: None if self.last_day is None else midnight(_previous(self.last_day)),
        }
        opened = midnight(date.fromordinal(self.reckoning.start + 1))
        useful = {
            warning: at
            for warning, at in due.items()
            if warning in self.rule.warnings
            and at is not None
            and opened < at
            and (effective_at is None or at < effective_at)
        }
        return dict(sorted(useful.items(), key=lambda item: item[1]))

    @property
    def _facts(self) -> tuple[date, Sequence[Interruption]]:
        return date.fromordinal(self.reckoning.opened), self.interruptions

    @property
    def _plausible_last_days(self) -> list[date]:
        if self.last_day is None:
            return []
        days = [last_day for _, last_day in self.readings if last_day is not None]
        for feast in self.unsettled:
            days += [one.last_day for one in self._feast_readings[feast] if one.last_day is not None]
        return [self.last_day, *days]

    @cached_property
    def _feast_readings(self) -> dict[Feast, list[Reckoning]]:
        """What each estimated feast near enough to matter would make of the period on its other dates."""
        known = self.reckoning
        everywhere = known.count.unit is Unit.WORKING or any(
            isinstance(one, Restart) for one in self.interruptions
        )
        first = known.opened + 1 if everywhere else known.candidate
        if known.last is not None:
            last = known.last
        elif known.suspended:
            last = known.suspended[-1][0]
        else:
            return {}
        if first is None:
            return {}
        return {
            feast: [self._with({feast: days}) for days in feast.elsewhere()]
            for feast in self.calendar.feasts
            if feast.last >= first and feast.first <= last
        }

    def _with(self, moved: dict[Feast, frozenset[int]]) -> Reckoning:
        closed = self.calendar.closed_if(moved)
        if self.rule.count.local_closures:
            closed |= self.calendar.closed_locally(self.collectivity)
        return reckon_with(self.rule.count, *self._facts, closed)


def estimate(
    rule: Rule,
    started_at: datetime,
    interruptions: Sequence[Interruption],
    calendar: Calendar,
    collectivity: str | None = None,
) -> Estimate:
    """Writes nothing. Raises `Invalid` for interruptions that no file can have."""
    return Estimate(
        rule=rule,
        calendar=calendar,
        collectivity=collectivity,
        interruptions=tuple(interruptions),
        reckoning=reckon(rule.count, civil_day(started_at), interruptions, calendar, collectivity),
    )


def _next(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)


def _previous(day: date) -> date:
    return date.fromordinal(day.toordinal() - 1)
