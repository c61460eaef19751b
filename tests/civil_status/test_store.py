"""The register in PostgreSQL: no gap, none twice, nothing edited; with real commits."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.civil_status.domain.identifier import key_of
from services.civil_status.events import ActKind
from services.civil_status.store import acts
from shared.db import Database
from tests.civil_status.cases import OFFICER
from tests.civil_status.filed import CASABLANCA, OFFICE, WHY, an_act, by_judgment, marriage
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

YEAR = datetime.now(UTC).year


class Wrecked(Exception):
    """An act that was not drawn up after all."""


async def test_numbers_have_no_gap_under_a_race(api: Api) -> None:
    answers = await asyncio.gather(
        *(
            api.post("/v1/acts", "civil_status_officer", json=by_judgment(kind))
            for kind in ("birth", "death") * 6
        )
    )
    for kind in ("birth", "death"):
        drawn = [one.json()["number"] for one in answers if one.json()["kind"] == kind]
        assert sorted(drawn) == [1, 2, 3, 4, 5, 6]
    identifiers = [one.json()["identifier"] for one in answers if one.json()["kind"] == "birth"]
    assert len(set(identifiers)) == 6


async def test_a_number_that_was_not_used_is_given_again(civil_status: ServiceDatabase) -> None:
    async def drawn(*, used: bool) -> int:
        number = 0
        with suppress(Wrecked):
            async with civil_status.api.transaction(OFFICER) as tx:
                number = await acts.number(tx, OFFICE, ActKind.BIRTH, tx.now)
                if not used:
                    raise Wrecked
        return number

    assert [await drawn(used=used) for used in (True, False, True, True)] == [1, 2, 2, 3]


async def test_numbers_go_on_after_acts_that_were_taken_over(civil_status: ServiceDatabase) -> None:
    async with civil_status.api.transaction(OFFICER) as tx:
        assert await acts.number(tx, OFFICE, ActKind.BIRTH, tx.now) == 1
    async with civil_status.worker.transaction() as tx:
        await tx.execute(
            text(
                "INSERT INTO civil_status.act (id, kind, collectivity, office, year, number, origin,"
                " event_on, version, drawn_up_at, drawn_up_by, body) VALUES (gen_random_uuid(), 'birth',"
                " :collectivity, :office, :year, 41, 'imported', '2026-01-01', 1, now(), 'import', '{}')"
            ),
            {"collectivity": CASABLANCA, "office": OFFICE, "year": YEAR},
        )
    async with civil_status.api.transaction(OFFICER) as tx:
        assert await acts.number(tx, OFFICE, ActKind.BIRTH, tx.now) == 42
        assert await acts.number(tx, OFFICE, ActKind.DEATH, tx.now) == 1


async def test_a_year_begins_with_one(civil_status: ServiceDatabase) -> None:
    async with civil_status.api.transaction(OFFICER) as tx:
        for year, number in ((2026, 1), (2026, 2), (2027, 1), (2026, 3)):
            at = datetime(year, 6, 1, tzinfo=UTC)
            assert await acts.number(tx, OFFICE, ActKind.BIRTH, at) == number
        midnight = datetime(2027, 12, 31, 23, 30, tzinfo=UTC)  # half past eleven in Casablanca, too
        assert await acts.number(tx, OFFICE, ActKind.BIRTH, midnight) == 2


def drawing(*digits: str) -> Callable[[], str]:
    left = iter(digits)
    return lambda: (taken := next(left)) + key_of(taken)


async def test_a_taken_identifier_is_drawn_again_and_never_given_twice(
    civil_status: ServiceDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acts, "draw", drawing("123456789", "123456789", "123456789", "987654321"))
    async with civil_status.api.transaction(OFFICER) as tx:
        first = await acts.identifier(tx)
    async with civil_status.api.transaction(OFFICER) as tx:
        second = await acts.identifier(tx)
    assert (first[:9], second[:9]) == ("123456789", "987654321")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE civil_status.act SET body = '{}'",
        "UPDATE civil_status.act SET number = 2",
        "UPDATE civil_status.act SET parties = '{}'",
        "UPDATE civil_status.mention SET body = '{}'",
        "DELETE FROM civil_status.act",
        "DELETE FROM civil_status.mention",
        "DELETE FROM civil_status.identifier",
        "SELECT digits FROM civil_status.identifier",
    ],
)
async def test_no_role_edits_the_register(api: Api, civil_status: ServiceDatabase, statement: str) -> None:
    await an_act(api)

    async def tried(database: Database) -> None:
        async with database.transaction(OFFICER) as tx:
            await tx.execute(text(statement))

    for database in (civil_status.api, civil_status.worker):
        with pytest.raises(DBAPIError, match="permission denied"):
            await tried(database)


async def test_a_stale_read_is_told(api: Api) -> None:
    act = await an_act(api)
    body = {"kind": "death", "reference": "7/2026", "on": "2026-11-20"}
    path = f"/v1/acts/{act}/mentions"
    read = await api.get(f"/v1/acts/{act}", "civil_status_officer", headers=WHY)
    seen = {"If-Match": read.headers["ETag"]}
    first = await api.post(path, "civil_status_officer", json=body, headers=seen)
    assert first.status_code == 200, first.text
    again = await api.post(path, "civil_status_officer", json=body | {"reference": "8/2026"}, headers=seen)
    assert (again.status_code, again.json()["code"]) == (412, "act_changed")


async def test_of_mentions_entered_at_once_none_is_lost(api: Api) -> None:
    act = await an_act(api)
    answers = await asyncio.gather(
        *(
            api.post(f"/v1/acts/{act}/mentions", "civil_status_officer", json=marriage(f"{reference}/2026"))
            for reference in range(1, 6)
        )
    )
    assert [one.status_code for one in answers] == [200] * 5, [one.text for one in answers]
    read = await api.get(f"/v1/acts/{act}", "civil_status_officer", headers=WHY)
    assert (read.json()["mentions"], read.json()["version"]) == (5, 6)
