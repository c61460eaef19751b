"""What the register answers, whatever it answers: one page holds up no other."""

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import asyncpg
import pytest

from services.civil_status.consumers.matching import keep_keys_once
from services.watiqa.app import SERVICE
from services.watiqa.consumers.questions import ask_once, write_once
from services.watiqa.consumers.register import FOUND, NOTED, PUBLISHED, hear_register
from shared.events import Envelope
from shared.sealing import KeyFiles, sealed_for
from tests.support.http import Api
from tests.support.probes import eventually
from tests.support.services import hear
from tests.watiqa.cases import ACT, CASABLANCA, OFFICE
from tests.watiqa.conftest import Happened, World
from tests.watiqa.filed import shown, submitted
from tests.watiqa.test_papers import said

NAMELESS: Final = {"given": None, "family": None, "occupation": "أستاذ"}


def of_register(kind: str, subject: str, said: dict[str, Any]) -> Envelope:
    """One event of the register; its aggregate is in its type."""
    return Envelope(
        id=uuid4(),
        source="/civil_status",
        type=kind,
        aggregate=kind.split(".")[3],
        subject=subject,
        sequence=1,
        time=datetime.now(UTC),
        collectivity=CASABLANCA,
        data=json.dumps(said).encode(),
    )


def found(world: World, request: str, content: Any, *, linked: bool = True) -> Envelope:
    """The register's answer to the first question about a request, sealed as it seals it."""
    written = content if isinstance(content, bytes) else json.dumps(content).encode()
    sealed = sealed_for(world.keys.make(f"{request}-0"), written)
    answer = {"act": ACT, "act_version": 1, "linked": linked, "sealed": sealed}
    return of_register(FOUND, request, answer)


@pytest.fixture
async def asked(api: Api, world: World) -> list[str]:
    """Two requests of which the register was asked, and it has not answered."""
    requests = [await submitted(api), await submitted(api)]
    world.answering = False
    while {(await shown(api, one))["version"] for one in requests} != {3}:
        await world.settle()
    return requests


@pytest.mark.parametrize(
    "content",
    [
        {"blocks": {"father": NAMELESS}},
        {"blocks": {"father": {"occupation": "أستاذ"}}},
        {"blocks": {"event": {"on": {}, "place": None}}},
        {"kind": "marriage"},
    ],
    ids=["no given name", "no name at all", "no day", "an act of a kind that is not printed"],
)
async def test_a_page_that_cannot_be_written_holds_up_no_other(
    api: Api, world: World, asked: list[str], happened: Happened, content: dict[str, Any]
) -> None:
    broken, whole = asked
    await hear(SERVICE, world.watiqa, found(world, broken, said(**content)))
    await hear(SERVICE, world.watiqa, found(world, whole, said()))
    while await write_once(world.watiqa.worker, world.keys):
        pass
    assert (await happened(broken))[-2:] == ["matched", "control_required"]
    assert (await happened(whole))[-2:] == ["matched", "paper_ordered"]
    waiting = await shown(api, broken)
    assert (waiting["state"], waiting["control"]) == ("under_control", "not_printable")


async def test_an_answer_that_is_none_is_asked_for_again(
    world: World, asked: list[str], happened: Happened
) -> None:
    broken, whole = asked
    await hear(SERVICE, world.watiqa, found(world, broken, b"\xff{"))
    await hear(SERVICE, world.watiqa, found(world, whole, said()))
    while await write_once(world.watiqa.worker, world.keys):
        pass
    assert (await happened(broken))[-2:] == ["matched", "match_unreadable"]
    assert (await happened(whole))[-2:] == ["matched", "paper_ordered"]


WAITING: Final = """
    SELECT count(*) > 0 FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'"""


async def before(world: World, first: Envelope, second: Coroutine[Any, Any, None]) -> None:
    """The first is handled; the second goes as far as it can, until the first one's transaction commits."""
    watch = await asyncpg.connect(world.watiqa.admin_dsn)
    async with world.watiqa.worker.transaction() as tx:
        await hear_register(tx, first)
        other = asyncio.create_task(second)

        async def stands() -> bool:
            return other.done() or bool(await watch.fetchval(WAITING))

        await eventually(stands, expected=True)
    await other
    await watch.close()


@pytest.mark.parametrize("answered_first", [True, False])
async def test_a_change_that_races_the_answer_is_never_missed(
    api: Api, world: World, asked: list[str], happened: Happened, answered_first: bool
) -> None:
    """Two replicas, two topics: each handler runs before the other one's transaction commits."""
    request, _ = asked
    change = of_register(NOTED, ACT, {"version": 2, "supersedes": True})
    first, second = found(world, request, said()), change
    if not answered_first:
        first, second = second, first
    await before(world, first, hear(SERVICE, world.watiqa, second))
    assert (await happened(request))[-1] == "overtaken"
    assert (await shown(api, request))["state"] == "matching"


async def closed(api: Api, world: World) -> None:
    """The office says that it is closed, and everybody has heard of it."""
    body = {"reason": "works"}
    answer = await api.post(f"/v1/offices/{OFFICE}/closure", "civil_status_officer", json=body)
    assert answer.status_code == 200, answer.text
    await world.settle()


async def test_what_comes_to_wait_for_an_officer_of_a_closed_office_waits_elsewhere(
    api: Api, world: World, asked: list[str], happened: Happened
) -> None:
    not_linked, unwritten = asked
    await closed(api, world)
    await hear(SERVICE, world.watiqa, found(world, not_linked, said(), linked=False))
    await hear(SERVICE, world.watiqa, found(world, unwritten, said(kind="marriage")))
    await world.settle()
    for request in asked:
        assert (await happened(request))[-2:] == ["control_required", "held_by_closure"]
        held = await shown(api, request)
        assert (held["state"], held["actions"]) == ("office_closed", ["read", "redirect", "withdraw"])


async def test_a_closure_that_races_the_answer_holds_the_request(
    api: Api, world: World, asked: list[str]
) -> None:
    request, _ = asked
    await before(world, found(world, request, said(), linked=False), closed(api, world))
    await world.settle()
    assert (await shown(api, request))["state"] == "office_closed"


async def test_a_key_that_is_none_stops_no_question(api: Api, world: World) -> None:
    await keep_keys_once(world.civil_status.worker, world.register_keys)
    await world.settle()
    forged = {"public": {"kty": "EC", "kid": "forged"}, "retires_at": "2099-01-01T00:00:00Z"}
    await hear(SERVICE, world.watiqa, of_register(PUBLISHED, "forged", forged))
    request = await submitted(api)
    assert await ask_once(world.watiqa.worker, world.keys)
    assert (await shown(api, request))["version"] == 3, "sealed for the key that is one"


@dataclass(frozen=True)
class Broken(KeyFiles):
    """A key store that makes no key for one question."""

    of: str = ""

    def make(self, kid: str) -> dict[str, str]:
        if kid.startswith(self.of):
            raise OSError("no space left")
        return KeyFiles.make(self, kid)


async def test_a_request_that_cannot_be_asked_about_holds_up_no_other(
    api: Api, world: World, happened: Happened
) -> None:
    await keep_keys_once(world.civil_status.worker, world.register_keys)
    world.answering = False
    await world.settle()
    broken, whole = await submitted(api), await submitted(api)
    keys = Broken(world.keys.directory, of=broken)
    for _ in range(3):
        await ask_once(world.watiqa.worker, keys)
    assert (await happened(broken))[-1] == "matching_begun"
    assert (await happened(whole))[-1] == "matching_asked"
