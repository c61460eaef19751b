"""Digitisation over HTTP: bad scans, races by real commits, rejects, duplicates, refused lots."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from services.civil_status.domain import Act
from services.civil_status.events import ActKind
from services.civil_status.store import acts
from tests.civil_status import cases
from tests.civil_status.conftest import Happened
from tests.civil_status.filed import OFFICE, WHY
from tests.civil_status.paper import NAMES, YEAR, Volume, keyed, listed, opened, png, settled, volume_body
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

ELSEWHERE = "06.371.01.01"
ELF = b"\x7fELF\x02\x01\x01" + bytes(500)
OFFICER = "civil_status_officer"


async def counted(database: ServiceDatabase) -> list[tuple[str, int, int]]:
    """By state, what the trigger counted and what there is; only where they differ."""
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        there = dict(await connection.fetch("SELECT state, count(*) FROM civil_status.entry GROUP BY state"))
        sums = await connection.fetchrow(
            "SELECT sum(waiting) waiting, sum(keyed_once) keyed_once, sum(differing) differing,"
            " sum(settled) settled, sum(suspected) suspected, sum(rejected) rejected,"
            " sum(duplicate) duplicate, sum(registered) registered FROM civil_status.progress"
        )
        return [(state, n, there.get(state, 0)) for state, n in sums.items() if n != there.get(state, 0)]
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("name", "kind", "content", "status", "code"),
    [
        ("scan.png", "image/png", ELF, 415, "scan_not_an_image"),
        ("scan.jpg", "image/jpeg", b"MZ\x90\x00" + bytes(99), 415, "scan_not_an_image"),
        ("scan.pdf", "application/pdf", b"%PDF-1.7\n%%EOF", 415, "scan_not_an_image"),
        ("scan.png", "image/png", png(9) + ELF, 422, "scan_damaged"),
        ("scan.png", "image/png", png(9)[:-20], 422, "scan_damaged"),
        ("scan.png", "image/png", png(9, width=300), 422, "scan_too_small"),
        ("scan.jpg", "image/jpeg", png(9), 415, "file_type_mismatch"),
    ],
)
async def test_what_is_no_page_is_refused_and_leaves_nothing(
    api: Api, name: str, kind: str, content: bytes, status: int, code: str
) -> None:
    volume = await opened(api)
    files = {"file": (name, content, kind)}
    answer = await api.post(f"{volume.path}/pages/1", "keying_operator", files=files)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await volume.read())["pages"] == 0


async def test_a_scan_of_200_megabytes_is_not_read_to_its_end(api: Api) -> None:
    volume = await opened(api)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="scan.png"\r\n\r\n'
        while sent < 200 * 2**20:
            sent += 2**20
            yield bytes(2**20)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await api.post(f"{volume.path}/pages/1", "keying_operator", content=endless(), headers=headers)
    assert (answer.status_code, sent < 60 * 2**20) == (413, True), answer.text


async def test_a_page_is_scanned_once(api: Api) -> None:
    volume, other = await opened(api), await opened(api, volume=2)
    assert (await volume.scan(1)).status_code == 201
    again = await volume.scan(1)
    assert (again.status_code, again.json()["code"], again.json()["page"]) == (409, "page_repeated", 1)
    as_second = await volume.scan(2, png(1))
    assert (as_second.json()["code"], as_second.json()["page"]) == ("page_repeated", 1)
    in_another = await other.scan(1, png(1))
    assert in_another.json()["code"] == "page_repeated"
    over = await volume.scan(1, png(7))
    assert over.json()["code"] == "page_scanned_already"
    better = await api.post(
        f"{volume.path}/pages/1/replacement", "agent", files={"file": ("a.png", png(7), "image/png")}
    )
    assert (better.status_code, better.json()["pages"]) == (200, 1), better.text
    seen = await api.get(f"{volume.path}/pages/1/image", "keying_operator", headers=WHY)
    assert seen.content == png(7)


async def test_a_volume_is_opened_once_and_by_the_officer_of_its_office(api: Api) -> None:
    first = await api.post("/v1/volumes", OFFICER, json=volume_body())
    again = await api.post("/v1/volumes", OFFICER, json=volume_body())
    assert (first.status_code, again.status_code, again.json()["code"]) == (201, 409, "volume_open")
    of_others = await api.post("/v1/volumes", OFFICER, json=volume_body(volume=2), commune=ELSEWHERE)
    assert (of_others.status_code, of_others.json()["code"]) == (403, "not_allowed")
    clerk = await api.post("/v1/volumes", "keying_operator", json=volume_body(volume=2))
    assert clerk.status_code == 403
    assert (await api.get("/v1/volumes", OFFICER, commune=ELSEWHERE)).json()["items"] == []


async def test_of_many_who_open_an_act_at_once_one_has_it(api: Api) -> None:
    volume = await listed(api)
    people = [f"keying_operator{n}" for n in range(1, 7)]
    answers = await asyncio.gather(*(volume.hold(1, one) for one in people))
    held = [one.json()["hold"] for one in answers if one.status_code == 200]
    told = [one.json() for one in answers if one.status_code == 409]
    assert (len(held), len(told)) == (1, 5)
    assert {one["code"] for one in told} == {"held_by_another"}
    assert {(one["holder"], one["until"]) for one in told} == {(held[0]["holder"], held[0]["until"])}
    line = (await api.get(f"{volume.path}/entries", OFFICER)).json()["items"][0]
    assert line["hold"] == held[0], "everybody sees who works on it, and until when"
    free = (await api.get(f"{volume.path}/entries?free=true", OFFICER)).json()["items"]
    assert [one["number"] for one in free] == [2]
    another = next(one for one in people if one != held[0]["holder"])
    without = await volume.step(1, "keying", another, keyed(1), held=False)
    assert (without.status_code, without.json()["code"]) == (409, "held_by_another")


async def test_a_hold_runs_out(api: Api, civil_status: ServiceDatabase) -> None:
    volume = await listed(api)
    await volume.hold(1, "keying_operator1")
    connection = await asyncpg.connect(civil_status.admin_dsn)
    await connection.execute("UPDATE civil_status.hold SET until = clock_timestamp() - interval '1 second'")
    await connection.close()
    late = await volume.step(1, "keying", "keying_operator1", keyed(1), held=False)
    assert (late.status_code, late.json()["code"]) == (409, "not_held")
    assert (await volume.key(1, 2))["state"] == "keyed_once"


async def test_a_supervisor_takes_an_act_over_and_says_why(api: Api, happened: Happened) -> None:
    volume = await listed(api)
    await volume.hold(1, "keying_operator1")
    for who, commune, status in (("keying_operator2", None, 403), (OFFICER, ELSEWHERE, 404)):
        tried = await volume.step(1, "takeover", who, {"reason": "absent"}, held=False, commune=commune)
        assert tried.status_code == status, tried.text
    silent = await volume.step(1, "takeover", OFFICER, {}, held=False)
    assert silent.status_code == 422
    taken = await volume.step(1, "takeover", OFFICER, {"reason": "absent"}, held=False)
    assert (taken.status_code, taken.json()["hold"]) == (200, None)
    assert await happened(volume.ids[1]) == ["listed", "hold_ended"]
    lost = await volume.step(1, "keying", "keying_operator1", keyed(1), held=False)
    assert lost.json()["code"] == "not_held"
    nobody = await volume.step(1, "takeover", OFFICER, {"reason": "urgent"}, held=False)
    assert (nobody.status_code, nobody.json()["code"]) == (409, "not_held")


async def test_a_keying_sent_twice_at_once_counts_once(api: Api, happened: Happened) -> None:
    volume = await listed(api)
    await volume.hold(1, "keying_operator1")
    answers = await asyncio.gather(
        *(volume.step(1, "keying", "keying_operator1", keyed(1), held=False) for _ in range(4))
    )
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]
    assert await happened(volume.ids[1]) == ["listed", "keyed"]
    again = await volume.hold(1, "keying_operator1")
    assert (again.status_code, again.json()["code"]) == (403, "keyed_already")


async def test_nobody_keys_what_is_settled_and_nobody_of_elsewhere_keys_at_all(api: Api) -> None:
    volume = await settled(api)
    for step, who in (("keying", "keying_operator3"), ("adjudication", "adjudicator")):
        tried = await volume.step(1, step, who, keyed(1), held=False)
        assert (tried.status_code, tried.json()["code"]) == (409, "action_not_permitted")
        assert tried.json()["state"] == "settled"
    elsewhere = await volume.hold(1, "keying_operator3", commune=ELSEWHERE)
    assert elsewhere.status_code == 404


async def test_the_second_does_not_see_the_first(api: Api) -> None:
    volume = await listed(api)
    await volume.key(1, 1)
    for who in ("keying_operator2", "adjudicator", "quality_controller", OFFICER):
        seen = await volume.look(1, who)
        assert (seen["keyings"], seen["settled"], seen["differing"]) == (None, None, [])
        assert NAMES[1] not in str(seen)
    await volume.key(1, 2, latin="Bouchra")
    assert (await volume.look(1, "keying_operator2"))["keyings"] is None
    assert len((await volume.look(1, "adjudicator"))["keyings"]) == 2


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ({"ar": "\u202eنيساي"}, "name_characters"),
        ({"ar": "م\u064e\u0651\u064e\u0651\u064e"}, "name_characters"),
        ({"ar": "ع" * 200}, "name_too_long"),
        ({"ar": "ع" * 10_000}, "invalid"),
        ({"ar": "ياسين", "latin": "Yass\u200bine"}, "name_characters"),
    ],
)
async def test_what_is_no_name_is_refused_and_keys_nothing(
    api: Api, subject: dict[str, str], code: str
) -> None:
    volume = await listed(api)
    body = keyed(1, subject={"given": subject})
    answer = await volume.step(1, "keying", "keying_operator1", body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert subject["ar"] not in answer.text, "the input is not echoed"
    assert (await volume.look(1))["state"] == "waiting"


async def test_a_letter_and_its_mark_are_one_letter(api: Api) -> None:
    volume = await listed(api)
    await volume.key(1, 1, latin="Che\u0301rif")
    assert (await volume.key(1, 2, latin="Chérif"))["state"] == "settled"


async def test_a_reject_says_what_to_do_next(
    api: Api, happened: Happened, civil_status: ServiceDatabase
) -> None:
    volume = await opened(api, 3)
    await volume.scan(1)
    await volume.list_acts({1: [1], 2: [1]})
    missing = await volume.look(3)
    assert (missing["state"], missing["reject"]["code"]) == ("rejected", "act_missing")
    assert "second copy" in missing["reject"]["next_step"]["en"]
    answer = await volume.step(1, "reject", "keying_operator1", {"ground": "page_unreadable"})
    assert answer.json()["reject"]["next_step"]["fr"].startswith("Numériser la page")
    await volume.key(2, 1)
    assert (
        await volume.step(2, "reject", "keying_operator2", {"ground": "act_unfinished"})
    ).status_code == 200
    for who in ("adjudicator", OFFICER, "quality_controller"):
        half = await volume.look(2, who)
        assert (half["state"], half["keyings"]) == ("rejected", None), "a second is keyed without the first"
    nowhere = await volume.step(3, "reopening", OFFICER, {"pages": [2]}, held=False)
    assert (nowhere.status_code, nowhere.json()["code"]) == (422, "page_not_scanned")
    # Scanned again: both keyings from the start, by whomever.
    rescan = {"file": ("a.png", png(60), "image/png")}
    assert (await api.post(f"{volume.path}/pages/1/replacement", "agent", files=rescan)).status_code == 200
    back = await volume.step(1, "reopening", OFFICER, {"pages": [1]}, held=False)
    assert back.json()["state"] == "waiting", back.text
    assert (await volume.key(1, 1))["state"] == "keyed_once"
    assert await happened(volume.ids[1]) == ["listed", "rejected", "reopened", "keyed"]
    assert await counted(civil_status) == []


async def test_a_damaged_volume_waits_for_its_second_copy(api: Api) -> None:
    volume = await opened(api, 2)
    await volume.scan(1)
    await volume.list_acts({1: [1]})
    hurt = await volume.does("damage", "keying_operator", {"damage": "volume_damaged"})
    assert (hurt.json()["state"], hurt.json()["damage"]["code"]) == ("damaged", "volume_damaged")
    assert "court" in hurt.json()["damage"]["next_step"]["en"]
    assert (await volume.scan(2)).json()["code"] == "action_not_permitted"
    assert (await volume.does("resumption", OFFICER)).json()["state"] == "scanning"
    assert (await volume.scan(2)).status_code == 201
    await volume.list_acts({1: [1], 2: [2]})
    states = (await volume.read())["acts"]
    assert (states["waiting"], states["rejected"]) == (2, 0), "the missing act was in the second copy"


async def test_no_page_changes_under_what_was_read_from_it(api: Api) -> None:
    volume = await opened(api, 2)
    await volume.scan(1)
    await volume.list_acts({1: [1], 2: [1]})

    async def replaced(persona: str) -> tuple[int, list[int]]:
        better = {"file": ("a.png", png(61), "image/png")}
        answer = await api.post(f"{volume.path}/pages/1/replacement", persona, files=better)
        return answer.status_code, answer.json()["acts"]

    await volume.hold(2, "keying_operator2")
    assert await replaced("agent") == (409, [2]), "somebody is reading it"
    await volume.key(1, 1)
    assert await replaced("keying_operator2") == (409, [1]), "one keying of this image, one of another"
    await volume.key(1, 2)
    assert await replaced("keying_operator2") == (409, [1]), "settled"


async def test_a_refused_lot_is_looked_at_again_and_sampled_anew(
    api: Api, civil_status: ServiceDatabase
) -> None:
    volume = await settled(api)
    drawn = (await volume.does("sample", "quality_controller")).json()["lot"]
    assert drawn["sample"] == [1, 2], "a lot smaller than the sample is examined whole"
    early = await volume.does("conclusion", "quality_controller")
    assert (early.status_code, early.json()["code"], early.json()["left"]) == (
        409,
        "sample_unfinished",
        [1, 2],
    )
    own = await volume.hold(1, "keying_operator1")
    assert own.json()["code"] == "action_not_permitted"
    bad = await volume.step(1, "check", "quality_controller", {"defects": ["subject.given.ar"]})
    assert bad.json()["state"] == "differing", bad.text
    refused = await volume.does("conclusion", "quality_controller")
    assert (refused.json()["state"], refused.json()["lot"]["accepted"]) == ("keying", False)
    assert refused.json()["acts"]["differing"] == 2, "all of it is examined"
    for number in (1, 2):
        again = await volume.step(number, "adjudication", "adjudicator", keyed(number))
        assert again.status_code == 200, again.text
    accepted = await volume.accepted()
    assert (accepted["lot"]["ordinal"], accepted["lot"]["accepted"]) == (2, True)
    assert accepted["lot"]["seed"] != drawn["seed"]
    assert await counted(civil_status) == []


async def test_what_is_entered_twice_at_once_is_in_the_register_once(
    api: Api, civil_status: ServiceDatabase
) -> None:
    volume = await settled(api, 4)
    await volume.accepted()
    officers = [OFFICER, f"{OFFICER}2", f"{OFFICER}3"]
    answers = await asyncio.gather(*(volume.does("registration", one) for one in officers))
    assert [one.status_code for one in answers] == [200, 200, 200]
    numbers = [act["number"] for one in answers for act in one.json()["registered"]]
    assert sorted(numbers) == [1, 2, 3, 4]
    assert await counted(civil_status) == []


async def resembling(api: Api) -> tuple[Volume, str]:
    """A second volume whose first act says what the first volume's does; and that act's id."""
    first = await settled(api, 1)
    await first.accepted()
    act = (await first.does("registration", OFFICER)).json()["registered"][0]["act"]
    second = await settled(api, 1, year=YEAR + 1)
    await second.accepted()
    found = (await second.does("registration", OFFICER)).json()
    assert (found["registered"], found["suspected"]) == ([], [1])
    return second, str(act)


async def test_a_duplicate_is_shown_side_by_side_and_a_person_decides(api: Api, happened: Happened) -> None:
    second, act = await resembling(api)
    path = f"/v1/entries/{second.ids[1]}/candidates"
    beside = await api.get(path, OFFICER, headers=WHY)
    [one] = beside.json()["items"]
    assert (one["act"], one["reference"], one["visible"]) == (act, f"1/{YEAR}/{OFFICE}", True)
    shown = {line["field"]: (line["here"], line["there"], line["same"]) for line in one["fields"]}
    assert shown["subject.given.ar"] == (NAMES[1], NAMES[1], True)
    assert (await api.get(path, "adjudicator", headers=WHY)).status_code == 403
    unheld = await second.step(1, "duplicate-decision", OFFICER, {"same": act}, held=False)
    assert unheld.json()["code"] == "not_held"
    other = await second.step(1, "duplicate-decision", OFFICER, {"same": second.ids[1]})
    assert other.json()["code"] == "not_a_candidate"
    decided = await second.step(1, "duplicate-decision", OFFICER, {"same": act})
    assert (decided.json()["state"], decided.json()["act"]) == ("duplicate", act)
    assert await happened(second.ids[1]) == ["listed", "keyed", "keyed", "suspected", "duplicate"]


async def test_another_child_of_the_same_names_is_entered(api: Api) -> None:
    second, act = await resembling(api)
    decided = await second.step(1, "duplicate-decision", OFFICER, {"same": None})
    assert decided.json()["state"] == "settled", decided.text
    done = (await second.does("registration", OFFICER)).json()
    assert [one["number"] for one in done["registered"]] == [1]
    assert done["registered"][0]["act"] != act


async def test_a_number_that_an_import_brought_meanwhile_is_a_persons_to_decide(
    api: Api, civil_status: ServiceDatabase
) -> None:
    volume = await settled(api, 2)
    await volume.accepted()
    async with civil_status.api.transaction(cases.OFFICER) as tx:
        act, entered = Act.transcribe(
            uuid4(),
            kind=ActKind.BIRTH,
            collectivity=cases.CASABLANCA,
            office=OFFICE,
            year=YEAR,
            number=1,
            identifier=None,
            blocks=cases.blocks(),
            by=cases.OFFICER,
            now=tx.now,
        )
        await acts.save(tx, act, because=entered)
    found = (await volume.does("registration", OFFICER)).json()
    assert ([one["number"] for one in found["registered"]], found["suspected"]) == ([2], [1])
    other = await volume.step(1, "duplicate-decision", OFFICER, {"same": None})
    assert (other.status_code, other.json()["code"]) == (409, "number_taken")
    rejected = await volume.step(1, "reject", OFFICER, {"ground": "number_repeated"})
    assert "court" in rejected.json()["reject"]["next_step"]["en"], rejected.text


async def test_the_register_of_reads_has_every_look(api: Api, happened: Happened) -> None:
    volume = await listed(api)
    silent = await api.get(f"/v1/entries/{volume.ids[1]}", "keying_operator1")
    assert (silent.status_code, silent.json()["code"]) == (400, "access_purpose_missing")
    await volume.look(1, "keying_operator1")
    await volume.key(1, 1)  # held, and keyed
    assert await happened("keying_operator1") == ["read"] * 3


async def test_a_stale_reading_is_told(api: Api) -> None:
    volume = await listed(api)
    seen = await api.get(f"/v1/entries/{volume.ids[1]}", "keying_operator1", headers=WHY)
    await volume.key(1, 2)
    await volume.hold(1, "keying_operator1")
    late = await volume.step(
        1, "keying", "keying_operator1", keyed(1), held=False, headers={"If-Match": seen.headers["ETag"]}
    )
    assert (late.status_code, late.json()["code"]) == (412, "entry_changed")


async def test_the_rules_are_there_for_everybody(api: Api) -> None:
    known = (await api.get("/v1/digitisation/rules")).json()
    assert "ISO 2859-1" in known["sampling_source"]
    assert known["plans"][0] == {"from_lot": 1, "sample": 13, "accept": 0}
    assert {one["code"] for one in known["rejects"]} >= {"page_unreadable", "act_missing"}


async def next_of(api: Api, work: str, persona: str, **options: Any) -> tuple[int, Any]:
    answer = await api.post("/v1/digitisation/next", persona, json={"work": work}, **options)
    return answer.status_code, answer.json()


async def test_the_next_act_for_me_is_one_that_i_may_work_on(api: Api) -> None:
    volume = await opened(api, 3)
    await volume.scan(1)
    await volume.list_acts({1: [1], 2: [1], 3: [1]})
    status, first = await next_of(api, "key", "keying_operator1")
    assert (status, first["number"], first["hold"]["holder"]) == (200, 1, "keying_operator1")
    assert (await next_of(api, "key", "keying_operator2"))[1]["number"] == 2, "nobody waits for another"
    assert (await next_of(api, "key", "keying_operator1"))[1]["number"] == 1, "what is held comes first"
    answer = await volume.step(1, "keying", "keying_operator1", keyed(1), held=False)
    assert answer.status_code == 200, answer.text
    assert (await next_of(api, "key", "keying_operator1"))[1]["number"] == 3, "not what was keyed already"
    await volume.step(2, "release", "keying_operator2", held=False)
    assert (await next_of(api, "key", "keying_operator2"))[1]["number"] == 1
    await volume.step(1, "keying", "keying_operator2", keyed(1, latin="Houda"), held=False)

    assert (await next_of(api, "key", "adjudicator"))[0] == 403
    status, differs = await next_of(api, "adjudicate", "adjudicator")
    assert (status, differs["number"], differs["state"]) == (200, 1, "differing")
    assert len(differs["keyings"]) == 2
    nothing = await next_of(api, "key", "keying_operator1", commune="06.371.01.01")
    assert (nothing[0], nothing[1]["code"]) == (404, "nothing_to_do")


async def test_of_many_who_ask_for_the_next_act_each_has_another(api: Api) -> None:
    volume = await opened(api, 4)
    await volume.scan(1)
    await volume.list_acts({number: [1] for number in range(1, 5)})
    given = await asyncio.gather(*(next_of(api, "key", f"keying_operator{who}") for who in range(1, 5)))
    assert sorted(one["number"] for _, one in given) == [1, 2, 3, 4]
