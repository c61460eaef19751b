"""Five hundred complaints a minute from one number: limited, none lost, and nobody else waits."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import asyncpg
import httpx
import pytest
from limits import parse
from sqlalchemy import text

from services.chikaya.api import reports as filing
from services.chikaya.app import SERVICE
from services.chikaya.domain.pace import MOST
from services.chikaya.store import pace
from shared.errors import TooMany
from tests.chikaya.filed import CLIENT, anonymous, problem, reported
from tests.support.databases import ServiceDatabase
from tests.support.http import Api, api_of

NUMBER: Final = "+212612345678"
SECONDS: Final = 3600  # for a minute: however slow the machine, it does not pass while the test runs
STEPS: Final = ("received", "acknowledged")
LOGGED = text("""SELECT aggregateid, split_part(type, '.', 5) AS step FROM msg.event_log
    WHERE aggregatetype = 'report'""")


@pytest.fixture(autouse=True)
def _long_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SECONDS", SECONDS)


async def later(own: ServiceDatabase, seconds: int) -> None:
    """As if so much time had passed since each place was taken: they are counted in real time."""
    connection = await asyncpg.connect(own.migrator_dsn)
    await connection.execute(
        "UPDATE chikaya.place_taken SET taken_at = taken_at - make_interval(secs => $1)", seconds
    )
    await connection.close()


async def called(api: Api, number: int, contact: dict[str, str] | None = None) -> httpx.Response:
    """The n-th complaint that a call centre types in, with a key of its own."""
    said = {"channel": "call_centre", "text": f"Trou numéro {number} devant l'école."}
    body = reported(**said, **({"contact": contact} if contact else {}))
    return await api.post("/v1/reports", "agent", json=body, key=f"call-{number}")


async def test_five_hundred_at_once_from_one_number_none_lost_none_twice(
    api: Api, own: ServiceDatabase, tmp_path: Path
) -> None:
    """To two processes of the service."""
    done: dict[int, str] = {}
    async with api_of(SERVICE, own, tmp_path / "other") as other:

        async def all_of(numbers: list[int]) -> list[httpx.Response]:
            sent = (called((api, other)[one % 2], one, {"phone": NUMBER}) for one in numbers)
            answers = await asyncio.gather(*sent)
            for one, answer in zip(numbers, answers, strict=True):
                if answer.status_code == 201:
                    assert one not in done
                    done[one] = answer.json()["report"]["id"]
            return answers

        first = await all_of(list(range(500)))
        statuses = Counter(answer.status_code for answer in first)
        assert statuses[201] == MOST
        assert set(statuses) <= {201, 429, 503}, (
            "503: no connection was free in time, and nothing is held either"
        )
        assert await logged(own) == {(report, step): 1 for report in done.values() for step in STEPS}
        refused = next(answer for answer in first if answer.status_code == 429)
        assert problem(refused) == (429, "too_many_reports")
        assert 1 <= int(refused.headers["Retry-After"]) == refused.json()["retry_after"] <= SECONDS
        while waiting := [one for one in range(500) if one not in done]:
            before = len(done)
            await later(own, SECONDS)
            answers = await all_of(waiting[: MOST + 1])
            assert before < len(done) <= before + MOST, [answer.text for answer in answers]
        assert len(set(done.values())) == 500
        assert await logged(own) == {(report, step): 1 for report in done.values() for step in STEPS}
        again = await called(other, 7, {"phone": NUMBER})
        assert (again.status_code, again.json()["report"]["id"]) == (201, done[7]), "its first answer"


async def logged(own: ServiceDatabase) -> Counter[tuple[str, str]]:
    async with own.worker.transaction() as tx:
        return Counter((row.aggregateid, row.step) for row in await tx.execute(LOGGED))


async def test_the_same_request_after_the_time_that_was_said(api: Api, own: ServiceDatabase) -> None:
    body, key = anonymous(contact={"email": "Amina@example.ma"}), uuid4().hex
    for n in range(MOST):
        sender = ("Amina@example.ma", "amina@EXAMPLE.ma")[n % 2]
        answer = await api.post("/v1/anonymous-reports", json=anonymous(contact={"email": sender}))
        assert answer.status_code == 201, answer.text
    for _ in range(2):
        refused = await api.post("/v1/anonymous-reports", json=body, key=key)
        assert problem(refused) == (429, "too_many_reports")
    await later(own, int(refused.headers["Retry-After"]))
    accepted = await api.post("/v1/anonymous-reports", json=body, key=key)
    assert accepted.status_code == 201, accepted.text
    assert "Idempotency-Replayed" not in accepted.headers
    repeated = await api.post("/v1/anonymous-reports", json=body, key=key)
    assert repeated.content == accepted.content


async def test_open311_refuses_in_its_own_form_for_a_number_and_not_for_a_key(api: Api) -> None:
    admitted = await api.post("/v1/open311-clients", "operator", json=CLIENT)
    form: dict[str, Any] = {
        "api_key": admitted.json()["api_key"],
        "service_code": "pothole",
        "description": "Un trou devant l'école.",
        "lat": 33.59,
        "long": -7.62,
    }
    where = "/open311/v2/requests.json"
    for n in range(MOST + 1):
        many = await api.post(where, data=form | {"phone": f"06123456{n:02d}"})
        assert many.status_code == 200, many.text
    answers = [await api.post(where, data=form | {"phone": "0612345699"}) for _ in range(MOST + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {200}
    [error] = answers[-1].json()
    assert (answers[-1].status_code, error["code"]) == (429, 429)
    assert "too_many_reports" in error["description"]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= SECONDS


async def test_an_account_is_limited_and_an_agent_who_types_for_others_is_not(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filing, "PER_ACCOUNT", parse("2/hour"))
    own = [await api.post("/v1/reports", "citizen", json=reported()) for _ in range(3)]
    assert [answer.status_code for answer in own] == [201, 201, 429]
    assert (problem(own[-1]), own[-1].headers["Retry-After"]) == ((429, "too_many_reports"), "3600")
    assert (await api.post("/v1/reports", "citizen2", json=reported())).status_code == 201
    typed = [await called(api, n) for n in range(MOST + 5)]
    assert {answer.status_code for answer in typed} == {201}


class Undone(Exception):
    """Both that were under way come to nothing."""


async def test_a_place_is_no_queue(own: ServiceDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is under way is counted, and waited for by nobody; what comes to nothing gives its place back."""
    monkeypatch.setattr(pace, "MOST", 2)

    async def taking(*names: str) -> None:
        async with own.api.transaction() as tx:
            await pace.take(tx, names)

    async def under_way() -> None:
        async with own.api.transaction() as first, own.api.transaction() as second:
            await pace.take(first, ["tel:1"])
            await pace.take(second, ["tel:1"])
            with pytest.raises(TooMany) as refusal:
                await asyncio.wait_for(taking("tel:1"), 5)
            assert refusal.value.extra["retry_after"] == SECONDS
            await asyncio.wait_for(taking("tel:2"), 5)
            raise Undone

    with pytest.raises(Undone):
        await under_way()
    await taking("tel:1", "mailto:1")
    await taking("tel:1", "mailto:1")
    with pytest.raises(TooMany):
        await taking("mailto:1")
    await taking("tel:2")
