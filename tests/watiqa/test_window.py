"""From a request at the portal to a sealed page that verifies, over both services' databases."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from services.civil_status.consumers.matching import answer_once
from shared.territory import territory
from tests.civil_status.conftest import Says
from tests.civil_status.filed import OFFICE, WHY, an_act, marriage, own_act, person
from tests.documents.conftest import pdfsig
from tests.support.http import Api
from tests.watiqa.conftest import Happened, World
from tests.watiqa.filed import (
    ADDRESS,
    BORN,
    ELSEWHERE,
    SECRETS,
    asked,
    documents,
    downloaded,
    noted,
    paper,
    problem,
    shown,
    step,
    submitted,
    verified,
)


async def test_its_holder_asks_and_downloads_what_verifies(
    api: Api,
    register: Api,
    register_clock_says: Says,
    world: World,
    happened: Happened,
    tmp_path: Path,
) -> None:
    act = await own_act(register, register_clock_says)
    request = await submitted(api)
    assert (await shown(api, request))["state"] == "matching"
    await world.settle()
    found = await shown(api, request)
    assert found["state"] == "issued", found
    assert found["actions"] == ["read", "reissue"]
    assert await happened(request) == [
        *("submitted", "matching_begun", "matching_asked", "matched", "paper_ordered", "issued")
    ]
    (document,) = await documents(api, request)
    assert (document["kind"], document["state"]) == ("birth_extract", "issued")
    pdf = await downloaded(api, document)
    (tmp_path / "extract.pdf").write_bytes(pdf)
    assert "Signature is Valid" in pdfsig(tmp_path / "extract.pdf")
    said = await verified(api, pdf)
    assert (said["verdict"], said["kind"]) == ("valid", "birth_extract")
    assert said["names"]["ar"] == "ياسين العلمي"
    content = json.loads(said["content"])
    assert content["holder"]["fr"] == "Yassine Alami"
    assert [one["value"] for one in content["fields"] if one["label"]["fr"] == "Mère"] == [
        {"ar": "فاطمة العلمي", "fr": "Fatima Alami"}
    ]
    told = b"".join(envelope.data for envelope in world.delivered).decode()
    assert [secret for secret in SECRETS if secret in told] == [], "no event says who anybody is"
    assert not list(world.keys.directory.iterdir()), "the key of the answer is gone"
    assert act in told


async def test_a_divorce_after_the_issue_supersedes_and_a_new_issue_says_it(
    api: Api, register: Api, register_clock_says: Says, world: World
) -> None:
    act = await own_act(register, register_clock_says)
    request = await submitted(api, document="birth_full_copy")
    await world.settle()
    (first,) = await documents(api, request)
    before = await downloaded(api, first)
    same = await step(api, request, "reissue", "citizen")
    assert (same["state"], same["version"]) == ("issued", (await shown(api, request))["version"])

    await noted(register, act, marriage())
    await noted(register, act, marriage("9/2026") | {"kind": "dissolution"})
    await world.settle()
    found = await shown(api, request)
    assert (found["state"], found["actions"]) == ("superseded", ["read", "reissue"])
    assert (await verified(api, before))["verdict"] == "superseded"
    withdrawn = (await api.get("/v1/withdrawn-documents")).json()["withdrawn"]
    assert [one["id"] for one in withdrawn] == [first["id"]]

    await step(api, request, "reissue", "citizen")
    await world.settle()
    old, new = await documents(api, request)
    assert (old["state"], new["state"]) == ("superseded", "issued")
    said = await verified(api, await downloaded(api, new))
    assert said["verdict"] == "valid"
    assert [one["fr"].split()[0] for one in json.loads(said["content"])["mentions"]] == [
        "Marié(e)",
        "Mariage",
    ]

    judged = {"judgment": "TPI 6/2026", "judged_on": "2026-11-20"}
    annulled = await register.post(f"/v1/acts/{act}/annulment", "court_clerk", json=judged)
    assert annulled.status_code == 200, annulled.text
    await world.settle()
    assert (await shown(api, request))["revoked_for"] == "act_annulled"
    assert (await verified(api, await downloaded(api, new)))["verdict"] == "revoked"


async def test_a_mention_that_overtakes_the_answer_is_in_what_is_issued(
    api: Api, register: Api, register_clock_says: Says, world: World, happened: Happened
) -> None:
    """The register answered, the act changed, and the window heard of the change first."""
    act = await own_act(register, register_clock_says)
    request = await submitted(api, document="birth_full_copy")
    world.answering = False
    await world.settle()
    assert await answer_once(world.civil_status.worker, world.register_keys)
    await noted(register, act, marriage())
    world.answering = world.backwards = True
    await world.settle()
    assert await happened(request) == [
        *("submitted", "matching_begun", "matching_asked", "overtaken", "matching_asked", "matched"),
        *("paper_ordered", "issued"),
    ]
    (document,) = await documents(api, request)
    content = json.loads((await verified(api, await downloaded(api, document)))["content"])
    assert len(content["mentions"]) == 1


async def test_what_is_not_found_is_said_more_exactly(
    api: Api, register: Api, register_clock_says: Says, world: World, happened: Happened
) -> None:
    request = await submitted(api, act={"given": "ياسين", "event_on": "2026-11-19"})
    await world.settle()
    found = await shown(api, request)
    assert (found["state"], found["actions"]) == ("not_found", ["clarify", "read", "withdraw"])
    assert "register" in found["message"]["en"]
    assert set(found["next_step"]) == {"ar", "fr", "en"}
    await own_act(register, register_clock_says)
    await an_act(register, on=BORN)
    await step(api, request, "clarification", "citizen", {"act": {"given": "ياسين", "event_on": BORN}})
    await world.settle()
    assert (await shown(api, request))["state"] == "ambiguous", "two children of that name, that day"
    numbered = {"given": "ياسين", "office": OFFICE, "year": datetime.now(UTC).year, "number": 1}
    await step(api, request, "clarification", "citizen", {"act": numbered})
    await world.settle()
    assert (await shown(api, request))["state"] == "issued"
    assert await happened(request) == [
        *("submitted", "matching_begun", "matching_asked", "match_missing", "clarified"),
        *("matching_asked", "match_ambiguous", "clarified", "matching_asked", "matched"),
        *("paper_ordered", "issued"),
    ]


async def test_an_extract_of_somebody_else_waits_for_an_officer_who_compares(
    api: Api, register: Api, register_clock_says: Says, world: World, happened: Happened
) -> None:
    await own_act(register, register_clock_says, "citizen")
    request = await submitted(api, "citizen2")
    await world.settle()
    waiting = await shown(api, request, "citizen2")
    assert (waiting["state"], waiting["control"], waiting["proofs_missing"]) == (
        *("under_control", "not_linked"),
        ["identity"],
    )
    assert (await api.get(f"/v1/requests/{request}", "citizen")).status_code == 404
    path = f"/v1/requests/{request}"
    officer = "civil_status_officer"
    assert (await api.get(f"{path}/preview", "citizen2", headers=WHY)).status_code == 403
    assert problem(await api.get(f"{path}/preview", officer)) == (400, "access_purpose_missing")
    seen = await api.get(f"{path}/preview", officer, headers=WHY)
    assert seen.json()["content"]["blocks"]["mother"]["given"]["ar"] == "فاطمة"
    assert await happened(officer) == ["read"], "the register of reads has it"
    assert problem(await api.post(f"{path}/approval", officer, json={})) == (422, "proof_missing")
    stolen = {"proof": "identity", "file": "0" * 64}
    assert problem(await api.post(f"{path}/proofs", "citizen2", json=stolen)) == (422, "file_unknown")
    proof = await paper(api, "citizen2")
    await step(api, request, "proofs", "citizen2", {"proof": "identity", "file": proof})
    assert (await api.get(f"{path}/contents/{proof}", officer)).content.endswith(b"citizen2")
    await step(api, request, "approval", officer)
    await world.settle()
    assert (await shown(api, request, "citizen2"))["state"] == "issued"
    elsewhere = await api.get(path, officer, commune="06.371.01.01")
    assert elsewhere.status_code == 404


async def test_at_a_counter_an_agent_files_for_the_person_and_hands_it_over(
    api: Api, register: Api, register_clock_says: Says, world: World
) -> None:
    await own_act(register, register_clock_says)
    counter = {"counter": {"identity": "national_card"}, "delivery": "counter"}
    request = await submitted(api, "agent", **counter)
    assert (await api.get(f"/v1/requests/{request}", "citizen")).status_code == 404
    await world.settle()
    assert (await shown(api, request, "agent"))["state"] == "issued"
    (document,) = await documents(api, request, "agent")
    assert (await verified(api, await downloaded(api, document, "agent")))["verdict"] == "valid"
    assert (await step(api, request, "hand-over", "agent"))["state"] == "delivered"
    await step(api, request, "revocation", "civil_status_officer")
    await world.settle()
    assert (await verified(api, await downloaded(api, document, "agent")))["verdict"] == "revoked"


async def test_a_closed_office_sends_people_to_another_which_issues_the_same(
    api: Api, register: Api, register_clock_says: Says, world: World
) -> None:
    await own_act(register, register_clock_says)
    waiting = await submitted(api, "citizen2")
    await world.settle()
    officer = "civil_status_officer"
    closed = await api.post(f"/v1/offices/{OFFICE}/closure", officer, json={"reason": "works"})
    assert closed.status_code == 200, closed.text
    again = await api.post(f"/v1/offices/{OFFICE}/closure", officer, json={"reason": "works"})
    assert problem(again) == (409, "office_closed")
    assert [one["code"] for one in (await api.get("/v1/offices/closed")).json()["items"]] == [OFFICE]
    await world.settle()
    assert (await shown(api, waiting, "citizen2"))["state"] == "office_closed"
    request = await submitted(api)
    found = await shown(api, request)
    assert (found["state"], found["actions"]) == ("office_closed", ["read", "redirect", "withdraw"])
    here = await api.post(f"/v1/requests/{request}/redirection", "citizen", json={"office": OFFICE})
    assert problem(here) == (409, "office_closed")
    await step(api, request, "redirection", "citizen", {"office": ELSEWHERE})
    await world.settle()
    (document,) = await documents(api, request)
    content = json.loads((await verified(api, await downloaded(api, document)))["content"])
    assert content["issuer"][3]["fr"] == f"Commune : {territory().get('06.371.01.01').name_fr}"
    await api.post(f"/v1/offices/{OFFICE}/reopening", officer, json={})
    await world.settle()
    assert (await shown(api, waiting, "citizen2"))["state"] == "under_control"


async def test_who_is_on_no_list_waits_for_the_central_authority(
    api: Api, register: Api, register_clock_says: Says, world: World, clock_says: Says
) -> None:
    await own_act(register, register_clock_says)
    proof = await paper(api, "citizen2")
    proofs = {"identity": proof, "interest": proof}
    request = await submitted(api, "citizen2", capacity="other", proofs=proofs)
    due = datetime.now(UTC) + timedelta(days=60)
    await clock_says(request, "started", due)
    found = await shown(api, request, "citizen2")
    assert (found["state"], found["clock"]["rule"]) == ("awaiting_authorisation", "watiqa.authorisation")
    await clock_says(request, "elapsed", due)
    assert (await shown(api, request, "citizen2"))["overdue_since"]
    authority = "civil_status_authority"
    wrong = await api.post(f"/v1/requests/{request}/authorisation", "civil_status_officer", json={})
    assert wrong.status_code == 403
    assert (await step(api, request, "authorisation", authority))["state"] == "matching"
    await world.settle()
    assert (await shown(api, request, "citizen2"))["state"] == "under_control"
    await step(api, request, "approval", "civil_status_officer")
    await world.settle()
    assert (await shown(api, request, "citizen2"))["state"] == "issued"


async def test_a_key_that_is_gone_is_asked_for_again(
    api: Api, register: Api, register_clock_says: Says, world: World, happened: Happened
) -> None:
    await own_act(register, register_clock_says)
    await world.settle()
    request = await submitted(api)
    world.answering = False
    await world.settle()
    for kept in (world.register_keys, world.keys):
        for file in kept.directory.iterdir():
            file.unlink()  # both sides were restored elsewhere
    world.answering = True
    await world.settle()
    assert (await shown(api, request))["state"] == "issued"
    assert (await happened(request)).count("match_unreadable") >= 1


async def test_guessing_is_stopped(api: Api, register: Api, world: World) -> None:
    for number in range(1, 11):
        act = {"given": "ياسين", "office": OFFICE, "year": 1990, "number": number}
        await submitted(api, act=act)
        await world.settle()
    eleventh = await api.post("/v1/requests", "citizen", json=asked())
    assert problem(eleventh) == (429, "searches_suspended")
    assert (await api.post("/v1/requests", "citizen2", json=asked())).status_code == 201
    connection = await asyncpg.connect(world.watiqa.migrator_dsn)
    await connection.execute("UPDATE watiqa.missed SET day = day - 1")
    await connection.close()
    tomorrow = await api.post("/v1/requests", "citizen", json=asked())
    assert tomorrow.status_code == 201, "each day anew"


async def test_what_cannot_be_printed_and_who_is_dead_is_an_officers_to_look_at(
    api: Api, register: Api, world: World
) -> None:
    """A letter that the register takes and no font of ours draws; a certificate of life of the dead."""
    unprintable = {"given": {"ar": "ياسين", "latin": "Ya\u0237in"}, "family": None, "sex": "male"}
    await an_act(register, on=BORN, subject=unprintable)
    counter = {"counter": {"identity": "national_card"}, "delivery": "counter"}
    act = {"given": "ياسين", "event_on": BORN}
    request = await submitted(api, "agent", act=act, **counter)
    await world.settle()
    found = await shown(api, request, "agent")
    assert (found["state"], found["control"]) == ("under_control", "not_printable")

    dead = await an_act(register, on="2026-11-02")
    await noted(register, str(dead), {"kind": "death", "reference": "7/2026", "on": "2026-11-20"})
    life = await submitted(
        api, "agent", document="life_certificate", act={"given": "ياسين", "event_on": "2026-11-02"}, **counter
    )
    await world.settle()
    await step(api, life, "approval", "civil_status_officer")
    await world.settle()
    assert (await shown(api, life, "agent"))["control"] == "deceased"
    assert await documents(api, life, "agent") == []


async def test_the_catalogue_is_everybodys(api: Api) -> None:
    items = (await api.get("/v1/catalogue")).json()["items"]
    assert [one["code"] for one in items][:2] == ["birth_extract", "birth_full_copy"]
    post = next(way for way in items[0]["deliveries"] if way["delivery"] == "post")
    assert (post["fee"], post["confidence"]) == (2000, "P")
    assert len(items[0]["capacities"]) == 13


async def test_who_has_an_act_of_death_gets_no_certificate_of_life(
    api: Api, register: Api, world: World, happened: Happened
) -> None:
    """Entered in no margin yet: the register looks at acts of death too."""
    act = await an_act(register, on="2026-11-02")
    officer = "civil_status_officer"
    identifier = (await register.get(f"/v1/acts/{act}", officer, headers=WHY)).json()["identifier"]
    await an_act(register, "death", on=BORN, subject=person("ياسين", identifier=identifier))
    life = await submitted(
        api,
        "agent",
        document="life_certificate",
        act={"given": "ياسين", "event_on": "2026-11-02"},
        counter={"identity": "national_card"},
        delivery="counter",
    )
    await world.settle()
    seen = await api.get(f"/v1/requests/{life}/preview", officer, headers=WHY)
    assert seen.json()["content"]["deceased"] is True
    for _ in range(2):  # approved by mistake, and again
        await step(api, life, "approval", officer)
        await world.settle()
        found = await shown(api, life, "agent")
        assert (found["state"], found["control"]) == ("under_control", "deceased")
        assert "death" in found["message"]["en"]
    assert await documents(api, life, "agent") == []
    assert "issued" not in await happened(life)


@pytest.mark.parametrize(
    ("approved", "then"), [(True, ("superseded", None)), (False, ("under_control", "policy"))]
)
async def test_an_act_of_death_ends_a_certificate_of_life_before_any_margin_says_so(
    api: Api, register: Api, world: World, *, approved: bool, then: tuple[str, str | None]
) -> None:
    """Between the act of death and its mention may be weeks: what was issued is superseded, and what waits
    for an officer is asked again; an extract says nothing of a life, and stands.
    """
    officer = "civil_status_officer"
    counter = {"counter": {"identity": "national_card"}, "delivery": "counter"}
    act = await an_act(register, on="2026-11-02")
    identifier = (await register.get(f"/v1/acts/{act}", officer, headers=WHY)).json()["identifier"]
    known = {"given": "ياسين", "event_on": "2026-11-02"}
    life = await submitted(api, "agent", document="life_certificate", act=known, **counter)
    extract = await submitted(api, "agent", act=known, **counter)
    await world.settle()
    if approved:
        await step(api, life, "approval", officer)
        await world.settle()
        assert (await shown(api, life, "agent"))["state"] == "issued"
    await an_act(register, "death", on=BORN, subject=person("ياسين", identifier=identifier))
    await world.settle()
    found = await shown(api, life, "agent")
    assert (found["state"], found["control"]) == then
    assert (await shown(api, extract, "agent"))["state"] == "issued"
    if approved:
        (document,) = await documents(api, life, "agent")
        assert (await verified(api, await downloaded(api, document, "agent")))["verdict"] == "superseded"
    else:
        seen = await api.get(f"/v1/requests/{life}/preview", officer, headers=WHY)
        assert seen.json()["content"]["deceased"] is True


async def test_guessing_at_a_counter_is_stopped_seen_and_announced(
    api: Api, register: Api, world: World, happened: Happened
) -> None:
    counter = {"counter": {"identity": "national_card"}, "delivery": "counter"}
    act = {"given": "ياسين", "office": OFFICE, "year": 1990}
    request = await submitted(api, "agent", act=act | {"number": 1}, **counter)
    await world.settle()
    for number in range(2, 21):
        await step(api, request, "clarification", "agent", {"act": act | {"number": number}})
        await world.settle()
    assert (await happened("agent")).count("missed") == 20
    told = [json.loads(one.data) for one in world.delivered if one.type.endswith(".search.missed.v1")]
    assert [one["suspended"] for one in told] == [False] * 19 + [True]
    for what, body in (
        ("/v1/requests", asked() | counter),
        (f"/v1/requests/{request}/clarification", {"act": act | {"number": 99}}),
    ):
        assert problem(await api.post(what, "agent", json=body)) == (429, "searches_suspended")
    assert (await api.post("/v1/requests", "citizen", json=asked())).status_code == 201


async def test_what_waits_for_a_dispute_is_asked_again_when_it_is_decided(
    api: Api, register: Api, register_clock_says: Says, world: World, happened: Happened
) -> None:
    act = await own_act(register, register_clock_says)
    other = await an_act(register)
    flagged = await register.post(f"/v1/acts/{act}/duplicate", "agent", json={"other": str(other)})
    assert flagged.status_code == 200, flagged.text
    request = await submitted(api)
    await world.settle()
    assert (await shown(api, request))["state"] == "ambiguous"
    cleared = f"/v1/acts/{act}/duplicate/clearance"
    await register.post(cleared, "civil_status_officer", json={})
    await world.settle()
    assert (await shown(api, request))["state"] == "issued"
    assert await happened("citizen") == ["missed"], "once for what was asked"

    late = await submitted(api)
    world.answering = False
    await world.settle()
    await register.post(f"/v1/acts/{act}/duplicate", "agent", json={"other": str(other)})
    assert await answer_once(world.civil_status.worker, world.register_keys)
    await register.post(cleared, "civil_status_officer", json={})
    world.answering = world.backwards = True
    await world.settle()
    assert (await shown(api, late))["state"] == "issued", "decided before the answer was heard"


async def test_a_dispute_stops_what_is_not_issued_and_an_annulment_ends_the_wait(
    api: Api, register: Api, register_clock_says: Says, world: World, happened: Happened
) -> None:
    act = await own_act(register, register_clock_says)
    other = await an_act(register)
    request = await submitted(api, delivery="post", address=ADDRESS)
    await world.settle()
    assert (await shown(api, request))["state"] == "unpaid"
    await register.post(f"/v1/acts/{act}/duplicate", "agent", json={"other": str(other)})
    await world.settle()
    assert (await shown(api, request))["state"] == "ambiguous"
    judged = {"judgment": "TPI 6/2026", "judged_on": "2026-11-20"}
    annulled = await register.post(f"/v1/acts/{act}/annulment", "court_clerk", json=judged)
    assert annulled.status_code == 200, annulled.text
    await world.settle()
    assert (await shown(api, request))["state"] == "not_found"
    assert await happened("citizen") == [], "what is asked again by itself is nobody's guess"
