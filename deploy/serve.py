"""Services in this process: their HTTP on one port, their relays, consumers and tasks beside it."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from deploy.engines import EngineError
from deploy.issuer import PERSONAS, Issuer, issuer_app
from shared.bus import Bus, Topics
from shared.db import Database
from shared.files import Files
from shared.http import create_app
from shared.http.app import Check
from shared.runtime import NotBegun, background
from shared.service import Service
from shared.settings import Settings, settings_for
from shared.territory import territory
from shared.time import format_instant
from shared.tokens import Tokens

PAGE: Final = Environment(autoescape=True).from_string(
    files("deploy").joinpath("start.html").read_text(encoding="utf-8")
)
GC_FIRST: Final = 10_000  # objects made since the last look: a request leaves hardly a cycle behind
CONTRACTS: Final = Path(__file__).parents[1] / "contracts"
EMBEDDED_SESSION_MS: Final = 1_000  # the embedded broker lets a group wait for half a session
EMBEDDED_PARTITIONS: Final = 4  # every idle look at a topic costs by its partitions


class Work:
    """What several services do besides answering. It can be stopped and begun anew while they answer: before
    an embedded broker that lost everything comes back, nobody may write to it until its topics exist.
    """

    def __init__(
        self,
        services: Sequence[Service],
        settings: Mapping[str, Settings],
        workers: Mapping[str, Database],
        on_epoch: Sequence[Callable[[], None]],
    ) -> None:
        self._services = services
        self._settings = settings
        self._workers = workers
        self._on_epoch = on_epoch
        self._begun: list[AbstractAsyncContextManager[dict[str, Check]]] = []
        self._checks: dict[str, dict[str, Check]] = {}

    async def begin(self) -> None:
        for service in self._services:
            own = self._settings[service.name]
            work = background(service, own, self._workers[service.name], bus_of(own), on_epoch=self._on_epoch)
            self._checks[service.name] = await work.__aenter__()
            self._begun.append(work)

    async def end(self) -> None:
        """Each waits for its Kafka clients to take leave: one after the other, that would add up."""
        self._checks.clear()
        ending = [work.__aexit__(None, None, None) for work in self._begun]
        self._begun.clear()
        await asyncio.gather(*ending)

    def checks(self, service: Service) -> dict[str, Check]:
        """Readiness checks that stay good when the work begins anew."""
        names = ("relay", *(consumer.name for consumer in service.consumers), "tasks")
        return {name: partial(self._check, service.name, name) for name in names}

    async def _check(self, service: str, name: str) -> None:
        if service not in self._checks:
            raise NotBegun
        await self._checks[service][name]()


@asynccontextmanager
async def serve(
    services: Sequence[Service],
    variables: Mapping[str, str],
    *,
    port: int,
    host: str = "127.0.0.1",
    front: bool = False,
    on_epoch: Sequence[Callable[[], None]] = (),
) -> AsyncIterator[Work]:
    """Answers on `host`:`port` while the block runs. `front` adds the development issuer and the start page;
    `on_epoch` is called when the broker turned out to have lost what it held.

    Raises SettingsError for an incomplete environment and EngineError for a port that is taken.
    """
    settings = {service.name: settings_for(service.name, variables) for service in services}
    for own in settings.values():
        if own.files_url.startswith("s3:"):
            Files.at(own.files_url)  # a wrong variable is named now, not at the first upload
    async with AsyncExitStack() as stack:
        if (own := settings[services[0].name]).traces:
            from deploy.tracing import tracing  # noqa: PLC0415 -- few want OpenTelemetry's SDK loaded

            stack.enter_context(tracing(own, services[0].name if len(services) == 1 else "jamaa"))
        databases: dict[str, Database] = {}
        workers: dict[str, Database] = {}
        for name, own in settings.items():
            databases[name] = Database(own.database_url.get_secret_value(), name=name)
            workers[name] = Database(own.worker_database_url.get_secret_value(), name=f"{name}-worker")
            databases[name].on_emit = workers[name].on_emit  # what the API commits wakes the relay too
            stack.push_async_callback(databases[name].close)
            stack.push_async_callback(workers[name].close)
        work = Work(services, settings, workers, on_epoch)
        stack.push_async_callback(work.end)
        await work.begin()
        app = create_app(
            services,
            databases,
            tokens_of(next(iter(settings.values()))),
            settings=settings,
            checks={service.name: work.checks(service) for service in services},
        )
        if front:
            add_front(app, services, variables)
        await stack.enter_async_context(listening(app, host, port))
        # What lives as long as the process is not looked at again: a full collection costs 40 ms.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_FIRST)
        yield work


def bus_of(settings: Settings) -> Bus:
    if not settings.kafka_idempotence:
        topics = Topics(partitions=EMBEDDED_PARTITIONS)
        return Bus(
            settings.kafka_bootstrap, idempotence=False, session_timeout_ms=EMBEDDED_SESSION_MS, topics=topics
        )
    return Bus(
        settings.kafka_bootstrap,
        session_timeout_ms=settings.kafka_session_ms,
        instance=settings.instance,
        topics=Topics(
            partitions=settings.kafka_partitions,
            replication=settings.kafka_replication,
            min_insync=settings.kafka_min_insync,
            retention_days=settings.kafka_retention_days,
        ),
    )


def tokens_of(settings: Settings) -> Tokens:
    return Tokens(
        jwks_url=settings.jwks_url,
        issuer=settings.issuer,
        audience=settings.audience,
        within=lambda code: territory().within(code),
        names={
            "roles": settings.roles_claim,
            "communes": settings.communes_claim,
            "provinces": settings.provinces_claim,
        },
    )


@asynccontextmanager
async def listening(app: FastAPI, host: str, port: int) -> AsyncIterator[None]:
    """Answers while the block runs. Raises EngineError with one line when the port is taken."""
    try:
        listener = socket.create_server((host, port), backlog=1024)
    except OSError as error:
        raise EngineError(
            f"cannot listen on {host}:{port} ({error.strerror}): set PORT to a free port"
        ) from error
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=5,
        # Longer than any client or proxy keeps an idle connection: uvicorn's 5 s are httpx's as well, and the
        # server would close under a request that is on its way.
        timeout_keep_alive=75,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve([listener]))  # noqa: SLF001  # serve() would take over Ctrl-C
    while not server.started and not running.done():  # noqa: ASYNC110  # uvicorn tells nobody
        await asyncio.sleep(0.01)
    try:
        if running.done():
            await running
        yield
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await running
        listener.close()


def add_front(app: FastAPI, services: Sequence[Service], variables: Mapping[str, str]) -> None:
    """The development issuer under `/issuer`, and the page that a newcomer meets first."""
    issuer = Issuer(
        Path(variables["JAMAA_HOME"]), variables.get("JAMAA_PROFILE", "production"), variables["JAMAA_ISSUER"]
    )
    app.mount("/issuer", issuer_app(issuer))
    app.mount("/contracts", StaticFiles(directory=CONTRACTS))  # where `ce_dataschema` points
    names = territory()

    def url(service: str) -> str:
        return variables.get(f"JAMAA_{service.upper()}_URL", f"{variables['JAMAA_URL']}/{service}")

    async def start(request: Request) -> Response:
        page = PAGE.render(
            services=[{"title": s.title, "url": url(s.name), "streams": s.streams} for s in services],
            personas=[
                {
                    "name": name,
                    "title": who.title,
                    "territory": "، ".join(
                        names.get(c).name_ar for c in sorted(who.communes | who.provinces)
                    ),
                }
                for name, who in PERSONAS.items()
            ],
            deadlines=url("deadlines"),
            now=format_instant(datetime.now(UTC).replace(microsecond=0)),
        )
        return HTMLResponse(page)

    app.add_route("/", start, include_in_schema=False)
