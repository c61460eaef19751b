"""What people do with what they report, and offices about it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from deploy.demo.stage import Person, Stage, instant, until
from tests.journeys.people import REASON, SETTAT, SITE, WORDS

API: Final = "/chikaya/v1"
DESK: Final = {"address": "Place Al Wahda, Settat", "phone": "+212523000000", "web": "https://www.settat.ma"}
CENTRE: Final = {"longitude": -7.62, "latitude": 33.0, "address": SITE, "collectivity": SETTAT}


@dataclass(slots=True)
class Reporter:
    """Somebody with one report: with an account at its id, without one at its reference, by `code`."""

    stage: Stage
    person: Person
    id: str
    path: str
    commune: str = SETTAT
    code: str | None = None

    @property
    def office(self) -> str:
        return f"{API}/reports/{self.id}"

    async def shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = await self.person.get(self.path)
        return shown

    async def do(self, step: str, body: Mapping[str, Any]) -> Any:
        return await self.person.post(f"{self.path}/{step}", body)

    def officer(self, persona: str) -> Person:
        return self.stage.person(persona, self.commune)

    async def answered(self, outcome: str) -> dict[str, Any]:
        """Taken, begun and answered by the office that has it."""
        instructor = self.officer("instructor")
        await self.officer("agent").post(f"{self.office}/assignment", {"assignee": instructor.name})
        await instructor.post(f"{self.office}/start", {})
        reply: dict[str, Any] = await instructor.post(
            f"{self.office}/answer", {"outcome": outcome, "text": REASON}
        )
        return reply

    async def due(self, rule: str) -> datetime:
        """When the clock of that rule runs out, once the report knows."""
        dates: dict[str, datetime] = {}

        async def known() -> bool:
            clocks = (await self.shown())["clocks"]
            dates.update({one["rule"]: instant(one["answer_by"]) for one in clocks if one["answer_by"]})
            return rule in dates

        await until(f"the date of {rule} on {self.path}", known, expected=True)
        return dates[rule]

    async def until_state(self, state: str) -> dict[str, Any]:
        """The report as it was when it was first seen in that state."""
        shown: dict[str, Any] = {}

        async def seen() -> str:
            shown.update(await self.shown())
            return str(shown["state"])

        await until(f"the state of {self.path}", seen, state)
        return shown

    async def told(self, home: Path, kind: str) -> dict[str, Any]:
        """The first notice of that kind about it that left, whoever it went to."""
        found: list[dict[str, Any]] = []

        async def left() -> bool:
            said = home / "notices.jsonl"
            lines = said.read_text(encoding="utf-8").splitlines() if said.exists() else []
            notices = [json.loads(line) for line in lines]
            found[:] = [one for one in notices if (one["about"], one["kind"]) == (self.id, kind)]
            return bool(found)

        await until(f"a notice {kind} about {self.path}", left, expected=True)
        return found[0]


def said(category: str, **more: Any) -> dict[str, Any]:
    return {"kind": "complaint", "category": category, "text": WORDS, "place": CENTRE} | more


async def opened(stage: Stage) -> None:
    """The commune of Settat says where it is: every reply carries it."""
    await stage.person("president", SETTAT).post(f"{API}/administrations/{SETTAT}", DESK)


async def without_account(stage: Stage, body: Mapping[str, Any]) -> Reporter:
    answer = await stage.anybody.post(f"{API}/anonymous-reports", body)
    report, code = answer["report"], answer["follow_up_code"]
    return Reporter(
        stage,
        replace(stage.anybody, headers={"Follow-Up-Code": code}),
        report["id"],
        f"{API}/followed/{report['reference']}",
        code=code,
    )


async def with_account(person: Person, body: Mapping[str, Any]) -> Reporter:
    answer = await person.post(f"{API}/reports", {**body, "channel": "mobile"})
    report = answer["report"]
    return Reporter(person.stage, person, report["id"], f"{API}/reports/{report['id']}")
