"""Paying: the intent, the provider's word and its forgeries, the development checkout, reconciliation."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from services.rokhas.app import SERVICE
from services.rokhas.consumers import reconcile_once
from shared.payments import Gateway, Intent, Sandbox, provider_of, signature
from shared.settings import SettingsError
from tests.rokhas.conftest import At, Happened
from tests.rokhas.filed import filed
from tests.support.databases import ServiceDatabase
from tests.support.http import Api, settings_of

SECRET = settings_of(SERVICE, Path()).secret("payment_secret")
FEE = 50_000


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def owing(api: Api, rokhas: ServiceDatabase) -> UUID:
    file = await filed(rokhas)
    fee = {"code": "service_fee", "amount": FEE}
    assert (await api.post(f"/v1/dossiers/{file}/fees", "agent", json=fee)).status_code == 200
    return file


async def started(api: Api, file: UUID) -> dict[str, Any]:
    answer = await api.post(f"/v1/dossiers/{file}/payments", "citizen", json={"fees": ["service_fee"]})
    assert answer.status_code == 201, answer.text
    intent: dict[str, Any] = answer.json()
    return intent


async def call_back(api: Api, said: dict[str, Any], proof: str | None = None) -> httpx.Response:
    content = json.dumps(said).encode()
    proof = signature(SECRET, content) if proof is None else proof
    headers: dict[Any, Any] = {"Content-Type": "application/json", "X-Payment-Signature": proof.encode()}
    return await api.request("POST", "/v1/payments/callback", content=content, headers=headers)


def word(file: UUID, intent: dict[str, Any], **changes: Any) -> dict[str, Any]:
    said = {"payment": intent["payment"], "dossier": str(file), "amount": FEE, "status": "paid"}
    return said | changes


async def test_an_intent_is_of_fees_that_are_due_and_of_no_others(
    api: Api, rokhas: ServiceDatabase, happened: Happened
) -> None:
    file = await owing(api, rokhas)
    path = f"/v1/dossiers/{file}/payments"
    for fees in (["network_fees"], ["service_fee", "network_fees"]):
        wrong = await api.post(path, "citizen", json={"fees": fees})
        assert (problem(wrong), wrong.json()["fees"]) == ((422, "fee_not_due"), ["service_fee"])
    first = await api.post(path, "citizen", json={"fees": ["service_fee"]}, key="pay")
    assert (first.status_code, first.json()["amount"]) == (201, FEE)
    same = await api.post(path, "citizen", json={"fees": ["service_fee"]}, key="pay")
    assert same.json() == first.json()
    second = await api.post(path, "citizen", json={"fees": ["service_fee"]})
    assert problem(second) == (409, "payment_in_progress")
    assert (await happened(file)).count("payment_started") == 1


async def test_the_providers_word_settles_once(api: Api, rokhas: ServiceDatabase, happened: Happened) -> None:
    file = await owing(api, rokhas)
    said = word(file, await started(api, file))
    for _ in range(3):
        answer = await call_back(api, said)
        assert (answer.status_code, answer.json()["state"]) == (200, "paid")
    late = await call_back(api, said | {"status": "failed"})
    assert (late.status_code, late.json()["state"]) == (200, "paid"), "money that came stays"
    shown = (await api.get(f"/v1/dossiers/{file}", "citizen")).json()
    assert shown["fees"][0]["paid_at"]
    assert (await happened(file)).count("paid") == 1
    assert "payment_failed" not in await happened(file)


@pytest.mark.parametrize(
    ("changes", "proof", "status", "code"),
    [
        ({}, "", 401, "signature_invalid"),
        ({}, "0" * 64, 401, "signature_invalid"),
        ({}, "é", 401, "signature_invalid"),
        ({"amount": "much"}, "0" * 64, 401, "signature_invalid"),
        ({"amount": 1}, None, 422, "payment_amount"),
        ({"amount": 0}, None, 422, "invalid"),
        ({"payment": str(uuid4())}, None, 404, "payment_unknown"),
        ({"dossier": str(uuid4())}, None, 404, "payment_unknown"),
        ({"status": "refunded"}, None, 422, "invalid"),
        ({"card": "4111"}, None, 422, "invalid"),
    ],
)
async def test_a_callback_that_is_forged_or_fits_nothing_changes_nothing(
    api: Api,
    rokhas: ServiceDatabase,
    happened: Happened,
    changes: dict[str, Any],
    proof: str | None,
    status: int,
    code: str,
) -> None:
    file = await owing(api, rokhas)
    said = word(file, await started(api, file)) | changes
    before = await happened(file)
    answer = await call_back(api, said, proof)
    assert problem(answer) == (status, code)
    assert await happened(file) == before
    assert (await api.get(f"/v1/dossiers/{file}", "citizen")).json()["payments"][0]["state"] == "started"


async def test_a_signature_is_of_the_body_as_sent(api: Api, rokhas: ServiceDatabase) -> None:
    file = await owing(api, rokhas)
    said = word(file, await started(api, file))
    other = signature(SECRET, json.dumps(said | {"status": "failed"}).encode())
    assert problem(await call_back(api, said, other)) == (401, "signature_invalid")


@pytest.mark.parametrize(("outcome", "state"), [("paid", "paid"), ("failed", "failed"), ("lost", "started")])
async def test_the_development_checkout_calls_back(
    api: Api, rokhas: ServiceDatabase, outcome: str, state: str
) -> None:
    file = await owing(api, rokhas)
    checkout = urlsplit((await started(api, file))["checkout"])
    path = f"{checkout.path.removeprefix('/rokhas')}?{checkout.query}"
    page = await api.get(path)
    assert (page.status_code, "500.00 MAD" in page.text) == (200, True)
    done = await api.request("POST", path, data={"outcome": outcome})
    assert done.status_code == 200, done.text
    assert (await api.get(f"/v1/dossiers/{file}", "citizen")).json()["payments"][0]["state"] == state
    forged = path.replace("amount=50000", "amount=1")
    for method in ("GET", "POST"):
        answer = await api.request(method, forged, data={"outcome": "paid"})
        assert problem(answer) == (404, "payment_unknown"), method


async def test_a_payment_of_which_nothing_was_heard_is_asked_about(
    api: Api, rokhas: ServiceDatabase, at: At, tmp_path: Path, happened: Happened
) -> None:
    lost, abandoned = await owing(api, rokhas), await owing(api, rokhas)
    checkout = urlsplit((await started(api, lost))["checkout"])
    await started(api, abandoned)
    path = f"{checkout.path.removeprefix('/rokhas')}?{checkout.query}"
    await api.request("POST", path, data={"outcome": "lost"})
    sandbox = provider_of(settings_of(SERVICE, tmp_path))
    await reconcile_once(rokhas.worker, sandbox)
    assert (await happened(lost))[-1] == "payment_started", "too early to ask"
    async with rokhas.worker.transaction() as tx:
        now = tx.now
    await at(now + timedelta(minutes=16))
    for _ in range(2):
        await reconcile_once(rokhas.worker, sandbox)
    assert (await happened(lost))[-2:] == ["payment_started", "paid"]
    assert (await happened(abandoned))[-2:] == ["payment_started", "payment_failed"]
    again = await api.post(f"/v1/dossiers/{abandoned}/payments", "citizen", json={"fees": ["service_fee"]})
    assert again.status_code == 201


async def test_one_payment_that_cannot_be_settled_holds_up_no_other(
    api: Api, rokhas: ServiceDatabase, at: At, happened: Happened
) -> None:
    files = [await owing(api, rokhas) for _ in range(3)]
    asked = {(await started(api, file))["payment"]: file for file in files}
    unlike, down, good = asked

    def provider(request: httpx.Request) -> httpx.Response:
        payment = request.url.path.rpartition("/")[2]
        assert request.headers["X-Payment-Signature"] == signature(SECRET, payment.encode())
        if payment == down:
            return httpx.Response(502)
        return httpx.Response(200, json={"amount": 1 if payment == unlike else FEE, "status": "paid"})

    async with rokhas.worker.transaction() as tx:
        now = tx.now
    await at(now + timedelta(minutes=16))
    gateway = Gateway("https://pay.example/api", SECRET, httpx.MockTransport(provider))
    await reconcile_once(rokhas.worker, gateway)
    assert (await happened(asked[good]))[-1] == "paid"
    for waiting in (unlike, down):
        assert (await happened(asked[waiting]))[-1] == "payment_started"


async def test_a_gateway_that_knows_nothing_or_waits_is_believed(
    api: Api, rokhas: ServiceDatabase, at: At, happened: Happened
) -> None:
    file = await owing(api, rokhas)
    await started(api, file)
    async with rokhas.worker.transaction() as tx:
        now = tx.now
    await at(now + timedelta(minutes=16))
    answers = iter([httpx.Response(200, json={"amount": FEE, "status": "started"}), httpx.Response(404)])
    gateway = Gateway("https://pay.example", SECRET, httpx.MockTransport(lambda _: next(answers)))
    await reconcile_once(rokhas.worker, gateway)
    assert (await happened(file))[-1] == "payment_started"
    await reconcile_once(rokhas.worker, gateway)
    assert (await happened(file))[-1] == "payment_failed"


def test_the_provider_is_a_setting_and_production_needs_one(tmp_path: Path) -> None:
    assert isinstance(provider_of(settings_of(SERVICE, tmp_path)), Sandbox)
    real = provider_of(settings_of(SERVICE, tmp_path, PAYMENT_URL="https://pay.example"))
    intent = Intent(payment=uuid4(), aggregate="dossier", about=uuid4(), amount=FEE)
    page = urlsplit(real.checkout(intent))
    assert (page.netloc, page.path) == ("pay.example", f"/payments/{intent.payment}/checkout")
    assert dict(parse_qsl(page.query))["amount"] == str(FEE)
    with pytest.raises(SettingsError, match="JAMAA_PAYMENT_URL is not set"):
        provider_of(settings_of(SERVICE, tmp_path, PROFILE="production"))
