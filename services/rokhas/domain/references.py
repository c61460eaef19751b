"""What events may carry of a text that somebody wrote: a legal ground or the number of an act, and only in a
form that holds no person's name. What is written otherwise is lawful all the same and stays in the file.
"""

import re
from typing import Final

_NUMBER: Final = r"(?: ?n° ?| )?\d{1,4}[-.]\d{1,3}(?:[-.]\d{1,4})?"
_TEXT: Final = (
    rf"(?:(?:(?:loi(?: organique)?|décret(?:-loi)?|arrêté|dahir|circulaire){_NUMBER})"
    r"|\d{1,4}[-.]\d{1,3}(?:[-.]\d{1,4})?|RGC|RGU|DOC|plan d[’']aménagement|schéma directeur"
    r"|plan de développement)"
)
_ONE: Final = r"(?:1er|\d{1,3}(?:-\d{1,3})?)(?: (?:bis|ter|quater))?(?: ?\(\d{1,2}\))?"
_SEVERAL: Final = rf"{_ONE}(?:(?:, | et | à ){_ONE}){{0,9}}"
_ARABIC: Final = (
    r"(?:المادة|الفصل) \d{1,3}(?: (?:مكرر|مكررة))? من (?:القانون(?: التنظيمي)?|المرسوم|القرار|الظهير)"
    r"(?: رقم)? \d{1,4}[-.]\d{1,3}(?:[-.]\d{1,4})?"
)
_GROUND: Final = re.compile(rf"{_TEXT},? (?:art\.|arts\.|articles?) ?{_SEVERAL}|{_ARABIC}")

_SEATS: Final = "Agadir|Casablanca|Fès|Fes|Marrakech|Meknès|Meknes|Oujda|Rabat|Tanger"
_ACT: Final = re.compile(
    rf"(?:[A-Z]{{1,10}}(?:-[A-Z]{{1,10}})?)(?: (?:{_SEATS}))?(?: n°)? \d{{1,6}}(?:/\d{{1,6}}){{1,2}}"
)
LONGEST: Final = 80


def ground(written: str) -> str | None:
    """A text and its articles, as written, for instance `loi 12-90, art. 43 et 47` or `RGU, art. 12 bis`;
    None for anything else.
    """
    said = " ".join(written.split())
    return said if len(said) <= LONGEST and _GROUND.fullmatch(said) else None


def act(written: str) -> str | None:
    """The number of a judgment or order under the initials of who gave it and the seat of the court, for
    instance `TA Casablanca 12/2026`; None for anything else.
    """
    said = " ".join(written.split())
    return said if _ACT.fullmatch(said) else None
