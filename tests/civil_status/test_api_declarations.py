"""From an announcement to an act: the family, the hospital, the counter, the clock and the officer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.civil_status.conftest import Happened, Says
from tests.civil_status.filed import (
    OFFICE,
    WHY,
    announced,
    certificate,
    declared,
)
from tests.support.http import Api

SOON = timedelta(days=20)


async def completed(api: Api, says: Says, found: dict[str, Any], **changes: Any) -> Any:
    await says("declaration", found["id"], "started", answer_by=datetime.now(UTC) + SOON)
    proof = await certificate(api, "agent")
    return await api.post(
        f"/v1/declarations/{found['id']}/completion", "agent", json=declared(proof, **changes)
    )


@pytest.mark.parametrize(
    ("persona", "channel"),
    [("citizen", "family"), ("health_facility", "hospital"), ("agent", "counter")],
)
async def test_a_birth_announced_is_completed_and_registered(
    api: Api, happened: Happened, clock_says: Says, persona: str, channel: str
) -> None:
    found = await announced(api, persona)
    assert (found["channel"], found["state"]) == (channel, "announced")
    answer = await completed(api, clock_says, found)
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "completed"
    act = await api.post(f"/v1/declarations/{found['id']}/act", "civil_status_officer", json={})
    assert act.status_code == 201, act.text
    assert act.json()["origin"] == "declaration"
    assert len(act.json()["identifier"]) == 11
    assert await happened(found["id"]) == ["opened", "deadline_known", "completed", "registered"]
    own = await api.get(f"/v1/acts/{act.json()['id']}", "citizen", headers=WHY)
    assert own.status_code == 404, "nobody has said that the declarant is who announced it"


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("by", ["completion", "judgment"])
async def test_an_act_is_of_the_parent_whom_the_office_has_seen_to_be_who_announced_it(
    api: Api, clock_says: Says, by: str, *, same: bool
) -> None:
    """Whoever can write a form is no party to the act of another family."""
    declarant = declared("")["blocks"]["declarant"] | {"relation": "father"}
    found = await announced(api, "citizen", declarant=declarant)
    path = f"/v1/declarations/{found['id']}"
    if by == "completion":
        await completed(api, clock_says, found, announced_by_declarant=same)
        act = await api.post(f"{path}/act", "civil_status_officer", json={})
    else:
        order = {"judgment": "TPI 77/2026", "announced_by_declarant": same}
        act = await api.post(f"{path}/judgment", "civil_status_officer", json=order)
    assert act.status_code == 201, act.text
    own = await api.get(f"/v1/acts/{act.json()['id']}", "citizen", headers=WHY)
    assert own.status_code == (200 if same else 404)


async def test_the_date_must_be_known_first(api: Api) -> None:
    found = await announced(api, "citizen")
    proof = await certificate(api, "agent")
    answer = await api.post(f"/v1/declarations/{found['id']}/completion", "agent", json=declared(proof))
    assert (answer.status_code, answer.json()["code"], answer.json()["retry"]) == (409, "clock_unknown", True)


async def test_a_late_declaration_takes_a_judgment(api: Api, happened: Happened, clock_says: Says) -> None:
    found = await announced(api, "citizen")
    passed = datetime.now(UTC) - timedelta(hours=1)
    await clock_says("declaration", found["id"], "started", answer_by=passed)
    proof = await certificate(api, "agent")
    path = f"/v1/declarations/{found['id']}"
    tried = await api.post(f"{path}/completion", "agent", json=declared(proof))
    assert (tried.status_code, tried.json()["code"]) == (409, "declaration_late")
    await clock_says("declaration", found["id"], "elapsed", answer_by=passed)
    tried = await api.post(f"{path}/completion", "agent", json=declared(proof))
    assert (tried.status_code, tried.json()["code"]) == (409, "action_not_permitted")
    act = await api.post(f"{path}/judgment", "civil_status_officer", json={"judgment": "TPI 77/2026"})
    assert act.status_code == 201, act.text
    assert (act.json()["origin"], act.json()["judgment"]) == ("judgment", "TPI 77/2026")
    assert (await happened(found["id"]))[-2:] == ["became_late", "registered"]


async def test_what_resembles_an_act_waits_for_a_person(
    api: Api, happened: Happened, clock_says: Says
) -> None:
    first = await announced(api, "citizen")
    await completed(api, clock_says, first)
    await api.post(f"/v1/declarations/{first['id']}/act", "civil_status_officer", json={})
    twin = await announced(api, "citizen2")
    answer = await completed(api, clock_says, twin)
    assert answer.json()["state"] == "suspected"
    assert answer.json()["suspects"] == [f"1/{datetime.now(UTC).year}/{OFFICE}"]
    path = f"/v1/declarations/{twin['id']}"
    early = await api.post(f"{path}/act", "civil_status_officer", json={})
    assert early.json()["code"] == "action_not_permitted"
    looked = await api.post(f"{path}/distinction", "civil_status_officer", json={})
    assert looked.json()["state"] == "completed"
    act = await api.post(f"{path}/act", "civil_status_officer", json={})
    assert act.json()["number"] == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"relation": "spouse"}, "not_a_declarant"),
        ({"relation": None}, "declarant_missing"),
        ({"annexed": []}, "proof_missing"),
        ({"annexed": ["0" * 64]}, "file_unknown"),
        ({"on": "2026-11-02"}, "event_changed"),
    ],
)
async def test_what_a_counter_does_not_accept(
    api: Api, clock_says: Says, change: dict[str, Any], code: str
) -> None:
    answer = await completed(api, clock_says, await announced(api, "citizen"), **change)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_list_names_nobody_and_is_written_down(api: Api, happened: Happened) -> None:
    found = await announced(api, "citizen")
    listed = await api.get("/v1/declarations", "agent", headers=WHY)
    assert [one["id"] for one in listed.json()["items"]] == [found["id"]]
    assert "ياسين" not in listed.text
    assert await happened("agent") == ["read"]
    assert (await api.get("/v1/declarations", "citizen2", headers=WHY)).json()["items"] == []


async def test_an_unclaimed_death_is_the_offices_to_register(
    api: Api, happened: Happened, clock_says: Says
) -> None:
    found = await announced(api, "health_facility", kind="death", unclaimed=True)
    passed = datetime.now(UTC) - timedelta(hours=1)
    rule = "civil_status.unclaimed_death"
    await clock_says("declaration", found["id"], "started", rule=rule, answer_by=passed)
    await clock_says("declaration", found["id"], "elapsed", rule=rule, answer_by=passed)
    proof = await certificate(api, "agent")
    path = f"/v1/declarations/{found['id']}"
    done = await api.post(f"{path}/completion", "agent", json=declared(proof, relation=None))
    assert (done.status_code, done.json()["state"]) == (200, "completed"), done.text
    assert done.json()["overdue_since"] is not None
    assert (await happened(found["id"]))[-2:] == ["office_overdue", "completed"]
