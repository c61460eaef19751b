"""The published description of every service against what runs, by generated requests."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from deploy.engines import free_port
from deploy.issuer import Issuer
from deploy.registry import SERVICES
from shared.db import Database
from shared.http import create_app
from shared.log import configure
from shared.territory import territory
from shared.tokens import Tokens
from tests.support.contract import conforms
from tests.support.databases import Databases
from tests.support.http import settings_of


@pytest.fixture
async def dsns(databases: Databases) -> dict[str, str]:
    return {service.name: (await databases.of(service)).api_dsn for service in SERVICES}


@pytest.fixture
def served(dsns: dict[str, str], tmp_path: Path) -> Iterator[tuple[str, Issuer]]:
    """All services on a port of their own, in a thread with its own loop."""
    configure(level="ERROR")
    port = free_port()
    issuer = Issuer(tmp_path, "development", f"http://127.0.0.1:{port}/issuer")
    tokens = Tokens(
        jwks_url=issuer.jwks_url, issuer=issuer.url, audience=issuer.audience, within=territory().within
    )
    pools = {name: Database(dsn) for name, dsn in dsns.items()}

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        yield
        for pool in pools.values():
            await pool.close()

    settings = {service.name: settings_of(service, tmp_path) for service in SERVICES}
    app = create_app(SERVICES, pools, tokens, settings=settings, lifespan=lifespan)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{port}", issuer
    server.should_exit = True
    thread.join()


# Every phase for every persona takes minutes; its cases differ little between the actions of one file.
COVERED = ("--phases", "coverage,fuzzing")
FUZZED = ("--phases", "fuzzing")


CASES = [
    ("rokhas", "citizen", FUZZED),
    ("rokhas", "instructor", FUZZED),
    ("rokhas", "president", (*COVERED, "--exclude-path-regex", "dossier_id")),
    ("deadlines", "president", FUZZED),
    ("deadlines", "operator", COVERED),
    ("civil_status", "citizen", FUZZED),
    ("civil_status", "civil_status_officer", COVERED),
    ("civil_status", "administration", FUZZED),
    ("watiqa", "citizen", FUZZED),
    ("watiqa", "civil_status_officer", FUZZED),
    ("chikaya", "citizen", FUZZED),
    ("chikaya", "instructor", FUZZED),
]


def test_every_service_is_asked() -> None:
    missing = {service.name for service in SERVICES} - {name for name, *_ in CASES}
    assert not missing, f"add to CASES who works with {sorted(missing)}"


@pytest.mark.parametrize(("service", "persona", "options"), CASES)
def test_no_server_error_and_no_undocumented_answer(
    served: tuple[str, Issuer], tmp_path: Path, service: str, persona: str, options: tuple[str, ...]
) -> None:
    url, issuer = served
    conforms(f"{url}/{service}/openapi.json", issuer.token(persona), tmp_path, *options, examples=5)
