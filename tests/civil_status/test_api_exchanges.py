"""Other administrations and searches: consent, data-minimised answers, guessing that is seen."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.civil_status.domain.consent import MOST_MISSES
from services.civil_status.domain.identifier import key_of
from tests.civil_status.conftest import At, Happened, Says
from tests.civil_status.filed import OFFICE, WHY, own_act
from tests.support.http import Api

YEAR = datetime.now(UTC).year


async def consented(api: Api, says: Says, purpose: str = "identity") -> tuple[str, str, str]:
    """The act, its identifier and the consent."""
    act = await own_act(api, says)
    read = await api.get(f"/v1/acts/{act}", "citizen", headers=WHY)
    body = {
        "administration": "administration",
        "purpose": purpose,
        "ends_at": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
    }
    given = await api.post(f"/v1/acts/{act}/consents", "citizen", json=body)
    assert given.status_code == 201, given.text
    return act, read.json()["identifier"], given.json()["id"]


async def asked(api: Api, identifier: str, purpose: str = "identity", who: str = "administration") -> Any:
    return await api.post("/v1/exchanges", who, json={"identifier": identifier, "purpose": purpose})


@pytest.mark.parametrize(
    ("purpose", "fields"),
    [
        ("identity", {"subject.given", "subject.family", "subject.sex", "event.on", "event.place"}),
        ("life", {"alive"}),
        ("social_protection", {"subject.given", "subject.family", "event.on", "father.given", "mother.given"}
         | {"died_on"}),
        ("school_enrolment", {"subject.given", "subject.family", "subject.sex", "event.on"}),
    ],
)  # fmt: skip
async def test_with_consent_it_learns_what_the_purpose_needs(
    api: Api, happened: Happened, clock_says: Says, purpose: str, fields: set[str]
) -> None:
    _, identifier, _ = await consented(api, clock_says, purpose)
    answer = await asked(api, identifier, purpose)
    assert answer.status_code == 201, answer.text
    assert set(answer.json()["content"]) == fields
    assert await happened(answer.json()["id"]) == ["answered"]
    assert await happened("administration") == ["read"]


async def test_without_consent_it_learns_nothing_not_even_that(
    api: Api, happened: Happened, clock_says: Says
) -> None:
    act, identifier, consent = await consented(api, clock_says)
    unknown = "123456789" + key_of("123456789")
    refusals = [
        await asked(api, identifier, "life"),
        await asked(api, identifier, who="administration2"),
        await asked(api, unknown),
    ]
    revoked = await api.post(f"/v1/consents/{consent}/revocation", "citizen", json={})
    assert revoked.json()["revoked_at"] is not None
    refusals.append(await asked(api, identifier))
    assert {(one.status_code, one.text) for one in refusals} == {(403, refusals[0].text)}
    assert await happened("administration") == ["missed"] * 3
    assert "read" not in await happened(act)


async def test_a_consent_ends_with_its_day(api: Api, at: At, clock_says: Says) -> None:
    _, identifier, _ = await consented(api, clock_says)
    await at(datetime.now(UTC) + timedelta(days=31))
    assert (await asked(api, identifier)).json()["code"] == "no_consent"


async def test_a_consent_is_given_by_whose_act_it_is(api: Api, clock_says: Says) -> None:
    act, _, consent = await consented(api, clock_says)
    body = {"administration": "a", "purpose": "life", "ends_at": "2030-01-01T00:00:00Z"}
    stranger = await api.post(f"/v1/acts/{act}/consents", "citizen2", json=body)
    assert stranger.status_code == 404
    assert (await api.post(f"/v1/consents/{consent}/revocation", "citizen2", json={})).status_code == 404
    listed = await api.get("/v1/consents", "citizen")
    assert [one["id"] for one in listed.json()["items"]] == [consent]


async def test_an_act_is_found_by_number_and_by_identifier(
    api: Api, happened: Happened, clock_says: Says
) -> None:
    act, identifier, _ = await consented(api, clock_says)
    numbered = {"kind": "birth", "office": OFFICE, "year": YEAR, "number": 1}
    for body in (numbered, {"identifier": identifier}, {"identifier": f"{identifier[:9]} {identifier[9:]}"}):
        found = await api.post("/v1/lookups", "agent", json=body, headers=WHY)
        assert [one["id"] for one in found.json()["items"]] == [act], found.text
    assert (await happened("agent"))[-3:] == ["read"] * 3
    elsewhere = await api.post("/v1/lookups", "agent", commune="06.371.01.01", json=numbered, headers=WHY)
    assert elsewhere.status_code == 404


async def test_who_guesses_identifiers_is_seen_and_stopped(api: Api, happened: Happened, at: At) -> None:
    guesses = [f"{number:09d}" for number in range(1, MOST_MISSES + 2)]
    answers = [
        await api.post("/v1/lookups", "agent", json={"identifier": g + key_of(g)}, headers=WHY)
        for g in guesses
    ]
    assert [one.status_code for one in answers] == [404] * MOST_MISSES + [429]
    assert (answers[-1].json()["code"], "retry-after" in answers[-1].headers) == ("lookups_suspended", True)
    assert await happened("agent") == ["missed"] * MOST_MISSES
    await at(datetime.now(UTC) + timedelta(days=1))
    tomorrow = await api.post("/v1/lookups", "agent", json={"identifier": "00000000195"}, headers=WHY)
    assert tomorrow.status_code == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"identifier": "12345678900"}, {"identifier": "00000000098"}, {"kind": "birth", "year": YEAR}],
)
async def test_a_search_says_what_it_searches(api: Api, body: dict[str, Any]) -> None:
    answer = await api.post("/v1/lookups", "agent", json=body, headers=WHY)
    assert answer.status_code == 422


async def test_purposes_and_declarants_are_everybodys_to_read(api: Api) -> None:
    assert {one["code"] for one in (await api.get("/v1/purposes")).json()["items"]} >= {"life", "identity"}
    said = (await api.get("/v1/requirements/birth")).json()
    assert [one["code"] for one in said["declarants"]][:2] == ["father", "mother"]
    assert said["confidence"] == "B"


async def test_every_purpose_says_by_which_rule_and_how_well_it_is_known(api: Api) -> None:
    for one in (await api.get("/v1/purposes")).json()["items"]:
        assert one["article"], one["code"]
        assert one["confidence"] in {"C", "P", "B", "U"}
