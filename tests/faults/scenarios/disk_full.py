"""The disk under PostgreSQL's primary, then under a broker, is full for a while."""

import asyncio
import contextlib
import subprocess
from pathlib import Path
from typing import Final

import asyncpg

from services.rokhas.events import DOSSIER
from tests.faults.cluster import DISK, NotRun
from tests.faults.journal import Outcome
from tests.faults.registry import DEFAULT, Scenario, Trial

SWITCH: Final = "SELECT pg_switch_wal()"  # to a new segment of 16 MB, for which there is no room
FULL: Final = 30.0


def _shrink(place: Path) -> None:
    """The disk is as large as what is on it."""
    if not place.is_mount():
        raise NotRun("no disk of its own could be mounted: run as root, where tmpfs may be mounted")
    used = int(subprocess.check_output(["df", "--output=used", "-B1", str(place)], text=True).split()[1])
    _resize(place, str(used))


def _resize(place: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True, capture_output=True)


async def postgres(trial: Trial) -> None:
    cluster, primary = trial.cluster, trial.cluster.postgres.primary
    before = trial.crowd.journal.counts()
    async with trial.fault("PostgreSQL's disk is full"):
        _shrink(primary.place)
        try:
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                async with cluster.sql("rokhas") as sql:
                    for _ in range(20):
                        await sql.execute(SWITCH)
                        await sql.execute(
                            "SELECT pg_logical_emit_message(false, 'faults', repeat('x', 9000))"
                        )
            await asyncio.sleep(cluster.seconds(FULL, least=15))
            trial.figures["it ended"] = not primary.running
        finally:
            _resize(primary.place, DISK)
    if not primary.running:
        await primary.start()

    async def refused() -> int:
        await asyncio.sleep(0)
        after = trial.crowd.journal.counts()
        return sum(after[outcome] - before[outcome] for outcome in (Outcome.FAILED, Outcome.UNKNOWN))

    await trial.least("commands that found no room", refused, 1)
    await asyncio.sleep(cluster.seconds(10, least=3))


async def broker(trial: Trial) -> None:
    cluster = trial.cluster
    node = await cluster.kafka.leader(DOSSIER.topic)
    async with trial.fault(f"the disk of broker {node.number} is full"):
        _shrink(node.place)
        try:
            await asyncio.sleep(cluster.seconds(FULL * 2, least=20))
        finally:
            _resize(node.place, DISK)

    async def ended() -> int:
        await asyncio.sleep(0)
        return int(not node.running)

    await trial.least("brokers that gave up", ended, 1)
    if node.running:
        await node.kill()  # it goes on without its only disk: nobody but an operator helps
    await cluster.kafka.restart()


SCENARIOS: Final = (
    Scenario(
        name="postgres_disk_full",
        number=18,
        what="the disk under PostgreSQL's primary is full",
        asks="it recovers once there is room, without SQL by hand",
        run=postgres,
        sets=frozenset({DEFAULT}),
    ),
    Scenario(
        name="broker_disk_full",
        number=18,
        what="the disk under the broker that leads most is full",
        asks="it recovers once there is room",
        run=broker,
        sets=frozenset({DEFAULT}),
    ),
)
