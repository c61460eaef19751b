"""A large project from the draft to the governor's copy, with everybody who has a part in it."""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest

from deploy.demo.stage import Person, Stage, expect, instant, pdf, until
from tests.journeys.people import DOSSIERS, NAME, REASON, WORDS, Applicant, somebody

pytestmark = pytest.mark.asyncio(loop_scope="session")

FEE = 250_000  # centimes
CALLBACK = "/rokhas/v1/payments/callback"


async def test_a_permit_from_draft_to_delivery(on: Stage) -> None:
    applicant = await somebody(on, "construction_large", persona="architect")
    await _incomplete_then_completed(applicant)
    await _replaced(applicant)
    await _commission(applicant)
    await _granted_and_paid(applicant)
    await _delivered(applicant)
    await _followed(applicant)


async def _incomplete_then_completed(applicant: Applicant) -> None:
    *most, last = applicant.required
    await applicant.attach(*most)
    receipt = await applicant.do("submission")
    assert (receipt["status"], receipt["title"]["ar"]) == ("incomplete", "ملف في طور الإيداع")
    assert [item["code"] for item in receipt["missing"]] == [last]
    assert (await applicant.due("completion.missing_items")) > instant(receipt["submitted_at"])
    await applicant.attach(last)
    shown = await applicant.until_state("under_review")
    due = await applicant.due("construction_large")
    estimate = await applicant.stage.anybody.post(
        "/deadlines/v1/estimates",
        {
            "procedure": "construction_large",
            "commune": applicant.commune,
            "starts_at": shown["completed_at"],
        },
    )
    assert instant(estimate["effective_at"]) == due, "the portal's estimate is the date that the file gets"


async def _replaced(applicant: Applicant) -> None:
    instructor = applicant.officer("instructor")
    await instructor.post(f"{applicant.path}/assignment", {"instructor": f"instructor.{applicant.commune}"})
    asked = {"document": applicant.required[0], "reasons": REASON}
    shown = await instructor.post(f"{applicant.path}/replacement-requests", asked)
    assert shown["state"] == "suspended"
    again = await instructor.refused(
        f"{applicant.path}/replacement-requests", asked, 409, "already_requested"
    )
    assert again["status"] == 409
    before = instant(shown["clock"]["answer_by"])
    await applicant.stage.advance(await applicant.stage.legal_now() + timedelta(days=3))
    answer = {"text": WORDS, "documents": {applicant.required[0]: applicant.digest}}
    shown = await applicant.do(f"requests/{shown['requests'][-1]['id']}/answer", answer)
    assert shown["state"] == "under_review"

    async def later() -> bool:
        return (await applicant.due("construction_large")) > before

    await until("a later date after the suspension", later, expected=True)


async def _commission(applicant: Applicant) -> None:
    agent, instructor = applicant.officer("agent"), applicant.officer("instructor")
    await instructor.post(f"{applicant.path}/forwarding", {})
    recueil = await applicant.stage.anybody.get("/rokhas/v1/procedures/construction_large")
    actors = [opinion["actor"] for opinion in recueil["opinions"]]
    for actor in actors:
        await instructor.post(f"{applicant.path}/opinion-requests", {"actor": actor})
    sits_at = await applicant.stage.legal_now() + timedelta(days=2)
    await instructor.post(f"{applicant.path}/sitting", {"sits_at": sits_at.isoformat()})
    await applicant.stage.advance(sits_at)
    paper = await instructor.upload("/rokhas/v1/files", "avis.pdf", pdf("Avis"), "application/pdf")
    for actor in actors:
        reserved = actor == "networks"
        outcome = "favourable_with_reservations" if reserved else "favourable"
        await instructor.post(
            f"{applicant.path}/opinions",
            {
                "actor": actor,
                "outcome": outcome,
                "reasons": REASON if reserved else "",
                "document": paper["sha256"],
            },
        )
    minutes = await agent.upload("/rokhas/v1/files", "pv.pdf", pdf("Minutes"), "application/pdf")
    shown = await agent.post(f"{applicant.path}/minutes", {"document": minutes["sha256"]})
    assert shown["binding_opinion"] == "favourable"
    assert {opinion["actor"] for opinion in shown["opinions"] if opinion["given_at"]} == set(actors)


