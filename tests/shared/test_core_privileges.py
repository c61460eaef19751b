"""Least privilege: nobody but emit() writes the log, and no role that a service runs as can rewrite it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy.exc import DBAPIError

from deploy.engines import Postgres
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
