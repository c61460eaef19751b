"""Bodies as an office sends them, and acts that are there."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

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


BODIES: dict[str, Any] = {
    "/v1/acts": by_judgment(),
    "/mentions": {"kind": "death", "reference": "7/2026", "on": "2026-11-20"},
    "/judgments": {
        "judgment": "TPI 5/2026",
        "judged_on": "2026-11-20",
        "changes": {"subject.given.latin": "Yacine"},
    },
    "/acts/{act_id}/annulment": {"judgment": "TPI 6/2026", "judged_on": "2026-11-20"},
    "/duplicate": {"other": "00000000-0000-0000-0000-000000000000"},
}
"""By the end of the path, for whoever knocks at every door."""

Posted = Callable[[str, str, dict[str, Any]], Awaitable[dict[str, Any]]]


async def registered(posted: Posted, secret: str) -> dict[str, str]:
    """An act with everything that hangs on one, in all services behind one port; what its paths are
    filled by.
    """
    officer = "civil_status_officer"
    act = await posted("/civil_status/v1/acts", officer, by_judgment(mother=person("فاطمة", address=secret)))
    on_act = f"/civil_status/v1/acts/{act['id']}"
    await posted(f"{on_act}/mentions", officer, marriage())
    return {"act_id": act["id"], "output": "copy"}


def marriage(reference: str = "321/2026", on: str = "2026-11-15") -> dict[str, Any]:
    return {"kind": "marriage", "reference": reference, "on": on, "spouse": person("مريم", "Meryem")}
