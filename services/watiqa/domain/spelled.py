"""A day in letters, as acts and extracts write it beside the digits: a stroke of the pen alters no word."""

from datetime import date
from typing import Final

from shared.documents.content import Texts
from shared.time import MONTHS

FRENCH: Final = (
    *("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze"),
    *("douze", "treize", "quatorze", "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf"),
)
FRENCH_TENS: Final = ("", "", "vingt", "trente", "quarante", "cinquante", "soixante")

DAYS: Final = (
    *("فاتح", "الثاني", "الثالث", "الرابع", "الخامس", "السادس", "السابع", "الثامن", "التاسع", "العاشر"),
    *("الحادي", "الثاني", "الثالث", "الرابع", "الخامس", "السادس", "السابع", "الثامن", "التاسع"),
)
"""The ordinals of the first ten days, then the units of those that follow."""
UNITS: Final = ("", "واحدة", "اثنتين", "ثلاث", "أربع", "خمس", "ست", "سبع", "ثمان", "تسع", "عشر")
TENS: Final = ("", "", "عشرين", "ثلاثين", "أربعين", "خمسين", "ستين", "سبعين", "ثمانين", "تسعين")
TEENS: Final = {1: "إحدى", 2: "اثنتي", 8: "ثماني"}
HUNDREDS: Final = (
    *("", "مائة", "مائتين", "ثلاثمائة", "أربعمائة", "خمسمائة", "ستمائة", "سبعمائة", "ثمانمائة", "تسعمائة"),
)
THOUSANDS: Final = ("", "ألف", "ألفين")
"""Of years, which are counted in the feminine (سنة) and stand in the genitive."""


def in_letters(day: date) -> Texts:
    """In Arabic and in French; for the years 1000 to 2999."""
    months = {language: names.split()[day.month - 1] for language, names in MONTHS.items()}
    french = "premier" if day.day == 1 else _french(day.day)
    joined = " " if day.day == 1 else " من "
    return {
        "ar": f"{_ordinal(day.day)}{joined}{months['ar']} سنة {_arabic(day.year)}",
        "fr": f"{french} {months['fr']} {_french(day.year)}",
    }


def _french(number: int) -> str:
    thousands, rest = divmod(number, 1000)
    hundreds, below = divmod(rest, 100)
    words = [] if thousands == 0 else ["mille"] if thousands == 1 else [FRENCH[thousands], "mille"]
    if hundreds:
        words += ["cent"] if hundreds == 1 else [FRENCH[hundreds], "cent" if below else "cents"]
    if below or not words:
        words.append(_french_below(below))
    return " ".join(words)


def _french_below(number: int) -> str:
    """Up to 99: seventy and ninety go on from sixty and eighty."""
    if number < len(FRENCH):
        return FRENCH[number]
    if number >= 80:
        return "quatre-vingts" if number == 80 else f"quatre-vingt-{FRENCH[number - 80]}"
    tens = min(number // 10, 6)
    rest = number - tens * 10
    if rest == 0:
        return FRENCH_TENS[tens]
    return f"{FRENCH_TENS[tens]}{' et ' if rest in {1, 11} else '-'}{FRENCH[rest]}"


def _ordinal(day: int) -> str:
    if day <= 10:
        return DAYS[day - 1]
    tens, unit = divmod(day, 10)
    if tens == 1:
        return f"{DAYS[9 + unit]} عشر"
    round_ = TENS[tens].removesuffix("ين") + "ون"  # the nominative
    return f"{DAYS[9 + unit]} وال{round_}" if unit else f"ال{round_}"


def _arabic(year: int) -> str:
    thousands, rest = divmod(year, 1000)
    hundreds, below = divmod(rest, 100)
    tens, unit = divmod(below, 10)
    parts = [THOUSANDS[thousands], HUNDREDS[hundreds]]
    if below <= 10:
        parts.append(UNITS[below])
    elif tens == 1:
        parts.append(f"{TEENS.get(unit, UNITS[unit])} عشرة")
    else:
        parts += ["إحدى" if unit == 1 else UNITS[unit], TENS[tens]]
    return " و".join(part for part in parts if part)
