"""Designs that look right and are not, kept to show that the checker bites: each must be caught.

Every scenario is an interleaving constructed on purpose, with the transactions held open by hand. The real
relay and inbox pass each of them. A guard nobody has seen fail is decoration.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from shared.bus import Delivery
from shared.db import Tx
from shared.events import Envelope
from shared.inbox import HandlerFailed, Inbox, Key, key_of
from shared.outbox import BATCH, COLUMNS, Relay, record
from tests.support.core import (
    COMMUNE,
    CONSUMER,
    THING,
    Handler,
    Made,
    MemoryBus,
    UnfencedRelay,
    Violation,
    check,
    check_applied,
    check_sent,
    drain,
    evidence,
    inbox_of,
    make,
    rows,
    trace,
)
from tests.support.databases import ServiceDatabase
from tests.support.probes import eventually

WAITING = """
    SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"""
LOG = f"SELECT {COLUMNS} FROM msg.event_log e "


class ByCursor(UnfencedRelay):
    """`id > cursor`: an event whose transaction commits after a later position was read is never seen."""

    cursor = 0

    async def _read(self, _held: Sequence[int] = ()) -> Sequence[Any]:
        async with self.database.transaction() as tx:
            found = (
                await tx.execute(
                    text(LOG + "WHERE pos > :cursor ORDER BY pos LIMIT :batch"),
                    {"cursor": self.cursor, "batch": BATCH},
                )
            ).all()
        self.cursor = max((row.pos for row in found), default=self.cursor)
        return found


class ByTransaction(UnfencedRelay):
    """`(xid, id) > cursor AND xid < xmin`, as watermill and others have it: a transaction that began first
    and changed the aggregate last is sent first.
    """

    cursor = (0, 0)

    async def _read(self, _held: Sequence[int] = ()) -> Sequence[Any]:
        xid = "e.xmin::text::bigint"
        statement = (
            f"SELECT {COLUMNS}, {xid} AS xid FROM msg.event_log e WHERE ({xid}, pos) > (:xid, :pos)"
            f" AND {xid} < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY {xid}, pos"
        )
        async with self.database.transaction() as tx:
            found = (await tx.execute(text(statement), {"xid": self.cursor[0], "pos": self.cursor[1]})).all()
        self.cursor = max(((row.xid, row.pos) for row in found), default=self.cursor)
        return found


class BySkipLocked(Relay):
    """Each worker claims rows that no other has claimed: two events of one aggregate are in two hands."""

    async def claim(self, tx: Tx, most: int) -> Sequence[Any]:
        statement = (
            LOG + "JOIN msg.outbox_pending p USING (pos) ORDER BY pos LIMIT :most FOR UPDATE OF p SKIP LOCKED"
        )
        return (await tx.execute(text(statement), {"most": most})).all()


class ByHint(UnfencedRelay):
    """Pending rows from a low-water hint on: what commits below the hint is overtaken, and stays for ever."""

    hint = 0

    async def _read(self, _held: Sequence[int] = ()) -> Sequence[Any]:
        statement = LOG + "JOIN msg.outbox_pending p USING (pos) WHERE pos >= :hint ORDER BY pos LIMIT :batch"
        async with self.database.transaction() as tx:
            found = (await tx.execute(text(statement), {"hint": self.hint, "batch": BATCH})).all()
        self.hint = max((row.pos for row in found), default=self.hint)
        return found


class WithoutLock(Inbox):
    """Reads the head without its row lock: two readers of one event both find that it is the next."""

    async def _lock(self, tx: Tx, keys: Sequence[Key]) -> dict[Key, tuple[int, str]]:
        found = {}
        for key in dict.fromkeys(keys):
            statement = text(
                "SELECT last_seq, state FROM msg.inbox_head WHERE consumer = :consumer AND source = :source"
                " AND aggregatetype = :aggregate AND aggregateid = :subject"
            )
            row = (await tx.execute(statement, self._where(key))).one_or_none()
            found[key] = (row.last_seq, row.state) if row else (0, "open")
        return found


class WithRetryTopic(Inbox):
    """Puts a failed event on a retry topic and goes on with the next, as many frameworks do."""

    retries: list[Envelope]

    async def _block(self, envelope: Envelope, error: BaseException) -> None:
        async with self.database.transaction() as tx:
            self.retries = [envelope]
            assert isinstance(error, HandlerFailed)
            await self._lock(tx, [key_of(envelope)])
            await self._advance(tx, {key_of(envelope): envelope.sequence})

    async def retry(self) -> None:
        async with self.database.transaction() as tx:
            for envelope in self.retries:
                await self._handle(tx, envelope)


# --- scenarios ------------------------------------------------------------------------------------


async def lost_in_between(database: ServiceDatabase, relay: UnfencedRelay, bus: MemoryBus) -> None:
    """The first position is drawn by a transaction that commits after the second was sent."""
    async with AsyncExitStack() as stack:
        slow = await stack.enter_async_context(database.api.transaction())
        await slow.emit(THING, "slow", COMMUNE, Made(n=1))
        await make(database.api, "quick")
        await drain(relay, bus)
    await drain(relay, bus)


async def overtaken(database: ServiceDatabase, relay: UnfencedRelay, bus: MemoryBus) -> None:
    """T1 takes its transaction id on another aggregate, T2 changes X and commits, then T1 changes X."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(database.api.transaction())
        await first.emit(THING, "other", COMMUNE, Made(n=1))
        await make(database.api, "x", 1)
        await first.emit(THING, "x", COMMUNE, Made(n=2))
    await drain(relay, bus)


