"""The object store is asked outside transactions: however slow it is, nobody else waits for it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.rokhas.app import SERVICE
from shared.db import POOL_SIZE
from tests.rokhas.filed import filed
from tests.rokhas.test_api_applicant_files import PDF, upload
from tests.rokhas.test_api_commune import act
from tests.support.databases import ServiceDatabase
from tests.support.http import api_of, settings_of


class SlowStore:
    """As much of S3 as one object needs: PUT is answered at once, GET once `released`. `busy` once all the
    `expected` GETs came.
    """

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.busy = asyncio.Event()
        self.released = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next((line[15:] for line in head.split("\r\n") if line.startswith("content-length:")), "0")
        await reader.readexactly(int(length))
        body = b""
        if head.startswith("get"):
            self.expected -= 1
            if not self.expected:
                self.busy.set()
            await self.released.wait()
            body = PDF
        writer.write(
            b'HTTP/1.1 200 OK\r\nETag: "1"\r\nLast-Modified: Sun, 22 Nov 2026 10:00:00 GMT\r\n'
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        await writer.drain()
        writer.close()


@pytest.fixture
async def slow(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SlowStore]:
    store = SlowStore(POOL_SIZE)
    server = await asyncio.start_server(store, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for name, value in {
        "ENDPOINT": f"http://127.0.0.1:{port}",
        "ALLOW_HTTP": "true",
        "REGION": "ma",
        "ACCESS_KEY_ID": "key",
        "SECRET_ACCESS_KEY": "secret",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    yield store
    store.released.set()
    server.close()


@pytest.mark.parametrize("kind", ["contents", "documents"])
async def test_downloads_that_wait_for_the_store_hold_up_nobody(
    rokhas: ServiceDatabase, tmp_path: Path, slow: SlowStore, kind: str
) -> None:
    settings = settings_of(SERVICE, tmp_path, FILES_URL="s3://plans")
    async with api_of(SERVICE, rokhas, tmp_path, settings=settings) as api:
        digest = (await upload(api, "instructor")).json()["sha256"]
        file = str(await filed(rokhas, digest=digest))
        assert (await act(api, file, "minutes", "instructor", document=digest)).status_code == 200
        dossier = f"/v1/dossiers/{file}"
        path = f"{dossier}/contents/{digest}" if kind == "contents" else f"{dossier}/documents/site_plan"
        waiting = [asyncio.create_task(api.get(path, "instructor")) for _ in range(POOL_SIZE)]
        async with asyncio.timeout(30):
            await slow.busy.wait()
            others = [await api.get(dossier, who) for who in ("instructor", "citizen")]
        assert not any(one.done() for one in waiting)
        slow.released.set()
        answers = await asyncio.gather(*waiting)
    assert [one.status_code for one in others] == [200, 200]
    assert {(one.status_code, one.content) for one in answers} == {(200, PDF)}
