"""The window asks by event, sealed; the register answers by event, sealed; a destroyed key reads nothing."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import pytest
from joserfc.jwk import ECKey
from sqlalchemy import text

from services.civil_status.consumers.matching import (
    ASKED,
    answer_once,
    keep_keys_once,
    take_questions,
)
from services.civil_status.store.matching import BY_DAY, GRACE, LIFE
from services.civil_status.take_over import take_over
from services.civil_status.take_over.reading import digest, opened
from shared.auth import Actor
from shared.events import Envelope
from shared.sealing import KeyFiles, KeyGone, sealed_for, unsealed
from tests.civil_status.conftest import At, Happened, Says
from tests.civil_status.filed import DECLARED_ON, OFFICE, YASSINE, an_act, marriage, own_act, person
from tests.civil_status.files import line, written
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

LOG = text("SELECT type, payload FROM msg.event_log WHERE aggregatetype = :aggregate ORDER BY pos")
BORN: Final = "2026-11-01"
NAMES: Final = {"kind": "birth", "given": "ياسين", "family": "العلمي"}
SECRETS: Final = ("ياسين", "Yassine", "العلمي", "Alami", BORN)


@pytest.fixture
def keys(tmp_path: Path) -> KeyFiles:
    return KeyFiles(tmp_path / "keys")


async def announced(database: ServiceDatabase, aggregate: str) -> list[tuple[str, Any]]:
    async with database.worker.transaction() as tx:
        return [
            (row.type, json.loads(row.payload)) for row in await tx.execute(LOG, {"aggregate": aggregate})
        ]


async def public_key(database: ServiceDatabase, keys: KeyFiles) -> dict[str, str]:
    """As the window has it: from the event that published it."""
    await keep_keys_once(database.worker, keys)
    published = [
        said["public"] for type_, said in await announced(database, "sealing_key") if "published" in type_
    ]
    key: dict[str, str] = published[-1]
    assert "d" not in key, "the private half never leaves the key store"
    return key


def question(sealed: str, request: UUID | None = None, **more: Any) -> Envelope:
    data = {"collectivity": "06.141.01.0", "sealed": sealed, "citizen_channel": "portal"} | more
    return Envelope(
        id=uuid4(),
        source="/watiqa",
        type=ASKED,
        aggregate="request",
        subject=str(request or uuid4()),
        sequence=1,
        time=datetime.now(UTC),
        collectivity="06.141.01.0",
        data=json.dumps(data).encode(),
    )


async def asked(
    database: ServiceDatabase,
    keys: KeyFiles,
    criteria: Mapping[str, Any],
    *,
    request: UUID | None = None,
    sealed: str | None = None,
    **more: Any,
) -> tuple[str, Any]:
    """The answer to one question, by the last word of its type."""
    if sealed is None:
        sealed = sealed_for(await public_key(database, keys), json.dumps(criteria).encode())
    async with database.worker.transaction() as tx:
        await take_questions(tx, question(sealed, request, **more))
    assert await answer_once(database.worker, keys)
    assert not await answer_once(database.worker, keys), "it is answered once"
    type_, said = (await announced(database, "matching"))[-1]
    return type_.split(".")[-2], said


@pytest.mark.parametrize(
    "criteria",
    [
        {"event_on": BORN},
        {"office": OFFICE, "year": datetime.now(UTC).year, "number": 1},
        {"event_on": BORN, "given": "YASSINE", "family": "alami", "mother_given": "Fatima"},
        {"event_on": BORN, "given": "ⵢⴰⵙⵉⵏ"},
    ],
)
async def test_exactly_one_act_is_found(
    api: Api, civil_status: ServiceDatabase, keys: KeyFiles, criteria: dict[str, Any], happened: Happened
) -> None:
    act = await an_act(api)
    outcome, said = await asked(civil_status, keys, NAMES | criteria)
    assert (outcome, said["act"], said["act_version"], said["sealed"]) == ("found", str(act), 1, None)
    assert await happened("system") == ["read"], "the register of reads has it"


@pytest.mark.parametrize(
    ("asker", "relation", "linked"),
    [
        ("citizen", "father", True),
        ("citizen", "mother", True),
        ("citizen", "brother", False),
        ("citizen2", "father", False),
        (None, "father", False),
    ],
)
async def test_the_register_says_whether_the_act_is_of_who_asks(
    api: Api,
    civil_status: ServiceDatabase,
    keys: KeyFiles,
    clock_says: Says,
    asker: str | None,
    relation: str,
    linked: bool,
) -> None:
    act = await own_act(api, clock_says, relation=relation)
    asks = NAMES | {"event_on": DECLARED_ON, "asker": asker}
    outcome, said = await asked(civil_status, keys, asks)
    assert (outcome, said["act"], said["linked"]) == ("found", act, linked)


@pytest.mark.parametrize(
    "criteria",
    [
        {"event_on": "2026-11-02"},
        {"event_on": BORN, "given": "يونس"},
        {"office": OFFICE, "year": datetime.now(UTC).year, "number": 2},
        {"office": OFFICE, "year": datetime.now(UTC).year, "number": 1, "given": "يونس"},
        {"event_on": BORN, "father_given": "علي"},
        {"event_on": BORN, "kind": "death"},
    ],
)
async def test_what_does_not_fit_is_not_found(
    api: Api, civil_status: ServiceDatabase, keys: KeyFiles, criteria: dict[str, Any]
) -> None:
    await an_act(api)
    assert (await asked(civil_status, keys, NAMES | criteria))[0] == "not_found"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than one act is looked at for one request."""
    monkeypatch.setattr("services.civil_status.domain.matching.MOST", 1)
    monkeypatch.setattr("services.civil_status.store.matching.MOST", 1)


