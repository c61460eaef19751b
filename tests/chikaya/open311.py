"""Open311 as a client that has never heard of us speaks it, and what the standard says of the answers."""

from typing import Any, Final

import httpx
from jsonschema import Draft202012Validator

from tests.chikaya.filed import (
    TEXT,
)
from tests.support.http import Api

V2: Final = "/open311/v2"

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
