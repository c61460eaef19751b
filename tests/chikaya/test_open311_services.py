"""Where Open311 is, what may be reported over it, and what is asked of each."""

from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from services.chikaya.app import SERVICE
from tests.chikaya.filed import filed
from tests.chikaya.open311 import DEFINITION, REQUESTS, SERVICES, V2, asked, holds, refusal
from tests.support.databases import ServiceDatabase
from tests.support.http import Api, api_of, settings_of


def test_the_schemas_refuse() -> None:
    """Else they would hold of anything."""
    for schema in (SERVICES, REQUESTS):
        assert not Draft202012Validator(schema).is_valid([{}])
    assert not Draft202012Validator(DEFINITION).is_valid({"service_code": "x", "attributes": [{}]})


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


@pytest.mark.parametrize("configured", ["https://jamaa.example.ma", "https://jamaa.example.ma/"])
async def test_addresses_are_those_that_people_reach(
    chikaya: ServiceDatabase, tmp_path: Path, configured: str
) -> None:
    """Whatever a caller wrote as host: what it was told would be kept, and handed on."""
    settings = settings_of(SERVICE, tmp_path, PUBLIC_URL=configured)
    async with api_of(SERVICE, chikaya, tmp_path, settings=settings) as api:
        lies = {"Host": "evil.example"}
        found = (await api.get(f"{V2}/discovery.json", headers=lies)).json()
        where = f"https://jamaa.example.ma/chikaya{V2}"
        assert {one["url"] for one in found["endpoints"]} == {where}
        report = await filed(api)
        await filed(api)
        for path in (
            f"request/{report}.xml",
            "requests.json?page_size=1",
            "requests.json?page_size=1&status=open",
        ):
            answer = await api.get(f"{V2}/{path}", headers=lies)
            assert "evil" not in answer.text + str(answer.headers)
            said = answer.headers.get("location") or answer.headers["link"]
            assert f"/chikaya{V2}/requests" in said


@pytest.mark.parametrize("kind", ["json", "xml"])
@pytest.mark.parametrize(
    ("method", "path", "refused"),
    [
        ("GET", "dragons", (404, "not_found")),
        ("GET", "requests/2026-XXXX-XXXX/updates", (404, "not_found")),
        ("POST", "dragons", (404, "not_found")),
        ("POST", "services", (405, "method_not_allowed")),
        ("DELETE", "requests/2026-XXXX-XXXX", (405, "method_not_allowed")),
        ("PUT", "requests", (405, "method_not_allowed")),
    ],
)
async def test_what_is_not_there_is_told_in_the_standards_form(
    api: Api, method: str, path: str, refused: tuple[int, str], kind: str
) -> None:
    answer = await api.request(method, f"{V2}/{path}.{kind}")
    assert answer.headers["content-type"] == {"json": "application/json", "xml": "text/xml"}[kind]
    if kind == "json":
        assert refusal(answer) == refused
    assert answer.status_code == refused[0]
    allowed = answer.headers.get("allow")
    assert allowed == {"services": "GET", "requests": "GET, POST"}.get(path, allowed)
    assert (allowed is not None) == (refused[0] == 405)
