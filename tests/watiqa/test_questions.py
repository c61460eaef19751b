"""What the register answers, whatever it answers: one page holds up no other."""

import json
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import pytest

from services.watiqa.app import SERVICE
from services.watiqa.consumers.questions import write_once
from services.watiqa.consumers.register import FOUND
from shared.events import Envelope
from shared.sealing import sealed_for
from tests.support.http import Api
from tests.support.services import hear
from tests.watiqa.cases import ACT, CASABLANCA
from tests.watiqa.conftest import Happened, World
from tests.watiqa.filed import shown, submitted
from tests.watiqa.test_papers import said

NAMELESS: Final = {"given": None, "family": None, "occupation": "أستاذ"}


def found(world: World, request: str, content: Any, *, version: int = 1) -> Envelope:
    """The register's answer to the first question about a request, sealed as it seals it."""
    written = content if isinstance(content, bytes) else json.dumps(content).encode()
    sealed = sealed_for(world.keys.make(f"{request}-0"), written)
    answer = {"act": ACT, "act_version": version, "linked": True, "sealed": sealed}
    return Envelope(
        id=uuid4(),
        source="/civil_status",
        type=FOUND,
        aggregate="matching",
        subject=request,
        sequence=1,
        time=datetime.now(UTC),
        collectivity=CASABLANCA,
        data=json.dumps(answer).encode(),
    )


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
