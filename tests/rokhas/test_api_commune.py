"""The office over HTTP: what it may ask and when, who gets which file, and the queue."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from services.rokhas.api import queue
from services.rokhas.domain.values import ClockRule
from tests.rokhas.conftest import At, Happened, Says
from tests.rokhas.filed import CASABLANCA, brought, filed
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

FILED = datetime(2026, 3, 2, 10, tzinfo=UTC)
SOON = FILED + timedelta(days=2)
FIRST_HALF = date(2026, 3, 9)
AFTER_HALF = datetime(2026, 3, 10, 9, tzinfo=UTC)
ANSWER_BY = datetime(2026, 3, 19, tzinfo=UTC)
ARTICLE = {"article": "12-90, art. 43", "text": "L'alignement n'est pas respecté."}


@pytest.fixture(autouse=True)
async def _legal_time(at: At) -> None:
    await at(FILED)


async def running(
    rokhas: ServiceDatabase, clock_says: Says, procedure: str = "construction_small", **given: Any
) -> str:
    """Under review, its date known."""
    answer_by = given.pop("answer_by", ANSWER_BY)
    file = await filed(rokhas, procedure, **given)
    await clock_says(file, "started", answer_by=answer_by, rule=procedure, first_half_until=FIRST_HALF)
    return str(file)


async def act(api: Api, file: str, action: str, persona: str, **body: Any) -> httpx.Response:
    return await api.post(f"/v1/dossiers/{file}/{action}", persona, json=body)


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_replacement_suspends_and_is_asked_once(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, happened: Happened
) -> None:
    file = await running(rokhas, clock_says)
    ask = {"document": "site_plan", "reasons": "Échelle illisible"}
    answer = await act(api, file, "replacement-requests", "instructor", **ask)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["state"], body["requests"][0]["document"]) == ("suspended", "site_plan")
    assert body["requests"][0]["suspends"]
    assert answer.headers["etag"] == f'"{body["version"]}"'
    assert (await happened(file))[-1] == "replacement_requested"
    assert problem(await act(api, file, "replacement-requests", "instructor", **ask)) == (
        409,
        "already_requested",
    )


async def test_after_the_first_half_nothing_is_asked_and_the_last_day_is_told(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At
) -> None:
    file = await running(rokhas, clock_says)
    await at(AFTER_HALF)
    late = await act(
        api, file, "replacement-requests", "instructor", document="site_plan", reasons="Illisible"
    )
    assert problem(late) == (409, "first_half_over")
    assert late.json()["possible_until"] == "2026-03-09"
    assert problem(await act(api, file, "information-requests", "instructor", reasons="Hauteur ?")) == (
        409,
        "first_half_over",
    )
    commission = await act(api, file, "modification-requests", "instructor", reasons="Retrait de 3 m")
    assert (commission.status_code, commission.json()["state"]) == (200, "under_review")
    assert not commission.json()["requests"][0]["suspends"]


async def test_what_is_not_on_the_recueil_cannot_be_asked_for(
    api: Api, rokhas: ServiceDatabase, clock_says: Says
) -> None:
    file = await running(rokhas, clock_says)
    for path in ("information-requests", "modification-requests"):
        answer = await act(api, file, path, "instructor", reasons="Manque", documents=["blood_group"])
        assert problem(answer) == (422, "not_in_recueil")
    asked = await act(api, file, "information-requests", "instructor", reasons="?", documents=["site_plan"])
    assert asked.json()["requests"][0]["documents"] == ["site_plan"]
    again = await act(api, file, "information-requests", "instructor", reasons="?")
    assert problem(again) == (409, "already_requested")


async def test_one_extension_only(api: Api, rokhas: ServiceDatabase, clock_says: Says) -> None:
    file = await running(rokhas, clock_says)
    longer = await act(api, file, "extension", "instructor", days=10, ground="technical_expertise")
    assert longer.json()["extension"]["days"] == 10
    assert not longer.json()["clock_known"], "the new date is the deadlines service's to tell"
    again = await act(api, file, "extension", "instructor", days=5, ground="public_inquiry")
    assert problem(again) == (409, "already_extended")
    other = await act(api, file, "extension", "instructor", days=5, ground="holidays")
    assert problem(other) == (422, "invalid")


async def test_a_large_project_goes_through_the_commission(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, happened: Happened
) -> None:
    file = await running(rokhas, clock_says, "construction_large")
    minutes = await brought(rokhas, "instructor")
    assert problem(await act(api, file, "minutes", "instructor", document=minutes)) == (409, "not_convened")
    await act(api, file, "forwarding", "agent")
    await act(api, file, "opinion-requests", "instructor", actor="urban_agency")
    silent = await act(api, file, "opinions", "governor", actor="commune", outcome="unfavourable")
    assert problem(silent) == (422, "reasons_missing")
    against = {"actor": "urban_agency", "outcome": "unfavourable", "reasons": "Zone verte"}
    assert problem(await act(api, file, "opinions", "governor", **against)) == (
        422,
        "opinion_document_missing",
    )
    stolen = await act(api, file, "opinions", "governor", **against, document=minutes)
    assert problem(stolen) == (422, "file_unknown")
    paper = await brought(rokhas, "governor")
    given = await act(api, file, "opinions", "governor", **against, document=paper)
    assert given.json()["binding_opinion"] == "unfavourable"
    paper = await brought(rokhas, "instructor")
    twice = await act(
        api, file, "opinions", "instructor", actor="urban_agency", outcome="favourable", document=paper
    )
    assert problem(twice) == (409, "opinion_given")
    await act(api, file, "sitting", "instructor", sits_at="2026-03-06T10:00:00Z", actors=["urban_agency"])
    stolen = await act(api, file, "minutes", "agent", document=minutes)
    assert problem(stolen) == (422, "file_unknown"), "only who uploaded a content refers to it"
    signed = await act(api, file, "minutes", "instructor", document=minutes)
    assert signed.json()["minutes"]["document"] == minutes
    assert (await happened(file))[-5:] == [
        "forwarded_to_commission",
        "opinion_requested",
        "opinion_given",
        "commission_convened",
        "minutes_signed",
    ]
    void = await act(api, file, "decision", "president", outcome="granted")
    assert problem(void) == (409, "binding_opinion_unfavourable")


async def test_an_incomplete_file_is_returned_after_the_applicants_thirty_days(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At
) -> None:
    file = str(await filed(rokhas, without=("site_plan",)))
    assert problem(await act(api, file, "return", "agent")) == (409, "clock_unknown")
    due = FILED + timedelta(days=31)
    await clock_says(file, "started", answer_by=due, rule=ClockRule.MISSING_ITEMS, role="applicant")
    early = await act(api, file, "return", "agent")
    assert problem(early) == (409, "too_early")
    assert early.json()["earliest"] == "2026-04-02T10:00:00Z"
    await at(due)
    returned = (await act(api, file, "return", "agent")).json()
    assert (returned["state"], returned["decision"]) == ("returned", None), "a return is no refusal"


async def test_fees_are_those_of_the_recueil(api: Api, rokhas: ServiceDatabase, clock_says: Says) -> None:
    file = await running(rokhas, clock_says)
    due = await act(api, file, "fees", "agent", code="network_fees", amount=120_000)
    assert due.json()["fees"][0]["amount"] == 120_000
    assert problem(await act(api, file, "fees", "agent", code="network_fees", amount=1)) == (
        409,
        "fee_assessed",
    )
    assert problem(await act(api, file, "fees", "agent", code="tip", amount=1)) == (422, "fee_not_in_recueil")
    assert problem(await act(api, file, "fees", "agent", code="service_fee")) == (422, "fee_amount_missing")


@pytest.mark.parametrize(
    ("circumstances", "code"), [("", None), ("Nouveau plan d'aménagement", "not_a_repeat")]
)
async def test_an_identical_repeat_of_a_refused_application_may_stay_unanswered(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, circumstances: str, code: str | None
) -> None:
    earlier = await running(rokhas, clock_says)
    await act(api, earlier, "decision", "president", outcome="refused", reasons=[ARTICLE])
    again = await running(rokhas, clock_says, circumstances=circumstances)
    closed = await act(api, again, "repeat", "instructor", earlier=earlier)
    assert closed.json().get("code") == code
    assert closed.json().get("state") == ("closed_as_repeat" if code is None else None)
    assert problem(await act(api, again, "repeat", "instructor", earlier=str(uuid4()))) == (
        404,
        "dossier_unknown",
    )


async def test_a_file_is_given_to_an_instructor_and_to_another(
    api: Api, rokhas: ServiceDatabase, clock_says: Says
) -> None:
    file = await running(rokhas, clock_says)
    assert (await act(api, file, "assignment", "president", instructor="instructor")).json()["instructor"]
    assert problem(await act(api, file, "assignment", "agent", instructor="instructor")) == (
        409,
        "already_assigned",
    )
    moved = await act(api, file, "assignment", "agent", instructor="instructor2")
    assert moved.json()["instructor"] == "instructor2"
    own = await act(api, file, "assignment", "agent", instructor="citizen")
    assert problem(own) == (403, "separation_of_duties")


async def test_what_was_read_is_what_is_changed(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, happened: Happened
) -> None:
    file = await running(rokhas, clock_says)
    read = (await api.get(f"/v1/dossiers/{file}", "agent")).headers["etag"]
    path, key, body = f"/v1/dossiers/{file}/assignment", uuid4().hex, {"instructor": "instructor"}
    first = await api.post(path, "agent", key=key, json=body, headers={"If-Match": read})
    again = await api.post(path, "agent", key=key, json=body, headers={"If-Match": read})
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    stale = await api.post(path, "agent", json={"instructor": "instructor2"}, headers={"If-Match": read})
    assert problem(stale) == (412, "dossier_changed")
    assert (await happened(file)).count("reassigned") == 1


# The queue


async def test_the_queue_is_ordered_by_what_is_due_and_paged(
    api: Api, rokhas: ServiceDatabase, clock_says: Says
) -> None:
    days = [9, 3, 17, 5]
    files = {day: await running(rokhas, clock_says, answer_by=FILED + timedelta(days=day)) for day in days}
    undated = str(await filed(rokhas, "repair"))
    asked = await running(rokhas, clock_says)
    await act(api, asked, "information-requests", "instructor", reasons="?")
    await clock_says(asked, "suspended", answer_by=None)
    await filed(rokhas, submitted=False)
    await filed(rokhas, collectivity="06.371.01.01")
    decided = await running(rokhas, clock_says)
    await act(api, decided, "decision", "president", outcome="refused", reasons=[ARTICLE])
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        page = (await api.get(f"/v1/queue?limit=2{more}", "instructor")).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen[:4] == [files[day] for day in sorted(days)]
    assert sorted(seen[4:]) == sorted([undated, asked])
    only = (await api.get("/v1/queue?procedure=repair&state=under_review", "president")).json()["items"]
    assert [item["id"] for item in only] == [undated]
    await act(api, undated, "assignment", "agent", instructor="instructor2")
    mine = (await api.get("/v1/queue?mine=true", "instructor2")).json()["items"]
    assert [item["id"] for item in mine] == [undated]
    absent = await api.post("/v1/queue/search?limit=1", "president", json={"instructor": "instructor2"})
    assert [item["id"] for item in absent.json()["items"]] == [undated]
    assert problem(await api.post("/v1/queue/search", "citizen", json={"instructor": "instructor2"})) == (
        403,
        "role_not_allowed",
    )


async def test_an_invocation_comes_back_into_the_queue_with_its_own_date(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At
) -> None:
    silent = await running(rokhas, clock_says)
    await at(ANSWER_BY)
    await clock_says(silent, "elapsed", answer_by=ANSWER_BY)
    waiting = await running(rokhas, clock_says, answer_by=ANSWER_BY + timedelta(days=20))

    async def work() -> list[str]:
        return [item["id"] for item in (await api.get("/v1/queue", "president")).json()["items"]]

    assert await work() == [waiting, silent], "nobody awaits an act that nobody asked for"
    await api.post(f"/v1/dossiers/{silent}/invocation", "citizen", json={})
    due = ANSWER_BY + timedelta(days=9)
    await clock_says(silent, "started", answer_by=due, rule=ClockRule.DELIVERY, role="invocation")
    assert await work() == [silent, waiting]


async def test_a_queue_is_of_its_territory(api: Api, rokhas: ServiceDatabase, clock_says: Says) -> None:
    here = await running(rokhas, clock_says)
    arrondissement = await running(rokhas, clock_says, collectivity="06.141.01.01")
    await running(rokhas, clock_says, collectivity="06.371.01.01", by="instructor")

    async def ids(persona: str, query: str = "", commune: str | None = None) -> set[str]:
        answer = await api.get(f"/v1/queue{query}", persona, commune=commune)
        return {item["id"] for item in answer.json()["items"]}

    assert await ids("instructor") == {here, arrondissement}, "not the officer's own application elsewhere"
    assert await ids("governor") == {here, arrondissement}
    assert await ids("instructor", "?collectivity=06.141.01.01") == {arrondissement}
    assert await ids("instructor", "?collectivity=06.371.01.01") == set()
    assert await ids("instructor", commune="06.141.01.01") == {arrondissement}
    assert problem(await api.get("/v1/queue", "citizen")) == (403, "role_not_allowed")


async def test_the_queue_as_a_spreadsheet_computes_nothing(
    api: Api, rokhas: ServiceDatabase, clock_says: Says
) -> None:
    formulas = ["=cmd|' /C calc'!A0", "+1+1", "-2", "@SUM(A1)", "\tx", "plain"]
    for site in formulas:
        draft = {"procedure": "repair", "collectivity": CASABLANCA, "site": site}
        made = (await api.post("/v1/dossiers", "citizen", json=draft)).json()
        await api.post(f"/v1/dossiers/{made['id']}/submission", "citizen", json={})
    answer = await api.get("/v1/queue.csv", "agent")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf" + "المرجع / Référence".encode())
    assert len(answer.text.splitlines()) == 1 + len(formulas)
    for site in formulas:
        cell = site.replace('"', '""')
        assert f",'{cell}," in answer.text if site != "plain" else ",plain," in answer.text
    assert problem(await api.get("/v1/queue.csv", "citizen")) == (403, "role_not_allowed")


async def test_a_long_queue_is_exported_whole_and_every_line_read_is_on_the_register(
    api: Api, rokhas: ServiceDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "BATCH", 2)
    files = {str(await filed(rokhas)) for _ in range(5)}
    lines = (await api.get("/v1/queue.csv", "agent")).text.splitlines()
    assert {line.rpartition(",")[2] for line in lines[1:]} == files
    async with rokhas.worker.transaction() as tx:
        sent = await tx.execute(
            text(
                "SELECT convert_from(payload, 'UTF8')::json -> 'ids' FROM msg.event_log"
                " WHERE type = 'ma.jamaa.rokhas.access.read.v1' AND aggregateid = 'agent'"
            )
        )
        assert sorted(one for ids in sent.scalars() for one in ids) == sorted(files)


# Messages


async def test_messages_stay_on_the_file_and_their_event_only_refers_to_them(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, happened: Happened
) -> None:
    file = await running(rokhas, clock_says)
    assert (await act(api, file, "messages", "citizen", text="Où en est mon dossier ?")).status_code == 200
    assert (await act(api, file, "messages", "instructor", text="À l'étude.")).status_code == 200
    assert problem(await act(api, file, "messages", "citizen2", text="?")) == (404, "dossier_unknown")
    page = (await api.get(f"/v1/dossiers/{file}/messages?limit=1", "citizen")).json()
    rest = await api.get(f"/v1/dossiers/{file}/messages?cursor={page['next']}", "instructor")
    shown = [(m["from_applicant"], m["text"]) for m in page["items"] + rest.json()["items"]]
    assert shown == [(True, "Où en est mon dossier ?"), (False, "À l'étude.")]
    assert problem(await api.get(f"/v1/dossiers/{file}/messages", "citizen2")) == (404, "dossier_unknown")
    assert (await happened(file))[-2:] == ["message_posted", "message_posted"]
    async with rokhas.worker.transaction() as tx:
        sent = await tx.execute(
            text("SELECT convert_from(payload, 'UTF8') FROM msg.event_log WHERE type LIKE '%message_posted%'")
        )
        assert all(page["items"][0]["text"] not in payload for payload in sent.scalars())


# Delegations


async def lend(api: Api, **changes: Any) -> httpx.Response:
    body = {
        "collectivity": CASABLANCA,
        "kind": "signature",
        "giver": "president",
        "holder": "agent",
        "starts_at": SOON.isoformat(),
        "ends_at": (SOON + timedelta(days=5)).isoformat(),
    }
    return await api.post("/v1/delegations", "president", json=body | changes)


async def test_a_deputy_decides_inside_the_delegations_period_and_commune(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At, happened: Happened
) -> None:
    here = await running(rokhas, clock_says)
    other = await running(rokhas, clock_says, collectivity="06.141.01.01")
    given = (await lend(api)).json()

    async def grant(file: str) -> httpx.Response:
        return await act(api, file, "decision", "agent", outcome="granted")

    assert problem(await grant(here)) == (403, "not_allowed"), "not yet"
    await at(SOON)
    assert problem(await grant(other)) == (403, "not_allowed"), "another collectivity"
    assert "grant" in (await api.get(f"/v1/dossiers/{here}", "agent")).json()["actions"]
    assert (await grant(here)).json()["decision"]["by"] == "agent"
    third = await running(rokhas, clock_says)
    await at(SOON + timedelta(days=5))
    assert problem(await grant(third)) == (403, "not_allowed"), "no more"
    await at(SOON)
    revoked = await api.post(f"/v1/delegations/{given['id']}/revocation", "president", json={})
    assert revoked.json()["revoked_at"]
    assert problem(await grant(third)) == (403, "not_allowed"), "revoked"
    again = await api.post(f"/v1/delegations/{given['id']}/revocation", "president", json={})
    assert problem(again) == (409, "delegation_revoked")
    assert await happened(given["id"]) == ["given", "revoked"]


async def test_an_absence_is_covered_by_who_could_not_instruct_otherwise(
    api: Api, rokhas: ServiceDatabase, clock_says: Says
) -> None:
    file = await running(rokhas, clock_says)
    request = {"reasons": "Précisez la hauteur"}
    assert problem(await act(api, file, "information-requests", "president2", **request)) == (
        403,
        "not_allowed",
    )
    cover = {"kind": "absence", "giver": "instructor", "holder": "president2"}
    assert (await lend(api, **cover, starts_at=FILED.isoformat())).status_code == 201
    assert (await act(api, file, "information-requests", "president2", **request)).status_code == 200
    both = await act(api, file, "decision", "president2", outcome="granted")
    assert problem(both) == (403, "separation_of_duties"), "who covered the instruction does not decide"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"giver": "president2"}, 403, "delegation_forbidden"),
        ({"collectivity": "06.371.01.01"}, 403, "delegation_forbidden"),
        ({"holder": "president"}, 422, "delegation_to_self"),
        ({"ends_at": "2026-03-01T00:00:00Z"}, 422, "delegation_period"),
        ({"collectivity": "99.999"}, 422, "unknown_collectivity"),
        ({"collectivity": "06.141"}, 422, "collectivity_not_a_commune"),
        ({"holder": "audit:06.141.01.0"}, 422, "invalid"),
        ({"starts_at": "2026-03-05"}, 422, "invalid"),
    ],
)
async def test_a_delegation_that_cannot_be(api: Api, changes: dict[str, Any], status: int, code: str) -> None:
    assert problem(await lend(api, **changes)) == (status, code)


async def test_delegations_are_seen_by_their_commune_and_their_holder(api: Api) -> None:
    first = UUID((await lend(api)).json()["id"])
    second = UUID((await lend(api, holder="instructor.06.371.01.01")).json()["id"])

    async def seen(persona: str, commune: str | None = None) -> list[UUID]:
        answer = await api.get("/v1/delegations", persona, commune=commune)
        return [UUID(item["id"]) for item in answer.json()["items"]]

    assert await seen("instructor") == sorted([first, second])
    assert await seen("instructor", "06.371.01.01") == [second]
    assert await seen("citizen") == []
    stale = await api.post(
        f"/v1/delegations/{first}/revocation", "president", json={}, headers={"If-Match": '"7"'}
    )
    assert problem(stale) == (412, "delegation_changed")
