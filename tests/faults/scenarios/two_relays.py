"""A standby takes over from a relay that stands still, and the one that comes back finds itself deposed."""

import asyncio
from typing import Final

from tests.faults.cluster import Process
from tests.faults.registry import CI, DEFAULT, Scenario, Trial

EPOCH: Final = "SELECT epoch FROM msg.relay_lease WHERE name = 'relay'"
PAUSE: Final = 60.0
LEASE: Final = 15.0  # seconds until a lease that nobody renews is another's


async def run(trial: Trial) -> None:
    cluster = trial.cluster
    names = ("rokhas", "deadlines")
    epochs = {name: await cluster.value(name, EPOCH) for name in names}
    twins = {name: Process(name, cluster.variables, label=f"{name}-2") for name in names}
    try:
        await asyncio.gather(*(twin.up(cluster.note) for twin in twins.values()))
        cluster.processes |= {twin.label: twin for twin in twins.values()}
        async with trial.fault("the leading relays' processes stand still (SIGSTOP)"):
            for name in names:
                cluster.processes[name].pause()
            await asyncio.sleep(cluster.seconds(PAUSE, least=LEASE + 5))
            for name in names:
                cluster.processes[name].resume()
        async with trial.fault("both relays of each service run"):
            await asyncio.sleep(cluster.seconds(20, least=5))
    finally:
        for name, twin in twins.items():
            cluster.processes[name].resume()
            cluster.processes.pop(twin.label, None)
            await twin.down()

    async def taken_over() -> int:
        advanced = [await cluster.value(name, EPOCH) > epoch for name, epoch in epochs.items()]
        return sum(advanced)

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
