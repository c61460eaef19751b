"""Chromium, with `/verify` opened in it, as anybody opens the page: nothing of ours but the address."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.async_api import BrowserContext, Page, async_playwright, expect

QUIET: Final = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--no-first-run",
)


@dataclass(frozen=True, slots=True)
class Verifying:
    """The page, kept by the browser. `asked` is every address that the browser ever asked for."""

    page: Page
    context: BrowserContext
    asked: list[str]

    async def unplugged(self) -> None:
        """The network is off from now on, and the page opened again without it."""
        await self.context.set_offline(offline=True)
        await self.page.reload()

    async def plugged(self) -> None:
        await self.context.set_offline(offline=False)

    async def verdict(self, file: Path) -> str:
        """What the page says of this file: its verdict's code."""
        await self.page.set_input_files("#file", file)
        answer = self.page.locator("#answer[data-verdict]")
        await expect(answer).to_be_visible(timeout=15_000)
        return str(await answer.get_attribute("data-verdict"))


@asynccontextmanager
async def verifying(at: str) -> AsyncIterator[Verifying]:
    """The page of a server, `http://127.0.0.1:8000`, once the browser has kept it."""
    found = shutil.which("chromium")
    assert found, "this journey needs a browser: apt-get install -y chromium"
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=found, args=list(QUIET))
        try:
            context = await browser.new_context(locale="ar-MA", base_url=at)
            asked: list[str] = []
            context.on("request", lambda request: asked.append(request.url))
            page = await context.new_page()
            await page.goto("/verify")
            await page.wait_for_selector("body[data-saved]", timeout=20_000)
            yield Verifying(page, context, asked)
        finally:
            await browser.close()
