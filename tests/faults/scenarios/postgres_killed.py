"""The primary dies with commits under way; the standby, which has them all, takes its place."""

import asyncio
import json
import time
from typing import Final

from deploy.registry import SERVICES
from tests.faults.cluster import Cluster, Stuck
from tests.faults.journal import Outcome
from tests.faults.registry import CI, DEFAULT, Scenario, Toothless, Trial, Wrong

HEADS: Final = "SELECT aggregateid, last_seq FROM msg.aggregate_head"
APPLIED: Final = "SELECT source, aggregateid, last_seq FROM msg.inbox_head"


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
        killed = time.time()
        await asyncio.sleep(cluster.seconds(20, least=5))
        alone = time.time()
        await cluster.postgres.standby.start()
    # Sent once: what is sent again may be answered from what was committed before.
    new = [command for command in trial.crowd.journal if command.tries == 1 and command.sent_at > killed]
    for command in new:
        if command.outcome is Outcome.OK and command.sent_at + command.seconds < alone:
            raise Wrong(f"{command.what} {command.key} was answered, and one server has it")
    trial.figures["commands that waited for the standby"] = sum(c.sent_at < alone for c in new)
    await asyncio.sleep(cluster.seconds(10))


async def lagging(trial: Trial) -> None:
    """Commits do not wait for the standby, and it is behind when it is promoted: what was answered meanwhile
    is lost, but not on Kafka. The witness reads it there and is ahead of those who announced it.
    """
    cluster, pair, witness = trial.cluster, trial.cluster.postgres, trial.cluster.processes["witness"]
    begins = cluster.auditor.log.stat().st_size
    async with trial.fault("the standby is behind when it takes over"):
        assert pair.standby is not None
        await pair.answer_alone()
        await pair.standby.stop()
        witness.pause()
        await asyncio.sleep(cluster.seconds(20, least=8))
        trial.crowd.busy.clear()  # what is announced from here on would take the numbers that were lost
        await asyncio.sleep(2)
        await pair.primary.kill()
        await pair.standby.start()
        await pair.promote()
        witness.resume()
        await asyncio.sleep(cluster.seconds(10, least=8))

    ahead = await _ahead(cluster)
    trial.figures["aggregates of which the witness knows more than their service"] = len(ahead)
    if not ahead:
        raise Toothless("nothing was lost that somebody had read")

    def unalarmed() -> set[str]:
        said = cluster.auditor.log.read_text(errors="replace")[begins:].splitlines()
        alarms = [json.loads(line) for line in said if '"auditor.still_unequal"' in line]
        return ahead - {alarm["aggregate"] for alarm in alarms if alarm["applied"] > alarm["produced"]}

    async def alarmed() -> bool:
        return not await asyncio.to_thread(unalarmed)

    try:
        await cluster.until("the auditor alarms", alarmed, within=30 + 3 * cluster.seconds(60))
    except Stuck as silent:
        missing = await asyncio.to_thread(unalarmed)
        raise Wrong(f"{len(missing)} of {len(ahead)} aggregates lost events without an alarm") from silent


async def _ahead(cluster: Cluster) -> set[str]:
    """The aggregates of which the witness has applied more than their service has announced."""
    announced: dict[tuple[str, str], int] = {}
    for service in SERVICES:
        async with cluster.sql(service.name) as sql:
            announced |= {
                (f"/{service.name}", row["aggregateid"]): row["last_seq"] for row in await sql.fetch(HEADS)
            }
    async with cluster.sql("witness") as sql:
        applied = await sql.fetch(APPLIED)
    return {
        row["aggregateid"]
        for row in applied
        if row["last_seq"] > announced.get((row["source"], row["aggregateid"]), 0)
    }


SCENARIOS: Final = (
    Scenario(
        name="postgres_lagging",
        number=9,
        what="PostgreSQL's primary killed, a standby promoted that commits did not wait for",
        asks="what was answered and is lost is found, and the auditor alarms",
        run=lagging,
        catches=frozenset({"A1"}),
    ),
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
