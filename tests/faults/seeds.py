"""Many files and many clocks at once, for what happens at one midnight.

Files come over HTTP by the president's import, some hundred to a table: each has its own event, as if it had
been taken over from another system. A hundred thousand clocks would take that way most of an hour on two
cores: they are copies in SQL of a clock that the domain opened, announced by `msg.emit` like any other.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final
from uuid import UUID, uuid4

import httpx

from services.rokhas.store.imports import identity
from tests.faults.cluster import Cluster, Stuck
from tests.faults.people.rokhas import COMMUNES, PROCEDURE

TABLE: Final = 500  # lines of one import
PATIENCE: Final = 120.0
PORTION: Final = 2500  # clocks of one transaction
HANDS: Final = 4  # sessions that copy side by side
KNOWN: Final = """
    SELECT count(*) FROM rokhas.dossier
    WHERE id = ANY($1::uuid[]) AND answer_by IS NOT NULL"""
DUE: Final = """
    SELECT DISTINCT answer_by, coalesce(settled_at, answer_by) AS certain FROM deadlines.clock
    WHERE service = 'rokhas' AND aggregate_id = ANY($1::text[]) AND role = 'decision'"""
COPY: Final = """
    WITH made AS (SELECT gen_random_uuid() AS clock, gen_random_uuid() AS file FROM generate_series(1, $2)),
    told AS (
      SELECT made.*, msg.emit('clock', made.clock::text, e.type, e.collectivity,
        convert_to(replace(replace(replace(convert_from(e.payload, 'UTF8'), c.id::text, made.clock::text),
          c.aggregate_id, made.file::text), '"service":"rokhas"', '"service":"faults"'), 'UTF8'),
        '{}', msg.legal_now()) AS announced
      FROM made, deadlines.clock c JOIN msg.event_log e ON e.aggregateid = c.id::text AND e.seq = 1
      WHERE c.id = $1)
    INSERT INTO deadlines.clock
    SELECT (jsonb_populate_record(c, jsonb_build_object('id', told.clock, 'service', 'faults',
      'aggregate_id', told.file::text, 'version', (told.announced).seq))).*
    FROM told, deadlines.clock c WHERE c.id = $1"""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Files of one commune that fall due at one instant. `certain` is when their expiry may be announced: the
    same, unless a feast that is only estimated may still move it.
    """

    files: Sequence[UUID]
    commune: str
    answer_by: datetime
    certain: datetime

    @cached_property  # which needs a `__dict__`: no slots
    def ids(self) -> list[str]:
        return [str(file) for file in self.files]


async def imported(
    cluster: Cluster,
    amount: int,
    *,
    commune: str = COMMUNES[0],
    say: Callable[[str], None] = lambda _: None,
) -> Batch:
    """Complete files submitted now, over HTTP; returns once each knows its date."""
    mark = uuid4().hex[:8]
    now = (await cluster.value("rokhas", "SELECT msg.legal_now()")).replace(microsecond=0)
    references = [f"{mark}-{n:06d}" for n in range(amount)]
    headers = {"Authorization": f"Bearer {cluster.stage.issuer.token('president', commune=commune)}"}
    url = f"{cluster.processes['rokhas'].url}/v1/imports"
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client:
        for start in range(0, amount, TABLE):
            lines = [
                f"{PROCEDURE},{commune},citizen.{reference},{reference},{now.isoformat()}"
                for reference in references[start : start + TABLE]
            ]
            table = "\n".join(["procedure,collectivity,applicant,reference,submitted_at", *lines])
            await _import(client, url, headers, table)
    files = [identity(commune, reference) for reference in references]

    async def known() -> int:
        return int(await cluster.value("rokhas", KNOWN, files))

    await cluster.reaches("files that know their date", known, amount, say=say)
    async with cluster.sql("deadlines") as sql:
        (due,) = await sql.fetch(DUE, [str(file) for file in files])
    return Batch(files=files, commune=commune, answer_by=due["answer_by"], certain=due["certain"])


async def _import(client: httpx.AsyncClient, url: str, headers: dict[str, str], table: str) -> None:
    """Again while the outbox is too deep for bulk: that is what its answer asks for."""
    key = uuid4().hex
    for _ in range(120):
        answer = await client.post(
            url,
            params={"dry_run": "false"},
            files={"file": ("files.csv", table.encode(), "text/csv")},
            headers={**headers, "Idempotency-Key": key},
        )
        if answer.status_code < 300:
            if refused := answer.json()["refused"]:
                raise Stuck(f"the import refused {refused[:2]}")
            return
        if answer.status_code not in {429, 503}:
            break
        await asyncio.sleep(2)
    raise Stuck(f"the import was answered {answer.status_code}: {answer.text[:300]}")


async def copied(cluster: Cluster, batch: Batch, amount: int) -> None:
    """So many clocks more that are due with this batch's, of files of a service that is not here."""
    async with cluster.sql("deadlines") as sql:
        pattern = await sql.fetchval(
            "SELECT id FROM deadlines.clock WHERE aggregate_id = $1 AND role = 'decision'", batch.ids[0]
        )
    portions = [min(PORTION, amount - start) for start in range(0, amount, PORTION)]

    async def copy() -> None:
        async with cluster.sql("deadlines") as sql:
            while portions:
                await sql.execute(COPY, pattern, portions.pop())

    await asyncio.gather(*(copy() for _ in range(HANDS)))
