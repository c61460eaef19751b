"""A database of clocks, and a way to tell it what happened to a file."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings

from services.deadlines.app import SERVICE
from services.deadlines.consumers import hear
from services.deadlines.domain.clock import Clock, File
from services.deadlines.store.clocks import Clocks
from shared.events import Envelope
from shared.service import Service
from tests.support.databases import Databases, ServiceDatabase
from tests.support.services import At, api, at, own

__all__ = ["CASABLANCA", "At", "Tell", "all_clocks_of", "api", "at", "clocks_of", "deadlines", "own", "tell"]

# A busy machine is no falsifying example: tests assert no times.
settings.register_profile("jamaa", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("jamaa")

CASABLANCA = "06.141.01.0"
Tell = Callable[..., Awaitable[UUID]]


@pytest.fixture
def service() -> Service:
    return SERVICE


@pytest.fixture
async def deadlines(databases: Databases) -> ServiceDatabase:
    return await databases.of(SERVICE)


def told(what: str, file: UUID, sequence: int, **data: Any) -> Envelope:
    """An event of a permit file."""
    payload = {"procedure": "construction_small", "collectivity": CASABLANCA} | {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in data.items()
    }
    return Envelope(
        id=uuid4(),
        source="/rokhas",
        type=f"ma.jamaa.rokhas.dossier.{what}.v1",
        aggregate="dossier",
        subject=str(file),
        sequence=sequence,
        time=datetime.fromisoformat("2026-11-22T00:00:00Z"),
        collectivity=str(payload["collectivity"]),
        data=json.dumps(payload).encode(),
    )


@pytest.fixture
def tell(deadlines: ServiceDatabase) -> Tell:
    """One event of a permit file, through the consumer, in a transaction of its own."""
    sequences: dict[UUID, int] = {}

    async def happened(
        what: str,
        file: UUID | None = None,
        procedure: str = "construction_small",
        collectivity: str = CASABLANCA,
        **data: Any,
    ) -> UUID:
        subject = file or uuid4()
        sequences[subject] = sequences.get(subject, 0) + 1
        data |= {"procedure": procedure, "collectivity": collectivity}
        envelope = told(what, subject, sequences[subject], **data)
        async with deadlines.worker.transaction() as tx:
            await hear(tx, envelope)
        return subject

    return happened


async def all_clocks_of(database: ServiceDatabase, file: UUID) -> list[Clock]:
    async with database.worker.transaction() as tx:
        clocks = Clocks(tx, 0)
        about = File(service="rokhas", aggregate="dossier", id=str(file), procedure=None, collectivity="")
        await clocks.hold([about])
        return clocks.of_file(about)


async def clocks_of(database: ServiceDatabase, file: UUID) -> dict[str, Clock]:
    """The clocks of a file by rule."""
    return {clock.rule.code: clock for clock in await all_clocks_of(database, file)}
