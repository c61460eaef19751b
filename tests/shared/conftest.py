"""The toy service behind its application, on the run's PostgreSQL."""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from deploy.engines import Postgres
from deploy.issuer import Issuer
from shared.db import Database
from shared.http import create_app
from shared.log import configure
from shared.migrate import MIGRATOR, migrate, provision, roles
from shared.territory import territory
from shared.tokens import Tokens
from tests.shared.toy.service import SERVICE, runs

ISSUER = "http://127.0.0.1/issuer"


@dataclass(frozen=True, slots=True)
class Toy:
    """`client` speaks to the application; `api` and `worker` are the two roles' DSNs."""

    client: httpx.AsyncClient
    app: Any
    issuer: Issuer
    database: Database
    worker: Database

    def headers(self, persona: str = "citizen", **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(persona, **claims)}", "Accept-Language": "en"}

    async def post(
        self, path: str, persona: str = "citizen", *, key: str | None = None, **options: Any
    ) -> httpx.Response:
        headers = self.headers(persona) | {"Idempotency-Key": key or uuid4().hex} | options.pop("headers", {})
        return await self.client.post(path, headers=headers, **options)

    async def note(self, persona: str = "citizen", **fields: Any) -> dict[str, Any]:
        sent = {"commune": "06.141.01.0", "body": "hello"} | fields
        answer = await self.post("/toy/v1/notes", persona, json=sent)
        assert answer.status_code == 201, answer.text
        written: dict[str, Any] = answer.json()
        return written

    async def counts(self) -> Mapping[str, int]:
        """Rows that a request may leave behind, seen by the worker, whom no policy hides anything from."""
        async with self.worker.transaction() as tx:
            found = await tx.execute(
                text(
                    "SELECT (SELECT count(*) FROM msg.event_log) events,"
                    " (SELECT count(*) FROM msg.event_log WHERE type LIKE '%.access.%') reads"
                )
            )
            return dict(found.one()._mapping)


@pytest.fixture(scope="session")
def toy_dsns(postgres: Postgres) -> dict[str, str]:
    database = f"toy_http{os.environ.get('PYTEST_XDIST_WORKER', '')}"
    api, worker = roles("toy")
    passwords = {role: postgres.password(role) for role in (MIGRATOR, api, worker)}

    async def prepare() -> None:
        await provision(postgres.dsn(), "toy", passwords, database=database)
        await migrate(postgres.dsn(database, MIGRATOR), "toy", SERVICE.migrations, development=True)

    asyncio.run(prepare())
    return {
        "admin": postgres.dsn(database),
        "api": postgres.dsn(database, api),
        "worker": postgres.dsn(database, worker),
    }


@pytest.fixture
def logged() -> io.StringIO:
    """What the process writes to its log."""
    stream = io.StringIO()
    configure(stream=stream)
    return stream


@pytest.fixture
async def toy(toy_dsns: dict[str, str], tmp_path: Path, logged: io.StringIO) -> AsyncIterator[Toy]:
    runs.clear()
    issuer = Issuer(tmp_path, "development", ISSUER)
    tokens = Tokens(
        jwks_url=issuer.jwks_url, issuer=issuer.url, audience=issuer.audience, within=territory().within
    )
    database, worker = Database(toy_dsns["api"]), Database(toy_dsns["worker"])
    app = create_app([SERVICE], {"toy": database}, tokens)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://toy") as client:
        yield Toy(client, app, issuer, database, worker)
    await database.close()
    await worker.close()
