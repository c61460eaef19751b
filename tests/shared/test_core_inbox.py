"""Consuming: exactly once, in order; what cannot be applied holds its own aggregate and no other."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from shared.bus import Delivery, Positions, Subscription
from shared.db import Tx
from shared.events import Envelope
from shared.inbox import LATER, is_infrastructure
from shared.service import Consumer
from tests.support.core import (
    COMMUNE,
    CONSUMER,
    SOURCE,
    THING,
    Handler,
    Made,
    MemoryBus,
    Poisoned,
    UnfencedRelay,
    answer,
    check_applied,
    drain,
    heads,
    inbox_of,
    make,
    rows,
    trace,
)
from tests.support.databases import ServiceDatabase


class World:
    """A producer with its relay, and one consumer, on one database and a broker made of a list."""

    def __init__(self, database: ServiceDatabase, *, behind: bool = False) -> None:
        self.database = database
        self.bus = MemoryBus()
        self.relay = UnfencedRelay("toy", database.worker, self.bus)
        self.handler = Handler()
        self.inbox = inbox_of(database.worker, self.bus, self.handler, behind=behind)

    async def publish(self, *subjects: str) -> list[Delivery]:
        """One event for each of the subjects, in this order, sent; returns them as a consumer gets them."""
        start = len(self.bus.sent)
        for subject in subjects:
            await make(self.database.api, subject)
        await drain(self.relay, self.bus)
        return self.bus.deliveries(start)

    async def parked(self) -> list[tuple[str, int]]:
        found = await rows(
            self.database.worker, "SELECT aggregateid, seq FROM msg.inbox_parked ORDER BY aggregateid, seq"
        )
        return [(subject, seq) for subject, seq in found]

    async def trace(self) -> dict[str, list[int]]:
        applied = await trace(self.database.worker)
        check_applied(applied)
        return applied

    async def head(self, subject: str) -> tuple[int, str]:
        return (await heads(self.database.worker))[subject]


@pytest.fixture
def world(database: ServiceDatabase) -> World:
    return World(database)


async def test_a_batch_is_applied_once_however_often_it_comes(world: World) -> None:
    batch = await world.publish("a", "b", "a", "a")
    for _ in range(3):
        await world.inbox.receive(batch)
    await world.inbox.receive([*batch, *batch])
    assert await world.trace() == {"a": [1, 2, 3], "b": [1]}


async def test_what_comes_too_early_waits_its_turn(world: World) -> None:
    one, two, three, four = await world.publish("a", "a", "a", "a")
    await world.inbox.receive([four, three])
    assert await world.parked() == [("a", 3), ("a", 4)]
    await world.inbox.receive([one])
    assert await world.trace() == {"a": [1]}
    await world.inbox.receive([two])
    assert await world.trace() == {"a": [1, 2, 3, 4]}
    assert await world.parked() == []


@pytest.mark.parametrize("behind", [False, True])
async def test_a_poisoned_event_holds_its_own_aggregate_only(database: ServiceDatabase, behind: bool) -> None:
    world = World(database, behind=behind)
    world.handler.poison = {("a", 2)}
    await world.inbox.receive(await world.publish("a", "b", "a", "b", "a", "c"))
    assert await world.trace() == {"a": [1], "b": [1, 2], "c": [1]}
    assert await world.head("a") == (1, "blocked")
    assert await world.parked() == [("a", 2), ("a", 3)]


async def test_a_held_aggregate_takes_nothing_until_it_is_redriven_in_order(world: World) -> None:
    world.handler.poison = {("a", 1)}
    batch = await world.publish("a", "a")
    await world.inbox.receive(batch)
    await world.inbox.receive([*batch, *await world.publish("a")])  # the poison again, and a follower
    assert await world.parked() == [("a", 1), ("a", 2), ("a", 3)]
    assert await world.inbox.redrive((SOURCE, "thing", "a")) == 0
    world.handler.poison = set()
    assert await world.inbox.redrive((SOURCE, "thing", "a")) == 3
    assert await world.trace() == {"a": [1, 2, 3]}
    assert await world.head("a") == (3, "open")


async def test_a_second_poison_stops_the_redrive_there(world: World) -> None:
    world.handler.poison = {("a", 1), ("a", 3)}
    await world.inbox.receive(await world.publish("a", "a", "a", "a"))
    world.handler.poison.remove(("a", 1))
    assert await world.inbox.redrive((SOURCE, "thing", "a")) == 2
    assert await world.head("a") == (2, "blocked")
    assert await world.parked() == [("a", 3), ("a", 4)]


async def test_blocked_aggregates_are_tried_at_their_hours_and_then_dead(world: World) -> None:
    """1 min, 5 min, 30 min, 2 h, 12 h; the hours pass by moving `next_try`, not by waiting."""
    world.inbox.later = LATER
    world.handler.poison = {("a", 1)}
    await world.inbox.receive(await world.publish("a", "a"))
    seen = []
    left = "SELECT extract(epoch FROM next_try - clock_timestamp()), state, attempts FROM msg.inbox_head"
    for _ in range(len(LATER) + 1):
        wait, state, attempts = (await rows(world.database.worker, left))[0]
        seen.append((round(wait, -1), state, attempts))
        await world.inbox.mend_once()  # not yet its hour: nothing
        await rows(
            world.database.worker,
            "UPDATE msg.inbox_head SET next_try = clock_timestamp() WHERE state = 'blocked' RETURNING 1",
        )
        await world.inbox.mend_once()
    assert [s[0] for s in seen[:-1]] == list(LATER)
    assert [s[1:] for s in seen] == [("blocked", n) for n in range(1, 6)] + [("dead", 6)]
    assert await world.trace() == {}

    world.handler.poison = set()
    await world.inbox.mend_once()
    assert await world.head("a") == (0, "dead")  # nobody tries any more, until somebody does
    assert await world.inbox.redrive((SOURCE, "thing", "a")) == 2
    assert await world.head("a") == (2, "open")
    assert await rows(world.database.worker, "SELECT attempts, next_try, last_error FROM msg.inbox_head") == [
        (0, None, None)
    ]


async def test_an_event_applied_meanwhile_does_not_block_its_aggregate(world: World) -> None:
    """Two workers on one event: the one whose try failed finds the other's success under the head's lock."""
    (only,) = await world.publish("a")
    await world.inbox.receive([only])
    await world.inbox._block(Envelope.parse(only.headers, only.value), Poisoned("late"))
    assert await world.head("a") == (1, "open")
    assert await world.parked() == []


async def test_an_aggregate_held_for_nothing_opens(world: World) -> None:
    world.handler.poison = {("a", 1)}
    first, second = await world.publish("a", "a")
    await world.inbox.receive([first, second])
    await rows(world.database.worker, "DELETE FROM msg.inbox_parked WHERE seq = 1 RETURNING 1")
    assert await world.inbox.redrive((SOURCE, "thing", "a")) == 0
    assert await world.head("a") == (0, "open")
    world.handler.poison = set()
    await world.inbox.receive([first])
    assert await world.trace() == {"a": [1, 2]}


async def test_a_parked_event_that_became_unreadable_stops_no_other_aggregate(world: World) -> None:
    one, two, other, third = await world.publish("a", "a", "b", "b")
    await world.inbox.receive([two, third])
    owner = await asyncpg.connect(world.database.admin_dsn)
    await owner.execute("UPDATE msg.inbox_parked SET headers = '[]' WHERE aggregateid = 'a'")
    await owner.close()
    await world.inbox.receive([one, other])
    await world.inbox.mend_once()
    assert await world.trace() == {"a": [1], "b": [1, 2]}
    assert await world.parked() == [("a", 2)]


async def test_a_gap_is_asked_for_and_filled_from_the_log(world: World) -> None:
    batch = await world.publish("a", "a", "a", "a")
    await world.inbox.receive([batch[0], batch[3]])
    asked = len(world.bus.sent)
    await world.inbox.mend_once()
    requests = world.bus.repairs(asked)
    assert [(r.subject, r.first, r.last) for r in requests] == [("a", 2, 3)]
    end = await answer(world.bus, world.database.worker, asked)
    await drain(world.relay, world.bus)
    await world.inbox.receive(world.bus.deliveries(end))
    assert await world.trace() == {"a": [1, 2, 3, 4]}


async def test_a_young_gap_and_a_gap_just_asked_for_are_left_alone(world: World) -> None:
    world.inbox.gap_age = 60.0
    _, two = await world.publish("a", "a")
    await world.inbox.receive([two])
    await world.inbox.mend_once()
    assert world.bus.repairs() == []
    old = "UPDATE msg.inbox_parked SET parked_at = parked_at - interval '2 min' RETURNING 1"
    owner = await asyncpg.connect(world.database.admin_dsn)
    await owner.execute(old.removesuffix(" RETURNING 1"))
    await owner.close()
    await world.inbox.mend_once()
    await world.inbox.mend_once()
    assert len(world.bus.repairs()) == 1


# --- records that are no events -------------------------------------------------------------------


def spoilt(good: Delivery, **changes: bytes | None) -> Delivery:
    headers = [(n, v) for n, v in good.headers if n not in changes]
    return replace(good, headers=headers + [(n, v) for n, v in changes.items() if v is not None])


GARBAGE: dict[str, dict[str, Any]] = {
    "no headers": {"headers": ()},
    "bytes that are no text": {"ce_id": b"\xff\xfe"},
    "an absent attribute": {"ce_subject": None},
    "another version": {"ce_specversion": b"0.3"},
    "NUL in a column's text": {"ce_subject": b"a\x00b"},
    "no number": {"ce_sequence": b"1_0"},
    "zero": {"ce_sequence": b"0"},
    "more than a bigint": {"ce_sequence": b"9" * 19},
    "an instant without offset": {"ce_time": b"2026-01-01T00:00:00"},
    "an instant that overflows": {"ce_time": b"0001-01-01T00:00:00+23:59"},
    "another stream's event": {"ce_source": b"/elsewhere"},
}


async def test_garbage_is_kept_aside_and_stops_nothing(world: World) -> None:
    good, other = await world.publish("a", "b")
    bad = [
        replace(good, offset=100 + i, headers=())
        if "headers" in c
        else replace(spoilt(good, **c), offset=100 + i)
        for i, c in enumerate(GARBAGE.values())
    ]
    await world.inbox.receive([*bad, other])
    await world.inbox.receive(bad)
    letters = await rows(world.database.worker, "SELECT off, raw FROM msg.dead_letter ORDER BY off")
    assert letters == [(100 + i, good.value) for i in range(len(GARBAGE))]
    assert await world.trace() == {"b": [1]}


async def test_a_header_without_value_or_with_nul_is_buried_too(world: World) -> None:
    """A header may be null in Kafka, and JSON in PostgreSQL takes no NUL: burying must not fail."""
    record = Delivery(THING.topic, 0, 7, None, b"", [("x\x00", None), ("ce_type", b"\x00")])  # type: ignore[list-item]  # what Kafka allows
    await world.inbox.receive([record])
    assert len(await rows(world.database.worker, "SELECT off FROM msg.dead_letter")) == 1


async def test_an_offset_that_comes_again_after_a_loss_is_another_letter(world: World) -> None:
    for value in (b"one", b"two"):
        await world.inbox.receive([Delivery(THING.topic, 0, 0, None, value, [])])
    assert len(await rows(world.database.worker, "SELECT off FROM msg.dead_letter")) == 2


# --- whose fault it is ----------------------------------------------------------------------------


async def os_error(tx: Tx, envelope: Envelope) -> None:
    raise FileNotFoundError("a handler looked for a file")


async def timeout(tx: Tx, envelope: Envelope) -> None:
    raise TimeoutError("a handler waited for something")


async def wrong_argument(tx: Tx, envelope: Envelope) -> None:
    await tx.execute(text("SELECT CAST(:n AS int)"), {"n": "secret"})


async def slow_statement(tx: Tx, envelope: Envelope) -> None:
    await tx.execute(text("SET LOCAL statement_timeout = 1"))
    await tx.execute(text("SELECT pg_sleep(1)"))


async def constraint(tx: Tx, envelope: Envelope) -> None:
    await tx.execute(text("INSERT INTO toy.total VALUES ('x', NULL)"))


async def always_locked(tx: Tx, envelope: Envelope) -> None:
    await tx.execute(
        text("DO $$ BEGIN RAISE EXCEPTION 'locked' USING ERRCODE = 'lock_not_available'; END $$")
    )


async def unspeakable(tx: Tx, envelope: Envelope) -> None:
    raise ValueError("half a pair \ud800 and NUL \0")


async def cancelled_inside(tx: Tx, envelope: Envelope) -> None:
    async with asyncio.timeout(0.001):
        await asyncio.sleep(1)


@pytest.mark.parametrize(
    "handle",
    [
        os_error,
        timeout,
        wrong_argument,
        slow_statement,
        constraint,
        always_locked,
        unspeakable,
        cancelled_inside,
    ],
)
async def test_a_fault_of_the_handler_holds_one_aggregate_and_never_the_reader(
    world: World, handle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.inbox.reader.PATIENCE", 2)

    async def only_a(tx: Tx, envelope: Envelope) -> None:
        if envelope.subject == "a":
            await handle(tx, envelope)

    world.inbox.consumer = Consumer(CONSUMER, (THING.topic,), only_a)
    async with asyncio.timeout(60):
        await world.inbox.receive(await world.publish("a", "b"))
    assert await heads(world.database.worker) == {"a": (0, "blocked"), "b": (1, "open")}
    (error,) = (
        await rows(world.database.worker, "SELECT last_error FROM msg.inbox_head WHERE state <> 'open'")
    )[0]
    assert error
    assert "secret" not in error


async def test_while_the_database_is_away_the_reader_waits_and_parks_nothing(world: World) -> None:
    """Every connection is killed in the middle of a handler, and new ones are refused for a while."""
    owner = await asyncpg.connect(world.database.admin_dsn.rsplit("/", 1)[0] + "/postgres")
    name = world.database.name
    refused = asyncio.Event()

    async def kill(envelope: Envelope) -> None:
        if refused.is_set():
            return
        refused.set()
        await owner.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)

    batch = await world.publish("a", "b", "a")
    world.handler.pause = kill
    receiving = asyncio.create_task(world.inbox.receive(batch))
    await refused.wait()
    await asyncio.sleep(0.7)
    assert not receiving.done()
    await owner.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await owner.close()
    await receiving
    assert await world.trace() == {"a": [1, 2], "b": [1]}
    assert await world.parked() == []


@pytest.mark.parametrize(
    ("error", "database_at_fault"),
    [
        (ConnectionRefusedError(), True),
        (asyncpg.CannotConnectNowError("starting up"), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (InternalError("", {}, Exception("no server takes writes: a failover is under way")), True),
        (ValueError(), False),
        (Poisoned(), False),
    ],
)
def test_connecting_fails_by_the_database_only(error: BaseException, database_at_fault: bool) -> None:
    assert is_infrastructure(error) is database_at_fault


# --- several readers ------------------------------------------------------------------------------


async def test_two_readers_of_the_same_records_apply_each_once(world: World) -> None:
    batch = await world.publish(*("abcd"[i % 4] for i in range(40)))
    zombie = inbox_of(world.database.worker, world.bus, world.handler)
    await asyncio.gather(world.inbox.receive(batch), zombie.receive(list(reversed(batch))))
    assert await world.trace() == {s: list(range(1, 11)) for s in "abcd"}
    assert await world.parked() == []


async def test_two_consumers_keep_their_own_heads(world: World) -> None:
    batch = await world.publish("a", "a")
    other = Handler(consumer="toy.other", poison={("a", 2)})
    second = inbox_of(world.database.worker, world.bus, other)
    await world.inbox.receive(batch)
    await second.receive(batch)
    assert await heads(world.database.worker) == {"a": (2, "open")}
    assert await heads(world.database.worker, "toy.other") == {"a": (1, "blocked")}


async def test_a_reader_survives_whatever_its_broker_does(world: World) -> None:
    """A foreign cancellation, a bug: the consumer is built anew and goes on."""
    troubles: list[BaseException] = [asyncio.CancelledError(), AttributeError("a bug")]
    batch = await world.publish("a")
    done = asyncio.Event()

    class Reading(Subscription):
        def __init__(self) -> None:
            """Without a Kafka client."""

        async def batch(self, *_: object, **__: object) -> list[Delivery]:
            if troubles:
                raise troubles.pop()
            return batch

        async def commit(self, *_: object) -> None:
            done.set()
            await asyncio.sleep(3600)

    class Broker(MemoryBus):
        @asynccontextmanager
        async def subscription(
            self,
            group: str,
            topics: Sequence[str],
            positions: Positions | None = None,
            *,
            hurry: bool = True,
        ) -> AsyncIterator[Subscription]:
            assert (group, tuple(topics), positions, hurry) == (CONSUMER, (THING.topic,), {}, True)
            yield Reading()

    world.inbox.bus = Broker()
    running = asyncio.create_task(world.inbox.run())
    async with asyncio.timeout(60):
        await done.wait()
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert await world.trace() == {"a": [1]}


async def test_a_trace_goes_on_into_what_a_handler_announces(world: World) -> None:
    parent, state = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=b,c=d"
    async with world.database.api.transaction(traceparent=parent, tracestate=state) as tx:
        await tx.emit(THING, "t", COMMUNE, Made(n=1))
    await drain(world.relay, world.bus)
    await world.inbox.receive(world.bus.deliveries())
    await drain(world.relay, world.bus)
    sent = [Envelope.parse(record.headers, record.value) for record in world.bus.sent]
    assert [e.aggregate for e in sent] == ["thing", "echo"]
    assert {(e.traceparent, e.tracestate) for e in sent} == {(parent, state)}
