"""A request is one transaction: what was answered is committed, what was raised left nothing."""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import current_thread, main_thread
from uuid import uuid4

import asyncpg
import pytest

from deploy.engines import free_port
from deploy.serve import listening
from shared.http import idempotency
from tests.shared.conftest import Toy
from tests.shared.toy.service import runs

NOTE = {"commune": "06.141.01.0", "body": "hello"}


async def test_an_answer_is_committed_with_its_event(toy: Toy) -> None:
    before = await toy.counts()
    note = await toy.note()
    assert (await toy.counts())["events"] == before["events"] + 1
    read = await toy.client.get(f"/toy/v1/notes/{note['id']}", headers=toy.headers())
    assert (read.status_code, read.headers["ETag"]) == (200, '"1"')


async def test_a_commit_that_fails_is_never_answered_as_done(toy: Toy) -> None:
    before = await toy.counts()
    path, key = f"/toy/v1/notes/{uuid4()}/trouble?times=0&kind=commit", uuid4().hex  # a deferred foreign key
    answer = await toy.post(path, "president", key=key)
    assert (answer.status_code, answer.json()["code"]) == (500, "unexpected")
    assert await toy.counts() == before
    assert (await toy.post(path, "president", key=key)).status_code == 500
    assert runs == ["trouble", "trouble"], "the failed request left an idempotency key behind"


async def test_a_bug_answers_500_without_its_text_and_rolls_back(toy: Toy, logged: io.StringIO) -> None:
    before = await toy.counts()
    answer = await toy.post(f"/toy/v1/notes/{uuid4()}/trouble?times=0&kind=bug", "president")
    assert answer.status_code == 500
    assert "AB123456" not in answer.text
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    (bug,) = [line for line in lines if line["event"] == "http.unexpected"]
    assert bug["correlation_id"] == answer.headers["X-Correlation-ID"]
    assert "in trouble" in bug["exception"]
    assert await toy.counts() == before


async def test_an_answer_without_content_has_no_body_also_when_repeated(toy: Toy) -> None:
    path, key = f"/toy/v1/notes/{uuid4()}/reminder", uuid4().hex
    for _ in range(2):
        answer = await toy.post(path, "president", key=key)
        assert (answer.status_code, answer.content) == (204, b"")
        assert "content-type" not in answer.headers
    assert runs == ["remind"]


