"""Acts over HTTP: drawn up, read, noted on."""

import json

import pytest
from sqlalchemy import text

from tests.civil_status.conftest import Happened
from tests.civil_status.filed import ALAMI, WHY, YASSINE, an_act, by_judgment, certificate, marriage
from tests.support.databases import ServiceDatabase
from tests.support.http import Api


async def test_an_act_is_registered_numbered_and_read(api: Api, happened: Happened) -> None:
    registered = await api.post("/v1/acts", "civil_status_officer", json=by_judgment())
    assert registered.status_code == 201, registered.text
    act = registered.json()
    assert (act["number"], act["year"], act["state"], act["version"]) == (1, 2026, "valid", 1)
    assert await happened(act["id"]) == ["registered"]
    read = await api.get(f"/v1/acts/{act['id']}", "civil_status_officer", headers=WHY)
    assert read.status_code == 200, read.text
    assert read.json()["blocks"]["subject"]["given"]["tifinagh"] == "ⵢⴰⵙⵉⵏ"
    assert read.headers["ETag"] == '"1"'


async def test_what_is_annexed_to_an_act_was_brought(api: Api) -> None:
    foreign = await certificate(api, "agent")
    for unknown in ("0" * 64, foreign):
        body = by_judgment(annexed=[unknown])
        refused = await api.post("/v1/acts", "civil_status_officer", json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "file_unknown")
    own = await certificate(api, "civil_status_officer")
    drawn = await api.post("/v1/acts", "civil_status_officer", json=by_judgment(annexed=[own]))
    assert (drawn.status_code, drawn.json()["number"]) == (201, 1)


async def test_nobody_reads_without_saying_why(api: Api) -> None:
    act = await an_act(api)
    for path in (f"/v1/acts/{act}", f"/v1/acts/{act}/outputs/extract"):
        answer = await api.get(path, "civil_status_officer")
        assert (answer.status_code, answer.json()["code"]) == (400, "access_purpose_missing")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("ar", "\u202eنيساي", "name_characters"),
        ("ar", "م\u064e\u0651\u064e\u0651\u064e", "name_characters"),
        ("ar", "ع" * 200, "name_too_long"),
        ("ar", "ع" * 10_000, "invalid"),
        ("latin", "Yass\u200bine", "name_characters"),
        ("latin", '#read("/etc/passwd")', "name_characters"),
        ("tifinagh", "Yassine", "name_characters"),
    ],
)  # fmt: skip
async def test_what_is_no_name_is_refused_and_draws_no_number(
    api: Api, field: str, value: str, code: str
) -> None:
    subject = {"given": YASSINE | {field: value}, "family": ALAMI}
    refused = await api.post("/v1/acts", "civil_status_officer", json=by_judgment(subject=subject))
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert value not in refused.text, "the input is not echoed"
    drawn = await api.post("/v1/acts", "civil_status_officer", json=by_judgment())
    assert drawn.json()["number"] == 1


@pytest.mark.parametrize(
    ("persona", "commune", "status"),
    [
        ("civil_status_officer", None, 200),
        ("agent", None, 200),
        ("court_clerk", None, 200),
        ("civil_status_authority", None, 200),
        ("citizen", None, 404),
        ("civil_status_officer", "06.371.01.01", 404),
        ("court_clerk", "06.371.01.01", 404),
        ("president", None, 403),
        ("instructor", None, 403),
        ("governor", None, 403),
        ("auditor", None, 403),
        ("operator", None, 403),
        ("administration", None, 403),
        ("health_facility", None, 403),
    ],
)
async def test_who_reads_an_act(
    api: Api, happened: Happened, persona: str, commune: str | None, status: int
) -> None:
    act = await an_act(api)
    before = await happened(persona)
    for path in (f"/v1/acts/{act}", f"/v1/acts/{act}/outputs/copy"):
        answer = await api.get(path, persona, commune=commune, headers=WHY)
        assert answer.status_code == status, answer.text
    written_down = len(await happened(persona)) - len(before)
    assert written_down == (2 if status == 200 else 0), "every read is in the register of reads"


async def test_an_output_of_an_instant_before_the_act_is_none(api: Api) -> None:
    act = await an_act(api)
    path = f"/v1/acts/{act}/outputs/copy"
    answer = await api.get(f"{path}?at=2020-01-01T00:00:00Z", "agent", headers=WHY)
    assert (answer.status_code, answer.json()["code"]) == (404, "act_not_yet")


async def test_a_mention_tells_that_documents_are_superseded(api: Api, civil_status: ServiceDatabase) -> None:
    act = await an_act(api)
    await api.post(f"/v1/acts/{act}/mentions", "civil_status_officer", json=marriage())
    async with civil_status.worker.transaction() as tx:
        rows = await tx.execute(
            text(
                "SELECT payload FROM msg.event_log WHERE type = 'ma.jamaa.civil_status.act.mention_added.v1'"
            )
        )
        [said] = [json.loads(row.payload) for row in rows]
    assert (said["version"], said["supersedes"], said["mention_kind"]) == (2, True, "marriage")
    assert "Meryem" not in str(said)


async def test_a_duplicate_of_another_commune_is_flagged_by_its_reference(
    api: Api, happened: Happened
) -> None:
    here = await an_act(api)
    office = "06.371.01.01-01"
    body = by_judgment() | {"office": office}
    there = await api.post("/v1/acts", "civil_status_officer", json=body, commune="06.371.01.01")
    assert there.status_code == 201, there.text
    other = there.json()["id"]
    assert (await api.get(f"/v1/acts/{other}", "agent", headers=WHY)).status_code == 404
    flagged = await api.post(f"/v1/acts/{here}/duplicate", "agent", json={"other": other})
    assert (flagged.status_code, flagged.json()["state"]) == (200, "disputed"), flagged.text
    assert flagged.json()["disputed_with"] == other
    assert await happened(other) == ["registered"]
    nobody = {"other": "00000000-0000-0000-0000-000000000000"}
    another = await an_act(api)
    unknown = await api.post(f"/v1/acts/{another}/duplicate", "agent", json=nobody)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "act_unknown")
