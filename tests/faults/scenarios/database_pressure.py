"""The database is there and does not help: deadlocks, an exhausted pool; processes a day off its clock."""

import asyncio
import contextlib
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg

from shared.migrate import roles
from tests.faults.cluster import NotRun
from tests.faults.journal import Outcome
from tests.faults.postgres import Server
from tests.faults.registry import Scenario, Toothless, Trial

DEADLOCKS: Final = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
RECENT: Final = """
    SELECT id FROM rokhas.dossier WHERE state IN ('draft', 'under_review')
    ORDER BY drafted_at DESC LIMIT 12"""
END: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'jamaa_rokhas%'"
CLOCK: Final = "SELECT clock_timestamp()"
STEP: Final = 3600.0  # seconds
WAITED: Final = 2.0  # seconds of a command that has found no connection at once
HALF_A_DAY: Final = timedelta(hours=12)
LAST: Final = "SELECT max(pos) FROM msg.event_log"
UNSENT: Final = "SELECT count(*) FROM msg.outbox_pending WHERE pos <= $1"
FAKETIME: Final = tuple(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


async def deadlocks(trial: Trial) -> None:
    """Somebody takes the two locks of a file in the opposite order, again and again."""
    cluster, loop = trial.cluster, asyncio.get_running_loop()
    before = await cluster.value("rokhas", DEADLOCKS)
    until = loop.time() + cluster.seconds(40, least=15)

    async def opponent() -> None:
        async with cluster.sql("rokhas") as sql:
            while loop.time() < until:
                files = [row["id"] for row in await sql.fetch(RECENT)]
                with contextlib.suppress(asyncpg.DeadlockDetectedError):
                    async with sql.transaction():
                        for file in files:
                            await sql.execute(
                                "SELECT FROM msg.aggregate_head WHERE aggregateid = $1 FOR UPDATE", str(file)
                            )
                            await asyncio.sleep(0.02)
                        for file in reversed(files):
                            await sql.execute("SELECT FROM rokhas.dossier WHERE id = $1 FOR UPDATE", file)
                await asyncio.sleep(0.05)

    async with trial.fault("files are locked in the opposite order"):
        await asyncio.gather(opponent(), opponent())

    async def seen() -> int:
        await asyncio.sleep(1)
        return int(await cluster.value("rokhas", DEADLOCKS) - before)

    await trial.least("deadlocks", seen, 1)


async def pool(trial: Trial) -> None:
    cluster = trial.cluster
    before, began = trial.crowd.journal.counts(), time.time()
    async with cluster.sql("rokhas") as sql:
        async with trial.fault("a table is locked: every connection of the pool waits"), sql.transaction():
            await sql.execute("LOCK TABLE rokhas.dossier IN ACCESS EXCLUSIVE MODE")
            await asyncio.sleep(cluster.seconds(25, least=12))
        async with trial.fault("the roles may open two connections only"):
            try:
                await _limit(sql, 2)
                await sql.execute(END)
                await asyncio.sleep(cluster.seconds(20, least=8))
            finally:
                await _limit(sql, -1)
    after = trial.crowd.journal.counts()
    trial.figures |= {str(o): after[o] - before[o] for o in Outcome}

    async def felt() -> int:
        await asyncio.sleep(0)
        ours = [command for command in trial.crowd.journal if command.sent_at > began]
        return sum(command.outcome is Outcome.UNKNOWN or command.seconds > WAITED for command in ours)

    await trial.least("commands that waited in vain or for seconds", felt, 1)


async def _limit(sql: asyncpg.Connection, most: int) -> None:
    """How many sessions each role of rokhas may have; -1 is any number."""
    for role in roles("rokhas"):
        await sql.execute(f"ALTER ROLE {role} CONNECTION LIMIT {most}")


async def clocks(trial: Trial) -> None:
    """Legal time is the database's: a process that lives tomorrow or yesterday changes nothing."""
    if not FAKETIME:
        raise NotRun("libfaketime is not installed: apt-get install -y faketime")
    cluster = trial.cluster
    shifted = {"rokhas": "+1d", "deadlines": "-1d", "witness": "+1d"}
    begin = {name: cluster.processes[name].log.stat().st_size for name in shifted}
    now = datetime.now().astimezone()

    async def astray() -> int:
        await asyncio.sleep(0)
        return sum(
            any(
                abs(datetime.fromisoformat(line["timestamp"]) - now) > HALF_A_DAY
                for line in cluster.processes[name].said("timestamp", begin[name])
            )
            for name in shifted
        )

    try:
        async with trial.fault("processes' clocks a day off: rokhas tomorrow, deadlines yesterday"):
            await asyncio.gather(
                *(
                    cluster.again(
                        name,
                        LD_PRELOAD=str(FAKETIME[0]),
                        FAKETIME=shift,
                        FAKETIME_DONT_FAKE_MONOTONIC="1",
                        DONT_FAKE_MONOTONIC="1",
                    )
                    for name, shift in shifted.items()
                )
            )
            await asyncio.sleep(cluster.seconds(25, least=8))
        await trial.least("processes whose log is a day off", astray, len(shifted))
    finally:
        await asyncio.gather(*(cluster.again(name) for name in shifted))


async def stepped(trial: Trial) -> None:
    """Somebody corrects the clock of the database's machine: an hour ahead, and back."""
    if not FAKETIME:
        raise NotRun("libfaketime is not installed: apt-get install -y faketime")
    cluster, primary = trial.cluster, trial.cluster.postgres.primary
    told = cluster.home / "database-clock"
    told.write_text("+0")
    told.chmod(0o644)
    primary.more = {
        "LD_PRELOAD": str(FAKETIME[0]),
        "FAKETIME_TIMESTAMP_FILE": str(told),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    try:
        await _again(primary)
        for step, what in (("+3600", "an hour ahead"), ("+0", "back by that hour")):
            before, answered = await cluster.value("rokhas", CLOCK), trial.crowd.journal.counts()[Outcome.OK]
            async with trial.fault(f"the database's clock is set {what}"):
                told.write_text(step)
                await asyncio.sleep(cluster.seconds(20, least=8))
            moved = (await cluster.value("rokhas", CLOCK) - before).total_seconds()
            trial.figures[f"clock moved, s ({what})"] = round(moved)
            if abs(moved) < STEP / 2:
                raise Toothless(f"the database's clock moved by {moved:.0f} s only")

            async def served(answered: int = answered) -> bool:
                await asyncio.sleep(0)
                return trial.crowd.journal.counts()[Outcome.OK] > answered

            await cluster.until("commands are answered", served, within=30)

            last = await cluster.value("rokhas", LAST)

            async def sent(last: int = last) -> bool:
                return not await cluster.value("rokhas", UNSENT, last)

            await cluster.until("what is announced is sent", sent, within=60)
    finally:
        primary.more = {}
        await _again(primary)


async def _again(server: Server) -> None:
    await server.stop()
    await server.start()


SCENARIOS: Final = (
    Scenario(
        name="deadlocks",
        number=16,
        what="somebody locks the rows of files in the opposite order",
        asks="deadlocks happen, and are tried again",
        run=deadlocks,
    ),
    Scenario(
        name="pool_exhausted",
        number=16,
        what="every connection waits for a lock; then roles may open two connections only",
        asks="nothing more",
        run=pool,
    ),
    Scenario(
        name="database_clock_stepped",
        number=12,
        what="the clock of the database's machine is set an hour ahead, then back",
        asks="commands are answered and events sent, nothing is early by that clock",
        run=stepped,
    ),
    Scenario(
        name="clocks_shifted",
        number=12,
        what="the clocks of the processes a day ahead and a day behind",
        asks="nothing is early or late by the database's clock",
        run=clocks,
    ),
)
