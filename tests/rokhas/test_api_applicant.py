"""The applicant's steps over HTTP: answers, giving up and over, proxies, silence, appeals; what happened."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.deadlines.events import Step
from tests.rokhas.conftest import At, Deliver, Happened, Says
from tests.rokhas.filed import brought, filed
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

FILED = datetime(2026, 3, 2, 10, tzinfo=UTC)
ANSWER_BY = datetime(2026, 3, 19, tzinfo=UTC)
LATE = ANSWER_BY + timedelta(hours=9)
DESK = {"unit": "guichet-anfa"}
HOLIDAY = {
    "ar": "أُعلن يوم عطلة.",
    "fr": "Un jour férié a été annoncé.",
    "en": "A holiday was announced.",
}


@pytest.fixture(autouse=True)
async def _legal_time(at: At) -> None:
    await at(FILED)


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def take(
    api: Api, file: UUID, step: str, persona: str = "citizen", body: Any = None, **options: Any
) -> httpx.Response:
    return await api.post(f"/v1/dossiers/{file}/{step}", persona, json=body or {}, **options)


async def running(rokhas: ServiceDatabase, clock_says: Says, procedure: str = "construction_small") -> UUID:
    file = await filed(rokhas, procedure)
    until = {"first_half_until": FILED.date() + timedelta(days=7)}
    await clock_says(file, "started", rule=procedure, answer_by=ANSWER_BY, **until)
    return file


async def silent(
    rokhas: ServiceDatabase, clock_says: Says, at: At, procedure: str = "construction_small"
) -> UUID:
    file = await running(rokhas, clock_says, procedure)
    await at(LATE)
    await clock_says(file, "elapsed", rule=procedure, answer_by=ANSWER_BY)
    return file


async def refused(api: Api, rokhas: ServiceDatabase, clock_says: Says) -> UUID:
    file = await running(rokhas, clock_says)
    reasons = [{"article": "12-90, art. 43", "text": "Alignement"}]
    answer = await take(api, file, "decision", "president", {"outcome": "refused", "reasons": reasons})
    assert answer.status_code == 200, answer.text
    return file


async def test_an_answer_supplies_what_was_asked_and_the_clock_resumes(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, happened: Happened
) -> None:
    file = await running(rokhas, clock_says)
    body = {"document": "site_plan", "reasons": "Illisible"}
    asked = (await take(api, file, "replacement-requests", "instructor", body)).json()
    assert asked["state"] == "suspended"
    request = asked["requests"][0]["id"]
    path = f"requests/{request}/answer"
    mine, theirs = await brought(rokhas, "citizen"), await brought(rokhas, "citizen2")
    foreign = await take(api, file, path, body={"documents": {"site_plan": theirs}})
    assert problem(foreign) == (422, "file_unknown")
    partly = await take(api, file, path, body={"text": "Voici"})
    assert problem(partly) == (422, "documents_missing")
    nowhere = await take(api, file, "requests/none/answer", body={"text": "Voici"})
    assert problem(nowhere) == (404, "request_unknown")
    done = await take(api, file, path, body={"documents": {"site_plan": mine}})
    assert (done.status_code, done.json()["state"]) == (200, "under_review")
    assert problem(await take(api, file, path, body={"documents": {"site_plan": mine}})) == (
        409,
        "request_answered",
    )
    assert (await happened(file))[-1] == "answered_request"


async def test_what_the_state_does_not_allow_lists_what_it_does(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, happened: Happened
) -> None:
    file = await running(rokhas, clock_says)
    impossible = await take(api, file, "invocation")
    assert problem(impossible) == (409, "action_not_permitted")
    assert "withdraw" in impossible.json()["actions"]
    assert (await take(api, file, "withdrawal")).json()["state"] == "withdrawn"
    assert (await happened(file))[-1] == "withdrawn"


async def test_a_permit_is_kept_by_works_and_may_be_given_up(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, happened: Happened
) -> None:
    file = await running(rokhas, clock_says)
    await take(api, file, "decision", "president", {"outcome": "granted"})
    assert (await take(api, file, "works", "citizen2")).status_code == 404
    assert (await take(api, file, "works", "president")).status_code == 403
    begun = (await take(api, file, "works", "agent", {"counter": DESK})).json()
    assert begun["works_started_at"]
    assert problem(await take(api, file, "works")) == (409, "works_started")
    assert (await take(api, file, "renunciation")).json()["state"] == "renounced"
    assert (await happened(file))[-2:] == ["works_started", "renounced"]


@pytest.mark.parametrize(("step", "granted"), [("withdrawal", False), ("renunciation", True)])
async def test_55_19_art_30_at_a_counter_what_ends_a_file_is_proven_and_told(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, deliver: Deliver, step: str, granted: bool
) -> None:
    file = await running(rokhas, clock_says)
    if granted:
        await take(api, file, "decision", "president", {"outcome": "granted"})
    unproven = await take(api, file, step, "agent", {"counter": DESK})
    assert problem(unproven) == (422, "evidence_missing")
    theirs = {"counter": DESK, "evidence": await brought(rokhas, "citizen2")}
    assert problem(await take(api, file, step, "agent", theirs)) == (422, "file_unknown")
    proven = {"counter": DESK, "evidence": await brought(rokhas, "agent")}
    assert (await take(api, file, step, "agent", proven)).status_code == 200
    await deliver()
    newest = (await api.get("/v1/notices", "citizen")).json()["items"][0]
    assert newest["kind"] == ("renounced" if granted else "withdrawn")


async def test_the_former_applicant_is_told_of_a_transfer_at_a_counter(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, deliver: Deliver
) -> None:
    file = await running(rokhas, clock_says)
    body = {"successor": "citizen2", "basis": "buyer", "counter": DESK}
    body |= {"evidence": await brought(rokhas, "agent")}
    assert (await take(api, file, "transfer", "agent", body)).status_code == 200
    await deliver()
    for persona in ("citizen", "citizen2"):
        newest = (await api.get("/v1/notices", persona)).json()["items"][0]
        assert newest["kind"] == "transferred", persona


async def test_a_transfer_gives_the_file_to_its_successor(
    api: Api, rokhas: ServiceDatabase, clock_says: Says
) -> None:
    file = await running(rokhas, clock_says)
    await take(api, file, "proxies", body={"holder": "architect"})
    deed = await brought(rokhas, "citizen")
    body = {"successor": "citizen2", "basis": "heir", "evidence": deed}
    by_proxy = body | {"evidence": await brought(rokhas, "architect")}
    assert problem(await take(api, file, "transfer", "architect", by_proxy)) == (403, "not_allowed")
    unproven = await take(api, file, "transfer", body=body | {"evidence": "0" * 63 + "1"})
    assert problem(unproven) == (422, "file_unknown")
    desk = body | {"successor": "office:06.141.01.0"}
    assert problem(await take(api, file, "transfer", body=desk)) == (422, "invalid")
    answer = await take(api, file, "transfer", body=body)
    assert (answer.json()["applicant"], answer.json()["proxies"]) == ("citizen2", [])
    assert (await api.get(f"/v1/dossiers/{file}", "citizen")).status_code == 404
    theirs = (await api.get(f"/v1/dossiers/{file}", "citizen2")).json()
    assert (theirs["applicant"], theirs["clock"]["answer_by"]) == ("citizen2", "2026-03-19T00:00:00Z")
    assert (await take(api, file, "withdrawal")).status_code == 404


async def test_a_proxy_acts_until_revoked(api: Api, rokhas: ServiceDatabase, happened: Happened) -> None:
    file = await filed(rokhas, submitted=False, without=("site_plan",))
    body = {"document": "site_plan", "file": await brought(rokhas, "architect")}
    assert problem(await take(api, file, "documents", "architect", body)) == (404, "dossier_unknown")
    given = await take(api, file, "proxies", body={"holder": "architect"}, key="proxy")
    assert (
        await take(api, file, "proxies", body={"holder": "architect"}, key="proxy")
    ).json() == given.json()
    assert (await take(api, file, "documents", "architect", body)).status_code == 200
    listed = (await api.get("/v1/dossiers", "architect")).json()["items"]
    assert [item["id"] for item in listed] == [str(file)]
    assert problem(await take(api, file, "proxies", "architect", {"holder": "agent"})) == (403, "not_allowed")
    unknown = await take(api, file, "proxies/revocation", body={"holder": "citizen2"})
    assert problem(unknown) == (404, "proxy_unknown")
    revoked = await take(api, file, "proxies/revocation", body={"holder": "architect"})
    assert revoked.json()["proxies"] == []
    assert (await api.get(f"/v1/dossiers/{file}", "architect")).status_code == 404
    assert (await happened(file)).count("proxy_granted") == 1


async def test_55_19_art_19_20_silence_is_invoked_then_attested(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At, happened: Happened
) -> None:
    file = await silent(rokhas, clock_says, at)
    shown = (await api.get(f"/v1/dossiers/{file}", "citizen")).json()
    assert (shown["state"], shown["effective_at"]) == ("approved_by_silence", "2026-03-19T00:00:00Z")
    assert "invoke" in shown["actions"]
    assert (await take(api, file, "invocation", "citizen2")).status_code == 404
    assert problem(await take(api, file, "invocation", "governor")) == (403, "role_not_allowed")
    stale = await take(api, file, "invocation", headers={"If-Match": '"1"'})
    assert problem(stale) == (412, "dossier_changed")
    first = await take(api, file, "invocation", key="invoke", headers={"If-Match": f'"{shown["version"]}"'})
    assert (first.status_code, first.json()["state"]) == (200, "silence_invoked")
    same = await take(api, file, "invocation", key="invoke", headers={"If-Match": f'"{shown["version"]}"'})
    assert same.json() == first.json()
    assert problem(await take(api, file, "attestation-request")) == (409, "clock_unknown")
    due = LATE + timedelta(days=9)
    await clock_says(file, "started", rule="invocation.delivery", role="invocation", answer_by=due)
    early = await take(api, file, "attestation-request")
    assert (problem(early), early.json()["earliest"]) == ((409, "too_early"), "2026-03-28T09:00:00Z")
    await at(due)
    asked = await take(api, file, "attestation-request")
    assert asked.json()["state"] == "attestation_requested"
    assert (await happened(file)).count("silence_invoked") == 1


async def test_55_19_art_21_an_appeal_goes_to_the_president_then_to_the_governor(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At
) -> None:
    file = await refused(api, rokhas, clock_says)
    assert problem(await take(api, file, "appeals")) == (422, "invalid")
    lodged = await take(api, file, "appeals", body={"text": "Le retrait est respecté."})
    assert (lodged.json()["state"], lodged.json()["appeals"][0]["authority"]) == (
        "appeal_president",
        "president",
    )
    due = FILED + timedelta(days=17)
    await clock_says(file, "started", rule="appeal.president", role="appeal", answer_by=due)
    early = await take(api, file, "appeals/escalation", body={"text": "Sans réponse."})
    assert problem(early) == (409, "too_early")
    await at(due)
    desk = {"text": "Sans réponse.", "counter": DESK}
    assert (await take(api, file, "appeals/escalation", "agent", desk)).json()["state"] == "appeal_governor"


async def test_the_thirty_days_of_an_appeal_end(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At
) -> None:
    file = await refused(api, rokhas, clock_says)
    ends = FILED + timedelta(days=32)
    await clock_says(file, "started", rule="appeal.lodging", role="applicant", answer_by=ends)
    await at(ends)
    assert problem(await take(api, file, "appeals", body={"text": "Trop tard"})) == (
        409,
        "appeal_window_closed",
    )


@pytest.mark.parametrize(
    "step",
    [
        "withdrawal",
        "renunciation",
        "works",
        "invocation",
        "attestation-request",
        "proxies",
        "proxies/revocation",
        "appeals",
        "appeals/escalation",
        "payments",
    ],
)
async def test_only_the_applicants_side_takes_the_applicants_steps(
    api: Api, rokhas: ServiceDatabase, happened: Happened, step: str
) -> None:
    file = await filed(rokhas)
    bodies: dict[str, dict[str, Any]] = {
        "proxies": {"holder": "x"},
        "appeals": {"text": "x"},
        "payments": {"fees": ["service_fee"]},
    }
    body = bodies.get(step.partition("/")[0], {})
    assert problem(await take(api, file, step, "citizen2", body)) == (404, "dossier_unknown")
    assert problem(await take(api, file, step, "president", body)) == (403, "role_not_allowed")
    nameless = await take(api, file, step, "agent", body)
    assert problem(nameless) == (403, "counter_unit_missing")
    elsewhere = await take(api, file, step, "agent", body | {"counter": DESK}, commune="01.151.01.01")
    assert problem(elsewhere) == (404, "dossier_unknown")
    keyless = await api.request("POST", f"/v1/dossiers/{file}/{step}", "citizen", json=body)
    assert problem(keyless) == (400, "idempotency_key_missing")
    assert (await happened(file))[-1] == "submitted"


async def test_the_timeline_tells_in_three_languages_and_names_nobody(
    api: Api, rokhas: ServiceDatabase, clock_says: Says
) -> None:
    file = await running(rokhas, clock_says)
    await take(api, file, "assignment", "agent", {"instructor": "instructor"})
    await take(api, file, "proxies", body={"holder": "architect"})
    moved = ANSWER_BY + timedelta(days=1)
    await clock_says(file, "moved", answer_by=moved, reason=HOLIDAY)
    items = (await api.get(f"/v1/dossiers/{file}/timeline", "citizen")).json()["items"]
    assert [item["sequence"] for item in items] == list(range(1, len(items) + 1))
    last = items[-1]
    assert (last["type"], last["details"]["answer_by"]) == ("deadline_moved", "2026-03-20T00:00:00Z")
    assert last["text"]["fr"] == (
        "Délai de réponse : le dernier jour passe du mercredi 18 mars 2026 au jeudi 19 mars 2026."
        " Motif : Un jour férié a été annoncé."
    )
    assert "الخميس 19 مارس 2026" in last["text"]["ar"]
    for item in items:
        assert all(item["text"][language] for language in ("ar", "fr", "en")), item
        assert "None" not in item["text"]["fr"], item
        said = str(item["details"])
        assert "architect'" not in said, item
        assert "'instructor'" not in said, item
    assert problem(await api.get(f"/v1/dossiers/{file}/timeline", "citizen2")) == (404, "dossier_unknown")


async def test_why_this_date_is_answered_as_the_clock_explained_it(
    api: Api, rokhas: ServiceDatabase, clock_says: Says
) -> None:
    file = await filed(rokhas)
    step = Step("start", FILED.date(), "DOC, art. 131", HOLIDAY)
    await clock_says(file, "started", answer_by=ANSWER_BY, explanation=[step])
    clocks = (await api.get(f"/v1/dossiers/{file}/explanation", "citizen")).json()["clocks"]
    assert [(clock["rule"], clock["answer_by"]) for clock in clocks] == [
        ("construction_small", "2026-03-19T00:00:00Z")
    ]
    assert clocks[0]["explanation"] == [asdict(step) | {"date": "2026-03-02"}]
    assert (await api.get(f"/v1/dossiers/{file}/explanation", "citizen2")).status_code == 404
