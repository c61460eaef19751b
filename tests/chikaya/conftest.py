"""Chikaya on its database, and its clocks as `deadlines` announces them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from services.chikaya.app import SERVICE
from shared.service import Service
from tests.chikaya.filed import CLIENT
from tests.support.databases import Databases, ServiceDatabase
from tests.support.http import Api
from tests.support.round_trips import asked
from tests.support.services import Happened, api, at, clock_event, happened, hear, own

__all__ = ["Happened", "Says", "api", "asked", "at", "happened", "own"]

Says = Callable[..., Awaitable[None]]


@pytest.fixture
def service() -> Service:
    return SERVICE


@pytest.fixture
async def chikaya(databases: Databases) -> ServiceDatabase:
    return await databases.of(SERVICE)


@pytest.fixture
def clock_says(chikaya: ServiceDatabase) -> Says:
    """One event of a report's clock."""

    async def says(
        report: str | UUID, change: str, answer_by: datetime | None, rule: str = "chikaya.reply", **more: Any
    ) -> None:
        of = {"service": "chikaya", "aggregate": "report", "aggregate_id": str(report), "rule": rule}
        await hear(SERVICE, chikaya, clock_event(of, change, answer_by=answer_by, **more))

    return says


@pytest.fixture
async def key(api: Api) -> str:
    answer = await api.post("/v1/open311-clients", "operator", json=CLIENT)
    assert answer.status_code == 201, answer.text
    given: str = answer.json()["api_key"]
    return given
