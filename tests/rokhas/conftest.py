"""What the law's clocks and its own relay tell `rokhas`; its database and API are everybody's fixtures."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.rokhas.app import SERVICE
from shared.service import Service
from tests.support.databases import Databases, ServiceDatabase
from tests.support.round_trips import asked
from tests.support.services import At, Happened, api, at, clock_event, envelope_of, happened, hear, own

__all__ = [
    "CASABLANCA",
    "At",
    "Deliver",
    "Happened",
    "Says",
    "api",
    "asked",
    "at",
    "clock_says",
    "deliver",
    "happened",
    "own",
    "rokhas",
]

CASABLANCA = "06.141.01.0"
Says = Callable[..., Awaitable[None]]
Deliver = Callable[[], Awaitable[None]]

SINCE = text("SELECT * FROM msg.event_log WHERE aggregatetype = 'dossier' AND pos > :pos ORDER BY pos")


@pytest.fixture
def service() -> Service:
    return SERVICE


@pytest.fixture
async def rokhas(databases: Databases) -> ServiceDatabase:
    return await databases.of(SERVICE)


@pytest.fixture
def clock_says(rokhas: ServiceDatabase) -> Says:
    """One event of a clock of the deadlines service; the clock of one rule on one file stays the same."""
    clocks: dict[tuple[str, str, str], UUID] = {}

    async def says(
        dossier: str | UUID,
        change: str,
        *,
        answer_by: datetime | None = None,
        rule: str = "construction_small",
        discriminator: str = "",
        **more: Any,
    ) -> None:
        clock = clocks.setdefault((str(dossier), rule, discriminator), uuid4())
        of = {"service": "rokhas", "aggregate": "dossier", "aggregate_id": str(dossier), "rule": rule}
        more["discriminator"] = discriminator
        await hear(SERVICE, rokhas, clock_event(of, change, clock=clock, answer_by=answer_by, **more))

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
            await hear(SERVICE, rokhas, envelope_of(row))
            reached = row.pos

    return pass_on
