"""Following somebody else's public report, or an area: who is told what, and who is told nothing."""

from typing import Any

import pytest
from sqlalchemy import text

from services.chikaya.app import SERVICE
from tests.chikaya.filed import CASABLANCA, ELSEWHERE, REASONS, TEXT, anonymous, filed, problem, step
from tests.support.databases import ServiceDatabase
from tests.support.http import Api
from tests.support.services import envelope_of, hear

LOG = text(
    "SELECT * FROM msg.event_log WHERE aggregatetype IN ('report', 'subscription') ORDER BY occurred_at, seq"
)
NOTICES = text("SELECT recipient, kind, content, about FROM msg.notice ORDER BY number")
FOLLOWER = {"email": "follower@example.ma"}
MAIL = "mailto:follower@example.ma"


async def told(chikaya: ServiceDatabase, recipient: str) -> list[tuple[str, Any, str]]:
    """What somebody was told, once all that happened was heard; twice, as topics may say it."""
    async with chikaya.worker.transaction() as tx:
        rows = (await tx.execute(LOG)).all()
    for row in (*rows, *rows):
        await hear(SERVICE, chikaya, envelope_of(row))
    async with chikaya.worker.transaction() as tx:
        found = await tx.execute(NOTICES)
        return [(row.kind, row.content, row.about) for row in found if row.recipient == recipient]


async def follows(api: Api, persona: str = "citizen2", **target: Any) -> dict[str, Any]:
    answer = await api.post("/v1/subscriptions", persona, json=target)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def follows_without_account(api: Api, chikaya: ServiceDatabase, **target: Any) -> dict[str, Any]:
    """And confirms by the code that was sent."""
    answer = await api.post("/v1/anonymous-subscriptions", json=target | {"contact": FOLLOWER})
    assert (answer.status_code, answer.json()["standing"]) == (201, "pending"), answer.text
    [*_, (kind, content, about)] = await told(chikaya, MAIL)
    assert (kind, about) == ("confirmation", answer.json()["id"])
    code = content["en"]["text"].split("code ")[1].split(".")[0]
    where = f"/v1/subscriptions/{about}/confirmation"
    assert problem(await api.post(where, json={"code": "2222-2222"})) == (403, "code_wrong")
    for _ in range(2):
        confirmed = await api.post(where, json={"code": code.lower()})
        assert (confirmed.status_code, confirmed.json()["standing"]) == (200, "active")
    made: dict[str, Any] = confirmed.json()
    return made


async def test_somebody_elses_report_is_followed_and_no_longer(api: Api, chikaya: ServiceDatabase) -> None:
    report = await filed(api, contact={"name": "Amina Secret", "phone": "+212612345678"})
    await follows(api, report=report)
    await step(api, report, "assignment", "agent", {"assignee": "instructor"})
    [(kind, content, about)] = await told(chikaya, "citizen2")
    assert (kind, about) == ("followed", report)
    assert content["fr"]["text"] == "Ce signalement est confié à un service."
    for secret in ("Amina", "+212", TEXT, "citizen", "instructor", "مدرسة الأمل"):
        assert secret not in str(content)
    offer = content["action"]
    for _ in range(2):
        ended = await api.request("POST", offer["href"].removeprefix("/chikaya"))
        assert (offer["method"], ended.status_code, ended.json()["standing"]) == ("POST", 200, "ended")
    await step(api, report, "start")
    await step(api, report, "assignment", "agent", {"assignee": "agent"})
    assert len(await told(chikaya, "citizen2")) == 1
    assert (await api.get("/v1/subscriptions", "citizen2")).json()["items"] == []


async def test_whoever_reported_is_told_as_such_and_not_twice(api: Api, chikaya: ServiceDatabase) -> None:
    report = await filed(api)
    await follows(api, "citizen", report=report)
    await follows(api, "citizen", collectivity=CASABLANCA)
    await step(api, report, "assignment", "agent", {"assignee": "instructor"})
    assert {kind for kind, _, _ in await told(chikaya, "citizen")} == {"assigned"}


async def test_without_an_account_an_address_is_confirmed_before_anything_is_sent(
    api: Api, chikaya: ServiceDatabase
) -> None:
    pending = await api.post(
        "/v1/anonymous-subscriptions", json={"collectivity": CASABLANCA, "contact": FOLLOWER}
    )
    await filed(api)
    assert [kind for kind, _, _ in await told(chikaya, MAIL)] == ["confirmation"]
    assert pending.json()["standing"] == "pending"


