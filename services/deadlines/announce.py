"""The passing of time: warnings, expiries, and dates that a change of the calendar moves.

One transaction per clock: a poisoned one is put aside with an alarm and holds up no other. Time is the
database's; how late a clock is noticed changes nothing about when its effect is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy.exc import SQLAlchemyError

from services.deadlines.domain.calendar import Calendar
from services.deadlines.domain.clock import Clock
from services.deadlines.store import calendar, clocks
from services.deadlines.store.clocks import Clocks
from shared import trace
from shared.db import Database, Tx
from shared.inbox import describe, is_infrastructure
from shared.settings import Settings

log = structlog.get_logger()

BATCH: Final = 500
AT_ONCE: Final = 4  # transactions side by side: more only wait for the same disk
IDLE_SECONDS: Final = 0.5  # between two looks when nothing was due
CALENDAR_SECONDS: Final = 1.0  # the same for changes of the calendar, which are rare

ANNOUNCED = Counter("jamaa_clocks_announced_total", "Warnings, expiries and moved dates announced")
POISONED = Counter("jamaa_clocks_poisoned_total", "Failures to announce a clock; each is an alarm")
LATENESS = Gauge("jamaa_clocks_lateness_seconds", "How late the last expiry was noticed")


async def announce(database: Database, _: Settings) -> None:
    """Warnings and expiries that are due by legal time. Runs until cancelled."""
    await _forever(database, _due, announce_one, IDLE_SECONDS)


async def recount(database: Database, _: Settings) -> None:
    """Counts running clocks again after a change of the calendar. Runs until cancelled."""
    await _forever(database, _stale, recount_one, CALENDAR_SECONDS)


async def _due(tx: Tx) -> Sequence[UUID]:
    return await clocks.due(tx, BATCH)


async def _stale(tx: Tx) -> Sequence[UUID]:
    revision, _ = await calendar.current(tx)
    return await clocks.stale(tx, revision, BATCH)


async def _forever(
    database: Database,
    look: Callable[[Tx], Awaitable[Sequence[UUID]]],
    one: Callable[[Tx, UUID], Awaitable[None]],
    idle: float,
) -> None:
    while True:
        try:
            async with database.transaction() as tx:
                found = await look(tx)
            await each(database, found, one)
        except (SQLAlchemyError, OSError) as error:
            if not is_infrastructure(error):
                raise
            log.warning("clocks.database_unavailable", error=describe(error))
            await asyncio.sleep(1.0)
        else:
            if not found:
                await asyncio.sleep(idle)


async def each(database: Database, found: Sequence[UUID], one: Callable[[Tx, UUID], Awaitable[None]]) -> None:
    """One transaction per clock, in order, a few at a time."""
    waiting = iter(found)

    async def work() -> None:
        for clock_id in waiting:
            try:
                async with database.transaction() as tx:
                    await one(tx, clock_id)
            except Exception as error:
                if is_infrastructure(error):
                    raise
                await _put_aside(database, clock_id, error)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _put_aside(database: Database, clock_id: UUID, error: Exception) -> None:
    async with database.transaction() as tx:
        failures = await clocks.failed(tx, clock_id, describe(error))
    POISONED.inc()
    log.error("clocks.poisoned", clock=str(clock_id), failures=failures, error=describe(error))


async def announce_one(tx: Tx, clock_id: UUID) -> None:
    """At most one announcement: the clock stays due while it has more to say."""
    revision, days = await calendar.current(tx)
    store = Clocks(tx, revision)
    clock = await store.locked(clock_id)
    with trace.continued(tx, "announce clock"):
        await _announce(store, clock, days)


async def _announce(store: Clocks, clock: Clock, days: Calendar) -> None:
    tx = store.tx
    if store.stale(clock):
        await _count_again(store, clock, days)
        return
    if clock.next_at is None or clock.next_at > tx.now:
        return
    if clock.due(tx.now):
        elapsed = clock.elapse(tx.now)
        await store.save(clock, because=elapsed)
        LATENESS.set(elapsed.lateness_seconds)
    elif warned := clock.warn(tx.now):
        await store.save(clock, because=warned)
    else:
        await store.rest(clock)
        return
    ANNOUNCED.inc()


async def recount_one(tx: Tx, clock_id: UUID) -> None:
    revision, days = await calendar.current(tx)
    store = Clocks(tx, revision)
    clock = await store.locked(clock_id)
    with trace.continued(tx, "recount clock"):
        await _count_again(store, clock, days)


async def _count_again(store: Clocks, clock: Clock, days: Calendar) -> None:
    if await store.recount(clock, days):
        ANNOUNCED.inc()
