"""From a request at the portal to a sealed page that verifies, over both services' databases."""

import json
from pathlib import Path

from tests.civil_status.conftest import Says
from tests.civil_status.filed import own_act
from tests.documents.conftest import pdfsig
from tests.support.http import Api
from tests.watiqa.conftest import Happened, World
from tests.watiqa.filed import SECRETS, documents, downloaded, shown, submitted, verified


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
