"""Replay beyond repair: what a consumer keeps is built again and compared; a new one has a baseline."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
from sqlalchemy import text

from deploy.command import Refused
from deploy.operator.operate import confirm_skip, operations, propose_skip
from deploy.operator.rebuild import baseline, rebuild
from shared.auditor import Watch
from shared.db import Database, Tx
from shared.events import Envelope
from shared.service import Consumer
from tests.shared.test_core_inbox import World
from tests.support.core import CONSUMER, SOURCE, THING, TOTAL, Made, Poisoned, heads, rows
from tests.support.databases import ServiceDatabase
from tests.support.probes import eventually

TOTALS = "SELECT subject, amount FROM toy.total ORDER BY subject"


@pytest.fixture
def world(database: ServiceDatabase) -> World:
    return World(database)


@pytest.fixture
async def owner(database: ServiceDatabase) -> AsyncIterator[Database]:
    made = Database(database.migrator_dsn)
    yield made
    await made.close()


@pytest.fixture
async def admin(database: ServiceDatabase) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(database.admin_dsn)
    yield made
    await made.close()


async def summing(tx: Tx, envelope: Envelope) -> None:
    await tx.execute(TOTAL, {"subject": envelope.subject, "n": envelope.read(Made).n})


def watch_of(world: World, consumer: str = CONSUMER) -> Watch:
    worker = world.database.worker
    return Watch(
        service="toy",
        consumer=consumer,
        source=SOURCE,
        aggregates=("thing",),
        producer=worker,
        reader=worker,
    )


async def test_a_projection_is_built_again_compared_and_swapped(world: World, owner: Database) -> None:
    consumer = Consumer(CONSUMER, (THING.topic,), summing)
    world.inbox.consumer = consumer
    sent = await world.publish("a", "a", "b", "a")
    await world.inbox.receive(sent[:3])
    same = await rebuild(consumer, [watch_of(world)], owner, ["toy.total"])
    assert (same.events, same.differing, same.swapped) == (3, {"toy.total": 0}, False)

    await rows(world.database.worker, "UPDATE toy.total SET amount = 7 WHERE subject = 'a' RETURNING 1")
    compared = await rebuild(consumer, [watch_of(world)], owner, ["toy.total"])
    assert compared.differing == {"toy.total": 2}, "the wrong row and the right one"
    assert await rows(world.database.worker, TOTALS) == [("a", 7), ("b", 1)], "only compared"
    blind = await rebuild(consumer, [watch_of(world)], owner, ["toy.total"], ignoring=["amount"])
    assert blind.differing == {"toy.total": 0}

    await rebuild(consumer, [watch_of(world)], owner, ["toy.total"], swap=True, by="amina")
    assert await rows(world.database.worker, TOTALS) == [("a", 2), ("b", 1)], "as far as it had read"
    assert await rows(world.database.worker, "SELECT by, what FROM msg.operation") == [("amina", "rebuild")]
    await world.inbox.receive(sent)
    assert await rows(world.database.worker, TOTALS) == [("a", 3), ("b", 1)]


async def test_what_waits_for_the_end_of_a_transaction_is_written_by_a_rebuild_too(
    world: World, owner: Database
) -> None:
    async def leaving(tx: Tx, envelope: Envelope) -> None:
        tx.later(TOTAL, {"subject": envelope.subject, "n": envelope.read(Made).n})

    consumer = world.inbox.consumer = Consumer(CONSUMER, (THING.topic,), leaving)
    for delivery in await world.publish("a", "b"):
        await world.inbox.receive([delivery])
    built = await rebuild(consumer, [watch_of(world)], owner, ["toy.total"], swap=True, by="amina")
    assert (built.events, built.differing) == (2, {"toy.total": 0})
    assert await rows(world.database.worker, TOTALS) == [("a", 1), ("b", 1)]


async def test_a_consumer_that_announces_is_not_rebuilt(world: World, owner: Database) -> None:
    await world.inbox.receive(await world.publish("a"))
    announced = await rows(world.database.worker, "SELECT count(*) FROM msg.event_log")
    with pytest.raises(Refused, match="announces"):
        await rebuild(world.inbox.consumer, [watch_of(world)], owner, ["toy.total", "toy.trace"])
    assert await world.trace() == {"a": [1]}
    assert await rows(world.database.worker, "SELECT count(*) FROM msg.event_log") == announced


async def test_a_reader_that_meets_a_new_aggregate_waits_and_goes_on(
    world: World, owner: Database, admin: asyncpg.Connection
) -> None:
    consumer = world.inbox.consumer = Consumer(CONSUMER, (THING.topic,), summing)
    await world.inbox.receive(await world.publish("a"))
    sent = await world.publish("b")

    async def waiting() -> int:
        return int(
            await admin.fetchval(
                "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
                " WHERE datname = current_database() AND NOT granted"
            )
        )

    held = admin.transaction()
    await held.start()
    await admin.execute("LOCK TABLE toy.trace IN ACCESS EXCLUSIVE MODE")
    tables = ["toy.trace", "toy.total"]
    async with asyncio.TaskGroup() as both:
        both.create_task(rebuild(consumer, [watch_of(world)], owner, tables, swap=True, by="amina"))
        await eventually(waiting, 1)
        reading = both.create_task(world.inbox.receive(sent))

        async def settled() -> bool:
            return reading.done() or await waiting() == 2

        await eventually(settled, True)
        await held.rollback()
    assert await rows(world.database.worker, TOTALS) == [("a", 1), ("b", 1)]
    assert await heads(world.database.worker) == {"a": (1, "open"), "b": (1, "open")}


async def test_what_two_persons_skipped_is_not_applied_after_all(world: World, owner: Database) -> None:
    poison = {("a", 2)}

    async def careful(tx: Tx, envelope: Envelope) -> None:
        if (envelope.subject, envelope.sequence) in poison:
            raise Poisoned
        await summing(tx, envelope)

    consumer = world.inbox.consumer = Consumer(CONSUMER, (THING.topic,), careful)
    await world.inbox.receive(await world.publish("a", "a", "a"))
    key = (SOURCE, "thing", "a")
    worker = world.database.worker
    await propose_skip(worker, worker, CONSUMER, key, 2, by="amina", reason="unreadable")
    await confirm_skip(world.inbox, worker, key, 2, by="driss")
    poison.clear()  # the handler was mended since: nobody asked for the event to be applied
    done = await rebuild(consumer, [watch_of(world)], owner, ["toy.total"], swap=True, by="amina")
    assert (done.events, done.differing) == (2, {"toy.total": 0})


async def test_a_record_that_was_discarded_hides_no_true_event(world: World, owner: Database) -> None:
    consumer = world.inbox.consumer = Consumer(CONSUMER, (THING.topic,), summing)
    true = await world.publish("a")
    headers = [(n, b"2".zfill(19) if n == "ce_sequence" else v) for n, v in true[0].headers]
    await world.inbox.receive([replace(true[0], headers=headers)])
    key = (SOURCE, "thing", "a")
    worker = world.database.worker
    await propose_skip(worker, worker, CONSUMER, key, 2, by="amina", reason="forged")
    await confirm_skip(world.inbox, worker, key, 2, by="driss")
    await world.inbox.receive([*true, *await world.publish("a")])
    done = await rebuild(consumer, [watch_of(world)], owner, ["toy.total"])
    assert (done.events, done.differing) == (2, {"toy.total": 0})


async def test_what_another_table_refers_to_is_not_emptied(
    world: World, owner: Database, admin: asyncpg.Connection
) -> None:
    consumer = world.inbox.consumer = Consumer(CONSUMER, (THING.topic,), summing)
    await world.inbox.receive(await world.publish("a"))
    await admin.execute(
        "CREATE TABLE toy.detail (subject text PRIMARY KEY REFERENCES toy.total ON DELETE CASCADE);"
        "INSERT INTO toy.detail VALUES ('a'); GRANT ALL ON toy.detail TO jamaa_migrator"
    )
    with pytest.raises(Refused, match=r"toy\.detail refers to toy\.total"):
        await rebuild(consumer, [watch_of(world)], owner, ["toy.total"], swap=True, by="amina")
    both = await rebuild(consumer, [watch_of(world)], owner, ["toy.total", "toy.detail"])
    assert both.differing == {"toy.total": 0, "toy.detail": 1}
    assert await admin.fetchval("SELECT count(*) FROM toy.detail") == 1
    with pytest.raises(Refused, match=r"no table is called toy\.totals"):
        await rebuild(consumer, [watch_of(world)], owner, ["toy.totals"])


async def test_a_rebuild_may_last(world: World, owner: Database) -> None:
    """Longer than any request: nothing ends it but an operator."""
    limits = ("statement_timeout", "idle_in_transaction_session_timeout")
    seen: list[str] = []

    async def looking(tx: Tx, _envelope: Envelope) -> None:
        seen.extend([(await tx.execute(text(f"SHOW {limit}"))).scalar_one() for limit in limits])

    world.inbox.consumer = Consumer(CONSUMER, (THING.topic,), summing)
    await world.inbox.receive(await world.publish("a"))
    await rebuild(Consumer(CONSUMER, (THING.topic,), looking), [watch_of(world)], owner, ["toy.total"])
    assert seen == ["0", "0"]


async def test_a_new_consumer_begins_at_a_baseline(world: World, owner: Database) -> None:
    old = await world.publish("a", "a", "b")
    assert await baseline(world.inbox.consumer, [watch_of(world)], by="amina") == 2
    assert await heads(world.database.worker) == {"a": (2, "open"), "b": (1, "open")}
    await world.inbox.receive([*old, *await world.publish("a", "c")])
    assert await rows_of(world) == {"a": [3], "c": [1]}
    (done,) = await operations(world.database.worker)
    assert (done.by, done.what) == ("amina", "baseline")
    assert done.detail == {"consumer": CONSUMER, "aggregates": 2}
    with pytest.raises(Refused, match="already"):
        await baseline(world.inbox.consumer, [watch_of(world)], by="amina")
    with pytest.raises(Refused, match="began at a baseline"):
        await rebuild(world.inbox.consumer, [watch_of(world)], owner, ["toy.total"])


@pytest.mark.parametrize("lost", [0, 1])
async def test_a_consumer_that_met_anything_has_no_baseline(world: World, lost: int) -> None:
    """Held at its first event, or waiting for it: both are steps that a baseline would pass over."""
    world.handler.poison = {("a", 1)}
    sent = await world.publish("a", "a")
    await world.inbox.receive(sent[lost:])
    with pytest.raises(Refused, match="already"):
        await baseline(world.inbox.consumer, [watch_of(world)], by="amina")
    assert (await world.head("a"))[0] == 0


async def test_a_baseline_is_of_all_producers_or_none(world: World) -> None:
    await world.publish("a")
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    watched = [watch_of(world), replace(watch_of(world), source="/away", producer=away)]
    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        await baseline(world.inbox.consumer, watched, by="amina")
    await away.close()
    assert await heads(world.database.worker) == {}


async def rows_of(world: World) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for subject, seq in await rows(world.database.worker, "SELECT subject, seq FROM toy.trace ORDER BY n"):
        found.setdefault(subject, []).append(seq)
    return found