OTHERS: Final[dict[str, dict[str, Any]]] = {
    "family": {"subject": {"given": YASSINE, "family": {"ar": "بنعلي"}}},
    "mother": {"mother": person("خديجة")},
    "no mother": {"mother": None},
    "father": {"father": person("علي")},
}


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("other", OTHERS)
async def test_who_is_born_on_one_day_with_one_name_hides_nobody(
    api: Api, civil_status: ServiceDatabase, keys: KeyFiles, other: str
) -> None:
    asks = NAMES | {"event_on": BORN, "mother_given": "Fatima", "father_given": "محمد"}
    for _ in range(4):
        await an_act(api, **OTHERS[other])
    assert (await asked(civil_status, keys, asks))[0] == "not_found"
    act = await an_act(api)
    for _ in range(4):
        await an_act(api, **OTHERS[other])
    outcome, said = await asked(civil_status, keys, asks)
    assert (outcome, said["act"]) == ("found", str(act))


@pytest.mark.usefixtures("few")
async def test_of_more_than_are_looked_at_a_person_chooses(
    api: Api, civil_status: ServiceDatabase, keys: KeyFiles
) -> None:
    """One was named so for a while, and is so no more: it has to be read to be left out."""
    for number in (1, 2):
        act = await an_act(api)
        for ordinal, name in enumerate(("يونس", "سعيد"), 1):
            judged = {"judgment": f"TPI {ordinal}/2026", "judged_on": "2026-11-20"}
            answer = await api.post(
                f"/v1/acts/{act}/judgments",
                "civil_status_officer",
                json=judged | {"changes": {"subject.given.ar": name}},
            )
            assert answer.status_code == 200, answer.text
        outcome, _ = await asked(civil_status, keys, NAMES | {"event_on": BORN, "given": "يونس"})
        assert outcome == ("not_found" if number == 1 else "ambiguous")


async def test_two_that_fit_and_one_in_dispute_are_a_persons_to_look_at(
    api: Api, civil_status: ServiceDatabase, keys: KeyFiles
) -> None:
    first, second = await an_act(api), await an_act(api)
    outcome, said = await asked(civil_status, keys, NAMES | {"event_on": BORN})
    assert (outcome, said["acts"]) == ("ambiguous", sorted([str(first), str(second)]))
    await api.post(f"/v1/acts/{second}/duplicate", "agent", json={"other": str(first)})
    judged = {"judgment": "TPI 9/2026", "judged_on": "2026-11-20"}
    await api.post(f"/v1/acts/{first}/annulment", "court_clerk", json=judged)
    assert (await asked(civil_status, keys, NAMES | {"event_on": BORN}))[0] == "ambiguous"
    cleared = await api.post(f"/v1/acts/{second}/duplicate/clearance", "civil_status_officer", json={})
    assert cleared.json()["state"] == "valid"
    outcome, said = await asked(civil_status, keys, NAMES | {"event_on": BORN})
    assert (outcome, said["act"]) == ("found", str(second))


async def test_what_is_read_is_sealed_for_the_request_alone(
    api: Api, civil_status: ServiceDatabase, keys: KeyFiles
) -> None:
    act = await an_act(api)
    await api.post(f"/v1/acts/{act}/mentions", "civil_status_officer", json=marriage())
    reply = ECKey.generate_key("P-256")
    outcome, said = await asked(
        civil_status,
        keys,
        NAMES | {"event_on": BORN},
        output="full_copy",
        reply_key=reply.as_dict(private=False),
    )
    assert (outcome, said["act_version"], said["output"]) == ("found", 2, "full_copy")
    content = json.loads(unsealed(said["sealed"], reply))
    assert content["blocks"]["subject"]["given"]["latin"] == "Yassine"
    assert [one["kind"] for one in content["mentions"]] == ["marriage"]


