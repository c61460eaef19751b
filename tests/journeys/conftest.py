"""The platform as production runs it: every service a process of its own, Apache Kafka and PostgreSQL real.

Kafka is Apache's own and PostgreSQL the one that Debian packages, where it is installed; `KAFKA_BOOTSTRAP`
and `DATABASE_URL` point at servers that already run instead.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from deploy import platform
from deploy.auditor import auditor
from deploy.demo.stage import Stage, stage
from deploy.engines import (
    EmbeddedPostgres,
    Engines,
    EngineSettings,
    ExternalBroker,
    ExternalPostgres,
    free_port,
    installed_programs,
)
from deploy.kafka import KafkaCluster, single
from deploy.processes import ServiceProcess
from deploy.registry import SERVICES
from deploy.run import databases, front, topics
from tests.support.launching import Launcher, fresh_home

LAST_LINES = 60
_homes: list[Path] = []


@dataclass(slots=True)
class Platform:
    """`services` are the processes, by name; `restarts` is what their keeper said when one ended."""

    stage: Stage
    bootstrap: str
    services: dict[str, ServiceProcess]
    restarts: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A data directory that the engines' unprivileged user can enter when the tests run as root."""
    place = Path(tempfile.mkdtemp(prefix="jamaa-journeys-"))
    place.chmod(0o711)
    _homes.append(place)
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running(home: Path) -> AsyncIterator[Platform]:
    asked = EngineSettings.from_environment()
    settings = EngineSettings(
        home=home, database_url=asked.database_url, kafka_bootstrap=asked.kafka_bootstrap
    )
    engines = Engines(
        ExternalPostgres(settings.database_url, home)
        if settings.database_url
        else EmbeddedPostgres(home, bindir=installed_programs()),
        ExternalBroker(settings.kafka_bootstrap)
        if settings.kafka_bootstrap
        else KafkaCluster(home, single(), heap="512m"),
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(engines)
        await databases(engines, settings)
        port = free_port()
        variables = platform.environment(home, engines.postgres, engines.broker, port, separate=True)
        platform.remember(home, variables)
        await topics(variables)
        await stack.enter_async_context(front(variables, port))
        watch = await stack.enter_async_context(auditor(variables))
        await stack.enter_async_context(_kept(watch.run()))
        on = await stack.enter_async_context(stage(variables))
        services = {service.name: ServiceProcess(service.name, variables) for service in SERVICES}
        known = Platform(on, engines.broker.bootstrap, services)
        for process in services.values():
            process.start()
            stack.push_async_callback(process.stop)
        await asyncio.gather(*(process.ready() for process in services.values()))
        for process in services.values():
            await stack.enter_async_context(_kept(process.keep(known.restarts.append)))
        yield known


@pytest.fixture(scope="session", name="platform")
def launched() -> Iterator[Launcher]:
    """One platform as `make run` starts it, for the tests that only talk to it."""
    with fresh_home() as place, Launcher(place) as started:
        yield started


@pytest.fixture
def on(running: Platform) -> Stage:
    return running.stage


@pytest.fixture(scope="session")
def kcat() -> str:
    program = shutil.which("kcat")
    if program is None:
        reason = "kcat is not installed: apt-get install kcat"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return program


@asynccontextmanager
async def _kept(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What failed in another process is in that process's log."""
    report = yield
    if report.failed:
        for log in sorted(file for home in _homes for file in home.glob("log/*.log")):
            lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            report.sections.append((f"the end of {log.name}", "\n".join(lines)))
    return report
