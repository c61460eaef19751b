"""How often a request asks the database: what nobody would notice until it is measured (0036)."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.rokhas.store import dossiers
from shared.auth import Actor, Role
from tests.rokhas.filed import filed
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

VERSION = text("SELECT version FROM rokhas.dossier WHERE id = :id")
SCOPE = text("SELECT current_setting('app.subject', true), current_setting('app.communes', true)")


async def test_a_submission_takes_two(api: Api, rokhas: ServiceDatabase, asked: list[str]) -> None:
    before, file = await filed(rokhas), await filed(rokhas, submitted=False)
    assert before != file, "the commune has given its first number of the year"
    asked.clear()
    answer = await api.post(f"/v1/dossiers/{file}/submission", "citizen", json={})
    assert answer.status_code == 200, answer.text
    arrival, written = asked
    assert "rokhas.arrive" in arrival
    assert all(
        part in written for part in ("msg.emit", "UPDATE rokhas.dossier", "next_number", "msg.idempotency")
    )


async def test_the_first_number_of_a_year_is_drawn_in_a_transaction(
    api: Api, rokhas: ServiceDatabase, asked: list[str]
) -> None:
    file = await filed(rokhas, submitted=False)
    asked.clear()
    answer = await api.post(f"/v1/dossiers/{file}/submission", "citizen", json={})
    assert answer.json()["reference"].endswith("/00001")
    arrival, begin, scope, drawn, _, committed = asked
    assert "rokhas.arrive" in arrival
    assert (begin, committed) == ("BEGIN", "COMMIT")
    assert "app.subject" in scope
    assert "next_number" in drawn


async def test_an_office_decides_under_the_lock(api: Api, rokhas: ServiceDatabase, asked: list[str]) -> None:
    file = await filed(rokhas)
    asked.clear()
    body = {"instructor": "instructor"}
    answer = await api.post(f"/v1/dossiers/{file}/assignment", "instructor", json=body)
    assert answer.status_code == 200, answer.text
    assert asked[0] == "BEGIN"
    assert any("FOR UPDATE" in sql for sql in asked)


async def test_no_scope_outlives_its_request(api: Api, rokhas: ServiceDatabase) -> None:
    """The same connection answers a stranger, and then whoever acts for nobody."""
    file = await filed(rokhas, submitted=False)
    path = f"/v1/dossiers/{file}/submission"
    assert (await api.post(path, "citizen", json={})).status_code == 200
    assert (await api.post(path, "citizen2", json={})).status_code == 404
    [(subject, communes)] = await rokhas.api.look(SCOPE)
    assert not subject
    assert not communes


async def withdrawn(rokhas: ServiceDatabase, file: UUID, applicant: str, *, writes_as: str) -> None:
    actor = Actor(subject=applicant, roles=frozenset({Role.CITIZEN}))
    key = {"key": uuid4().hex}
    async with rokhas.api.transaction(actor, claim=key, arrival=dossiers.arrival(file)) as tx:
        dossier = await dossiers.locked(tx, file)
        await dossiers.save(tx, dossier, because=dossier.withdraw(by=actor, now=tx.now))
        tx.scope = {**tx.scope, "subject": writes_as}


async def test_the_write_is_under_row_level_security_too(rokhas: ServiceDatabase) -> None:
    file = await filed(rokhas, submitted=False)
    before = await rokhas.worker.look(VERSION, {"id": file})
    with pytest.raises(DBAPIError, match="moved while it was decided on"):
        await withdrawn(rokhas, file, "citizen", writes_as="citizen2")
    assert await rokhas.worker.look(VERSION, {"id": file}) == before
    await withdrawn(rokhas, file, "citizen", writes_as="citizen")
    assert await rokhas.worker.look(VERSION, {"id": file}) != before


async def test_those_who_come_together_act_each_for_themselves(
    rokhas: ServiceDatabase, asked: list[str]
) -> None:
    """In two round trips for all of them; the one who writes in another's name spoils nobody's."""
    people = {"citizen": "06.141.01.0", "citizen2": "09.141.01.0"}
    files = [await filed(rokhas, collectivity=c, by=p, submitted=False) for p, c in people.items()]
    asked.clear()
    await asyncio.gather(*(withdrawn(rokhas, f, p, writes_as=p) for f, p in zip(files, people, strict=True)))
    assert len(asked) == 2, asked
    files = [await filed(rokhas, collectivity=c, by=p, submitted=False) for p, c in people.items()]
    done = await asyncio.gather(
        *(withdrawn(rokhas, f, p, writes_as="citizen") for f, p in zip(files, people, strict=True)),
        return_exceptions=True,
    )
    assert [type(one) for one in done] == [type(None), DBAPIError]


async def test_a_key_sent_many_times_at_once_is_one_submission(api: Api, rokhas: ServiceDatabase) -> None:
    file, key = await filed(rokhas, submitted=False), uuid4().hex
    path = f"/v1/dossiers/{file}/submission"
    answers = await asyncio.gather(*(api.post(path, "citizen", json={}, key=key) for _ in range(6)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 5


async def test_an_answer_given_again_takes_five(api: Api, rokhas: ServiceDatabase, asked: list[str]) -> None:
    file = await filed(rokhas, submitted=False)
    path, key = f"/v1/dossiers/{file}/submission", uuid4().hex
    await api.post(path, "citizen", json={}, key=key)
    asked.clear()
    again = await api.post(path, "citizen", json={}, key=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(asked) == 5, asked
