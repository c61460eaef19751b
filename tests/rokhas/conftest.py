"""A database of permit files, the API on it, and what the law's clocks and its own relay tell it."""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text

from services.deadlines.events import CLOCKS
from services.rokhas.app import SERVICE
from services.rokhas.events import DOSSIER
from shared.events import Envelope, topic_of
from shared.time import civil_day
from tests.support.databases import Databases, ServiceDatabase
from tests.support.http import Api, api_of

CASABLANCA = "06.141.01.0"
Says = Callable[..., Awaitable[None]]
At = Callable[[datetime], Awaitable[None]]
Happened = Callable[[str | UUID], Awaitable[list[str]]]
Deliver = Callable[[], Awaitable[None]]

LOG = text("SELECT type FROM msg.event_log WHERE aggregateid = :id ORDER BY seq")
SINCE = text("SELECT * FROM msg.event_log WHERE aggregatetype = 'dossier' AND pos > :pos ORDER BY pos")


@pytest.fixture
async def rokhas(databases: Databases) -> ServiceDatabase:
    return await databases.clone("rokhas", SERVICE.migrations)


@pytest.fixture
async def api(rokhas: ServiceDatabase, tmp_path: Path) -> AsyncIterator[Api]:
    async with api_of(SERVICE, rokhas, tmp_path) as served:
        yield served


@pytest.fixture
async def at(rokhas: ServiceDatabase) -> AsyncIterator[At]:
    """Puts legal time at an instant, as `jamaa clock` does in development."""
    connection = await asyncpg.connect(rokhas.migrator_dsn)

    async def move(instant: datetime) -> None:
        await connection.execute(
            "UPDATE msg.legal_clock SET shift = $1::timestamptz - clock_timestamp()", instant
        )

    yield move
    await connection.close()


@pytest.fixture
def happened(rokhas: ServiceDatabase) -> Happened:
    """The events of a file in their order, each by the last word of its type."""

    async def read(dossier: str | UUID) -> list[str]:
        async with rokhas.worker.transaction() as tx:
            rows = await tx.execute(LOG, {"id": str(dossier)})
            return [row.type.split(".")[-2] for row in rows]

    return read


async def _hear(rokhas: ServiceDatabase, topic: str, envelope: Envelope) -> None:
    for consumer in SERVICE.consumers:
        if topic in consumer.topics:
            async with rokhas.worker.transaction() as tx:
                await consumer.handle(tx, envelope)


@pytest.fixture
def clock_says(rokhas: ServiceDatabase) -> Says:
    """One event of a clock of the deadlines service, through every consumer that listens to clocks.

    `change` is the last word of the type (started, suspended, moved, warned, elapsed…); `answer_by` None is
    a suspended clock. Everything else that the event carries may be given by name.
    """
    clocks: dict[tuple[str, str, str], UUID] = {}

    async def says(
        dossier: str | UUID,
        change: str,
        *,
        answer_by: datetime | None = None,
        rule: str = "construction_small",
        role: str = "decision",
        discriminator: str = "",
        **more: Any,
    ) -> None:
        kind = CLOCKS.types[f"ma.jamaa.deadlines.clock.{change}.v1"]
        clock = clocks.setdefault((str(dossier), rule, discriminator), uuid4())
        now = datetime.now(UTC)
        values: Mapping[str, Any] = {
            **{field.name: None for field in dataclasses.fields(kind)},
            "clock_id": clock,
            "service": "rokhas",
            "aggregate": "dossier",
            "aggregate_id": str(dossier),
            "collectivity": CASABLANCA,
            "rule": rule,
            "rule_version": 1,
            "role": role,
            "discriminator": discriminator,
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
            **more,
        }
        event = kind(**{field.name: values[field.name] for field in dataclasses.fields(kind)})
        topic = topic_of("deadlines", "clock")
        await _hear(
            rokhas,
            topic,
            Envelope(
                id=uuid4(),
                source="/deadlines",
                type=kind.TYPE,
                aggregate="clock",
                subject=str(clock),
                sequence=1,
                time=now,
                collectivity=CASABLANCA,
                data=event.payload(),
            ),
        )

    return says


@pytest.fixture
def deliver(rokhas: ServiceDatabase) -> Deliver:
    """Passes the files' own events, since the last call, to whoever in the service listens to them."""
    reached = -1

    async def pass_on() -> None:
        nonlocal reached
        async with rokhas.worker.transaction() as tx:
            rows = (await tx.execute(SINCE, {"pos": reached})).all()
        for row in rows:
            envelope = Envelope(
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
            await _hear(rokhas, DOSSIER.topic, envelope)
            reached = row.pos

    return pass_on
