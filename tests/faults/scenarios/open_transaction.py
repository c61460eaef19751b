"""Somebody forgets a transaction: a position is drawn early and committed late, and a snapshot is pinned."""

import asyncio
from typing import Final
from uuid import uuid4

from tests.faults.registry import Scenario, Trial, Wrong

OPEN: Final = 480.0  # in the default set two minutes
EMIT: Final = """
    SELECT seq FROM msg.emit('dossier', $1, 'ma.jamaa.rokhas.dossier.faults_probe.v1', '06.141.01.0',
      '\\x7b7d', '{}', msg.legal_now())"""
AGE: Final = """
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - e.recorded_at)), 0)
    FROM msg.outbox_pending p JOIN msg.event_log e USING (pos)"""
LIMIT: Final = 0.5  # of that time others' events may wait at most: a busy machine holds them up, nothing else


async def run(trial: Trial) -> None:
    cluster = trial.cluster
    subject, oldest, is_open = str(uuid4()), 0.0, cluster.seconds(OPEN, least=30)
    trial.declared.add(subject)  # a probe has no row: it is an event that no release knows
    loop = asyncio.get_running_loop()
    async with (
        cluster.sql("rokhas") as writer,
        cluster.sql("rokhas") as reader,
        trial.fault("a write transaction stays open, with a position drawn"),
    ):
        late = writer.transaction()
        await late.start()
        await writer.fetchval(EMIT, subject)
        async with reader.transaction(isolation="repeatable_read"):
            await reader.fetchval("SELECT count(*) FROM msg.outbox_pending")
            until = loop.time() + is_open
            while loop.time() < until:
                oldest = max(oldest, float(await cluster.value("rokhas", AGE)))
                await asyncio.sleep(1)
        await late.commit()
    trial.figures["oldest event meanwhile, s"] = round(oldest, 1)
    if oldest > is_open * LIMIT:
        raise Wrong(f"others' events waited {oldest:.0f} s for a transaction that is not theirs")

    async def arrived() -> bool:
        return bool(
            await cluster.value("witness", "SELECT true FROM witness.trace WHERE subject = $1", subject)
        )

    trial.figures["the late event arrived after"] = round(
        await cluster.until("the event committed late arrives", arrived, within=60), 1
    )


SCENARIOS: Final = (
    Scenario(
        name="open_transaction",
        number=11,
        what="a write transaction open for minutes that drew its position before all others",
        asks="others' events do not wait, and the late one arrives",
        run=run,
    ),
)
