"""The relay dies at the three places where it hurts: after sending, after deleting, and anywhere."""

import asyncio
from typing import Final

from tests.faults.registry import CI, DEFAULT, Scenario, Trial

TIMES: Final = 3


async def run(trial: Trial) -> None:
    cluster = trial.cluster
    before = trial.observer.counter("jamaa_inbox_duplicates_total")
    async with trial.fault("relays killed between sending and deleting"):
        for _ in range(cluster.amount(TIMES, least=1)):
            for point in ("relay.sent", "relay.forgotten"):
                await cluster.struck(*(cluster.arm(service, point) for service in ("rokhas", "deadlines")))
                await cluster.ready()

    async def duplicates() -> int:
        await asyncio.sleep(0)
        return trial.observer.counter("jamaa_inbox_duplicates_total") - before

    await asyncio.sleep(3)
    await trial.least("duplicates", duplicates, 1)


SCENARIOS: Final = (
    Scenario(
        name="relay_killed",
        number=1,
        what="kill -9 of the relay between send and delete, and after it",
        asks="duplicates are seen, and skipped",
        run=run,
        sets=frozenset({DEFAULT, CI}),
    ),
)
