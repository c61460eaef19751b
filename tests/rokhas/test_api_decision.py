"""Decisions over HTTP: in time, late, on paper, after a silence, on appeal, by the governor."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.rokhas.domain.values import ClockRule
from tests.rokhas.conftest import At, Happened, Says
from tests.rokhas.filed import brought
from tests.rokhas.test_api_commune import ANSWER_BY, ARTICLE, FILED, act, problem, running
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

LATE = ANSWER_BY + timedelta(hours=9)
REFUSAL = {"outcome": "refused", "reasons": [ARTICLE]}


@pytest.fixture(autouse=True)
async def _legal_time(at: At) -> None:
    await at(FILED)


async def silent(
    rokhas: ServiceDatabase, clock_says: Says, at: At, procedure: str = "construction_small"
) -> str:
    """Its date passed unanswered."""
    file = await running(rokhas, clock_says, procedure)
    await at(LATE)
    await clock_says(file, "elapsed", answer_by=ANSWER_BY, rule=procedure)
    return file


async def shown(api: Api, file: str, persona: str = "president") -> dict[str, Any]:
    body: dict[str, Any] = (await api.get(f"/v1/dossiers/{file}", persona)).json()
    return body


async def test_a_refusal_in_time_is_reasoned_and_published_at_once(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At, happened: Happened
) -> None:
    file = await running(rokhas, clock_says)
    assert problem(await act(api, file, "decision", "president", outcome="refused")) == (
        422,
        "reasons_missing",
    )
    complementary = ARTICLE | {"document": "surface_certificate"}
    wrong = await act(api, file, "decision", "president", outcome="refused", reasons=[complementary])
    assert problem(wrong) == (422, "complementary_document")
    await at(ANSWER_BY - timedelta(minutes=1))
    refused = await act(api, file, "decision", "president", **REFUSAL)
    assert (refused.status_code, refused.json()["state"]) == (200, "refused")
    seen = await shown(api, file, "citizen")
    assert seen["decision"]["reasons"][0]["text"] == ARTICLE["text"], "it is in the applicant's space"
    assert seen["decision"]["notified_at"].startswith("2026-03-18T23:59:")
    assert (await happened(file))[-1] == "refused"


@pytest.mark.parametrize("announced", [False, True], ids=["silence not noticed yet", "silence announced"])
async def test_a_late_refusal_is_recorded_answers_409_and_changes_nothing(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At, happened: Happened, announced: bool
) -> None:
    file = await running(rokhas, clock_says)
    await at(ANSWER_BY)
    if announced:
        await clock_says(file, "elapsed", answer_by=ANSWER_BY)
    before = await shown(api, file)
    path, key = f"/v1/dossiers/{file}/decision", uuid4().hex
    late = await api.post(path, "president", key=key, json=REFUSAL)
    again = await api.post(path, "president", key=key, json=REFUSAL)
    assert problem(late) == (409, "late_refusal")
    assert (again.status_code, again.json()) == (409, late.json())
    assert late.headers["content-type"] == "application/problem+json"
    assert (await happened(file)).count("decision_attempted_late") == 1, "it is committed, and once"
    after = await shown(api, file)
    assert (after["state"], after["decision"], after["late_attempts"]) == (before["state"], None, 1)
    if not announced:
        await clock_says(file, "elapsed", answer_by=ANSWER_BY)
    assert (await shown(api, file))["state"] == "approved_by_silence"


async def test_a_late_grant_is_always_accepted(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At, happened: Happened
) -> None:
    file = await silent(rokhas, clock_says, at)
    granted = (await act(api, file, "decision", "president", outcome="granted")).json()
    assert granted["state"] == "granted"
    assert granted["effective_at"] == "2026-03-19T00:00:00Z", "in force since the silence"
    assert (await happened(file))[-2:] == ["approved_by_silence", "granted"]


async def test_no_refusal_while_the_date_is_not_known(
    api: Api, rokhas: ServiceDatabase, clock_says: Says
) -> None:
    file = await running(rokhas, clock_says)
    await act(api, file, "extension", "instructor", days=10, ground="public_inquiry")
    unknown = await act(api, file, "decision", "president", **REFUSAL)
    assert problem(unknown) == (409, "clock_unknown")
    assert unknown.json()["retry"] is True
    await clock_says(file, "extended", answer_by=ANSWER_BY + timedelta(days=10))
    assert (await act(api, file, "decision", "president", **REFUSAL)).status_code == 200


async def test_who_instructs_does_not_decide(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At
) -> None:
    file = await running(rokhas, clock_says, "construction_large")
    assert problem(await act(api, file, "decision", "instructor", outcome="granted")) == (403, "not_allowed")
    lent = {
        "collectivity": "06.141.01.0",
        "kind": "signature",
        "giver": "president",
        "holder": "instructor",
        "starts_at": FILED.isoformat(),
        "ends_at": LATE.isoformat(),
    }
    await api.post("/v1/delegations", "president", json=lent)
    await act(api, file, "forwarding", "instructor")
    both = await act(api, file, "decision", "instructor", outcome="granted")
    assert problem(both) == (403, "separation_of_duties")
    assigned = await running(rokhas, clock_says)
    await act(api, assigned, "assignment", "president", instructor="instructor")
    both = await act(api, assigned, "decision", "instructor", outcome="granted")
    assert problem(both) == (403, "separation_of_duties")
    for persona in ("citizen", "agent", "auditor", "governor"):
        answer = await act(api, file, "decision", persona, outcome="granted")
        assert answer.status_code == 403, persona


# On paper


async def test_a_handover_entered_in_time_counts_from_the_handover(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At
) -> None:
    file = await running(rokhas, clock_says)
    await at(ANSWER_BY - timedelta(hours=1))
    proof = await brought(rokhas, "president")
    handover = REFUSAL | {"handed_over_at": "2026-03-10T10:00:00Z", "evidence": proof}
    assert problem(await act(api, file, "handover", "agent2", **handover)) == (422, "file_unknown")
    future = await act(
        api, file, "handover", "president", **handover | {"handed_over_at": "2027-01-01T00:00:00Z"}
    )
    assert problem(future) == (422, "handed_over_at")
    refused = (await act(api, file, "handover", "president", **handover)).json()
    assert (refused["state"], refused["decision"]["notified_at"], refused["decision"]["proof"]) == (
        "refused",
        "2026-03-10T10:00:00Z",
        proof,
    )


async def test_113_14_art_101_what_an_agent_enters_in_time_awaits_a_second_person_too(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At
) -> None:
    file = await running(rokhas, clock_says)
    await at(ANSWER_BY - timedelta(hours=1))
    proof = {"handed_over_at": "2026-03-10T10:00:00Z", "evidence": await brought(rokhas, "agent")}
    entered = (await act(api, file, "handover", "agent", **REFUSAL, **proof)).json()
    assert (entered["state"], entered["handover"]["recorded_by"]) == ("under_review", "agent")
    confirmed = await act(api, file, "handover/confirmation", "agent2")
    assert confirmed.json()["state"] == "refused"


@pytest.mark.parametrize(
    ("answer", "state", "event"),
    [
        ("confirmation", "refused", "refused"),
        ("rejection", "approved_by_silence", "handover_rejected"),
    ],
)
async def test_a_handover_entered_after_the_expiry_awaits_a_second_person(
    api: Api,
    rokhas: ServiceDatabase,
    clock_says: Says,
    at: At,
    happened: Happened,
    answer: str,
    state: str,
    event: str,
) -> None:
    file = await silent(rokhas, clock_says, at)
    proof = await brought(rokhas, "agent")
    handover = REFUSAL | {"handed_over_at": "2026-03-10T10:00:00Z", "evidence": proof}
    recorded = (await act(api, file, "handover", "agent", **handover)).json()
    assert (recorded["state"], recorded["handover"]["recorded_by"]) == ("approved_by_silence", "agent")
    alone = await act(api, file, f"handover/{answer}", "agent")
    assert problem(alone) == (403, "second_person_required")
    second = (await act(api, file, f"handover/{answer}", "agent2")).json()
    assert (second["state"], second["handover"]) == (state, None)
    assert (await happened(file))[-1] == event


async def test_a_refusal_handed_over_after_the_date_is_late_on_paper_too(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At, happened: Happened
) -> None:
    file = await silent(rokhas, clock_says, at)
    proof = await brought(rokhas, "agent")
    handover = REFUSAL | {"handed_over_at": "2026-03-19T08:00:00Z", "evidence": proof}
    assert problem(await act(api, file, "handover", "agent", **handover)) == (409, "late_refusal")
    assert (await happened(file))[-1] == "decision_attempted_late"


# Delivery and what follows


async def test_a_permit_is_delivered_once_its_fees_are_paid_and_transmitted_once(
    api: Api, rokhas: ServiceDatabase, clock_says: Says
) -> None:
    file = await running(rokhas, clock_says)
    await act(api, file, "fees", "agent", code="network_fees", amount=1000)
    await act(api, file, "decision", "president", outcome="granted")
    unpaid = await act(api, file, "delivery", "president")
    assert problem(unpaid) == (409, "fees_unpaid")
    assert unpaid.json()["fees"] == ["network_fees"]
    free = await running(rokhas, clock_says)
    await act(api, free, "decision", "president", outcome="granted")
    assert (await act(api, free, "delivery", "president")).json()["state"] == "delivered"
    sent = await act(api, free, "transmission", "agent", recipient="governor")
    assert list(sent.json()["transmitted"]) == ["governor"]
    again = await act(api, free, "transmission", "agent", recipient="governor")
    assert problem(again) == (409, "already_transmitted")


async def test_a_permit_lapses_when_its_validity_is_over_and_nothing_was_built(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At
) -> None:
    file = await running(rokhas, clock_says)
    await act(api, file, "decision", "president", outcome="granted")
    await act(api, file, "delivery", "president")
    assert problem(await act(api, file, "lapse", "agent")) == (409, "action_not_permitted")
    due = FILED + timedelta(days=366)
    await clock_says(file, "started", answer_by=due, rule="lapse.construction", role="applicant")
    assert problem(await act(api, file, "lapse", "agent")) == (409, "too_early")
    await at(due)
    assert (await act(api, file, "lapse", "agent")).json()["state"] == "lapsed"


async def test_the_president_delivers_what_the_silence_approved(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At, happened: Happened
) -> None:
    file = await silent(rokhas, clock_says, at)
    assert problem(await act(api, file, "delivery", "president")) == (409, "action_not_permitted")
    await api.post(f"/v1/dossiers/{file}/invocation", "citizen", json={})
    assert (await act(api, file, "delivery", "president")).json()["state"] == "delivered"
    assert (await happened(file))[-3:] == ["approved_by_silence", "silence_invoked", "permit_delivered"]


async def test_failing_the_president_the_governor_attests(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At, happened: Happened
) -> None:
    file = await silent(rokhas, clock_says, at)
    await api.post(f"/v1/dossiers/{file}/invocation", "citizen", json={})
    due = LATE + timedelta(days=9)
    await clock_says(file, "started", answer_by=due, rule=ClockRule.DELIVERY, role="invocation")
    assert problem(await act(api, file, "attestation", "governor")) == (409, "action_not_permitted")
    await at(due)
    await api.post(f"/v1/dossiers/{file}/attestation-request", "citizen", json={})
    assert (await act(api, file, "explanations", "governor")).json()["state"] == "attestation_requested"
    for persona, commune in (("president", None), ("governor", "06.371.01.01")):
        answer = await api.post(f"/v1/dossiers/{file}/attestation", persona, commune=commune, json={})
        assert answer.status_code == (403 if persona == "president" else 404)
    attested = (await act(api, file, "attestation", "governor")).json()
    assert (attested["state"], attested["binding_opinion"]) == ("attested", "missing")
    assert (await happened(file))[-3:] == ["attestation_requested", "explanations_requested", "attested"]


async def test_the_governor_records_an_annulment(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At
) -> None:
    file = await silent(rokhas, clock_says, at)
    assert problem(await act(api, file, "annulment", "governor")) == (422, "invalid")
    assert problem(await act(api, file, "annulment", "governor", act="  ")) == (422, "invalid")
    annulled = await act(api, file, "annulment", "governor", act="Jugement n° 12 du TA de Casablanca")
    assert annulled.json()["annulment"] == "Jugement n° 12 du TA de Casablanca"
    assert annulled.json()["state"] == "annulled"
    assert annulled.json()["actions"] == []


# Appeals


async def test_the_president_answers_an_appeal(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, happened: Happened
) -> None:
    file = await running(rokhas, clock_says)
    await act(api, file, "decision", "president", **REFUSAL)
    await api.post(f"/v1/dossiers/{file}/appeals", "citizen", json={"text": "Le retrait est respecté."})
    assert problem(await act(api, file, "appeals/answer", "president", outcome="refused")) == (
        422,
        "reasons_missing",
    )
    answered = await act(api, file, "appeals/answer", "president", outcome="granted")
    assert answered.json()["state"] == "granted"
    assert (await happened(file))[-2:] == ["appeal_lodged", "appeal_answered"]


async def test_the_governor_invites_a_silent_president_to_decide(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At
) -> None:
    file = await running(rokhas, clock_says)
    await act(api, file, "decision", "president", **REFUSAL)
    await api.post(f"/v1/dossiers/{file}/appeals", "citizen", json={"text": "Recours"})
    due = FILED + timedelta(days=17)
    await clock_says(file, "started", answer_by=due, rule=ClockRule.APPEAL_PRESIDENT, role="appeal")
    assert problem(await act(api, file, "appeals/invitation", "governor")) == (409, "action_not_permitted")
    await at(due)
    await api.post(f"/v1/dossiers/{file}/appeals/escalation", "citizen", json={"text": "Sans réponse"})
    invited: httpx.Response = await act(api, file, "appeals/invitation", "governor")
    assert invited.json()["state"] == "appeal_governor"
    rejected = await act(api, file, "appeals/answer", "president", outcome="refused", reasons="Mal fondé")
    assert rejected.json()["state"] == "appeal_rejected"
