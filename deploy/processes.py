"""A process per service, told everything by its environment, as in production; each dies with this one."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from deploy.engines import EngineError
from deploy.engines.process import Child, last_line
from deploy.registry import SERVICES

ROOT: Final = Path(__file__).parents[1]
PATIENCE: Final = 60.0  # seconds until a service has joined its groups and its relay leads


@asynccontextmanager
async def processes(variables: Mapping[str, str], note: Callable[[str], None]) -> AsyncIterator[None]:
    """Every service answers and is ready when this yields. One that ends later is started again, which is
    what an orchestrator does; `note` is told.

    Raises EngineError with the last thing that a service said which does not start.
    """
    async with AsyncExitStack() as stack:
        running = [ServiceProcess(service.name, variables) for service in SERVICES]
        for one in running:
            one.start()
            stack.push_async_callback(one.stop)
        await asyncio.gather(*(one.ready() for one in running))
        for one in running:
            stack.push_async_callback(_ended, asyncio.create_task(one.keep(note)))
        yield


class ServiceProcess:
    """`python -m deploy serve NAME`; what it writes is in `<home>/log/NAME.log`."""

    def __init__(self, name: str, variables: Mapping[str, str]) -> None:
        self.name = name
        self.url = variables[f"JAMAA_{name.upper()}_URL"]
        self._environment = os.environ | dict(variables) | {"PYTHONPATH": str(ROOT)}
        self._log = Path(variables["JAMAA_HOME"]) / "log" / f"{name}.log"
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        assert self._child is not None, "start() first"
        return self._child

    def start(self) -> None:
        port = str(urlsplit(self.url).port)
        self._child = Child(
            [sys.executable, "-m", "deploy", "serve", self.name, "--port", port],
            log=self._log,
            environment=self._environment,
        )

    async def ready(self) -> None:
        """Raises EngineError when it ended instead, or is not ready in a minute."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        async with httpx.AsyncClient() as client:
            while self.child.poll() is None and asyncio.get_running_loop().time() < deadline:
                try:
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass  # it does not listen yet
                await asyncio.sleep(0.05)
        raise EngineError(f"{self.name} did not start: {last_line(self.child.said())} (see {self._log})")

    async def keep(self, note: Callable[[str], None]) -> None:
        """Starts it again whenever it ends, later each time it ends at once. Runs until cancelled."""
        loop = asyncio.get_running_loop()
        delay = 0.5
        while True:
            began = loop.time()
            status = await self.child.exited()
            if loop.time() - began > PATIENCE:
                delay = 0.5
            note(f"the process of {self.name} ended (status {status}); starting it again")
            await asyncio.sleep(delay)
            delay = min(delay * 2, 30.0)
            self.start()

    async def stop(self) -> None:
        await self.child.stop((signal.SIGTERM, 10))


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
