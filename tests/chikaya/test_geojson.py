"""The reports that everybody sees, as GeoJSON."""

from tests.chikaya.filed import (
    CASABLANCA,
    TEXT,
    filed,
    published,
)
from tests.support.http import Api


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
