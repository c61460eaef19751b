"""`make demo`: the story of 200 files and of the administration's silence, played on a running platform."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from rich.console import Console

from deploy import platform
from deploy.demo.show import Show
from deploy.demo.stage import Stage, StepFailed, stage
from deploy.demo.story import Story
from deploy.engines import EngineSettings
from deploy.processes import until_ready
from deploy.registry import SERVICES
from deploy.run import Steps, prepared
from deploy.serve import serve
from shared import log

__all__ = ["demo", "play"]


async def demo(settings: EngineSettings, port: int) -> int:
    """Plays it on the platform that runs in `settings.home`, or on one that it starts on `port` and stops.

    The exit status: 0 only if every step held. Raises EngineError where no platform can be started.
    """
    show = Show(Console(highlight=False))
    async with AsyncExitStack() as stack:
        variables = platform.recall(settings.home)
        if not await answers(variables):
            show.note("no platform runs here: starting one for the demonstration")
            variables = await stack.enter_async_context(_started(settings, port))
        return await play(await stack.enter_async_context(stage(variables)), show)


async def play(on: Stage, show: Show) -> int:
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
async def _started(settings: EngineSettings, port: int) -> AsyncIterator[dict[str, str]]:
    """As `make run`, in this process, while the block lasts."""
    async with AsyncExitStack() as stack:
        (settings.home / "log").mkdir(parents=True, exist_ok=True)
        log.configure(level="WARNING", development=True, file=settings.home / "log" / "services.log")
        variables, watch = await stack.enter_async_context(prepared(settings, port, Steps()))
        await stack.enter_async_context(
            serve(SERVICES, variables, port=port, front=True, on_epoch=[watch.hurry])
        )
        urls = {service.name: variables[f"JAMAA_{service.name.upper()}_URL"] for service in SERVICES}
        await asyncio.gather(*(until_ready(name, url) for name, url in urls.items()))
        yield variables
