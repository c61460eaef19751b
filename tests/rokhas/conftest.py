"""A database of permit files and the API on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.rokhas.app import SERVICE
from tests.support.databases import Databases, ServiceDatabase
from tests.support.http import Api, api_of


@pytest.fixture
async def rokhas(databases: Databases) -> ServiceDatabase:
    return await databases.clone("rokhas", SERVICE.migrations)


@pytest.fixture
async def api(rokhas: ServiceDatabase, tmp_path: Path) -> AsyncIterator[Api]:
    async with api_of(SERVICE, rokhas, tmp_path) as served:
        yield served