async def test_a_returned_refusal_is_recorded_and_answered(toy: Toy) -> None:
    before = await toy.counts()
    path, key = f"/toy/v1/notes/{uuid4()}/answer", uuid4().hex
    first = await toy.post(path, "president", key=key)
    assert (first.status_code, first.json()["code"]) == (409, "too_late")
    assert (await toy.counts())["events"] == before["events"] + 1
    again = await toy.post(path, "president", key=key)
    assert (again.status_code, again.content) == (409, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert runs == ["answer"]


@pytest.mark.parametrize("state", ["40001", "40P01"])
@pytest.mark.parametrize(("failures", "status", "attempts"), [(1, 200, 2), (2, 200, 3), (3, 503, 3)])
async def test_a_serialisation_failure_runs_the_request_again(
    toy: Toy, state: str, failures: int, status: int, attempts: int
) -> None:
    before = await toy.counts()
    answer = await toy.post(f"/toy/v1/notes/{uuid4()}/trouble?times={failures}&kind={state}", "president")
    assert answer.status_code == status
    assert len(runs) == attempts
    assert (await toy.counts())["events"] == before["events"] + (status == 200)
    assert ("Retry-After" in answer.headers) == (status == 503)


@pytest.mark.parametrize(
    ("state", "code", "wait"),
    [
        *((state, "busy", "1") for state in ("55P03", "57014", "57P01", "08006")),
        ("53100", "storage_full", "30"),
    ],
)
async def test_a_database_that_cannot_now_is_503_at_once(toy: Toy, state: str, code: str, wait: str) -> None:
    answer = await toy.post(f"/toy/v1/notes/{uuid4()}/trouble?times=9&kind={state}", "president")
    assert (answer.status_code, answer.json()["code"], len(runs)) == (503, code, 1)
    assert answer.headers["Retry-After"] == wait


async def test_requests_wait_for_a_connection_and_then_say_so(toy: Toy) -> None:
    toy.database.pool.patience = 0.05
    held = [await toy.database.pool.take() for _ in range(8)]
    answer = await toy.client.get("/toy/v1/notes", headers=toy.headers())
    for session in held:
        await toy.database.pool.give(session)
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == "1"
    assert (await toy.client.get("/toy/v1/notes", headers=toy.headers())).status_code == 200


async def test_work_before_the_transaction_is_outside_it(toy: Toy) -> None:
    key = uuid4().hex
    first = await toy.post("/toy/v1/files", key=key, files={"file": ("plan.pdf", b"%PDF", "application/pdf")})
    assert (first.status_code, first.json()) == (200, {"plan.pdf": 4})
    again = await toy.post("/toy/v1/files", key=key, files={"file": ("plan.pdf", b"%PDF", "application/pdf")})
    assert again.headers["Idempotency-Replayed"] == "true", "a new multipart boundary is no new request"
    other = await toy.post("/toy/v1/files", key=key, files={"file": ("plan.pdf", b"%PDX", "application/pdf")})
    assert other.json()["code"] == "idempotency_key_reused"


async def test_concurrent_requests_with_one_key_have_one_effect(toy: Toy) -> None:
    before = await toy.counts()
    key, body = uuid4().hex, {"commune": "06.141.01.0", "body": "once"}
    answers = await asyncio.gather(*(toy.post("/toy/v1/notes", key=key, json=body) for _ in range(6)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.content for a in answers}) == 1
    assert sum("Idempotency-Replayed" in a.headers for a in answers) == 5
    assert {a.headers["Location"] for a in answers} == {f"/toy/v1/notes/{answers[0].json()['id']}"}
    assert runs == ["write"]
    assert (await toy.counts())["events"] == before["events"] + 1


KILL = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = $1 AND pid <> pg_backend_pid()"""


async def test_connections_that_died_in_the_pool_cost_no_request(toy: Toy, toy_dsns: dict[str, str]) -> None:
    """PostgreSQL restarted, or somebody ended every session: nothing was done yet, so it is done anew."""
    held = [await toy.database.pool.take() for _ in range(8)]
    for session in held:
        await toy.database.pool.give(session)
    administrator = await asyncpg.connect(toy_dsns["admin"])
    killed = await administrator.fetchval(KILL, toy_dsns["admin"].rpartition("/")[2])
    assert killed >= 8
    answers = [await toy.client.get("/toy/v1/notes", headers=toy.headers()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    await administrator.execute("SELECT pg_sleep(0.1)")
    await administrator.fetchval(KILL, toy_dsns["admin"].rpartition("/")[2])
    await administrator.close()
    together = [toy.post("/toy/v1/notes", json=NOTE) for _ in range(8)]
    assert {answer.status_code for answer in await asyncio.gather(*together)} == {201}


@asynccontextmanager
async def spoken(toy: Toy, head: str) -> AsyncIterator[asyncio.StreamReader]:
    """What a server answers to a request of which only the head ever comes."""
    port = free_port()
    async with listening(toy.app, "127.0.0.1", port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.replace("\n", "\r\n").encode())
        await writer.drain()
        yield reader
        writer.close()


@pytest.mark.parametrize("length", ["Content-Length: 900000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize(
    ("persona", "status"), [(None, b"401 Unauthorized"), ("forged", b"401"), ("governor", b"403 Forbidden")]
)
async def test_who_may_not_is_refused_before_the_body_is_read(
    toy: Toy, length: str, persona: str | None, status: bytes
) -> None:
    token = "forged" if persona == "forged" else persona and toy.issuer.token(persona)
    said = f"Authorization: Bearer {token}\n" if token else ""
    head = f"POST /toy/v1/notes HTTP/1.1\nHost: x\nContent-Type: application/json\n{said}{length}\n\n"
    async with spoken(toy, head) as reader, asyncio.timeout(10):
        assert status in await reader.readline()


async def test_a_large_body_is_hashed_beside_the_loop(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = []

    def sha256(content: bytes) -> object:
        hashed.append((len(content) > idempotency.LARGE, current_thread() is main_thread()))
        return real(content)

    real = hashlib.sha256
    monkeypatch.setattr(idempotency, "sha256", sha256)
    for body in ("hello", "x" * idempotency.LARGE):
        await toy.post("/toy/v1/notes", json=NOTE | {"body": body})
    assert hashed == [(False, True), (True, False)]
