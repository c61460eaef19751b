"""Replies drawn up by a template, and one incident with many complaints."""

import asyncio
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.chikaya.domain.template import Language, Template
from services.chikaya.events.report import Outcome
from shared.errors import Conflict, Forbidden, Invalid
from tests.chikaya import cases
from tests.chikaya.cases import AGENT, CASABLANCA, ELSEWHERE, NOW, OFFICER
from tests.chikaya.filed import ELSEWHERE as ABROAD
from tests.chikaya.filed import REWRITTEN, TEMPLATE, filed, problem, published, shown, step
from tests.support.databases import ServiceDatabase
from tests.support.http import Api
from tests.support.probes import eventually
from tests.support.services import Happened

SAID: Final = "Votre signalement {reference} : {works} le {day}."


def written(text: str = SAID, language: Language = Language.FR) -> Template:
    made, _ = Template.write(
        UUID(int=5), CASABLANCA, "Travaux", language, Outcome.PLANNED, text, by=OFFICER, now=NOW
    )
    return made


def test_values_are_data_and_those_of_the_report_are_its_own() -> None:
    report = cases.acknowledged()
    values = {"works": r"réfection {reference} {day} %s \g<0> <b>", "day": "3/12"}
    said = written().drawn_up(report, values)
    expected = (
        rf"Votre signalement {report.reference} : réfection {{reference}} {{day}} %s \g<0> <b> le 3/12."
    )
    assert said == expected


def test_what_the_report_says_is_in_the_language_of_the_template() -> None:
    said = written("{category} / {commune} / {received_on} / {body}", Language.AR)
    assert said.wanted == []
    assert said.drawn_up(cases.acknowledged(), {}).startswith(
        "حفرة أو تلف في طريق جماعي / الدار البيضاء / 22/11/2026"
    )


@pytest.mark.parametrize(
    ("values", "code", "named"),
    [
        ({}, "value_missing", ["day", "works"]),
        ({"works": "x", "day": " "}, "value_missing", ["day"]),
        ({"works": "x", "day": "y", "name": "z"}, "value_unknown", ["name"]),
        ({"works": "x", "day": "y", "reference": "2026-FAUX"}, "value_unknown", ["reference"]),
    ],
)
def test_a_variable_without_a_value_is_refused(values: dict[str, str], code: str, named: list[str]) -> None:
    with pytest.raises(Invalid) as refusal:
        written().drawn_up(cases.acknowledged(), values)
    assert (refusal.value.code, refusal.value.extra["variables"]) == (code, named)


@pytest.mark.parametrize(
    "text",
    [
        "Le {Day} prévu",
        "Le {day prévu",
        "Le {{day}} prévu",
        "Le } prévu",
        "Le {} prévu",
        "Le {reference.__class__} prévu",
        "Le {reference!r:>9} prévu",
    ],
)
def test_a_brace_that_is_no_variable_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="template_malformed"):
        written(text)


def test_of_its_office_until_it_is_withdrawn() -> None:
    made = written()
    for by in (AGENT, ELSEWHERE):
        with pytest.raises(Forbidden):
            made.rewrite("Autre", Outcome.RESOLVED, SAID, by=by, now=NOW)
    there = cases.acknowledged(collectivity=cases.BEN_AHMED)
    with pytest.raises(Conflict, match="other_office"):
        made.drawn_up(there, {"works": "x", "day": "y"})
    made.withdraw(by=OFFICER, now=NOW)
    for again in (
        lambda: made.withdraw(by=OFFICER, now=NOW),
        lambda: made.drawn_up(cases.acknowledged(), {"works": "x", "day": "y"}),
    ):
        with pytest.raises(Conflict, match="template_withdrawn"):
            again()


async def kept(api: Api, **changes: Any) -> str:
    answer = await api.post("/v1/templates", "president", json=TEMPLATE | changes)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