Scenario = Callable[[ServiceDatabase, Any, MemoryBus], Awaitable[None]]
COMMITTED: dict[Scenario, dict[str, list[int]]] = {
    lost_in_between: {"slow": [1], "quick": [1]},
    overtaken: {"other": [1], "x": [1, 2]},
}


async def judge_relay(database: ServiceDatabase, kind: type[UnfencedRelay], scenario: Scenario) -> None:
    """What a relay sent without any failure is whole and in order; then a consumer of it finds all."""
    bus = MemoryBus()
    relay = kind("toy", database.worker, bus)
    await scenario(database, relay, bus)
    check_sent(r for r in bus.sent if r.topic == THING.topic)
    inbox = inbox_of(database.worker, bus, Handler())
    await inbox.receive(bus.deliveries())
    await drain(relay, bus)  # the echoes
    check(await evidence(database, bus, COMMITTED[scenario]))


@pytest.mark.parametrize("scenario", [lost_in_between, overtaken])
async def test_the_relay_passes(database: ServiceDatabase, scenario: Scenario) -> None:
    await judge_relay(database, UnfencedRelay, scenario)


@pytest.mark.parametrize(
    ("kind", "scenario", "promises"),
    [
        (ByCursor, lost_in_between, {"A5"}),
        # Its xmin is the whole server's: while anybody's transaction is open, it sends nothing at all.
        (ByTransaction, overtaken, {"order", "A5"}),
        (ByHint, lost_in_between, {"A5"}),
    ],
)
async def test_a_broken_relay_is_caught(
    database: ServiceDatabase, kind: type[UnfencedRelay], scenario: Scenario, promises: set[str]
) -> None:
    with pytest.raises(Violation) as caught:
        await judge_relay(database, kind, scenario)
    assert caught.value.promise in promises


async def test_four_workers_with_skip_locked_are_caught(database: ServiceDatabase) -> None:
    """Each claims one event of the same aggregate; the last to claim is the first to send."""
    owner = await asyncpg.connect(database.admin_dsn)
    await owner.execute(
        "GRANT UPDATE ON msg.outbox_pending TO jamaa_toy_worker"
    )  # which the design never needs
    await owner.close()
    for n in range(4):
        await make(database.api, "x", n)
    bus = MemoryBus()
    workers = [BySkipLocked("toy", database.worker, bus) for _ in range(4)]
    async with AsyncExitStack() as stack:
        claimed = [
            await worker.claim(await stack.enter_async_context(database.worker.transaction()), 1)
            for worker in workers
        ]
        assert [[row.seq for row in batch] for batch in claimed] == [[1], [2], [3], [4]]
        for batch in reversed(claimed):
            await bus.send([record(row) for row in batch])
    with pytest.raises(Violation, match="order"):
        check_sent(bus.sent)


async def rivals(database: ServiceDatabase, kind: type[Inbox]) -> dict[str, list[int]]:
    """Two readers of one event: the first is in its handler when the second begins."""
    await make(database.api, "x")
    bus = MemoryBus()
    await drain(UnfencedRelay("toy", database.worker, bus), bus)
    batch: list[Delivery] = bus.deliveries()
    working, go_on = asyncio.Event(), asyncio.Event()

    async def pause(_: Envelope) -> None:
        working.set()
        await go_on.wait()

    class Echoless(Handler):
        """Without the echo, whose own row lock would make the two wait for each other in any case."""

        async def __call__(self, tx: Tx, envelope: Envelope) -> None:
            await tx.execute(
                text("INSERT INTO toy.trace (consumer, subject, seq) VALUES (:consumer, :subject, :seq)"),
                {"consumer": CONSUMER, "subject": envelope.subject, "seq": envelope.sequence},
            )
            if self.pause is not None:
                await self.pause(envelope)

    first = inbox_of(database.worker, bus, Echoless(pause=pause), kind=kind)
    second = inbox_of(database.worker, bus, Echoless(), kind=kind)
    one = asyncio.create_task(first.receive(batch))
    await working.wait()
    two = asyncio.create_task(second.receive(batch))

    async def decided() -> bool:
        """With the lock it waits; without it, it is done."""
        return two.done() or bool(await rows(database.worker, WAITING))

    await eventually(decided, True)
    go_on.set()
    await asyncio.gather(one, two)
    return await trace(database.worker)


async def test_the_heads_lock_decides_between_rivals(database: ServiceDatabase) -> None:
    check_applied(await rivals(database, Inbox))


async def test_a_consumer_without_the_heads_lock_is_caught(database: ServiceDatabase) -> None:
    with pytest.raises(Violation, match="A4"):
        check_applied(await rivals(database, WithoutLock))


async def test_a_retry_topic_is_caught(database: ServiceDatabase) -> None:
    await make(database.api, "x")
    await make(database.api, "x")
    bus = MemoryBus()
    await drain(UnfencedRelay("toy", database.worker, bus), bus)
    handler = Handler(poison={("x", 1)})
    inbox = inbox_of(database.worker, bus, handler, kind=WithRetryTopic)
    assert isinstance(inbox, WithRetryTopic)
    await inbox.receive(bus.deliveries())
    handler.poison.clear()
    await inbox.retry()
    with pytest.raises(Violation, match="A4"):
        check_applied(await trace(database.worker))
