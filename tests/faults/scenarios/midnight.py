"""Many clocks at one midnight, while those who announce and those who hear of it are killed."""

import asyncio
import time
from datetime import timedelta
from functools import partial
from typing import Final

from services.deadlines.events import CLOCKS
from tests.faults.deciding import decided, outcomes
from tests.faults.heal import drained, healed
from tests.faults.registry import CI, DEFAULT, SCALE, Scenario, Toothless, Trial, Wrong
from tests.faults.scenarios.deliveries import unrest
from tests.faults.seeds import Batch, copied, imported

MANY: Final = 100_000
FILES: Final = 10_000
WHOLE: Final = 1_000  # of those among which one is poisoned: files of rokhas; the others are copies of clocks
SOME: Final = 400
ELAPSED: Final = "SELECT count(*) FROM deadlines.clock WHERE answer_by = $1 AND elapsed_at IS NOT NULL"
DUE: Final = "SELECT count(*) FROM deadlines.clock WHERE answer_by = $1 AND state = 'running'"
LATE: Final = """
    SELECT percentile_disc(ARRAY[0.5, 1]) WITHIN GROUP (ORDER BY (payload ->> 'lateness_seconds')::int)
    FROM (SELECT convert_from(payload, 'UTF8')::jsonb AS payload FROM msg.event_log
      WHERE type = 'ma.jamaa.deadlines.clock.elapsed.v1') AS e
    WHERE (payload ->> 'answer_by')::timestamptz = $1"""
POISON: Final = "UPDATE deadlines.clock SET rule_version = 999 WHERE aggregate_id = $1 AND role = 'decision'"
CURE: Final = """
    UPDATE deadlines.clock SET rule_version = $2, next_try = '-infinity'
    WHERE aggregate_id = $1 AND role = 'decision'"""
VERSION: Final = "SELECT rule_version FROM deadlines.clock WHERE aggregate_id = $1 AND role = 'decision'"


async def _all_elapsed(trial: Trial, batch: Batch, due: int) -> float:
    async def elapsed() -> int:
        return int(await trial.cluster.value("deadlines", ELAPSED, batch.answer_by))

    return await trial.cluster.reaches("clocks that elapsed", elapsed, due)


async def hundred_thousand(trial: Trial) -> None:
    cluster = trial.cluster
    amount = cluster.amount(MANY, least=300)
    batch = await imported(cluster, 10)
    began = time.monotonic()
    await copied(cluster, batch, amount)
    cluster.note(f"{amount} clocks copied in {time.monotonic() - began:.0f} s; all due at {batch.answer_by}")
    due = await cluster.value("deadlines", DUE, batch.answer_by)
    async with cluster.twin("deadlines") as twin:
        await cluster.stage.advance(batch.certain - timedelta(seconds=2))
        async with trial.fault(f"{due} clocks are due; those who announce them are killed again and again"):
            for _ in range(6):
                await asyncio.sleep(cluster.seconds(8, least=2))
                trial.chance.choice([twin, cluster.processes["deadlines"]]).kill()
            seconds = await _all_elapsed(trial, batch, due)
        async with cluster.sql("deadlines") as sql:
            late = await sql.fetchval(LATE, batch.answer_by)
        trial.figures |= {
            "clocks": due,
            "all announced after, s": round(seconds),
            "lateness p50, max, s": late,
        }


async def one_poisoned(trial: Trial) -> None:
    cluster = trial.cluster
    amount, whole = cluster.amount(FILES, least=100), cluster.amount(WHOLE, least=50)
    batch = await imported(cluster, whole)
    await copied(cluster, batch, amount - whole)
    due = int(await cluster.value("deadlines", DUE, batch.answer_by))
    victim = batch.ids[whole // 2]
    version = await cluster.value("deadlines", VERSION, victim)

    async def announced() -> int:
        return int(await cluster.value("deadlines", ELAPSED, batch.answer_by))

    deadlines = cluster.processes["deadlines"]
    begins = deadlines.log.stat().st_size
    async with cluster.sql("deadlines") as sql:
        await sql.execute(POISON, victim)
    try:
        await cluster.stage.advance(batch.certain + timedelta(seconds=2))
        async with trial.fault(f"one of {due} clocks cannot be read"):
            await cluster.reaches("clocks that elapsed", announced, due - 1)
            await asyncio.sleep(2)
        alarms = {line["clock"] for line in deadlines.said("clocks.poisoned", begins)}
        elapsed = await announced()
        trial.figures |= {"proceeded": elapsed, "of": due, "files that raised an alarm": len(alarms)}
        if (elapsed, len(alarms)) != (due - 1, 1):
            raise Wrong(f"{elapsed} of {due} proceeded, {len(alarms)} files raised an alarm")
    finally:
        async with cluster.sql("deadlines") as sql:
            await sql.execute(CURE, victim, version)
    await cluster.reaches("clocks that elapsed", announced, due)


async def race(trial: Trial, amount: int) -> Batch:
    """Decisions on so many files, half of them before the midnight at which all fall due; consumers die
    meanwhile, and what the clocks say is said again. Returns the files, settled.
    """
    cluster, first = trial.cluster, min(200, amount // 5)
    batch = await imported(cluster, amount)
    # Half of the decisions come before midnight, at the pace that this machine was seen to have.
    rate = await decided(trial, batch, range(first))
    await cluster.stage.advance(batch.answer_by - timedelta(seconds=(amount - first) / 2 / max(rate, 5)))
    async with trial.fault(f"{amount} decisions race their midnight"):
        async with unrest(trial, ["rokhas", "deadlines"], [CLOCKS.topic]):
            trial.figures["decisions a second"] = round(await decided(trial, batch, range(first, amount)))
        if await cluster.value("rokhas", "SELECT msg.legal_now()") < batch.certain:
            await cluster.stage.advance(batch.certain + timedelta(seconds=2))
        await healed(cluster)
        await drained(cluster, trial)
    return batch


async def legal_race(trial: Trial, files: int) -> None:
    cluster = trial.cluster
    amount = cluster.amount(files, least=150)
    async with cluster.twin("rokhas"):
        batch = await race(trial, amount)
    trial.figures |= await outcomes(cluster, batch)
    for outcome in ("refused", "approved_by_silence"):
        if trial.figures.get(outcome, 0) < amount / 50:
            raise Toothless(f"of {amount} files only {trial.figures.get(outcome, 0)} were {outcome}: no race")


SCENARIOS: Final = (
    Scenario(
        name="legal_race",
        number=15,
        what="10,000 files whose decision races their expiry; deliveries doubled, consumers killed",
        asks="one legal outcome each, refusals before the instant, silence as of it",
        run=partial(legal_race, files=FILES),
        sets=frozenset({SCALE}),
        quiet=True,
    ),
    Scenario(
        name="legal_race_small",
        number=15,
        what="some hundred files whose decision races their expiry",
        asks="one legal outcome each",
        run=partial(legal_race, files=SOME),
        sets=frozenset({DEFAULT, CI}),
        quiet=True,
    ),
    Scenario(
        name="midnight",
        number=15,
        what="100,000 clocks due at one midnight, two processes that announce them, killed six times",
        asks="every expiry once, none early",
        run=hundred_thousand,
        sets=frozenset({SCALE}),
        quiet=True,
    ),
    Scenario(
        name="one_poisoned",
        number=15,
        what="one file of 10,000 whose clock cannot be read",
        asks="9,999 proceed, one alarm; mended, the last one follows",
        run=one_poisoned,
        sets=frozenset({SCALE}),
        quiet=True,
    ),
)
