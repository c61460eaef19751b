"""Bodies as an office sends them, and acts that are there."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from tests.support.http import Api

CASABLANCA = "06.141.01.0"
OFFICE = "06.141.01.0-01"
WHY = {"Access-Purpose": "issue_extract"}

YASSINE: dict[str, Any] = {"ar": "ياسين", "latin": "Yassine", "tifinagh": "ⵢⴰⵙⵉⵏ"}
ALAMI: dict[str, Any] = {"ar": "العلمي", "latin": "Alami"}


def person(ar: str, latin: str | None = None, **more: Any) -> dict[str, Any]:
    return {"given": {"ar": ar, "latin": latin}, "family": ALAMI, **more}


def blocks(on: str = "2026-11-01", **changes: Any) -> dict[str, Any]:
    return {
        "event": {"on": {"on": on}, "time": "06:40", "place": "الدار البيضاء"},
        "subject": {"given": YASSINE, "family": ALAMI, "sex": "male"},
        "father": person("محمد", "Mohammed", occupation="أستاذ"),
        "mother": person("فاطمة", "Fatima"),
    } | changes


def by_judgment(kind: str = "birth", **changes: Any) -> dict[str, Any]:
    return {"kind": kind, "office": OFFICE, "judgment": "TPI 12/2026", "blocks": blocks(**changes)}


async def an_act(api: Api, kind: str = "birth", **changes: Any) -> UUID:
    answer = await api.post("/v1/acts", "civil_status_officer", json=by_judgment(kind, **changes))
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["id"])


async def certificate(api: Api, persona: str) -> str:
    """The digest of a paper that this person brought."""
    paper = {"file": ("certificate.pdf", b"%PDF-1.7 certificate of " + persona.encode(), "application/pdf")}
    answer = await api.post("/v1/files", persona, files=paper)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["sha256"])


DECLARED_ON = "2026-11-18"


def declaration(kind: str = "birth", *, unclaimed: bool = False, **changes: Any) -> dict[str, Any]:
    said = blocks(DECLARED_ON, **changes)
    said["event"] |= {"facility": "مستشفى ابن رشد"}
    return {"kind": kind, "office": OFFICE, "blocks": said, "unclaimed": unclaimed}


def declared(
    proof: str,
    relation: str | None = "father",
    on: str = DECLARED_ON,
    annexed: list[str] | None = None,
    *,
    announced_by_declarant: bool = False,
) -> dict[str, Any]:
    """What the declarant states at the office."""
    said = blocks(on, annexed=[proof] if annexed is None else annexed)
    if relation is not None:
        said["declarant"] = {"person": said["father"], "relation": relation}
    return {"blocks": said, "announced_by_declarant": announced_by_declarant}


async def announced(
    api: Api, persona: str, kind: str = "birth", *, unclaimed: bool = False, **changes: Any
) -> dict[str, Any]:
    body = declaration(kind, unclaimed=unclaimed, **changes)
    answer = await api.post("/v1/declarations", persona, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def own_act(
    api: Api,
    says: Callable[..., Awaitable[None]],
    persona: str = "citizen",
    relation: str = "father",
) -> str:
    """An act of birth of the child of this person, who announced it."""
    found = await announced(api, persona)
    await says("declaration", found["id"], "started", answer_by=datetime.now(UTC) + timedelta(days=9))
    path = f"/v1/declarations/{found['id']}"
    proof = await certificate(api, "agent")
    answer = await api.post(
        f"{path}/completion", "agent", json=declared(proof, relation, announced_by_declarant=True)
    )
    assert answer.status_code == 200, answer.text
    act = await api.post(f"{path}/act", "civil_status_officer", json={})
    assert act.status_code == 201, act.text
    return str(act.json()["id"])


BODIES: dict[str, Any] = {
    "/v1/acts": by_judgment(),
    "/mentions": {"kind": "death", "reference": "7/2026", "on": "2026-11-20"},
    "/judgments": {
        "judgment": "TPI 5/2026",
        "judged_on": "2026-11-20",
        "changes": {"subject.given.latin": "Yacine"},
    },
    "/acts/{act_id}/annulment": {"judgment": "TPI 6/2026", "judged_on": "2026-11-20"},
    "/holder": {"account": "citizen9", "identity": "national_card"},
    "/duplicate": {"other": "00000000-0000-0000-0000-000000000000"},
    "/v1/declarations": declaration(),
    "/completion": declared("0" * 64),
    "/declarations/{declaration_id}/refusal": {"ground": "unfounded"},
    "/declarations/{declaration_id}/judgment": {"judgment": "TPI 7/2026"},
    "/corrections": {"changes": {"subject.given.latin": "Yacine"}, "explanation": "Une lettre"},
    "/acceptance": {"reference": "DEC 1/2026"},
    "/corrections/{correction_id}/rejection": {"ground": "unfounded"},
    "/consents": {"administration": "a", "purpose": "life", "ends_at": "2030-01-01T00:00:00Z"},
    "/exchanges": {"identifier": "00000000195", "purpose": "life"},
    "/lookups": {"identifier": "00000000195"},
    "/searches": {"given": "Yassine", "family": "Alami"},
}
"""By the end of the path, for whoever knocks at every door."""

Sent = Callable[[str, str, dict[str, Any]], Awaitable[httpx.Response]]


async def registered(sent: Sent, says: Callable[..., Awaitable[None]], secret: str) -> dict[str, str]:
    """The citizen's act with everything that hangs on one, in all services behind one port; and a declaration
    still open, of the hospital's. What paths are filled by.
    """
    officer, root = "civil_status_officer", "/civil_status/v1"

    async def posted(path: str, persona: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await sent(f"{root}{path}", persona, body)
        assert answer.is_success, answer.text
        made: dict[str, Any] = answer.json()
        return made

    body = declaration(mother=person("فاطمة", address=secret))
    body["blocks"]["declarant"] = {"person": body["blocks"]["father"], "relation": "father"}
    found = await posted("/declarations", "citizen", body)
    await says("declaration", found["id"], "started", answer_by=datetime.now(UTC) + timedelta(days=9))
    ordered = {"judgment": "TPI 1/2026", "announced_by_declarant": True}
    act = await posted(f"/declarations/{found['id']}/judgment", officer, ordered)
    await posted(f"/acts/{act['id']}/mentions", officer, marriage())
    renamed = {"judgment": "TPI 5/2026", "judged_on": "2026-11-20", "changes": {"subject.given.ar": "جواد"}}
    await posted(f"/acts/{act['id']}/judgments", officer, renamed)
    correction = await posted(f"/acts/{act['id']}/corrections", "agent", BODIES["/corrections"])
    to = {"administration": "administration", "purpose": "life", "ends_at": "2030-01-01T00:00:00Z"}
    consent = await posted(f"/acts/{act['id']}/consents", "citizen", to)
    known = {"identifier": act["identifier"], "purpose": "life"}
    await posted("/exchanges", "administration", known)
    missed = await sent(f"{root}/lookups", "agent", BODIES["/lookups"])
    assert missed.status_code == 404, missed.text
    return {
        "act_id": act["id"],
        "declaration_id": found["id"],
        "correction_id": correction["id"],
        "consent_id": consent["id"],
        "output": "copy",
        "kind": "birth",
    }


def marriage(reference: str = "321/2026", on: str = "2026-11-20") -> dict[str, Any]:
    return {"kind": "marriage", "reference": reference, "on": on, "spouse": person("مريم", "Meryem")}
