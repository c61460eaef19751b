"""What the tests of every service begin with. Its conftest says which one by a fixture `service`, and imports
the fixtures from here.
"""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import Row, text

from services.deadlines.events import CLOCKS
from shared.events import Envelope, topic_of
from shared.service import Service
from shared.time import civil_day
from tests.support.databases import Databases, ServiceDatabase
from tests.support.http import Api, api_of

__all__ = ["At", "Happened", "api", "at", "clock_event", "envelope_of", "happened", "hear", "own"]

At = Callable[[datetime], Awaitable[None]]
Happened = Callable[[str | UUID], Awaitable[list[str]]]

LOG = text("SELECT type FROM msg.event_log WHERE aggregateid = :id ORDER BY seq")


@pytest.fixture
async def own(service: Service, databases: Databases) -> ServiceDatabase:
    return await databases.of(service)


@pytest.fixture
async def api(service: Service, own: ServiceDatabase, tmp_path: Path) -> AsyncIterator[Api]:
    async with api_of(service, own, tmp_path) as served:
        yield served


@pytest.fixture
async def at(own: ServiceDatabase) -> AsyncIterator[At]:
    """Puts legal time at an instant, as `jamaa clock` does in development."""
    connection = await asyncpg.connect(own.migrator_dsn)

    async def move(instant: datetime) -> None:
        await connection.execute(
            "UPDATE msg.legal_clock SET shift = $1::timestamptz - clock_timestamp()", instant
        )

    yield move
    await connection.close()


@pytest.fixture
def happened(own: ServiceDatabase) -> Happened:
    """The events of an aggregate in their order, each by the last word of its type."""

    async def read(aggregate: str | UUID) -> list[str]:
        async with own.worker.transaction() as tx:
            rows = await tx.execute(LOG, {"id": str(aggregate)})
            return [row.type.split(".")[-2] for row in rows]

    return read


async def hear(service: Service, database: ServiceDatabase, envelope: Envelope) -> None:
    """One event through every consumer of the service that listens to its topic, as the inbox would."""
    topic = topic_of(envelope.source.removeprefix("/"), envelope.aggregate)
    for consumer in service.consumers:
        if topic in consumer.topics:
            async with database.worker.transaction() as tx:
                await consumer.handle(tx, envelope)


def envelope_of(row: Row[*tuple[Any, ...]]) -> Envelope:
    """An event as the relay would send it, from a row of `msg.event_log`."""
    return Envelope(
        id=row.id,
        source=row.source,
        type=row.type,
        aggregate=row.aggregatetype,
        subject=row.aggregateid,
        sequence=row.seq,
        time=row.occurred_at,
        collectivity=row.collectivity,
        data=bytes(row.payload),
    )


def clock_event(
    of: Mapping[str, Any], change: str, *, clock: UUID | None = None, answer_by: datetime | None, **more: Any
) -> Envelope:
    """An event of a clock as `deadlines` announces it. `of`: whose clock, by which rule.

    `change` is the last word of the type (started, suspended, moved, warned, elapsed…); `answer_by` None is
    a suspended clock. Everything else that the event carries may be given by name.
    """
    kind = CLOCKS.types[f"ma.jamaa.deadlines.clock.{change}.v1"]
    clock, now = clock or uuid4(), datetime.now(UTC)
    values: Mapping[str, Any] = {
        **{field.name: None for field in dataclasses.fields(kind)},
        "clock_id": clock,
        "collectivity": "06.141.01.0",
        "rule_version": 1,
        "role": "decision",
        "discriminator": "",
        "ordinal": 1,
        "generation": 1,
        "on_expiry": "approval",
        "answer_by": answer_by,
        "last_day": answer_by and civil_day(answer_by) - timedelta(days=1),
        "provisional": False,
        "label": {"ar": "أجل", "fr": "délai", "en": "period"},
        "reason": {"ar": "سبب", "fr": "motif", "en": "reason"},
        "explanation": [],
        "effective_at": answer_by,
        **dict.fromkeys(("at", "started_at", "announced_at", "due_at", "noticed_at"), now),
        **of,
        **more,
    }
    event = kind(**{field.name: values[field.name] for field in dataclasses.fields(kind)})
    return Envelope(
        id=uuid4(),
        source=CLOCKS.source,
        type=kind.TYPE,
        aggregate=CLOCKS.aggregate,
        subject=str(clock),
        sequence=1,
        time=now,
        collectivity=values["collectivity"],
        data=event.payload(),
    )
