"""One command, one port: the engines, the databases, the territory and every service in one process.

`--separate` runs the same services as one process each, as production does.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import asyncpg
from fastapi import FastAPI
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import DBAPIError

from deploy import platform
from deploy.auditor import auditor
from deploy.engines import Broker, EmbeddedBroker, EngineError, Engines, EngineSettings, engines, require_free
from deploy.engines.errors import disk_full, explained
from deploy.kafka import KafkaCluster, single
from deploy.processes import ServiceProcesses, processes, until_ready
from deploy.registry import SERVICES
from deploy.serve import Work, add_front, bus_of, listening, serve
from shared import log
from shared.auditor import Auditor
from shared.bus import BROKER_ERRORS
from shared.events import repair_topic_of
from shared.migrate import MIGRATOR, database_of, migrate, provision, roles
from shared.service import Service
from shared.settings import settings_for
from shared.time import check_zone

DISK_FULL = "53100"  # SQLSTATE
NOT_ALLOWED = "42501"
console = Console(highlight=False, soft_wrap=True)


class Steps:
    """Progress that a person can follow: what is being done, then how long it took."""

    def __init__(self) -> None:
        self.began = self.last = time.monotonic()

    def done(self, what: str) -> None:
        now = time.monotonic()
        console.print(f"  [green]✓[/] {escape(what)} [dim]{now - self.last:.1f} s[/]")
        self.last = now

    def note(self, what: str) -> None:
        console.print(f"  [yellow]![/] {escape(what)}")

    @property
    def total(self) -> float:
        return time.monotonic() - self.began


async def run(
    settings: EngineSettings, port: int, *, separate: bool = False, real_kafka: bool = False
) -> None:
    """Serves until SIGINT or SIGTERM; a second Ctrl-C does not wait for anything to end in order.

    Raises EngineError and SettingsError with one line for whatever a person can mend.
    """
    stop = asyncio.Event()
    asked = 0.0

    def interrupted() -> None:
        nonlocal asked
        if stop.is_set() and time.monotonic() - asked > 1:
            os.kill(os.getpid(), signal.SIGKILL)  # the engines get their own signal from the kernel
        if not stop.is_set():
            asked = time.monotonic()
            stop.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupted)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    serving = asyncio.create_task(_serve(settings, port, separate=separate, real_kafka=real_kafka))
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        console.print("\n  Stopping…")
        serving.cancel()
    waiting.cancel()
    try:
        await serving
    except asyncio.CancelledError:
        console.print("  Stopped; the data stays in", escape(str(settings.home)))


async def _serve(settings: EngineSettings, port: int, *, separate: bool, real_kafka: bool) -> None:
    console.print("\n[bold]Jamaa[/] · جماعة")
    require_free(port, "Jamaa", "PORT")
    steps = Steps()
    async with AsyncExitStack() as stack:
        running, variables, watch = await stack.enter_async_context(
            prepared(settings, port, steps, separate=separate, real_kafka=real_kafka)
        )
        with explained(settings.home):
            log.configure(
                level=variables.get("JAMAA_LOG_LEVEL", "WARNING"),
                development=True,
                file=settings.home / "log" / "services.log",
            )
        _spare_the_screen()
        work: Work | ServiceProcesses
        if separate:
            await stack.enter_async_context(front(variables, port))
            work = await stack.enter_async_context(processes(variables, steps.note))
        else:
            work = await stack.enter_async_context(
                serve(SERVICES, variables, port=port, front=True, on_epoch=[watch.hurry])
            )
            urls = {service.name: variables[f"JAMAA_{service.name.upper()}_URL"] for service in SERVICES}
            await asyncio.gather(*(until_ready(name, url) for name, url in urls.items()))
        again = _broker_again(running.broker, variables, work, watch)
        kept = [
            asyncio.create_task(_keep("the broker", running.broker.exited, again, steps)),
            asyncio.create_task(_keep("PostgreSQL", running.postgres.exited, running.postgres.start, steps)),
        ]
        stack.push_async_callback(_ended, kept)
        steps.done(f"{len(SERVICES)} services" + (", one process each" if separate else " in one process"))
        console.print(f"  [dim]{check_zone(datetime.now(UTC))}[/]")
        console.print(f"\n  Ready in {steps.total:.1f} s: [bold]http://127.0.0.1:{port}/[/]")
        console.print("  In another terminal: [bold]make demo[/]. Ctrl-C stops everything.\n")
        await asyncio.gather(*kept)  # for ever; a bug in them must not go unnoticed


def _spare_the_screen() -> None:
    """The Kafka client says fifty times a second that a broker is away; the file has it all."""
    screen = logging.getLogger().handlers[0]
    screen.addFilter(lambda record: not record.name.startswith("aiokafka"))


@asynccontextmanager
async def prepared(
    settings: EngineSettings, port: int, steps: Steps, *, separate: bool = False, real_kafka: bool = False
) -> AsyncIterator[tuple[Engines, dict[str, str], Auditor]]:
    """Engines that run, databases that are up to date, topics and the auditor; yields the engines, the
    services' environment and the auditor.

    Raises EngineError with one line for whatever a person can mend.
    """
    async with AsyncExitStack() as stack:
        running = _chosen(settings, real_kafka=real_kafka)
        await stack.enter_async_context(running)
        for note in (*running.postgres.notes, *running.broker.notes):
            steps.note(note)
        steps.done(f"PostgreSQL, and {_kind(running, settings)} on {running.broker.bootstrap}")
        await databases(running, settings)
        steps.done(f"{len(SERVICES)} databases migrated, territory loaded")
        with explained(settings.home):
            variables = platform.environment(
                settings.home, running.postgres, running.broker, port, separate=separate
            )
            platform.remember(settings.home, variables)
        for difference in await topics(variables):
            steps.note(difference)
        watch = await stack.enter_async_context(auditor(variables))
        if isinstance(running.broker, EmbeddedBroker):
            watch.hurry()  # it begins empty: what was sent and not yet applied is sent again
        stack.push_async_callback(_ended, [asyncio.create_task(watch.run())])
        yield running, variables, watch


def _chosen(settings: EngineSettings, *, real_kafka: bool) -> Engines:
    running = engines(settings)
    if real_kafka and not settings.kafka_bootstrap:
        running.broker = KafkaCluster(settings.home, single(settings.broker_port))
    return running


def _kind(running: Engines, settings: EngineSettings) -> str:
    if isinstance(running.broker, EmbeddedBroker):
        return "the embedded broker"
    return "your Kafka" if settings.kafka_bootstrap else "Apache Kafka"


async def databases(
    running: Engines, settings: EngineSettings, services: Sequence[Service] = SERVICES
) -> None:
    """One database per service, each brought to its newest version. Raises EngineError for a full disk."""
    postgres = running.postgres
    try:
        # One after the other: roles belong to the whole cluster, and Alembic's context to the process.
        for service in services:
            passwords = {role: postgres.password(role) for role in (MIGRATOR, *roles(service.name))}
            await provision(postgres.dsn(), service.name, passwords, development=True)
            dsn = postgres.dsn(database_of(service.name), MIGRATOR)
            await migrate(dsn, service.name, service.migrations, development=True)
    except (asyncpg.PostgresError, DBAPIError) as error:
        refused = error.orig if isinstance(error, DBAPIError) else error
        if getattr(refused, "sqlstate", None) == DISK_FULL:
            raise disk_full(settings.home) from error
        if getattr(refused, "sqlstate", None) == NOT_ALLOWED and settings.database_url:
            raise EngineError(
                f"DATABASE_URL: its role may create databases, but not change Jamaa's ({refused}): connect as"
                f" the administrator who made them, or let him GRANT {MIGRATOR} and the roles jamaa_… to it"
                " WITH ADMIN OPTION"
            ) from error
        raise


async def topics(variables: Mapping[str, str]) -> list[str]:
    """All at once: left to the services, each of their parts would ask for its own. Returns how existing ones
    differ from the settings.
    """
    wanted = {stream.topic for service in SERVICES for stream in service.streams}
    wanted |= {repair_topic_of(service.name) for service in SERVICES}
    return await bus_of(settings_for(SERVICES[0].name, variables)).ensure_topics(wanted)


Again = Callable[[], Awaitable[None]]


async def _keep(what: str, exited: Callable[[], Awaitable[int]], again: Again, steps: Steps) -> None:
    """Starts an engine again whenever it ends by itself."""
    while True:
        status = await exited()
        steps.note(f"{what} ended by itself (status {status}); starting it again")
        delay = 0.5
        while True:
            try:
                await again()
            except (EngineError, *BROKER_ERRORS) as error:
                steps.note(f"{error}; trying again in {delay:.1f} s")
                await asyncio.sleep(delay)
                delay = min(delay * 2, 30.0)
            else:
                steps.note(f"{what} answers again")
                break


def _broker_again(
    broker: Broker, variables: Mapping[str, str], work: Work | ServiceProcesses, watch: Auditor
) -> Again:
    """A broker that kept what it had is simply there again. The embedded one keeps nothing, and it corrupts
    a topic that is written to before it is made: so everybody leaves, topics are made, everybody returns, and
    what is missing is sent again from the databases.
    """

    async def again() -> None:
        if not isinstance(broker, EmbeddedBroker):
            await broker.start()
            return
        await work.end()
        await broker.start()
        await topics(variables)
        await work.begin()
        watch.hurry()

    return again


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def front(variables: Mapping[str, str], port: int) -> AsyncIterator[None]:
    """The issuer and the start page alone, for services that run in processes of their own."""
    app = FastAPI(openapi_url=None)
    add_front(app, SERVICES, variables)
    async with listening(app, "127.0.0.1", port):
        yield
