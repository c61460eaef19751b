"""Files over HTTP, from the draft to the receipt."""

from tests.support.http import Api

SMALL = {"procedure": "construction_small", "collectivity": "06.141.01.0", "site": "TF 12345/C"}


async def test_a_draft_belongs_to_its_applicant(api: Api) -> None:
    answer = await api.post("/v1/dossiers", "citizen", json=SMALL)
    assert answer.status_code == 201, answer.text
    draft = answer.json()
    assert (draft["state"], draft["applicant"], draft["version"]) == ("draft", "citizen", 1)
    assert answer.headers["etag"] == '"1"'
    assert "submit" in " ".join(draft["actions"])
    assert (await api.get(f"/v1/dossiers/{draft['id']}", "citizen")).json()["site"] == "TF 12345/C"
    assert (await api.get(f"/v1/dossiers/{draft['id']}", "citizen2")).status_code == 404


async def test_clients_that_are_generated_get_names_and_no_paths_of_modules(api: Api) -> None:
    """Two schemas of one name would be told apart by the modules that declare them."""
    schemas = (await api.get("/openapi.json")).json()["components"]["schemas"]
    assert "DossierOut" in schemas
    assert [name for name in schemas if "__" in name] == []


async def test_an_incomplete_file_gets_its_exhaustive_list_at_once(api: Api) -> None:
    draft = (await api.post("/v1/dossiers", "citizen", json=SMALL)).json()
    receipt = (await api.post(f"/v1/dossiers/{draft['id']}/submission", "citizen", json={})).json()
    assert (receipt["status"], receipt["title"]["ar"]) == ("incomplete", "ملف في طور الإيداع")
    assert receipt["reference"].endswith("/00001")
    assert receipt["missing"]
    again = await api.post(f"/v1/dossiers/{draft['id']}/submission", "citizen", json={})
    assert (again.status_code, again.json()["code"]) == (409, "action_not_permitted")
    assert "actions" in again.json()
