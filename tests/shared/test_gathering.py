"""Those who ask at one moment share a round trip, and nobody pays for another one (0057)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from shared import pool as limits
from shared.pool import MOST, Pool
from tests.support.databases import ServiceDatabase
from tests.support.line import Line
from tests.support.probes import eventually

QUOTIENT = text("SELECT 100 / CAST(:by AS int), txid_current(), pg_backend_pid()")
LOCK = text("SELECT set_config('lock_timeout', '100ms', true), pg_advisory_xact_lock(CAST(:by AS int)), true")
FULL = """
CREATE SEQUENCE public.tried;
CREATE FUNCTION public.full(by int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  PERFORM nextval('public.tried');
  IF by = 2 THEN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END IF;
  RETURN by;
END $$"""
KEEP = text("INSERT INTO public.kept SELECT :by WHERE :much <> '' RETURNING by")


@pytest.fixture
async def pool(database: ServiceDatabase) -> AsyncIterator[Pool]:
    made = Pool(database.admin_dsn, name="test", size=4)
    yield made
    await made.close()


def asking(pool: Pool, by: int, place: str | None = None, statement: Any = QUOTIENT) -> asyncio.Task[Any]:
    return asyncio.create_task(pool.gathered([(statement, {"by": by})], place or f"{by:05d}"))


async def test_each_is_told_its_own_row_of_one_transaction(pool: Pool) -> None:
    rows = await asyncio.gather(*(asking(pool, by) for by in (5, 2, 4, 1)))
    assert [row[0] for row in rows] == [20, 50, 25, 100]
    assert len({row[1] for row in rows}) == 1


async def test_no_more_than_some_go_together(pool: Pool) -> None:
    rows = await asyncio.gather(*(asking(pool, by) for by in range(1, 2 * MOST + 2)))
    assert [row[0] for row in rows] == [100 // by for by in range(1, 2 * MOST + 2)]
    assert len({row[1] for row in rows}) == 3


async def test_what_the_first_ask_next_leaves_before_the_last_are_told(pool: Pool) -> None:
    async def twice(by: int) -> tuple[Any, Any]:
        return await asking(pool, by), await asking(pool, by)

    found = await asyncio.gather(*(twice(by) for by in range(1, MOST + 1)))
    assert len({first[1] for first, _ in found}) == 1
    assert [second[0] for _, second in found] == [100 // by for by in range(1, MOST + 1)]
    assert found[0][1][1] != found[-1][1][1]


async def test_of_those_in_one_place_one_goes_with_the_others(pool: Pool) -> None:
    one, other, third = await asyncio.gather(
        asking(pool, 1, "here"), asking(pool, 2, "there"), asking(pool, 4, "here")
    )
    assert one[1] == other[1] != third[1]


async def test_who_spoils_it_is_told_so_alone(pool: Pool) -> None:
    before, spoils, after = (asking(pool, by) for by in (5, 0, 4))
    with pytest.raises(DBAPIError, match="division by zero"):
        await spoils
    assert [(await before)[0], (await after)[0]] == [20, 25]


async def test_who_cannot_be_sent_is_told_so_alone_and_the_others_are_done_once(
    pool: Pool, database: ServiceDatabase
) -> None:
    """The driver refuses it when the others are long with the server: nothing of theirs may stay then."""
    administrator = await asyncpg.connect(database.admin_dsn)
    await administrator.execute("CREATE TABLE public.kept (by int)")

    def keeping(by: Any) -> asyncio.Task[Any]:
        given = {"by": by, "much": "x" * 300_000}
        return asyncio.create_task(pool.gathered([(KEEP, given)], str(by)))

    found = await asyncio.gather(*map(keeping, (1, 2, "none", 3)), return_exceptions=True)
    assert [type(one) is DBAPIError for one in found] == [False, False, True, False]
    kept = await administrator.fetch("SELECT by FROM public.kept ORDER BY by")
    assert [row["by"] for row in kept] == [1, 2, 3]
    await administrator.close()


async def test_who_left_is_not_waited_for(pool: Pool) -> None:
    gone, stays = asking(pool, 5), asking(pool, 4)
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays)[0] == 25
    assert (await asking(pool, 2))[0] == 50
    assert gone.cancelled()


async def test_a_connection_that_died_idle_is_replaced(pool: Pool, database: ServiceDatabase) -> None:
    *_, pid = await asking(pool, 5)
    other = await asyncpg.connect(database.admin_dsn)
    await other.fetchval("SELECT pg_terminate_backend($1)", pid)
    alive = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"

    async def lives() -> Any:
        return await other.fetchval(alive, pid)

    await eventually(lives, expected=0)
    await other.close()
    rows = await asyncio.gather(*(asking(pool, by) for by in (5, 2)))
    assert [row[0] for row in rows] == [20, 50]


async def test_who_waits_for_a_lock_holds_nobody_up(pool: Pool, database: ServiceDatabase) -> None:
    other = await asyncpg.connect(database.admin_dsn)
    await other.fetchval("SELECT pg_advisory_lock(7)")
    free, held = asking(pool, 6, statement=LOCK), asking(pool, 7, statement=LOCK)
    assert (await free)[2]
    with pytest.raises(DBAPIError, match="lock timeout"):
        await held
    await other.close()


async def test_those_who_come_meanwhile_go_with_the_next_one(pool: Pool, database: ServiceDatabase) -> None:
    other = await asyncpg.connect(database.admin_dsn)
    wait = text("SELECT pg_advisory_xact_lock(CAST(:by AS int)), txid_current()")
    await other.fetchval("SELECT pg_advisory_lock(n) FROM generate_series(1, 2) n")
    first = asking(pool, 1, statement=wait)
    await asyncio.sleep(0)
    second = asking(pool, 2, statement=wait)
    await asyncio.sleep(0)
    later = [asking(pool, by, statement=wait) for by in (3, 4, 5)]
    await other.close()
    await asyncio.gather(first, second)
    assert len({row[1] for row in await asyncio.gather(*later)}) == 1


async def test_what_is_the_servers_trouble_is_told_to_all_and_not_tried_again_for_each(
    pool: Pool, database: ServiceDatabase
) -> None:
    administrator = await asyncpg.connect(database.admin_dsn)
    await administrator.execute(FULL)
    statement = text("SELECT public.full(CAST(:by AS int))")
    found = await asyncio.gather(
        *(asking(pool, by, statement=statement) for by in (1, 2, 3)), return_exceptions=True
    )
    assert [type(one) for one in found] == [DBAPIError] * 3
    assert await administrator.fetchval("SELECT last_value FROM public.tried") == 2
    await administrator.close()


async def test_who_is_under_way_when_everything_ends_is_told_so(pool: Pool) -> None:
    slow = text("SELECT pg_sleep(60), CAST(:by AS int)")
    asked = [asking(pool, by, statement=slow) for by in (1, 2)]
    await asyncio.sleep(0.3)
    for task in asyncio.all_tasks() - {asyncio.current_task(), *asked}:
        task.cancel()
    async with asyncio.timeout(10):
        told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in told] == [ConnectionAbortedError] * 2


async def test_when_a_row_is_missing_nobody_is_told_anothers(pool: Pool) -> None:
    maybe = text("SELECT CAST(:by AS int) WHERE CAST(:by AS int) <> 2")
    found = await asyncio.gather(
        *(asking(pool, by, statement=maybe) for by in (1, 2, 3)), return_exceptions=True
    )
    assert [type(one) for one in found] == [RuntimeError] * 3
    assert (await asking(pool, 3, statement=maybe))[0] == 3


@pytest.fixture
async def line(database: ServiceDatabase) -> Line:
    return Line(database.admin_dsn)


@pytest.fixture
async def far(line: Line) -> AsyncIterator[Pool]:
    """A pool at the other end of the line, which has answered once."""
    async with line.open() as dsn:
        made = Pool(dsn, name="test", size=4)
        await asking(made, 1)
        yield made
        line.clear.set()
        await made.close()


async def test_nobody_waits_for_ever_under_way_or_before_it(far: Pool, line: Line) -> None:
    far.patience = 0.2
    line.clear.clear()
    under_way = [asking(far, by) for by in (1, 2)]
    await line.stuck.wait()
    told = await asyncio.gather(*under_way, asking(far, 4), asking(far, 5), return_exceptions=True)
    assert {type(one) for one in told} == {PoolExhausted}


async def test_a_connection_of_which_nothing_is_heard_is_cut(
    far: Pool, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    far.patience = 0.2
    *held, free = [await far.take() for _ in range(4)]
    await far.give(free)
    line.clear.clear()
    monkeypatch.setattr(limits, "HUNG_SECONDS", 0.3)
    monkeypatch.setattr(limits, "CONNECT_SECONDS", 0.1)
    with pytest.raises(PoolExhausted):
        await asking(far, 4)
    await asyncio.sleep(1)
    with pytest.raises(TimeoutError):  # there is a place again, and no way to the server
        await far.take()
    for session in held:
        await far.give(session)


async def test_a_connection_lost_while_much_was_being_sent_is_noticed(
    far: Pool, line: Line, database: ServiceDatabase
) -> None:
    administrator = await asyncpg.connect(database.admin_dsn)
    await administrator.execute("CREATE TABLE public.kept (by int)")
    await far.gathered([(KEEP, {"by": 8, "much": "so that it is prepared"})], "8")
    line.clear.clear()
    given = [{"by": by, "much": "x" * 2_000_000} for by in range(8)]
    asked = [asyncio.create_task(far.gathered([(KEEP, one)], str(one["by"]))) for one in given]
    await line.stuck.wait()
    await asyncio.sleep(0.2)
    line.cut()
    line.clear.set()
    assert [row[0] for row in await asyncio.gather(*asked)] == list(range(8))
    assert await administrator.fetchval("SELECT count(*) FROM public.kept") == 9
    await administrator.close()