async def test_an_address_follows_an_area_and_is_forgotten(api: Api, chikaya: ServiceDatabase) -> None:
    made = await follows_without_account(
        api, chikaya, longitude=-7.62, latitude=33.59, radius=500, category="pothole"
    )
    report = await filed(api)
    await filed(api, category="street_light")
    await filed(api, place={"longitude": -7.60, "latitude": 33.59})  # 1.9 km away
    kinds = [(kind, about) for kind, _, about in await told(chikaya, MAIL)]
    assert kinds == [("confirmation", made["id"]), ("nearby", report)]
    content = (await told(chikaya, MAIL))[-1][1]
    assert (await api.request("POST", content["action"]["href"].removeprefix("/chikaya"))).status_code == 200
    async with chikaya.worker.transaction() as tx:
        kept = (await tx.execute(text("SELECT address, latitude, radius FROM chikaya.subscription"))).one()
    assert tuple(kept) == (None, None, None)
    late = await api.post(f"/v1/subscriptions/{made['id']}/confirmation", json={"code": "2222-2222"})
    assert problem(late) == (403, "code_wrong")


async def test_a_commune_is_followed_what_comes_there_by_routing_too(
    api: Api, chikaya: ServiceDatabase
) -> None:
    await follows(api, collectivity=ELSEWHERE)
    report = await filed(api)
    assert await told(chikaya, "citizen2") == []
    body = {"category": "pothole", "collectivity": ELSEWHERE, "reasons": REASONS}
    await step(api, report, "routing", "agent", body)
    [(kind, content, about)] = await told(chikaya, "citizen2")
    assert (kind, about) == ("nearby", report)
    assert REASONS not in str(content)


async def test_what_is_not_public_is_told_to_nobody(api: Api, chikaya: ServiceDatabase) -> None:
    await follows(api, collectivity=CASABLANCA)
    hidden = await filed(api, category="reception")
    assert problem(await api.post("/v1/subscriptions", "citizen2", json={"report": hidden})) == (
        404,
        "report_unknown",
    )
    assert await told(chikaya, "citizen2") == []


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ({}, "target_unclear"),
        ({"collectivity": CASABLANCA, "longitude": -7.6, "latitude": 33.6, "radius": 500}, "target_unclear"),
        ({"longitude": -7.6, "latitude": 33.6}, "target_unclear"),
        ({"longitude": 2.35, "latitude": 48.85, "radius": 500}, "point_outside"),
        ({"longitude": -7.6, "latitude": 33.6, "radius": 99}, "invalid"),
        ({"collectivity": "06.141"}, "not_a_commune"),
        ({"collectivity": CASABLANCA, "category": "reception"}, "category_hidden"),
    ],
)
async def test_what_cannot_be_followed(api: Api, target: dict[str, Any], code: str) -> None:
    assert problem(await api.post("/v1/subscriptions", "citizen", json=target)) == (422, code)


async def test_an_address_is_needed_without_an_account(api: Api) -> None:
    body = {"collectivity": CASABLANCA, "contact": {"name": "Amina"}}
    assert problem(await api.post("/v1/anonymous-subscriptions", json=body)) == (422, "address_missing")


async def test_nobody_elses_is_ended(api: Api) -> None:
    made = await follows(api, collectivity=CASABLANCA)
    where = f"/v1/subscriptions/{made['id']}/end"
    assert problem(await api.post(where, "citizen", json={})) == (404, "subscription_unknown")
    assert problem(await api.request("POST", "/v1/unsubscriptions?token=2222")) == (
        404,
        "subscription_unknown",
    )
    assert (await api.post(where, "citizen2", json={})).json()["standing"] == "ended"


async def test_no_event_says_what_is_followed(api: Api, chikaya: ServiceDatabase) -> None:
    answer = await api.post("/v1/anonymous-reports", json=anonymous())
    report = answer.json()["report"]["id"]
    made = await follows(api, report=report)
    async with chikaya.worker.transaction() as tx:
        [row] = [one for one in await tx.execute(LOG) if one.aggregateid == made["id"]]
    assert report not in bytes(row.payload).decode()