async def test_an_office_writes_rewrites_and_withdraws_its_own(api: Api, happened: Happened) -> None:
    template = await kept(api)
    [one] = (await api.get("/v1/templates", "agent")).json()["items"]
    assert (one["id"], one["wanted"]) == (template, ["works"])
    assert (await api.get("/v1/templates", "agent", commune="06.371.01.01")).json()["items"] == []
    report = await filed(api)
    where = f"/v1/reports/{report}/drafts/{template}"
    assert problem(await api.post(where, "agent", json={})) == (422, "value_missing")
    draft = (await api.post(where, "agent", json={"values": {"works": "travaux"}})).json()
    assert draft["text"].endswith(" : travaux à Casablanca.")
    assert problem(await api.post("/v1/templates", "agent", json=TEMPLATE)) == (403, "role_not_allowed")
    await api.post(f"/v1/templates/{template}/revision", "president", json=REWRITTEN | {"name": "Pluie"})
    await api.post(f"/v1/templates/{template}/withdrawal", "president", json={})
    assert (await api.get("/v1/templates", "agent")).json()["items"] == []
    assert await happened(template) == ["written", "written", "withdrawn"]


async def test_a_template_is_changed_by_who_read_it_as_it_is(api: Api) -> None:
    template = await kept(api)
    old = {"If-Match": '"1"'}
    where = f"/v1/templates/{template}"
    first = await api.post(f"{where}/revision", "president", json=REWRITTEN, headers=old)
    assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
    for step_, body in (("revision", REWRITTEN), ("withdrawal", {})):
        late = await api.post(f"{where}/{step_}", "president", json=body, headers=old)
        assert problem(late) == (412, "template_changed")


def bulk(template: str, *reports: str, **changes: Any) -> dict[str, Any]:
    return {"template_id": template, "reports": reports, "values": {"works": "pompage"}} | changes


async def results(
    api: Api, body: dict[str, Any], by: str = "instructor", key: str | None = None
) -> list[tuple[str, str | None]]:
    answer = await api.post("/v1/answers", by, json=body, key=key)
    assert answer.status_code == 200, answer.text
    assert [one["report_id"] for one in answer.json()["items"]] == list(body["reports"])
    return [(one["result"], one["code"]) for one in answer.json()["items"]]


ANSWERED: Final = ("answered", None)
ALREADY: Final = ("already_answered", None)


async def test_one_incident_many_complaints_a_result_for_each(api: Api, happened: Happened) -> None:
    await published(api)
    template = await kept(api)
    fresh, begun, defective = [await filed(api) for _ in range(3)]
    abroad = await filed(api, place={"collectivity": ABROAD})
    await step(api, begun, "assignment", "agent", {"assignee": "instructor"})
    await step(api, begun, "start")
    await step(api, defective, "defect", "instructor", {"defect": "unclear", "reasons": "Quelle rue ?"})
    body = bulk(template, fresh, defective, str(uuid4()), abroad, begun)
    wrong, gone = ("refused", "action_not_permitted"), ("refused", "report_unknown")
    for take, expected in (
        (False, [wrong, wrong, gone, gone, ANSWERED]),
        (True, [ANSWERED, wrong, gone, gone, ALREADY]),
        (True, [ALREADY, wrong, gone, gone, ALREADY]),
    ):
        assert await results(api, body | {"take": take}) == expected
    assert (await shown(api, fresh))["replies"][0]["text"].endswith(" : pompage à Casablanca.")
    assert await happened(fresh) == ["received", "acknowledged", "assigned", "started", "answered"]
    assert (await happened(begun)).count("answered") == 1
    assert await happened(abroad) == ["received", "acknowledged"], "not theirs to answer"