async def _granted_and_paid(applicant: Applicant) -> None:
    instructor, president = applicant.officer("instructor"), applicant.officer("president")
    alone = await instructor.attempt(f"{applicant.path}/decision", {"outcome": "granted"})
    assert alone.status == 403, "who instructs does not decide"
    shown = await president.post(f"{applicant.path}/decision", {"outcome": "granted"})
    assert shown["state"] == "granted"
    await instructor.post(f"{applicant.path}/fees", {"code": "network_fees", "amount": FEE})
    unpaid = await president.refused(f"{applicant.path}/delivery", {}, 409, "fees_unpaid")
    assert unpaid["fees"] == ["network_fees"]
    payment = await applicant.do("payments", {"fees": ["network_fees"]})
    assert payment["amount"] == FEE
    word = {"payment": payment["payment"], "dossier": applicant.id, "amount": FEE, "status": "paid"}
    assert await _provider_says(applicant.stage, word, "0" * 64) == 401, "a forged word changes nothing"
    assert not (await applicant.shown())["fees"][0]["paid_at"]
    secret = applicant.stage.variables["JAMAA_PAYMENT_SECRET"]
    assert await _provider_says(applicant.stage, word, secret) == 200
    assert (await applicant.shown())["fees"][0]["paid_at"]
    assert await _provider_says(applicant.stage, word, secret) == 200
    # Not by the file's version: a clock that opens beside moves it too.
    assert (await applicant.timeline()).count("paid") == 1, "told twice, counted once"


async def _provider_says(stage: Stage, word: dict[str, Any], secret: str) -> int:
    raw = json.dumps(word).encode()
    answer = await stage.client.post(
        stage.url(CALLBACK),
        content=raw,
        headers={
            "X-Payment-Signature": hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest(),
            "Content-Type": "application/json",
        },
    )
    return answer.status_code


async def _delivered(applicant: Applicant) -> None:
    president = applicant.officer("president")
    shown = await president.post(f"{applicant.path}/delivery", {})
    assert shown["state"] == "delivered"
    sent = await president.post(f"{applicant.path}/transmission", {"recipient": "governor"})
    assert list(sent["transmitted"]) == ["governor"]
    again = await president.attempt(f"{applicant.path}/transmission", {"recipient": "governor"})
    assert (again.status, again.body["code"]) == (409, "already_transmitted")


async def _followed(applicant: Applicant) -> None:
    """What the applicant, a stranger, and the governor of another province see of it."""
    timeline = await applicant.timeline()
    told = ["submitted", "completed", "replacement_requested", "answered_request", "minutes_signed"]
    told += ["granted", "fee_due", "paid", "permit_delivered", "transmitted"]
    assert [what for what in timeline if what in told] == told
    document = f"{applicant.path}/documents/{applicant.required[0]}"
    assert await applicant.person.get(document) == await applicant.officer("instructor").get(document)

    async def noticed() -> bool:
        texts = [notice["text"] for notice in await applicant.notices()]
        return len(texts) >= 3 and all({"ar", "fr"} <= set(text) for text in texts)

    await until("notices in Arabic and French", noticed, expected=True)
    for stranger in (applicant.stage.person("citizen"), applicant.stage.person("governor", "06.141.01.0")):
        expect("a stranger's reading", await _status(stranger, applicant.path), 404)
    assert applicant.id not in [
        line["id"] async for line in applicant.stage.person("citizen").every(DOSSIERS)
    ]
    assert NAME not in json.dumps(await applicant.shown())


async def _status(person: Person, path: str) -> int:
    answer = await person.stage.client.get(person.stage.url(path), headers=person.headers)
    return answer.status_code
