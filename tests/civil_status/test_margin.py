"""Acts taken over by a file come without their margins: who has looked at the paper says that it is whole."""

from pathlib import Path
from typing import Any, Final

import pytest

from services.civil_status.domain.taken_over import place_id
from services.civil_status.take_over import take_over
from services.civil_status.take_over.reading import digest, opened
from shared.auth import Actor
from shared.sealing import KeyFiles
from tests.civil_status.conftest import Happened
from tests.civil_status.filed import OFFICE, WHY, an_act, marriage
from tests.civil_status.files import line, written
from tests.civil_status.test_consumers import asked, keys
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

__all__ = ["keys"]

OFFICER: Final = "civil_status_officer"
MOHAMED: Final = {"kind": "birth", "given": "Mohamed", "event_on": "1987-03-02"}
IDENTIFIER: Final = "00000000195"


@pytest.fixture
async def taken(civil_status: ServiceDatabase, tmp_path: Path) -> str:
    """An act of 1987, from a file."""
    path = written(tmp_path / "acts.csv", [line(1, identifier=IDENTIFIER)])
    await take_over(civil_status.worker, opened(path), digest(path), Actor(subject="operator-1"), limit=1000)
    return place_id(OFFICE, 1987, "birth", 1)


async def confirmed(api: Api, act: str, persona: str = OFFICER) -> tuple[int, dict[str, Any]]:
    answer = await api.post(f"/v1/acts/{act}/margin-check", persona, json={})
    return answer.status_code, answer.json()


async def test_the_window_is_told_that_the_margin_was_not_looked_at(
    api: Api, civil_status: ServiceDatabase, keys: KeyFiles, taken: str, happened: Happened
) -> None:
    outcome, said = await asked(civil_status, keys, MOHAMED)
    assert (outcome, said["act"], said["margin_known"]) == ("found", taken, False)
    shown = (await api.get(f"/v1/acts/{taken}", OFFICER, headers=WHY)).json()
    assert shown["margin_known"] is False
    assert "confirm_margin" in shown["actions"]

    waiting = (await api.get("/v1/margins", OFFICER)).json()["items"]
    assert [(one["act"], one["reference"]) for one in waiting] == [(taken, f"1/1987/{OFFICE}")]
    noted = await api.post(f"/v1/acts/{taken}/mentions", OFFICER, json=marriage("12/2009", "2009-05-02"))
    assert noted.status_code == 200, noted.text
    assert (await asked(civil_status, keys, MOHAMED))[1]["margin_known"] is False, "one mention is not all"

    assert (await confirmed(api, taken, "agent"))[0] == 403
    status, act = await confirmed(api, taken)
    assert (status, act["margin_known"], act["version"]) == (200, True, 2)
    assert "confirm_margin" not in act["actions"]
    assert await happened(taken) == ["mention_added", "margin_confirmed"]
    outcome, said = await asked(civil_status, keys, MOHAMED)
    assert (said["margin_known"], said["act_version"]) == (True, 2)
    assert (await api.get("/v1/margins", OFFICER)).json()["items"] == []
    again = await confirmed(api, taken)
    assert (again[0], again[1]["code"]) == (409, "margin_known")


async def test_an_act_that_was_drawn_up_here_has_its_margin(
    api: Api, civil_status: ServiceDatabase, keys: KeyFiles
) -> None:
    act = await an_act(api)
    outcome, said = await asked(
        civil_status, keys, {"kind": "birth", "given": "ياسين", "event_on": "2026-11-01"}
    )
    assert (outcome, said["margin_known"]) == ("found", True)
    assert (await confirmed(api, str(act)))[1]["code"] == "margin_known"
    assert (await api.get("/v1/margins", OFFICER)).json()["items"] == []


async def test_offices_see_what_waits_with_them_alone(
    api: Api, civil_status: ServiceDatabase, keys: KeyFiles, taken: str
) -> None:
    await asked(civil_status, keys, MOHAMED)
    assert (await api.get("/v1/margins", OFFICER, commune="06.371.01.01")).json()["items"] == []
    elsewhere = await api.post(f"/v1/acts/{taken}/margin-check", OFFICER, json={}, commune="06.371.01.01")
    assert elsewhere.status_code == 404
