"""The hot path of the register: one statement, which says what the steps say."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.civil_status.domain.consent import MOST_MISSES
from shared.access import recorded
from shared.auth import Actor
from tests.civil_status.filed import CASABLANCA, OFFICE, WHY, an_act, marriage
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

OFFICER = "civil_status_officer"
READS = text("""
    SELECT payload, headers ->> 'actor' AS actor, collectivity FROM msg.event_log
    WHERE aggregatetype = 'access' ORDER BY pos""")
MISSED = text("INSERT INTO civil_status.missed VALUES (:reader, :day, :misses)")
BIRTH = {"kind": "birth", "office": OFFICE, "year": 2026}


async def looked_up(api: Api, who: str, body: dict[str, Any], commune: str | None = None) -> tuple[int, Any]:
    answer = await api.post("/v1/lookups", who, commune=commune, json=body, headers=WHY)
    said = answer.json()
    return answer.status_code, said.get("items", said.get("code"))


@pytest.fixture
async def register(api: Api) -> dict[str, dict[str, Any]]:
    """What is asked: an act with a margin, one whose holder asks, two acts of one person."""
    children = [await an_act(api, on=f"2026-11-0{day}") for day in (1, 2, 3)]
    of = [(await api.get(f"/v1/acts/{act}", OFFICER, headers=WHY)).json() for act in children]
    for path, body in (
        (f"{children[0]}/mentions", marriage()),
        (f"{children[1]}/holder", {"account": "agent", "identity": "national_card"}),
    ):
        done = await api.post(f"/v1/acts/{path}", OFFICER, json=body, headers={"If-Match": '"1"'})
        assert done.status_code == 200, done.text
    of_dead = {"given": {"ar": "ياسين"}, "identifier": of[2]["identifier"]}
    await an_act(api, "death", on="2026-11-20", subject=of_dead)
    return {
        "number": {**BIRTH, "number": 1},
        "identifier": {"identifier": of[0]["identifier"]},
        "own": {**BIRTH, "number": 2},
        "two": {"identifier": of[2]["identifier"]},
        "nobody": {**BIRTH, "number": 99},
    }


@pytest.mark.parametrize(
    ("who", "commune"), [("agent", None), ("agent", "06.371.01.01"), (OFFICER, None), ("court_clerk", None)]
)
@pytest.mark.parametrize(
    ("what", "count"), [("number", 1), ("identifier", 1), ("own", 1), ("two", 2), ("nobody", 0)]
)
async def test_one_statement_says_what_the_steps_say(
    api: Api,
    civil_status: ServiceDatabase,
    register: dict[str, dict[str, Any]],
    asked: list[str],
    who: str,
    commune: str | None,
    what: str,
    count: int,
) -> None:
    """The act or the refusal, and what the register of reads has of it. Who found nothing too often yesterday
    may search today, step by step.
    """
    reader, ways = f"{who}.{commune}" if commune else who, []
    for suspended in (False, True):
        if suspended:
            yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
            async with civil_status.api.transaction(Actor(subject=reader)) as tx:
                await tx.execute(MISSED, {"reader": reader, "day": yesterday, "misses": MOST_MISSES})
        before = len(await civil_status.worker.look(READS))
        asked.clear()
        said = await looked_up(api, who, register[what], commune)
        steps = len(asked)
        reads = [
            ({**json.loads(row.payload), "at": None}, row.actor, row.collectivity)
            for row in (await civil_status.worker.look(READS))[before:]
        ]
        ways.append((said, reads))
        at_once = count == 1 and commune is None and not suspended
        assert (steps == 1) is at_once, asked
    assert ways[0] == ways[1]
    (status, found), reads = ways[0]
    if commune is not None or not count:
        assert (status, found, reads) == (404, "act_unknown", [])
        return
    assert (status, len(found)) == (200, count)
    assert [len(event["ids"]) for event, _, _ in reads] == (
        [] if (what, who) == ("own", "agent") else [count]
    )


async def test_those_who_ask_together_share_a_round_trip(
    api: Api, register: dict[str, dict[str, Any]], asked: list[str], civil_status: ServiceDatabase
) -> None:
    """Each sees what is theirs, and each is written down."""
    before = len(await civil_status.worker.look(READS))
    asked.clear()
    who = [("agent", None), (OFFICER, None), ("court_clerk", None), ("agent2", "06.371.01.01")]
    answers = await asyncio.gather(
        *(looked_up(api, persona, register["number"], commune) for persona, commune in who)
    )
    assert [status for status, _ in answers] == [200, 200, 200, 404]
    assert sum("look_up" in sql for sql in asked) < len(who)
    reads = (await civil_status.worker.look(READS))[before:]
    assert sorted(row.actor for row in reads) == ["agent", OFFICER, "court_clerk"]


async def test_a_reader_whose_register_is_held_holds_up_nobody(
    api: Api, register: dict[str, dict[str, Any]], civil_status: ServiceDatabase
) -> None:
    """Who reads twice at once waits for themselves; whoever came with them is answered now."""
    actor = Actor(subject="agent", communes=frozenset({CASABLANCA}))
    async with civil_status.api.transaction(actor) as tx:
        await recorded(
            tx, "civil_status", action="a", aggregate="act", owners={"x": ""}, collectivity=CASABLANCA
        )
        waiting = [asyncio.create_task(looked_up(api, "agent", register["number"])) for _ in range(2)]
        for _ in range(3):
            assert (await looked_up(api, OFFICER, register["number"]))[0] == 200
        assert not any(task.done() for task in waiting)
    assert [(await task)[0] for task in waiting] == [200, 200]
