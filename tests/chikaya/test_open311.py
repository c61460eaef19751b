"""Open311 GeoReport v2 as any client would speak it, and the reports of everybody as GeoJSON."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import georeport
import httpx
import pytest
import uvicorn
from jsonschema import Draft202012Validator
from sqlalchemy import text

from deploy.engines import free_port
from deploy.issuer import Issuer
from services.chikaya.app import SERVICE
from services.chikaya.store.open311 import STEPS
from shared.db import Database
from shared.http import create_app
from shared.territory import territory
from shared.tokens import Tokens
from tests.chikaya.conftest import Says
from tests.chikaya.filed import (
    CASABLANCA,
    CLIENT,
    ELSEWHERE,
    REASONS,
    TEXT,
    answered,
    filed,
    published,
    shown,
    step,
)
from tests.support.databases import ServiceDatabase
from tests.support.http import ISSUER, Api, settings_of
from tests.support.services import At

V2: Final = "/open311/v2"
HTML: Final = "<script>alert(1)</script> & un trou <b>énorme</b>"
DAY: Final = timedelta(days=1)

# The fields that open311/schema-validation (commit 47e06a4) requires, and the types that it gives them.
TEXTUAL: Final = {"type": ["string", "null"]}
SERVICES: Final = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["service_code", "service_name", "metadata", "type"],
        "properties": {
            "service_code": {"type": "string"},
            "service_name": {"type": "string"},
            "metadata": {"type": "boolean"},
            "type": {"enum": ["realtime", "batch", "blackbox"]},
            "description": TEXTUAL,
            "keywords": TEXTUAL,
            "group": TEXTUAL,
        },
    },
}
DEFINITION: Final = {
    "type": "object",
    "required": ["service_code", "attributes"],
    "properties": {
        "service_code": {"type": "string"},
        "attributes": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["variable", "code", "datatype", "required"],
                "properties": {
                    "variable": {"type": "boolean"},
                    "code": {"type": "string"},
                    "datatype": {
                        "enum": ["string", "number", "datetime", "text", "singlevaluelist", "multivaluelist"]
                    },
                    "required": {"type": "boolean"},
                    "datatype_description": TEXTUAL,
                    "order": {"type": ["integer", "null"]},
                    "description": TEXTUAL,
                    "values": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["key", "name"],
                            "properties": {"key": {"type": "string"}, "name": {"type": "string"}},
                        },
                    },
                },
            },
        },
    },
}
MOMENT: Final = {"type": ["string", "null"], "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
REQUESTS: Final = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["service_request_id", "status", "service_code", "requested_datetime"],
        "properties": {
            "service_request_id": {"type": "string"},
            "status": {"enum": ["open", "closed"]},
            "service_code": {"type": "string"},
            "requested_datetime": MOMENT | {"type": "string"},
            "updated_datetime": MOMENT,
            "expected_datetime": MOMENT,
            "description": {"type": ["string", "null"], "maxLength": 4000},
            **dict.fromkeys(
                ("status_notes", "service_name", "agency_responsible", "service_notice", "address"), TEXTUAL
            ),
            **dict.fromkeys(("address_id", "zipcode", "media_url"), TEXTUAL),
            "lat": {"type": ["number", "null"]},
            "long": {"type": ["number", "null"]},
        },
    },
}


def holds(schema: dict[str, Any], content: Any) -> None:
    assert [error.message for error in Draft202012Validator(schema).iter_errors(content)] == []


def test_the_schemas_refuse() -> None:
    """Else they would hold of anything."""
    for schema in (SERVICES, REQUESTS):
        assert not Draft202012Validator(schema).is_valid([{}])
    assert not Draft202012Validator(DEFINITION).is_valid({"service_code": "x", "attributes": [{}]})


@pytest.fixture
async def key(api: Api) -> str:
    answer = await api.post("/v1/open311-clients", "operator", json=CLIENT)
    assert answer.status_code == 201, answer.text
    given: str = answer.json()["api_key"]
    return given


def form(key: str | None, **changes: Any) -> dict[str, Any]:
    fields = {
        "api_key": key,
        "service_code": "pothole",
        "lat": "33.59",
        "long": "-7.62",
        "description": TEXT,
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


async def sent(api: Api, fields: dict[str, Any], kind: str = "json") -> httpx.Response:
    """As a client that has never heard of us: a form, no Idempotency-Key."""
    return await api.request("POST", f"{V2}/requests.{kind}", data=fields)


async def taken(api: Api, fields: dict[str, Any]) -> dict[str, Any]:
    answer = await sent(api, fields)
    assert answer.status_code == 200, answer.text
    [done] = answer.json()
    assert set(done) <= {"service_request_id", "service_notice", "account_id"}
    found: dict[str, Any] = done
    return found


async def asked(api: Api, query: str) -> list[dict[str, Any]]:
    answer = await api.get(f"{V2}/{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and our code of an error in the standard's form."""
    [error] = answer.json()
    assert set(error) == {"code", "description"}
    assert error["code"] == answer.status_code
    return answer.status_code, error["description"].rpartition("(")[2].rstrip(")")


