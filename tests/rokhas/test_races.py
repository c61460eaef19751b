"""What several people do at once, with real commits: one legal outcome, whatever the order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from services.rokhas.domain import Dossier
from services.rokhas.store import dossiers
from shared.db import Tx
from shared.http import route
from shared.http.problems import sqlstate
from tests.rokhas.conftest import At, Happened, Says
from tests.rokhas.filed import CASABLANCA, filed
from tests.rokhas.test_api_commune import ANSWER_BY, ARTICLE, FILED, act, running
from tests.support.databases import ServiceDatabase
from tests.support.http import Api
from tests.support.probes import eventually

REFUSAL = {"outcome": "refused", "reasons": [ARTICLE]}
MOVES = "UPDATE rokhas.dossier SET version = version + 1 WHERE id = $1"
HEAD_MOVES = "UPDATE msg.aggregate_head SET last_seq = last_seq + 1 WHERE aggregateid = $1"
OUTCOMES = {"granted", "refused", "approved_by_silence"}


@pytest.fixture(autouse=True)
async def _legal_time(at: At) -> None:
    await at(FILED)


@pytest.fixture
async def other(rokhas: ServiceDatabase) -> AsyncIterator[asyncpg.Connection]:
    """A session that holds what the others then wait for."""
    connection = await asyncpg.connect(rokhas.admin_dsn)
    yield connection
    await connection.close()


async def waiting(other: asyncpg.Connection, sessions: int) -> None:
    """Until that many sessions wait for a lock."""
    count = (
        "SELECT count(*) >= $1 FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    async def enough() -> bool:
        await other.execute("SELECT pg_stat_clear_snapshot()")  # else one transaction sees one answer
        return bool(await other.fetchval(count, sessions))

    await eventually(enough, expected=True)


async def outcomes(happened: Happened, file: str) -> list[str]:
    return [event for event in await happened(file) if event in OUTCOMES]


def elapsed(clock_says: Says, file: str, times: int) -> list[Awaitable[None]]:
    """The same expiry, announced that often at once."""
    return [clock_says(file, "elapsed", answer_by=ANSWER_BY) for _ in range(times)]


async def test_late_refusals_racing_the_expiry_change_nothing(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, happened: Happened, at: At
) -> None:
    files = [await running(rokhas, clock_says) for _ in range(4)]
    await at(ANSWER_BY)
    race: list[Awaitable[Any]] = []
    for number, file in enumerate(files):
        entries = [act(api, file, "decision", "president", **REFUSAL), *elapsed(clock_says, file, 3)]
        race += entries if number % 2 else reversed(entries)
    answers = [one for one in await asyncio.gather(*race) if isinstance(one, httpx.Response)]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(409, "late_refusal")] * len(files)
    for file in files:
        assert await outcomes(happened, file) == ["approved_by_silence"]
        assert (await happened(file)).count("decision_attempted_late") == 1


async def test_a_refusal_begun_in_time_that_gets_the_file_first_wins(
    api: Api,
    rokhas: ServiceDatabase,
    clock_says: Says,
    happened: Happened,
    at: At,
    other: asyncpg.Connection,
) -> None:
    file = await running(rokhas, clock_says)
    await at(ANSWER_BY - timedelta(minutes=1))
    async with other.transaction():
        await other.fetchval("SELECT id FROM rokhas.dossier WHERE id = $1 FOR UPDATE", file)
        refusal = asyncio.create_task(act(api, file, "decision", "president", **REFUSAL))
        await waiting(other, 1)
        await at(ANSWER_BY)
        expiry = asyncio.gather(*elapsed(clock_says, file, 2))
        await waiting(other, 3)
    assert (await refusal).status_code == 200
    await expiry
    assert await outcomes(happened, file) == ["refused"]


async def test_a_refusal_sent_in_time_that_waits_until_the_silence_is_announced_is_late(
    api: Api,
    rokhas: ServiceDatabase,
    clock_says: Says,
    happened: Happened,
    at: At,
    other: asyncpg.Connection,
) -> None:
    file = await running(rokhas, clock_says)
    await at(ANSWER_BY - timedelta(minutes=1))
    key = uuid4().hex
    held = other.transaction()
    await held.start()  # the request waits for its idempotency key, as behind its own first attempt
    await other.execute("SELECT pg_advisory_xact_lock(hashtext('president'), hashtext($1))", key)
    path = f"/v1/dossiers/{file}/decision"
    refusal = asyncio.create_task(api.post(path, "president", key=key, json=REFUSAL))
    await waiting(other, 1)
    await at(ANSWER_BY)
    await asyncio.gather(*elapsed(clock_says, file, 2))
    await held.rollback()
    assert (await refusal).json()["code"] == "late_refusal"
    assert await outcomes(happened, file) == ["approved_by_silence"]


@pytest.mark.parametrize("conditional", [False, True])
async def test_of_two_officers_who_decide_at_once_one_wins(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, happened: Happened, conditional: bool
) -> None:
    file = await running(rokhas, clock_says)
    read = (await api.get(f"/v1/dossiers/{file}", "president")).headers["etag"]
    headers = {"If-Match": read} if conditional else {}
    path = f"/v1/dossiers/{file}/decision"
    answers = await asyncio.gather(
        api.post(path, "president", json=REFUSAL, headers=headers),
        api.post(path, "president2", json=REFUSAL, headers=headers),
    )
    assert sorted(a.status_code for a in answers) == [200, 412 if conditional else 409]
    assert await outcomes(happened, file) == ["refused"]


async def test_the_same_request_sent_twice_at_once_is_carried_out_once(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, happened: Happened
) -> None:
    file = await running(rokhas, clock_says)
    path, key = f"/v1/dossiers/{file}/decision", uuid4().hex
    answers = await asyncio.gather(
        *(api.post(path, "president", key=key, json={"outcome": "granted"}) for _ in range(3))
    )
    assert {(a.status_code, a.text) for a in answers} == {(200, answers[0].text)}
    assert await outcomes(happened, file) == ["granted"]


async def test_numbers_have_no_gap_and_no_double_however_many_file_at_once(
    api: Api, rokhas: ServiceDatabase
) -> None:
    drafts = [str(await filed(rokhas, submitted=False, by=f"citizen{n}")) for n in range(2, 8)]
    # Whoever comes second draws a number as well, and gives it back: the whole request rolls back.
    answers = await asyncio.gather(
        *(
            api.post(f"/v1/dossiers/{draft}/submission", f"citizen{n}", json={})
            for _ in range(2)
            for n, draft in enumerate(drafts, start=2)
        )
    )
    assert sorted(a.status_code for a in answers) == [200] * len(drafts) + [409] * len(drafts)
    numbers = sorted(a.json()["reference"] for a in answers if a.status_code == 200)
    assert numbers == [f"{CASABLANCA}/2026/{n:05d}" for n in range(1, len(drafts) + 1)]


async def test_a_number_drawn_by_a_transaction_that_rolls_back_is_drawn_again(
    api: Api, rokhas: ServiceDatabase, other: asyncpg.Connection
) -> None:
    drafts = [str(await filed(rokhas, submitted=False)) for _ in range(2)]
    held = other.transaction()
    await held.start()
    assert await other.fetchval("SELECT rokhas.next_number($1, 2026)", CASABLANCA) == 1
    waits = asyncio.gather(*(api.post(f"/v1/dossiers/{d}/submission", "citizen", json={}) for d in drafts))
    await waiting(other, 2)
    await held.rollback()
    numbers = sorted(answer.json()["reference"] for answer in await waits)
    assert numbers == [f"{CASABLANCA}/2026/00001", f"{CASABLANCA}/2026/00002"]


async def test_two_imports_of_the_same_table_at_once_import_it_once(api: Api) -> None:
    lines = "\n".join(
        f"repair,{CASABLANCA},c-{n},R {n},2026-02-25T09:00:00Z,granted,2026-02-26T09:00:00Z"
        for n in range(20)
    )
    table = f"procedure,collectivity,applicant,reference,submitted_at,outcome,notified_at\n{lines}".encode()
    answers = await asyncio.gather(
        *(
            api.post("/v1/imports?dry_run=false", persona, files={"file": ("x.csv", table)})
            for persona in ("president", "president2", "president")
        )
    )
    assert sorted((a.json()["imported"], a.json()["already"]) for a in answers) == [(0, 20), (0, 20), (20, 0)]


async def test_a_rush_in_one_commune_waits_for_no_deadlock(
    api: Api, rokhas: ServiceDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One way draws the number under the file's lock, the other with the write: both before it is written."""
    tried: list[str | None] = []

    def seen(error: BaseException) -> str | None:
        tried.append(sqlstate(error))
        return tried[-1]

    monkeypatch.setattr(route, "sqlstate", seen)
    await filed(rokhas)
    for _ in range(3):
        drafts = [await filed(rokhas, submitted=False) for _ in range(8)]
        answers = await asyncio.gather(
            *(api.post(f"/v1/dossiers/{draft}/submission", "citizen", json={}) for draft in drafts)
        )
        assert {answer.status_code for answer in answers} == {200}
    assert tried, "some met"
    assert "40P01" not in tried, "and none of them in a circle"


