"""Everything back as it was, and all that is on its way arrived."""

import asyncio
from typing import Final

import httpx

from deploy.auditor import workers
from shared.auditor import mismatches, watches
from tests.faults.cluster import ALL, Cluster, Stuck
from tests.faults.evidence import Evidence
from tests.faults.registry import Trial

PATIENCE: Final = 240.0
SHOWN: Final = 200  # files that are also looked at over HTTP
DUE: Final = """
    SELECT count(*) FROM deadlines.clock
    WHERE next_at <= msg.legal_now() AND id::text <> ALL($1::text[])"""
STALE: Final = """
    SELECT count(*) FROM deadlines.clock, deadlines.calendar_revision r
    WHERE state = 'running' AND calendar_revision < (SELECT max(revision) FROM deadlines.calendar_revision)
      AND id::text <> ALL($1::text[])"""
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
    """Waits until nothing is on its way any more; returns how many seconds that took. Raises Stuck."""
    declared = sorted(trial.declared)

    async def at_rest() -> bool:
        await asyncio.sleep(0)
        return not trial.crowd.under_way

    await cluster.until("people finish what they do", at_rest, within=within)
    async with workers(cluster.variables, ALL, purpose="harness") as databases:
        watched = watches(ALL, databases)
        left: dict[str, int] = {}

        async def look() -> bool:
            left.clear()
            for service in ALL:
                left[f"pending in {service.name}"] = await cluster.value(service.name, PENDING)
                # Sealed by a task, not by a consumer: its event comes when every head is equal already.
                left[f"documents to seal in {service.name}"] = await cluster.value(service.name, UNSEALED)
            left["clocks due"] = await cluster.value("deadlines", DUE, declared)
            if any(left.values()):
                return False
            for watch in watched:
                unequal = [m for m in await mismatches(watch) if m.key[2] not in trial.declared]
                left[f"{watch.consumer} of {watch.source}"] = len(unequal)
            return not any(left.values())

        try:
            return await cluster.until("drained", look, within=within)
        except Stuck:
            raise Stuck(f"not drained: { ({what: n for what, n in left.items() if n}) }") from None


async def shown(trial: Trial, seen: Evidence) -> dict[str, tuple[str, int]]:
    """What HTTP answers of some of the files: state and version."""
    owners = {c.subject: c.by for c in seen.commands if c.what == "draft" and c.subject}
    there = sorted(owners.keys() & seen.files.keys())
    chosen = trial.chance.sample(there, min(SHOWN, len(there)))
    found: dict[str, tuple[str, int]] = {}
    for file in chosen:
        try:
            answer = await trial.crowd.get("rokhas", f"/v1/dossiers/{file}", owners[file])
            body, version = answer.json(), int(answer.headers["etag"].strip('W/"'))
            found[file] = (body["state"], version)
        except (httpx.HTTPError, KeyError) as error:
            found[file] = (repr(error), 0)
    return found
