"""What was taken over without its margin: nobody issues anything of it before the paper was looked at."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from services.civil_status.domain.taken_over import place_id
from services.civil_status.take_over import take_over
from services.civil_status.take_over.reading import digest, opened
from services.watiqa.domain import Request, State
from services.watiqa.domain.catalogue import catalogue
from services.watiqa.domain.values import Match
from services.watiqa.events.request import ControlReason, RefusalGround
from shared.auth import Actor
from shared.errors import Conflict, Forbidden
from tests.civil_status.filed import OFFICE, marriage
from tests.civil_status.files import line, written
from tests.support.http import Api
from tests.watiqa import cases
from tests.watiqa.cases import ACT, CITIZEN, FROM_THE_REGISTER, NOW, OFFICER, asked
from tests.watiqa.conftest import Happened, World
from tests.watiqa.filed import documents, downloaded, noted, problem, shown, step, submitted, verified

CLERK: Final = "civil_status_officer"
COUNTER: Final = {"counter": {"identity": "national_card"}, "delivery": "counter"}
MOHAMED: Final = {"given": "Mohamed", "event_on": "1987-03-02"}


@pytest.fixture
async def taken(world: World, tmp_path: Path) -> str:
    """An act of 1987, from a file."""
    path = written(tmp_path / "acts.csv", [line(1)])
    by = Actor(subject="operator-1")
    await take_over(world.civil_status.worker, opened(path), digest(path), by, limit=1000)
    return place_id(OFFICE, 1987, "birth", 1)


async def test_it_waits_for_an_officer_and_is_automatic_once_the_margin_is_known(
    api: Api, register: Api, world: World, taken: str, happened: Happened
) -> None:
    request = await submitted(api, "agent", document="birth_full_copy", act=MOHAMED, **COUNTER)
    await world.settle()
    found = await shown(api, request, "agent")
    assert (found["state"], found["control"]) == ("under_control", "margin_unknown")
    assert "margin" in found["message"]["en"]
    assert "paper" in found["next_step"]["en"]

    await noted(register, taken, marriage("12/2009", "2009-05-02"))
    await world.settle()
    assert (await shown(api, request, "agent"))["control"] == "margin_unknown", "one mention is not all"
    checked = await register.post(f"/v1/acts/{taken}/margin-check", CLERK, json={})
    assert checked.status_code == 200, checked.text
    await world.settle()
    assert (await shown(api, request, "agent"))["state"] == "issued"
    assert (await happened(request))[-5:] == [
        *("overtaken", "matching_asked", "matched", "paper_ordered", "issued")
    ]
    (document,) = await documents(api, request, "agent")
    content = json.loads((await verified(api, await downloaded(api, document, "agent")))["content"])
    assert [one["fr"].split()[0] for one in content["mentions"]] == ["Marié(e)"]
    assert len(content["notes"]) == 1


@pytest.mark.parametrize(
    ("document", "then"),
    [("birth_extract", "issued"), ("individual_sheet", "issued"), ("life_certificate", "under_control")],
)
async def test_it_is_nobodys_to_approve_and_goes_on_by_itself_once_the_paper_was_looked_at(
    api: Api, register: Api, world: World, taken: str, document: str, then: str
) -> None:
    request = await submitted(api, "agent", document=document, act=MOHAMED, **COUNTER)
    await world.settle()
    found = await shown(api, request, CLERK)
    assert (found["state"], found["control"]) == ("under_control", "margin_unknown")
    assert "approve" not in found["actions"]
    refused = await api.post(f"/v1/requests/{request}/approval", CLERK, json={})
    assert problem(refused) == (409, "margin_unknown")
    said = refused.json()
    assert said["act"] == taken
    check = f"/v1/acts/{taken}/margin-check"
    assert f"POST /civil_status{check}" in said["detail"]
    checked = await register.post(check, CLERK, json={})
    assert checked.status_code == 200, checked.text
    await world.settle()
    assert (await shown(api, request, CLERK))["state"] == then
    if then != "issued":
        await step(api, request, "approval", CLERK)
        await world.settle()
    (page,) = await documents(api, request, "agent")
    content = json.loads((await verified(api, await downloaded(api, page, "agent")))["content"])
    assert len(content["notes"]) == 1, "nothing is left to be said of its margin"


def answered(made: Request, *, version: int = 1, margin_known: bool = False) -> Request:
    made.found(Match(act=ACT, act_version=version, linked=True, margin_known=margin_known), "answer", NOW)
    return made


def test_what_was_approved_before_is_not_issued_of_a_margin_nobody_knows() -> None:
    made = cases.controlled()
    made.approve(by=OFFICER, now=NOW)
    made.disputed(ACT, 2, NOW)
    made.ask("sealed", {}, NOW)
    assert answered(made, version=2).control is ControlReason.MARGIN_UNKNOWN


def test_only_what_waits_for_the_margin_is_asked_again_when_it_is_known() -> None:
    made = answered(asked())
    assert made.margin_known("other", 2, NOW) is None
    assert made.margin_known(ACT, 2, NOW) is not None
    assert (made.state, made.to_ask) == (State.MATCHING, True)
    held = answered(asked())
    held.hold(NOW)
    assert held.margin_known(ACT, 2, NOW) is not None
    held.release(NOW)
    assert held.to_ask
    for state, reach in cases.REACH.items():
        assert reach().margin_known(ACT, 9, NOW) is None, state
    withdrawn = answered(asked())
    withdrawn.withdraw(by=CITIZEN, now=NOW)
    assert withdrawn.margin_known(ACT, 9, NOW) is None


@pytest.mark.parametrize("document", FROM_THE_REGISTER)
def test_nobody_approves_a_document_of_a_margin_that_nobody_knows(document: str) -> None:
    allowed = catalogue().document(document).capacities
    made = replace(answered(asked()), document=document, capacity=allowed[0] if allowed else "self")
    assert "approve" not in made.actions(OFFICER)
    assert {"preview", "refuse"} <= set(made.actions(OFFICER)), "the officer may look, and refuse"
    with pytest.raises(Conflict, match="margin_unknown"):
        made.approve(by=OFFICER, now=NOW)
    with pytest.raises(Forbidden):
        made.approve(by=CITIZEN, now=NOW)
    made.refuse(RefusalGround.NOT_THE_ACT, by=OFFICER, now=NOW)
    with pytest.raises(Conflict, match="action_not_permitted"):  # it does not go on by itself
        made.approve(by=OFFICER, now=NOW)


async def test_whom_an_officer_has_seen_is_the_holder_from_then_on(
    api: Api, register: Api, world: World, taken: str
) -> None:
    await register.post(f"/v1/acts/{taken}/margin-check", CLERK, json={})
    request = await submitted(api, act=MOHAMED)
    await world.settle()
    assert (await shown(api, request))["control"] == "not_linked"
    seen = {"account": "citizen", "identity": "national_card"}
    linked = await register.post(f"/v1/acts/{taken}/holder", CLERK, json=seen)
    assert linked.status_code == 200, linked.text
    again = await submitted(api, act=MOHAMED)
    await world.settle()
    assert (await shown(api, again))["state"] == "issued", "by itself"
