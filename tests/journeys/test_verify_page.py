"""Anybody checks a document with the network cable out: the page, in a browser, after it was opened once."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from deploy.engines import Postgres, free_port
from deploy.serve import listening, tokens_of
from services.rokhas.app import SERVICE
from shared.documents import Content, Standing, order, withdraw
from shared.documents.desk import issued, seal_once
from shared.documents.seal import Sealer, sealer_of
from shared.files import Files
from shared.http import create_app
from tests.documents.samples import LONG_NAMES, PLAIN, TWENTY
from tests.journeys.browser import Verifying, verifying
from tests.support.databases import Databases, ServiceDatabase
from tests.support.http import settings_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

CASABLANCA = "06.141.01.0"
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Opened:
    """The page, kept by the browser; the server is gone and the network off."""

    by: Verifying
    files: dict[str, Path]
    tokens: dict[str, str]

    @property
    def page(self) -> Page:
        return self.by.page


async def _sealed(
    database: ServiceDatabase, sealer: Sealer, store: Files, content: Content
) -> tuple[str, bytes]:
    """By the way that documents go: ordered, sealed by the task, kept."""
    about = uuid4()
    async with database.worker.transaction() as tx:
        await order(tx, about=about, collectivity=CASABLANCA, kind="receipt", cause="test", content=content)
    assert await seal_once(database.worker, "rokhas", sealer, store) == 1
    async with database.worker.transaction() as tx:
        (one,) = await issued(tx, about)
    return str(about), b"".join([chunk async for chunk in await store.open(one.sha256)])


def _one_off(sealer: Sealer, expires_at: datetime | None = None) -> tuple[bytes, str]:
    made = sealer.seal(
        PLAIN,
        id=uuid4(),
        service="rokhas",
        kind="receipt",
        issued_at=NOW - timedelta(days=100),
        expires_at=expires_at,
    )
    return made.pdf, made.token


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    home = tmp_path_factory.mktemp("verify")
    databases = Databases(postgres)
    database = await databases.clone("rokhas", SERVICE.migrations)
    port = free_port()
    settings = settings_of(SERVICE, home, DOCUMENTS_URL=f"http://127.0.0.1:{port}/verify")
    sealer = await asyncio.to_thread(sealer_of, settings)
    store = Files.at(settings.files_url)
    contents: dict[str, bytes] = {}
    _, contents["true"] = await _sealed(database, sealer, store, TWENTY)
    about, contents["superseded"] = await _sealed(database, sealer, store, LONG_NAMES)
    async with database.worker.transaction() as tx:
        await withdraw(tx, "rokhas", about=about, state=Standing.SUPERSEDED, reason="transferred")
    contents["altered"] = _flipped(contents["true"])
    contents["extended"] = contents["true"] + b"\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
    contents["unsealed"] = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
    tokens: dict[str, str] = {}
    contents["expired"], tokens["expired"] = await asyncio.to_thread(
        _one_off, sealer, NOW - timedelta(days=10)
    )
    other = await asyncio.to_thread(sealer_of, settings_of(SERVICE, home / "other"))
    contents["foreign"], tokens["foreign"] = await asyncio.to_thread(_one_off, other)
    _, tokens["true"] = await asyncio.to_thread(_one_off, sealer)
    files = {name: home / f"{name}.pdf" for name in contents}
    for name, path in files.items():
        path.write_bytes(contents[name])
    files["photo"] = _photographed(files["true"])
    async with AsyncExitStack() as stack:
        app = create_app(
            [SERVICE], {"rokhas": database.api}, tokens_of(settings), settings={"rokhas": settings}
        )
        server = await stack.enter_async_context(AsyncExitStack())
        await server.enter_async_context(listening(app, "127.0.0.1", port))
        by = await stack.enter_async_context(verifying(f"http://127.0.0.1:{port}"))
        await server.aclose()
        await by.unplugged()
        yield Opened(by, files, tokens)
    await databases.close()


def _flipped(content: bytes) -> bytes:
    """One bit of a compressed page."""
    at = content.index(b"stream\n") + 60
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def _photographed(pdf: Path) -> Path:
    """The last page as a compressed picture, as a phone would keep it."""
    pages = subprocess.run(["pdfinfo", pdf], capture_output=True, text=True, check=True, timeout=60).stdout
    last = next(line.split()[-1] for line in pages.splitlines() if line.startswith("Pages:"))
    run = ["pdftoppm", "-r", "150", "-f", last, "-l", last, "-singlefile", "-jpeg", "-jpegopt", "quality=40"]
    subprocess.run([*run, pdf, pdf.with_name("photo")], check=True, timeout=60)
    return pdf.with_name("photo.jpg")


async def verdict(opened: Opened, name: str) -> str:
    return await opened.by.verdict(opened.files[name])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("true", "valid"),
        ("altered", "altered"),
        ("extended", "altered"),
        ("expired", "expired"),
        ("superseded", "superseded"),
        ("foreign", "foreign"),
        ("unsealed", "unreadable"),
        ("photo", "valid"),
    ],
)
async def test_a_file_is_judged_without_a_network(opened: Opened, name: str, expected: str) -> None:
    assert await verdict(opened, name) == expected
    whole = await opened.page.get_attribute("#answer", "data-whole")
    assert (whole == "true") == (name in {"true", "expired", "superseded"})


async def test_the_page_shows_what_was_sealed(opened: Opened) -> None:
    await verdict(opened, "true")
    said = await opened.page.inner_text("#facts")
    assert TWENTY.holder["ar"] in said
    assert TWENTY.reference in said
    await verdict(opened, "foreign")
    assert await opened.page.inner_text("#facts") == ""


@pytest.mark.parametrize(
    ("name", "expected"), [("true", "valid"), ("expired", "expired"), ("foreign", "foreign")]
)
async def test_the_address_that_a_camera_opens_is_judged_and_forgotten(
    opened: Opened, name: str, expected: str
) -> None:
    await opened.page.goto("about:blank")
    await opened.page.goto(f"/verify#{opened.tokens[name]}")
    answer = opened.page.locator("#answer[data-verdict]")
    await expect(answer).to_have_attribute("data-verdict", expected, timeout=15_000)
    assert "#" not in opened.page.url


@pytest.mark.parametrize(
    ("language", "direction", "said"),
    [
        ("fr", "ltr", "Document remplacé"),
        ("en", "ltr", "Superseded document"),
        ("ar", "rtl", "حلت محلها وثيقة أحدث"),
    ],
)
async def test_the_page_speaks_three_languages(
    opened: Opened, language: str, direction: str, said: str
) -> None:
    await verdict(opened, "superseded")
    await opened.page.click(f"[data-language={language}]")
    assert await opened.page.get_attribute("html", "dir") == direction
    assert await opened.page.inner_text("#verdict") == said
    assert "undefined" not in await opened.page.inner_text("body")


async def test_nothing_of_a_document_left_the_browser(opened: Opened) -> None:
    for name in ("true", "photo"):
        await verdict(opened, name)
    assert {url.partition("#")[0].rpartition("/")[2] for url in opened.by.asked} <= {
        "verify",
        "page.js",
        "page.css",
        "seal.js",
        "jsqr-1.4.0.js",
        "worker.js",
        "keys.json",
        "withdrawn-documents",
        "blank",
        "about:blank",
        "favicon.ico",
    }
