"""`make demo`: the story of 200 files and of the administration's silence, played on a running platform."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import httpx
from rich.console import Console

from deploy import platform
from deploy.demo.show import Show
from deploy.demo.stage import Stage, StepFailed, stage
from deploy.demo.story import Story
from deploy.engines import EngineError, EngineSettings, require_free
from deploy.engines.process import Child, last_line
from deploy.processes import ROOT
from deploy.registry import SERVICES

__all__ = ["demo", "play"]

START: Final = 180.0  # seconds in which a new platform must be ready
STOP: Final = 60.0  # and to end in order
WIDTH: Final = 110  # characters, where there is no terminal to ask


async def demo(settings: EngineSettings, port: int) -> int:
    """Plays it on the platform that runs in `settings.home`, or on one that it starts on `port` and stops.

    The exit status: 0 only if every step held. Raises EngineError where no platform can be started.
    """
    show = Show(Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH))
    async with AsyncExitStack() as stack:
        if not await answers(platform.recall(settings.home)):
            await stack.enter_async_context(_started(settings, port, show))
        variables = platform.recall(settings.home)
        return await play(await stack.enter_async_context(stage(variables)), show)


async def play(on: Stage, show: Show) -> int:
    """The exit status."""
    try:
        await Story(on, show).play()
    except StepFailed as failed:
        show.failed(failed.what, failed.expected, failed.seen)
        show.note(f"what the services wrote is in {on.variables['JAMAA_HOME']}/log")
        return 1
    show.end(on.requests, f"{on.variables['JAMAA_URL']}/")
    return 0


async def answers(variables: Mapping[str, str]) -> bool:
    """Whether every service of this platform is ready."""
    urls = [variables.get(f"JAMAA_{service.name.upper()}_URL") for service in SERVICES]
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        for url in urls:
            try:
                if url is None or (await client.get(f"{url}/readyz")).status_code != 200:
                    return False
            except httpx.TransportError:
                return False
    return True


@asynccontextmanager
async def _started(settings: EngineSettings, port: int, show: Show) -> AsyncIterator[None]:
    """What `make run` starts, while the block lasts; it ends with this process, however that ends."""
    require_free(port, "Jamaa", "PORT")
    settings.home.mkdir(parents=True, exist_ok=True)
    log = settings.home / "log" / "demo.log"
    show.note(f"no platform runs in {settings.home}: starting one on port {port} for the demonstration")
    child = Child(
        [sys.executable, "-m", "deploy", "run", "--port", str(port)],
        log=log,
        environment=os.environ | {"JAMAA_HOME": str(settings.home), "PYTHONPATH": str(ROOT)},
        death_signal=signal.SIGTERM,
    )
    try:
        async with asyncio.timeout(START):
            while not await answers(platform.recall(settings.home)):
                if child.poll() is not None:
                    raise EngineError(last_line(child.said()).removeprefix("jamaa: "))
                await asyncio.sleep(0.2)
        yield
    except TimeoutError as error:
        raise EngineError(f"the platform was not ready within {START:.0f} s: see {log}") from error
    finally:
        await child.stop((signal.SIGTERM, STOP))
