"""The register at 1, 5 and 55 million acts: what a file of acts costs beside a bare COPY of such rows into
the same table, and how long a search takes, exact and by ear. SCALE counts millions; with `--home` a larger
size goes on from a smaller one, and a run that was killed from where it was.
"""

import csv
import shutil
import sys
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg

from bench.acts import COLUMNS
from bench.country import MILLION, PROGRESS, Country
from bench.harness import Options, Result, interleaved, machine, medians, workshop
from bench.searching import by_name, exact
from services.civil_status.app import SERVICE
from services.civil_status.take_over import take_over
from services.civil_status.take_over.reading import digest, opened
from shared.auth import Actor
from shared.db import Database
from shared.migrate import database_of, roles

PER_ACT: Final = 900
"""Bytes of an act with its indexes, as measured; the budget is made of it."""
SETTINGS: Final = {
    "max_wal_size": "2GB",
    "shared_buffers": f"{2 * machine()['memory_gib'] // 5}GB",
    "autovacuum": "off",
}
"""Two fifths of the memory, the most that PostgreSQL's manual advises: a server for nothing else. A vacuum
ends the filling; another one, of 31 GB, is not to begin in the middle of a search.
"""
SPARE: Final = 5 * 2**30  # bytes: the write-ahead log at its largest, what the sort of an index lays aside
CHECKPOINT: Final = "CHECKPOINT"
"""Before each turn: whoever comes first after one writes whole pages into the log, 345 MB for 150,000 acts
where it is 196 afterwards, and it was chance whose turn that was.
"""
IMPORTED: Final = 150_000  # acts of a file, each round
OPERATOR: Final = Actor(subject="bench")


async def run(options: Options) -> list[Result]:
    size = int(options.scale * MILLION)
    async with AsyncExitStack() as stack:
        _budget(options, size)
        shop = await stack.enter_async_context(workshop(options, SERVICE, settings=SETTINGS))
        admin = await asyncpg.connect(shop.postgres.dsn(database_of(SERVICE.name)))
        stack.push_async_callback(admin.close)
        await admin.execute(PROGRESS)
        country = Country(admin, shop.home)
        indexed_in = await country.fill(size)
        per_act = await country.taken() / await country.count()
        api = shop.postgres.dsn(database_of(SERVICE.name), roles(SERVICE.name)[0])
        worker = shop.worker(SERVICE)
        stack.push_async_callback(worker.close)
        details = {"bytes_per_act": per_act, "index_build_s": indexed_in, "acts": await country.count()}
        found = []
        for measured in (
            partial(exact, api, country, options, size),
            partial(by_name, api, country, options, size),
            partial(_import, worker, country, options, size, details),
        ):
            found.append(await measured())
            print(f"{found[-1].name}: {found[-1].ours:.4g}, {found[-1].details}", file=sys.stderr, flush=True)
        return found


def _budget(options: Options, size: int) -> None:
    """Says what it will take before it takes it. Raises SystemExit when that is not there."""
    place = options.home or Path("/tmp")
    place.mkdir(parents=True, exist_ok=True)
    kept = sum(file.stat().st_size for file in place.rglob("*") if file.is_file()) if options.home else 0
    wanted, free = size * PER_ACT + SPARE - kept, shutil.disk_usage(place).free
    said = f"{size:,} acts: {wanted / 2**30:.0f} GiB more on disk, {free / 2**30:.0f} GiB free"
    if wanted > free:
        sys.exit(f"{said}: not enough")
    print(said, file=sys.stderr, flush=True)


async def _import(
    worker: Database, country: Country, options: Options, size: int, details: dict[str, Any]
) -> Result:
    counts: list[int] = []

    async def ours() -> float:
        cells = await country.fresh(IMPORTED)
        path = country.home / "acts.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(cells)
        await country.admin.execute(CHECKPOINT)
        before = time.perf_counter()
        source = opened(path)
        _, done = await take_over(worker, source, digest(path), OPERATOR, limit=10**9)
        taken = time.perf_counter() - before
        if done.imported != len(cells):
            raise RuntimeError(f"{done} of {len(cells)} lines")
        counts.append(done.imported)
        return done.imported / taken

    async def floor() -> float:
        takings = [country.read(cells) for cells in await country.fresh(IMPORTED)]
        await country.learn(takings)
        rows = country.rows(takings)
        await country.admin.execute(CHECKPOINT)
        before = time.perf_counter()
        await country.put(rows)
        return len(takings) / (time.perf_counter() - before)

    await country.warm("act_name", "act_parents", "act_couple")
    found = medians(await interleaved({"ours": ours, "floor": floor}, rounds=options.rounds))
    return Result(
        name=f"civil_status.import.{size / MILLION:g}m",
        title=f"A file of acts imported among {size / MILLION:g} million",
        unit="acts/s",
        better="more",
        ours=found["ours"],
        floor=found["floor"],
        floor_is="a bare COPY of such rows into the same table",
        aim="at least 0.5",
        details=details | {"acts_of_a_file": IMPORTED},
    )
