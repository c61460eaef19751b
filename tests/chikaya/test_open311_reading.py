"""Open311's requests and updates, as everybody may read them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import text

from services.chikaya.store.open311 import STEPS
from tests.chikaya.filed import (
    CASABLANCA,
    ELSEWHERE,
    REASONS,
    answered,
    filed,
    shown,
    step,
)
from tests.chikaya.open311 import V2, asked, refusal
from tests.support.databases import ServiceDatabase
from tests.support.http import Api
from tests.support.services import At

DAY: Final = timedelta(days=1)


async def test_filters(api: Api) -> None:
    hole, light = await filed(api), await filed(api, category="street_light")
    elsewhere = await filed(api, place={"collectivity": ELSEWHERE, "address": "Route 7"})
    await answered(api, light)
    ids = {}
    for report in (hole, light, elsewhere):
        ids[report] = (await shown(api, report))["reference"]

    async def found(query: str) -> set[str]:
        names = {reference: report for report, reference in ids.items()}
        return {names[one["service_request_id"]] for one in await asked(api, f"requests.json?{query}")}

    assert await found("") == {hole, light, elsewhere}
    assert await found("service_code=pothole") == {hole, elsewhere}
    assert await found("service_code=pothole,street_light") == {hole, light, elsewhere}
    assert await found("status=closed") == {light}
    assert await found("status=open") == {hole, elsewhere}
    assert await found("status=open,closed") == {hole, light, elsewhere}
    assert await found(f"jurisdiction_id={CASABLANCA}") == {hole, light}
    assert await found("jurisdiction_id=ma") == {hole, light, elsewhere}
    both = f"{ids[hole]},{ids[light].lower()}"
    assert await found(f"service_request_id={both}&status=closed&jurisdiction_id=04") == {hole, light}
    assert await found("service_request_id=2026-XXXX-XXXX") == set()


BLANK: Final = (
    "jurisdiction_id=&service_request_id=&service_code=&start_date=&end_date=&status=&page=&api_key="
)


@pytest.mark.parametrize("path", ["requests.json", "servicerequestupdates.json", "services.json"])
async def test_what_a_client_left_blank_was_not_said(api: Api, path: str) -> None:
    await filed(api)
    fields = BLANK if path == "requests.json" else "jurisdiction_id=&api_key="
    assert await asked(api, f"{path}?{fields}") == await asked(api, path) != []


async def test_the_span(api: Api, at: At) -> None:
    now = datetime.now(UTC)
    await filed(api)
    await at(now + 40 * DAY)
    await filed(api)
    await at(now + 100 * DAY)

    async def counted(**query: datetime) -> int:
        written = {name: moment.isoformat().replace("+00:00", "Z") for name, moment in query.items()}
        answer = await api.get(f"{V2}/requests.json", params=written)
        assert answer.status_code == 200, answer.text
        return len(answer.json())

    assert await counted() == 1, "the last 90 days"
    assert await counted(start_date=now - DAY) == 2
    assert await counted(end_date=now + 30 * DAY) == 1
    assert await counted(start_date=now + DAY, end_date=now + 50 * DAY) == 1
    assert await counted(start_date=now + 200 * DAY) == 0
    wide = f"{V2}/requests.json?start_date=2026-01-01T00:00:00Z&end_date=2026-04-02T00:00:00Z"
    assert refusal(await api.get(wide)) == (400, "span_too_long")


async def test_paging(api: Api) -> None:
    filed_ids = [(await shown(api, await filed(api)))["reference"] for _ in range(3)]
    found, where = [], f"{V2}/requests.json?page_size=2"
    for _ in range(2):
        answer = await api.get(where)
        found += [one["service_request_id"] for one in answer.json()]
        where = answer.headers.get("Link", "").partition(">")[0].partition("/chikaya")[2]
    assert found == filed_ids[::-1]
    assert where == ""


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("services.json?jurisdiction_id=atlantis", (404, "jurisdiction_unknown")),
        ("services/pothole.json?jurisdiction_id=atlantis", (404, "jurisdiction_unknown")),
        ("requests.json?jurisdiction_id=atlantis", (401, "jurisdiction_unknown")),
        ("requests/2026-XXXX-XXXX.json?jurisdiction_id=atlantis", (401, "jurisdiction_unknown")),
        ("servicerequestupdates.json?jurisdiction_id=atlantis", (401, "jurisdiction_unknown")),
        ("services/dragon.json", (404, "category_unknown")),
        ("requests.json?service_code=dragon", (404, "category_unknown")),
        ("requests.json?status=fixed", (400, "status_unknown")),
        ("requests.json?start_date=hier", (400, "invalid")),
        ("requests.json?start_date=2026-01-01", (400, "invalid")),
        ("requests.json?start_date=9999-12-31T00:00:00Z", (400, "span_too_long")),
        ("requests.json?page=0", (400, "invalid")),
        ("requests.json?page_size=1001", (400, "invalid")),
        ("requests.json?statsu=open", (400, "invalid")),
        ("requests/2026-XXXX-XXXX.json", (404, "service_request_unknown")),
        ("tokens/2026-XXXX-XXXX.json", (404, "token_unknown")),
        ("tokens/00000000-0000-0000-0000-000000000000.json", (404, "token_unknown")),
    ],
)
async def test_what_cannot_be_read(api: Api, path: str, refused: tuple[int, str]) -> None:
    assert refusal(await api.get(f"{V2}/{path}")) == refused


async def test_an_ending_that_is_no_format(api: Api) -> None:
    for path in (
        "services/pothole",
        "requests/2026-XXXX-XXXX.pdf",
        "tokens/x",
        "requests",
        "requests.csv",
    ):
        answer = await api.get(f"{V2}/{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/xml")


async def test_the_other_path_and_the_token_of_a_request(api: Api) -> None:
    report = await filed(api)
    reference = (await shown(api, report))["reference"]
    moved = await api.get(f"{V2}/request/{reference}.xml?api_key=x")
    assert moved.status_code == 308
    assert moved.headers["location"].endswith(f"{V2}/requests/{reference}.xml?api_key=x")
    assert await asked(api, f"tokens/{report}.json") == [{"service_request_id": reference, "token": report}]
    root = ET.fromstring((await api.get(f"{V2}/tokens/{report}.xml")).content)
    assert root.findtext("request/service_request_id") == reference


async def test_updates_as_fixmystreet_reads_them(api: Api) -> None:
    report = await filed(api)
    await filed(api, category="reception")
    await answered(api, report)
    await step(api, report, "reopening", "citizen", {"reasons": REASONS})
    found = await asked(api, "servicerequestupdates.json")
    assert [(one["status"], one["external_status_code"]) for one in found] == [
        ("open", "acknowledged"),
        ("open", "assigned"),
        ("open", "in_progress"),
        ("closed", "answered"),
        ("open", "reopened"),
    ]
    assert len({one["update_id"] for one in found}) == len(found)
    reference = (await shown(api, report))["reference"]
    assert {one["service_request_id"] for one in found} == {reference}
    assert REASONS not in json.dumps(found, ensure_ascii=False), "nobody said that it is shown"
    since = found[3]["updated_datetime"]
    later = await asked(api, f"servicerequestupdates.json?start_date={since}&service_request_id={reference}")
    assert [one["external_status_code"] for one in later] == ["answered", "reopened"]
    root = ET.fromstring((await api.get(f"{V2}/servicerequestupdates.xml?page_size=2")).content)
    assert root.tag == "service_request_updates"
    assert [one.findtext("update_id") for one in root.findall("request_update")] == [
        one["update_id"] for one in found[:2]
    ]


async def test_the_steps_that_everybody_sees_have_words(chikaya: ServiceDatabase) -> None:
    async with chikaya.worker.transaction() as tx:
        sql = (await tx.execute(text("SELECT pg_get_viewdef('chikaya.public_step'::regclass)"))).scalar_one()
    named = {word.removesuffix("::text") for word in sql.partition("ARRAY[")[2].partition("]")[0].split(", ")}
    assert {word.strip("'") for word in named} == set(STEPS)


@pytest.mark.parametrize("said", ["%D8%AD%D9%81%D8%B1%D8%A9", "%FF", "\u062d"])
async def test_what_is_not_ascii_is_no_servers_error(api: Api, said: str) -> None:
    answer = await api.get(f"{V2}/requests.json?jurisdiction_id={said}")
    assert (answer.status_code, answer.json()[0]["code"]) == (401, 401), answer.text
