"""The clocks over HTTP: what citizens are told before they file, and what officers see."""

from datetime import date, datetime
from typing import Any

import icalendar
import pytest
from sqlalchemy import text

from services.deadlines.events import CalendarDayProposed
from tests.deadlines.conftest import CASABLANCA, At, Tell, clocks_of
from tests.deadlines.test_consumers import DUE, FILED, announced, recounted
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

ESTIMATE = {
    "procedure": "construction_small",
    "commune": CASABLANCA,
    "starts_at": "2026-11-23T10:00:00+00:00",
}


async def estimated(api: Api, **changes: Any) -> dict[str, Any]:
    answer = await api.request("POST", "/v1/estimates", json=ESTIMATE | changes)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_an_estimate_needs_no_token_and_no_key_and_explains_itself(api: Api, at: At) -> None:
    await at(FILED)
    body = await estimated(api)
    assert (body["last_day"], body["effective_at"]) == ("2026-12-09", "2026-12-10T00:00:00Z")
    assert (body["state"], body["remaining_days"], body["provisional"]) == ("running", 15, False)
    assert body["on_expiry"] == "approval"
    assert all(step["text"][language] for step in body["explanation"] for language in ("ar", "fr", "en"))
    assert any("55-19" in step["article"] for step in body["explanation"])