# -- discovery, services


async def test_discovery_says_where(api: Api) -> None:
    js, xml = await api.get(f"{V2}/discovery.json"), await api.get(f"{V2}/discovery.xml")
    assert (js.headers["content-type"], xml.headers["content-type"]) == ("application/json", "text/xml")
    found, root = js.json(), ET.fromstring(xml.content)
    assert root.tag == "discovery"
    assert root.findtext("contact") == found["contact"] != ""
    assert root.findtext("key_service") == found["key_service"] != ""
    for moment in (found["changeset"], *(one["changeset"] for one in found["endpoints"])):
        assert datetime.fromisoformat(moment).tzinfo is not None
    endpoints = root.findall("endpoints/endpoint")
    assert len(endpoints) == len(found["endpoints"]) >= 2, "one alone is no list to some readers of XML"
    assert found["endpoints"][0]["specification"].lower().endswith("georeport_v2")
    for one, element in zip(found["endpoints"], endpoints, strict=True):
        assert [each.text for each in element.findall("formats/format")] == one["formats"]
        assert one["formats"] == ["text/xml", "application/json"]
        assert element.findtext("url") == one["url"] == f"http://test/chikaya{V2}"
        assert one["type"] in {"test", "production"}


async def test_services_in_both_formats(api: Api) -> None:
    found = await asked(api, "services.json")
    holds(SERVICES, found)
    by_code = {one["service_code"]: one for one in found}
    assert (by_code["pothole"]["type"], by_code["reception"]["type"]) == ("realtime", "blackbox")
    root = ET.fromstring((await api.get(f"{V2}/services.xml")).content)
    assert root.tag == "services"
    assert [one.findtext("service_code") for one in root.findall("service")] == list(by_code)
    arabic = (await api.get(f"{V2}/services.json", headers={"Accept-Language": "ar"})).json()
    assert {one["service_code"]: one["group"] for one in arabic}["pothole"] == "الطرق والتنقل"


@pytest.mark.parametrize("code", ["pothole", "street_light", "electricity"])
async def test_definitions(api: Api, code: str) -> None:
    answer = await api.get(f"{V2}/services/{code}.json")
    holds(DEFINITION, answer.json())
    root = ET.fromstring((await api.get(f"{V2}/services/{code}.xml")).content)
    assert root.tag == "service_definition"
    codes = [one.findtext("code") for one in root.findall("attributes/attribute")]
    assert codes == [one["code"] for one in answer.json()["attributes"]]
    assert len(root.findall("attributes/attribute/values/value")) >= 3


# -- POST


