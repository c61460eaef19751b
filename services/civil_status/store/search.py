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
from services.civil_status.domain.outputs import Output, fold
from services.civil_status.domain.search import LEAST, SPREAD, Wanted, score
from services.civil_status.domain.values import tree
from services.civil_status.store import acts, names
from shared.auth import Actor
from shared.db import Tx
from shared.territory import territory

CANDIDATES: Final = 150
"""Acts that are read and ranked for one search, the nearest pairs of names first: at 55 million each may be a
page of the disk. More fit only names that say too little: `more` is told.
"""
EVERYWHERE: Final = 200
"""A caller of more communes searches without naming them: nearly every act that is found is theirs to see."""

# The nearest pair of names first, so that the limit cuts off the farthest: a nested loop keeps the order of
# `unnest`, where ORDER BY would first fetch what it then throws away. What the caller may see, row-level
# security asks of each act besides.
_WALK: Final = """
    SELECT x.id FROM unnest(CAST(:firsts AS int[]), CAST(:seconds AS int[])) AS p (a, b)
      CROSS JOIN LATERAL (
        SELECT id FROM civil_status.act WHERE {a}_name = p.a AND {b}_name = p.b AND {conditions}
        LIMIT :most) x
    LIMIT :most"""
_RENAMED: Final = """
    SELECT act AS id FROM civil_status.renamed WHERE {a}_name = ANY(CAST(:firsts AS int[]))
      AND {b}_name = ANY(CAST(:seconds AS int[])) AND {conditions} LIMIT :most"""
FULL = text(f"{acts.SELECT} WHERE id = ANY(CAST(:ids AS uuid[]))").columns(body=JSONB, mentions=JSONB)


@lru_cache(maxsize=64)  # all that there are
def _statement(sql: str, a: str, b: str, asked: tuple[str, ...]) -> TextClause:
    conditions = " AND ".join(CONDITIONS[name] for name in asked)
    return text(sql.format(a=a, b=b, conditions=conditions))


CONDITIONS: Final = {
    "days": "event_on BETWEEN :since AND :until",
    "places": "collectivity = ANY(CAST(:places AS text[]))",
    "kind": "kind = :kind",
    "family": "family_name = ANY(CAST(:family AS int[]))",
    "father": "father_name = ANY(CAST(:father AS int[]))",
    "mother": "mother_name = ANY(CAST(:mother AS int[]))",
}


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
    ids = await _walk(tx, wanted, meant)
    rows = [acts.from_row(row) for row in await tx.execute(FULL, {"ids": list(ids)})] if ids else []
    ranked = sorted(
        ((act, score(wanted, _readings(act))) for act in rows),
        key=lambda one: (-one[1], one[0].blocks.event.on.first, one[0].id),
    )
    good = [one for one in ranked if one[1] >= LEAST]
    return Answer(found=good[:most], more=len(good) > most or len(ids) >= CANDIDATES)


async def _walk(tx: Tx, wanted: Wanted, meant: Mapping[str, Mapping[int, float]]) -> list[UUID]:
    """Of acts that have a pair of the names that are meant: by both names, or by a parent's."""
    if wanted.given is None:
        a, b = "father", "mother"
    else:
        a, b = ("family" if wanted.family is not None else "father"), "given"
    values: dict[str, Any] = {
        "since": wanted.since or date.min,
        "until": wanted.until or date.max,
        "most": CANDIDATES,
    }
    for part in meant.keys() - {a, b}:
        values[part] = list(meant[part])
    asked = ["days", *sorted(meant.keys() - {a, b})]
    once = tuple(asked)
    places = _places(tx.actor)
    if len(places) <= EVERYWHERE:
        values["places"] = places
        asked.append("places")
    if wanted.kind is not None:
        values["kind"] = wanted.kind.value
        asked.append("kind")
    pairs = sorted(product(meant[a].items(), meant[b].items()), key=lambda pair: -pair[0][1] - pair[1][1])
    near = values | {"firsts": [one[0] for one, _ in pairs], "seconds": [other[0] for _, other in pairs]}
    found = [row.id for row in await tx.execute(_statement(_WALK, a, b, tuple(asked)), near)]
    all_ = values | {"firsts": list(meant[a]), "seconds": list(meant[b])}
    found += [row.id for row in await tx.execute(_statement(_RENAMED, a, b, once), all_)]
    return list(dict.fromkeys(found))


def _places(by: Actor) -> list[str]:
    """Every commune and arrondissement that the caller works for."""
    return sorted(by.communes.union(*(territory().within(province) for province in by.provinces)))


def _readings(act: Act) -> list[dict[str, Any]]:
    drawn_up = tree(act.blocks)
    renamed = any(one.changes for one in act.mentions)
    return [drawn_up, fold(act, Output.FULL_COPY)["blocks"]] if renamed else [drawn_up]
