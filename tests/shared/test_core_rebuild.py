"""Replay beyond repair: what a consumer keeps is built again and compared; a new one has a baseline."""

import pytest

from deploy.command import Refused
from deploy.operator.rebuild import baseline, rebuild
from shared.auditor import Watch
from shared.db import Database, Tx
from shared.events import Envelope
from shared.service import Consumer
from tests.shared.test_core_inbox import World
from tests.support.core import CONSUMER, SOURCE, THING, TOTAL, Made, heads, rows
from tests.support.databases import ServiceDatabase


@pytest.fixture
def world(database: ServiceDatabase) -> World:
    return World(database)


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


async def test_a_projection_is_built_again_compared_and_swapped(world: World) -> None:
    consumer = Consumer(CONSUMER, (THING.topic,), summing)
    world.inbox.consumer = consumer
    sent = await world.publish("a", "a", "b", "a")
    await world.inbox.receive(sent[:3])
    owner = Database(world.database.migrator_dsn)
    totals = "SELECT subject, amount FROM toy.total ORDER BY subject"
    try:
        same = await rebuild(consumer, [watch_of(world)], owner, ["toy.total"])
        assert (same.events, same.differing, same.swapped) == (3, {"toy.total": 0}, False)

        await rows(world.database.worker, "UPDATE toy.total SET amount = 7 WHERE subject = 'a' RETURNING 1")
        compared = await rebuild(consumer, [watch_of(world)], owner, ["toy.total"])
        assert compared.differing == {"toy.total": 2}, "the wrong row and the right one"
        assert await rows(world.database.worker, totals) == [("a", 7), ("b", 1)], "only compared"
        blind = await rebuild(consumer, [watch_of(world)], owner, ["toy.total"], ignoring=["amount"])
        assert blind.differing == {"toy.total": 0}

        await rebuild(consumer, [watch_of(world)], owner, ["toy.total"], swap=True, by="amina")
        assert await rows(world.database.worker, totals) == [("a", 2), ("b", 1)], "as far as it had read"
        assert await rows(world.database.worker, "SELECT by, what FROM msg.operation") == [
            ("amina", "rebuild")
        ]
        await world.inbox.receive(sent)
        assert await rows(world.database.worker, totals) == [("a", 3), ("b", 1)]
    finally:
        await owner.close()


async def test_a_consumer_that_announces_is_not_rebuilt(world: World) -> None:
    await world.inbox.receive(await world.publish("a"))
    owner = Database(world.database.migrator_dsn)
    announced = await rows(world.database.worker, "SELECT count(*) FROM msg.event_log")
    try:
        with pytest.raises(Refused, match="announces"):
            await rebuild(world.inbox.consumer, [watch_of(world)], owner, ["toy.total", "toy.trace"])
    finally:
        await owner.close()
    assert await world.trace() == {"a": [1]}
    assert await rows(world.database.worker, "SELECT count(*) FROM msg.event_log") == announced


async def test_a_new_consumer_begins_at_a_baseline(world: World) -> None:
    old = await world.publish("a", "a", "b")
    assert await baseline(world.inbox.consumer, [watch_of(world)]) == 2
    assert await heads(world.database.worker) == {"a": (2, "open"), "b": (1, "open")}
    await world.inbox.receive([*old, *await world.publish("a", "c")])
    assert await rows_of(world) == {"a": [3], "c": [1]}
    with pytest.raises(Refused, match="already"):
        await baseline(world.inbox.consumer, [watch_of(world)])


async def rows_of(world: World) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for subject, seq in await rows(world.database.worker, "SELECT subject, seq FROM toy.trace ORDER BY n"):
        found.setdefault(subject, []).append(seq)
    return found
