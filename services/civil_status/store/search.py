"""Acts by name: the dictionary says which names may be meant, the indexes of acts which acts have them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import product
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql import JSONB

from services.civil_status.domain.act import Act
from services.civil_status.domain.search import LEAST, SPREAD, WEIGHTS, Wanted, scored
from services.civil_status.store import acts, names
from shared.auth import Actor
from shared.db import Tx
from shared.territory import territory

CANDIDATES: Final = 150
"""Acts that are ranked by what is asked besides their pair of names, the nearest pairs first; where nothing
is, those that are shown: at 55 million each may be a page of the disk. More fit only names that say too
little: `more` is told.
"""
PAIRS: Final = 576
"""Of the names that are meant, the nearest: each is one descent of an index."""
EVERYWHERE: Final = 200
"""A caller of more communes searches without naming them: nearly every act that is found is theirs to see."""

# The nearest pair of names first, so that the limit cuts off the farthest: a nested loop keeps the order of
# `unnest`, where ORDER BY would first fetch what it then throws away. What the caller may see, row-level
# security asks of each act besides.
_WALK: Final = """
    SELECT x.* FROM unnest(CAST(:firsts AS int[]), CAST(:seconds AS int[])) AS p (a, b)
      CROSS JOIN LATERAL (
        SELECT {columns} FROM civil_status.act WHERE {a}_name = p.a AND {b}_name = p.b AND {conditions}
        LIMIT :most) x
    LIMIT :most"""
_RENAMED: Final = """
    SELECT act AS {columns} FROM civil_status.renamed WHERE {a}_name = ANY(CAST(:firsts AS int[]))
      AND {b}_name = ANY(CAST(:seconds AS int[])) AND {conditions} LIMIT :most"""
RANKED: Final = (
    "id, event_on, family_name AS family, given_name AS given, father_name AS father, mother_name AS mother"
)
FULL = text(f"{acts.SELECT} WHERE id = ANY(CAST(:ids AS uuid[]))").columns(body=JSONB, mentions=JSONB)


@lru_cache(maxsize=64)  # all that there are
def _statement(sql: str, a: str, b: str, asked: tuple[str, ...]) -> TextClause:
    conditions = " AND ".join(CONDITIONS[name] for name in asked)
    return text(sql.format(a=a, b=b, columns=RANKED, conditions=conditions))


CONDITIONS: Final = {
    "days": "event_on BETWEEN :since AND :until",
    "places": "collectivity = ANY(CAST(:places AS text[]))",
    "kind": "kind = :kind",
    "parents": "number > 0",  # of every act: who says so may be answered by an index of parents' names
    "family": "family_name = ANY(CAST(:family AS int[]))",
    "father": "father_name = ANY(CAST(:father AS int[]))",
    "mother": "mother_name = ANY(CAST(:mother AS int[]))",
}


Meant = Mapping[str, Mapping[int, float]]
"""For each part that was asked, the names of the dictionary that may be meant, with their likeness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The acts that answer best, each with its score (0 to 100). `more`: there were others as near."""

    found: Sequence[tuple[Act, float]]
    more: bool


async def search(tx: Tx, wanted: Wanted, *, most: int) -> Answer:
    """Acts that the caller may see."""
    meant = {
        part: await names.alike(tx, asked, least=LEAST, most=SPREAD) for part, asked in wanted.names.items()
    }
    if not all(meant.values()):
        return Answer(found=(), more=False)
    limit = most + 1 if meant.keys() == set(pair(wanted)) else CANDIDATES
    near = await _near(tx, wanted, meant, limit)
    best = sorted(near, key=lambda id_: (-near[id_][0], near[id_][1], id_))[:most]
    rows = await tx.execute(FULL, {"ids": best}) if best else ()
    read = {row.id: acts.from_row(row) for row in rows}
    found = [
        (read[id_], near[id_][0])
        for id_ in best
        if id_ in read and wanted.kind in {None, read[id_].kind}  # of what was renamed it was not asked
    ]
    return Answer(found=found, more=len(near) > most or len(near) >= limit)


async def _near(tx: Tx, wanted: Wanted, meant: Meant, limit: int) -> dict[UUID, tuple[float, date]]:
    """Acts that have a pair of the names that are meant: how near each is, by what it said when it was drawn
    up or by what it says since, and its day.
    """
    rows = (await tx.execute(*walk(tx.actor, wanted, meant, limit))).all()
    since = (await tx.execute(*_renamed(wanted, meant, limit))).all()
    found: dict[UUID, tuple[float, date]] = {}
    for row in (*rows, *since):
        score = scored({part: likeness[getattr(row, part)] for part, likeness in meant.items()})
        if row.id not in found or score > found[row.id][0]:
            found[row.id] = score, row.event_on
    return found


def pair(wanted: Wanted) -> tuple[str, str]:
    """The two parts that are looked up together: of each pair there is an index."""
    if wanted.given is None:
        return "father", "mother"
    return "family" if wanted.family is not None else "father", "given"


def walk(by: Actor, wanted: Wanted, meant: Meant, limit: int) -> tuple[TextClause, dict[str, Any]]:
    """The statement that finds acts by a pair of names, the nearest first."""
    a, b = pair(wanted)
    asked, values = _besides(wanted, meant, limit)
    pairs = sorted(
        product(meant[a].items(), meant[b].items()),
        key=lambda two: -WEIGHTS[a] * two[0][1] - WEIGHTS[b] * two[1][1],
    )
    del pairs[PAIRS:]
    values |= {"firsts": [one[0] for one, _ in pairs], "seconds": [other[0] for _, other in pairs]}
    if a == "father":
        asked.append("parents")
    places = _places(by)
    if len(places) <= EVERYWHERE:
        values["places"] = places
        asked.append("places")
    if wanted.kind is not None:
        values["kind"] = wanted.kind.value
        asked.append("kind")
    return _statement(_WALK, a, b, tuple(asked)), values


def _renamed(wanted: Wanted, meant: Meant, limit: int) -> tuple[TextClause, dict[str, Any]]:
    a, b = pair(wanted)
    asked, values = _besides(wanted, meant, limit)
    return _statement(_RENAMED, a, b, tuple(asked)), values | {
        "firsts": list(meant[a]),
        "seconds": list(meant[b]),
    }


def _besides(wanted: Wanted, meant: Meant, limit: int) -> tuple[list[str], dict[str, Any]]:
    """What is asked besides the pair."""
    others = sorted(meant.keys() - set(pair(wanted)))
    values: dict[str, Any] = {part: list(meant[part]) for part in others}
    values |= {"since": wanted.since or date.min, "until": wanted.until or date.max, "most": limit}
    return ["days", *others], values


def _places(by: Actor) -> list[str]:
    """Every commune and arrondissement that the caller works for."""
    return sorted(by.communes.union(*(territory().within(province) for province in by.provinces)))
