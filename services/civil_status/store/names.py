"""The dictionary of distinct names: which numbers stand for a name in the columns of acts."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import text

from services.civil_status.domain.act import Act
from services.civil_status.domain.spelling import Spelled, is_arabic, key, likeness, near, spelled
from shared.db import Tx
from shared.territory import fold

KNOWN = text("""
    SELECT n.id, n.ar, n.latin FROM unnest(CAST(:ar AS text[]), CAST(:latin AS text[])) AS w (ar, latin)
      JOIN civil_status.name n ON n.ar = w.ar AND n.latin = w.latin""")
ADD = text("""
    INSERT INTO civil_status.name (ar, latin, ar_key, latin_key)
    SELECT * FROM unnest(CAST(:ar AS text[]), CAST(:latin AS text[]), CAST(:ar_keys AS text[]),
      CAST(:latin_keys AS text[])) ON CONFLICT (ar, latin) DO NOTHING""")
RENAMED = text("""
    INSERT INTO civil_status.renamed
      (act, version, collectivity, event_on, family_name, given_name, father_name, mother_name)
    VALUES (:act, :version, :collectivity, :event_on, :family_name, :given_name, :father_name,
      :mother_name)""")
ALIKE = text("""
    SELECT w.part, n.id, n.ar, n.latin
    FROM unnest(CAST(:parts AS text[]), CAST(:keys AS text[]), CAST(:folded AS text[]),
      CAST(:arabic AS bool[])) AS w (part, keys, folded, arabic)
    CROSS JOIN LATERAL civil_status.alike(string_to_array(w.keys, ' '), w.folded, w.arabic, :most) n""")
GROUP: Final = 5000
"""Names of the dictionary that are ranked for one asked name."""
COLUMNS: Final = ("family_name", "given_name", "father_name", "mother_name")


async def numbers(tx: Tx, wanted: Iterable[Spelled]) -> dict[Spelled, int]:
    """Those of the dictionary, which learns what it does not know yet."""
    asked = sorted(set(wanted))
    found = await _known(tx, asked)
    if missing := [one for one in asked if one not in found]:
        await tx.execute(
            ADD,
            {
                "ar": [one.ar for one in missing],
                "latin": [one.latin for one in missing],
                "ar_keys": [key(one.ar) for one in missing],
                "latin_keys": [key(one.latin) if one.latin else "" for one in missing],
            },
        )
        found |= await _known(tx, missing)
    return found


async def _known(tx: Tx, wanted: Collection[Spelled]) -> dict[Spelled, int]:
    values = {"ar": [one.ar for one in wanted], "latin": [one.latin for one in wanted]}
    return {Spelled(row.ar, row.latin): row.id for row in await tx.execute(KNOWN, values)}


async def columns(tx: Tx, blocks: Mapping[str, Any]) -> dict[str, int | None]:
    """The names by which an act is found, of its blocks as plain values: the subject's, and the given names
    of the parents.
    """
    said = {
        "family_name": _spelled(blocks["subject"], "family"),
        "given_name": _spelled(blocks["subject"], "given"),
        "father_name": _spelled(blocks.get("father"), "given"),
        "mother_name": _spelled(blocks.get("mother"), "given"),
    }
    known = await numbers(tx, (one for one in said.values() if one is not None))
    return {column: None if one is None else known[one] for column, one in said.items()}


def _spelled(person: Mapping[str, Any] | None, which: str) -> Spelled | None:
    name = (person or {}).get(which) or {}
    return spelled(name.get("ar") or "", name.get("latin")) if name.get("ar") or name.get("latin") else None


async def renamed(tx: Tx, act: Act, blocks: Mapping[str, Any]) -> None:
    """It is found by what it now reads as well."""
    on = blocks["event"]["on"]
    values = {
        "act": act.id,
        "version": act.version,
        "collectivity": act.collectivity,
        "event_on": date(on["year"], on["month"] or 1, on["day"] or 1),
        **await columns(tx, blocks),
    }
    await tx.execute(RENAMED, values)


async def alike(tx: Tx, asked: Mapping[str, str], *, least: float, most: int) -> dict[str, dict[int, float]]:
    """For each part that was asked, the numbers of the names that may be meant, the nearest first, with their
    likeness (0 to 100).
    """
    ranked: dict[str, list[tuple[float, int]]] = {part: [] for part in asked}
    values = {
        "parts": list(asked),
        "keys": [" ".join(sorted(near(key(name)))) for name in asked.values()],  # which have no space
        "folded": [fold(name) for name in asked.values()],
        "arabic": [is_arabic(name) for name in asked.values()],
        "most": GROUP,
    }
    for part, number, ar, latin in await tx.execute(ALIKE, values):
        score = likeness(asked[part], ar, latin)
        if score >= least:
            ranked[part].append((-score, number))
    return {part: {number: -score for score, number in sorted(some)[:most]} for part, some in ranked.items()}
