"""What everybody sees, over HTTP: what a person said is shown, and nothing else."""

from pathlib import Path
from typing import Any, Final

from tests.chikaya.filed import (
    ELSEWHERE,
    REASONS,
    TEXT,
    answered,
    filed,
    problem,
    shown,
    step,
)
from tests.support.http import Api
from tests.support.services import Happened

NUMBER: Final = "0612345678"
WROTE: Final = f"{TEXT} اتصلوا على {NUMBER}"
PHOTO: Final = (Path(__file__).parent / "photos" / "telephone.png").read_bytes()


async def public(api: Api, report: str) -> dict[str, Any]:
    answer = await api.get(f"/v1/public-reports/{report}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def waiting(api: Api, flagged: str = "") -> list[str]:
    answer = await api.get(f"/v1/reviews{flagged}", "agent")
    return [one["id"] for one in answer.json()["items"]]


async def test_rules_point_out_and_a_person_cuts(api: Api, happened: Happened) -> None:
    report, plain = await filed(api, text=WROTE), await filed(api)
    assert await waiting(api, "?flagged=true") == [report]
    assert await waiting(api, "?flagged=false") == [plain]
    [one, _] = (await api.get("/v1/reviews", "agent")).json()["items"]
    [flag] = one["text"]["flags"]
    assert (flag["rule"], flag["kind"]) == ("phone", "personal_data")
    assert one["text"]["text"][flag["start"] : flag["end"]] == NUMBER
    refused = await api.post(f"/v1/reports/{report}/publication", "agent", json={})
    assert (*problem(refused), refused.json()["flags"]) == (422, "flagged", ["phone"])
    assert (await public(api, report))["text"] is None
    cut = one["text"]["proposal"]
    done = await step(api, report, "publication", "agent", {"text": cut})
    assert (done["published"], done["text"]) == (True, WROTE)
    assert (await public(api, report))["text"] == cut == f"{TEXT} اتصلوا على […]"
    assert await waiting(api) == [plain]
    assert (await happened(report))[-1] == "published"
    mouth = await api.post(f"/v1/reports/{report}/publication", "agent", json={"text": "كل شيء بخير"})
    assert problem(mouth) == (422, "not_a_redaction")


async def test_a_reply_waits_for_a_persons_word_too(api: Api) -> None:
    report = await filed(api)
    await step(api, report, "publication", "agent")
    await answered(api, report)
    assert ((await public(api, report))["text"], (await public(api, report))["reply"]) == (TEXT, None)
    assert await waiting(api) == [report]
    await step(api, report, "publication", "instructor", {"reply": REASONS})
    assert (await public(api, report))["reply"] == REASONS


async def test_a_photo_is_shown_by_a_persons_word_alone(api: Api) -> None:
    files = []
    for content in (PHOTO, PHOTO + b"1"):
        stored = await api.post("/v1/files", "citizen", files={"file": ("trou.png", content, "image/png")})
        files.append(stored.json()["sha256"])
    report = await filed(api, files=files)
    await step(api, report, "publication", "agent")
    where = f"/v1/public-reports/{report}/photos"
    for digest in files:
        assert problem(await api.get(f"{where}/{digest}")) == (404, "photo_unknown")
    await step(api, report, "publication", "agent", {"photos": files[:1]})
    [copy] = (await public(api, report))["photos"]
    assert (await api.get(f"{where}/{copy}")).status_code == 200
    assert problem(await api.get(f"{where}/{files[1]}")) == (404, "photo_unknown")
    await step(api, report, "withholding", "agent", {"reasons": REASONS})
    assert problem(await api.get(f"{where}/{copy}")) == (404, "photo_unknown")


async def test_what_is_withheld_is_seen_by_who_reported_and_the_office(api: Api, happened: Happened) -> None:
    report = await filed(api, text="هاد المقدم ولد الكلب، حفرة قدام الدار")
    await step(api, report, "publication", "agent", {"reasons": REASONS})
    assert (await public(api, report))["text"] is not None
    await step(api, report, "withholding", "president", {"reasons": "Insulte."})
    assert ((await public(api, report))["text"], (await public(api, report))["photos"]) == (None, [])
    own = await shown(api, report)
    assert (own["published"], own["review"]["reasons"]) == (False, "Insulte.")
    assert (await happened(report))[-2:] == ["published", "withheld"]


async def test_who_does_not_decide_what_is_shown(api: Api) -> None:
    report = await filed(api)
    for persona, commune in (("citizen", None), ("citizen2", None), ("governor", None), ("agent", ELSEWHERE)):
        for what, body in (("publication", {}), ("withholding", {"reasons": REASONS})):
            answer = await api.post(f"/v1/reports/{report}/{what}", persona, commune=commune, json=body)
            assert answer.status_code in {403, 404}, persona
    assert (await api.get("/v1/reviews", "agent", commune=ELSEWHERE)).json()["items"] == []
    assert (await public(api, report))["text"] is None