async def test_no_event_says_who_anybody_is(api: Api, civil_status: ServiceDatabase, keys: KeyFiles) -> None:
    await an_act(api)
    reply = ECKey.generate_key("P-256").as_dict(private=False)
    await asked(civil_status, keys, NAMES | {"event_on": BORN}, output="copy", reply_key=reply)
    async with civil_status.worker.transaction() as tx:
        rows = await tx.execute(text("SELECT payload FROM msg.event_log"))
        logged = b"".join(bytes(row.payload) for row in rows).decode()
        kept = await tx.execute(text("SELECT * FROM civil_status.asked"))
        put_down = str(kept.all())
    assert [secret for secret in SECRETS if secret in logged] == []
    assert [secret for secret in SECRETS if secret in put_down] == []


@pytest.mark.parametrize(
    "criteria",
    [
        {"given": "ياسين"},
        {"kind": "birth"},
        {"kind": "wedding", "given": "ياسين", "event_on": BORN},
        {"identifier": "12345678900", **NAMES},
        ["ياسين"],
    ],
)
async def test_a_question_that_says_nothing_is_answered_so(
    civil_status: ServiceDatabase, keys: KeyFiles, criteria: Any
) -> None:
    outcome, said = await asked(civil_status, keys, criteria)
    assert (outcome, said["reason"]) == ("unreadable", "damaged")


async def test_a_question_that_is_no_seal_holds_up_no_other(
    api: Api, civil_status: ServiceDatabase, keys: KeyFiles
) -> None:
    await an_act(api)
    good = sealed_for(await public_key(civil_status, keys), json.dumps(NAMES | {"event_on": BORN}).encode())
    stranger = sealed_for(ECKey.generate_key("P-256", {"kid": "stranger"}).as_dict(private=False), b"{}")
    for sealed, reason in (
        ("garbage", "damaged"),
        ("", "damaged"),
        (good[:-4] + "AAAA", "damaged"),
        (stranger, "key_gone"),
    ):
        outcome, said = await asked(civil_status, keys, {}, sealed=sealed)
        assert (outcome, said["reason"]) == ("unreadable", reason)
    assert (await asked(civil_status, keys, {}, sealed=good))[0] == "found"


async def test_an_act_drawn_up_later_today_is_found_and_holds_up_no_question(
    civil_status: ServiceDatabase, keys: KeyFiles, at: At, tmp_path: Path
) -> None:
    """An imported act knows its day, not its hour: it lies at noon, and is asked for in the morning."""
    await at(datetime(2030, 5, 14, 8, tzinfo=UTC))
    row = line(1, year="2030", event_on="2030-05-02", drawn_up_on="2030-05-14")
    path = written(tmp_path / "acts.csv", [row])
    await take_over(civil_status.worker, opened(path), digest(path), Actor(subject="operator-1"), limit=1000)
    reply = ECKey.generate_key("P-256")
    outcome, said = await asked(
        civil_status,
        keys,
        {"kind": "birth", "given": "Mohamed", "event_on": "2030-05-02"},
        output="extract",
        reply_key=reply.as_dict(private=False),
    )
    assert (outcome, said["act_version"]) == ("found", 0)
    assert json.loads(unsealed(said["sealed"], reply))["blocks"]["subject"]["given"]["latin"] == "Mohamed"


async def test_an_act_that_cannot_be_read_holds_up_no_question(
    api: Api, civil_status: ServiceDatabase, keys: KeyFiles
) -> None:
    act = await an_act(api)
    connection = await asyncpg.connect(civil_status.admin_dsn)
    await connection.execute("UPDATE civil_status.act SET body = '{}' WHERE id = $1", act)
    await connection.close()
    numbered = {"office": OFFICE, "year": datetime.now(UTC).year, "number": 1}
    outcome, said = await asked(civil_status, keys, NAMES | numbered)
    assert (outcome, said["reason"]) == ("unreadable", "damaged")


@pytest.mark.parametrize("asked_for", [BORN, "1990-06-15"], ids=["as drawn up", "as a court put it right"])
async def test_an_act_is_found_by_the_day_as_drawn_up_and_as_it_now_reads(
    api: Api, civil_status: ServiceDatabase, keys: KeyFiles, asked_for: str
) -> None:
    act = await an_act(api)
    for judgment, day in (("TPI 1/2026", "1989-01-01"), ("TPI 2/2026", "1990-06-15")):
        body = {"judgment": judgment, "judged_on": "2026-11-20", "changes": {"event.on": day}}
        answer = await api.post(f"/v1/acts/{act}/judgments", "court_clerk", json=body)
        assert answer.status_code == 200, answer.text
    assert (await asked(civil_status, keys, NAMES | {"event_on": asked_for}))[0] == "found"
    assert (await asked(civil_status, keys, NAMES | {"event_on": "1989-01-01"}))[0] == "not_found"