async def test_posted_read_answered(api: Api, key: str, clock_says: Says) -> None:
    media = "https://photos.example.ma/trou.jpg?id=7"
    done = await taken(api, form(key, media_url=media, email="amina@example.ma", phone="06 12 34 56 78"))
    reference = done["service_request_id"]
    assert reference in done["service_notice"]
    code = done["service_notice"].split("code ")[1].split(":")[0]
    own = (await api.get(f"/v1/followed/{reference}", headers={"Follow-Up-Code": code})).json()
    assert (own["channel"], own["kind"], own["text"]) == ("open311", "complaint", TEXT)
    assert (own["links"], own["sent_by"]) == ([media], "Ville en main")
    assert own["contact"] == {"name": None, "email": "amina@example.ma", "phone": "+212612345678"}
    due = datetime.now(UTC) + timedelta(days=60)
    await clock_says(own["id"], "started", due)

    [one] = await asked(api, f"requests/{reference}.json")
    holds(REQUESTS, [one])
    assert (one["status"], one["lat"], one["long"]) == ("open", 33.59, -7.62)
    assert one["expected_datetime"] == due.isoformat().replace("+00:00", "Z")
    assert (one["description"], one["media_url"]) == (None, None), "nobody looked at it yet"
    for secret in ("amina", "+212", TEXT, "photos.example", code, "Ville en main"):
        assert secret not in json.dumps(one, ensure_ascii=False)

    await answered(api, own["id"])
    [one] = await asked(api, f"requests.json?service_request_id={reference}")
    assert (one["status"], one["expected_datetime"]) == ("closed", None)
    assert one["updated_datetime"] > one["requested_datetime"]
    assert one["status_notes"] == "The administration answered your report."


async def test_an_office_sees_the_link_and_nobody_opens_it(api: Api, key: str) -> None:
    link = "http://169.254.169.254/latest/meta-data"  # what a server must not be made to fetch
    reference = (await taken(api, form(key, media_url=link)))["service_request_id"]
    [queued] = (await api.get("/v1/queue", "agent")).json()["items"]
    assert queued["reference"] == reference
    assert (await shown(api, queued["id"], "instructor"))["links"] == [link]
    everything = [await api.get(f"{V2}/requests.xml"), await api.get("/v1/public-reports.geojson")]
    assert all("169.254" not in answer.text for answer in everything)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"attribute[kind]": "suggestion"}, ("suggestion", {})),
        (
            {
                "service_code": "street_light",
                "attribute[pole]": "A 12",
                "attribute[faults][]": ["out", "damaged"],
            },
            ("complaint", {"pole": ["A 12"], "faults": ["out", "damaged"]}),
        ),
        (
            {"service_code": "electricity", "attribute[danger]": "yes", "attribute[kind]": ""},
            ("complaint", {"danger": ["yes"]}),
        ),
    ],
)
async def test_what_the_definition_asks(
    api: Api, key: str, changes: dict[str, Any], said: tuple[str, dict[str, list[str]]]
) -> None:
    await taken(api, form(key, **changes))
    [queued] = (await api.get("/v1/queue", "agent")).json()["items"]
    own = await shown(api, queued["id"], "instructor")
    assert (own["kind"], own["answers"]) == said


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"api_key": None}, (403, "api_key_invalid")),
        ({"api_key": "2222-2222"}, (403, "api_key_invalid")),
        ({"service_code": "dragon"}, (404, "category_unknown")),
        ({"service_code": None}, (400, "invalid")),
        ({"description": None}, (400, "invalid")),
        ({"description": "x" * 4001}, (400, "invalid")),
        ({"description": "😡😡"}, (400, "text_says_nothing")),
        ({"description": "trou\0noir"}, (400, "text_characters")),
        ({"lat": None, "long": None}, (400, "location_missing")),
        ({"lat": None, "long": None, "address_id": "7"}, (400, "location_missing")),
        ({"lat": None}, (400, "point_incomplete")),
        ({"lat": "48.85", "long": "2.35"}, (400, "point_outside")),
        ({"lat": "34.0", "long": "-12.0"}, (400, "point_outside")),
        ({"lat": "nan"}, (400, "invalid")),
        ({"lat": "91"}, (400, "invalid")),
        ({"lat": None, "long": None, "address_string": "Rue 7"}, (400, "place_unknown")),
        (
            {"lat": None, "long": None, "address_string": "Rue 7", "jurisdiction_id": "06"},
            (400, "not_a_commune"),
        ),
        ({"jurisdiction_id": "atlantis"}, (404, "jurisdiction_unknown")),
        ({"jurisdiction_id": "04"}, (400, "location_elsewhere")),
        ({"media_url": "javascript:alert(1)"}, (400, "link_malformed")),
        ({"media_url": ["https://a.example.ma/1"] * 11}, (400, "invalid")),
        ({"email": "x"}, (400, "email_malformed")),
        ({"phone": "appelez-moi"}, (400, "phone_malformed")),
        ({"attribute[dragon]": "x"}, (400, "question_unknown")),
        ({"attribute[kind]": "joke"}, (400, "answer_malformed")),
        ({"attribute[": "x"}, (400, "attribute_malformed")),
        ({"service_code": "electricity"}, (400, "answer_missing")),
        ({"service_code": "electricity", "attribute[danger]": "maybe"}, (400, "answer_malformed")),
        (
            {"service_code": "electricity", "attribute[danger][]": ["yes", "no"]},
            (400, "answer_malformed"),
        ),
        ({"service_code": "street_light", "attribute[pole]": "1" * 201}, (400, "text_too_long")),
    ],
)
async def test_what_cannot_be_taken(
    api: Api, key: str, changes: dict[str, Any], refused: tuple[int, str]
) -> None:
    fields = form(key, **changes)
    assert refusal(await sent(api, fields)) == refused
    answer = await sent(api, fields, "xml")
    assert (answer.status_code, answer.headers["content-type"]) == (refused[0], "text/xml")
    error = ET.fromstring(answer.content)
    assert error.tag == "errors"
    assert error.findtext("error/code") == str(refused[0])
    assert error.findtext("error/description", "").endswith(f"({refused[1]})")
    assert (await api.get("/v1/queue", "agent")).json()["items"] == []


