"""What a test leaves in its database, no other test finds: seen by pg_dump, which shares nothing with us."""

import asyncio
import re
import subprocess

import asyncpg
import pytest

from deploy.engines import Postgres
from deploy.engines.postgres import wheel_programs
from shared.migrate import MIGRATOR, roles
from tests.support.databases import TOY, Databases, ServiceDatabase

API = roles("toy")[0]

DIRT = """
SET session_replication_role = replica;
SELECT msg.emit('thing', 'a', 'ma.jamaa.toy.thing.made.v1', '01', '{}', '{}', now());
INSERT INTO toy.trace (consumer, subject, seq) VALUES ('c', 'a', 1);
INSERT INTO toy.total VALUES ('a', 1);
INSERT INTO msg.relay_lease VALUES ('relay', gen_random_uuid(), 1, now());
INSERT INTO msg.inbox_head VALUES ('c', '/toy', 'thing', 'a');
INSERT INTO msg.inbox_parked VALUES ('c', '/toy', 'thing', 'a', 1, '', '{}');
INSERT INTO msg.dead_letter VALUES ('c', 't', 0, 0, '', '{}', 'r');
INSERT INTO msg.skip_register VALUES ('c', '/toy', 'thing', 'a', 1, 'salma', 'r');
INSERT INTO msg.operation (by, what, detail) VALUES ('salma', 'w', '{}');
INSERT INTO msg.idempotency (principal, key, route, request_hash) VALUES ('citizen', 'k', 'r', '');
INSERT INTO msg.notice (event_id, recipient, about, kind, content, created_at)
  VALUES (gen_random_uuid(), 'citizen', 'a', 'k', '{}', now());
INSERT INTO msg.operation (by, what, detail) VALUES ('salma', 'skip', '{}');
INSERT INTO msg.document (id, about, collectivity, kind, ordered_at, state_at)
  VALUES (gen_random_uuid(), 'a', '01', 'receipt', now(), now());
INSERT INTO msg.upload VALUES ('00', 'citizen', 'n', 'm', 1, now());
UPDATE msg.legal_clock SET shift = interval '60 days';
DELETE FROM territory.collectivity WHERE code = '06';
UPDATE territory.collectivity SET name_fr = 'Ailleurs' WHERE code = '07';
DELETE FROM kernel.alembic_version;
UPDATE toy.alembic_version SET version_num = 'another';
"""


async def dumped(database: ServiceDatabase) -> list[str]:
    """Its schema, its rows and its sequences; the lines of a table in any order."""
    program = [str(wheel_programs() / "pg_dump"), "--exclude-schema=pristine", database.admin_dsn]
    done = await asyncio.to_thread(
        lambda: subprocess.run(program, check=True, capture_output=True, text=True)
    )
    return sorted(line for line in done.stdout.splitlines() if not re.match(r"\\(un)?restrict ", line))


async def untouched(database: ServiceDatabase) -> list[str]:
    owner = await asyncpg.connect(database.admin_dsn)
    try:
        seen = (
            "SELECT name::text FROM pristine.seed WHERE version IS NOT DISTINCT FROM pristine.version(name)"
        )
        return [row["name"] for row in await owner.fetch(seen)]
    finally:
        await owner.close()


async def test_whatever_a_test_does_to_its_rows_the_next_finds_them_as_they_were(postgres: Postgres) -> None:
    databases = Databases(postgres)
    first = await databases.clone("toy", TOY)
    before = await dumped(first)
    for round_trip in range(2):  # what was put back once is put back again
        owner = await asyncpg.connect(first.admin_dsn)
        await owner.execute(DIRT)
        await owner.close()
        assert await untouched(first) == [], "dirty it too: nobody knows yet whether it is cleaned"
        assert await dumped(first) != before
        await databases.close()
        again = await databases.clone("toy", TOY)
        assert (again.name, await dumped(again)) == (first.name, before), round_trip
    await databases.close()


async def test_who_is_still_writing_when_the_test_ends_writes_no_more(postgres: Postgres) -> None:
    databases = Databases(postgres)
    first = await databases.clone("toy", TOY)
    straggler = await asyncpg.connect(first.migrator_dsn)
    await straggler.execute("BEGIN; INSERT INTO toy.total VALUES ('a', 1)")
    await databases.close()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await straggler.execute("COMMIT")
    again = await databases.clone("toy", TOY)
    assert again.name == first.name
    owner = await asyncpg.connect(again.admin_dsn)
    assert await owner.fetchval("SELECT count(*) FROM toy.total") == 0
    await owner.close()
    await databases.close()


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE toy.planted (n int)",
        "CREATE POLICY planted ON msg.notice USING (true)",
        "ALTER TABLE msg.notice DISABLE ROW LEVEL SECURITY",
        f"GRANT DELETE ON msg.event_log TO {API}",
        "ALTER TABLE toy.total ALTER amount DROP NOT NULL",
        "DROP INDEX msg.event_log_history",
        "CREATE OR REPLACE FUNCTION msg.legal_now() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'",
        "ALTER SEQUENCE msg.event_pos CACHE 20",
        "CREATE SCHEMA planted",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA toy GRANT ALL ON TABLES TO {API}",
        f"ALTER ROLE {MIGRATOR} IN DATABASE {{name}} SET lock_timeout = '1s'",
        "ALTER DATABASE {name} CONNECTION LIMIT 100",
        f"GRANT TEMPORARY ON DATABASE {{name}} TO {API}",
        "DROP SCHEMA pristine CASCADE",
        "ALTER DATABASE {name} ALLOW_CONNECTIONS false",
    ],
)
async def test_a_database_that_became_another_one_is_thrown_away(postgres: Postgres, change: str) -> None:
    databases = Databases(postgres)
    first = await databases.clone("toy", TOY)
    of_the_server = change.startswith("ALTER DATABASE")
    owner = await asyncpg.connect(postgres.dsn() if of_the_server else first.admin_dsn)
    await owner.execute(change.format(name=first.name))
    await owner.close()
    await databases.close()
    owner = await asyncpg.connect(postgres.dsn())
    assert not await owner.fetchval("SELECT true FROM pg_database WHERE datname = $1", first.name)
    await owner.close()