COPIES: Final = """
    INSERT INTO civil_status.act (id, kind, collectivity, office, year, number, origin, event_on, version,
      drawn_up_at, drawn_up_by, body)
    SELECT gen_random_uuid(), kind, collectivity, office, year, n, origin, event_on - n, 0, drawn_up_at,
      drawn_up_by, body FROM civil_status.act, generate_series(2, 3000) n WHERE id = $1"""


async def test_acts_of_a_day_are_found_by_indexes(api: Api, civil_status: ServiceDatabase) -> None:
    """However many acts there are, and whichever day is meant."""
    connection = await asyncpg.connect(civil_status.admin_dsn)
    await connection.execute(COPIES, await an_act(api))
    await connection.execute("ANALYZE civil_status.act")
    await connection.close()
    asking = dict.fromkeys(("given", "family", "mother_given", "father_given"), "x")
    values = {**asking, "on": date(2024, 6, 15), "kind": "birth", "most": 6}
    async with civil_status.worker.transaction() as tx:
        plan = "\n".join((await tx.execute(text(f"EXPLAIN {BY_DAY}"), values)).scalars())
    assert "BitmapOr" in plan
    for index in ("act_event", "act_pkey"):
        assert f"Bitmap Index Scan on {index}" in plan


async def test_asked_again_it_answers_again(
    api: Api, civil_status: ServiceDatabase, keys: KeyFiles, happened: Happened
) -> None:
    request = uuid4()
    assert (await asked(civil_status, keys, NAMES | {"event_on": BORN}, request=request))[0] == "not_found"
    await an_act(api)
    assert (await asked(civil_status, keys, NAMES | {"event_on": BORN}, request=request))[0] == "found"
    assert await happened(request) == ["not_found", "found"]


async def test_another_event_of_the_window_is_left_alone(civil_status: ServiceDatabase) -> None:
    envelope = Envelope(
        id=uuid4(),
        source="/watiqa",
        type="ma.jamaa.watiqa.request.paid.v1",
        aggregate="request",
        subject="r1",
        sequence=1,
        time=datetime.now(UTC),
        collectivity="",
        data=b"{}",
    )
    async with civil_status.worker.transaction() as tx:
        await take_questions(tx, envelope)
        rows = await tx.execute(text("SELECT request FROM civil_status.asked"))
        assert rows.all() == []


async def test_a_destroyed_key_reads_nothing_any_more(
    civil_status: ServiceDatabase, keys: KeyFiles, at: At
) -> None:
    old = await public_key(civil_status, keys)
    sealed = sealed_for(old, json.dumps(NAMES | {"event_on": BORN}).encode())
    assert keys.unseal(sealed)
    now = datetime.now(UTC)
    for later, kept in ((LIFE * 0.6, True), (LIFE + GRACE - timedelta(hours=1), True), (LIFE + GRACE, False)):
        await at(now + later + timedelta(minutes=5))
        await keep_keys_once(civil_status.worker, keys)
        assert (await public_key(civil_status, keys))["kid"] != old["kid"]
        if kept:
            assert keys.unseal(sealed)
    with pytest.raises(KeyGone):
        keys.unseal(sealed)
    types = [type_.split(".")[-2] for type_, _ in await announced(civil_status, "sealing_key")]
    assert types.count("destroyed") == 1
    assert (await asked(civil_status, keys, {}, sealed=sealed))[1]["reason"] == "key_gone"


async def test_after_a_restore_elsewhere_a_fresh_key_is_announced(
    civil_status: ServiceDatabase, keys: KeyFiles, tmp_path: Path
) -> None:
    lost = await public_key(civil_status, keys)
    assert await public_key(civil_status, keys) == lost, "while it is there, it is the one"
    fresh = await public_key(civil_status, KeyFiles(tmp_path / "elsewhere"))
    assert fresh["kid"] != lost["kid"]


def test_a_private_half_is_readable_by_its_owner_only(keys: KeyFiles) -> None:
    keys.make("k1")
    [file] = keys.directory.iterdir()
    assert oct(file.stat().st_mode)[-3:] == "600"
    assert keys.make("k1") == keys.make("k1")
    with pytest.raises(KeyGone):
        keys.make("../k1")
    keys.destroy("k1")
    keys.destroy("k1")
    assert list(keys.directory.iterdir()) == []
