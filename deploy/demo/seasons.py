"""Two seasons of fictitious files, September–November 2022 and 2023, as a commune would bring them along."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from shared.territory import Collectivity
from shared.time import format_instant

COLUMNS: Final = (
    "procedure",
    "collectivity",
    "applicant",
    "reference",
    "submitted_at",
    "missing",
    "outcome",
    "notified_at",
)
DAYS: Final = 85  # files come in from the season's first day on, so that each falls into it


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """`files` of which `overdue` were decided long after their date, or never."""

    year: int
    files: int
    overdue: int
    in_time_days: int

    @property
    def since(self) -> date:
        return date(self.year, 9, 1)

    @property
    def until(self) -> date:
        return date(self.year, 11, 30)


SEASONS: Final = (
    Season(year=2022, files=70, overdue=41, in_time_days=40),
    Season(year=2023, files=80, overdue=7, in_time_days=9),
)
FALL: Final = -80.0  # per cent: what the ministry reported for these two seasons, at least
PROCEDURES: Final = ("construction_small", "construction_large", "subdivision", "parcelling")
NEVER: Final = 9  # every ninth overdue file was never answered at all

Row = Mapping[str, str]


def rows(season: Season, commune: Collectivity) -> Iterator[Row]:
    """The files of one season, overdue ones first, on working hours of the season's first days."""
    for number in range(season.files):
        late = number < season.overdue
        at = datetime(season.year, 9, 1, 10, tzinfo=UTC) + timedelta(days=number * DAYS / season.files)
        days = 200 if late else season.in_time_days
        never = late and number % NEVER == 0
        yield {
            "procedure": PROCEDURES[number % len(PROCEDURES)],
            "collectivity": commune.code,
            "applicant": f"season{season.year}-{number}",
            "reference": f"{commune.code}/{season.year}/F{number:04}",
            "submitted_at": format_instant(at),
            "missing": "",
            "outcome": "" if never else "granted",
            "notified_at": "" if never else format_instant(at + timedelta(days=days)),
        }


def slips(commune: Collectivity, now: datetime) -> list[Row]:
    """Lines as hands write them, each with one mistake."""
    good = dict(next(rows(SEASONS[0], commune)))
    return [
        good | {"procedure": "castle", "reference": "slip-1"},
        good | {"collectivity": "99.999.99.99", "reference": "slip-2"},
        good | {"submitted_at": format_instant(now + timedelta(days=30)), "reference": "slip-3"},
        good | {"submitted_at": "le 5 septembre", "reference": "slip-4"},
        good | {"outcome": "perhaps", "reference": "slip-5"},
    ]


def table(content: Iterable[Row]) -> bytes:
    """As CSV, UTF-8."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(content)
    return out.getvalue().encode()
