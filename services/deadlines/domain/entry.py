"""A day of the calendar as an entry that one person proposes and another confirms.

A religious holiday or a closure moves the dates of thousands of files: nobody does that alone (two persons),
and what an entry replaces stays readable.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

from services.deadlines.domain.calendar import CalendarDay
from services.deadlines.events import (
    CalendarDayConfirmed,
    CalendarDayProposed,
    CalendarDayRejected,
    CalendarDayReplaced,
)
from shared.data import Names
from shared.errors import Conflict, Forbidden, Invalid
from shared.time import day_text

FARTHEST_YEARS: Final = 5
AND: Final = {"ar": " ويوم ", "fr": " et du ", "en": " and "}


class EntryState(StrEnum):
    PROPOSED = "proposed"
    IN_FORCE = "in_force"
    REJECTED = "rejected"
    REPLACED = "replaced"


NEXT: Final[dict[EntryState, frozenset[EntryState]]] = {
    EntryState.PROPOSED: frozenset({EntryState.IN_FORCE, EntryState.REJECTED}),
    EntryState.IN_FORCE: frozenset({EntryState.REPLACED}),
    EntryState.REJECTED: frozenset(),
    EntryState.REPLACED: frozenset(),
}


@dataclass(slots=True, kw_only=True)
class Entry:
    """`replaces` are the entries that end when this one is confirmed: the estimated days of the same feast,
    a day entered in error. An entry that only ends others (a holiday that did not take place) says so with
    `off=False`.
    """

    day: CalendarDay
    proposed_by: str
    proposed_at: datetime
    id: UUID = field(default_factory=uuid4)
    replaces: tuple[UUID, ...] = ()
    off: bool = True
    state: EntryState = EntryState.PROPOSED
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    version: int = 0

    @classmethod
    def propose(
        cls, day: CalendarDay, *, replaces: Sequence[UUID], off: bool, by: str, now: datetime
    ) -> tuple["Entry", CalendarDayProposed]:
        """Raises `Invalid` for an announcement that lies in the future or a day too far away."""
        if day.announced_at is not None and day.announced_at > now:
            raise Invalid(
                "announced_in_the_future", f"The text is announced at {day.announced_at}, after now."
            )
        if abs(day.date.year - now.year) > FARTHEST_YEARS:
            raise Invalid("day_out_of_range", f"{day.date} is more than {FARTHEST_YEARS} years away.")
        if not off and not replaces:
            raise Invalid("nothing_to_end", "An entry that is no day off must say which one it replaces.")
        entry = cls(day=day, replaces=tuple(replaces), off=off, proposed_by=by, proposed_at=now)
        return entry, CalendarDayProposed(**entry._facts(), proposed_at=now)

    def confirm(self, *, by: str, now: datetime) -> CalendarDayConfirmed:
        """Raises `Forbidden` for whoever proposed it."""
        self._second(by)
        self._become(EntryState.IN_FORCE)
        self.confirmed_by, self.confirmed_at = by, now
        return CalendarDayConfirmed(**self._facts(), confirmed_at=now)

    def reject(self, *, reason: str, now: datetime) -> CalendarDayRejected:
        self._become(EntryState.REJECTED)
        return CalendarDayRejected(**self._facts(), rejected_at=now, reason=reason)

    def replace(self, *, by: UUID, now: datetime) -> CalendarDayReplaced:
        self._become(EntryState.REPLACED)
        return CalendarDayReplaced(**self._facts(), by=by, replaced_at=now)

    def _second(self, by: str) -> None:
        if by == self.proposed_by:
            raise Forbidden(
                "second_person_required",
                {
                    "ar": "يجب أن يؤكد شخص ثان ما اقترحه الأول",
                    "fr": "Une autre personne que celle qui a proposé doit confirmer",
                    "en": "Another person than the one who proposed it must confirm",
                },
            )

    def _become(self, state: EntryState) -> None:
        if state not in NEXT[self.state]:
            raise Conflict("entry_state", f"The entry is {self.state} and cannot become {state}.")
        self.state = state

    def _facts(self) -> dict[str, Any]:
        return {
            "entry_id": self.id,
            "date": self.day.date,
            "kind": str(self.day.kind),
            "status": str(self.day.status),
            "name": self.day.name,
            "source": self.day.source,
            "announced_at": self.day.announced_at,
            "scope": self.day.scope,
            "replaces": self.replaces,
            "off": self.off,
            "feast": self.day.feast,
            "earliest": self.day.earliest,
            "latest": self.day.latest,
        }


def reason_of(confirmed: Entry, replaced: Sequence[Entry]) -> Names:
    """What people whose date moves are told."""
    day, name = day_text(confirmed.day.date), confirmed.day.name
    if not confirmed.off:
        return {
            "ar": f"تقرر أن يوم {day['ar']} ليس يوم عطلة: {name['ar']}",
            "fr": f"le {day['fr']} n'est pas un jour chômé : {name['fr']}",
            "en": f"{day['en']} is not a day off: {name['en']}",
        }
    if replaced:
        days = [day_text(one) for one in sorted({one.day.date for one in replaced})]
        before = {language: join.join(one[language] for one in days) for language, join in AND.items()}
        return {
            "ar": f"{name['ar']}: حُدد في يوم {day['ar']} بدل يوم {before['ar']}",
            "fr": f"{name['fr']} : fixé au {day['fr']} au lieu du {before['fr']}",
            "en": f"{name['en']}: set on {day['en']} instead of {before['en']}",
        }
    return {
        "ar": f"{name['ar']}: يوم {day['ar']} يوم عطلة",
        "fr": f"{name['fr']} : jour chômé le {day['fr']}",
        "en": f"{name['en']}: day off on {day['en']}",
    }
