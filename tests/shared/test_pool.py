"""Connections that are lent, given back, lost and made anew; and a transaction that was lost unnoticed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from shared import pool as limits
from shared.pool import Pool, Session
from tests.support.databases import ServiceDatabase
from tests.support.line import Line

PID = text("SELECT pg_backend_pid()")
MARK = text("SELECT set_config('app.subject', 'somebody', true)")
MARKED = text("SELECT coalesce(current_setting('app.subject', true), '')")
WRONG = text("SELECT 1 / 0")


async def asked(session: Session, statement: object = PID) -> object:
    return (await session.run(statement, {})).scalar_one()  # type: ignore[arg-type]


@pytest.fixture
def pool(database: ServiceDatabase) -> Pool:
    return Pool(database.admin_dsn, name="test", size=1)


@pytest.fixture
async def line(database: ServiceDatabase) -> Line:
    return Line(database.admin_dsn)


@pytest.fixture
async def far(line: Line) -> AsyncIterator[Pool]:
    """A pool at the other end of the line."""
    async with line.open() as dsn:
        made = Pool(dsn, name="test", size=1)
        yield made
        line.clear.set()
        await made.close()


async def test_a_connection_is_used_again_and_never_by_two(pool: Pool) -> None:
    pool.patience = 0.01
    async with pool.session() as session:
        first = await asked(session)
        with pytest.raises(PoolExhausted):
            await pool.take()
    async with pool.session() as session:
        assert await asked(session) == first
    await pool.close()


async def test_whoever_waits_gets_it_when_it_is_given_back(pool: Pool) -> None:
    session = await pool.take()
    waiting = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    await pool.give(session)
    assert await waiting is session
    await pool.give(session)
    await pool.close()


@pytest.mark.parametrize("broken", [False, True])
async def test_what_was_not_committed_is_rolled_back_when_it_is_given_back(pool: Pool, broken: bool) -> None:
    async with pool.session() as session:
        await session.say("BEGIN")
        await session.run(MARK, {})
        if broken:
            with pytest.raises(DBAPIError, match="division"):
                await session.run(WRONG, {})
    async with pool.session() as session:
        assert not session.connection.is_in_transaction()
        assert await asked(session, MARKED) == ""
    await pool.close()


async def test_who_is_cancelled_gives_back_a_connection_that_works(pool: Pool) -> None:
    async def slow() -> None:
        async with pool.session() as session:
            await session.say("BEGIN")
            await session.run(text("SELECT pg_sleep(60)"), {})

    task = asyncio.create_task(slow())
    await asyncio.sleep(0.2)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10), pool.session() as session:
        assert not session.connection.is_in_transaction()
        await asked(session)
    await pool.close()


async def test_a_transaction_whose_begin_was_cancelled_is_nobodys(far: Pool, line: Line) -> None:
    session = await far.take()
    await asked(session)
    line.clear.clear()
    beginning = asyncio.create_task(session.say("BEGIN"))
    await line.stuck.wait()
    beginning.cancel()
    await asyncio.wait([beginning])
    assert beginning.cancelled()
    await far.give(session)
    line.clear.set()  # now the server hears of it
    async with asyncio.timeout(10), far.session() as another:
        await asked(another)
        assert not another.connection.is_in_transaction()


async def test_a_rollback_that_nobody_answers_ends_with_its_connection(
    far: Pool, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await far.take()
    await session.say("BEGIN")
    line.clear.clear()
    with monkeypatch.context() as patch:
        patch.setattr(limits, "CONNECT_SECONDS", 0.1)
        async with asyncio.timeout(10):
            await far.give(session)
    assert session.connection.is_closed()
    line.clear.set()
    async with asyncio.timeout(10), far.session() as another:
        assert another is not session
        await asked(another)


async def test_what_was_prepared_ends_with_its_connection(pool: Pool) -> None:
    async with pool.session() as session:
        pid = await asked(session)
        session.connection.terminate()
        await pool.renew(session)
        assert await asked(session) != pid
    await pool.close()


async def test_a_commit_of_what_failed_is_an_error(database: ServiceDatabase) -> None:
    async def swallowing() -> None:
        async with database.api.transaction() as tx:
            with suppress(DBAPIError):
                await tx.execute(WRONG)

    with pytest.raises(RuntimeError, match="swallowed"):
        await swallowing()


async def test_a_lost_connection_is_replaced_and_its_place_kept(
    pool: Pool, database: ServiceDatabase
) -> None:
    session = await pool.take()
    pid = await asked(session)
    administrator = await asyncpg.connect(database.admin_dsn)
    await administrator.execute("SELECT pg_terminate_backend($1)", pid)
    await administrator.close()
    with pytest.raises(DBAPIError) as lost:
        await asked(session)
    assert lost.value.connection_invalidated
    await pool.give(session)
    async with asyncio.timeout(10), pool.session() as another:
        assert await asked(another) != pid
    await pool.close()
