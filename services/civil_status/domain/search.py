"""What is asked of the register by name, and how well an act answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from services.civil_status.events import ActKind
from shared.data import Names
from shared.errors import Invalid

SPREAD: Final = 64
"""Names of the dictionary that each asked name may mean."""
LEAST: Final = 62.0
"""Below this likeness two spellings are two names. By the pairs of real names in both scripts that
`tests/civil_status/test_spelling.py` restates.
"""
WEIGHTS: Final = {"given": 3.0, "family": 3.0, "father": 2.0, "mother": 2.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Names in any script; `since` and `until` bound the day of the event, both included; `within` is a
    collectivity.
    """

    given: str | None = None
    family: str | None = None
    father: str | None = None
    mother: str | None = None
    since: date | None = None
    until: date | None = None
    kind: ActKind | None = None
    within: str | None = None

    def __post_init__(self) -> None:
        """Raises Invalid `search_too_wide`: a given name alone is a tenth of the country."""
        if self.given is None and not (self.father and self.mother):
            raise _too_wide()
        if self.family is None and self.father is None:
            raise _too_wide()
        if self.since and self.until and self.since > self.until:
            raise Invalid("search_dates", "The range of days ends before it begins.")

    @property
    def names(self) -> dict[str, str]:
        return {part: name for part in WEIGHTS if (name := getattr(self, part))}


NARROW: Final[Names] = {
    "ar": "توجد رسوم أخرى مطابقة لم تعرض: حددوا الجماعة أو السنة أو اسم أحد الأبوين.",
    "fr": "D'autres actes correspondent et ne sont pas montrés : précisez la commune, l'année ou un parent.",
    "en": "Other acts fit that are not shown: narrow the search by commune, year, or a parent's name.",
}


def scored(likeness: Mapping[str, float]) -> float:
    """0 to 100, of how near each name that was asked is to that of an act."""
    total = sum(WEIGHTS[part] * near for part, near in likeness.items())
    return round(total / sum(WEIGHTS[part] for part in likeness), 1)


def _too_wide() -> Invalid:
    return Invalid(
        "search_too_wide",
        {
            "ar": "اذكروا الاسم الشخصي مع الاسم العائلي أو اسم الأب، أو اسمي الأبوين معا.",
            "fr": "Donnez le prénom avec le nom ou le prénom du père, ou les prénoms des deux parents.",
            "en": "Give the given name with the family name or the father's, or both parents' given names.",
        },
    )
