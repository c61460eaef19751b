"""The published description against the running application, by generated requests."""

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from deploy.engines import free_port
from deploy.issuer import Issuer
from shared.db import Database
from shared.http import create_app
from shared.territory import territory
from shared.tokens import Tokens
from tests.shared.toy.service import SERVICE
from tests.support.contract import conforms


@pytest.fixture
def served(toy_dsns: dict[str, str], tmp_path: Path, logged: io.StringIO) -> Iterator[tuple[str, Issuer]]:
    """The toy on a port of its own, in a thread with its own loop."""
    port = free_port()
    issuer = Issuer(tmp_path, "development", f"http://127.0.0.1:{port}/issuer")
    tokens = Tokens(
        jwks_url=issuer.jwks_url, issuer=issuer.url, audience=issuer.audience, within=territory().within
    )
    database = Database(toy_dsns["api"])

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        yield
        await database.close()

    app = create_app([SERVICE], {"toy": database}, tokens, lifespan=lifespan)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{port}/toy/openapi.json", issuer
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("persona", ["citizen", "president"])
def test_no_server_error_and_no_undocumented_answer(
    served: tuple[str, Issuer], tmp_path: Path, persona: str
) -> None:
    url, issuer = served
    exists_to_fail = ("--exclude-path-regex", "trouble")
    conforms(url, issuer.token(persona), tmp_path, *exists_to_fail)
