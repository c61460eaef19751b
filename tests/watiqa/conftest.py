"""The window and the register behind it, each on its database, told of each other what they announce."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy import text

from services.civil_status.app import SERVICE as REGISTER
from services.civil_status.consumers.matching import answer_once, keep_keys_once
from services.watiqa.app import SERVICE
from services.watiqa.consumers.questions import ask_once, forget_once, write_once
from shared.documents.desk import seal_once
from shared.documents.seal import sealer_of
from shared.events import Envelope
from shared.files import Files
from shared.sealing import KeyFiles, keys_of
from shared.service import Service
from tests.civil_status.conftest import Says, civil_status, register_clock_says
from tests.support.databases import Databases, ServiceDatabase
from tests.support.http import Api, api_of, settings_of
from tests.support.services import Happened, api, clock_event, envelope_of, happened, hear, own

__all__ = ["Happened", "api", "civil_status", "happened", "own", "register_clock_says"]

SINCE: Final = text("SELECT * FROM msg.event_log WHERE pos > :pos ORDER BY pos")


@pytest.fixture
def service() -> Service:
    return SERVICE


@pytest.fixture
async def watiqa(databases: Databases) -> ServiceDatabase:
    return await databases.of(SERVICE)


@pytest.fixture
async def register(civil_status: ServiceDatabase, tmp_path: Path) -> AsyncIterator[Api]:
    """The API of the register, and its personas."""
    async with api_of(REGISTER, civil_status, tmp_path) as served:
        yield served


@dataclass(slots=True)
class World:
    """Both services, their tasks done by hand. `settle()` until there is nothing left to say or do."""

    watiqa: ServiceDatabase
    civil_status: ServiceDatabase
    home: Path
    heard: dict[str, int] = field(default_factory=lambda: {"watiqa": 0, "civil_status": 0})
    delivered: list[Envelope] = field(default_factory=list)
    sealing: bool = True
    answering: bool = True
    backwards: bool = False  # topics are read apart: what was said last may be heard first

    @property
    def keys(self) -> KeyFiles:
        found = keys_of(settings_of(SERVICE, self.home))
        assert isinstance(found, KeyFiles)
        return found

    @property
    def register_keys(self) -> KeyFiles:
        return KeyFiles(self.home / "keys" / "civil_status")

    async def settle(self) -> None:
        await keep_keys_once(self.civil_status.worker, self.register_keys)
        while await self._told() + await self._done():
            pass

    async def _told(self) -> int:
        """Every event that is new, to everybody who listens to it."""
        told = 0
        databases = {"watiqa": self.watiqa, "civil_status": self.civil_status}
        services = {"watiqa": SERVICE, "civil_status": REGISTER}
        for name, database in databases.items():
            async with database.worker.transaction() as tx:
                rows = (await tx.execute(SINCE, {"pos": self.heard[name]})).all()
            for row in reversed(rows) if self.backwards else rows:
                envelope = envelope_of(row)
                self.delivered.append(envelope)
                for listener, service in services.items():
                    await hear(service, databases[listener], envelope)
                self.heard[name] = max(self.heard[name], row.pos)
                told += 1
        return told

    async def _done(self) -> int:
        """Every task, once."""
        settings = settings_of(SERVICE, self.home)
        done = int(await ask_once(self.watiqa.worker, self.keys))
        if self.answering:
            done += await answer_once(self.civil_status.worker, self.register_keys)
        done += await write_once(self.watiqa.worker, self.keys)
        if self.sealing:
            sealer, files = sealer_of(settings), Files.at(settings.files_url)
            done += await seal_once(self.watiqa.worker, "watiqa", sealer, files)
        await forget_once(self.watiqa.worker, self.keys)
        return done


@pytest.fixture
def world(watiqa: ServiceDatabase, civil_status: ServiceDatabase, tmp_path: Path) -> World:
    return World(watiqa, civil_status, tmp_path)


@pytest.fixture
def clock_says(watiqa: ServiceDatabase) -> Says:
    """One event of the authority's clock."""

    async def says(subject: str | UUID, change: str, answer_by: datetime) -> None:
        of = {"service": "watiqa", "aggregate": "request", "aggregate_id": str(subject)}
        of["rule"] = "watiqa.authorisation"
        await hear(SERVICE, watiqa, clock_event(of, change, answer_by=answer_by))

    return says
