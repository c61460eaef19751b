"""What the law's clocks tell the register; its database and API are everybody's fixtures."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

import pytest

from services.civil_status.app import SERVICE
from shared.service import Service
from tests.support.databases import Databases, ServiceDatabase
from tests.support.round_trips import asked
from tests.support.services import At, Happened, api, at, clock_event, happened, hear, own

__all__ = ["At", "Happened", "Says", "api", "asked", "at", "civil_status", "clock_says", "happened", "own"]

Says = Callable[..., Awaitable[None]]


@pytest.fixture
def service() -> Service:
    return SERVICE


@pytest.fixture
async def civil_status(databases: Databases) -> ServiceDatabase:
    return await databases.of(SERVICE)


@pytest.fixture
def clock_says(register_clock_says: Says) -> Says:
    return register_clock_says


@pytest.fixture
def register_clock_says(civil_status: ServiceDatabase) -> Says:
    """One event of a clock of the deadlines service."""

    async def says(
        aggregate: str,
        subject: str | UUID,
        change: str,
        *,
        answer_by: datetime | None = None,
        rule: str = "civil_status.declaration",
        service: str = "civil_status",
    ) -> None:
        of = {"service": service, "aggregate": aggregate, "aggregate_id": str(subject), "rule": rule}
        await hear(SERVICE, civil_status, clock_event(of, change, answer_by=answer_by))

    return says