async def test_who_runs_again_and_its_twin_have_one_answer(
    api: Api, rokhas: ServiceDatabase, other: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file moved, so the first runs again under the lock; with the same key a second one arrives
    between its claim of the key and its lock on the file.
    """
    await filed(rokhas)
    file, key = await filed(rokhas, submitted=False), uuid4().hex
    path = f"/v1/dossiers/{file}/submission"
    locked, claimed, go = dossiers.locked, asyncio.Event(), asyncio.Event()
    moved = False

    async def slow(tx: Tx, dossier_id: UUID, *, version: int | None = None) -> Dossier:
        nonlocal moved
        if tx.arrived is None:
            claimed.set()
            await go.wait()
        dossier = await locked(tx, dossier_id, version=version)
        if not moved:
            moved = True
            await other.execute(MOVES, dossier_id)
            await other.execute(HEAD_MOVES, str(dossier_id))
        return dossier

    monkeypatch.setattr(dossiers, "locked", slow)
    first = asyncio.create_task(api.post(path, "citizen", json={}, key=key))
    async with asyncio.timeout(30):
        await claimed.wait()
    second = asyncio.create_task(api.post(path, "citizen", json={}, key=key))
    try:
        await waiting(other, 1)
    finally:
        go.set()
    answers = await asyncio.gather(first, second)
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}


async def test_who_holds_a_number_for_long_sends_nobody_away(
    api: Api, rokhas: ServiceDatabase, other: asyncpg.Connection
) -> None:
    """Whoever writes without a lock waits a tenth of a second for it, and then in line."""
    await filed(rokhas)
    file = await filed(rokhas, submitted=False)
    async with other.transaction():
        await other.execute("SELECT FROM rokhas.numbering FOR UPDATE")
        submission = asyncio.create_task(api.post(f"/v1/dossiers/{file}/submission", "citizen", json={}))
        await waiting(other, 1)
        await asyncio.sleep(0.3)
        await waiting(other, 1)
        assert not submission.done()
    assert (await submission).status_code == 200
