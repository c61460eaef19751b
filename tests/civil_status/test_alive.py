"""Who is alive, as far as the register knows: it looks at the margin, and at acts of death."""

import json
from typing import Any, Final

import asyncpg
import pytest
from joserfc.jwk import ECKey

from shared.sealing import KeyFiles, unsealed
from tests.civil_status.conftest import Happened, Says
from tests.civil_status.filed import DECLARED_ON, WHY, an_act, person
from tests.civil_status.test_api_exchanges import asked as exchanged
from tests.civil_status.test_api_exchanges import consented
from tests.civil_status.test_consumers import asked, keys
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

__all__ = ["keys"]

OFFICER: Final = "civil_status_officer"
DEAD: Final = "2026-11-19"


async def death(api: Api, identifier: str, on: str = DEAD) -> str:
    """An act of death of who has this identifier, that nobody has entered in any margin yet."""
    subject = person("ياسين", identifier=identifier)
    return str(await an_act(api, "death", on=on, subject=subject))


async def amended(api: Api, act: str, what: str, **more: Any) -> None:
    judged = {"judgment": "TPI 6/2026", "judged_on": "2026-11-20"} | more
    answer = await api.post(f"/v1/acts/{act}/{what}", OFFICER, json=judged)
    assert answer.status_code == 200, answer.text


async def told_dead(api: Api, civil_status: ServiceDatabase, keys: KeyFiles) -> bool:
    """What the window reads under the seal, asked for the act of birth."""
    reply = ECKey.generate_key("P-256")
    outcome, said = await asked(
        civil_status,
        keys,
        {"kind": "birth", "given": "ياسين", "event_on": DECLARED_ON},
        output="extract",
        reply_key=reply.as_dict(private=False),
    )
    assert outcome == "found"
    assert "deceased" not in said, "no event says who is dead"
    content = json.loads(unsealed(said["sealed"], reply))
    return bool(content["deceased"])


async def test_an_act_of_death_is_looked_at_before_its_mention_is_entered(
    api: Api, civil_status: ServiceDatabase, keys: KeyFiles, clock_says: Says
) -> None:
    _, identifier, _ = await consented(api, clock_says, "life")
    assert await told_dead(api, civil_status, keys) is False
    assert (await exchanged(api, identifier, "life")).json()["content"] == {"alive": True}
    act = await death(api, identifier)
    assert await told_dead(api, civil_status, keys) is True
    assert (await exchanged(api, identifier, "life")).json()["content"] == {"alive": False}
    await amended(api, act, "annulment")
    assert await told_dead(api, civil_status, keys) is False
    assert (await exchanged(api, identifier, "life")).json()["content"] == {"alive": True}


async def test_the_day_of_death_is_that_of_the_act_as_it_now_reads(api: Api, clock_says: Says) -> None:
    birth, identifier, _ = await consented(api, clock_says, "social_protection")

    async def died_on() -> str | None:
        content = (await exchanged(api, identifier, "social_protection")).json()["content"]
        day: str | None = content["died_on"]
        return day

    assert await died_on() is None
    act = await death(api, identifier)
    assert await died_on() == DEAD
    await amended(api, act, "judgments", changes={"event.on": "2026-11-20"})
    assert await died_on() == "2026-11-20"
    note = {"kind": "death", "reference": "7/2026", "on": "2026-11-21"}
    answer = await api.post(f"/v1/acts/{birth}/mentions", OFFICER, json=note)
    assert answer.status_code == 200, answer.text
    assert await died_on() == "2026-11-21", "the margin of the act itself comes first"


@pytest.mark.parametrize("purpose", ["life", "identity"])
async def test_of_a_margin_that_nobody_looked_at_nothing_is_told(
    api: Api, civil_status: ServiceDatabase, clock_says: Says, happened: Happened, purpose: str
) -> None:
    act, identifier, _ = await consented(api, clock_says, purpose)
    connection = await asyncpg.connect(civil_status.admin_dsn)
    await connection.execute("UPDATE civil_status.act SET origin = 'imported'")
    await connection.close()
    refused = await exchanged(api, identifier, purpose)
    assert (refused.status_code, refused.json()["code"]) == (409, "margin_unknown")
    assert await happened("administration") == [], "no guess: there is a consent"
    answer = await api.post(f"/v1/acts/{act}/margin-check", OFFICER, json={}, headers=WHY)
    assert answer.status_code == 200, answer.text
    assert (await exchanged(api, identifier, purpose)).status_code == 201
