"""A fresh database for each test: one template a run and service, cloned in some thirty milliseconds."""

import hashlib
import itertools
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import asyncpg
import pytest_asyncio

from deploy.engines import Postgres
from shared import migrate, territory
from shared.db import Database

TOY = Path(__file__).parent / "toy"
_numbers = itertools.count(1)
_templates: set[str] = set()  # those that this process has seen finished


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """One service's database with the pools of its two roles, and the DSNs of whoever is above them."""

    name: str
    api: Database
    worker: Database
    migrator_dsn: str
    admin_dsn: str


class Databases:
    """Makes databases of services. Templates are named by what made them, so a stale one is never used."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._made: list[ServiceDatabase] = []

    async def clone(self, service: str, migrations: Path) -> ServiceDatabase:
        """A database with this service's schema, the territory and nothing else, in development's profile."""
        template = await self._template(service, migrations)
        name = f"jamaa_test_{os.getpid()}_{next(_numbers)}"
        admin = await asyncpg.connect(self._postgres.dsn())
        try:
            await admin.execute(
                f"CREATE DATABASE {name} OWNER {migrate.MIGRATOR} TEMPLATE {template} STRATEGY FILE_COPY"
            )
        finally:
            await admin.close()
        api, worker = migrate.roles(service)
        made = ServiceDatabase(
            name,
            Database(self._postgres.dsn(name, api), name=f"test {api}"),
            Database(self._postgres.dsn(name, worker), name=f"test {worker}"),
            self._postgres.dsn(name, migrate.MIGRATOR),
            self._postgres.dsn(name),
        )
        self._made.append(made)
        return made

    async def close(self) -> None:
        """Closes the pools and drops what was cloned."""
        for database in self._made:
            await database.api.close()
            await database.worker.close()
        admin = await asyncpg.connect(self._postgres.dsn())
        try:
            for database in self._made:
                await admin.execute(f"DROP DATABASE {database.name} WITH (FORCE)")
        finally:
            await admin.close()

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
            await admin.execute(f"ALTER DATABASE {template} IS_TEMPLATE true ALLOW_CONNECTIONS false")
        finally:
            await admin.close()  # and the lock goes with the session
        _templates.add(template)
        return template


@cache
def _digest(migrations: Path) -> str:
    folders = (Path(migrate.__file__).parent / "migrations", migrations)
    files = [f for folder in folders for f in folder.glob("**/*") if f.suffix in {".py", ".sql"}]
    contents = [f.read_bytes() for f in sorted([*files, Path(territory.__file__)])]
    return hashlib.sha256(b"\0".join(contents)).hexdigest()[:12]


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


__all__ = ["TOY", "Databases", "ServiceDatabase", "database", "databases"]
