"""Bodies as people send them, and requests that are there."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.civil_status.filed import OFFICE
from tests.support.http import Api

BORN = "2026-11-18"
"""The day of the act that `own_act` draws up."""
ELSEWHERE = "06.371.01.01-01"
SECRETS = ("ياسين", "Yassine", "العلمي", "Alami", "فاطمة")


def asked(document: str = "birth_extract", **changes: Any) -> dict[str, Any]:
    """By the holder, at the portal, for download."""
    return {
        "document": document,
        "office": OFFICE,
        "capacity": "self",
        "delivery": "download",
        "act": {"given": "ياسين", "family": "العلمي", "event_on": BORN},
    } | changes


ADDRESS = {"name": "ياسين العلمي", "street": "12 زنقة مراكش", "town": "الدار البيضاء", "postcode": "20000"}
STATEMENT = {
    "given_ar": "ياسين",
    "family_ar": "العلمي",
    "given_latin": "Yassine",
    "family_latin": "Alami",
    "born_on": "1990-05-04",
    "address": "12 زنقة مراكش، الدار البيضاء",
}


async def submitted(api: Api, persona: str = "citizen", **changes: Any) -> str:
    answer = await api.post("/v1/requests", persona, json=asked(**changes))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def shown(api: Api, request: str, persona: str = "citizen") -> dict[str, Any]:
    answer = await api.get(f"/v1/requests/{request}", persona)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def documents(api: Api, request: str, persona: str = "citizen") -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/requests/{request}/documents", persona)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def downloaded(api: Api, document: dict[str, Any], persona: str = "citizen") -> bytes:
    answer = await api.get(document["href"].removeprefix("/watiqa"), persona)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    return answer.content


async def verified(api: Api, pdf: bytes) -> dict[str, Any]:
    answer = await api.client.post(
        "/watiqa/v1/verifications/files", files={"file": ("x.pdf", pdf, "application/pdf")}
    )
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def paper(api: Api, persona: str = "citizen") -> str:
    """The digest of a proof that this person brought."""
    content = b"%PDF-1.7 proof of " + persona.encode()
    answer = await api.post("/v1/files", persona, files={"file": ("proof.pdf", content, "application/pdf")})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["sha256"])


async def step(
    api: Api, request: str, what: str, persona: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    answer = await api.post(f"/v1/requests/{request}/{what}", persona, json=body or {})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def noted(register: Api, act: str, body: dict[str, Any]) -> None:
    """A mention in the margin of the register."""
    answer = await register.post(f"/v1/acts/{act}/mentions", "civil_status_officer", json=body)
    assert answer.status_code == 200, answer.text


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


BODIES: dict[str, Any] = {
    "/v1/requests": asked(),
    "/redirection": {"office": ELSEWHERE},
    "/authorisation-refusal": {"ground": "unfounded"},
    "/clarification": {"act": asked()["act"]},
    "/proofs": {"proof": "identity", "file": "0" * 64},
    "/requests/{request_id}/refusal": {"ground": "not_entitled"},
    "/requests/{request_id}/payments": {},
    "/requests/{request_id}/withdrawal": {},
    "/payments/{payment}/return": {"reference": "VIR 12/2026"},
    "/posting": {"tracking": "RR123456785MA"},
    "/offices/{office}/closure": {"reason": "works"},
    "/offices/{office}/reopening": {},
}
"""By the end of the path, for whoever knocks at every door."""

Sent = Callable[[str, str, dict[str, Any]], Awaitable[httpx.Response]]


async def asked_for(sent: Sent, secret: str, proof: str) -> dict[str, str]:
    """The citizen's request that waits for an officer, in all services behind one port. What paths are filled
    by.
    """
    body = asked(
        "residence_certificate",
        act=None,
        statement=STATEMENT | {"address": secret},
        proofs={"identity": proof, "residence": proof},
    )
    answer = await sent("/watiqa/v1/requests", "citizen", body)
    assert answer.status_code == 201, answer.text
    return {"request_id": answer.json()["id"], "office": OFFICE}
