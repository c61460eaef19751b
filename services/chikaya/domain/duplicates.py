"""When two reports may be of one thing: near, of one kind, said in like words. It proposes; a person merges.

Words are compared within a language. Of one thing said in Arabic and in French only the place and the
category speak, so what is very near is proposed whatever its words are.
"""

import math
import re
from dataclasses import dataclass
from typing import Final

from rapidfuzz.fuzz import ratio
from rapidfuzz.process import extractOne

from services.chikaya.domain.catalogue import catalogue
from services.chikaya.domain.report import Report
from services.chikaya.domain.values import Point
from shared.territory import fold

SAME_SPOT: Final = 60.0  # metres: what telephones err by between houses, about a crossing
NEAR: Final = 300.0  # metres: a street
ALIKE: Final = 0.3
MUCH_ALIKE: Final = 0.5
WORD: Final = re.compile(r"\w+")
MOST_WORDS: Final = 60
LIKE_WORDS: Final = 80  # of 100: a word with a slip of the pen
EARTH: Final = 6_371_000.0  # metres
DEGREE: Final = 111_320.0  # metres, of latitude
PARTICLES_AR: Final = """في من على الى عن هذا هذه هناك التي الذي ان انه لا ما لم قد مع منذ كل بعد قبل او يوجد
    توجد امام قرب جدا"""
PARTICLES_DARIJA: Final = (
    "ديال فيه كاين كاينه هاد واحد راه شي قدام dyal kayn kayna wahd rah chi f fl had hda 9dam"
)
PARTICLES_FR: Final = """le la les l un une des du de d et en au aux a il y est sont dans sur devant pres ce
    cette qui que ne pas tres depuis nous je bonjour merci svp"""
PARTICLES_EN: Final = "the of in on is and at there has since"
BEFORE: Final = re.compile(r"[وف]?(?:بال|كال|ال|لل)(?=[\u0600-\u06ff]{3})|[وفبل](?=[\u0600-\u06ff]{4})")
AFTER: Final = re.compile(r"(?<=[\u0600-\u06ff]{3})(?:ات|ين|ون|ها|هم|نا|ه|ي)$|(?<=[a-z]{3})(?:es|e|s|x)$")
SAY_NOTHING: Final = frozenset(
    fold(f"{PARTICLES_AR} {PARTICLES_DARIJA} {PARTICLES_FR} {PARTICLES_EN}").split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """`metres` is None where one of the two has no point; `similarity` of their words from 0 to 1."""

    metres: float | None
    similarity: float
    same_category: bool

    @property
    def score(self) -> float:
        """By which proposals are ordered; it says nothing by itself."""
        near = 0.0 if self.metres is None else max(0.0, 1 - self.metres / NEAR)
        return near + self.similarity + (0.5 if self.same_category else 0.0)

    @property
    def proposed(self) -> bool:
        if self.metres is None:
            return self.same_category and self.similarity >= MUCH_ALIKE
        if self.same_category and self.metres <= SAME_SPOT:
            return True
        wanted = ALIKE if self.same_category else MUCH_ALIKE
        return self.metres <= NEAR and self.similarity >= wanted


def words(text: str) -> frozenset[str]:
    """The words that say something, without article, particles and endings."""
    found = []
    for word in WORD.findall(fold(text)):
        if word not in SAY_NOTHING:
            stem = AFTER.sub("", BEFORE.sub("", word, count=1))
            if stem not in SAY_NOTHING and (len(stem) > 1 or stem.isdigit()):
                found.append(stem)
    return frozenset(found[:MOST_WORDS])


def similarity(one: str, other: str) -> float:
    """The share of the words of both that the other has too, slips of the pen forgiven: 0 to 1."""
    first, second = words(one), words(other)
    if not first or not second:
        return 0.0
    shared = _found(first, second) + _found(second, first)
    return shared / (len(first) + len(second))


def _found(sought: frozenset[str], among: frozenset[str]) -> int:
    return sum(extractOne(word, among, scorer=ratio, score_cutoff=LIKE_WORDS) is not None for word in sought)


def metres(one: Point, other: Point) -> float:
    """On a sphere: good to half a per cent."""
    north, south = math.radians(one.latitude), math.radians(other.latitude)
    east = math.radians(other.longitude - one.longitude)
    half = math.sin((south - north) / 2) ** 2 + math.cos(north) * math.cos(south) * math.sin(east / 2) ** 2
    return 2 * EARTH * math.asin(math.sqrt(half))


def box(point: Point) -> tuple[float, float]:
    """Degrees of latitude and longitude within which all lies that is `NEAR`."""
    return NEAR / DEGREE, NEAR / (DEGREE * math.cos(math.radians(point.latitude)))


def categories_like(code: str) -> list[str]:
    """Those of its group: who reports does not always take the right one of them."""
    group = catalogue().category(code).group
    return [one.code for one in catalogue().categories.values() if one.group == group]


def likeness(one: Report, other: Report) -> Likeness:
    points = one.place.point, other.place.point
    far = metres(points[0], points[1]) if points[0] and points[1] else None
    return Likeness(
        metres=far,
        similarity=similarity(_said(one), _said(other)),
        same_category=one.category == other.category,
    )


def _said(report: Report) -> str:
    return " ".join((report.text, *report.completions, report.place.address or ""))
