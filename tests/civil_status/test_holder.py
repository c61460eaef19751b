"""Whose an act of birth is: an officer has seen the person and their card, and says which account it is."""

from typing import Any, Final

import httpx
import pytest

from tests.civil_status.conftest import Happened, Says
from tests.civil_status.filed import WHY, an_act, own_act
from tests.support.http import Api

OFFICER: Final = "civil_status_officer"
CARD: Final = {"account": "citizen", "identity": "national_card"}


async def linked(api: Api, act: object, persona: str = OFFICER, **said: Any) -> httpx.Response:
    return await api.post(f"/v1/acts/{act}/holder", persona, json=CARD | said)


async def test_the_holder_reads_what_nobody_declared_for_them(api: Api, happened: Happened) -> None:
    act = await an_act(api)
    assert (await api.get(f"/v1/acts/{act}", "citizen", headers=WHY)).status_code == 404
    answer = await linked(api, act)
    assert (answer.status_code, answer.json()["holder_known"]) == (200, True), answer.text
    assert (await api.get(f"/v1/acts/{act}", "citizen", headers=WHY)).status_code == 200
    assert await happened(str(act)) == ["registered", "holder_linked"]

    second = await linked(api, act, account="citizen2")
    assert (second.status_code, second.json()["code"]) == (409, "holder_known")
    gone = await linked(api, act, account=None, identity=None)
    assert (gone.status_code, gone.json()["holder_known"]) == (200, False)
    assert (await api.get(f"/v1/acts/{act}", "citizen", headers=WHY)).status_code == 404
    assert (await happened(str(act)))[-1] == "holder_unlinked"
    nobody = await linked(api, act, account=None, identity=None)
    assert (nobody.status_code, nobody.json()["code"]) == (409, "holder_unknown")


@pytest.mark.parametrize(
    ("persona", "said", "status", "code"),
    [
        ("agent", {}, 403, "role_not_allowed"),
        ("citizen", {}, 403, "role_not_allowed"),
        (OFFICER, {"account": OFFICER}, 403, "own_act"),
        (OFFICER, {"identity": None}, 422, "identity_missing"),
    ],
)
async def test_who_is_linked_was_seen_by_an_officer_who_is_somebody_else(
    api: Api, persona: str, said: dict[str, Any], status: int, code: str
) -> None:
    refused = await linked(api, await an_act(api), persona, **said)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_a_parent_is_not_the_child_and_the_dead_have_no_account(api: Api, clock_says: Says) -> None:
    parent = await linked(api, await own_act(api, clock_says))
    assert (parent.status_code, parent.json()["code"]) == (409, "party_already")
    death = await linked(api, await an_act(api, "death"))
    assert (death.status_code, death.json()["code"]) == (422, "not_a_birth")
    dead = await an_act(api)
    note = {"kind": "death", "reference": "7/2026", "on": "2026-11-20"}
    await api.post(f"/v1/acts/{dead}/mentions", OFFICER, json=note)
    assert (await linked(api, dead)).json()["code"] == "already_dead"
