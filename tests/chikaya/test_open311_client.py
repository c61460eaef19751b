"""A client of Open311 that we did not write."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import georeport
import pytest
import uvicorn

from deploy.engines import free_port
from deploy.issuer import Issuer
from services.chikaya.app import SERVICE
from shared.db import Database
from shared.http import create_app
from shared.territory import territory
from shared.tokens import Tokens
from tests.chikaya.filed import (
    CASABLANCA,
    filed,
    shown,
)
from tests.chikaya.open311 import V2
from tests.support.databases import ServiceDatabase
from tests.support.http import ISSUER, Api, settings_of


@pytest.fixture
def served(chikaya: ServiceDatabase, tmp_path: Path) -> Iterator[tuple[str, Issuer]]:
    """On a port, because that client asks over one."""
    port = free_port()
    issuer = Issuer(tmp_path, "development", ISSUER)
    tokens = Tokens(jwks_url=issuer.jwks_url, issuer=ISSUER, audience="jamaa", within=territory().within)
    pool = Database(chikaya.api_dsn)

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        yield
        await pool.close()

    app = create_app(
        [SERVICE],
        {"chikaya": pool},
        tokens,
        settings={"chikaya": settings_of(SERVICE, tmp_path)},
        lifespan=lifespan,
    )
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{port}/chikaya{V2}", issuer
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("kind", ["json", "xml"])
async def test_a_client_that_we_did_not_write(api: Api, served: tuple[str, Issuer], kind: str) -> None:
    references = {(await shown(api, await filed(api)))["reference"] for _ in range(2)}
    client = georeport.GeoReport(served[0], jurisdiction=CASABLANCA, output_format=kind)
    services = await asyncio.to_thread(client.get_service_list)
    assert "pothole" in {one["service_code"] for one in services}
    definition = await asyncio.to_thread(client.get_service_definition, "street_light")
    assert definition["service_code"] == "street_light"
    requests = await asyncio.to_thread(client.get_service_requests, status="open", service_code="pothole")
    assert {one["service_request_id"] for one in requests} == references
    [reference, _] = sorted(references)
    one = await asyncio.to_thread(client.get_service_request, reference)
    assert (one["service_request_id"], one["status"]) == (reference, "open")
