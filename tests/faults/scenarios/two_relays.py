"""A standby takes over from a relay that stands still, and the one that comes back finds itself deposed."""

import asyncio
import contextlib
from typing import Final

from tests.faults.cluster import Process, Stuck
from tests.faults.registry import CI, DEFAULT, Scenario, Trial

EPOCH: Final = "SELECT epoch FROM msg.relay_lease WHERE name = 'relay'"
PAUSE: Final = 60.0
LEASE: Final = 15.0  # seconds until a lease that nobody renews is another's
LOADED: Final = 60.0  # seconds more until another has noticed, on a machine with other work


async def run(trial: Trial) -> None:
    cluster = trial.cluster
    names = ("rokhas", "deadlines")
    epochs = {name: await cluster.value(name, EPOCH) for name in names}
    twins = {name: Process(name, cluster.variables, label=f"{name}-2") for name in names}

    async def taken_over() -> int:
        advanced = [await cluster.value(name, EPOCH) > epoch for name, epoch in epochs.items()]
        return sum(advanced)

    async def all_taken_over() -> bool:
        return await taken_over() == len(names)

    try:
        await asyncio.gather(*(twin.up(cluster.note) for twin in twins.values()))
        cluster.processes |= {twin.label: twin for twin in twins.values()}
        async with trial.fault("the leading relays' processes stand still (SIGSTOP)"):
            for name in names:
                cluster.processes[name].pause()
            await asyncio.sleep(cluster.seconds(PAUSE, least=LEASE))
            with contextlib.suppress(Stuck):  # then it is said how many were
                await cluster.until("leases are taken over", all_taken_over, within=LOADED)
            for name in names:
                cluster.processes[name].resume()
        async with trial.fault("both relays of each service run"):
            await asyncio.sleep(cluster.seconds(20, least=5))
    finally:
        for name, twin in twins.items():
            cluster.processes[name].resume()
            cluster.processes.pop(twin.label, None)
        await asyncio.gather(*(twin.down() for twin in twins.values()))
    await trial.least("leases taken over", taken_over, len(names))


SCENARIOS: Final = (
    Scenario(
        name="two_relays",
        number=2,
        what="two relays of each service; the leader's process stands still, then goes on",
        asks="the lease is taken over",
        run=run,
        sets=frozenset({DEFAULT, CI}),
    ),
)
