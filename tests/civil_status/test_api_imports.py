"""How far files of digitised acts are, what was wrong with their lines, and what they add to the country."""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from services.civil_status.take_over import take_over
from services.civil_status.take_over.reading import digest, opened
from shared.auth import Actor
from tests.civil_status import cases
from tests.civil_status.filed import OFFICE
from tests.civil_status.files import line, written
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

CLERK: Final = "civil_status_officer"
REJECTS: Final = text("SELECT count(*) FROM civil_status.reject")


async def read(api: Api, path: str, persona: str = CLERK) -> Any:
    answer = await api.get(path, persona)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_officer_in_charge_follows_a_file_and_its_rejects(
    api: Api, civil_status: ServiceDatabase, tmp_path: Path
) -> None:
    elsewhere = "06.141.01.0-02"
    rows = [line(1), line(2), line(3, sex="?"), line(4, office=elsewhere)]
    path = written(tmp_path / "acts.csv", rows)
    await take_over(civil_status.worker, opened(path), digest(path), Actor(subject="operator-1"), limit=1000)
    [one] = (await read(api, "/v1/imports"))["items"]
    assert (one["lines"], one["imported"], one["already"], one["rejected"]) == (4, 3, 0, 1)
    assert one["finished_at"] is not None
    assert await read(api, f"/v1/imports/{one['id']}") == one
    [reject] = (await read(api, f"/v1/imports/{one['id']}/rejects"))["items"]
    assert (reject["line"], reject["code"], reject["field"]) == (4, "sex_unknown", "sex")
    assert set(reject["remedy"]) == {"ar", "fr", "en"}
    for persona in ("citizen", "agent", "keying_operator"):
        assert (await api.get("/v1/imports", persona)).status_code == 403, persona
    for address in (f"/v1/imports/{one['id']}", f"/v1/imports/{one['id']}/rejects"):
        there = await api.get(address, CLERK, commune="06.371.01.01")
        assert there.status_code == 404, "no act of the file is theirs"
    for by, seen in ((cases.OFFICER, 1), (cases.ELSEWHERE, 0)):
        async with civil_status.api.transaction(by) as tx:
            assert (await tx.execute(REJECTS)).scalar_one() == seen, "nor for who gets past the routes"
    unknown = await api.get("/v1/imports/00000000-0000-0000-0000-000000000000", CLERK)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "import_unknown")


async def test_acts_taken_over_are_acts_of_the_country_that_are_done(
    api: Api, civil_status: ServiceDatabase, tmp_path: Path
) -> None:
    for number, office in enumerate((OFFICE, OFFICE, "06.371.01.01-01"), 1):
        path = written(tmp_path / f"{number}.csv", [line(number, office=office)])
        by = Actor(subject="operator-1")
        await take_over(civil_status.worker, opened(path), digest(path), by, limit=1000)
        await take_over(civil_status.worker, opened(path), digest(path), by, limit=1000)
    progress = "/v1/digitisation/progress"
    country = await read(api, progress, "governor")
    assert (country["imported"], country["done"]) == (3, 3)
    within = await read(api, f"{progress}?within=06.141", "governor")
    assert (within["imported"], within["done"]) == (2, 2)
