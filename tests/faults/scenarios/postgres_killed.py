"""The primary dies with commits under way; the standby, which has them all, takes its place."""

import asyncio
from typing import Final

from tests.faults.journal import Outcome
from tests.faults.registry import CI, DEFAULT, Scenario, Trial

EPOCH: Final = "SELECT epoch FROM msg.relay_lease WHERE name = 'relay'"


async def promoted(trial: Trial) -> None:
    cluster = trial.cluster
    for _ in range(cluster.amount(2, least=1)):
        async with trial.fault("PostgreSQL's primary killed, the standby promoted"):
            began = asyncio.get_running_loop().time()
            before = trial.crowd.journal.counts()[Outcome.OK]
            await cluster.postgres.primary.kill()
            await asyncio.sleep(cluster.seconds(5, least=2))  # until somebody notices
            await cluster.postgres.promote()

            async def served(before: int = before) -> bool:
                await asyncio.sleep(0)
                return trial.crowd.journal.counts()[Outcome.OK] > before

            await cluster.until("commands are answered again", served, within=60)
            trial.figures["answered again after"] = round(asyncio.get_running_loop().time() - began, 1)
        await asyncio.sleep(cluster.seconds(10))
        await cluster.postgres.add_standby()
        await asyncio.sleep(cluster.seconds(5))
    trial.figures["unknown so far"] = trial.crowd.journal.counts()[Outcome.UNKNOWN]


async def restarted(trial: Trial) -> None:
    cluster = trial.cluster
    async with trial.fault("PostgreSQL's primary killed and started again"):
        await cluster.postgres.primary.kill()
        await asyncio.sleep(cluster.seconds(30, least=3))
        await cluster.postgres.primary.start()
    async with trial.fault("the standby killed: no commit is answered"):
        assert cluster.postgres.standby is not None
        await cluster.postgres.standby.kill()
        await asyncio.sleep(cluster.seconds(20, least=5))
        await cluster.postgres.standby.start()
    await asyncio.sleep(cluster.seconds(10))


SCENARIOS: Final = (
    Scenario(
        name="postgres_promoted",
        number=8,
        what="kill -9 of PostgreSQL's primary; the synchronous standby is promoted",
        asks="services find the new primary by themselves",
        run=promoted,
        sets=frozenset({DEFAULT, CI}),
    ),
    Scenario(
        name="postgres_restarted",
        number=8,
        what="kill -9 of PostgreSQL, started again; then its standby is away",
        asks="nothing more",
        run=restarted,
    ),
)
