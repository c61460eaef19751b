"""The contestants that are ours to write, each in a process of its own and under the product's own server.

`python -m bench.servers product rokhas 8000`: a service's HTTP alone, as `jamaa serve` sets it up; relay and
consumers have benchmarks of their own. `python -m bench.servers floor 8000`: the least that can be done.
"""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import uvloop
from fastapi import FastAPI
from pydantic import BaseModel

from deploy.registry import service
from deploy.serve import GC_FIRST, listening, tokens_of
from shared import log
from shared.db import POOL_SIZE, Database
from shared.http import create_app
from shared.settings import settings_for


class Filing(BaseModel):
    dossier: UUID
    procedure: str
    collectivity: str


FILE = "INSERT INTO bench.filing VALUES ($1, $2, $3, 'under_review', $4)"
EVENT = "INSERT INTO bench.event (filing, type, payload) VALUES ($1, 'submitted', $2)"


def floor(pool: asyncpg.Pool) -> FastAPI:
    """Two INSERTs in one transaction, and nothing else: no caller, no number, no repetition noticed."""
    app = FastAPI(openapi_url=None)

    @app.post("/filings", status_code=201)
    async def file(filing: Filing) -> dict[str, Any]:
        body = filing.model_dump_json()
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(FILE, filing.dossier, filing.procedure, filing.collectivity, body)
            await connection.execute(EVENT, filing.dossier, body.encode())
        return {"dossier": filing.dossier, "state": "under_review"}

    return app


@asynccontextmanager
async def _floor(_: str) -> AsyncIterator[FastAPI]:
    async with asyncpg.create_pool(os.environ["BENCH_DSN"], min_size=POOL_SIZE, max_size=POOL_SIZE) as pool:
        yield floor(pool)


@asynccontextmanager
async def _product(name: str) -> AsyncIterator[FastAPI]:
    settings = settings_for(name)
    log.configure(level=settings.log_level)
    database = Database(settings.database_url.get_secret_value(), name=name)
    try:
        yield create_app([service(name)], {name: database}, tokens_of(settings), settings={name: settings})
    finally:
        await database.close()


async def main(kind: str, name: str, port: str) -> None:
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context({"floor": _floor, "product": _product}[kind](name))
        await stack.enter_async_context(listening(app, "127.0.0.1", int(port)))
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_FIRST)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:4]))
