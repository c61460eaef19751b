"""What only Apache Kafka shows, on a cluster of three: how topics are made, and who keeps its partitions."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.engines import free_port
from deploy.kafka import KafkaCluster
from deploy.kafka.node import Address
from shared.bus import DIFFERS, LAG, Bus, Record, Subscription, Topics
from tests.support.probes import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bus(home: Path) -> AsyncIterator[Bus]:
    addresses = [Address(node=n, port=free_port(), controller_port=free_port()) for n in (1, 2, 3)]
    async with KafkaCluster(home / "three", addresses, heap="256m") as cluster:
        yield Bus(cluster.bootstrap)


async def described(bus: Bus, topic: str) -> tuple[int, set[int], dict[str, str]]:
    """Partitions, their numbers of copies, and the topic's configuration, as the broker tells them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bus.bootstrap)
    await admin.start()
    try:
        (known,) = await admin.describe_topics([topic])
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        entries = answer.resources[0][4]
    finally:
        await admin.close()
    copies = {len(part["replicas"]) for part in known["partitions"]}
    return len(known["partitions"]), copies, {entry[0]: entry[1] for entry in entries}


async def shape(bus: Bus, topic: str) -> tuple[int, set[int]]:
    """Each node hears of a new topic in its own time."""
    partitions, copies, _ = await described(bus, topic)
    return partitions, copies


KEPT = ("retention.ms", "min.insync.replicas", "unclean.leader.election.enable")


async def kept(bus: Bus, topic: str) -> list[str]:
    """How the topic's records are kept, as a node tells that may not have heard of it yet."""
    _, _, configuration = await described(bus, topic)
    return [configuration.get(name, "not known yet") for name in KEPT]


async def test_topics_are_made_as_the_settings_say(bus: Bus) -> None:
    assert await bus.ensure_topics(["made.by.default"]) == []
    await eventually(lambda: shape(bus, "made.by.default"), (12, {3}))
    await eventually(lambda: kept(bus, "made.by.default"), [str(14 * 24 * 3600 * 1000), "2", "false"])
    assert await bus.ensure_topics(["made.by.default"]) == []
    assert DIFFERS.labels("made.by.default")._value.get() == 0

    smaller = replace(bus, topics=Topics(partitions=2, replication=2, min_insync=1, retention_days=1))
    assert await smaller.ensure_topics(["made.small"]) == []
    await eventually(lambda: shape(bus, "made.small"), (2, {2}))
    await eventually(lambda: kept(bus, "made.small"), ["86400000", "1", "false"])


async def test_a_topic_that_is_not_as_it_should_be_is_reported(bus: Bus) -> None:
    before = replace(bus, topics=Topics(partitions=2, replication=2, min_insync=1, retention_days=1))
    await before.ensure_topics(["made.before"])
    await eventually(lambda: shape(bus, "made.before"), (2, {2}))
    await bus.ensure_topics(["made.since"])
    await eventually(lambda: shape(bus, "made.since"), (12, {3}))
    differences = (
        "made.before has partitions 2, not 12; copies 2, not 3; retention.ms 86400000, not 1209600000;"
        " min.insync.replicas 1, not 2"
    )
    # Whichever node is asked, once it has heard of both.
    await eventually(lambda: bus.ensure_topics(["made.before", "made.since"]), [differences])
    assert DIFFERS.labels("made.before")._value.get() == 1


def generation(subscription: Subscription) -> int:
    found: int = subscription._consumer._coordinator.generation
    return found


@pytest.mark.parametrize("static", [True, False])
async def test_a_static_member_that_comes_back_moves_no_partition(bus: Bus, static: bool) -> None:
    """Without a name of its own, leaving and coming back is a rebalance for everybody."""
    topic, group = f"moved.{static}", f"toy.moved.{static}"
    one, other = (replace(bus, instance=name if static else None) for name in ("one", "other"))
    async with other.subscription(group, [topic]) as staying:

        async def partitions() -> int:
            await staying.batch(10, wait=0.05)
            return len(staying._consumer.assignment())

        async with one.subscription(group, [topic]) as leaving:
            await eventually(partitions, 6, within=30)
            await leaving.batch(10, wait=0.05)
            settled = generation(staying)
        async with one.subscription(group, [topic]) as back:
            await back.batch(10, wait=0.5)
            await eventually(partitions, 6, within=30)
            assert len(back._consumer.assignment()) == 6

            async def moved() -> bool:
                return generation(staying) != settled

            await eventually(moved, not static)


async def test_the_lag_in_records_is_measured(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.bus.PROBE_EVERY", 0.0)
    await bus.ensure_topics(["lagging"])
    async with bus.sender() as sender:
        assert await sender.send([Record("lagging", "k", b"x", ()) for _ in range(50)]) == [None] * 50
    behind = LAG.labels("toy", "toy.lagging", "lagging")._value
    async with bus.subscription("toy.lagging", ["lagging"]) as subscription:
        seen = 0
        while not seen:
            seen = len(await subscription.batch(20, wait=1.0))
        assert behind.get() == 50 - seen > 0
        while seen < 50:
            seen += len(await subscription.batch(20, wait=1.0))
        assert behind.get() == 0
