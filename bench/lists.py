"""What people look at all day: an office's queue and a citizen's own files, among a million files and under
sixteen clients. The floor is a bare query of the same rows.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from itertools import count
from typing import Any, Final

import asyncpg

from bench import files
from bench.accept import server
from bench.harness import (
    Options,
    Result,
    Server,
    Workshop,
    interleaved,
    load,
    medians,
    require_disk,
    workshop,
)
from services.rokhas.api.queue import WORK
from services.rokhas.app import SERVICE
from services.rokhas.store.dossiers import COLUMNS
from shared.migrate import database_of
from shared.territory import territory

FILES: Final = 1_000_000
BYTES: Final = (
    6000  # on disk for each of these at most: row, indexes, and the log that waits for a checkpoint
)
CLIENTS: Final = 16
SECONDS: Final = 4.0
OFFICES: Final = 64
CITIZENS: Final = 100_000
CASABLANCA: Final = "06.141.01.0"

CHANGED: Final = {
    "collectivity": f"CASE WHEN n % 20 = 0 THEN '{CASABLANCA}' ELSE {files.COMMUNE} END",
    "applicant": f"'citizen' || n % {CITIZENS}",
    "state": "CASE WHEN n % 10 = 0 OR n % 101 = 0 THEN 'under_review' ELSE 'delivered' END",
    "reference": "'bench/' || n",
    "submitted_at": "clock_timestamp() - n * interval '1 minute'",
    "drafted_at": "clock_timestamp() - n * interval '1 minute'",
    "answer_by": "clock_timestamp() + (n % 60) * interval '1 day'",
    "due_at": "CASE WHEN n % 10 = 0 OR n % 101 = 0 THEN clock_timestamp() + (n % 60) * interval '1 day'"
    " ELSE '9999-01-01Z' END",
}
"""A tenth is work, the rest is past and has no date any more; Casablanca has a twentieth of everything."""

QUEUE: Final = (
    f"SELECT {', '.join(COLUMNS)} FROM rokhas.dossier WHERE collectivity = ANY($1) AND state = ANY($2)"
    " ORDER BY due_at, id LIMIT 51"
)
MINE: Final = (
    f"SELECT {', '.join(COLUMNS)} FROM rokhas.dossier WHERE applicant = $1"
    " ORDER BY drafted_at DESC, id DESC LIMIT 51"
)


async def run(options: Options) -> list[Result]:
    amount = options.scaled(FILES)
    offices = [CASABLANCA, *files.communes()[: OFFICES - 1]]
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(workshop(options, SERVICE))
        require_disk(shop.home, f"{amount:,} files", amount * BYTES)
        await files.copies(shop, await files.template(shop), amount, CHANGED)
        product = await stack.enter_async_context(server(shop, "product"))
        dsn = shop.postgres.dsn(database_of(SERVICE.name))
        pool = await asyncpg.create_pool(dsn, min_size=CLIENTS, max_size=CLIENTS)
        stack.push_async_callback(pool.close)
        within = [sorted(territory().within(code)) for code in offices]
        work = [str(state) for state in WORK]
        return [
            await _compare(
                shop,
                product,
                name="lists.queue",
                title=f"An office's work queue among {amount:,} files",
                path="/rokhas/v1/queue",
                tokens=[shop.issuer.token("president", commune=code) for code in offices],
                query=lambda n: pool.fetch(QUEUE, within[n % OFFICES], work),
            ),
            await _compare(
                shop,
                product,
                name="lists.mine",
                title=f"A citizen's own files among {amount:,}",
                path="/rokhas/v1/dossiers",
                tokens=[shop.issuer.token(f"citizen{number}") for number in range(1000)],
                query=lambda n: pool.fetch(MINE, f"citizen{n % 1000}"),
            ),
        ]


async def _compare(
    shop: Workshop,
    product: Server,
    *,
    name: str,
    title: str,
    path: str,
    tokens: Sequence[str],
    query: Callable[[int], Awaitable[Any]],
) -> Result:
    last: dict[str, list[float]] = {"ours": [], "floor": []}
    spec = {"port": product.port, "method": "GET", "path": path, "tokens": tokens, "first": 0}

    async def ours() -> float:
        seen = await load(spec | {"seconds": SECONDS, "connections": CLIENTS}, expect=200)
        last["ours"].append(seen.p99)
        return seen.p50

    async def floor() -> float:
        p50, p99 = await _bare(query)
        last["floor"].append(p99)
        return p50

    contestants = {"ours": ours, "floor": floor}
    await interleaved(contestants, rounds=1)
    for seen in last.values():
        seen.clear()
    found = medians(await interleaved(contestants, rounds=shop.options.rounds, told=name))
    return Result(
        name=name,
        title=title,
        unit="ms, median",
        better="less",
        ours=found["ours"],
        floor=found["floor"],
        floor_is=f"the bare SQL query by asyncpg, {CLIENTS} clients too",
        aim="p99 below 200 ms under 16 clients",
        details={
            "p99_ms": {who: statistics.median(values) for who, values in last.items()},
            "clients": CLIENTS,
        },
    )


async def _bare(query: Callable[[int], Awaitable[Any]]) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds."""
    numbers = count()
    taken: list[float] = []
    until = time.perf_counter() + SECONDS

    async def client() -> None:
        while (before := time.perf_counter()) < until:
            await query(next(numbers))
            taken.append(1000 * (time.perf_counter() - before))

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    taken.sort()
    return taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
