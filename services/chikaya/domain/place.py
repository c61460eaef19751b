"""The commune of a point: by the centres and the extents of communes, good to about a kilometre.

No open polygons of the communes are at hand, so no border is ever decided here: a point that lies in the
extent of several communes goes to the one whose centre is nearest for its size, the others are kept as
candidates, and the office that gets it may route it to them.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import cos, floor, hypot, radians
from pathlib import Path
from typing import Final

from services.chikaya.domain.values import Method, Place, Point
from shared.errors import Invalid

POINTS: Final = Path(__file__).resolve().parents[1] / "catalogue" / "points.csv"
MARGIN: Final = 0.02  # degrees, some two kilometres: what the extents may be wrong by
MOST: Final = 4
CELL: Final = 0.25  # degrees: a point asks the few communes of its cell, not 1,500


@dataclass(frozen=True, slots=True)
class Extent:
    """A commune's centre and the rectangle around it, in degrees."""

    code: str
    latitude: float
    longitude: float
    south: float
    west: float
    north: float
    east: float

    def holds(self, point: Point) -> bool:
        return (
            self.south - MARGIN <= point.latitude <= self.north + MARGIN
            and self.west - MARGIN <= point.longitude <= self.east + MARGIN
        )

    def away(self, point: Point) -> float:
        """How far from its centre, in halves of its extent."""
        flat = cos(radians(point.latitude))
        half = hypot(self.north - self.south, (self.east - self.west) * flat) / 2
        return hypot(point.latitude - self.latitude, (point.longitude - self.longitude) * flat) / half


@cache
def extents() -> tuple[Extent, ...]:
    with POINTS.open(encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    return tuple(Extent(code, *map(float, numbers)) for code, *numbers in rows)


@cache
def _by_cell() -> Mapping[tuple[int, int], Sequence[Extent]]:
    """Those in which a point of the cell may lie."""
    found: dict[tuple[int, int], list[Extent]] = defaultdict(list)
    for one in extents():
        for row in range(_cell(one.south - MARGIN), _cell(one.north + MARGIN) + 1):
            for column in range(_cell(one.west - MARGIN), _cell(one.east + MARGIN) + 1):
                found[row, column].append(one)
    return dict(found)


def _cell(degrees: float) -> int:
    return floor(degrees / CELL)


def located(point: Point) -> tuple[str, Place]:
    """The commune of a point, by the nearest centre. Raises Invalid `point_outside` in the sea or abroad."""
    near = _by_cell().get((_cell(point.latitude), _cell(point.longitude)), ())
    found = sorted((one for one in near if one.holds(point)), key=lambda one: (one.away(point), one.code))
    if not found:
        raise Invalid(
            "point_outside",
            {
                "ar": "هذه النقطة خارج تراب المملكة: حددوا الموقع من جديد أو اذكروا الجماعة.",
                "fr": "Ce point est hors du Royaume : situez-le à nouveau, ou dites la commune.",
                "en": "This point is outside the Kingdom: place it again, or say the commune.",
            },
        )
    codes = tuple(one.code for one in found)
    method = Method.NEAREST if len(codes) == 1 else Method.NEAREST_OF_SEVERAL
    return codes[0], Place(method=method, point=point, candidates=codes[1:MOST])
