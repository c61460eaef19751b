"""A database of acts and the API on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from services.civil_status.app import SERVICE
from tests.support.databases import Databases, ServiceDatabase
from tests.support.http import Api, api_of

At = Callable[[datetime], Awaitable[None]]
Happened = Callable[[str | UUID], Awaitable[list[str]]]

LOG = text("SELECT type FROM msg.event_log WHERE aggregateid = :id ORDER BY seq")


@pytest.fixture
async def civil_status(databases: Databases) -> ServiceDatabase:
    return await databases.clone("civil_status", SERVICE.migrations)


@pytest.fixture
async def api(civil_status: ServiceDatabase, tmp_path: Path) -> AsyncIterator[Api]:
    async with api_of(SERVICE, civil_status, tmp_path) as served:
        yield served


@pytest.fixture
async def at(civil_status: ServiceDatabase) -> AsyncIterator[At]:
    """Puts legal time at an instant, as `jamaa clock` does in development."""
    connection = await asyncpg.connect(civil_status.migrator_dsn)

    async def move(instant: datetime) -> None:
        await connection.execute(
            "UPDATE msg.legal_clock SET shift = $1::timestamptz - clock_timestamp()", instant
        )

    yield move
    await connection.close()


@pytest.fixture
def happened(civil_status: ServiceDatabase) -> Happened:
    """The events of an aggregate in their order, each by the last word of its type."""

    async def read(aggregate: str | UUID) -> list[str]:
        async with civil_status.worker.transaction() as tx:
            rows = await tx.execute(LOG, {"id": str(aggregate)})
            return [row.type.split(".")[-2] for row in rows]

    return read
