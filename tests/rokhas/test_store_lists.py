"""A page of a list costs a page, however many files there are, and shows what the files say."""

import itertools
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic_core import to_json
from sqlalchemy import text

from services.rokhas.api.common import SummaryOut
from services.rokhas.domain import State
from services.rokhas.store import dossiers, lists
from shared.auth import Actor
from tests.rokhas.conftest import CASABLANCA
from tests.rokhas.filed import filed
from tests.support.databases import ServiceDatabase

CITIZEN = Actor(subject="citizen", communes=frozenset({CASABLANCA}))
VALUES: dict[str, Any] = {
    "places": [CASABLANCA],
    "caller": "citizen",
    "limit": 51,
    "within": [CASABLANCA],
    "states": ["under_review"],
    "procedure": "repair",
    "instructor": "instructor",
    "after_at": datetime(2026, 1, 1, tzinfo=UTC),
    "after_id": UUID(int=0),
}


@pytest.mark.parametrize(
    ("urgent", "sources", "after", "narrowed"),
    list(
        itertools.product(
            (True, False),
            ({"places": True, "own": False}, {"places": False, "own": True}, {"places": True, "own": True}),
            (True, False),
            ((), tuple(lists.CONDITIONS)),
        )
    ),
)
async def test_every_list_is_read_by_an_index_behind_row_level_security(
    rokhas: ServiceDatabase, urgent: bool, sources: dict[str, bool], after: bool, narrowed: tuple[str, ...]
) -> None:
    asked = lists.statement(urgent=urgent, **sources, after=after, narrowed=narrowed)
    async with rokhas.api.transaction(CITIZEN) as tx:
        await tx.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join((await tx.execute(text(f"EXPLAIN {asked}"), VALUES)).scalars())
    assert "Seq Scan" not in plan


async def test_a_line_says_what_the_file_says(rokhas: ServiceDatabase) -> None:
    whole = [await filed(rokhas, without=without) for without in ((), ("site_plan",))]
    async with rokhas.api.transaction(CITIZEN) as tx:
        lines = await lists.find(tx, lists.Filter(own=True), urgent=False, after=None, limit=9)
        files = [await dossiers.get(tx, UUID(str(one))) for one in reversed(whole)]
    assert [(a.id, a.site, a.procedure, a.missing, a.state, a.version) for a in lines] == [
        (b.id, b.site, b.procedure.code, list(b.missing), State(b.state), b.version) for b in files
    ]


async def test_a_line_is_written_as_the_contract_has_it(rokhas: ServiceDatabase) -> None:
    await filed(rokhas)
    async with rokhas.api.transaction(CITIZEN) as tx:
        (line,) = await lists.find(tx, lists.Filter(own=True), urgent=False, after=None, limit=9)
    written = to_json(SummaryOut.of(line))
    assert written.decode() == SummaryOut.model_validate_json(written).model_dump_json()


async def test_who_is_nowhere_and_asks_for_nothing_of_his_own_sees_nothing(rokhas: ServiceDatabase) -> None:
    await filed(rokhas)
    async with rokhas.api.transaction(CITIZEN) as tx:
        assert await lists.find(tx, lists.Filter(), urgent=True, after=None, limit=9) == []