async def test_no_form_is_no_request(api: Api, key: str) -> None:
    answer = await api.request("POST", f"{V2}/requests.json", json=form(key))
    assert refusal(answer) == (415, "unsupported_media_type")
    many = {f"attribute[x{n}]": "1" for n in range(60)}
    assert refusal(await sent(api, form(key, **many))) == (400, "attribute_malformed")


async def test_html_is_text_everywhere(api: Api, key: str) -> None:
    reference = (await taken(api, form(key, description=HTML)))["service_request_id"]
    [queued] = (await api.get("/v1/queue", "agent")).json()["items"]
    assert (await shown(api, queued["id"], "instructor"))["text"] == HTML
    review = {"text": HTML, "reasons": REASONS}
    await step(api, queued["id"], "publication", "instructor", review)
    answer = await api.get(f"{V2}/requests/{reference}.xml")
    assert "<script>" not in answer.text
    assert ET.fromstring(answer.content).findtext("request/description") == HTML


async def test_what_is_not_public_is_taken_and_not_shown(api: Api, key: str) -> None:
    done = await taken(api, form(key, service_code="reception"))
    assert "service_request_id" not in done
    reference = done["service_notice"].split()[1].rstrip(".")
    assert await asked(api, "requests.json") == []
    assert refusal(await api.get(f"{V2}/requests/{reference}.json")) == (404, "service_request_unknown")
    assert await asked(api, "servicerequestupdates.json") == []
    assert (await api.get("/v1/public-reports.geojson")).json()["features"] == []


@pytest.mark.parametrize(
    ("zone", "collectivity", "method"),
    [
        (None, CASABLANCA, "nearest"),
        ("ma", CASABLANCA, "nearest"),
        ("06", CASABLANCA, "nearest"),
        (CASABLANCA, CASABLANCA, "nearest"),
        ("06.141.01.01", "06.141.01.01", "stated"),
    ],
)
async def test_the_jurisdiction_of_a_point(
    api: Api, key: str, zone: str | None, collectivity: str, method: str
) -> None:
    await taken(api, form(key, jurisdiction_id=zone))
    [queued] = (await api.get("/v1/queue", "agent")).json()["items"]
    own = await shown(api, queued["id"], "instructor")
    assert own["collectivity"] == collectivity
    assert own["place"]["method"].startswith(method)


