"""The passing of time: warnings, expiries, and dates that a change of the calendar moves.

A hundred clocks in one transaction, and each in one of its own as soon as that fails: a poisoned clock is put
aside with an alarm and holds up no other. Time is the database's; how late a clock is noticed changes nothing
about when its effect is.
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

BATCH: Final = 1000
TOGETHER: Final = 100  # clocks in one transaction
AT_ONCE: Final = 4  # transactions side by side: more only wait for the same disk
IDLE_SECONDS: Final = 0.5  # between two looks when nothing was due, or all of it in other hands
CALENDAR_SECONDS: Final = 1.0  # the same for changes of the calendar, which are rare

ANNOUNCED = Counter("jamaa_clocks_announced_total", "Warnings, expiries and moved dates announced")
POISONED = Counter("jamaa_clocks_poisoned_total", "Failures to announce a clock; each is an alarm")
LATENESS = Gauge("jamaa_clocks_lateness_seconds", "How late the last expiry was noticed")

Act = Callable[[Clocks, Clock, Calendar], Awaitable[None]]
"""What time does to one clock, which is locked; it is written with the others of its transaction."""


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
    one: Act,
    idle: float,
) -> None:
    while True:
        try:
            async with database.transaction() as tx:
                found = await look(tx)
            worked = await each(database, found, one)
        except (SQLAlchemyError, OSError) as error:
            if not is_infrastructure(error):
                raise
            log.warning("clocks.database_unavailable", error=describe(error))
            await asyncio.sleep(1.0)
        else:
            if not worked:
                await asyncio.sleep(idle)


async def each(database: Database, found: Sequence[UUID], one: Act) -> int:
    """Some together in a transaction, a few transactions at a time; where one fails, each clock alone.
    Returns how many it got hold of: what somebody else works on is left for the next look. Raises the first
    failure of the database when nobody is at work any more.
    """
    waiting = iter([found[start : start + TOGETHER] for start in range(0, len(found), TOGETHER)])
    worked: list[int] = []

    async def work() -> None:
        for ids in waiting:
            try:
                worked.append(await _together(database, ids, one))
            except Exception as error:
                if is_infrastructure(error):
                    raise
                worked.extend([await alone(clock_id) for clock_id in ids])

    async def alone(clock_id: UUID) -> int:
        try:
            return await _together(database, [clock_id], one)
        except Exception as error:
            if is_infrastructure(error):
                raise
            await _put_aside(database, clock_id, error)
            return 1

    outcomes = await asyncio.gather(*(work() for _ in range(AT_ONCE)), return_exceptions=True)
    if failed := next(filter(None, outcomes), None):
        raise failed
    return sum(worked)


async def _together(database: Database, ids: Sequence[UUID], one: Act) -> int:
    async with database.transaction() as tx:
        revision, days = await calendar.current(tx)
        store = Clocks(tx, revision)
        locked = await store.locked(ids)
        for clock, origin in locked:
            tx.correlation_id, tx.traceparent = origin
            with trace.continued(tx, f"{one.__name__.removesuffix('_one')} clock"):
                await one(store, clock, days)
        events = await store.write()
    ANNOUNCED.inc(events)
    return len(locked)


async def _put_aside(database: Database, clock_id: UUID, error: Exception) -> None:
    async with database.transaction() as tx:
        failures = await clocks.failed(tx, clock_id, describe(error))
    POISONED.inc()
    log.error("clocks.poisoned", clock=str(clock_id), failures=failures, error=describe(error))


async def announce_one(store: Clocks, clock: Clock, days: Calendar) -> None:
    """At most one announcement: the clock stays due while it has more to say."""
    now = store.tx.now
    if store.stale(clock):
        await recount_one(store, clock, days)
        return
    if clock.next_at is None or clock.next_at > now:
        return
    if clock.due(now):
        elapsed = clock.elapse(now)
        store.save(clock, because=elapsed)
        LATENESS.set(elapsed.lateness_seconds)
    elif warned := clock.warn(now):
        store.save(clock, because=warned)
    else:
        store.rest(clock)


async def recount_one(store: Clocks, clock: Clock, days: Calendar) -> None:
    await store.recount(clock, days)
