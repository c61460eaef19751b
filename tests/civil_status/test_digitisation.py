"""One volume, from its pages to the register: three pages, six acts, two keyings each."""

import json

from sqlalchemy import text

from services.civil_status.domain.digitisation.rules import drawn
from tests.civil_status.conftest import Happened
from tests.civil_status.filed import OFFICE, WHY
from tests.civil_status.paper import NAMES, YEAR, Volume, keyed, opened, png
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

MARRIED = {
    "kind": "marriage",
    "reference": "14/1985",
    "on": "1985-07-02",
    "spouse": {"given": {"ar": "سعيد"}},
}


async def progress(api: Api) -> dict[str, int]:
    answer = await api.get("/v1/digitisation/progress", "governor")
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["share"] == shown["done"] / 55_000_000
    return {"done": shown["done"], **shown["acts"]}


async def a_volume(api: Api) -> Volume:
    volume = await opened(api, 6)
    for page in (1, 2, 3):
        answer = await volume.scan(page)
        assert answer.status_code == 201, answer.text
    await volume.list_acts({1: [1], 2: [1], 3: [1, 2], 4: [2], 5: [3], 6: [3]})
    return volume


async def test_a_volume_becomes_acts_of_the_register(
    api: Api, happened: Happened, civil_status: ServiceDatabase
) -> None:
    volume = await a_volume(api)
    assert (await progress(api))["waiting"] == 6

    # Two people key each act; of the fifth they read the name differently.
    for number in range(1, 7):
        margin = [MARRIED] if number == 3 else []
        once = await volume.key(number, 1, latin="Houda" if number == 4 else None, margin=margin)
        assert (once["state"], once["keyings"], once["settled"]) == ("keyed_once", None, None)
        latin = {4: "Hoda"}.get(number)
        await volume.key(number, 2, latin=latin, margin=margin)
    found = await volume.look(4, "adjudicator")
    assert (found["state"], found["differing"]) == ("differing", ["subject.given.latin"])
    assert [one["operator"] for one in found["keyings"]] == ["keying_operator1", "keying_operator2"]

    # A sample waits for the adjudication.
    early = await volume.does("sample", "quality_controller")
    assert (early.status_code, early.json()["code"]) == (409, "keying_unfinished")
    decided = await volume.step(4, "adjudication", "adjudicator", keyed(4, latin="Houda"))
    assert (decided.status_code, decided.json()["state"]) == (200, "settled"), decided.text

    # Nothing enters the register before the sample is accepted.
    tried = await volume.does("registration", "civil_status_officer")
    assert tried.json() == {"registered": [], "suspected": [], "left": 0}
    accepted = await volume.accepted()
    assert accepted["state"] == "accepted"
    lot = accepted["lot"]
    assert (lot["numbers"], lot["defective"], lot["accepted"]) == ([1, 2, 3, 4, 5, 6], 0, True)
    assert lot["sample"] == list(drawn(lot["seed"], lot["numbers"], 13)), "anybody can draw it again"

    # In two goes; asked a third time, nothing is entered twice.
    first = (await volume.does("registration", "civil_status_officer", {"most": 4})).json()
    assert ([one["number"] for one in first["registered"]], first["left"]) == ([1, 2, 3, 4], 2)
    second = (await volume.does("registration", "civil_status_officer")).json()
    assert [one["number"] for one in second["registered"]] == [5, 6]
    again = (await volume.does("registration", "civil_status_officer")).json()
    assert again == {"registered": [], "suspected": [], "left": 0}
    assert await progress(api) | {"done": 6, "registered": 6} == await progress(api)

    # An act of paper is an act as any other.
    entered = {one["number"]: one["act"] for one in first["registered"]}
    act = (await api.get(f"/v1/acts/{entered[3]}", "civil_status_officer", headers=WHY)).json()
    assert (act["number"], act["year"], act["office"], act["origin"]) == (3, YEAR, OFFICE, "digitised")
    assert (act["mentions"], act["version"], act["reference"]) == (1, 2, f"3/{YEAR}/{OFFICE}")
    assert len(act["blocks"]["annexed"]) == 2, "the images of its pages"
    assert len(act["identifier"]) == 11
    assert await happened(entered[3]) == ["registered", "mention_added"]
    copy = await api.get(f"/v1/acts/{entered[4]}/outputs/copy", "agent", headers=WHY)
    assert copy.json()["content"]["blocks"]["subject"]["given"]["latin"] == "Houda"
    found_by_number = await api.post(
        "/v1/lookups",
        "agent",
        json={"office": OFFICE, "year": YEAR, "kind": "birth", "number": 4},
        headers=WHY,
    )
    assert [one["id"] for one in found_by_number.json()["items"]] == [entered[4]]
    assert await happened(volume.ids[4]) == ["listed", "keyed", "keyed", "adjudicated", "registered"]

    # No name is in any event, nor in the log of reads.
    async with civil_status.worker.transaction() as tx:
        rows = await tx.execute(text("SELECT payload FROM msg.event_log"))
        said = " ".join(json.dumps(json.loads(row.payload), ensure_ascii=False) for row in rows)
    assert not [name for name in (*NAMES, "Houda", "Hoda", "سعيد") if name in said]


async def test_who_did_how_much(api: Api) -> None:
    volume = await a_volume(api)
    for number in range(1, 7):
        await volume.key(number, 1, latin="Houda" if number == 4 else None)
        await volume.key(number, 2, latin="Hoda" if number == 4 else None)
    await volume.step(4, "adjudication", "adjudicator", keyed(4, latin="Houda"))
    await volume.accepted()
    answer = await api.get("/v1/digitisation/throughput", "civil_status_officer")
    did = {one["operator"]: one for one in answer.json()["items"]}
    assert {who: (one["scanned"], one["keyed"], one["errors"]) for who, one in did.items()} == {
        "adjudicator": (0, 0, 0),
        "keying_operator": (3, 0, 0),
        "keying_operator1": (0, 6, 0),
        "keying_operator2": (0, 6, 1),
        "quality_controller": (0, 0, 0),
    }
    assert (did["adjudicator"]["adjudicated"], did["quality_controller"]["checked"]) == (1, 6)
    assert 0 < did["keying_operator2"]["error_rate"] < 0.1
    own = await api.get("/v1/digitisation/throughput", "keying_operator2")
    assert [one["operator"] for one in own.json()["items"]] == ["keying_operator2"]
    elsewhere = await api.get("/v1/digitisation/throughput", "civil_status_officer", commune="06.371.01.01")
    assert elsewhere.json()["items"] == []
    offices = await api.get("/v1/digitisation/offices", "auditor")
    assert [(one["office"], one["expected"], one["pages"]) for one in offices.json()["items"]] == [
        (OFFICE, 6, 3)
    ]


async def test_a_page_is_looked_at_and_the_look_is_written_down(api: Api, happened: Happened) -> None:
    volume = await a_volume(api)
    path = f"{volume.path}/pages/2/image"
    silent = await api.get(path, "keying_operator")
    assert (silent.status_code, silent.json()["code"]) == (400, "access_purpose_missing")
    seen = await api.get(path, "keying_operator", headers=WHY)
    assert (seen.status_code, seen.content) == (200, png(2))
    assert seen.headers["content-disposition"].startswith("attachment")
    assert await happened("keying_operator") == ["read"]
    for persona, commune, status in (
        ("keying_operator", "06.371.01.01", 404),
        ("agent", None, 403),
        ("citizen", None, 403),
    ):
        refused = await api.get(path, persona, commune=commune, headers=WHY)
        assert refused.status_code == status, persona