@pytest.mark.parametrize(
    ("interruptions", "last_day", "remaining"),
    [
        ([{"kind": "suspension", "from": "2026-11-25", "to": "2026-11-27"}], "2026-12-14", 15),
        ([{"kind": "suspension", "from": "2026-11-25", "to": None}], None, 14),
        ([{"kind": "extension", "days": 5}], "2026-12-14", 20),
        ([{"kind": "restart", "to": "2026-11-30"}], "2026-12-16", 15),
    ],
)
async def test_interruptions_move_the_date(
    api: Api, at: At, interruptions: list[dict[str, Any]], last_day: str | None, remaining: int
) -> None:
    await at(FILED)
    body = await estimated(api, interruptions=interruptions)
    assert (body["last_day"], body["remaining_days"]) == (last_day, remaining)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"procedure": "castle"}, 422, "unknown_procedure"),
        ({"commune": "99.999.99.99"}, 422, "unknown_collectivity"),
        ({"starts_at": "2026-11-23T10:00:00"}, 422, "invalid"),
        ({"starts_at": "2028-11-23T10:00:00Z"}, 422, "starts_too_far_ahead"),
        ({"surprise": 1}, 422, "invalid"),
        (
            {"interruptions": [{"kind": "suspension", "from": "2026-12-02", "to": "2026-12-01"}]},
            422,
            "interruption_ends_before_it_starts",
        ),
        ({"interruptions": [{"kind": "pause"}]}, 422, "invalid"),
        ({"interruptions": [{"kind": "restart", "to": None}]}, 422, "invalid"),
        (
            {"interruptions": [{"kind": "extension", "days": 5}, {"kind": "extension", "days": 5}]},
            422,
            "extension_already_used",
        ),
    ],
)
async def test_bad_input_is_one_clear_problem(
    api: Api, at: At, changes: dict[str, Any], status: int, code: str
) -> None:
    await at(FILED)
    answer = await api.request("POST", "/v1/estimates", json=ESTIMATE | changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_officers_see_the_clocks_of_their_commune_only(api: Api, at: At, tell: Tell) -> None:
    await at(FILED)
    await tell("submitted", submitted_at=FILED, complete=True)
    await tell("submitted", submitted_at=FILED, complete=True, collectivity="01.051.01.01")
    seen = (await api.get("/v1/clocks", "instructor")).json()["items"]
    assert {clock["collectivity"] for clock in seen} == {CASABLANCA}
    other = (await api.get("/v1/clocks", "instructor", commune="01.051.01.01")).json()["items"]
    assert {clock["collectivity"] for clock in other} == {"01.051.01.01"}
    hidden = await api.get(f"/v1/clocks/{other[0]['id']}", "president")
    assert hidden.status_code == 404
    assert (await api.get("/v1/clocks", "citizen")).status_code == 403
    governor = (await api.get("/v1/clocks", "governor")).json()["items"]
    assert {clock["collectivity"] for clock in governor} == {CASABLANCA}


async def test_clocks_come_by_urgency_and_pages_neither_repeat_nor_omit(api: Api, at: At, tell: Tell) -> None:
    await at(FILED)
    for procedure in ("demolition", "construction_small", "construction_large", "construction_small"):
        await tell("submitted", procedure=procedure, submitted_at=FILED, complete=True)
    whole = (await api.get("/v1/clocks", "president")).json()["items"]
    due = [clock["answer_by"] for clock in whole]
    assert due == sorted(due)
    pages: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/v1/clocks", "president", params=query)).json()
        pages += [clock["id"] for clock in page["items"]]
        cursor = page["next"]
    assert pages == [clock["id"] for clock in whole]
    this_week = await api.get(
        "/v1/clocks", "president", params={"due_within": 7, "rule": "construction_small"}
    )
    assert this_week.json()["items"] == []


async def test_closed_clocks_come_only_when_asked_for(
    api: Api, deadlines: ServiceDatabase, at: At, tell: Tell
) -> None:
    async def states(**query: Any) -> list[str]:
        listed = await api.get(
            "/v1/clocks", "president", params={"rule": "construction_small", "limit": 50} | query
        )
        return [clock["state"] for clock in listed.json()["items"]]

    await at(FILED)
    answered, elapsed, in_time, suspended, extended = [
        await tell("submitted", submitted_at=FILED, complete=True) for _ in range(5)
    ]
    await tell("granted", answered, notified_at=FILED.replace(day=30), late=False)
    await tell(
        "information_requested", suspended, requested_at=FILED.replace(day=25), request="r", suspends=True
    )
    due = datetime.fromisoformat("2026-12-10T00:00:00Z")
    await tell("extended", extended, extended_at=FILED, days=1)
    await at(due)
    await announced(deadlines)
    assert await states() == ["running", "suspended"]
    assert await states(state="answered") == ["answered"]
    assert await states(due_within=7) == await states(due_within=7, state=["running", "answered"])
    assert await states(due_within=7) == ["running"]
    assert await states(due_within=7, state="answered") == []
    assert await states(elapsed_within=7) == ["elapsed", "elapsed"]
    await tell("refused", in_time, notified_at=due.replace(day=9))
    assert await states(elapsed_within=7) == ["elapsed"]
    await tell("granted", elapsed, notified_at=due.replace(day=11), late=True)
    assert await states(elapsed_within=7) == ["answered"]


async def test_months_are_those_of_the_civil_day(api: Api, at: At, tell: Tell) -> None:
    late_in_may = datetime.fromisoformat("2026-05-31T23:30:00Z")  # 1 June 00:30 in Casablanca
    await at(late_in_may)
    await tell("submitted", submitted_at=late_in_may, complete=True)
    query = {"since": "2026-05-01", "until": "2026-06-30", "by": "month"}
    groups = (await api.get("/v1/statistics", params=query)).json()["period"]["groups"]
    assert [(group["group"], group["files"]) for group in groups] == [("2026-06", 1)]


PROVINCE_OF_CASABLANCA = "06.141"


@pytest.mark.parametrize(
    ("commune", "province", "code"),
    [
        (CASABLANCA, PROVINCE_OF_CASABLANCA, None),
        (CASABLANCA, "01.051", "one_territory"),
        ("01.051.01.01", PROVINCE_OF_CASABLANCA, "one_territory"),
    ],
)
async def test_a_commune_beside_a_province_lies_in_it(
    api: Api, at: At, tell: Tell, commune: str, province: str, code: str | None
) -> None:
    await at(FILED)
    await tell("submitted", submitted_at=FILED, complete=True)
    await tell("submitted", submitted_at=FILED, complete=True, collectivity="06.141.01.1")
    answer = await api.get("/v1/statistics", params={"commune": commune, "province": province})
    assert answer.json().get("code") == code
    if code is None:
        counted = answer.json()["period"]["total"]["files"]
        alone = await api.get("/v1/statistics", params={"commune": commune})
        assert counted == alone.json()["period"]["total"]["files"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"rule": "castle"}, "unknown_rule"),
        ({"procedure": "castle"}, "unknown_procedure"),
        ({"commune": "99"}, "unknown_collectivity"),
        ({"state": "asleep"}, "invalid"),
    ],
)
async def test_a_filter_that_names_nothing_is_a_problem(api: Api, query: dict[str, str], code: str) -> None:
    answer = await api.get("/v1/clocks", "president", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_why_a_date_was_what_it_was_at_a_past_instant(api: Api, at: At, tell: Tell) -> None:
    await at(FILED)
    file = await tell("submitted", submitted_at=FILED, complete=True)
    clock = (await api.get("/v1/clocks", "president", params={"rule": "construction_small"})).json()["items"][
        0
    ]
    asked = FILED.replace(day=25)
    await at(asked)
    await tell("information_requested", file, requested_at=asked, request="r", suspends=True)
    why = f"/v1/clocks/{clock['id']}/explanation"
    now = (await api.get(why, "president")).json()
    before = (await api.get(why, "president", params={"as_of": "2026-11-24T12:00:00Z"})).json()
    assert (now["last_day"], before["last_day"]) == (None, "2026-12-09")
    assert before["explanation"][-1]["text"]["ar"]
    too_early = await api.get(why, "president", params={"as_of": "2026-11-01T00:00:00Z"})
    assert (too_early.status_code, too_early.json()["code"]) == (404, "not_started_then")


HOLIDAY = {
    "date": "2026-12-09",
    "kind": "closure",
    "status": "confirmed",
    "name": {"ar": "عطلة استثنائية", "fr": "Journée chômée exceptionnelle", "en": "Exceptional day off"},
    "replaces": [],
    "source": "décision du Chef du gouvernement du 7 décembre 2026 (fictive)",
    "announced_at": "2026-12-07T09:00:00Z",
}


async def test_a_late_holiday_moves_open_dates_by_a_day_with_its_reason(
    api: Api, deadlines: ServiceDatabase, at: At, tell: Tell
) -> None:
    await at(FILED)
    await tell("submitted", submitted_at=FILED, complete=True)
    await at(datetime.fromisoformat("2026-12-07T10:00:00Z"))
    proposed = await api.post("/v1/calendar/days", "operator", json=HOLIDAY)
    assert proposed.status_code == 201, proposed.text
    await recounted(deadlines)
    assert "moved" not in await announced(deadlines)
    confirmation = f"/v1/calendar/days/{proposed.json()['id']}/confirmation"
    alone = await api.post(confirmation, "operator")
    assert (alone.status_code, alone.json()["code"]) == (403, "second_person_required")
    assert (await api.post(confirmation, "operator2")).status_code == 200
    await recounted(deadlines)
    assert "moved" in await announced(deadlines)
    clock = (await api.get("/v1/clocks", "president", params={"rule": "construction_small"})).json()["items"][
        0
    ]
    assert clock["last_day"] == "2026-12-10"
    again = await api.post(confirmation, "operator3")
    assert (again.status_code, again.json()["code"]) == (409, "entry_state")


async def test_a_day_that_is_no_day_off_after_all_ends_the_entry_of_its_date(
    api: Api, deadlines: ServiceDatabase, at: At
) -> None:
    await at(FILED)
    first = await api.post("/v1/calendar/days", "operator", json=HOLIDAY | {"announced_at": None})
    await api.post(f"/v1/calendar/days/{first.json()['id']}/confirmation", "operator2")
    assert (await estimated(api))["last_day"] == "2026-12-10"
    ended = HOLIDAY | {"announced_at": None, "replaces": ["2026-12-09"], "off": False}
    second = await api.post("/v1/calendar/days", "operator", json=ended)
    assert second.status_code == 201, second.text
    await api.post(f"/v1/calendar/days/{second.json()['id']}/confirmation", "operator2")
    assert (await estimated(api))["last_day"] == "2026-12-09"
    days = (await api.get("/v1/calendar", params={"year": 2026})).json()["days"]
    assert "2026-12-09" not in {day["date"] for day in days}


async def test_an_event_heard_before_the_recount_brings_no_date_back(
    api: Api, deadlines: ServiceDatabase, at: At, tell: Tell
) -> None:
    """The clock is counted under the changed calendar first, with the floor that a late change has; else the
    event would make it due ten hours before it was heard.
    """
    await at(FILED)
    first = await api.post("/v1/calendar/days", "operator", json=HOLIDAY | {"announced_at": None})
    await api.post(f"/v1/calendar/days/{first.json()['id']}/confirmation", "operator2")
    file = await tell("submitted", submitted_at=FILED, complete=True)
    await at(DUE.replace(hour=10))
    ended = HOLIDAY | {"announced_at": None, "replaces": ["2026-12-09"], "off": False}
    second = await api.post("/v1/calendar/days", "operator", json=ended)
    await api.post(f"/v1/calendar/days/{second.json()['id']}/confirmation", "operator2")
    asked = {"requested_at": DUE.replace(hour=10), "request": "r1", "suspends": True}
    await tell("information_requested", file, **asked)
    clock = (await clocks_of(deadlines, file))["construction_small"]
    assert (clock.last_day, clock.answer_by) == (date(2026, 12, 10), DUE.replace(day=11))


async def test_the_calendar_holds_the_days_of_the_texts(api: Api) -> None:
    by_year = {
        year: (await api.get("/v1/calendar", params={"year": year})).json()["days"]
        for year in (2023, 2024, 2025, 2027)
    }
    dates = {year: {day["date"]: day["status"] for day in days} for year, days in by_year.items()}
    assert "2023-01-14" not in dates[2023]
    assert dates[2024]["2024-01-14"] == "confirmed"
    assert "2024-10-31" not in dates[2024]
    assert dates[2025]["2025-10-31"] == "confirmed"
    assert dates[2023]["2023-04-22"] == dates[2023]["2023-04-24"] == "confirmed"
    religious = [day for day in by_year[2027] if day["kind"] == "religious"]
    assert religious
    assert {day["status"] for day in religious} == {"estimated"}


async def test_the_calendar_exports_as_icalendar(api: Api) -> None:
    feed = icalendar.Calendar.from_ical((await api.get("/v1/calendar.ics", params={"year": 2027})).content)
    statuses = {str(event["STATUS"]) for event in feed.walk("VEVENT")}
    assert statuses == {"CONFIRMED", "TENTATIVE"}


async def test_statistics_count_what_became_of_silence(
    api: Api, deadlines: ServiceDatabase, at: At, tell: Tell
) -> None:
    await at(FILED)
    files = [await tell("submitted", submitted_at=FILED, complete=True) for _ in range(4)]
    await tell(
        "granted", files[0], notified_at=FILED.replace(day=30), late=False, binding_opinion="favourable"
    )
    due = datetime.fromisoformat("2026-12-10T00:00:00Z")
    await at(due)
    await announced(deadlines)
    for file in files[1:]:
        await tell("approved_by_silence", file, effective_at=due, binding_opinion="favourable")
    later = due.replace(day=12)
    await tell("silence_invoked", files[1], invoked_at=later)
    await tell("silence_invoked", files[2], invoked_at=later)
    await tell("permit_delivered", files[1], delivered_at=later.replace(day=14))
    await tell("attested", files[2], attested_at=later.replace(day=28))
    query = {"since": "2026-11-01", "until": "2026-11-30", "by": "commune"}
    body = (await api.get("/v1/statistics", params=query)).json()["period"]
    total = {
        name: body["total"][name]
        for name in ("files", "decided", "overdue", "eligible", "invoked", "delivered", "attested")
    }
    assert total == {
        "files": 4,
        "decided": 1,
        "overdue": 3,
        "eligible": 3,
        "invoked": 2,
        "delivered": 1,
        "attested": 1,
    }
    assert [group["group"] for group in body["groups"]] == [CASABLANCA]


async def test_what_is_announced_of_a_day_says_all_that_moves_dates(
    api: Api, deadlines: ServiceDatabase, at: At
) -> None:
    await at(FILED)
    feast = HOLIDAY | {
        "announced_at": None,
        "kind": "religious",
        "status": "estimated",
        "feast": "aid_al_adha-1455",
        "earliest": "2026-12-08",
        "latest": "2026-12-10",
    }
    added = await api.post("/v1/calendar/days", "operator", json=feast)
    ended = HOLIDAY | {"announced_at": None, "replaces": ["2026-11-18"], "off": False}
    await api.post("/v1/calendar/days", "operator", json=ended)
    async with deadlines.worker.transaction() as tx:
        rows = await tx.execute(
            text("SELECT payload FROM msg.event_log WHERE type LIKE '%calendar_day.proposed%' ORDER BY pos")
        )
        first, second = (CalendarDayProposed.read(row.payload) for row in rows)
    assert added.status_code == 201
    assert (first.off, first.feast) == (True, "aid_al_adha-1455")
    assert (first.earliest, first.latest) == (date(2026, 12, 8), date(2026, 12, 10))
    assert (second.off, second.feast, second.earliest, second.latest) == (False, None, None, None)


async def test_a_fixed_day_that_was_ended_does_not_come_back(api: Api, at: At) -> None:
    await at(FILED)
    start = "2026-12-26T10:00:00Z"  # the last day would be Monday 11 January, a fixed day
    assert (await estimated(api, starts_at=start))["last_day"] == "2027-01-12"
    ended = HOLIDAY | {"announced_at": None, "kind": "national", "replaces": ["2027-01-11"], "off": False}
    added = await api.post("/v1/calendar/days", "operator", json=ended | {"date": "2027-01-11"})
    await api.post(f"/v1/calendar/days/{added.json()['id']}/confirmation", "operator2")
    assert (await estimated(api, starts_at=start))["last_day"] == "2027-01-11"
