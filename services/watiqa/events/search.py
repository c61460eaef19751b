"""Acts that were asked for and are not there: who guesses is seen."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from shared.events import Event, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchMissed(Event):
    """Somebody's question found no act, or no single one, for the `misses`-th time that day; the aggregate is
    who asked, at the portal or behind a counter. With `suspended` they ask no more that day.
    """

    TYPE: ClassVar = "ma.jamaa.watiqa.search.missed.v1"
    collectivity: str
    request: str
    misses: int
    missed_at: datetime
    suspended: bool


SEARCH: Final = Stream("watiqa", "search", (SearchMissed,))
