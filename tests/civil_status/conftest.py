"""A database of acts and the API on it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text

from services.civil_status.app import SERVICE
from shared.events import Envelope, topic_of
from shared.time import civil_day
from tests.civil_status.filed import CASABLANCA
from tests.support.databases import Databases, ServiceDatabase
from tests.support.http import Api, api_of

At = Callable[[datetime], Awaitable[None]]
Says = Callable[..., Awaitable[None]]
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
def clock_says(register_clock_says: Says) -> Says:
    return register_clock_says


@pytest.fixture
def register_clock_says(civil_status: ServiceDatabase) -> Says:
    """One event of a clock of the deadlines service, through every consumer that listens to clocks."""

    async def says(
        aggregate: str,
        subject: str | UUID,
        change: str,
        *,
        answer_by: datetime | None = None,
        rule: str = "civil_status.declaration",
        service: str = "civil_status",
    ) -> None:
        now = datetime.now(UTC)
        data = {
            "service": service,
            "aggregate": aggregate,
            "aggregate_id": str(subject),
            "rule": rule,
            "answer_by": answer_by and answer_by.isoformat(),
            "last_day": answer_by and (civil_day(answer_by) - timedelta(days=1)).isoformat(),
            "effective_at": answer_by and answer_by.isoformat(),
        }
        envelope = Envelope(
            id=uuid4(),
            source="/deadlines",
            type=f"ma.jamaa.deadlines.clock.{change}.v1",
            aggregate="clock",
            subject=str(uuid4()),
            sequence=1,
            time=now,
            collectivity=CASABLANCA,
            data=json.dumps(data).encode(),
        )
        for consumer in SERVICE.consumers:
            if topic_of("deadlines", "clock") in consumer.topics:
                async with civil_status.worker.transaction() as tx:
                    await consumer.handle(tx, envelope)

    return says


@pytest.fixture
def happened(civil_status: ServiceDatabase) -> Happened:
    """The events of an aggregate in their order, each by the last word of its type."""

    async def read(aggregate: str | UUID) -> list[str]:
        async with civil_status.worker.transaction() as tx:
            rows = await tx.execute(LOG, {"id": str(aggregate)})
            return [row.type.split(".")[-2] for row in rows]

    return read
