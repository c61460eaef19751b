"""A process per service, told everything by its environment, as in production; each dies with this one."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
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
async def processes(
    variables: Mapping[str, str], note: Callable[[str], None]
) -> AsyncIterator["ServiceProcesses"]:
    """Every service answers and is ready when this yields. One that ends later is started again, which is
    what an orchestrator does; `note` is told.

    Raises EngineError with the last thing that a service said which does not start.
    """
    running = ServiceProcesses(variables, note)
    try:
        await running.ready()
        yield running
    finally:
        await running.end()


class ServiceProcesses:
    """All of them; they can be ended and begun anew together."""

    def __init__(self, variables: Mapping[str, str], note: Callable[[str], None]) -> None:
        self._all = [ServiceProcess(service.name, variables) for service in SERVICES]
        self._keepers: list[asyncio.Task[None]] = []
        self._note = note

    async def ready(self) -> None:
        """The first start: what cannot start now would not start later."""
        for one in self._all:
            one.start()
        await asyncio.gather(*(one.ready() for one in self._all))
        self._keepers = [asyncio.create_task(one.keep(self._note)) for one in self._all]

    async def begin(self) -> None:
        """Started again after end(), and kept running."""
        for one in self._all:
            one.start()
        self._keepers = [asyncio.create_task(one.keep(self._note)) for one in self._all]

    async def end(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(one.stop() for one in self._all))


def _own(name: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Without other services' databases, and without the owner's: a service that runs never reads that."""
    mine = {f"JAMAA_{name.upper()}_DATABASE_URL", f"JAMAA_{name.upper()}_WORKER_DATABASE_URL"}
    return {
        key: value for key, value in variables.items() if not key.endswith("_DATABASE_URL") or key in mine
    }


class ServiceProcess:
    """`python -m deploy serve NAME`; what it writes is in `<home>/log/NAME.log`."""

    def __init__(self, name: str, variables: Mapping[str, str]) -> None:
        self.name = name
        self.url = variables[f"JAMAA_{name.upper()}_URL"]
        # One process of each service: it keeps its partitions when it is started again.
        self._environment = (
            {"JAMAA_INSTANCE": "only"} | os.environ | _own(name, variables) | {"PYTHONPATH": str(ROOT)}
        )
        self._log = Path(variables["JAMAA_HOME"]) / "log" / f"{name}.log"
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        assert self._child is not None, "start() first"
        return self._child

    @property
    def pid(self) -> int:
        return self.child.pid

    def start(self) -> None:
        port = str(urlsplit(self.url).port)
        self._child = Child(
            [sys.executable, "-m", "deploy", "serve", self.name, "--port", port],
            log=self._log,
            environment=self._environment,
        )

    async def ready(self) -> None:
        """Raises EngineError when it ended instead, or is not ready in a minute."""
        waiting = asyncio.ensure_future(until_ready(self.name, self.url))
        ended = asyncio.ensure_future(self.child.exited())
        try:
            await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                said = last_line(self.child.said()).removeprefix("jamaa: ")
                raise EngineError(f"{self.name} did not start: {said} (see {self._log})")
            await waiting
        finally:
            waiting.cancel()
            ended.cancel()

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
        if self._child is not None:
            await self._child.stop((signal.SIGTERM, 10))


async def until_ready(name: str, url: str) -> None:
    """Returns when the service answers, its relay leads and its consumers read. Raises EngineError, with the
    checks that fail, after a minute.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    found = "it does not answer"
    async with httpx.AsyncClient() as client:
        while loop.time() < deadline:
            try:
                answer = await client.get(f"{url}/readyz")
            except httpx.TransportError:
                pass  # it does not listen yet
            else:
                if answer.status_code == 200:
                    return
                checks = answer.json()["checks"].items()
                found = ", ".join(f"{check}: {outcome}" for check, outcome in checks if outcome != "ok")
            await asyncio.sleep(0.05)
    raise EngineError(f"{name} is not ready after {PATIENCE:.0f} s ({found})")
