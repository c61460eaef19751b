"""The databases are backed up, dropped and restored with the operator's own commands; Kafka stays."""

import asyncio
from typing import Final

from deploy.engines import EngineSettings
from deploy.operator.backup import backup, restore
from deploy.registry import SERVICES
from shared.migrate import MIGRATOR, database_of, provision, roles
from tests.faults.heal import drained
from tests.faults.registry import DEFAULT, Scenario, Trial, Wrong

LAST: Final = "SELECT last_value >= (SELECT max(pos) FROM msg.event_log) FROM msg.event_pos"


async def run(trial: Trial) -> None:
    cluster = trial.cluster
    trial.crowd.busy.clear()  # a backup of a moment: what came after it would be lost by any restore
    await drained(cluster, trial)
    async with trial.fault("backed up, dropped, restored"):
        target = cluster.home / f"backup-{len(trial.observer.intervals)}"
        await backup(cluster.variables, target)
        await cluster.end_services()
        async with cluster.sql("witness") as sql:
            for service in SERVICES:
                await sql.execute(f"DROP DATABASE {database_of(service.name)} WITH (FORCE)")
        elsewhere = cluster.home / f"{target.name}.home"
        await restore(EngineSettings(home=elsewhere, database_url=cluster.postgres.dsn()), target)
        for service in SERVICES:  # the restoring platform has passwords of its own
            passwords = {role: cluster.postgres.password(role) for role in (MIGRATOR, *roles(service.name))}
            await provision(cluster.postgres.dsn(), service.name, passwords, development=True)
            if not await cluster.value(service.name, LAST):
                raise Wrong(f"{service.name} would give positions again that it has given")
        await cluster.start_services()
    trial.crowd.busy.set()
    await asyncio.sleep(cluster.seconds(15, least=5))


SCENARIOS: Final = (
    Scenario(
        name="dump_restore",
        number=10,
        what="databases dumped, dropped and restored under the same Kafka",
        asks="positions go on where they were, relays and consumers with them",
        run=run,
        sets=frozenset({DEFAULT}),
    ),
)
