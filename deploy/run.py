"""One command, one port: the engines, the databases, the territory and every service in one process.

`--separate` runs the same services as one process each, as production does.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI
from rich.console import Console

from deploy import platform
from deploy.auditor import audit
from deploy.engines import Engines, EngineSettings, engines, require_free
from deploy.registry import SERVICES
from deploy.serve import add_front, listening, serve
from shared import log
from shared.migrate import MIGRATOR, database_of, migrate, provision, roles
from shared.service import Service
from shared.time import check_zone

console = Console(highlight=False)


class Steps:
    """Progress that a person can follow: what is being done, then how long it took."""

    def __init__(self) -> None:
        self.began = self.last = time.monotonic()

    def done(self, what: str) -> None:
        now = time.monotonic()
        console.print(f"  [green]✓[/] {what} [dim]{now - self.last:.1f} s[/]")
        self.last = now

    @property
    def total(self) -> float:
        return time.monotonic() - self.began


@asynccontextmanager
async def prepared(
    settings: EngineSettings, port: int, steps: Steps, *, separate: bool = False
) -> AsyncIterator[dict[str, str]]:
    """Engines that run and databases that are up to date; yields the services' environment.

    Raises EngineError with one line for whatever a person can mend.
    """
    async with engines(settings) as running:
        steps.done(f"PostgreSQL and the broker ({running.broker.bootstrap})")
        await databases(running)
        steps.done(f"{len(SERVICES)} databases migrated, territory loaded")
        variables = platform.environment(
            settings.home, running.postgres, running.broker, port, separate=separate
        )
        platform.remember(settings.home, variables)
        watchers = [
            asyncio.create_task(_keep_broker(running, variables)),
            asyncio.create_task(_keep_postgres(running)),
            asyncio.create_task(audit(variables)),
        ]
        try:
            yield variables
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)


async def databases(running: Engines, services: Sequence[Service] = SERVICES) -> None:
    """One database per service, each brought to its newest version."""
    postgres = running.postgres
    # Roles belong to the whole cluster: created one after the other. Migrations are independent.
    for service in services:
        passwords = {role: postgres.password(role) for role in (MIGRATOR, *roles(service.name))}
        await provision(postgres.dsn(), service.name, passwords)
    await asyncio.gather(
        *(
            migrate(
                postgres.dsn(database_of(service.name), MIGRATOR),
                service.name,
                service.migrations,
                development=True,
            )
            for service in services
        )
    )


async def _keep_broker(running: Engines, variables: Mapping[str, str]) -> None:
    """The embedded broker keeps nothing: begun again, it is filled again from the databases at once."""
    while True:
        status = await running.broker.exited()
        console.print(f"  [yellow]![/] the broker ended (status {status}); starting it again")
        await running.broker.start()
        await audit(variables, once=True)


async def _keep_postgres(running: Engines) -> None:
    while True:
        status = await running.postgres.exited()
        console.print(f"  [yellow]![/] PostgreSQL ended (status {status}); starting it again")
        await running.postgres.start()


async def run(settings: EngineSettings, port: int, *, separate: bool = False) -> None:
    """Serves until SIGINT or SIGTERM."""
    console.print("\n[bold]Jamaa[/] · جماعة")
    require_free(port, "the services", "PORT")
    steps = Steps()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with AsyncExitStack() as stack:
        variables = await stack.enter_async_context(prepared(settings, port, steps, separate=separate))
        log.configure(level=variables.get("JAMAA_LOG_LEVEL", "WARNING"), development=True)
        if separate:
            await stack.enter_async_context(processes(variables))
            await stack.enter_async_context(front(variables, port))
        else:
            await stack.enter_async_context(serve(SERVICES, variables, port=port, front=True))
        steps.done(f"{len(SERVICES)} services" + (", one process each" if separate else ""))
        console.print(f"  [dim]{check_zone(datetime.now(UTC))}[/]")
        console.print(f"\n  Ready in {steps.total:.1f} s: [bold]http://127.0.0.1:{port}/[/]")
        console.print("  In another terminal: [bold]make demo[/]. Ctrl-C stops everything.\n")
        await stop.wait()
        console.print("  Stopping…")


@asynccontextmanager
async def processes(variables: Mapping[str, str]) -> AsyncIterator[None]:
    """Each service in a process of its own, told everything by its environment, as in production.

    A process that ends is started again: that is what an orchestrator does.
    """
    async with AsyncExitStack() as stack:
        for service in SERVICES:
            port = urlsplit(variables[f"JAMAA_{service.name.upper()}_URL"]).port
            keeper = asyncio.create_task(_keep_process(service.name, str(port), variables))
            stack.push_async_callback(_end, keeper)
        async with httpx.AsyncClient() as client:
            for service in SERVICES:
                await _until_ready(client, variables[f"JAMAA_{service.name.upper()}_URL"])
        yield


async def _keep_process(name: str, port: str, variables: Mapping[str, str]) -> None:
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "deploy", "serve", name, "--port", port, env=os.environ | dict(variables)
        )
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            process.terminate()
            await process.wait()
            raise
        console.print(f"  [yellow]![/] the process of {name} ended (status {status}); starting it again")
        await asyncio.sleep(0.5)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _until_ready(client: httpx.AsyncClient, url: str) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if (await client.get(f"{url}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)


@asynccontextmanager
async def front(variables: Mapping[str, str], port: int) -> AsyncIterator[None]:
    """The issuer and the start page alone, for services that run in processes of their own."""
    app = FastAPI(openapi_url=None)
    add_front(app, SERVICES, variables)
    async with listening(app, port):
        yield
