"""Whoever asked at the portal is told; what they are told names nobody."""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from services.watiqa.domain.words import GROUNDS, WORDS
from services.watiqa.events.request import RefusalGround
from tests.civil_status.conftest import Says
from tests.civil_status.filed import an_act, marriage, own_act
from tests.support.http import Api
from tests.watiqa.conftest import World
from tests.watiqa.filed import SECRETS, noted, shown, step, submitted

TOLD = text("SELECT recipient, kind, content FROM msg.notice WHERE about = :about ORDER BY number").columns(
    content=JSONB
)


async def told(world: World, request: str | UUID) -> list[tuple[str, str, Any]]:
    async with world.watiqa.worker.transaction() as tx:
        rows = await tx.execute(TOLD, {"about": str(request)})
        return [(row.recipient, row.kind, row.content) for row in rows]


async def test_a_person_is_told_of_the_document_and_of_what_supersedes_it(
    api: Api, register: Api, register_clock_says: Says, world: World
) -> None:
    act = await own_act(register, register_clock_says)
    request = await submitted(api)
    await world.settle()
    await noted(register, act, marriage())
    await world.settle()
    found = await told(world, request)
    applicant = found[0][0]
    assert [(who, kind) for who, kind, _ in found] == [(applicant, "issued"), (applicant, "superseded")]
    for (_, kind, content), state in zip(found, ("issued", "superseded"), strict=True):
        assert set(content) == {"ar", "fr", "en"}
        words = next(said for one, said in WORDS.items() if one.value == state)
        assert all(words.message[language] in content[language]["text"] for language in content), kind
    assert [secret for secret in SECRETS if secret in str(found)] == []


async def test_what_was_not_found_and_what_was_refused_say_what_to_do_and_why(
    api: Api, register: Api, world: World
) -> None:
    request = await submitted(api)
    await world.settle()
    assert (await shown(api, request))["state"] == "not_found"
    ground = RefusalGround.IDENTITY_DOUBTFUL
    await step(api, request, "refusal", "civil_status_officer", {"ground": ground.value})
    await world.settle()
    (_, missing, _), (_, refused, why) = await told(world, request)
    assert (missing, refused) == ("not_found", "refused")
    assert all(GROUNDS[ground][language] in why[language]["text"] for language in why)


async def test_of_two_steps_in_a_row_the_last_one_counts_and_a_counter_answers_for_itself(
    api: Api, register: Api, world: World
) -> None:
    await an_act(register)
    withdrawn = await submitted(api)
    world.answering = False
    await world.settle()
    await step(api, withdrawn, "withdrawal", "citizen")
    world.answering = True
    await world.settle()
    at_counter = await submitted(
        api, persona="agent", delivery="counter", counter={"identity": "national_card"}
    )
    await world.settle()
    assert await told(world, withdrawn) == []
    assert await told(world, at_counter) == []
