"""A child is declared, a parent asks for the extract, anybody checks it without a network; a divorce is
noted, and what was issued is superseded. Both services are processes of their own, on real Kafka.
"""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from deploy.demo.stage import Person, Stage, pdf, until
from shared.documents.check import check_file
from shared.documents.claim import Verdict
from shared.documents.keys import published
from shared.time import civil_day

pytestmark = pytest.mark.asyncio(loop_scope="session")

SETTAT: Final = "06.461.01.15"
OFFICE: Final = f"{SETTAT}-01"
MOTHER: Final = {
    "given": {"ar": "الزوهرة", "latin": "Zohra"},
    "family": {"ar": "الزروالي", "latin": "Zeroual"},
}
REQUESTS: Final = "/watiqa/v1/requests"


def reading(person: Person) -> Person:
    """Who reads the register says why."""
    return replace(person, headers=person.headers | {"Access-Purpose": "journey"})


async def declared(on: Stage, parent: Person, name: str) -> str:
    """An act of birth that the parent announced and declared; its identifier in the register."""
    day = civil_day(await on.legal_now()) - timedelta(days=2)
    agent = reading(on.person("agent", SETTAT))
    officer = reading(on.person("civil_status_officer", SETTAT))
    blocks: dict[str, Any] = {
        "event": {"on": {"on": day.isoformat()}, "time": "06:40", "place": "سطات"},
        "subject": {"given": {"ar": name, "latin": "Idriss"}, "family": MOTHER["family"], "sex": "male"},
        "mother": MOTHER,
    }
    opened = await parent.post(
        "/civil_status/v1/declarations", {"kind": "birth", "office": OFFICE, "blocks": blocks}
    )
    file = f"/civil_status/v1/declarations/{opened['id']}"
    proof = await agent.upload("/civil_status/v1/files", "avis.pdf", pdf("Avis"), "application/pdf")
    said = blocks | {
        "annexed": [proof["sha256"]],
        "declarant": {"person": MOTHER, "relation": "mother"},
    }
    completed = await agent.post(f"{file}/completion", {"blocks": said, "announced_by_declarant": True})
    if completed["state"] == "suspected":
        await officer.post(f"{file}/distinction", {})
    act = await officer.post(f"{file}/act", {})
    return str(act["id"])


async def until_state(person: Person, request: str, state: str) -> dict[str, Any]:
    async def seen() -> str:
        return str((await person.get(f"{REQUESTS}/{request}"))["state"])

    await until(f"the state of {request}", seen, state)
    shown: dict[str, Any] = await person.get(f"{REQUESTS}/{request}")
    return shown


async def test_from_the_request_to_a_sealed_page_that_a_divorce_supersedes(on: Stage, home: Path) -> None:
    parent = reading(on.person(f"citizen{uuid4().int % 10**9}"))
    letters = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
    name = "ادريس" + "".join(letters[int(digit)] for digit in str(uuid4().int % 10**6))
    act = await declared(on, parent, name)
    born = civil_day(await on.legal_now()) - timedelta(days=2)
    asked = {
        "document": "birth_full_copy",
        "office": OFFICE,
        "capacity": "ascendant",
        "delivery": "download",
        "act": {"given": name, "event_on": born.isoformat()},
    }
    request = (await parent.post(REQUESTS, asked))["id"]
    await until_state(parent, request, "issued")
    [document] = (await parent.get(f"{REQUESTS}/{request}/documents"))["items"]
    page = await parent.get(document["href"])
    (home / "page.pdf").write_bytes(page)

    keys = published(home / "documents")  # the published set, as a copy: no server is asked
    checked = await asyncio.to_thread(check_file, page, keys)
    assert checked.verdict is Verdict.VALID
    assert json.loads(checked.content or "")["holder"]["ar"].startswith(name)
    bent = page.replace(b"Zohra", b"Zahra")
    assert bent != page
    assert (await asyncio.to_thread(check_file, bent, keys)).verdict is not Verdict.VALID

    officer = reading(on.person("civil_status_officer", SETTAT))
    for kind, reference in (("marriage", "12/2026"), ("dissolution", "34/2026")):
        noted = {"kind": kind, "reference": reference, "on": born.isoformat(), "spouse": MOTHER}
        await officer.post(f"/civil_status/v1/acts/{act}/mentions", noted)
    found = await until_state(parent, request, "superseded")
    assert "reissue" in found["actions"]
    withdrawn = (await on.anybody.get("/watiqa/v1/withdrawn-documents"))["withdrawn"]
    assert document["id"] in {one["id"] for one in withdrawn}
    await parent.post(f"{REQUESTS}/{request}/reissue", {})
    await until_state(parent, request, "issued")
    old, new = (await parent.get(f"{REQUESTS}/{request}/documents"))["items"]
    assert (old["state"], new["state"]) == ("superseded", "issued")
    again = await asyncio.to_thread(check_file, await parent.get(new["href"]), keys)
    assert len(json.loads(again.content or "")["mentions"]) == 2
