"""Instants and the civil days of Morocco.

Instants are aware and in UTC; civil days are those of Africa/Casablanca as the pinned PyPI `tzdata` has
them. The system's tables and PostgreSQL's are never asked: Morocco returned to GMT for good on 2026-09-20
and a table older than release 2026c is one hour wrong since, which moves every deadline by an hour.
"""

import re
import zoneinfo
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from importlib import metadata, resources
from pathlib import Path
from typing import Final

from shared.errors import Malformed

ZONE: Final = "Africa/Casablanca"

# Stricter than `fromisoformat`, which also takes week dates, "20260302T1000+01" and commas.
INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)

WEEKDAYS: Final = {
    "ar": "الاثنين الثلاثاء الأربعاء الخميس الجمعة السبت الأحد",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
}
MONTHS: Final = {
    "ar": "يناير فبراير مارس أبريل ماي يونيو يوليوز غشت شتنبر أكتوبر نونبر دجنبر",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "en": "January February March April May June July August September October November December",
}


@cache
def casablanca() -> zoneinfo.ZoneInfo:
    """The zone of the pinned wheel. Raises FileNotFoundError when the wheel is absent: nothing else will
    do.
    """
    with resources.files("tzdata.zoneinfo").joinpath(*ZONE.split("/")).open("rb") as table:
        return zoneinfo.ZoneInfo.from_file(table, key=ZONE)


def civil_day(instant: datetime) -> date:
    """The day in Casablanca at that instant. Raises ValueError for an instant without offset."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return instant.astimezone(casablanca()).date()


def midnight(day: date) -> datetime:
    """00:00 in Casablanca at the start of `day`, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=casablanca()).astimezone(UTC)


def parse_instant(text: str) -> datetime:
    """RFC 3339 with an offset, to UTC. Raises `Malformed` when the offset is absent or the text is no
    instant.
    """
    if not INSTANT.fullmatch(text):
        raise Malformed(
            "instant_malformed", "Write an instant as 2026-03-02T10:00:00+01:00, with its offset."
        )
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as impossible:
        raise Malformed("instant_malformed", f"This instant does not exist: {impossible}.") from impossible


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC with `Z`. Raises ValueError for an instant without offset."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


@lru_cache(maxsize=4096)
def day_text(day: date) -> dict[str, str]:
    """A day in words, by language; the Arabic months are those in use in Morocco."""
    return {
        language: f"{days.split()[day.weekday()]} {'1er' if (language, day.day) == ('fr', 1) else day.day}"
        f" {MONTHS[language].split()[day.month - 1]} {day.year}"
        for language, days in WEEKDAYS.items()
    }


def check_zone(now: datetime, system: tuple[str, ...] | None = None) -> str:
    """One line for the start-up log: what the pinned zone says at `now` and what the system's would.

    Never fails: the system's answer is not used, but whoever reads other clocks on this machine should know.
    """
    pinned = now.astimezone(casablanca())
    said = f"{ZONE} is {pinned:%z} by the pinned tzdata {metadata.version('tzdata')}"
    for folder in zoneinfo.TZPATH if system is None else system:
        path = Path(folder, ZONE)
        if path.is_file():
            with path.open("rb") as table:
                theirs = now.astimezone(zoneinfo.ZoneInfo.from_file(table))
            if theirs.utcoffset() == pinned.utcoffset():
                return f"{said}; the system's table {path} agrees"
            return f"{said}; the system's table {path} says {theirs:%z}, is out of date and is not used"
    return f"{said}; the system has no table of it"