async def test_an_address_in_a_commune(api: Api, key: str) -> None:
    where = {"lat": None, "long": None, "address_string": "زنقة مراكش", "jurisdiction_id": CASABLANCA}
    await taken(api, form(key, **where))
    [one] = await asked(api, f"requests.json?jurisdiction_id={CASABLANCA}")
    assert (one["lat"], one["address"]) == (None, None), "an address is not shown to everybody"


async def test_a_key_that_was_revoked(api: Api, key: str) -> None:
    [known] = (await api.get("/v1/open311-clients", "operator")).json()["items"]
    assert key not in json.dumps(known)
    await taken(api, form(key))
    where = f"/v1/open311-clients/{known['id']}/revocation"
    assert (await api.post(where, "president", json={})).status_code == 403
    assert (await api.post(where, "operator", json={})).json()["revoked_at"] is not None
    assert refusal(await sent(api, form(key))) == (403, "api_key_invalid")


# -- GET


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
    for path in ("services/pothole", "requests/2026-XXXX-XXXX.pdf", "tokens/x"):
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


# -- an independent client


@pytest.fixture
def served(chikaya: ServiceDatabase, tmp_path: Path) -> Iterator[tuple[str, Issuer]]:
    """On a port, because that client asks over one."""
    port = free_port()
    issuer = Issuer(tmp_path, "development", ISSUER)
    tokens = Tokens(jwks_url=issuer.jwks_url, issuer=ISSUER, audience="jamaa", within=territory().within)
    pool = Database(chikaya.api_dsn)

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        yield
        await pool.close()

    app = create_app(
        [SERVICE],
        {"chikaya": pool},
        tokens,
        settings={"chikaya": settings_of(SERVICE, tmp_path)},
        lifespan=lifespan,
    )
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{port}/chikaya{V2}", issuer
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("kind", ["json", "xml"])
async def test_a_client_that_we_did_not_write(api: Api, served: tuple[str, Issuer], kind: str) -> None:
    references = {(await shown(api, await filed(api)))["reference"] for _ in range(2)}
    client = georeport.GeoReport(served[0], jurisdiction=CASABLANCA, output_format=kind)
    services = await asyncio.to_thread(client.get_service_list)
    assert "pothole" in {one["service_code"] for one in services}
    definition = await asyncio.to_thread(client.get_service_definition, "street_light")
    assert definition["service_code"] == "street_light"
    requests = await asyncio.to_thread(client.get_service_requests, status="open", service_code="pothole")
    assert {one["service_request_id"] for one in requests} == references
    [reference, _] = sorted(references)
    one = await asyncio.to_thread(client.get_service_request, reference)
    assert (one["service_request_id"], one["status"]) == (reference, "open")


# -- GeoJSON


async def test_geojson_of_what_everybody_sees(api: Api) -> None:
    report = await filed(api, contact={"name": "Amina Secret", "phone": "+212612345678"})
    unlocated = await filed(api, place={"collectivity": CASABLANCA, "address": "Rue 7"})
    await filed(api, category="reception")
    await published(api)
    answer = await api.get(f"/v1/public-reports.geojson?collectivity={CASABLANCA}&limit=1")
    assert answer.headers["content-type"] == "application/geo+json"
    collection = answer.json()
    again = await api.get(f"/v1/public-reports.geojson?limit=1&cursor={collection['next']}")
    assert again.json()["next"] is None
    assert collection["type"] == "FeatureCollection"
    by_id = {one["id"]: one for one in (*collection["features"], *again.json()["features"])}
    assert set(by_id) == {report, unlocated}
    assert by_id[unlocated]["geometry"] is None
    assert by_id[report]["geometry"] == {"type": "Point", "coordinates": [-7.62, 33.59]}
    assert by_id[report]["properties"]["state"] == "acknowledged"
    for secret in ("Amina", "+212", TEXT, "citizen", "أمام"):
        assert secret not in answer.text + again.text
