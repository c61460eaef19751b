"""No broker for a minute and more, at full load; and the one that leads most killed."""

import asyncio
from pathlib import Path
from typing import Final

from services.rokhas.events import DOSSIER
from tests.faults.journal import Outcome
from tests.faults.registry import CI, DEFAULT, Scenario, Trial, Wrong

OUTAGE: Final = 240.0  # in the default set a minute
GROWTH: Final = 200.0  # MiB that a process may grow by while it cannot send


def resident(pid: int) -> float:
    """MiB."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def all_down(trial: Trial) -> None:
    cluster = trial.cluster
    process = cluster.processes["rokhas"]
    memory, before = resident(process.pid), trial.crowd.journal.counts()[Outcome.OK]
    slow = [0.0]
    async with trial.fault("all brokers killed"):
        await cluster.kafka.kill()
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(cluster.seconds(OUTAGE, least=20))
        known = list(trial.crowd.journal)[-200:]
        slow = sorted(c.seconds for c in known if c.outcome is Outcome.OK) or slow
        trial.figures["outage"] = round(asyncio.get_running_loop().time() - began)
        trial.figures["rokhas grew by MiB"] = round(resident(process.pid) - memory)
    trial.figures["p99 of commands meanwhile, ms"] = round(slow[int(len(slow) * 0.99) - 1] * 1000)

    async def accepted() -> int:
        await asyncio.sleep(0)
        return trial.crowd.journal.counts()[Outcome.OK] - before

    await trial.least("commands accepted without a broker", accepted, 10)
    if trial.figures["rokhas grew by MiB"] > GROWTH:
        raise Wrong(f"rokhas grew by {trial.figures['rokhas grew by MiB']} MiB while it could not send")
    async with trial.fault("brokers start again"):
        await cluster.kafka.restart()


async def leader_killed(trial: Trial) -> None:
    cluster = trial.cluster
    leader = await cluster.kafka.leader(DOSSIER.topic)
    async with trial.fault(f"broker {leader.number}, which leads most, killed"):
        await leader.kill()
        await asyncio.sleep(cluster.seconds(20, least=15))
        successor = await cluster.kafka.leader(DOSSIER.topic)
        trial.figures["leader moved"] = f"{leader.number} → {successor.number}"
        if successor is leader:
            raise Wrong("the dead broker still leads")
        await cluster.kafka.restart()


SCENARIOS: Final = (
    Scenario(
        name="brokers_down",
        number=3,
        what="all three brokers killed for a minute or two at full load",
        asks="commands are accepted meanwhile, memory stays bounded, everything drains",
        run=all_down,
        sets=frozenset({DEFAULT, CI}),
    ),
    Scenario(
        name="broker_leader_killed",
        number=4,
        what="kill -9 of the broker that leads most partitions",
        asks="another leads, no stall",
        run=leader_killed,
        sets=frozenset({DEFAULT, CI}),
    ),
)
