"""Timers as jobs of a PostgreSQL queue. `prepare N` makes the jobs that are due as many as N; `work SECONDS`
runs them so long, or until there is none, each writing one row, and prints how many it ran in a second.
"""

import asyncio
import os
import sys
import time
from datetime import UTC, datetime, timedelta

import procrastinate
from psycopg_pool import AsyncConnectionPool

AT_ONCE = 4
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["BENCH_DSN"]))
pool = AsyncConnectionPool(os.environ["BENCH_DSN"], min_size=AT_ONCE, max_size=AT_ONCE, open=False)


@app.task(name="elapse")
async def elapse(clock: str) -> None:
    async with pool.connection() as connection:
        await connection.execute("INSERT INTO event (clock, payload) VALUES (%s, %s)", [clock, b"{}" * 200])


async def prepare(amount: int) -> None:
    async with app.open_async(), pool:
        async with pool.connection() as connection:
            known = await connection.execute("SELECT to_regclass('procrastinate_jobs')")
            if (await known.fetchone())[0] is None:
                await app.schema_manager.apply_schema_async()
                await connection.execute(
                    "CREATE TABLE event (pos bigserial PRIMARY KEY, clock uuid NOT NULL,"
                    " payload bytea NOT NULL)"
                )
            known = await connection.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
            amount -= (await known.fetchone())[0]
        due = elapse.configure(schedule_at=datetime.now(UTC) - timedelta(seconds=1))
        for start in range(0, amount, 1000):
            numbers = range(start, min(start + 1000, amount))
            await due.batch_defer_async(*({"clock": f"00000000-0000-8000-8000-{n:012x}"} for n in numbers))


async def work(seconds: float) -> None:
    async with app.open_async(), pool:
        done = await _done()
        before = time.perf_counter()
        worker = asyncio.create_task(
            app.run_worker_async(wait=False, concurrency=AT_ONCE, install_signal_handlers=False)
        )
        await asyncio.wait([worker], timeout=seconds)
        ran = await _done() - done
        print(ran / (time.perf_counter() - before))
        worker.cancel()  # it ends what it has begun
        await asyncio.wait([worker])


async def _done() -> int:
    async with pool.connection() as connection:
        found = await connection.execute("SELECT count(*) FROM event")
        return (await found.fetchone())[0]


if __name__ == "__main__":
    asyncio.run(prepare(int(sys.argv[2])) if sys.argv[1] == "prepare" else work(float(sys.argv[2])))
