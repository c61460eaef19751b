"""What many follow: told page by page, whatever is killed in the middle, and nobody waits for all of them."""

import asyncio
import signal
import sys

import asyncpg
import pytest
from sqlalchemy import text

from services.chikaya.app import SERVICE
from services.chikaya.consumers import tellings
from services.chikaya.store import tellings as kept
from shared.db import Tx
from tests.chikaya.filed import CASABLANCA, REASONS, filed, published, step
from tests.chikaya.test_subscriptions import LOG, follows
from tests.support.databases import ServiceDatabase
from tests.support.http import Api
from tests.support.probes import eventually
from tests.support.services import envelope_of, hear

TOWN = """
    INSERT INTO chikaya.subscription
      (id, follower, report, collectivity, standing, begun_at, version, token)
    SELECT gen_random_uuid(), $4 || n, $1, $2, 'active', msg.legal_now(), 1, $4 || n
    FROM generate_series(1, $3) AS n"""
TOLD = text("SELECT recipient, count(*) AS notices FROM msg.notice GROUP BY recipient")
LEFT = text("SELECT count(*) FROM chikaya.telling")
PAGE = 20
CHILD = f"""
import asyncio, sys
from services.chikaya.consumers import tellings
from services.chikaya.store import tellings as kept
from shared.db import Database

async def hang(*_):
    print("here", flush=True)
    await asyncio.sleep(600)

async def main(where, dsn):
    database = Database(dsn, name="child")
    await tellings.tell_page(database)
    if where == "between pages":
        await hang()
    kept.told = hang
    await tellings.tell_page(database)

tellings.PAGE = {PAGE}
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tellings, "PAGE", PAGE)
    monkeypatch.setattr(tellings, "FEW", 5)


async def a_town_follows(
    chikaya: ServiceDatabase, report: str | None, followers: int, name: str = "neighbour"
) -> set[str]:
    """A report, or Casablanca. Written as they stand: so many would be filed for minutes."""
    connection = await asyncpg.connect(chikaya.admin_dsn)
    try:
        await connection.execute(TOWN, report, CASABLANCA, followers, name)
    finally:
        await connection.close()
    return {f"{name}{n}" for n in range(1, followers + 1)}


async def told(chikaya: ServiceDatabase, town: set[str]) -> dict[str, int]:
    """How many notices each of them has, of those who have any."""
    async with chikaya.worker.transaction() as tx:
        return {row.recipient: row.notices for row in await tx.execute(TOLD) if row.recipient in town}


async def hears(chikaya: ServiceDatabase, report: str) -> None:
    """The last that happened to a report, and nothing else."""
    async with chikaya.worker.transaction() as tx:
        row = [one for one in await tx.execute(LOG) if one.aggregateid == report][-1]
    await hear(SERVICE, chikaya, envelope_of(row))


async def left(chikaya: ServiceDatabase) -> int:
    """What is still to be told, after another page of it."""
    await tellings.tell_page(chikaya.worker)
    async with chikaya.worker.transaction() as tx:
        found: int = (await tx.execute(LEFT)).scalar_one()
    return found


async def test_many_are_told_page_by_page_and_nobody_waits_for_all_of_them(
    api: Api, chikaya: ServiceDatabase
) -> None:
    popular, other = await filed(api), await filed(api)
    town = await a_town_follows(chikaya, popular, 50)
    await follows(api, report=other)
    for report in (popular, other):
        await step(api, report, "assignment", "agent", {"assignee": "instructor"})
        await hears(chikaya, report)
    assert await told(chikaya, {"citizen2"}) == {"citizen2": 1}, "few are told at once"
    assert await told(chikaya, town) == {}
    await step(api, popular, "assignment", "agent", {"assignee": "agent"})
    await hears(chikaya, popular)
    for page in range(1, 7):
        assert await tellings.tell_page(chikaya.worker)
        assert sum((await told(chikaya, town)).values()) <= PAGE * page
        if page == 2:
            assert set((await told(chikaya, town)).values()) == {2}, "the two take turns"
    assert await told(chikaya, town) == dict.fromkeys(town, 2)
    assert await left(chikaya) == 0


@pytest.mark.parametrize("where", ["within a page", "between pages"])
async def test_what_is_killed_in_the_middle_goes_on_where_it_was(
    api: Api, chikaya: ServiceDatabase, where: str
) -> None:
    report = await filed(api)
    town = await a_town_follows(chikaya, None, 50)
    await hears(chikaya, report)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, where, chikaya.worker_dsn), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"here\n"
    child.kill()
    assert await child.wait() == -signal.SIGKILL
    assert sum((await told(chikaya, town)).values()) == PAGE, "the page that was not committed is not there"
    await hears(chikaya, report)
    await eventually(lambda: left(chikaya), 0)
    assert await told(chikaya, town) == dict.fromkeys(town, 1)


async def test_what_fails_waits_and_the_others_go_on(
    api: Api, chikaya: ServiceDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned, other = await filed(api), await filed(api)
    await a_town_follows(chikaya, poisoned, 10)
    town = await a_town_follows(chikaya, other, 10, "villager")
    for report in (poisoned, other):
        await step(api, report, "assignment", "agent", {"assignee": "instructor"})
        await hears(chikaya, report)
    page = kept.page

    async def broken(tx: Tx, telling: kept.Telling, *, limit: int) -> object:
        if str(telling.report) == poisoned:
            raise RuntimeError("planted")
        return await page(tx, telling, limit=limit)

    monkeypatch.setattr(kept, "page", broken)
    assert await left(chikaya) == 2
    assert await left(chikaya) == 1
    assert await told(chikaya, town) == dict.fromkeys(town, 1)


async def test_what_is_withheld_in_the_middle_is_told_no_further(api: Api, chikaya: ServiceDatabase) -> None:
    report = await filed(api)
    town = await a_town_follows(chikaya, report, 50)
    await step(api, report, "assignment", "agent", {"assignee": "instructor"})
    await hears(chikaya, report)
    assert await left(chikaya) == 1
    await published(api)
    await step(api, report, "inadmissibility", "instructor", {"ground": "abusive", "reasons": REASONS})
    assert await left(chikaya) == 0
    assert len(await told(chikaya, town)) == PAGE


async def test_who_comes_in_the_middle_is_not_told_what_was_before(
    api: Api, chikaya: ServiceDatabase
) -> None:
    report = await filed(api)
    town = await a_town_follows(chikaya, report, 50)
    await step(api, report, "assignment", "agent", {"assignee": "instructor"})
    await hears(chikaya, report)
    assert await left(chikaya) == 1
    late = await a_town_follows(chikaya, report, 50, "newcomer")
    await eventually(lambda: left(chikaya), 0)
    assert await told(chikaya, town) == dict.fromkeys(town, 1)
    assert await told(chikaya, late) == {}
