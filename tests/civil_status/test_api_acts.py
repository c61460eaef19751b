"""Acts over HTTP: drawn up, read, noted on."""

from tests.civil_status.conftest import Happened
from tests.civil_status.filed import WHY, an_act, by_judgment
from tests.support.http import Api


async def test_an_act_is_registered_numbered_and_read(api: Api, happened: Happened) -> None:
    registered = await api.post("/v1/acts", "civil_status_officer", json=by_judgment())
    assert registered.status_code == 201, registered.text
    act = registered.json()
    assert (act["number"], act["year"], act["state"], act["version"]) == (1, 2026, "valid", 1)
    assert await happened(act["id"]) == ["registered"]
    read = await api.get(f"/v1/acts/{act['id']}", "civil_status_officer", headers=WHY)
    assert read.status_code == 200, read.text
    assert read.json()["blocks"]["subject"]["given"]["tifinagh"] == "ⵢⴰⵙⵉⵏ"
    assert read.headers["ETag"] == '"1"'


async def test_nobody_reads_without_saying_why(api: Api) -> None:
    act = await an_act(api)
    for path in (f"/v1/acts/{act}", f"/v1/acts/{act}/outputs/extract"):
        answer = await api.get(path, "civil_status_officer")
        assert (answer.status_code, answer.json()["code"]) == (400, "access_purpose_missing")
