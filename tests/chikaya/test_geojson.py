"""The reports that everybody sees, as GeoJSON."""

from datetime import UTC, datetime, timedelta

import pytest

from services.chikaya.store.public import FEW
from shared.territory import territory
from tests.chikaya.filed import CASABLANCA, ELSEWHERE, TEXT, filed, published
from tests.support.http import Api
from tests.support.services import At


async def test_geojson_of_what_everybody_sees(api: Api) -> None:
    report = await filed(api, contact={"name": "Amina Secret", "phone": "+212612345678"})
    unlocated = await filed(api, place={"collectivity": CASABLANCA, "address": "Rue 7"})
    await filed(api, category="reception")
    await published(api)
    answer = await api.get(f"/v1/public-reports.geojson?collectivity={CASABLANCA}&limit=1")
    assert answer.headers["content-type"] == "application/geo+json"
    collection = answer.json()
    again = await api.get(f"/v1/public-reports.geojson?limit=1&cursor={collection['next']}")
    assert again.json()["next"] is None
    assert collection["type"] == "FeatureCollection"
    by_id = {one["id"]: one for one in (*collection["features"], *again.json()["features"])}
    assert set(by_id) == {report, unlocated}
    assert by_id[unlocated]["geometry"] is None
    assert by_id[report]["geometry"] == {"type": "Point", "coordinates": [-7.62, 33.59]}
    assert by_id[report]["properties"]["state"] == "acknowledged"
    for secret in ("Amina", "+212", TEXT, "citizen", "أمام"):
        assert secret not in answer.text + again.text


@pytest.mark.parametrize(
    ("collectivity", "places"),
    [(None, 2), ("06.141", 1), (CASABLANCA, 1), (ELSEWHERE, 1), ("06", 2), ("04", 0)],
)
async def test_pages_are_the_same_however_many_places_are_asked_for(
    api: Api, at: At, collectivity: str | None, places: int
) -> None:
    begin = datetime(2026, 5, 4, 9, tzinfo=UTC)
    for minute in range(4):
        await at(begin + timedelta(minutes=minute))
        await filed(api)
        await filed(api, place={"collectivity": ELSEWHERE, "address": "Rue 7"})
    query = f"&collectivity={collectivity}" if collectivity else ""
    for until, minutes in ((None, 4), (begin + timedelta(minutes=2), 2)):
        bound = f"&until={until:%Y-%m-%dT%H:%M:%SZ}" if until else ""
        path = f"/v1/public-reports?{query}{bound}"
        whole = (await api.get(path)).json()["items"]
        assert len(whole) == places * minutes
        assert [one["received_at"] for one in whole] == sorted(
            (one["received_at"] for one in whole), reverse=True
        )
        paged: list[dict[str, object]] = []
        cursor: str | None = ""
        while cursor is not None:
            page = (await api.get(f"{path}&limit=1{cursor}")).json()
            paged += page["items"]
            cursor = f"&cursor={page['next']}" if page["next"] else None
        assert paged == whole


def test_both_ways_are_asked_for() -> None:
    assert len(territory().within(CASABLANCA)) <= FEW < len(territory().within("06"))
