"""What is measured of the core. The names are an interface: dashboards and alerts are built on them."""

import asyncio
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from shared.auditor import Auditor, Watch
from shared.inbox import standing
from shared.outbox import Relay
from tests.shared.test_core_inbox import World
from tests.support.core import CONSUMER, SOURCE, MemoryBus, make, rows
from tests.support.databases import ServiceDatabase
from tests.support.probes import eventually

OF = {"service": "toy", "consumer": CONSUMER}
CALM = dict.fromkeys(
    (
        "blocked_aggregates",
        "dead_aggregates",
        "parked_events",
        "gaps",
        "dead_letters_unresolved",
    ),
    0.0,
)


@pytest.fixture
def world(database: ServiceDatabase) -> World:
    return World(database)


def value(name: str, labels: dict[str, str] = OF) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def stands(world: World, **but: float) -> None:
    await standing.measure("toy", [CONSUMER], world.database.worker)
    assert {name: value(f"jamaa_inbox_{name}") for name in CALM} == CALM | but


async def test_how_a_consumer_stands_is_measured(world: World) -> None:
    await stands(world)
    first, second, third, poison, follower = await world.publish("a", "a", "a", "p", "p")
    world.handler.poison = {("p", 1)}
    await world.inbox.receive([first, third, poison, follower, replace(first, value=b"x", headers=())])
    await stands(world, blocked_aggregates=1, parked_events=3, gaps=1, dead_letters_unresolved=1)
    assert value("jamaa_inbox_oldest_gap_seconds") > 0

    await rows(
        world.database.worker,
        "UPDATE msg.inbox_head SET state = 'dead' WHERE state = 'blocked' RETURNING 1",
    )
    await stands(world, dead_aggregates=1, parked_events=3, gaps=1, dead_letters_unresolved=1)

    repaired = value("jamaa_inbox_gaps_repaired_total")
    await world.inbox.receive([second])
    await stands(world, dead_aggregates=1, parked_events=2, dead_letters_unresolved=1)
    assert value("jamaa_inbox_oldest_gap_seconds") == 0
    assert value("jamaa_inbox_gaps_repaired_total") == repaired + 1


async def test_what_is_applied_is_counted_and_timed(world: World) -> None:
    counted = [
        "jamaa_inbox_applied_total",
        "jamaa_inbox_duplicates_total",
        "jamaa_inbox_delay_seconds_count",
        "jamaa_inbox_apply_seconds_count",
        "jamaa_inbox_parked_total",
    ]
    before = [value(name) for name in counted]
    first, second, third = await world.publish("a", "a", "b")
    async with world.database.api.transaction() as tx:
        await tx.execute(text("SELECT pg_sleep(0.3)"))
    waited = value("jamaa_inbox_delay_seconds_sum")
    await world.inbox.receive([first, first, third])
    await world.inbox.receive([second, second])
    assert [value(name) - was for name, was in zip(counted, before, strict=True)] == [3, 2, 3, 2, 0]
    assert value("jamaa_inbox_delay_seconds_sum") - waited > 0.3 * 3


async def test_what_waits_for_the_broker_is_measured(database: ServiceDatabase) -> None:
    await make(database.api, "a")
    await make(database.api, "b")

    async def pending() -> float:
        return value("jamaa_relay_pending_events", {"service": "toy"})

    watching = asyncio.create_task(Relay("toy", database.worker, MemoryBus()).watch())
    try:
        await eventually(pending, 2.0)
    finally:
        watching.cancel()
    assert value("jamaa_relay_oldest_pending_seconds", {"service": "toy"}) > 0


async def test_the_auditor_measures_heads_and_events_that_differ(world: World) -> None:
    first, *_ = await world.publish("a", "a", "a", "b")
    await world.inbox.receive([first])
    producer = world.database.worker
    watch = Watch(
        service="toy",
        consumer=CONSUMER,
        source=SOURCE,
        aggregates=("thing",),
        producer=producer,
        reader=producer,
    )
    await Auditor([watch]).audit(full=True)
    assert value("jamaa_auditor_unequal", OF | {"source": SOURCE}) == 2
    assert value("jamaa_auditor_sequence_lag_events", OF | {"source": SOURCE}) == 3
