"""What anybody may know before filing, and what applicants bring: contents, documents, the receipt."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.rokhas.app import SERVICE
from tests.rokhas.conftest import At, Happened, Says
from tests.rokhas.filed import brought, filed
from tests.support.databases import ServiceDatabase
from tests.support.http import Api, api_of, settings_of

PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de")
UNTIL = datetime(2027, 1, 15, tzinfo=UTC)
DESK = {"unit": "guichet-anfa", "channel": "counter"}
READS = text("SELECT payload FROM msg.event_log WHERE aggregatetype = 'access' ORDER BY pos")


async def upload(
    api: Api, persona: str = "citizen", content: bytes = PDF, name: str = "plan.pdf", **options: Any
) -> httpx.Response:
    file = (name, content, options.pop("kind", "application/pdf"))
    return await api.post("/v1/files", persona, files={"file": file}, **options)


def stored(home: Path) -> list[Path]:
    return [path for path in home.glob("files/**/*") if path.is_file()]


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_55_19_art_6_the_recueil_is_public_and_versioned(api: Api) -> None:
    listed = (await api.get("/v1/procedures")).json()["items"]
    assert len(listed) == 15
    today = (await api.get("/v1/procedures/construction_small")).json()
    assert (today["version"], today["deadline"]["days"], today["silence"]["effect"]) == (2, 15, "approval")
    assert {"documents", "fees", "deadline", "silence", "appeals"} <= today.keys()
    assert today["documents"][0]["label"].keys() == {"ar", "fr", "en"}
    before = (await api.get("/v1/procedures/construction_small?on=2023-07-12")).json()
    assert (before["version"], before["deadline"]["days"]) == (1, 60)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/procedures/castle", 404, "procedure_unknown"),
        ("/v1/procedures/construction_small?on=2019-01-01", 404, "procedure_not_in_force"),
        ("/v1/procedures/construction_small?on=tomorrow", 422, "invalid"),
        ("/v1/procedures?day=2023-01-01", 422, "invalid"),
        ("/v1/collectivities?kind=kingdom", 422, "invalid"),
        ("/v1/collectivities?parent=99", 422, "unknown_collectivity"),
        ("/v1/collectivities?limit=0", 422, "invalid"),
    ],
)
async def test_what_the_public_cannot_ask(api: Api, path: str, status: int, code: str) -> None:
    assert problem(await api.get(path)) == (status, code)


async def test_places_are_found_by_either_name_or_by_what_lies_below(api: Api) -> None:
    for name in ("anfa", "أنفا"):
        found = (await api.get("/v1/collectivities", params={"q": name})).json()["items"]
        assert found[0]["code"] == "06.141.01.01", name
    below = (await api.get("/v1/collectivities?parent=06.141.01.0&kind=arrondissement")).json()["items"]
    assert len(below) == 16
    assert len((await api.get("/v1/collectivities")).json()["items"]) == 12
    inside = await api.get("/v1/collectivities?q=a&parent=06.141&limit=3")
    assert {place["province"] for place in inside.json()["items"]} == {"06.141"}


async def test_a_content_is_kept_under_its_digest_and_its_name_made_safe(api: Api) -> None:
    answer = await upload(api, name="../../etc/plan\u202efdp.pdf", key="one")
    assert answer.status_code == 201
    assert answer.json() == {
        "sha256": answer.json()["sha256"],
        "size": len(PDF),
        "media_type": "application/pdf",
        "name": "planfdp.pdf",
    }
    again = await upload(api, name="../../etc/plan\u202efdp.pdf", key="one")
    assert (again.json(), again.headers["idempotency-replayed"]) == (answer.json(), "true")


@pytest.mark.parametrize(
    ("content", "name", "kind", "status", "code"),
    [
        (b"MZ\x90\x00" + bytes(64), "plan.pdf", "application/pdf", 415, "file_type_not_accepted"),
        (b"<html><script>1</script>", "plan.pdf", "application/pdf", 415, "file_type_not_accepted"),
        (PDF, "plan.pdf.exe", "application/pdf", 415, "file_type_mismatch"),
        (PDF, "plan.png", "application/octet-stream", 415, "file_type_mismatch"),
        (PDF, "plan.pdf", "image/png", 415, "file_type_mismatch"),
        (b"", "plan.pdf", "application/pdf", 422, "file_empty"),
        (PDF + bytes(4096), "plan.pdf", "application/pdf", 413, "file_too_large"),
    ],
    ids=["executable", "html", "two extensions", "extension", "declared type", "empty", "too large"],
)
async def test_a_content_that_is_not_what_it_says_is_refused(
    rokhas: ServiceDatabase, tmp_path: Path, content: bytes, name: str, kind: str, status: int, code: str
) -> None:
    settings = settings_of(SERVICE, tmp_path, MAX_UPLOAD_BYTES="4096")
    async with api_of(SERVICE, rokhas, tmp_path, settings=settings) as api:
        assert problem(await upload(api, content=content, name=name, kind=kind)) == (status, code)
    assert stored(tmp_path) == [], "nothing half-written"


async def test_an_upload_is_of_somebody_and_of_one_file(api: Api) -> None:
    form = {"file": ("plan.pdf", PDF, "application/pdf")}
    assert problem(await api.post("/v1/files", files=form)) == (401, "token_missing")
    assert problem(await api.post("/v1/files", "auditor", files=form)) == (403, "role_not_allowed")
    assert problem(await api.post("/v1/files", "citizen", json={})) == (415, "unsupported_media_type")
    other = await api.post("/v1/files", "citizen", files={"plan": ("plan.pdf", PDF, "application/pdf")})
    assert problem(other) == (422, "invalid")


async def test_the_last_missing_document_completes_the_file(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, happened: Happened
) -> None:
    file = await filed(rokhas, without=("site_plan", "elevations"))
    await clock_says(file, "started", rule="completion.missing_items", role="applicant", answer_by=UNTIL)
    receipt = (await api.get(f"/v1/dossiers/{file}/receipt", "citizen")).json()
    assert (receipt["status"], receipt["deposit_until"]) == ("incomplete", "2027-01-14")
    assert [missing["code"] for missing in receipt["missing"]] == ["elevations", "site_plan"]

    digest = (await upload(api)).json()["sha256"]
    body = {"document": "elevations", "file": digest}
    first = await api.post(f"/v1/dossiers/{file}/documents", "citizen", json=body, key="elevations")
    assert (first.status_code, first.json()["state"]) == (200, "incomplete")
    same = await api.post(f"/v1/dossiers/{file}/documents", "citizen", json=body, key="elevations")
    assert (same.json(), same.headers["etag"]) == (first.json(), first.headers["etag"])
    last = await api.post(
        f"/v1/dossiers/{file}/documents", "citizen", json={"document": "site_plan", "file": digest}
    )
    assert (last.json()["state"], last.json()["missing"]) == ("under_review", [])
    receipt = (await api.get(f"/v1/dossiers/{file}/receipt", "citizen")).json()
    assert (receipt["status"], receipt["title"]["ar"], receipt["deposit_until"]) == (
        "complete",
        "ملف مودع",
        None,
    )
    assert (await happened(file))[-2:] == ["document_attached", "completed"]


async def test_a_digest_found_elsewhere_gives_nobody_anything(
    api: Api, rokhas: ServiceDatabase, happened: Happened
) -> None:
    theirs = await brought(rokhas, "citizen2")
    file = await filed(rokhas, submitted=False, without=("site_plan",))
    before = await happened(file)
    for digest, code in ((theirs, "file_unknown"), ("f" * 64, "file_unknown"), ("../../x", "invalid")):
        answer = await api.post(
            f"/v1/dossiers/{file}/documents", "citizen", json={"document": "site_plan", "file": digest}
        )
        assert problem(answer) == (422, code)
    assert await happened(file) == before


async def test_documents_are_those_of_the_recueil_attached_to_ones_own_file(
    api: Api, rokhas: ServiceDatabase
) -> None:
    file = await filed(rokhas)
    path = f"/v1/dossiers/{file}/documents"
    body = {"document": "surface_certificate", "file": (await upload(api)).json()["sha256"]}
    strange = await api.post(path, "citizen", json=body | {"document": "blood_group"})
    assert problem(strange) == (422, "not_in_recueil")
    supplied = await api.post(path, "citizen", json=body | {"document": "site_plan"})
    assert problem(supplied) == (409, "document_not_requested")
    unsworn = await api.post(path, "citizen", json=body | {"declaration": True})
    assert problem(unsworn) == (422, "declaration_not_accepted")
    assert problem(await api.post(path, "president", json=body)) == (403, "role_not_allowed")
    theirs = {"document": "surface_certificate", "file": await brought(rokhas, "citizen2")}
    assert problem(await api.post(path, "citizen2", json=theirs)) == (404, "dossier_unknown")
    stale = await api.post(path, "citizen", json=body, headers={"If-Match": '"1"'})
    assert problem(stale) == (412, "dossier_changed")
    assert (await api.post(path, "citizen", json=body, headers={"If-Match": '"9"'})).status_code == 200


async def test_a_document_is_downloaded_as_an_attachment_and_the_reading_recorded(
    api: Api, rokhas: ServiceDatabase
) -> None:
    file = await filed(rokhas, submitted=False, without=("site_plan",))
    digest = (await upload(api, content=PNG, name="façade.png", kind="image/png")).json()["sha256"]
    path = f"/v1/dossiers/{file}/documents"
    await api.post(path, "citizen", json={"document": "site_plan", "file": digest})
    own = await api.get(f"{path}/site_plan", "citizen")
    assert (own.content, own.headers["content-type"]) == (PNG, "image/png")
    assert own.headers["content-disposition"] == "attachment; filename*=UTF-8''fa%C3%A7ade.png"
    assert own.headers["x-content-type-options"] == "nosniff"
    assert (await api.get(f"{path}/site_plan", "instructor")).content == PNG
    async with rokhas.worker.transaction() as tx:
        reads = [bytes(row.payload) for row in await tx.execute(READS)]
    assert len(reads) == 1, "one's own is no access to record"
    assert str(file).encode() in reads[0]
    assert problem(await api.get(f"{path}/elevations", "citizen2")) == (404, "dossier_unknown")
    assert problem(await api.get(f"{path}/surface_certificate", "citizen")) == (404, "document_unknown")


async def test_55_19_art_30_a_counter_deposits_for_somebody_naming_unit_and_agent(
    api: Api, rokhas: ServiceDatabase, at: At
) -> None:
    await at(datetime(2027, 1, 4, 9, tzinfo=UTC))
    draft = {
        "procedure": "construction_small",
        "collectivity": "06.141.01.0",
        "applicant": "citizen",
        "counter": DESK,
    }
    file = (await api.post("/v1/dossiers", "agent", json=draft)).json()
    assert (file["applicant"], file["channel"], file["unit"]) == ("citizen", "counter", "guichet-anfa")
    scan = (await upload(api, "agent")).json()["sha256"]
    path = f"/v1/dossiers/{file['id']}"
    body = {"document": "site_plan", "file": scan}
    nameless = await api.post(f"{path}/documents", "agent", json=body)
    assert problem(nameless) == (403, "counter_unit_missing")
    assert (await api.post(f"{path}/documents", "agent", json=body | {"counter": DESK})).status_code == 200
    future = {"deposited_at": "2100-01-01T09:00:00Z", "counter": DESK | {"channel": "paper"}}
    assert problem(await api.post(f"{path}/submission", "agent", json=future)) == (422, "filed_in_future")
    old = future | {"deposited_at": "2026-12-20T09:00:00+01:00"}
    assert problem(await api.post(f"{path}/submission", "agent", json=old)) == (422, "deposit_too_old")
    portal = future | {"counter": DESK | {"channel": "import"}}
    assert problem(await api.post(f"{path}/submission", "agent", json=portal)) == (422, "invalid")
    past = future | {"deposited_at": "2026-12-31T09:00:00+01:00"}
    own = await api.post(f"{path}/submission", "citizen", json=past)
    assert problem(own) == (403, "deposit_date_not_yours")
    receipt = (await api.post(f"{path}/submission", "agent", json=past)).json()
    assert receipt["submitted_at"] == "2026-12-31T08:00:00Z"
    assert receipt["reference"] == "06.141.01.0/2026/00001", "the year in which the counter received it"
    async with rokhas.worker.transaction() as tx:
        said = await tx.execute(
            text("SELECT payload FROM msg.event_log WHERE aggregateid = :id ORDER BY seq DESC LIMIT 1"),
            {"id": file["id"]},
        )
        payload = bytes(said.scalar_one()).decode()
    assert '"channel":"paper","unit":"guichet-anfa","agent":"agent"' in payload
    assert (await api.get(path, "citizen")).json()["state"] == "incomplete"


@pytest.mark.parametrize(
    ("entered", "deposited", "expected"),
    [
        ("2023-07-14", "2023-07-12", (200, 1)),  # on paper before the recueil of 2023-07-13, entered after it
        ("2023-07-14", "2023-07-13", (200, 2)),
        ("2020-09-29", "2020-09-27", (404, "procedure_not_in_force")),
    ],
)
async def test_55_19_art_3_the_recueil_of_the_day_of_deposit_applies(
    api: Api, rokhas: ServiceDatabase, at: At, entered: str, deposited: str, expected: tuple[int, object]
) -> None:
    await at(datetime.fromisoformat(f"{entered}T10:00:00Z"))
    file = await filed(rokhas, submitted=False)
    body = {"deposited_at": f"{deposited}T09:00:00Z", "counter": DESK}
    answer = await api.post(f"/v1/dossiers/{file}/submission", "agent", json=body)
    shown = (await api.get(f"/v1/dossiers/{file}", "citizen")).json()
    version = shown["procedure_version"] if answer.status_code == 200 else answer.json()["code"]
    assert (answer.status_code, version) == expected
    assert shown["state"] == ("under_review" if answer.status_code == 200 else "draft")


async def test_a_draft_has_no_receipt(api: Api, rokhas: ServiceDatabase) -> None:
    file = await filed(rokhas, submitted=False)
    assert problem(await api.get(f"/v1/dossiers/{file}/receipt", "citizen")) == (404, "not_submitted")


@pytest.mark.parametrize("persona", ["citizen", "agent", "instructor", "president", "governor"])
async def test_everybody_who_refers_to_a_content_brings_it(api: Api, persona: str) -> None:
    assert (await upload(api, persona)).status_code == 201


GOOD = {"procedure": "construction_small", "collectivity": "06.141.01.0"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"procedure": "construction_small",', 400, "malformed_json"),
        (GOOD | {"commune": "06.141.01.0"}, 422, "invalid"),
        (GOOD | {"collectivity": "06.141.01.99"}, 422, "unknown_collectivity"),
        (GOOD | {"collectivity": "Casablanca"}, 422, "invalid"),
        (GOOD | {"procedure": "castle"}, 404, "procedure_unknown"),
        (GOOD | {"procedure": 7}, 422, "invalid"),
        (GOOD | {"collectivity": "06"}, 422, "collectivity_not_a_commune"),
        (GOOD | {"collectivity": "06.141"}, 422, "collectivity_not_a_commune"),
        (GOOD | {"site": "\u0000"}, 400, "nul_character"),
    ],
    ids=[
        "no JSON",
        "unknown field",
        "no such commune",
        "no code",
        "no such procedure",
        "type",
        "region",
        "province",
        "NUL",
    ],
)
async def test_a_draft_that_cannot_be_read_writes_nothing(
    api: Api, body: Any, status: int, code: str
) -> None:
    sent = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = await api.post("/v1/dossiers", "citizen", headers={"Content-Type": "application/json"}, **sent)
    assert problem(answer) == (status, code)
    assert (await api.get("/v1/dossiers", "citizen")).json()["items"] == []


async def test_a_double_submit_is_one_receipt(api: Api, rokhas: ServiceDatabase, happened: Happened) -> None:
    file = await filed(rokhas, submitted=False)
    path = f"/v1/dossiers/{file}/submission"
    first = await api.post(path, "citizen", json={}, key="submit")
    assert (await api.post(path, "citizen", json={}, key="submit")).json() == first.json()
    other = await api.post(path, "citizen", json={"circumstances": "x"}, key="submit")
    assert problem(other) == (422, "idempotency_key_reused")
    again = await api.post(path, "citizen", json={})
    assert problem(again) == (409, "action_not_permitted")
    assert (await happened(file)).count("submitted") == 1
