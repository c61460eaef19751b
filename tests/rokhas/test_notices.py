"""Who is told what: applicant and proxies of every step, officers before and after a date, the governor."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from services.rokhas.app import SERVICE
from services.rokhas.consumers.notices import together
from services.rokhas.domain import Dossier
from services.rokhas.store import dossiers
from shared.db import Tx
from shared.notify import provider_at, send_once
from tests.rokhas import cases
from tests.rokhas.conftest import SINCE, At, Deliver, Happened, Says
from tests.rokhas.filed import brought, filed
from tests.support.databases import ServiceDatabase
from tests.support.http import Api, settings_of
from tests.support.services import envelope_of

FILED = datetime(2026, 3, 2, 10, tzinfo=UTC)
ANSWER_BY = datetime(2026, 3, 19, tzinfo=UTC)
LATE = ANSWER_BY + timedelta(hours=9)
HOLIDAY = {"ar": "أُعلن يوم عطلة.", "fr": "Un jour férié a été annoncé.", "en": "A holiday was announced."}
WRITTEN = text("SELECT recipient, about, kind, content FROM msg.notice ORDER BY number")
TOLD = text("SELECT recipient, kind, content FROM msg.notice WHERE about = :about ORDER BY number")


@pytest.fixture(autouse=True)
async def _legal_time(at: At) -> None:
    await at(FILED)


async def told(rokhas: ServiceDatabase, file: UUID) -> dict[str, list[str]]:
    """By recipient, the kinds of what they were told, in its order."""
    found: dict[str, list[str]] = {}
    async with rokhas.worker.transaction() as tx:
        for row in await tx.execute(TOLD, {"about": str(file)}):
            found.setdefault(row.recipient, []).append(row.kind)
    return found


async def space(api: Api, persona: str = "citizen", query: str = "") -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/notices{query}", persona)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def running(rokhas: ServiceDatabase, clock_says: Says, procedure: str = "construction_small") -> UUID:
    file = await filed(rokhas, procedure)
    until = {"first_half_until": FILED.date() + timedelta(days=7)}
    await clock_says(file, "started", rule=procedure, answer_by=ANSWER_BY, **until)
    return file


async def take(api: Api, file: UUID, step: str, persona: str, **body: Any) -> httpx.Response:
    answer = await api.post(f"/v1/dossiers/{file}/{step}", persona, json=body)
    assert answer.status_code in {200, 201, 409}, answer.text
    return answer


async def test_a_request_and_the_date_it_stops_are_told_to_applicant_and_proxy(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, deliver: Deliver
) -> None:
    file = await running(rokhas, clock_says)
    await take(api, file, "proxies", "citizen", holder="architect")
    await deliver()
    request = await take(
        api, file, "replacement-requests", "instructor", document="site_plan", reasons="Illisible"
    )
    await clock_says(file, "suspended")
    await deliver()
    await deliver()
    kinds = await told(rokhas, file)
    assert kinds["citizen"][-2:] == ["replacement_requested", "deadline_moved"]
    assert kinds["architect"][-2:] == ["replacement_requested", "deadline_moved"]
    stopped, asked = (await space(api))[:2]
    request_id = request.json()["requests"][0]["id"]
    assert asked["action"]["href"] == f"/rokhas/v1/dossiers/{file}/requests/{request_id}/answer"
    assert "Plan de masse" in asked["text"]["fr"]
    assert "Illisible" not in str(asked), "what people wrote stays in the file"
    assert "suspendu" in stopped["text"]["fr"]
    assert await space(api, "citizen2") == []


async def test_a_moved_date_is_told_with_the_old_one_the_new_one_and_the_reason(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, deliver: Deliver
) -> None:
    file = await running(rokhas, clock_says)
    later = ANSWER_BY + timedelta(days=1)
    await clock_says(file, "moved", answer_by=later, reason=HOLIDAY, provisional=True)
    await clock_says(file, "certainty_changed", answer_by=later, reason=HOLIDAY)
    await deliver()
    settled, moved, first = (await space(api))[:3]
    assert [first["kind"], moved["kind"], settled["kind"]] == [
        "deadline_set",
        "deadline_moved",
        "deadline_settled",
    ]
    for part in ("mercredi 18 mars 2026", "jeudi 19 mars 2026", HOLIDAY["fr"]):
        assert part in moved["text"]["fr"]
    for part in ("الأربعاء 18 مارس 2026", "الخميس 19 مارس 2026", HOLIDAY["ar"]):
        assert part in moved["text"]["ar"]
    assert "désormais certain" in settled["text"]["fr"]


@pytest.mark.parametrize(("opinion", "doubt"), [("favourable", False), ("unfavourable", True), (None, True)])
async def test_rgc_39_55_an_approval_by_silence_is_told_at_once_with_one_action(
    api: Api,
    rokhas: ServiceDatabase,
    clock_says: Says,
    deliver: Deliver,
    at: At,
    opinion: str | None,
    doubt: bool,
) -> None:
    file = await running(rokhas, clock_says)
    if opinion:
        paper = await brought(rokhas, "instructor")
        body = {"actor": "urban_agency", "outcome": opinion, "reasons": "Avis", "document": paper}
        await take(api, file, "opinions", "instructor", **body)
    await at(LATE)
    await clock_says(file, "elapsed", answer_by=ANSWER_BY)
    await deliver()
    notice = (await space(api))[0]
    assert (notice["kind"], notice["about"]) == ("approved_by_silence", str(file))
    assert notice["action"]["method"] == "POST"
    assert notice["action"]["href"] == f"/rokhas/v1/dossiers/{file}/invocation"
    assert "سكوت الإدارة" in notice["title"]["ar"]
    assert "7 jours" in notice["text"]["fr"]
    assert ("nul" in notice["text"]["fr"]) is doubt
    assert ("باطلة" in notice["text"]["ar"]) is doubt
    kinds = await told(rokhas, file)
    assert kinds["office:06.141.01.0"][-1] == "approved_by_silence"
    assert ("governor:06.141" in kinds) is doubt
    path = notice["action"]["href"].removeprefix("/rokhas")
    invoked = await api.post(path, "citizen", json={})
    assert invoked.json()["state"] == "silence_invoked"


async def test_a_notice_offers_only_what_may_still_be_done(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, deliver: Deliver, at: At
) -> None:
    file = await running(rokhas, clock_says)
    await at(LATE)
    await clock_says(file, "elapsed", answer_by=ANSWER_BY)
    await take(api, file, "invocation", "citizen")
    await deliver()
    approved = next(n for n in await space(api) if n["kind"] == "approved_by_silence")
    assert approved["action"] is None, "the act was asked for before this was told"


async def test_a_late_refusal_reaches_the_governor_and_audit(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, deliver: Deliver, at: At
) -> None:
    file = await running(rokhas, clock_says)
    await at(LATE)
    reasons = [{"article": "12-90, art. 43", "text": "Alignement"}]
    late = await take(api, file, "decision", "president", outcome="refused", reasons=reasons)
    assert late.json()["code"] == "late_refusal"
    await deliver()
    kinds = await told(rokhas, file)
    assert kinds["governor:06.141"] == ["decision_attempted_late"]
    assert kinds["audit:06.141.01.0"] == ["decision_attempted_late"]
    seen = await space(api, "governor", "?office=06.141")
    assert [notice["kind"] for notice in seen] == ["decision_attempted_late"]
    assert "president" not in json.dumps(seen[0]["text"]["en"])


@pytest.mark.parametrize("warned", ["half", "eighty_percent", "two_days"])
async def test_officers_are_warned_before_the_date(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, warned: str
) -> None:
    file = await running(rokhas, clock_says)
    await clock_says(file, "warned", answer_by=ANSWER_BY, warning=warned)
    await take(api, file, "assignment", "agent", instructor="instructor")
    await clock_says(file, "warned", answer_by=ANSWER_BY, warning=warned)
    assert await told(rokhas, file) == {
        "office:06.141.01.0": [f"warning_{warned}"],
        "instructor": [f"warning_{warned}"],
    }
    mine = await space(api, "instructor")
    assert "mercredi 18 mars 2026" in mine[0]["text"]["fr"]
    assert mine[0]["action"] is None


async def test_nobody_is_warned_of_what_is_done_and_the_applicant_of_their_own_period(
    api: Api, rokhas: ServiceDatabase, clock_says: Says
) -> None:
    file = await running(rokhas, clock_says)
    await take(api, file, "decision", "president", outcome="granted")
    await clock_says(file, "warned", answer_by=ANSWER_BY, warning="two_days")
    assert await told(rokhas, file) == {}
    waiting = await filed(rokhas, without=("site_plan",))
    period = {"rule": "completion.missing_items", "role": "applicant", "answer_by": ANSWER_BY}
    await clock_says(waiting, "started", **period)
    await clock_says(waiting, "warned", warning="half", **period)
    assert await told(rokhas, waiting) == {"citizen": ["warning_half"]}


async def test_2_22_141_art_6_the_office_is_told_which_actor_is_late(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, happened: Happened, at: At
) -> None:
    file = await running(rokhas, clock_says)
    await at(ANSWER_BY - timedelta(days=1))
    step = {
        "rule": "opinion.urban_agency",
        "role": "step",
        "discriminator": "urban_agency",
        "answer_by": ANSWER_BY - timedelta(days=2),
        "label": {"ar": "رأي", "fr": "Avis", "en": "Opinion"},
    }
    await clock_says(file, "started", **step)
    before = await happened(file)
    await clock_says(file, "elapsed", **step)
    assert await told(rokhas, file) == {"office:06.141.01.0": ["step_passed"]}
    assert await happened(file) == before, "it approves nothing"
    notice = (await space(api, "agent", "?office=06.141.01.0"))[0]
    assert "Avis — Agence urbaine" in notice["text"]["fr"]
    await take(api, file, "decision", "president", outcome="granted")
    await clock_says(file, "elapsed", **step)
    assert await told(rokhas, file) == {"office:06.141.01.0": ["step_passed"]}, "nobody is late any more"


async def test_each_period_of_the_invocation_chain_opens_the_next_step(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, deliver: Deliver, at: At
) -> None:
    file = await running(rokhas, clock_says)
    await at(LATE)
    await clock_says(file, "elapsed", answer_by=ANSWER_BY)
    await take(api, file, "invocation", "citizen")
    delivery = {"rule": "invocation.delivery", "role": "invocation", "answer_by": LATE + timedelta(days=9)}
    await clock_says(file, "started", **delivery)
    await at(LATE + timedelta(days=10))
    await clock_says(file, "elapsed", **delivery)
    await deliver()
    passed, due = (await space(api))[:2]
    assert due["kind"] == "deadline_set"
    assert "président" in due["text"]["fr"]
    assert passed["action"]["href"].endswith("/attestation-request")
    await take(api, file, "attestation-request", "citizen")
    await take(api, file, "attestation", "governor")
    await deliver()
    kinds = await told(rokhas, file)
    assert kinds["citizen"][-1] == "attested"
    assert kinds["governor:06.141"][-1] == "attestation_requested"
    assert "silence_invoked" in kinds["office:06.141.01.0"]


@pytest.mark.parametrize(
    ("persona", "office", "status"),
    [
        ("agent", "06.141.01.0", 200),
        ("auditor", "06.141.01.0", 200),
        ("governor", "06.141", 200),
        ("governor", "06.355", 403),
        ("agent", "01.151.01.01", 403),
        ("citizen", "06.141.01.0", 403),
        ("agent", "06.141", 403),
    ],
)
async def test_a_desk_is_read_by_those_who_work_there(
    api: Api, rokhas: ServiceDatabase, deliver: Deliver, persona: str, office: str, status: int
) -> None:
    await filed(rokhas)
    await deliver()
    answer = await api.get(f"/v1/notices?office={office}", persona)
    assert answer.status_code == status
    if persona == "agent" and status == 200:
        assert [notice["kind"] for notice in answer.json()["items"]] == ["submitted"]


async def test_the_second_wall_keeps_other_peoples_notices(rokhas: ServiceDatabase, deliver: Deliver) -> None:
    await filed(rokhas)
    await deliver()
    count = text("SELECT count(*) FROM msg.notice")
    for actor, seen in (
        (cases.CITIZEN, 0),
        (replace(cases.CITIZEN, subject="citizen"), 1),
        (cases.AGENT, 1),
        (cases.ELSEWHERE, 0),
    ):
        async with rokhas.api.transaction(actor) as tx:
            assert (await tx.execute(count)).scalar_one() == seen, actor


async def test_a_space_is_paged_newest_first(api: Api, rokhas: ServiceDatabase, deliver: Deliver) -> None:
    files = [await filed(rokhas) for _ in range(3)]
    await deliver()
    first = (await api.get("/v1/notices?limit=2", "citizen")).json()
    rest = (await api.get(f"/v1/notices?limit=2&cursor={first['next']}", "citizen")).json()
    assert [n["about"] for n in first["items"] + rest["items"]] == [str(file) for file in reversed(files)]
    assert rest["next"] is None


async def test_what_is_written_is_handed_to_the_provider(
    rokhas: ServiceDatabase, deliver: Deliver, tmp_path: Path
) -> None:
    settings = settings_of(SERVICE, tmp_path)
    file = await filed(rokhas)
    await deliver()
    assert await send_once(rokhas.worker, provider_at(settings.needed("notify_url"))) == 2
    lines = [json.loads(line) for line in read(tmp_path / "notices.jsonl").splitlines()]
    assert {(line["recipient"], line["about"]) for line in lines} == {
        ("citizen", str(file)),
        ("office:06.141.01.0", str(file)),
    }


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


class Undo(Exception):
    """What was written is not kept."""


async def test_events_that_come_together_tell_what_each_tells_alone(
    rokhas: ServiceDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any mixture of files, each of which is read once."""
    files = [await filed(rokhas, procedure) for procedure in ("construction_small", "repair")]
    async with rokhas.worker.transaction() as tx:
        events = [envelope_of(row) for row in await tx.execute(SINCE, {"pos": -1})]
    events.sort(key=lambda event: event.sequence)
    read: list[UUID] = []
    get = dossiers.get

    async def counted(tx: Tx, dossier: UUID) -> Dossier:
        read.append(dossier)
        return await get(tx, dossier)

    monkeypatch.setattr(dossiers, "get", counted)

    async def told_by(size: int) -> list[tuple[Any, ...]]:
        written: list[tuple[Any, ...]] = []
        with suppress(Undo):
            async with rokhas.worker.transaction() as tx:
                for start in range(0, len(events), size):
                    batch = events[start : start + size]
                    async with together(tx, batch) as handle:
                        for event in batch:
                            await handle(tx, event)
                written += map(tuple, await tx.execute(WRITTEN))
                raise Undo
        return written

    alone = await told_by(1)
    assert {about for _, about, _, _ in alone} == set(map(str, files))
    read.clear()
    assert await told_by(len(events)) == alone
    assert sorted(read) == sorted(files)
