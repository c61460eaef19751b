"""A consumer dies inside its transaction, and between its commit and Kafka's."""

import asyncio
from typing import Final

from tests.faults.registry import CI, DEFAULT, Scenario, Trial

TIMES: Final = 2


async def run(trial: Trial) -> None:
    cluster = trial.cluster
    before = trial.observer.counter("jamaa_inbox_duplicates_total")
    async with trial.fault("consumers killed inside and after their transaction"):
        for _ in range(cluster.amount(TIMES, least=1)):
            for point in ("inbox.applied", "inbox.committed"):
                armed = [cluster.arm(name, point) for name in ("rokhas", "deadlines", "witness")]
                await cluster.struck(*armed)
                await cluster.ready()

    async def duplicates() -> int:
        await asyncio.sleep(3)
        return trial.observer.counter("jamaa_inbox_duplicates_total") - before

    await trial.least("duplicates", duplicates, 1)


async def anybody(trial: Trial) -> None:
    """Any process, at any moment: killed, or made to stand still and go on."""
    cluster, loop = trial.cluster, asyncio.get_running_loop()
    until, kills, pauses = loop.time() + cluster.seconds(60, least=15), 0, 0
    async with trial.fault("any process killed or paused at any moment"):
        while loop.time() < until:
            process = trial.chance.choice([*cluster.processes.values(), cluster.auditor])
            if trial.chance.random() < 0.6:
                process.kill()
                kills += 1
                await asyncio.sleep(trial.chance.uniform(1, 6))
            elif process.running:
                process.pause()
                pauses += 1
                await asyncio.sleep(trial.chance.uniform(1, 12))
                process.resume()
    trial.figures |= {"killed": kills, "paused": pauses}


SCENARIOS: Final = (
    Scenario(
        name="consumer_killed",
        number=14,
        what="kill -9 of every consumer inside its transaction, and between commit and offset",
        asks="duplicates are seen, and skipped",
        run=run,
        sets=frozenset({DEFAULT, CI}),
    ),
    Scenario(
        name="anybody_killed",
        number=20,
        what="kill -9 and SIGSTOP of any process at any moment",
        asks="nothing more",
        run=anybody,
    ),
)
