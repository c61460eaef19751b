"""The checker is tested itself: a process with a broken variant in it must be caught from outside."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from tests.faults.broken import BROKEN, HOLD, STANDS
from tests.faults.cluster import Cluster, Process, Stuck
from tests.faults.heal import drained
from tests.faults.journal import Outcome
from tests.faults.people.rokhas import COMMUNES, DOCUMENTS, DOSSIERS, PDF, PROCEDURE, REASON
from tests.faults.registry import MUTANTS, Scenario, Trial, Wrong
from tests.faults.scenarios.open_transaction import EMIT
from tests.faults.seeds import Batch, imported

SUBJECT: Final = "SELECT last_seq FROM msg.inbox_head WHERE consumer = 'witness.all' AND aggregateid = $1"
SILENT: Final = """
    SELECT count(DISTINCT aggregateid) FROM msg.event_log
    WHERE aggregateid = ANY($1::text[]) AND type = 'ma.jamaa.rokhas.dossier.approved_by_silence.v1'"""
ME: Final = "citizen778"
HELD: Final = 4  # files whose president is at it when the silence comes: no more than a pool has connections
PAIRS: Final = 2  # files that two presidents sign at once
THOUGHT: Final = 9.0  # seconds: within what a client waits, and a transaction may stand still
EVE: Final = timedelta(minutes=10)  # before midnight: the clock of the law waits for no slow machine


async def _with(trial: Trial, service: str, variant: str) -> Process:
    """The service's process runs the variant from now on."""
    return await trial.cluster.again(service, FAULTS_BREAK=variant)


async def by_cursor(trial: Trial) -> None:
    """An event whose position was drawn before others and committed after they were sent."""
    cluster = trial.cluster
    await _with(trial, "rokhas", "relay_by_cursor")
    async with cluster.sql("rokhas") as sql, trial.fault("a transaction commits late"):
        late = sql.transaction()
        await late.start()
        await sql.fetchval(EMIT, str(uuid4()))
        await asyncio.sleep(5)
        await late.commit()


async def skip_locked(trial: Trial) -> None:
    """Several events of one file in several hands."""
    cluster = trial.cluster
    async with cluster.sql("rokhas") as sql:
        await sql.execute("GRANT UPDATE ON msg.outbox_pending TO jamaa_rokhas_worker")
        await _with(trial, "rokhas", "relay_by_skip_locked")
        subject = str(uuid4())
        async with trial.fault("eight events of one file at once"), sql.transaction():
            for _ in range(8):
                await sql.fetchval(EMIT, subject)
        await asyncio.sleep(3)


async def _draft(trial: Trial) -> tuple[str, str]:
    body = {"procedure": PROCEDURE, "collectivity": COMMUNES[0], "site": "Lot 8"}
    command, answer = await trial.crowd.do("rokhas", "dossier", "draft", ME, DOSSIERS, body)
    if command.outcome is not Outcome.OK:
        raise Wrong(f"no file: {command.status}")
    command.subject = answer["id"]
    stored = await trial.crowd.client.post(
        trial.crowd.url("rokhas", "/v1/files"),
        files={"file": ("document.pdf", PDF, "application/pdf")},
        headers={**trial.crowd.headers(ME), "Idempotency-Key": uuid4().hex},
    )
    return answer["id"], stored.json()["sha256"]


async def _attach(trial: Trial, file: str, document: str, digest: str) -> None:
    path, body = f"{DOSSIERS}/{file}/documents", {"document": document, "file": digest}
    await trial.crowd.do("rokhas", "dossier", "attach", ME, path, body, subject=file)


async def head_lock(trial: Trial) -> None:
    """One reader stands still in its transaction; the other is given its partitions and applies the same.

    All is there before: the head, which both would wait for, and the second reader, for PostgreSQL ends a
    transaction that stands still for half a minute.
    """
    cluster = trial.cluster
    first = await _with(trial, "witness", "consumer_without_head_lock")
    second = Process("witness", cluster.variables, label="witness-2")
    second.more = first.more
    try:
        await second.up(cluster.note)
        file, digest = await _draft(trial)
        await drained(cluster, trial)  # so that nobody meets the point with another event
        async with trial.fault("a reader stands still between its work and the head"):
            struck = cluster.arm("witness", "inbox.handled", "stop")
            await _attach(trial, file, DOCUMENTS[0], digest)
            await cluster.struck(struck)
            await cluster.until("the other applies the same", _reaches(cluster, file, 2), within=60)
            for reader in (first, second):
                reader.resume()
            await asyncio.sleep(5)
    finally:
        for reader in (first, second):
            reader.resume()
        await second.down()


