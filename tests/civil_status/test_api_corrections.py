"""Material errors: asked by whose act it is, decided by the central authority, put right in the margin."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.civil_status.conftest import Happened, Says
from tests.civil_status.filed import WHY, own_act
from tests.support.http import Api

ERROR = {"changes": {"father.given.latin": "Mohamed"}, "explanation": "Une lettre de trop"}


async def asked(api: Api, says: Says, persona: str = "citizen") -> tuple[str, dict[str, Any]]:
    act = await own_act(api, says)
    answer = await api.post(f"/v1/acts/{act}/corrections", persona, json=ERROR)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return act, found


async def test_accepted_it_is_a_mention_and_the_act_reads_otherwise(
    api: Api, happened: Happened, clock_says: Says
) -> None:
    act, found = await asked(api, clock_says)
    path = f"/v1/corrections/{found['id']}"
    assert found["actions"] == ["read_correction", "withdraw_correction"]
    done = await api.post(f"{path}/acceptance", "civil_status_authority", json={"reference": "DEC 12/2026"})
    assert (done.status_code, done.json()["state"]) == (200, "accepted"), done.text
    assert (await happened(act))[-1] == "mention_added"
    assert await happened(found["id"]) == ["requested", "accepted"]
    for output, reads in (("full_copy", "Mohamed"), ("extract", "Mohamed"), ("copy", "Mohammed")):
        said = await api.get(f"/v1/acts/{act}/outputs/{output}", "citizen", headers=WHY)
        assert said.json()["content"]["blocks"]["father"]["given"]["latin"] == reads
        assert said.json()["version"] == 2
    again = await api.post(f"{path}/acceptance", "civil_status_authority", json={"reference": "DEC 13/2026"})
    assert again.json()["code"] == "action_not_permitted"


async def test_rejected_withdrawn_or_forgotten_it_changes_nothing(
    api: Api, happened: Happened, clock_says: Says
) -> None:
    act, found = await asked(api, clock_says)
    path = f"/v1/corrections/{found['id']}"
    passed = datetime.now(UTC) - timedelta(hours=1)
    rule = "civil_status.correction"
    await clock_says("correction", found["id"], "started", rule=rule, answer_by=passed)
    await clock_says("correction", found["id"], "elapsed", rule=rule, answer_by=passed)
    await clock_says("correction", found["id"], "elapsed", rule=rule, answer_by=passed)
    seen = await api.get(path, "civil_status_authority", headers=WHY)
    assert (seen.json()["state"], seen.json()["overdue_since"] is not None) == ("requested", True)
    done = await api.post(f"{path}/rejection", "civil_status_authority", json={"ground": "substantial"})
    assert done.json()["state"] == "rejected"
    assert await happened(found["id"]) == ["requested", "deadline_known", "overdue", "rejected"]
    other = (await api.post(f"/v1/acts/{act}/corrections", "agent", json=ERROR)).json()
    gone = await api.post(f"/v1/corrections/{other['id']}/withdrawal", "agent", json={})
    assert gone.json()["state"] == "withdrawn"
    assert "mention_added" not in await happened(act)


@pytest.mark.parametrize(
    ("persona", "commune", "status"),
    [("citizen2", None, 404), ("agent", "06.371.01.01", 404), ("court_clerk", None, 403)],
)
async def test_it_is_asked_by_whose_act_it_is(
    api: Api, clock_says: Says, persona: str, commune: str | None, status: int
) -> None:
    act = await own_act(api, clock_says)
    answer = await api.post(f"/v1/acts/{act}/corrections", persona, commune=commune, json=ERROR)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"identifier": "12345678901"}, "field_not_changeable"),
        ({"father.given.latin": "محمد"}, "name_characters"),
        ({"event.on": "31/12/2026"}, "date_malformed"),
        ({"subject.sex": "x"}, "sex_unknown"),
    ],
)
async def test_what_no_mention_may_say(
    api: Api, clock_says: Says, changes: dict[str, str], code: str
) -> None:
    act = await own_act(api, clock_says)
    answer = await api.post(f"/v1/acts/{act}/corrections", "citizen", json=ERROR | {"changes": changes})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_the_queue_is_the_authoritys_the_offices_and_ones_own(api: Api, clock_says: Says) -> None:
    _, found = await asked(api, clock_says)
    seen = {
        who: [one["id"] for one in (await api.get("/v1/corrections", who, headers=WHY)).json()["items"]]
        for who in ("civil_status_authority", "agent", "citizen", "citizen2")
    }
    mine = [found["id"]]
    assert seen == {"civil_status_authority": mine, "agent": mine, "citizen": mine, "citizen2": []}
