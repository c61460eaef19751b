"""Who files what in the story, and what becomes of it: 200 files, 129 of which nobody answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from itertools import chain, count, repeat
from typing import Final

from shared.territory import Collectivity, territory

REGION: Final = "06"  # Casablanca-Settat

SMALL: Final = "construction_small"


class Fate(StrEnum):
    """What becomes of a file. The first three are the 129 whose silence approves."""

    SILENT = auto()
    COMPLETED_THEN_SILENT = auto()
    RESUMED_THEN_SILENT = auto()
    SILENCE_WITHOUT_EFFECT = auto()
    GRANTED = auto()
    RESUMED_THEN_GRANTED = auto()
    REFUSED = auto()
    REFUSED_ON_THE_LAST_EVENING = auto()
    WITHDRAWN = auto()
    NEVER_COMPLETED = auto()


ELIGIBLE: Final = frozenset({Fate.SILENT, Fate.COMPLETED_THEN_SILENT, Fate.RESUMED_THEN_SILENT})
INCOMPLETE: Final = frozenset({Fate.COMPLETED_THEN_SILENT, Fate.NEVER_COMPLETED})
SUSPENDED: Final = frozenset({Fate.RESUMED_THEN_SILENT, Fate.RESUMED_THEN_GRANTED})

CAST: Final[tuple[tuple[Fate, str, int], ...]] = (
    (Fate.SILENT, SMALL, 38),
    (Fate.SILENT, "construction_large", 12),
    (Fate.SILENT, "subdivision", 6),
    (Fate.SILENT, "housing_group", 5),
    (Fate.SILENT, "parcelling", 5),
    (Fate.SILENT, "repair", 8),
    (Fate.SILENT, "demolition", 6),
    (Fate.SILENT, "occupancy", 8),
    (Fate.SILENT, "conformity", 6),
    (Fate.SILENT, "classed_2", 5),
    (Fate.SILENT, "classed_3", 5),
    (Fate.COMPLETED_THEN_SILENT, SMALL, 7),
    (Fate.COMPLETED_THEN_SILENT, "construction_large", 4),
    (Fate.COMPLETED_THEN_SILENT, "demolition", 3),
    (Fate.RESUMED_THEN_SILENT, SMALL, 6),
    (Fate.RESUMED_THEN_SILENT, "subdivision", 5),
    (Fate.SILENCE_WITHOUT_EFFECT, "regularisation", 3),
    (Fate.SILENCE_WITHOUT_EFFECT, "business_opening", 5),
    (Fate.SILENCE_WITHOUT_EFFECT, "public_domain", 2),
    (Fate.SILENCE_WITHOUT_EFFECT, "trench", 2),
    (Fate.GRANTED, SMALL, 10),
    (Fate.GRANTED, "repair", 4),
    (Fate.GRANTED, "business_opening", 6),
    (Fate.GRANTED, "occupancy", 4),
    (Fate.RESUMED_THEN_GRANTED, SMALL, 7),
    (Fate.RESUMED_THEN_GRANTED, "classed_3", 5),
    (Fate.REFUSED, SMALL, 5),
    (Fate.REFUSED, "public_domain", 4),
    (Fate.REFUSED_ON_THE_LAST_EVENING, SMALL, 1),
    (Fate.WITHDRAWN, SMALL, 4),
    (Fate.WITHDRAWN, "construction_large", 4),
    (Fate.NEVER_COMPLETED, SMALL, 5),
)

INVOKED: Final = 31
DELIVERED: Final = 19  # by presidents within 7 days; the governor attests the other 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of the story. `applicant` is a persona of the development issuer."""

    number: int
    fate: Fate
    procedure: str
    commune: Collectivity
    applicant: str

    @property
    def province(self) -> str:
        return territory().province_of(self.commune.code).code


def cast() -> list[Part]:
    """The parts, spread over the communes; every applicant has one file."""
    communes = stages()
    fates = chain.from_iterable(repeat((fate, procedure), files) for fate, procedure, files in CAST)
    return [
        Part(
            number=number,
            fate=fate,
            procedure=procedure,
            commune=communes[number % len(communes)],
            applicant=f"{'architect' if procedure == 'subdivision' else 'citizen'}{number}",
        )
        for number, (fate, procedure) in zip(count(1), fates, strict=False)
    ]


def stages() -> Sequence[Collectivity]:
    """The ten largest arrondissements of Casablanca and the two largest communes of each other province."""
    known = [territory().get(code) for code in territory().within(REGION)]
    largest = sorted(known, key=lambda c: (-c.population, c.code))
    arrondissements = [c for c in largest if c.kind == "arrondissement"][:10]
    return [*arrondissements, *_elsewhere(largest)]


def _elsewhere(largest: Sequence[Collectivity]) -> Iterator[Collectivity]:
    for province in (c for c in largest if c.kind == "province"):
        if not any(c.kind == "arrondissement" and c.province == province.code for c in largest):
            yield from [c for c in largest if c.kind == "commune" and c.province == province.code][:2]
