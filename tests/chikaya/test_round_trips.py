"""How often filing a report asks the database (decisions 0056, 0057), and what a key sent again does."""

import asyncio
from uuid import uuid4

from tests.chikaya.filed import anonymous, reported
from tests.support.http import Api
from tests.support.services import Happened


async def test_a_report_is_filed_in_two(api: Api, asked: list[str], happened: Happened) -> None:
    await api.post("/v1/reports", "citizen", json=reported())  # the token is known from here on
    asked.clear()
    answer = await api.post("/v1/reports", "citizen", json=reported())
    assert answer.status_code == 201, answer.text
    arrival, written = asked
    assert "chikaya.arrive" in arrival
    assert written.count("msg.emit") == 2
    assert all(part in written for part in ("INSERT INTO chikaya.report", "msg.idempotency"))
    assert await happened(answer.json()["report"]["id"]) == ["received", "acknowledged"]


async def test_one_key_sent_six_times_at_once_is_one_report(api: Api) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    answers = await asyncio.gather(
        *(api.post("/v1/reports", "citizen", json=reported(), headers=key) for _ in range(6))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["report"]["id"] for answer in answers}) == 1
    assert len((await api.get("/v1/reports", "citizen")).json()["items"]) == 1


async def test_without_an_account_too_both_events_are_there(api: Api, happened: Happened) -> None:
    answer = await api.post("/v1/anonymous-reports", json=anonymous())
    assert answer.status_code == 201, answer.text
    assert await happened(answer.json()["report"]["id"]) == ["received", "acknowledged"]
