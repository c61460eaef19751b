"""What people do at the register of civil status and at the window for documents."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from deploy.demo.stage import Person, Stage, pdf, until
from shared.time import civil_day
from tests.journeys.people import SETTAT

OFFICE: Final = f"{SETTAT}-01"
MOTHER: Final = {
    "given": {"ar": "الزوهرة", "latin": "Zohra"},
    "family": {"ar": "الزروالي", "latin": "Zeroual"},
}
REQUESTS: Final = "/watiqa/v1/requests"
LETTERS: Final = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"


def reading(person: Person) -> Person:
    """Who reads the register says why."""
    return replace(person, headers=person.headers | {"Access-Purpose": "journey"})


def somebody(on: Stage, persona: str = "citizen") -> Person:
    """Whom nobody met before."""
    return reading(on.person(f"{persona}{uuid4().int % 10**9}"))


def unheard() -> str:
    """A given name that no other act bears."""
    return "ادريس" + "".join(LETTERS[int(digit)] for digit in str(uuid4().int % 10**6))


async def declared(on: Stage, parent: Person, name: str) -> str:
    """An act of birth that the parent announced and declared; its id in the register."""
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


async def asked(person: Person, document: str, **said: Any) -> str:
    """A request for download at the office of Settat; its id."""
    body = {"document": document, "office": OFFICE, "delivery": "download"} | said
    return str((await person.post(REQUESTS, body))["id"])


async def until_state(person: Person, request: str, state: str) -> dict[str, Any]:
    """The request as it was when it was first seen in that state."""
    shown: dict[str, Any] = {}

    async def seen() -> str:
        shown.update(await person.get(f"{REQUESTS}/{request}"))
        return str(shown["state"])

    await until(f"the state of {request}", seen, state)
    return shown


async def documents(person: Person, request: str) -> list[dict[str, Any]]:
    """The oldest first."""
    items: list[dict[str, Any]] = (await person.get(f"{REQUESTS}/{request}/documents"))["items"]
    return items
