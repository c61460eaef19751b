"""Members join the consumers' groups, take partitions, read without applying anything, and leave."""

import asyncio
import contextlib
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from tests.faults.cluster import ALL
from tests.faults.registry import CI, DEFAULT, Scenario, Toothless, Trial, Wrong

LENGTH: Final = 60.0
STAY: Final = 2.5
APPLIED: Final = "SELECT last_value FROM witness.trace_n_seq"


async def run(trial: Trial) -> None:
    cluster, loop = trial.cluster, asyncio.get_running_loop()
    groups = [(consumer.name, consumer.topics) for service in ALL for consumer in service.consumers]
    visits = joined = 0
    began = await cluster.value("witness", APPLIED)
    async with trial.fault("members join and leave every group"):
        until = loop.time() + cluster.seconds(LENGTH, least=15)
        while loop.time() < until:
            name, topics = groups[visits % len(groups)]
            joined += await _visit(cluster.kafka.bootstrap, name, topics)
            visits += 1
    applied = await cluster.value("witness", APPLIED) - began
    trial.figures |= {"visits": visits, "of them given partitions": joined, "applied meanwhile": applied}
    if not joined:
        raise Toothless("no visitor was let into a group: nobody lost partitions to one")
    if not applied:
        raise Wrong("nothing was applied during the storm")


async def _visit(bootstrap: str, group: str, topics: tuple[str, ...]) -> bool:
    """Whether the group let it in."""
    joined = False
    member = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
    )
    with contextlib.suppress(KafkaError):  # the group is in uproar: that is the point
        await member.start()  # returns with partitions
        joined = True
        await member.getmany(timeout_ms=int(STAY * 1000))
    with contextlib.suppress(KafkaError):
        await member.stop()
    return joined


SCENARIOS: Final = (
    Scenario(
        name="rebalance_storm",
        number=13,
        what="members join and leave every consumer group every few seconds",
        asks="there is progress meanwhile",
        run=run,
        sets=frozenset({DEFAULT, CI}),
    ),
)
