"""What is looked for every quarter of a second is found by an index, however many clocks run."""

import pytest
from sqlalchemy import text

from services.deadlines import measure
from services.deadlines.store import clocks
from tests.support.databases import ServiceDatabase


@pytest.mark.parametrize(
    ("statement", "condition"),
    [
        (clocks.DUE, "Index Cond: (next_at <= "),
        (clocks.STALE, "Index Cond: (calendar_revision < "),
        (measure.URGENCY, "Index Cond: (next_at <= "),
        (clocks.LOCK_FILES, "Index Cond: ((service = "),
    ],
)
async def test_clocks_are_found_by_an_index(
    deadlines: ServiceDatabase, statement: object, condition: str
) -> None:
    """A volatile function in the condition would be asked of every clock."""
    async with deadlines.worker.transaction() as tx:
        values = {"now": tx.now, "revision": 1, "limit": 500}
        values |= {"services": ["rokhas"], "aggregates": ["dossier"], "ids": ["1"]}
        await tx.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join((await tx.execute(text(f"EXPLAIN {statement}"), values)).scalars())
    assert condition in plan
    assert [line for line in plan.splitlines() if "legal_now" in line] == []
