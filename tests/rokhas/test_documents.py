"""Receipt, permit and attestation as sealed pages: ordered once, downloadable, withdrawn when overtaken."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.rokhas.app import SERVICE
from services.rokhas.consumers.documents import certify
from services.rokhas.domain.certificates import KINDS
from services.rokhas.events import DOSSIER
from shared.documents import desk
from shared.documents.desk import seal_once
from shared.documents.seal import sealer_of
from shared.files import Files, StoredFile
from shared.settings import Settings
from tests.documents.conftest import pdfsig
from tests.documents.samples import PLAIN
from tests.rokhas.conftest import At, Deliver, Says
from tests.rokhas.filed import filed
from tests.support.databases import ServiceDatabase
from tests.support.http import Api, settings_of
from tests.support.services import envelope_of

FILED = datetime(2026, 3, 2, 10, tzinfo=UTC)
ANSWER_BY = datetime(2026, 3, 19, tzinfo=UTC)
LOG = text("SELECT type, payload FROM msg.event_log WHERE aggregatetype = 'document' ORDER BY pos")
ORDERS = text("SELECT state, content, attempts, last_error FROM msg.document ORDER BY number")
Seal = Callable[[], Awaitable[int]]


@pytest.fixture(autouse=True)
async def _legal_time(at: At) -> None:
    await at(FILED)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(SERVICE, tmp_path)


@pytest.fixture
def seal(rokhas: ServiceDatabase, settings: Settings) -> Seal:
    """What the task does in one round."""

    async def once() -> int:
        return await seal_once(rokhas.worker, "rokhas", sealer_of(settings), Files.at(settings.files_url))

    return once


async def issued(api: Api, file: UUID, persona: str = "citizen") -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/dossiers/{file}/issued-documents", persona)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def content(api: Api, one: dict[str, Any], persona: str = "citizen") -> bytes:
    answer = await api.get(one["href"].removeprefix("/rokhas"), persona)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    return answer.content


async def verified(api: Api, pdf: bytes) -> dict[str, Any]:
    answer = await api.client.post(
        "/rokhas/v1/verifications/files", files={"file": ("x.pdf", pdf, "application/pdf")}
    )
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def announced(rokhas: ServiceDatabase) -> list[str]:
    async with rokhas.worker.transaction() as tx:
        return [row.type.split(".")[-2] for row in await tx.execute(LOG)]


async def attested(rokhas: ServiceDatabase, api: Api, clock_says: Says, at: At) -> UUID:
    """A file that silence approved, whose president and 7 days passed, with the governor's attestation."""
    file = await filed(rokhas)
    await clock_says(file, "started", answer_by=ANSWER_BY)
    await at(ANSWER_BY + timedelta(hours=9))
    await clock_says(file, "elapsed", answer_by=ANSWER_BY)
    assert (await api.post(f"/v1/dossiers/{file}/invocation", "citizen", json={})).status_code == 200
    due = ANSWER_BY + timedelta(days=8)
    invocation = {"rule": "invocation.delivery", "role": "invocation"}
    await clock_says(file, "started", answer_by=due, **invocation)
    await at(due + timedelta(hours=9))
    await clock_says(file, "elapsed", answer_by=due, **invocation)
    asked = await api.post(f"/v1/dossiers/{file}/attestation-request", "citizen", json={})
    assert asked.status_code == 200, asked.text
    asked = await api.post(f"/v1/dossiers/{file}/explanations-request", "governor", json={})
    assert asked.status_code in {200, 404}, asked.text
    given = await api.post(f"/v1/dossiers/{file}/attestation", "governor", json={})
    assert given.status_code == 200, given.text
    return file


async def test_a_submission_gives_a_sealed_receipt(
    api: Api, rokhas: ServiceDatabase, deliver: Deliver, seal: Seal, tmp_path: Path
) -> None:
    file = await filed(rokhas)
    await deliver()
    assert await issued(api, file) == []
    assert await seal() == 1
    (receipt,) = await issued(api, file)
    assert (receipt["kind"], receipt["state"]) == ("receipt", "issued")
    assert receipt["title"] == KINDS["receipt"]
    pdf = await content(api, receipt)
    (tmp_path / "receipt.pdf").write_bytes(pdf)
    assert "Signature is Valid" in pdfsig(tmp_path / "receipt.pdf")
    said = await verified(api, pdf)
    assert (said["verdict"], said["id"], said["kind"]) == ("valid", receipt["id"], "receipt")
    assert "TF 12345/C" in said["content"]
    assert await announced(rokhas) == ["issued"]


