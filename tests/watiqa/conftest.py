"""The window and the register behind it, each on its database, told of each other what they announce."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from sqlalchemy import text

from services.civil_status.app import SERVICE as REGISTER
from services.civil_status.consumers.matching import answer_once, keep_keys_once
from services.watiqa.app import SERVICE
from services.watiqa.consumers.questions import ask_once, forget_once, write_once
from shared.documents.desk import seal_once
from shared.documents.seal import sealer_of
from shared.events import Envelope, topic_of
from shared.files import Files
from shared.sealing import KeyFiles, keys_of
from shared.service import Consumer
from tests.civil_status.conftest import Says, civil_status, register_clock_says
from tests.support.databases import Databases, ServiceDatabase
from tests.support.http import Api, api_of, settings_of
from tests.watiqa.filed import clock_event

__all__ = ["civil_status", "register_clock_says"]

SINCE: Final = text("SELECT * FROM msg.event_log WHERE pos > :pos ORDER BY pos")
LOG: Final = text("SELECT type FROM msg.event_log WHERE aggregateid = :id ORDER BY seq")

Happened = Callable[[str | UUID], Awaitable[list[str]]]


@pytest.fixture
async def watiqa(databases: Databases) -> ServiceDatabase:
    return await databases.clone("watiqa", SERVICE.migrations)


@pytest.fixture
async def api(watiqa: ServiceDatabase, tmp_path: Path) -> AsyncIterator[Api]:
    async with api_of(SERVICE, watiqa, tmp_path) as served:
        yield served


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
        consumers = {"watiqa": SERVICE.consumers, "civil_status": REGISTER.consumers}
        for name, database in databases.items():
            async with database.worker.transaction() as tx:
                rows = (await tx.execute(SINCE, {"pos": self.heard[name]})).all()
            for row in reversed(rows) if self.backwards else rows:
                envelope = _envelope(row)
                self.delivered.append(envelope)
                topic = topic_of(name, row.aggregatetype)
                for listener, its in consumers.items():
                    await _hear(databases[listener], set(its), topic, envelope)
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


def _envelope(row: Any) -> Envelope:
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


async def _hear(database: ServiceDatabase, its: set[Consumer], topic: str, envelope: Envelope) -> None:
    for consumer in its:
        if topic in consumer.topics:
            async with database.worker.transaction() as tx:
                await consumer.handle(tx, envelope)


@pytest.fixture
def world(watiqa: ServiceDatabase, civil_status: ServiceDatabase, tmp_path: Path) -> World:
    return World(watiqa, civil_status, tmp_path)


@pytest.fixture
def happened(watiqa: ServiceDatabase) -> Happened:
    """The events of an aggregate in their order, each by the last word of its type."""

    async def read(aggregate: str | UUID) -> list[str]:
        async with watiqa.worker.transaction() as tx:
            rows = await tx.execute(LOG, {"id": str(aggregate)})
            return [row.type.split(".")[-2] for row in rows]

    return read


@pytest.fixture
async def clock_says(watiqa: ServiceDatabase) -> Says:
    """One event of the authority's clock."""

    async def says(subject: str | UUID, change: str, answer_by: datetime) -> None:
        envelope = clock_event(subject, change, answer_by)
        await _hear(watiqa, set(SERVICE.consumers), topic_of("deadlines", "clock"), envelope)

    return says
