"""Acts by name: the dictionary says which names may be meant, the indexes of acts which acts have them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import islice
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
# Numbers are sent as text: the driver looks at each item of a list to see whether it is one.
_WALK: Final = """
    (SELECT x.* FROM unnest(
        CAST(CAST(:firsts AS text) AS int[]), CAST(CAST(:seconds AS text) AS int[])) AS p (a, b)
      CROSS JOIN LATERAL (
        SELECT id, {columns} FROM civil_status.act
        WHERE {a}_name = p.a AND {b}_name = p.b AND {conditions} AND {acts} LIMIT :most) x
    LIMIT :most)
    UNION ALL
    (SELECT act, {columns} FROM civil_status.renamed
     WHERE {a}_name = ANY(CAST(CAST(:a AS text) AS int[])) AND {b}_name = ANY(CAST(CAST(:b AS text) AS int[]))
       AND {conditions} LIMIT :most)"""
RANKED: Final = (
    "event_on, family_name AS family, given_name AS given, father_name AS father, mother_name AS mother"
)
FULL = text(f"{acts.SELECT} WHERE id = ANY(CAST(:ids AS uuid[]))").columns(body=JSONB, mentions=JSONB)


@lru_cache(maxsize=64)  # all that there are
def _statement(
    a: str, b: str, others: tuple[str, ...], of_acts: tuple[str, ...], *, placed: bool
) -> TextClause:
    conditions = [DAYS, *(f"{part}_name = ANY(CAST(CAST(:{part} AS text) AS int[]))" for part in others)]
    if placed:
        conditions.append("collectivity = ANY(CAST(:places AS text[]))")
    return text(
        _WALK.format(
            a=a,
            b=b,
            columns=RANKED,
            conditions=" AND ".join(conditions),
            acts=" AND ".join(OF_ACTS[name] for name in of_acts) or "true",
        )
    )


DAYS: Final = "event_on BETWEEN :since AND :until"
OF_ACTS: Final = {
    "kind": "kind = :kind",
    "parents": "number > 0",  # of every act: who says so may be answered by an index of parents' names
}
"""Of the acts themselves; what was renamed is asked of its act."""


Meant = Mapping[str, Mapping[int, float]]
"""For each part that was asked, the names of the dictionary that may be meant, with their likeness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The acts that answer best, each with its score (0 to 100). `more`: there were others as near."""

    found: Sequence[tuple[Act, float]]
    more: bool


async def search(tx: Tx, wanted: Wanted, *, most: int) -> Answer:
    """Acts that the caller may see."""
    meant = await names.alike(tx, wanted.names, least=LEAST, most=SPREAD)
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
    rows = await tx.execute(*walk(tx.actor, wanted, meant, limit))
    found: dict[UUID, tuple[float, date]] = {}
    for row in rows:
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
    """The statement that finds acts by a pair of names, the nearest first, and those that were renamed."""
    a, b = pair(wanted)
    # Of the nearest pairs the n-th name of one part has an n-th at most: all others of them are nearer.
    pairs = sorted(
        (-WEIGHTS[a] * near_a - WEIGHTS[b] * near_b, one, other)
        for rank, (one, near_a) in enumerate(meant[a].items(), 1)
        for other, near_b in islice(meant[b].items(), PAIRS // rank)
    )
    del pairs[PAIRS:]
    values: dict[str, Any] = {
        "firsts": _array(one for _, one, _ in pairs),
        "seconds": _array(other for _, _, other in pairs),
        "a": _array(meant[a]),
        "b": _array(meant[b]),
        "since": wanted.since or date.min,
        "until": wanted.until or date.max,
        "most": limit,
    }
    others = sorted(meant.keys() - {a, b})
    values |= {part: _array(meant[part]) for part in others}
    of_acts = ["parents"] if a == "father" else []
    places = _places(by, wanted.within)
    placed = wanted.within is not None or len(places) <= EVERYWHERE
    if placed:
        values["places"] = places
    if wanted.kind is not None:
        values["kind"] = wanted.kind.value
        of_acts.append("kind")
    return _statement(a, b, tuple(others), tuple(of_acts), placed=placed), values


def _array(numbers: Iterable[int]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"


def _places(by: Actor, within: str | None) -> list[str]:
    """Every commune and arrondissement that the caller works for; of a collectivity, when one was said."""
    places = by.communes.union(*(territory().within(province) for province in by.provinces))
    if within is not None:
        places &= {within, *territory().within(within)}
    return sorted(places)
