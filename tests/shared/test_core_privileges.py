"""Least privilege: nobody but emit() writes the log, and no role that a service runs as can rewrite it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.exc import DBAPIError

from deploy.engines import Postgres
from deploy.registry import SERVICES
from shared.service import Service
from tests.support.core import rows
from tests.support.databases import TOY, Databases, ServiceDatabase

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(postgres: Postgres) -> AsyncIterator[ServiceDatabase]:
    """One for all: every statement here is refused."""
    databases = Databases(postgres)
    yield await databases.clone("toy", TOY)
    await databases.close()


WRITES = [
    "INSERT INTO msg.event_log (pos) VALUES (1)",
    "UPDATE msg.event_log SET type = 'x'",
    "DELETE FROM msg.event_log",
    "TRUNCATE msg.event_log",
    "DELETE FROM msg.event_log_0",
    "UPDATE msg.aggregate_head SET last_seq = 9",
    "SELECT setval('msg.event_pos', 1)",
    "UPDATE msg.legal_clock SET shift = interval '1 day'",
    "UPDATE msg.legal_clock SET profile = 'development'",
    "UPDATE msg.skip_register SET proposed_by = 'x'",
    "DELETE FROM msg.skip_register",
    """INSERT INTO msg.skip_register (consumer, source, aggregatetype, aggregateid, seq, proposed_by, reason,
         confirmed_by, confirmed_at) VALUES ('c', '/toy', 'thing', 'a', 1, 'x', 'r', 'y', now())""",
    "UPDATE msg.skip_register SET confirmed_by = 'y', confirmed_at = now()",
    "INSERT INTO msg.operation (by, what, detail, at) VALUES ('x', 'replay', '{}', '2020-01-01')",
    "UPDATE msg.operation SET by = 'x'",
    "DELETE FROM msg.operation",
    "TRUNCATE msg.operation",
]


@pytest.mark.parametrize(
    "statement", [*WRITES, "INSERT INTO msg.outbox_pending VALUES (1)", "SELECT FROM msg.event_log"]
)
async def test_the_api_writes_nothing_but_by_emit(database: ServiceDatabase, statement: str) -> None:
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
        await rows(database.api, statement)


@pytest.mark.parametrize("statement", WRITES)
async def test_the_worker_does_not_rewrite_history(database: ServiceDatabase, statement: str) -> None:
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
        await rows(database.worker, statement)


EMIT = "SELECT msg.emit('thing', 'a', '{type}', 'c', '{{}}', '{{}}', {at})"


@pytest.mark.parametrize(
    ("type_", "at", "refusal"),
    [
        ("ma.jamaa.deadlines.clock.elapsed.v1", "msg.legal_now()", "no event of toy"),
        ("ma.jamaa.toy.thing.made.v1", "msg.legal_now() + interval '1 minute'", "which is to come"),
    ],
)
async def test_nobody_announces_for_another_service_or_from_the_future(
    database: ServiceDatabase, type_: str, at: str, refusal: str
) -> None:
    with pytest.raises(DBAPIError, match=refusal):
        await rows(database.api, EMIT.format(type=type_, at=at))
    assert await rows(database.worker, "SELECT 1 FROM msg.event_log") == []


async def test_whoever_emits_the_source_is_the_database_own(database: ServiceDatabase) -> None:
    await rows(database.api, EMIT.format(type="ma.jamaa.toy.thing.made.v1", at="msg.legal_now()"))
    assert await rows(database.worker, "SELECT source FROM msg.event_log") == [("/toy",)]


DEFINERS = """
    SELECT p.oid::regprocedure::text, p.proconfig::text, has_function_privilege('public', p.oid, 'EXECUTE')
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pristine')"""


async def definers(of: ServiceDatabase, service: str) -> dict[str, bool]:
    """Functions that run with their owner's rights; whether each trusts no search path and not everybody."""
    pinned = {f'{{"search_path={schema}, pg_temp"}}' for schema in ("msg", service)}
    found = await rows(of.worker, DEFINERS)
    return {name: settings in pinned and not anybody for name, settings, anybody in found}


@pytest.mark.parametrize("service", [None, *SERVICES], ids=lambda each: each.name if each else "toy")
async def test_functions_with_their_owner_s_rights_trust_no_search_path_and_not_everybody(
    postgres: Postgres, service: Service | None
) -> None:
    databases = Databases(postgres)
    name = service.name if service else "toy"
    found = await definers(await databases.clone(name, service.migrations if service else TOY), name)
    await databases.close()
    assert len(found) >= 5
    assert [function for function, safe in found.items() if not safe] == []


@pytest.mark.parametrize(
    ("settings", "grant"),
    [
        ("", "REVOKE ALL ON FUNCTION toy.planted() FROM PUBLIC"),
        ("SET search_path = toy", "REVOKE ALL ON FUNCTION toy.planted() FROM PUBLIC"),
        ("SET search_path = toy, pg_temp", "GRANT EXECUTE ON FUNCTION toy.planted() TO PUBLIC"),
    ],
)
async def test_such_a_function_would_be_seen(database: ServiceDatabase, settings: str, grant: str) -> None:
    owner = await asyncpg.connect(database.migrator_dsn)
    planted = f"CREATE OR REPLACE FUNCTION toy.planted() RETURNS int LANGUAGE sql SECURITY DEFINER {settings}"
    try:
        await owner.execute(f"{planted} AS 'SELECT 1'; {grant}")
        assert not (await definers(database, "toy"))["toy.planted()"]
    finally:
        await owner.execute("DROP FUNCTION toy.planted()")
        await owner.close()
