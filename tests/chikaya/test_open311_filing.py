"""Open311's POST: a form of any application that has a key."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest

from tests.chikaya.conftest import Says
from tests.chikaya.filed import (
    CASABLANCA,
    REASONS,
    TEXT,
    answered,
    shown,
    step,
)
from tests.chikaya.open311 import REQUESTS, V2, asked, form, holds, refusal, sent, taken
from tests.support.http import Api

HTML: Final = "<script>alert(1)</script> & un trou <b>énorme</b>"


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


async def test_what_a_form_left_blank_was_not_said(api: Api, key: str) -> None:
    blank = dict.fromkeys(
        ("jurisdiction_id", "address_string", "address_id", "email", "first_name", "last_name", "phone"), ""
    )
    await taken(api, form(key, **blank, media_url="", device_id="", account_id=""))
    where = {"lat": "", "long": "", "address_string": "Rue 7", "jurisdiction_id": CASABLANCA}
    await taken(api, form(key, **where))
    assert len(await asked(api, "requests.json")) == 2


async def test_a_key_that_was_revoked(api: Api, key: str) -> None:
    [known] = (await api.get("/v1/open311-clients", "operator")).json()["items"]
    assert key not in json.dumps(known)
    await taken(api, form(key))
    where = f"/v1/open311-clients/{known['id']}/revocation"
    assert (await api.post(where, "president", json={})).status_code == 403
    assert (await api.post(where, "operator", json={})).json()["revoked_at"] is not None
    assert refusal(await sent(api, form(key))) == (403, "api_key_invalid")
