"""People who report, offices that take and answer it, people who say whether it is solved."""

import asyncio
from collections import deque
from typing import Any, Final

from tests.faults.journal import Command, Outcome
from tests.faults.load import Crowd, Pace
from tests.faults.people.rokhas import COMMUNES

REPORTS: Final = "/v1/reports"
REASON: Final = "Les travaux sont programmés au budget de cette année."
DESK: Final = {
    "address": "Boulevard Mohammed V, Casablanca",
    "phone": "+212522000000",
    "web": "https://www.casablancacity.ma",
}
PATHS: Final = {"assign": "assignment", "answer": "answer", "reopen": "reopening"} | {
    "start": "start",
    "rate": "rating",
}
OFFICE: Final = ("assign", "start", "answer")

_waiting: deque[tuple[str, str, str]] = deque(maxlen=2000)
"""What an office may take: id, who reported, commune."""
_answered: deque[tuple[str, str, str]] = deque(maxlen=2000)


async def report(crowd: Crowd, by: str, commune: str) -> Command:
    """Its subject is the report, if there is one."""
    body = {
        "kind": "complaint",
        "category": crowd.chance.choice(("pothole", "waste", "street_light")),
        "channel": "mobile",
        "text": f"حفرة كبيرة أمام المدرسة رقم {crowd.chance.randint(1, 999)}",
        "place": {"collectivity": commune},
    }
    command, answer = await crowd.do("chikaya", "report", "report", by, REPORTS, body)
    if command.outcome is Outcome.OK:
        command.subject = answer["report"]["id"]
    return command


async def step(crowd: Crowd, what: str, by: str, of: str, commune: str | None = None) -> Command:
    """`commune` where an officer takes it."""
    bodies: dict[str, dict[str, Any]] = {
        "assign": {"assignee": "instructor"},
        "answer": {"outcome": "planned", "text": REASON},
        "reopen": {"reasons": REASON},
        "rate": {"satisfied": crowd.chance.random() < 0.5},
    }
    path = f"{REPORTS}/{of}/{PATHS[what]}"
    command, _ = await crowd.do(
        "chikaya", "report", what, by, path, bodies.get(what, {}), subject=of, commune=commune
    )
    return command


async def published(crowd: Crowd, commune: str) -> bool:
    """The contact block without which no reply leaves."""
    path = f"/v1/administrations/{commune}"
    command, _ = await crowd.do(
        "chikaya", "administration", "publish", "president", path, DESK, subject=commune, commune=commune
    )
    return command.outcome is Outcome.OK


async def reporters(crowd: Crowd, number: int, pace: Pace) -> None:
    """One report after the other; of those answered one is rated, another opened again."""
    me, commune = f"citizen{number}", COMMUNES[number % len(COMMUNES)]
    while True:
        await pace.wait()
        filed = await report(crowd, me, commune)
        if filed.subject:
            _waiting.append((filed.subject, me, commune))
        if _answered:
            await pace.wait()
            of, reporter, where = _answered.popleft()
            what = "rate" if crowd.chance.random() < 0.6 else "reopen"
            if (await step(crowd, what, reporter, of)).outcome is Outcome.OK and what == "reopen":
                _waiting.append((of, reporter, where))


async def offices(crowd: Crowd, number: int, pace: Pace) -> None:
    """Takes what waits and answers it, most of it."""
    for commune in COMMUNES:
        await pace.wait()
        while not await published(crowd, commune):
            await pace.wait()
    while True:
        await pace.wait()
        if not _waiting:
            await asyncio.sleep(0.2)
            continue
        of, reporter, commune = _waiting.popleft()
        for what in OFFICE if crowd.chance.random() < 0.8 else OFFICE[:1]:
            await pace.wait()
            if (await step(crowd, what, f"instructor{number}", of, commune)).outcome is not Outcome.OK:
                break
        else:
            _answered.append((of, reporter, commune))


PEOPLE: Final = (reporters, offices)