async def test_the_same_event_twice_is_one_document(
    api: Api, rokhas: ServiceDatabase, deliver: Deliver, seal: Seal, settings: Settings
) -> None:
    file = await filed(rokhas)
    await deliver()
    async with rokhas.worker.transaction() as tx:
        (row,) = (
            await tx.execute(text("SELECT * FROM msg.event_log WHERE type LIKE '%dossier.submitted%'"))
        ).all()
    again = envelope_of(row)
    assert again.type in DOSSIER.types
    async with rokhas.worker.transaction() as tx:
        await certify(tx, again)
    await seal()
    async with rokhas.worker.transaction() as tx:
        await certify(tx, again)
    assert await seal() == 0
    assert len(await issued(api, file)) == 1
    assert await announced(rokhas) == ["issued"]


async def test_two_processes_that_seal_the_same_order_issue_it_once(
    api: Api, rokhas: ServiceDatabase, deliver: Deliver, seal: Seal
) -> None:
    """The lease of the first ran out while it worked."""
    file = await filed(rokhas)
    await deliver()
    async with rokhas.worker.transaction() as tx:
        (one,) = (await tx.execute(desk.TAKE, {"lease": 0, "batch": 10})).all()
    assert await seal() == 1
    (receipt,) = await issued(api, file)
    late = StoredFile(sha256="f" * 64, size=1, media_type="application/pdf", name="late.pdf")
    await desk._issued(rokhas.worker, "rokhas", one, late)
    assert await issued(api, file) == [receipt]
    assert await announced(rokhas) == ["issued"]


async def test_an_incomplete_file_gets_the_list_of_what_is_missing(
    api: Api, rokhas: ServiceDatabase, deliver: Deliver, seal: Seal
) -> None:
    file = await filed(rokhas, without=["site_plan"])
    await deliver()
    await seal()
    (receipt,) = await issued(api, file)
    assert receipt["kind"] == "receipt_incomplete"
    said = await verified(api, await content(api, receipt))
    assert said["content"].count("Pièce manquante") == 1


async def test_who_may_not_read_the_file_gets_no_document_of_it(
    api: Api, rokhas: ServiceDatabase, deliver: Deliver, seal: Seal
) -> None:
    file = await filed(rokhas)
    await deliver()
    await seal()
    (receipt,) = await issued(api, file)
    other = await filed(rokhas, by="citizen2")
    for path in (f"/v1/dossiers/{file}/issued-documents", receipt["href"].removeprefix("/rokhas")):
        assert (await api.get(path, "citizen2")).status_code == 404
    elsewhere = f"/v1/dossiers/{other}/contents/{receipt['sha256']}"
    assert (await api.get(elsewhere, "citizen2")).status_code == 404


async def test_an_attestation_is_sealed_and_revoked_by_an_annulment(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At, deliver: Deliver, seal: Seal
) -> None:
    file = await attested(rokhas, api, clock_says, at)
    await deliver()
    await seal()
    _, paper = await issued(api, file)
    assert paper["kind"] == "attestation_of_silence"
    pdf = await content(api, paper)
    assert (await verified(api, pdf))["verdict"] == "valid"
    body = {"act": "TA 12/2026"}
    ended = await api.post(f"/v1/dossiers/{file}/annulment", "governor", json=body)
    assert ended.status_code == 200, ended.text
    await deliver()
    receipt, paper = await issued(api, file)
    assert (receipt["state"], paper["state"], paper["reason"]) == ("issued", "revoked", "annulled")
    said = await verified(api, pdf)
    assert (said["verdict"], said["reason"]) == ("revoked", "annulled")
    listed = (await api.client.get("/rokhas/v1/withdrawn-documents")).json()
    assert [(one["id"], one["state"]) for one in listed["withdrawn"]] == [(paper["id"], "revoked")]
    assert listed["kinds"] == KINDS
    assert await announced(rokhas) == ["issued", "issued", "revoked"]