@pytest.mark.parametrize(
    ("values", "code", "named"),
    [({}, "value_missing", ["works"]), ({"works": "x", "street": "y"}, "value_unknown", ["street"])],
)
async def test_what_is_wrong_is_said_of_each_as_the_single_route_says_it(
    api: Api, values: dict[str, str], code: str, named: list[str]
) -> None:
    template, report = await kept(api), await filed(api)
    answer = await api.post("/v1/answers", "instructor", json=bulk(template, report, values=values))
    [one] = answer.json()["items"]
    single = await api.post(f"/v1/reports/{report}/drafts/{template}", "instructor", json={"values": values})
    assert one["problem"] == single.json()
    assert (one["code"], one["problem"]["variables"]) == (code, named)


async def test_the_call_as_a_whole_is_refused_for_what_concerns_all(api: Api) -> None:
    template, report = await kept(api), await filed(api)
    body = bulk(template, report)
    assert problem(await api.post("/v1/answers", "agent", json=body)) == (403, "role_not_allowed")
    unknown = await api.post("/v1/answers", "instructor", json=bulk(str(uuid4()), report))
    assert problem(unknown) == (404, "template_unknown")
    key = uuid4().hex
    assert await results(api, body, key=key) == [("refused", "contact_missing")]
    other = await api.post("/v1/answers", "instructor", json=body | {"take": True}, key=key)
    assert problem(other) == (422, "idempotency_key_reused")


async def test_asked_again_with_its_key_nobody_is_answered_twice(api: Api, happened: Happened) -> None:
    template = await kept(api)
    report, refused = await filed(api), await filed(api)
    body, key = bulk(template, report, refused, take=True), uuid4().hex
    await published(api)
    await step(api, refused, "defect", "instructor", {"defect": "unclear", "reasons": "Quelle rue ?"})
    assert await results(api, body, key=key) == [ANSWERED, ("refused", "action_not_permitted")]
    await step(api, report, "reopening", "citizen", {"reasons": "Il y a encore de l'eau."})
    await step(api, refused, "completion", "citizen", {"text": "Rue des Écoles."})
    assert await results(api, body, key=key) == [ANSWERED, ANSWERED], "what was refused is tried"
    assert (await happened(report))[-1] == "reopened", "the first call's reply is no reply to what came after"
    assert await results(api, body) == [ANSWERED, ALREADY], "another call is another decision"
    await step(api, report, "rating", "citizen", {"satisfied": True})
    assert await results(api, body) == [ALREADY, ALREADY]
    assert (await happened(report)).count("answered") == 2


async def test_cut_off_half_way_it_goes_on_where_it_was(
    api: Api, own: ServiceDatabase, happened: Happened
) -> None:
    await published(api)
    template = await kept(api)
    reports = [await filed(api) for _ in range(3)]
    body, key = bulk(template, *reports, take=True), uuid4().hex
    other = await asyncpg.connect(own.migrator_dsn)
    try:
        async with other.transaction():
            await other.execute("SELECT FROM chikaya.report WHERE id = $1 FOR UPDATE", UUID(reports[1]))
            cut = asyncio.create_task(api.post("/v1/answers", "instructor", json=body, key=key))
            await eventually(lambda: _last(happened, reports[0]), "answered")
            cut.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cut
    finally:
        await other.close()
    assert [(await happened(one)).count("answered") for one in reports] == [1, 0, 0]
    assert await results(api, body, key=key) == [ANSWERED] * 3
    assert [(await happened(one)).count("answered") for one in reports] == [1, 1, 1]


async def _last(happened: Happened, report: str) -> str:
    return (await happened(report))[-1]


async def test_two_officers_at_the_same_incident_at_once(api: Api, happened: Happened) -> None:
    await published(api)
    template = await kept(api)
    reports = [await filed(api) for _ in range(4)]
    one, other = await asyncio.gather(
        results(api, bulk(template, *reports, take=True), "instructor"),
        results(api, bulk(template, *reversed(reports), take=True), "president"),
    )
    for report, pair in zip(reports, zip(one, reversed(other), strict=True), strict=True):
        assert sorted(pair) == [ALREADY, ANSWERED]
        assert (await happened(report)).count("answered") == 1
