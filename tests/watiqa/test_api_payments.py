"""The fee of a registered letter: paid once the act is found, by the provider's word and by no other."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest

from services.watiqa.app import SERVICE
from services.watiqa.consumers.payments import reconcile_once
from shared.payments import PATIENCE, provider_of, signature
from tests.civil_status.conftest import Says
from tests.civil_status.filed import OFFICE, WHY, own_act
from tests.support.databases import ServiceDatabase
from tests.support.http import Api, settings_of
from tests.watiqa.conftest import Happened, World
from tests.watiqa.filed import ADDRESS, documents, problem, shown, step, submitted

SECRET = settings_of(SERVICE, Path()).secret("payment_secret")
FEE = 2000
NUMBERED = {"kind": "birth", "office": OFFICE, "year": datetime.now(UTC).year, "number": 1}
LATER = "UPDATE msg.legal_clock SET shift = $1"


@pytest.fixture
async def unpaid(api: Api, register: Api, register_clock_says: Says, world: World) -> str:
    """A request whose act is found, for the post."""
    await own_act(register, register_clock_says)
    request = await submitted(api, delivery="post", address=ADDRESS)
    await world.settle()
    assert (await shown(api, request))["state"] == "unpaid"
    return request


async def started(api: Api, request: str) -> dict[str, Any]:
    answer = await api.post(f"/v1/requests/{request}/payments", "citizen", json={})
    assert (answer.status_code, answer.json()["amount"]) == (201, FEE)
    intent: dict[str, Any] = answer.json()
    return intent


async def call_back(api: Api, said: dict[str, Any], proof: str | None = None) -> httpx.Response:
    content = json.dumps(said).encode()
    proof = signature(SECRET, content) if proof is None else proof
    headers = {"Content-Type": "application/json", "X-Payment-Signature": proof}
    return await api.request("POST", "/v1/payments/callback", content=content, headers=headers)


def word(request: str, intent: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"payment": intent["payment"], "request": request, "amount": FEE, "status": "paid"} | changes


async def test_paid_it_is_issued_posted_brought_back_and_handed_over(
    api: Api, world: World, unpaid: str
) -> None:
    await world.settle()
    assert await documents(api, unpaid) == [], "nothing is issued unpaid"
    intent = await started(api, unpaid)
    page = urlsplit(intent["checkout"])
    path = f"{page.path.removeprefix('/watiqa')}?{page.query}"
    assert "20.00 MAD" in (await api.get(path)).text
    assert dict(parse_qsl(page.query))["request"] == unpaid
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    paid = await api.request("POST", path, content="outcome=paid", headers=form)
    assert paid.status_code == 200, paid.text
    await world.settle()
    found = await shown(api, unpaid)
    assert (found["state"], found["tracking"]) == ("issued", None)
    wrong = await api.post(f"/v1/requests/{unpaid}/posting", "agent", json={"tracking": "RR123456784MA"})
    assert problem(wrong) == (422, "tracking_malformed")
    await step(api, unpaid, "posting", "agent", {"tracking": "RR123456785MA"})
    assert (await shown(api, unpaid))["tracking"] == "RR123456785MA"
    await step(api, unpaid, "return", "agent")
    assert (await step(api, unpaid, "hand-over", "agent"))["state"] == "delivered"
    assert "RR123456785MA" not in b"".join(e.data for e in world.delivered).decode()


@pytest.mark.parametrize(
    ("changes", "proof", "status", "code"),
    [
        ({}, "", 401, "signature_invalid"),
        ({}, "0" * 64, 401, "signature_invalid"),
        ({"amount": 1}, None, 422, "payment_amount"),
        ({"payment": str(uuid4())}, None, 404, "payment_unknown"),
        ({"request": str(uuid4())}, None, 404, "payment_unknown"),
        ({"status": "refunded"}, None, 422, "invalid"),
    ],
)
async def test_a_callback_that_is_forged_or_fits_nothing_changes_nothing(
    api: Api,
    unpaid: str,
    happened: Happened,
    changes: dict[str, Any],
    proof: str | None,
    status: int,
    code: str,
) -> None:
    said = word(unpaid, await started(api, unpaid)) | changes
    before = await happened(unpaid)
    assert problem(await call_back(api, said, proof)) == (status, code)
    assert await happened(unpaid) == before


async def test_the_providers_word_settles_once_and_is_asked_for_where_it_was_lost(
    api: Api, unpaid: str, happened: Happened, watiqa: ServiceDatabase, tmp_path: Path
) -> None:
    provider = provider_of(settings_of(SERVICE, tmp_path))
    given_up = await started(api, unpaid)
    connection = await asyncpg.connect(watiqa.migrator_dsn)
    await connection.execute(LATER, PATIENCE + timedelta(minutes=1))
    await connection.close()
    await reconcile_once(watiqa.worker, provider)
    assert (await happened(unpaid))[-1] == "payment_failed"
    for _ in range(2):
        late = await call_back(api, word(unpaid, given_up))
        assert (late.status_code, late.json()["state"]) == (200, "paid")
    assert (await happened(unpaid)).count("paid") == 1
    assert (await shown(api, unpaid))["state"] == "issuing"


async def test_what_is_paid_twice_waits_for_the_officer_who_gives_it_back(
    api: Api, world: World, unpaid: str, happened: Happened, watiqa: ServiceDatabase, tmp_path: Path
) -> None:
    first = await started(api, unpaid)
    connection = await asyncpg.connect(watiqa.migrator_dsn)
    await connection.execute(LATER, PATIENCE + timedelta(minutes=1))
    await connection.close()
    await reconcile_once(watiqa.worker, provider_of(settings_of(SERVICE, tmp_path)))
    second = await started(api, unpaid)
    for intent in (second, first):
        word_ = await call_back(api, word(unpaid, intent))
        assert (word_.status_code, word_.json()["state"]) == (200, "paid")
    assert (await happened(unpaid))[-2:] == ["paid", "payment_unowed"]
    clerk = "civil_status_officer"
    [waiting] = (await api.get("/v1/requests?owed=true", clerk)).json()["items"]
    assert waiting["id"] == unpaid
    found = await shown(api, unpaid, clerk)
    [owed] = found["owed_back"]
    assert (owed["payment"], owed["amount"], owed["reason"]) == (first["payment"], FEE, "paid_twice")
    assert set(owed["next_step"]) == {"ar", "fr", "en"}
    path = f"payments/{first['payment']}/return"
    given = await step(api, unpaid, path, clerk, {"reference": "VIR 12/2026"})
    assert given["owed_back"] == []
    assert (await happened(unpaid))[-1] == "payment_returned"
    assert (await api.get("/v1/requests?owed=true", clerk)).json()["items"] == []


async def test_what_was_paid_and_refused_is_owed_back(
    api: Api, register: Api, world: World, unpaid: str, happened: Happened
) -> None:
    await call_back(api, word(unpaid, await started(api, unpaid)))
    world.answering = False
    acts = await register.post("/v1/lookups", "agent", json=NUMBERED, headers=WHY)
    act = acts.json()["items"][0]["id"]
    judged = {"judgment": "TPI 5/2026", "judged_on": "2026-11-20", "changes": {"father.given.ar": "علي"}}
    await register.post(f"/v1/acts/{act}/judgments", "civil_status_officer", json=judged)
    await world.settle()
    assert (await shown(api, unpaid))["state"] == "matching"
    await step(api, unpaid, "withdrawal", "citizen")
    assert (await happened(unpaid))[-2:] == ["withdrawn", "payment_unowed"]
