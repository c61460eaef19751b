"""A service's API in this process, on a real database, spoken to by personas."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deploy.issuer import Issuer
from shared.http import create_app
from shared.log import configure
from shared.service import Service
from shared.settings import Settings, settings_for
from shared.territory import territory
from shared.tokens import Tokens
from tests.support.databases import ServiceDatabase

ISSUER = "http://127.0.0.1/issuer"


@dataclass(frozen=True, slots=True)
class Api:
    """Paths are below the service's prefix: `await api.get("/v1/clocks", "president")`."""

    service: str
    client: httpx.AsyncClient
    issuer: Issuer

    async def get(self, path: str, persona: str | None = None, **options: Any) -> httpx.Response:
        return await self.request("GET", path, persona, **options)

    async def post(
        self, path: str, persona: str | None = None, *, key: str | None = None, **options: Any
    ) -> httpx.Response:
        """A POST with an Idempotency-Key, a new one unless given."""
        headers = {"Idempotency-Key": key or uuid4().hex} | options.pop("headers", {})
        return await self.request("POST", path, persona, headers=headers, **options)

    async def request(
        self,
        method: str,
        path: str,
        persona: str | None = None,
        *,
        commune: str | None = None,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        token = {"Authorization": f"Bearer {self.issuer.token(persona, commune=commune)}"} if persona else {}
        return await self.client.request(
            method,
            f"/{self.service}{path}",
            headers={"Accept-Language": "en"} | token | (headers or {}),
            **options,
        )


def settings_of(service: Service, home: Path, **changes: str) -> Settings:
    """As little as a service's routes need, files below `home`; `changes` are variables without JAMAA_."""
    nowhere = "postgresql://nobody@127.0.0.1/none"  # the test brings the database itself
    name = service.name.upper()
    variables = {
        "PROFILE": "development",
        "HOME": str(home),
        f"{name}_DATABASE_URL": nowhere,
        f"{name}_WORKER_DATABASE_URL": nowhere,
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "ISSUER": ISSUER,
        "JWKS_URL": "file:///none",
        "PAYMENT_SECRET": "a secret that the tests share with the provider",
    }
    return settings_for(
        service.name, {f"JAMAA_{name}": value for name, value in (variables | changes).items()}
    )


@asynccontextmanager
async def api_of(
    service: Service, database: ServiceDatabase, home: Path, *, settings: Settings | None = None
) -> AsyncIterator[Api]:
    configure(level="ERROR")  # structlog's own tracebacks take seconds each
    issuer = Issuer(home, "development", ISSUER)
    tokens = Tokens(
        jwks_url=issuer.jwks_url,
        issuer=ISSUER,
        audience="jamaa",
        within=lambda code: territory().within(code),
    )
    app = create_app(
        [service],
        {service.name: database.api},
        tokens,
        settings={service.name: settings or settings_of(service, home)},
    )
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Api(service.name, client, issuer)