async def retry_topic(trial: Trial) -> None:
    """What failed is applied after what followed it."""
    cluster = trial.cluster
    await _with(trial, "witness", "retry_topic")
    file, digest = await _draft(trial)
    await cluster.until("the draft is applied", _reaches(cluster, file, 1), within=60)
    async with cluster.sql("witness") as sql:
        await sql.execute("INSERT INTO witness.poison VALUES ($1)", file)
        await _attach(trial, file, DOCUMENTS[0], digest)
        await cluster.until("the failed event is passed over", _reaches(cluster, file, 2), within=60)
        await sql.execute("DELETE FROM witness.poison")
    await _attach(trial, file, DOCUMENTS[1], digest)
    await cluster.until("the next one is applied", _reaches(cluster, file, 3), within=60)
    await asyncio.sleep(15)


def _reaches(cluster: Cluster, file: str, head: int) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return bool(await cluster.value("witness", SUBJECT, file) == head)

    return look


async def decision(trial: Trial, variant: str) -> None:
    """Presidents have read their files and hold the refusal in their hand when the silence comes; then they
    sign. Afterwards two of them sign one file at once.
    """
    cluster = trial.cluster
    await _with(trial, "rokhas", variant)
    batch = await imported(cluster, HELD + PAIRS)
    held, pairs = batch.ids[:HELD], batch.ids[HELD:]
    await cluster.stage.advance(batch.answer_by - EVE)
    async with trial.fault("two presidents sign one file at once"), _thinking(trial):
        signing = [_refuse(trial, batch, file, n) for file in pairs for n in (1, 2)]
        tasks = [asyncio.create_task(one) for one in signing]
        with contextlib.suppress(Stuck):  # with the lock, the second waits for the first
            await _stand(trial, 2 * PAIRS)
    await asyncio.gather(*tasks)
    async with trial.fault("the silence comes while presidents hold their refusals"), _thinking(trial):
        tasks = [asyncio.create_task(_refuse(trial, batch, file, 1)) for file in held]
        await _stand(trial, HELD)
        await cluster.stage.advance(batch.certain + timedelta(milliseconds=100))

        async def all_silent() -> bool:
            return await _silent(trial, held) == HELD

        with contextlib.suppress(Stuck):  # with the lock, silence waits until they have signed
            await cluster.until("the silence is written", all_silent, within=THOUGHT)
        trial.figures["approved by silence meanwhile"] = await _silent(trial, held)
    await asyncio.gather(*tasks)


@asynccontextmanager
async def _thinking(trial: Trial) -> AsyncIterator[None]:
    """Whoever decides stands between reading and writing while the block runs."""
    hold = trial.cluster.points / HOLD
    for said in _standing(trial):
        said.unlink()
    await asyncio.to_thread(hold.touch)
    try:
        yield
    finally:
        await asyncio.to_thread(hold.unlink, missing_ok=True)


async def _stand(trial: Trial, amount: int) -> None:
    """Until so many presidents have read their file and hold the pen. Raises Stuck."""

    async def all_stand() -> bool:
        return len(await asyncio.to_thread(_standing, trial)) == amount

    await trial.cluster.until("presidents have read their files", all_stand, within=THOUGHT)


def _standing(trial: Trial) -> list[Path]:
    return list(trial.cluster.points.glob(f"{STANDS}.*"))


async def _refuse(trial: Trial, batch: Batch, file: str, number: int) -> None:
    body = {"outcome": "refused", "reasons": [REASON]}
    path, by = f"{DOSSIERS}/{file}/decision", f"president{number}"
    await trial.crowd.do("rokhas", "dossier", "decide", by, path, body, subject=file, commune=batch.commune)


async def _silent(trial: Trial, files: list[str]) -> int:
    async with trial.cluster.sql("rokhas") as sql:
        return int(await sql.fetchval(SILENT, files))


RUNS: Final[dict[str, Callable[[Trial], Awaitable[Any]]]] = {
    "relay_by_cursor": by_cursor,
    "relay_by_skip_locked": skip_locked,
    "consumer_without_head_lock": head_lock,
    "retry_topic": retry_topic,
    "decision_without_row_lock": partial(decision, variant="decision_without_row_lock"),
    "decision_slow": partial(decision, variant="decision_slow"),
}

SCENARIOS: Final = tuple(
    Scenario(
        name=name,
        number=90,
        what=BROKEN[name].what,
        asks="the checker finds it" if BROKEN[name].promises else "the checker finds nothing",
        run=run,
        sets=frozenset({MUTANTS}),
        catches=BROKEN[name].promises,
        quiet=name not in {"relay_by_cursor", "relay_by_skip_locked"},
    )
    for name, run in RUNS.items()
)
