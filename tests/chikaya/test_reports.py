"""Reports through HTTP: with an account, without one, by an agent; the office; everybody; and the clocks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.chikaya.app import SERVICE
from shared.auth import ANYBODY
from tests.chikaya.conftest import Says
from tests.chikaya.filed import (
    CASABLANCA,
    DESK,
    ELSEWHERE,
    REASONS,
    TEXT,
    anonymous,
    answered,
    filed,
    problem,
    published,
    reported,
    shown,
    step,
    submitted,
)
from tests.support.databases import ServiceDatabase
from tests.support.http import Api
from tests.support.services import Happened, envelope_of, hear

NOTICES = text("SELECT recipient, kind, content FROM msg.notice WHERE about = :about ORDER BY number")
LOG = text("SELECT * FROM msg.event_log WHERE aggregateid = :id ORDER BY seq")
COLUMNS = text("""
    SELECT c.relname AS view, array_agg(a.attname::text) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relkind IN ('v', 'm') AND c.relnamespace = 'chikaya'::regnamespace GROUP BY 1""")


async def told(chikaya: ServiceDatabase, report: str) -> list[tuple[str, str, Any]]:
    """What people were told, once all that happened was heard; twice, as a topic may say it."""
    async with chikaya.worker.transaction() as tx:
        rows = (await tx.execute(LOG, {"id": report})).all()
    for row in (*rows, *rows):
        await hear(SERVICE, chikaya, envelope_of(row))
    async with chikaya.worker.transaction() as tx:
        return [tuple(row) for row in await tx.execute(NOTICES, {"about": report})]


async def test_reported_acknowledged_answered_rated(api: Api, happened: Happened, clock_says: Says) -> None:
    said = await submitted(api)
    report = said["report"]
    assert said["follow_up_code"] is None
    assert (report["state"], report["collectivity"], report["body"]) == (
        "acknowledged",
        CASABLANCA,
        CASABLANCA,
    )
    due = datetime.now(UTC) + timedelta(days=60)
    await clock_says(report["id"], "started", due)
    assert (await shown(api, report["id"]))["answer_by"] == due.isoformat().replace("+00:00", "Z")
    reply = (await answered(api, report["id"]))["replies"][0]
    assert (reply["text"], reply["desk"]) == (REASONS, DESK | {"collectivity": CASABLANCA})
    own = await shown(api, report["id"])
    assert (own["state"], own["actions"]) == ("answered", ["rate", "read", "reopen"])
    rated = await step(api, report["id"], "rating", "citizen", {"satisfied": True, "comment": "Merci"})
    assert rated["state"] == "closed"
    assert await happened(report["id"]) == [
        *("received", "acknowledged", "deadline_known", "assigned", "started", "answered", "rated")
    ]


async def test_whoever_reports_sees_nobody_elses(api: Api) -> None:
    report = await filed(api)
    for persona, commune in (("citizen2", None), ("auditor", None), ("instructor", ELSEWHERE)):
        answer = await api.get(f"/v1/reports/{report}", persona, commune=commune)
        assert answer.status_code in {403, 404}, persona
    listed = (await api.get("/v1/reports", "citizen")).json()["items"]
    assert [one["id"] for one in listed] == [report]
    assert (await api.get("/v1/reports", "citizen2")).json()["items"] == []


# -- without an account


async def without_account(api: Api, **changes: Any) -> tuple[dict[str, Any], str, dict[str, str]]:
    answer = await api.post("/v1/anonymous-reports", json=anonymous(**changes))
    assert answer.status_code == 201, answer.text
    report, code = answer.json()["report"], answer.json()["follow_up_code"]
    assert answer.headers["Location"] == f"/chikaya/v1/followed/{report['reference']}"
    return report, f"/v1/followed/{report['reference']}", {"Follow-Up-Code": code}


async def test_without_an_account_the_code_is_the_key(api: Api, chikaya: ServiceDatabase) -> None:
    report, where, key = await without_account(api)
    found = await api.get(where, headers=key)
    assert (found.status_code, found.json()["id"], found.json()["actions"]) == (200, report["id"], ["read"])
    typed = {"Follow-Up-Code": key["Follow-Up-Code"].lower().replace("-", " ")}
    assert (await api.get(where.lower(), headers=typed)).status_code == 200
    for wrong in ({"Follow-Up-Code": "2222-2222"}, {"Follow-Up-Code": report["reference"]}):
        assert problem(await api.get(where, headers=wrong)) == (404, "report_unknown")
    async with chikaya.worker.transaction() as tx:
        kept = (await tx.execute(text("SELECT code_hash::text FROM chikaya.follow_up"))).scalar_one()
    assert key["Follow-Up-Code"].replace("-", "") not in kept


async def test_one_code_opens_one_report(api: Api) -> None:
    _, first, _ = await without_account(api)
    _, _, key = await without_account(api)
    assert problem(await api.get(first, headers=key)) == (404, "report_unknown")


async def test_without_an_account_it_is_completed_reopened_and_rated(api: Api, happened: Happened) -> None:
    report, where, key = await without_account(api)
    await published(api)
    body = {"defect": "unclear", "reasons": "Quelle rue ?"}
    await step(api, report["id"], "defect", "instructor", body)
    said = await api.post(f"{where}/completion", headers=key, json={"text": "زنقة مراكش"})
    assert (said.status_code, said.json()["state"]) == (200, "completed")
    await answered(api, report["id"])
    said = await api.post(f"{where}/reopening", headers=key, json={"reasons": "لم يصلح شيء"})
    assert (said.json()["state"], said.json()["round"]) == ("reopened", 2)
    await answered(api, report["id"])
    said = await api.post(f"{where}/rating", headers=key, json={"satisfied": False})
    assert said.json()["state"] == "closed"
    assert (await happened(report["id"]))[-1] == "rated"


async def test_a_contact_is_confirmed_by_the_code_sent_there(api: Api, chikaya: ServiceDatabase) -> None:
    report, where, key = await without_account(api, contact={"email": "amina@example.ma"})
    [(recipient, kind, content)] = await told(chikaya, report["id"])
    assert (recipient, kind) == ("mailto:amina@example.ma", "confirmation")
    code = content["en"]["text"].split()[-1].rstrip(".")
    wrong = await api.post(f"{where}/contact-confirmation", headers=key, json={"code": "2222-2222"})
    assert problem(wrong) == (403, "code_wrong")
    right = await api.post(f"{where}/contact-confirmation", headers=key, json={"code": code})
    assert right.json()["contact_confirmed_at"] is not None
    await step(api, report["id"], "assignment", "agent", {"assignee": "instructor"})
    assert [kind for _, kind, _ in await told(chikaya, report["id"])] == ["confirmation", "assigned"]


async def test_an_agent_files_on_the_telephone_for_another_commune(api: Api) -> None:
    place = {"collectivity": ELSEWHERE, "address": "Route de Bouskoura"}
    said = await submitted(api, "agent", channel="call_centre", place=place)
    assert said["follow_up_code"] is not None
    assert (said["report"]["collectivity"], said["report"]["place"]["method"]) == (ELSEWHERE, "stated")
    refused = await api.post("/v1/reports", "citizen", json=reported(channel="counter"))
    assert problem(refused) == (403, "not_allowed")


# -- what people send


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"place": {"longitude": -12.0, "latitude": 34.0}}, "point_outside"),
        ({"place": {"longitude": 2.35, "latitude": 48.85}}, "point_outside"),
        ({"place": {"longitude": 2.35}}, "point_incomplete"),
        ({"place": {"address": "في مكان ما"}}, "place_unknown"),
        ({"place": {"collectivity": "06.141"}}, "not_a_commune"),
        ({"text": "😡😡"}, "text_says_nothing"),
        ({"files": ["0" * 64]}, "file_unknown"),
        ({"contact": {"email": "x"}}, "email_malformed"),
    ],
)
async def test_what_cannot_be_taken(api: Api, changes: dict[str, Any], code: str) -> None:
    answer = await api.post("/v1/reports", "citizen", json=reported(**changes))
    assert problem(answer) == (422, code)


async def test_a_photo_is_the_reports_and_nobody_elses(api: Api) -> None:
    photo = {"file": ("trou.png", b"\x89PNG\r\n\x1a\n" + b"0" * 64, "image/png")}
    stored = await api.post("/v1/files", "citizen", files=photo)
    digest = stored.json()["sha256"]
    report = await filed(api, files=[digest])
    where = f"/v1/reports/{report}/attachments/{digest}"
    assert (await api.get(where, "instructor")).content == photo["file"][1]
    assert (await api.get(where, "citizen2")).status_code == 404
    assert problem(await api.get(where.replace(digest, "0" * 64), "citizen")) == (404, "attachment_unknown")


# -- the office


async def test_the_queue_is_ordered_by_the_date_of_the_reply(api: Api, clock_says: Says) -> None:
    now = datetime.now(UTC)
    late, soon, unknown = [await filed(api) for _ in range(3)]
    await clock_says(late, "started", now + timedelta(days=60))
    await clock_says(soon, "started", now + timedelta(days=5))
    found, cursor = [], ""
    while True:
        page = (await api.get(f"/v1/queue?limit=1{cursor}", "agent")).json()
        found += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert found == [soon, late, unknown]
    assert (await api.get("/v1/queue", "agent", commune=ELSEWHERE)).json()["items"] == []
    assert (await api.get("/v1/queue", "citizen")).status_code == 403


async def test_no_reply_leaves_without_the_contact_block(api: Api) -> None:
    report = await filed(api)
    await step(api, report, "assignment", "agent", {"assignee": "instructor"})
    await step(api, report, "start")
    body = {"outcome": "explained", "text": REASONS}
    answer = await api.post(f"/v1/reports/{report}/answer", "instructor", json=body)
    assert problem(answer) == (409, "contact_missing")
    assert (await api.get(f"/v1/administrations/{CASABLANCA}")).json()["desk"] is None
    await published(api)
    assert (await api.get(f"/v1/administrations/{CASABLANCA}")).json()["desk"]["phone"] == DESK["phone"]
    assert (await step(api, report, "answer", "instructor", body))["state"] == "answered"


async def test_notes_are_the_offices(api: Api) -> None:
    report = await filed(api)
    await step(api, report, "notes", "agent", {"text": "Voir avec le service des routes"})
    [note] = (await api.get(f"/v1/reports/{report}/notes", "president")).json()["items"]
    assert note["text"] == "Voir avec le service des routes"
    assert (await api.get(f"/v1/reports/{report}/notes", "citizen")).status_code == 403
    assert "routes" not in str(await shown(api, report))


async def test_routed_elsewhere_it_is_the_other_offices_and_may_still_be_read(api: Api) -> None:
    report = await filed(api)
    await step(api, report, "notes", "agent", {"text": "Hors de notre territoire"})
    body = {"category": "pothole", "collectivity": ELSEWHERE, "reasons": "Rue de l'autre commune"}
    moved = await step(api, report, "routing", "agent", body)
    assert (moved["collectivity"], moved["actions"]) == (ELSEWHERE, ["read"])
    there = await api.post(
        f"/v1/reports/{report}/assignment", "agent", commune=ELSEWHERE, json={"assignee": "agent"}
    )
    assert there.json()["state"] == "assigned"
    here = await api.post(f"/v1/reports/{report}/assignment", "agent", json={"assignee": "agent"})
    assert problem(here) == (403, "not_allowed")
    notes = await api.get(f"/v1/reports/{report}/notes", "agent", commune=ELSEWHERE)
    assert notes.json()["items"] == [], "what the other office wrote stays there"


async def test_a_stale_version_changes_nothing(api: Api) -> None:
    report = await filed(api)
    answer = await api.post(
        f"/v1/reports/{report}/assignment",
        "agent",
        json={"assignee": "instructor"},
        headers={"If-Match": '"1"'},
    )
    assert problem(answer) == (412, "report_changed")


# -- the clocks


async def test_sixty_days_of_silence_reach_the_governor(
    api: Api, chikaya: ServiceDatabase, clock_says: Says, happened: Happened
) -> None:
    report, due = await filed(api), datetime.now(UTC) - timedelta(hours=1)
    await clock_says(report, "started", due)
    for _ in range(2):
        await clock_says(report, "elapsed", due)
    assert (await happened(report))[-1] == "escalated"
    assert (await happened(report)).count("escalated") == 1
    [one] = (await api.get("/v1/queue?escalated=true", "governor")).json()["items"]
    assert (one["id"], one["state"]) == (report, "acknowledged")
    notices = {(who, kind) for who, kind, _ in await told(chikaya, report)}
    assert ("governor:06.141", "escalated") in notices
    [citizen] = {who for who, kind in notices if kind == "overdue"}
    assert (citizen, "acknowledged") in notices, "whoever reported hears of it too"
    assert (await answered(api, report))["state"] == "answered", "the reply is due still"


async def test_a_clock_of_somebody_else_is_not_ours(api: Api, clock_says: Says, happened: Happened) -> None:
    report = await filed(api)
    await clock_says(report, "started", datetime.now(UTC), service="watiqa")
    assert await happened(report) == ["received", "acknowledged"]


async def test_it_closes_once_the_time_to_reopen_is_over(
    api: Api, clock_says: Says, happened: Happened
) -> None:
    report, due = await filed(api), datetime.now(UTC) - timedelta(hours=1)
    await answered(api, report)
    for change in ("started", "elapsed"):
        await clock_says(report, change, due, "chikaya.reopening")
    assert (await happened(report))[-1] == "closed"
    late = await api.post(f"/v1/reports/{report}/reopening", "citizen", json={"reasons": REASONS})
    assert problem(late) == (409, "period_over")


async def test_a_clock_of_an_earlier_round_that_is_heard_late_ends_nothing(
    api: Api, clock_says: Says, happened: Happened
) -> None:
    """Deadlines hears of a reply and of its reopening after a while: what it says then is of the first."""
    report, due = await filed(api), datetime.now(UTC) - timedelta(hours=1)
    await answered(api, report)
    await step(api, report, "reopening", "citizen", {"reasons": REASONS})
    for change in ("started", "elapsed"):
        await clock_says(report, change, due, "chikaya.reopening", ordinal=1)
    assert (await happened(report))[-1] == "reopened"
    await answered(api, report)
    assert "reopen" in (await shown(api, report))["actions"]
    for change in ("started", "elapsed"):
        await clock_says(report, change, due, "chikaya.reopening", ordinal=2)
    assert (await happened(report))[-1] == "closed"


# -- everybody


async def test_everybody_sees_where_and_how_it_stands_and_nothing_of_whom(api: Api) -> None:
    report = await filed(api, contact={"name": "Amina Secret", "phone": "+212612345678"})
    hidden = await filed(api, category="reception")
    found = (await api.get(f"/v1/public-reports?collectivity={CASABLANCA}")).json()["items"]
    assert [one["id"] for one in found] == [report]
    one = (await api.get(f"/v1/public-reports/{report}")).json()
    assert (one["longitude"], one["latitude"], one["state"]) == (-7.62, 33.59, "acknowledged")
    assert (one["text"], one["reply"]) == (None, None), "nobody looked at it yet"
    for secret in ("Amina", "+212", TEXT, "citizen", "مدرسة الأمل"):
        assert secret not in str(one) + str(found)
    assert problem(await api.get(f"/v1/public-reports/{hidden}")) == (404, "report_unknown")
    other = (await api.get("/v1/public-reports?collectivity=04")).json()["items"]
    assert other == []


async def test_the_views_of_everybody_have_these_columns_and_no_other(chikaya: ServiceDatabase) -> None:
    """They are read with their owner's rights: row-level security does not stand behind them."""
    async with chikaya.api.transaction(ANYBODY) as tx:
        found = (await tx.execute(COLUMNS)).all()
    assert {row.view: set(row.columns) for row in found} == {
        "public_report": {
            *("id", "reference", "kind", "category", "collectivity", "state", "received_at", "escalated_at"),
            *("latitude", "longitude", "text", "reply", "outcome", "answered_at", "photos"),
            *("due_at", "stepped_at"),
        },
        "public_step": {
            *("id", "updated_at", "seq", "step", "occurred_at"),
            *("reference", "collectivity", "reply", "answered_at"),
        },
        "public_tally": {"collectivity", "category", "month", "measure", "days", "n"},
    }


async def test_what_is_insulting_is_nobodys_to_see(api: Api) -> None:
    report = await filed(api)
    await published(api)
    body = {"ground": "abusive", "reasons": REASONS}
    await step(api, report, "inadmissibility", "instructor", body)
    assert (await api.get("/v1/public-reports")).json()["items"] == []
    assert (await shown(api, report))["finding"]["reasons"] == REASONS


async def test_the_catalogue_says_who_acts(api: Api) -> None:
    found = (await api.get(f"/v1/categories?collectivity={CASABLANCA}")).json()["items"]
    bodies = {one["code"]: one["body"]["fr"] for one in found}
    assert bodies["sewer"].startswith("SRM Casablanca")
    assert {one["code"] for one in (await api.get("/v1/bodies")).json()["items"]} >= {"srm_06", "education"}
