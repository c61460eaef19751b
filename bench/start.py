"""What one waits for and pays before the first request: `make run` cold and warm, memory, imports."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx

from bench.accept import server
from bench.harness import (
    ROOT,
    Options,
    Result,
    interleaved,
    medians,
    python,
    serving,
    workshop,
)
from deploy.engines import EmbeddedBroker, EmbeddedPostgres, free_port
from deploy.engines.process import Child
from deploy.processes import until_ready
from deploy.registry import SERVICES

PATIENCE: Final = 180.0
OURS: Final = "import deploy.registry, deploy.serve"
LIBRARIES: Final = (
    "import fastapi, sqlalchemy.ext.asyncio, asyncpg, aiokafka, uvicorn, structlog, joserfc, yaml"
)


async def run(options: Options) -> list[Result]:
    return [*await _starts(options), await _imports(options), await _memory(options)]


@contextmanager
def _home() -> Iterator[Path]:
    with TemporaryDirectory(prefix="jamaa-bench-") as place:
        Path(place).chmod(0o755)  # as root the engines run as an unprivileged user
        yield Path(place)


async def _starts(options: Options) -> list[Result]:
    """Cold is an empty data directory; warm is the second start in it."""
    seen: dict[str, dict[str, list[float]]] = {
        "cold": {"ours": [], "floor": []},
        "warm": {"ours": [], "floor": []},
    }
    for _ in range(options.rounds):
        for who, start in (("ours", _platform), ("floor", _engines)):
            with _home() as home:
                for which in ("cold", "warm"):
                    seen[which][who].append(await start(home))
    found = {which: medians(values) for which, values in seen.items()}
    titles = {"cold": "`make run` on an empty directory", "warm": "`make run` once more"}
    return [
        Result(
            name=f"start.{which}",
            title=titles[which],
            unit="s",
            better="less",
            ours=found[which]["ours"],
            floor=found[which]["floor"],
            floor_is="the two engines alone",
            aim="ready in seconds",
        )
        for which in ("cold", "warm")
    ]


async def _platform(home: Path) -> float:
    """Seconds until both services are ready."""
    port = free_port()
    before = time.perf_counter()
    child = Child(
        python("deploy", "run", "--port", str(port)),
        log=home / "log" / "bench.log",
        environment={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "JAMAA_HOME": str(home)},
    )
    try:
        await _ready(child, [f"http://127.0.0.1:{port}/{service.name}" for service in SERVICES])
        return time.perf_counter() - before
    finally:
        await child.stop((signal.SIGTERM, 30))


async def _ready(child: Child, urls: list[str]) -> None:
    deadline = time.perf_counter() + PATIENCE
    async with httpx.AsyncClient() as client:
        for url in urls:
            while True:
                try:
                    answer = await client.get(f"{url}/readyz")
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code == 200:
                    break
                if child.poll() is not None or time.perf_counter() > deadline:
                    raise RuntimeError(f"make run was not ready: {child.said()[-1000:]}")
                await asyncio.sleep(0.05)


async def _engines(home: Path) -> float:
    before = time.perf_counter()
    async with EmbeddedPostgres(home), EmbeddedBroker(home):
        return time.perf_counter() - before


async def _imports(options: Options) -> Result:
    contestants: dict[str, Callable[[], Awaitable[float]]] = {
        "ours": lambda: _imported(OURS),
        "floor": lambda: _imported(LIBRARIES),
    }
    await interleaved(contestants, rounds=1)
    found = medians(await interleaved(contestants, rounds=options.rounds))
    return Result(
        name="start.import",
        title="Import of all services",
        unit="s of processor",
        better="less",
        ours=found["ours"],
        floor=found["floor"],
        floor_is="the libraries alone",
        aim="within twice the libraries'",
    )


async def _imported(statement: str) -> float:
    """Processor seconds of an interpreter that imports and ends."""
    used = "import resource; u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_utime + u.ru_stime)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", f"{statement}; {used}", stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    out, _ = await process.communicate()
    return float(out)


async def _memory(options: Options) -> Result:
    """Resident memory of each service's own process, once it is ready."""
    used: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(workshop(options, *SERVICES))
        for service in SERVICES:
            environment = shop.environment(0) | {"PYTHONPATH": str(ROOT)}
            argv = python("deploy", "serve", service.name, "--port", "{port}")
            at = await stack.enter_async_context(serving(shop, service.name, argv, environment))
            await until_ready(service.name, f"http://127.0.0.1:{at.port}/{service.name}")
            used[service.name] = _mebibytes(at.child.pid)
        bare = await stack.enter_async_context(server(shop, "floor"))
        floor = _mebibytes(bare.child.pid)
    return Result(
        name="start.memory",
        title="Memory of a service's process, ready and idle",
        unit="MiB",
        better="less",
        ours=max(used.values()),
        floor=floor,
        floor_is="the bare FastAPI + asyncpg endpoint",
        aim="below 200 MiB",
        details={"of_each": used},
    )


def _mebibytes(pid: int) -> float:
    found = re.search(r"^Rss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) / 1024