async def test_what_is_withdrawn_before_it_is_sealed_never_is(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At, deliver: Deliver, seal: Seal
) -> None:
    file = await attested(rokhas, api, clock_says, at)
    ended = await api.post(f"/v1/dossiers/{file}/annulment", "governor", json={"act": "TA 12/2026"})
    assert ended.status_code == 200, ended.text
    await deliver()
    await seal()
    assert [one["kind"] for one in await issued(api, file)] == ["receipt"]
    assert await announced(rokhas) == ["issued"]


@pytest.mark.parametrize("site", ["موقع \u202e مقلوب", "x" * 400, '#read("/etc/passwd")', "張偉"])
async def test_what_an_applicant_wrote_never_stops_their_receipt(
    api: Api, rokhas: ServiceDatabase, deliver: Deliver, seal: Seal, site: str
) -> None:
    drafted = await api.post(
        "/v1/dossiers",
        "citizen",
        json={"procedure": "repair", "collectivity": "06.141.01.0", "site": site},
    )
    assert drafted.status_code == 201, drafted.text
    file = drafted.json()["id"]
    submitted = await api.post(f"/v1/dossiers/{file}/submission", "citizen", json={})
    assert submitted.status_code == 200, submitted.text
    await deliver()
    assert await seal() == 1
    (receipt,) = await issued(api, file)
    said = await verified(api, await content(api, receipt))
    assert ("Tel que décrit au dossier" in said["content"]) == (site != '#read("/etc/passwd")')


async def test_a_store_that_is_away_is_tried_again(
    api: Api, rokhas: ServiceDatabase, deliver: Deliver, seal: Seal, settings: Settings, tmp_path: Path
) -> None:
    file = await filed(rokhas)
    await deliver()
    blocked = tmp_path / "blocked"
    files = Files.at(blocked.as_uri())
    blocked.rmdir()
    blocked.write_text("no directory")
    assert await seal_once(rokhas.worker, "rokhas", sealer_of(settings), files) == 1
    async with rokhas.worker.transaction() as tx:
        (order,) = (await tx.execute(ORDERS)).all()
        assert (order.state, order.attempts, order.last_error) == ("ordered", 1, "storage_unavailable")
        await tx.execute(text("UPDATE msg.document SET next_try = clock_timestamp()"))
    assert await seal() == 1
    assert len(await issued(api, file)) == 1


async def test_a_database_clock_that_is_set_back_delays_no_document(
    rokhas: ServiceDatabase, deliver: Deliver
) -> None:
    """An order that carries an instant of the clock before would wait until the clock has caught up."""
    await filed(rokhas)
    await deliver()
    async with rokhas.worker.transaction() as tx:
        ordered = (await tx.execute(text("SELECT next_try = '-infinity' FROM msg.document"))).scalars().all()
    assert ordered == [True]


async def test_what_it_says_is_forgotten_once_it_is_sealed(
    rokhas: ServiceDatabase, deliver: Deliver, seal: Seal
) -> None:
    await filed(rokhas)
    await deliver()
    await seal()
    async with rokhas.worker.transaction() as tx:
        assert [row.content for row in await tx.execute(ORDERS)] == [None]


async def test_a_token_is_verified_for_machines(
    api: Api, rokhas: ServiceDatabase, settings: Settings
) -> None:
    sealer = sealer_of(settings)
    made = await asyncio.to_thread(
        sealer.seal, PLAIN, id=uuid4(), service="rokhas", kind="receipt", issued_at=FILED
    )
    for token, verdict in ((made.token, "unregistered"), ("A" + made.token[1:], "unreadable")):
        answer = await api.client.post("/rokhas/v1/verifications", json={"token": token})
        assert (answer.status_code, answer.json()["verdict"]) == (200, verdict)


async def test_an_enormous_token_is_refused(api: Api) -> None:
    answer = await api.client.post("/rokhas/v1/verifications", json={"token": "A" * 10_000})
    assert answer.status_code == 422


async def test_the_page_and_the_keys_are_public(api: Api, settings: Settings) -> None:
    sealer_of(settings)
    page = await api.client.get("/verify")
    assert page.status_code == 200
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    (key,) = (await api.client.get("/verify/keys.json")).json()["keys"]
    assert key["service"] == "rokhas"
    assert "d" not in key
    for path in ("/verify/nothing.js", "/verify/verify.html", "/verify/..%2fapi.py"):
        assert (await api.client.get(path)).status_code == 404
