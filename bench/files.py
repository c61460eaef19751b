"""Permit files by the hundred thousand: one that the domain made, and copies of its row."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import asyncpg

from bench.harness import Workshop, say, unindexed
from services.rokhas.app import SERVICE
from services.rokhas.domain import Dossier
from services.rokhas.store.dossiers import COLUMNS, procedures, to_row
from shared.auth import Actor, Role
from shared.migrate import database_of
from shared.territory import territory
from shared.time import civil_day

IDENTIFIER: Final = """
CREATE OR REPLACE FUNCTION bench_id(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT ('00000000-0000-8000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$
"""

AT_A_TIME: Final = 100_000  # in one statement
COMMUNE: Final = "($1::text[])[1 + n % cardinality($1)]"
"""The n-th file's commune, as an expression: all 1,503 in turn."""


def communes() -> list[str]:
    return sorted(one.code for one in territory() if one.kind == "commune")


async def template(shop: Workshop) -> dict[str, Any]:
    """The row of a complete draft of `repair`."""
    connection = await asyncpg.connect(shop.postgres.dsn(database_of(SERVICE.name)))
    try:
        now = await connection.fetchval("SELECT clock_timestamp()")
    finally:
        await connection.close()
    owner = Actor(subject="citizen0", roles=frozenset({Role.CITIZEN}))
    dossier, _ = Dossier.draft(
        UUID(int=0),
        procedure=procedures().at("repair", civil_day(now)),
        collectivity=communes()[0],
        by=owner,
        now=now,
        site="TF 12345/C",
    )
    for document in dossier.procedure.required:
        dossier.attach(document, "0" * 64, by=owner, now=now)
    return to_row(dossier)


async def copies(shop: Workshop, row: Mapping[str, Any], amount: int, changed: Mapping[str, str]) -> None:
    """Files 0 to `amount` - 1; `changed` are expressions over `n` by column. The n-th has the identifier
    `bench_id(n)`, which the client of `bench/load.py` knows too.
    """
    fixed = [name for name in COLUMNS if name != "id" and name not in changed]
    values = [f"${place}" for place in range(4, len(fixed) + 4)]
    statement = (
        f"INSERT INTO rokhas.dossier ({', '.join(['id', *changed, *fixed])})"
        f" SELECT {', '.join(['bench_id(n)', *changed.values(), *values])}"
        " FROM generate_series($2::int, $3::int - 1) n"
    )
    connection = await asyncpg.connect(shop.postgres.dsn(database_of(SERVICE.name)))
    try:
        await connection.execute(IDENTIFIER)
        async with unindexed(connection, "rokhas.dossier"):
            for start in range(0, amount, AT_A_TIME):
                end = min(start + AT_A_TIME, amount)
                await connection.execute(statement, communes(), start, end, *(row[name] for name in fixed))
                if amount > AT_A_TIME:
                    say(f"{end:,} of {amount:,} files")
    finally:
        await connection.close()
