"""What nobody confirmed in time is forgotten, and nothing else is."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy import text

from services.chikaya.app import SERVICE
from services.chikaya.consumers.forgetting import forget_once
from services.chikaya.domain import Action
from services.chikaya.domain.forgetting import CODE, CONTACT, SUBSCRIPTION
from services.chikaya.domain.report import Report
from services.chikaya.domain.subscription import Standing, Subscription, Target
from services.chikaya.domain.values import Contact
from services.chikaya.events.report import Channel
from tests.chikaya import cases
from tests.chikaya.cases import AGENT, CASABLANCA, NOBODY, NOW
from tests.chikaya.filed import CLIENT, anonymous, filed, problem, reported, shown
from tests.support.databases import ServiceDatabase
from tests.support.http import Api
from tests.support.services import At, Happened, envelope_of, hear

LEFT: Final = text("""
    SELECT string_agg(said, ' ') FROM (
      SELECT s::text AS said FROM chikaya.subscription s UNION ALL SELECT r::text FROM chikaya.report r
      UNION ALL SELECT n::text FROM msg.notice n UNION ALL SELECT t::text FROM chikaya.place_taken t) AS e""")
LOG: Final = text("""SELECT * FROM msg.event_log WHERE aggregatetype IN ('report', 'subscription')
    ORDER BY occurred_at, seq""")
NUMBER: Final = "+212612345678"
SECOND: Final = timedelta(seconds=1)


def pending() -> Subscription:
    made, _ = Subscription.begin(
        cases.acknowledged().id,
        Target(collectivity=CASABLANCA),
        token="t",
        now=NOW,
        contact=Contact(phone=NUMBER),
    )
    return made


def test_a_subscription_ends_when_its_time_has_passed_and_not_before() -> None:
    made = pending()
    assert made.lapse(NOW + SUBSCRIPTION - SECOND) is None
    assert made.lapse(NOW + SUBSCRIPTION) is not None
    assert (made.standing, made.address) == (Standing.ENDED, None)
    assert made.lapse(NOW + SUBSCRIPTION) is None
    confirmed = pending()
    confirmed.confirm(NOW)
    assert confirmed.lapse(NOW + 10 * SUBSCRIPTION) is None


def _typed() -> Report:
    return cases.acknowledged(AGENT, account=False, channel=Channel.COUNTER, contact=Contact(phone=NUMBER))


def _confirmed() -> Report:
    made = cases.without_account()
    made.confirm_contact(by=made.as_reporter(), now=NOW)
    return made


@pytest.mark.parametrize(
    ("made", "kept"),
    [
        (cases.without_account, None),
        (
            lambda: cases.acknowledged(NOBODY, account=False, contact=Contact(name="Amina", phone=NUMBER)),
            Contact(name="Amina"),
        ),
    ],
)
def test_an_address_that_nobody_confirmed_goes_and_the_name_stays(made: Any, kept: Contact | None) -> None:
    report = made()
    assert report.forget_contact(NOW + CONTACT - SECOND) is None
    assert report.forget_contact(NOW + CONTACT) is not None
    assert report.contact == kept
    assert Action.CONFIRM_CONTACT not in report.available
    assert report.forget_contact(NOW + CONTACT) is None


@pytest.mark.parametrize("made", [_typed, _confirmed, cases.acknowledged])
def test_what_was_confirmed_or_told_to_an_agent_stays(made: Any) -> None:
    report = made()
    before = report.contact
    assert report.forget_contact(NOW + 10 * CONTACT) is None
    assert report.contact == before


async def heard(own: ServiceDatabase) -> None:
    """All that happened, each twice, as a topic may say it."""
    async with own.worker.transaction() as tx:
        rows = (await tx.execute(LOG)).all()
    for row in (*rows, *rows):
        await hear(SERVICE, own, envelope_of(row))


async def left(own: ServiceDatabase) -> str:
    """Everything that is kept, as text."""
    async with own.worker.transaction() as tx:
        return str((await tx.execute(LEFT)).scalar_one())


async def test_nothing_of_an_unconfirmed_address_is_left(
    api: Api, own: ServiceDatabase, happened: Happened, at: At
) -> None:
    start = datetime.now(UTC)
    contact = {"phone": NUMBER}
    asked = await api.post(
        "/v1/anonymous-subscriptions", json={"collectivity": CASABLANCA, "contact": contact}
    )
    subscription = asked.json()["id"]
    done = (await api.post("/v1/anonymous-reports", json=anonymous(contact=contact))).json()
    report = done["report"]["id"]
    by_account = await filed(api, contact={"email": "own@example.ma"})
    typed = await api.post(
        "/v1/reports", "agent", json=reported(channel="counter", contact={"email": "typed@example.ma"})
    )
    assert typed.status_code == 201, typed.text
    await heard(own)
    assert (await left(own)).count(NUMBER) >= 4, "the subscription, the report, and the notice of each"

    await forget_once(own.worker)
    assert (await happened(subscription), (await happened(report))[-1]) == (["begun"], "acknowledged")
    await at(start + SUBSCRIPTION + timedelta(minutes=5))
    await forget_once(own.worker)
    assert (await happened(subscription), (await happened(report))[-1]) == (
        ["begun", "ended"],
        "acknowledged",
    )
    await at(start + CONTACT + timedelta(minutes=5))
    for _ in range(2):
        await forget_once(own.worker)
        await heard(own)
    assert await happened(report) == ["received", "acknowledged", "contact_forgotten"]
    everything = await left(own)
    assert NUMBER not in everything, "nor is a code sent there again when all is heard again"
    assert ("own@example.ma" in everything, "typed@example.ma" in everything) == (True, True)
    code = {"Follow-Up-Code": done["follow_up_code"]}
    seen = await api.get(f"/v1/followed/{done['report']['reference']}", headers=code)
    assert (seen.status_code, seen.json()["contact"]) == (200, None)
    late = await api.post(f"/v1/subscriptions/{subscription}/confirmation", json={"code": "2222-2222"})
    assert problem(late) == (403, "code_wrong")
    assert (await shown(api, by_account))["contact"]["email"] == "own@example.ma"


KEPT: Final = text("SELECT string_agg(convert_from(body, 'UTF8'), ' ') FROM msg.idempotency")
OLDER: Final = "UPDATE msg.idempotency SET created_at = created_at - $1::interval"


async def test_a_follow_up_code_is_a_day_in_the_answer_that_told_it(api: Api, own: ServiceDatabase) -> None:
    admitted = await api.post("/v1/open311-clients", "operator", json=CLIENT)
    key, body = uuid4().hex, anonymous(text='Il dit "follow_up_code":"AAAA" devant tous.')
    first = await api.post("/v1/anonymous-reports", json=body, key=key)
    code = first.json()["follow_up_code"]
    connection = await asyncpg.connect(own.migrator_dsn)

    async def again() -> httpx.Response:
        await forget_once(own.worker)
        answer = await api.post("/v1/anonymous-reports", json=body, key=key)
        assert (answer.status_code, answer.headers["Idempotency-Replayed"]) == (201, "true")
        return answer

    await connection.execute(OLDER, CODE - timedelta(hours=1))
    assert (await again()).content == first.content
    await connection.execute(OLDER, timedelta(hours=2))
    assert (await again()).json() == first.json() | {"follow_up_code": None}
    kept = await connection.fetchval(KEPT.text)
    told = (admitted.json()["api_key"], code, "AAAA")
    assert [one in kept for one in told] == [False, False, True], "what people wrote stays"
    await connection.close()
    followed = await api.get(
        f"/v1/followed/{first.json()['report']['reference']}", headers={"Follow-Up-Code": code}
    )
    assert followed.status_code == 200, "the digest opens it as before"
