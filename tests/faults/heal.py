"""Everything back as it was, and all that is on its way arrived."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

import httpx

from deploy.auditor import workers
from shared.auditor import Watch, mismatches, watches
from tests.faults.cluster import ALL, Cluster, Stuck
from tests.faults.evidence import Evidence, Place
from tests.faults.registry import Trial

PATIENCE: Final = 240.0
SHOWN: Final = 200  # files and reports that are also looked at over HTTP
OVER_HTTP: Final = {"draft": "/v1/dossiers", "report": "/v1/reports"}
"""By the command that makes one: where whoever sent it reads it."""
MANY: Final = 50_000  # events: of so many that the sums agree is enough here, the checker compares each head
DUE: Final = """
    SELECT count(*) FROM deadlines.clock
    WHERE next_at <= msg.legal_now() AND id::text <> ALL($1::text[]) AND aggregate_id <> ALL($1::text[])"""
PRODUCED: Final = """
    SELECT aggregatetype, sum(last_seq) FROM msg.aggregate_head
    WHERE aggregateid <> ALL($1::text[]) GROUP BY 1"""
REACHED: Final = """
    SELECT consumer, source, sum(last_seq) FROM msg.inbox_head
    WHERE aggregateid <> ALL($1::text[]) GROUP BY 1, 2"""
PENDING: Final = "SELECT count(*) FROM msg.outbox_pending"
UNSEALED: Final = "SELECT count(*) FROM msg.document WHERE state = 'ordered'"


async def healed(cluster: Cluster) -> None:
    """Brokers run, both databases run, every process runs and is ready."""
    for file in cluster.points.iterdir():
        file.unlink(missing_ok=True)
    for process in (*cluster.processes.values(), cluster.auditor):
        process.resume()
    await cluster.kafka.restart()
    if not cluster.postgres.primary.running:
        await cluster.postgres.primary.start()
    if cluster.postgres.standby is None or not cluster.postgres.standby.running:
        await cluster.postgres.add_standby()
    for process in (*cluster.processes.values(), cluster.auditor):
        if process._keeper is None:
            await process.up(cluster.note)
    await cluster.ready()


async def drained(cluster: Cluster, trial: Trial, *, within: float = PATIENCE) -> float:
    """Waits until nothing is on its way any more; returns how many seconds that took. Raises Stuck when there
    was no progress for `within` seconds.
    """

    async def at_rest() -> bool:
        await asyncio.sleep(0)
        return not trial.crowd.under_way

    await cluster.until("people finish what they do", at_rest, within=within)
    return await settled(cluster, trial.declared, within=within)


async def settled(cluster: Cluster, declared: Collection[str], *, within: float = PATIENCE) -> float:
    """All sent, all applied, nothing due, but of the subjects that were declared; waits as long as less and
    less is left, however slowly: what is late on a slow machine is no promise broken, of a broken variant
    neither.
    """
    loop = asyncio.get_running_loop()
    began = progress = loop.time()
    least: int | None = None
    async with workers(cluster.variables, ALL, purpose="harness") as databases:
        watched, asked = watches(ALL, databases), loop.time()
        while left := await _left(cluster, watched, declared):
            rest, took = sum(left.values()), loop.time() - asked
            if least is None or rest < least:
                least, progress = rest, loop.time()
            if loop.time() - progress > within:
                raise Stuck(f"not drained: {left}")
            # To add up 200,000 heads of each consumer costs what it would take to apply hundreds of events.
            await asyncio.sleep(min(max(0.5, 4 * took), 5.0))
            asked = loop.time()
    return loop.time() - began


async def _left(cluster: Cluster, watched: Sequence[Watch], declared: Collection[str]) -> dict[str, int]:
    """How much of what is still on its way. Sums first: to compare 100,000 heads one by one takes seconds."""
    names, left = sorted(declared), Counter[str]()
    produced, reached = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for service in ALL:
        async with cluster.sql(service.name) as sql:
            left[f"pending in {service.name}"] = await sql.fetchval(PENDING)
            # Sealed by a task, not by a consumer: its event comes when every head is equal already.
            left[f"documents to seal in {service.name}"] = await sql.fetchval(UNSEALED)
            for kind, total in await sql.fetch(PRODUCED, names):
                produced[f"/{service.name}", kind] = int(total)
            for consumer, source, total in await sql.fetch(REACHED, names):
                reached[consumer, source] = int(total)
    left["clocks due"] = await cluster.value("deadlines", DUE, names)
    for watch in watched:
        announced = sum(produced[watch.source, kind] for kind in watch.aggregates)
        # Ahead of its producer is as wrong as behind: an event was lost that somebody has read.
        left[f"{watch.consumer} of {watch.source}"] = abs(announced - reached[watch.consumer, watch.source])
    if not any(left.values()) and max(reached.values(), default=0) < MANY:
        for watch in watched:
            unequal = [m for m in await mismatches(watch) if m.key[2] not in declared]
            left[f"{watch.consumer} of {watch.source}"] = len(unequal)
    return {what: count for what, count in left.items() if count}


async def shown(trial: Trial, seen: Evidence) -> dict[Place, tuple[str, int]]:
    """What HTTP answers of some of the files and reports: state and version."""
    made = {
        (c.service, c.aggregate, c.subject): c for c in seen.commands if c.what in OVER_HTTP and c.subject
    }
    there = sorted(made.keys() & seen.rows.keys())
    chosen = trial.chance.sample(there, min(SHOWN, len(there)))
    found: dict[Place, tuple[str, int]] = {}
    for place in chosen:
        path = f"{OVER_HTTP[made[place].what]}/{place[2]}"
        try:
            answer = await trial.crowd.get(place[0], path, made[place].by)
            body, version = answer.json(), int(answer.headers["etag"].strip('W/"'))
            found[place] = (body["state"], version)
        except (httpx.HTTPError, KeyError) as error:
            found[place] = (repr(error), 0)
    return found
