"""Acts as the country's registers hold them, by the million: fictitious people with real names.

- Names: pairs in both scripts with how many people bear them (`names.csv`), from Wikidata (CC0), people of
  Moroccan citizenship. Men and public figures are over-represented there. A tenth of the families get a
  prefix (Ait, Ben, Bou, Ou), which makes the long tail of rare names that a list of 3,900 lacks.
- Places: every commune and arrondissement by its population of 2024 (HCP, RGPH 2024, CC BY 4.0), one office
  for 50,000 people.
- Years 1915 to 2025, births and deaths: assumed, not counted. The regime of 1915 was for foreigners and open
  to Moroccans from 1950, so few before that, then rising by the population; three births for one death.
- A family name was borne by everybody only since 1950: before, a third of acts has none.

The acts of one slice follow those of the one before in every register, so that a million can become five.
"""

import csv
import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Final

from services.civil_status.domain.identifier import key_of
from services.civil_status.domain.taken_over import OPTIONAL, REQUIRED
from shared.territory import territory

COLUMNS: Final = (*REQUIRED, *OPTIONAL)
YEARS: Final = range(1915, 2026)
DEATHS: Final = 0.25
PER_OFFICE: Final = 50_000
PREFIXES: Final = (("ايت ", "Ait "), ("بن ", "Ben "), ("بو", "Bou"), ("او", "Ou"))
IDENTIFIED_SINCE: Final = 2005
"""Acts of birth from here on have an identifier: about a fifth of all."""

MOST: Final = 70_000_000  # acts that may ever be drawn

Pair = tuple[str, str]


def year_weight(year: int) -> float:
    if year < 1950:
        return 0.02 + 0.13 * (year - 1915) / 35
    return 0.25 + 0.75 * min(1.0, (year - 1950) / 45)


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one part with cumulative weights."""

    pairs: Sequence[Pair]
    weights: Sequence[float]

    def draw(self, chance: random.Random) -> Pair:
        return self.pairs[bisect(self.weights, chance.random() * self.weights[-1])]


def _names(part: str, sex: str | None = None) -> Names:
    with Path(__file__).with_name("names.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == part]
    rows = [row for row in rows if sex is None or row["sex"] in {sex, ""}]
    return Names(
        [(row["arabic"], row["latin"]) for row in rows],
        list(accumulate(float(row["people"]) for row in rows)),
    )


@dataclass(frozen=True, slots=True)
class Register:
    """A yearly register of an office, its share of all acts, and where its identifiers begin."""

    office: str
    year: int
    kind: str
    share: float
    identifiers: int = 0
    chance: float = 0.5

    def numbers(self, total: int) -> int:
        """How many acts it has when the country has so many; never fewer when the country has more."""
        return int(self.share * total + self.chance)


def registers() -> list[Register]:
    """Of the whole country, in the order in which an office after the other would send them."""
    places = [
        one
        for one in territory()
        if one.kind == "arrondissement" or (one.kind == "commune" and not territory().children(one.code))
    ]
    people = sum(one.population for one in places)
    years = sum(year_weight(year) for year in YEARS)
    found, identifiers, chance = [], 1, random.Random(1915)
    for place in sorted(places, key=lambda one: one.code):
        offices = max(1, min(99, place.population // PER_OFFICE))
        for office in range(1, offices + 1):
            of_office = place.population / people / offices
            for year in YEARS:
                of_year = of_office * year_weight(year) / years
                code = f"{place.code}-{office:02d}"
                found.append(
                    Register(code, year, "birth", of_year * (1 - DEATHS), identifiers, chance.random())
                )
                found.append(Register(code, year, "death", of_year * DEATHS, chance=chance.random()))
                if year >= IDENTIFIED_SINCE:
                    identifiers += int(of_year * MOST) + 2
    return found


class People:
    """Draws acts; the same for the same seed, in whichever process."""

    def __init__(self) -> None:
        self.men, self.women, self.families = _names("given", "M"), _names("given", "F"), _names("family")

    def acts(self, register: Register, first: int, last: int) -> Iterator[list[str]]:
        """The cells of these numbers of a register, in the order of `COLUMNS`."""
        if last < first:
            return
        chance = random.Random(f"{register.office} {register.year} {register.kind} {first}")
        days = 366 if register.year % 4 == 0 else 365
        start = date(register.year, 1, 1)
        for number in range(first, last + 1):
            drawn = chance.random()
            # Numbers follow the days of a year.
            born = start + timedelta(
                days=min(days - 1, int(days * (number - first + drawn) / (last - first + 1)))
            )
            girl = chance.random() < 0.49
            given = (self.women if girl else self.men).draw(chance)
            family = self._family(chance) if register.year >= 1950 or chance.random() < 2 / 3 else ("", "")
            father, mother = self.men.draw(chance), self.women.draw(chance)
            of_mother = self._family(chance)
            latin = register.year >= 1996 or chance.random() < 0.6  # of older acts not all were transcribed
            identifier = ""
            if register.kind == "birth" and register.year >= IDENTIFIED_SINCE:
                # Steps of a number prime to 10^9 meet none twice, and look like none follows another.
                digits = f"{(register.identifiers + number) * 387_420_489 % 10**9:09d}"
                identifier = digits + key_of(digits)
            yield [
                register.kind,
                register.office,
                str(register.year),
                str(number),
                born.isoformat(),
                "المستشفى الإقليمي" if register.year > 1990 else "بالمنزل",
                given[0],
                given[1] if latin else "",
                "",
                family[0],
                family[1] if latin else "",
                "",
                "female" if girl else "male",
                f"{int(drawn * 24):02d}:{number % 60:02d}",
                "",
                "",
                "",
                "",
                identifier,
                (min(born + timedelta(days=number % 20), date(register.year, 12, 31))).isoformat(),
                father[0],
                father[1] if latin else "",
                family[0],
                family[1] if latin else "",
                "",
                mother[0],
                mother[1] if latin else "",
                of_mother[0],
                of_mother[1] if latin else "",
                "",
            ]

    def pairs(self) -> Iterator[tuple[str, str | None]]:
        """Every name that may be drawn, with and without its Latin letters."""
        families = self.families.pairs
        prefixed = ((first[0] + ar, first[1] + latin) for first in PREFIXES for ar, latin in families)
        for ar, latin in (*self.men.pairs, *self.women.pairs, *families, *prefixed):
            yield ar, latin
            yield ar, None

    def _family(self, chance: random.Random) -> Pair:
        ar, latin = self.families.draw(chance)
        if chance.random() < 0.1:
            prefix = PREFIXES[int(chance.random() * len(PREFIXES))]
            return prefix[0] + ar, prefix[1] + latin
        return ar, latin
