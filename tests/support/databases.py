"""A fresh database for each test: one template a run and service, cloned once a worker, put back as it was
after each test. What cannot be put back is thrown away and cloned again.
"""

import asyncio
import hashlib
import itertools
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import asyncpg
import pytest_asyncio

from deploy.engines import Postgres
from shared import migrate, territory
from shared.db import Database
from shared.service import Service

TOY = Path(__file__).parent / "toy"
PRISTINE = Path(__file__).with_name("pristine.sql")
_numbers = itertools.count(1)
_templates: set[str] = set()  # those that this process has seen finished


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """One service's database with the pools of its two roles, and DSNs for connections of one's own."""

    name: str
    api: Database
    worker: Database
    api_dsn: str
    worker_dsn: str
    migrator_dsn: str
    admin_dsn: str


@dataclass(slots=True)
class Shelf:
    """The databases of this process that are as new, by template; and on which servers there are any."""

    clean: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    made: dict[str, str] = field(default_factory=dict)
    """By name, the DSN of the administrator who may drop it."""


SHELF = Shelf()


class Databases:
    """Makes databases of services. Templates are named by what made them, so a stale one is never used."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._lent: list[tuple[str, ServiceDatabase]] = []
        self._of: dict[str, ServiceDatabase] = {}

    async def of(self, service: Service) -> ServiceDatabase:
        """The service's database in this test, the same whoever asks."""
        if service.name not in self._of:
            self._of[service.name] = await self.clone(service.name, service.migrations)
        return self._of[service.name]

    async def clone(self, service: str, migrations: Path) -> ServiceDatabase:
        """A database with this service's schema, the territory and nothing else, in development's profile."""
        template = await self._template(service, migrations)
        clean = SHELF.clean[template]
        name = clean.pop() if clean else await self._new(template)
        api, worker = migrate.roles(service)
        made = ServiceDatabase(
            name,
            Database(self._postgres.dsn(name, api), name=f"test {api}"),
            Database(self._postgres.dsn(name, worker), name=f"test {worker}"),
            self._postgres.dsn(name, api),
            self._postgres.dsn(name, worker),
            self._postgres.dsn(name, migrate.MIGRATOR),
            self._postgres.dsn(name),
        )
        self._lent.append((template, made))
        return made

    async def close(self) -> None:
        """Closes the pools and puts what was cloned back on the shelf, as it was or not at all."""
        for template, database in self._lent:
            await database.api.close()
            await database.worker.close()
            if await _restored(database.admin_dsn):
                SHELF.clean[template].append(database.name)
            else:
                await _drop(self._postgres.dsn(), database.name)
        self._lent.clear()
        self._of.clear()

    async def _new(self, template: str) -> str:
        name = f"jamaa_test_{os.getpid()}_{next(_numbers)}"
        admin = await asyncpg.connect(self._postgres.dsn())
        try:
            await admin.execute(
                f"CREATE DATABASE {name} OWNER {migrate.MIGRATOR} TEMPLATE {template} STRATEGY FILE_COPY"
            )
        finally:
            await admin.close()
        SHELF.made[name] = self._postgres.dsn()
        return name

    async def _template(self, service: str, migrations: Path) -> str:
        template = f"jamaa_template_{service}_{_digest(migrations)}"
        if template in _templates:
            return template
        admin = await asyncpg.connect(self._postgres.dsn())
        try:
            await admin.execute("SELECT pg_advisory_lock(hashtext($1))", "jamaa test templates")
            done = "SELECT datistemplate FROM pg_database WHERE datname = $1"
            if await admin.fetchval(done, template):
                _templates.add(template)
                return template
            names = (migrate.MIGRATOR, *migrate.roles(service))
            passwords = {role: self._postgres.password(role) for role in names}
            await migrate.provision(self._postgres.dsn(), service, passwords, database=template)
            await migrate.migrate(
                self._postgres.dsn(template, migrate.MIGRATOR), service, migrations, development=True
            )
            await _remember(self._postgres.dsn(template))
            await admin.execute(f"ALTER DATABASE {template} IS_TEMPLATE true ALLOW_CONNECTIONS false")
        finally:
            await admin.close()  # and the lock goes with the session
        _templates.add(template)
        return template


async def _remember(admin_dsn: str) -> None:
    """Keeps, in the database itself, what it is like now."""
    connection = await asyncpg.connect(admin_dsn)
    try:
        await connection.execute(PRISTINE.read_text(encoding="utf-8"))
        await connection.execute("CALL pristine.remember()")
    finally:
        await connection.close()


async def _restored(admin_dsn: str) -> bool:
    """Whether the database is as it was remembered, or could be made so."""
    try:
        connection = await asyncpg.connect(admin_dsn, command_timeout=60)
    except (asyncpg.InvalidCatalogNameError, asyncpg.ObjectNotInPrerequisiteStateError):
        return False  # a test dropped it, or closed it to everybody
    try:
        return bool(await connection.fetchval("SELECT pristine.restore()"))
    except (asyncpg.UndefinedFunctionError, asyncpg.InvalidSchemaNameError):
        return False  # a test dropped this too
    finally:
        await connection.close()


async def _drop(admin_dsn: str, *names: str) -> None:
    admin = await asyncpg.connect(admin_dsn)
    try:
        for name in names:
            await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            SHELF.made.pop(name, None)
    finally:
        await admin.close()


@cache
def _digest(migrations: Path) -> str:
    folders = (Path(migrate.__file__).parent / "migrations", migrations)
    files = [f for folder in folders for f in folder.glob("**/*") if f.suffix in {".py", ".sql"}]
    contents = [f.read_bytes() for f in sorted([*files, Path(territory.__file__), PRISTINE])]
    return hashlib.sha256(b"\0".join(contents)).hexdigest()[:12]


def pytest_sessionfinish() -> None:
    """What is on the shelf goes with the process, before the engines do."""

    async def drop() -> None:
        for dsn in {*SHELF.made.values()}:
            await _drop(dsn, *(name for name, made_by in SHELF.made.items() if made_by == dsn))

    asyncio.run(drop())


@pytest_asyncio.fixture
async def databases(postgres: Postgres) -> AsyncIterator[Databases]:
    """Databases that live as long as the test."""
    made = Databases(postgres)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def database(databases: Databases) -> ServiceDatabase:
    """The database of `toy`, a service that exists for the kernel's tests only."""
    return await databases.clone("toy", TOY)


__all__ = ["TOY", "Databases", "ServiceDatabase", "database", "databases", "pytest_sessionfinish"]
