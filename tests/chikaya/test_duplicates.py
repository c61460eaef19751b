"""What is proposed as a duplicate; that a person merges, that each gets the answer, that they part again."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import pytest
from sqlalchemy import text

from services.chikaya.app import SERVICE
from services.chikaya.domain import Report, State
from services.chikaya.domain.duplicates import ALIKE, MUCH_ALIKE, likeness, metres, similarity
from services.chikaya.domain.report.core import REPLY
from services.chikaya.domain.values import Method, Place, Point
from services.chikaya.events.report import Answered, Outcome, Separated
from shared.auth import Role
from shared.errors import Conflict, Forbidden, Invalid
from tests.chikaya import cases
from tests.chikaya.cases import AGENT, CITIZEN, NOW, OFFICER
from tests.chikaya.filed import (
    CASABLANCA,
    ELSEWHERE,
    REASONS,
    TEXT,
    answered,
    filed,
    problem,
    published,
    shown,
    step,
)
from tests.support.databases import ServiceDatabase
from tests.support.http import Api
from tests.support.services import Happened, envelope_of, hear

LOG: Final = text("SELECT * FROM msg.event_log WHERE aggregateid = :id ORDER BY seq")
METRE: Final = 1 / 111_195  # degrees of latitude


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("حفرة كبيرة أمام المدرسة، سقط فيها طفل", "توجد حُفرة خطيرة قرب باب المدرسة، وسقط فيها طفل صغير"),
        ("حفرة كبيرة وسط زنقة مراكش", "الحفر فالزنقة ديال مراكش كبار بزاف"),
        ("Nid-de-poule énorme devant l'école Al Amal", "il y a un gros nid de poule devant l’ecole al amal"),
        ("Lampadaire éteint rue Atlas", "Les lampadaires sont éteints dans la rue de l'Atlas depuis lundi"),
        ("الأزبال متراكمة قدام السوق", "تراكم الازبال أمام السوق منذ أسبوع"),
        ("kayn hofra kbira hda lmadrasa", "wahd l7ofra kbira 9dam lmadrasa"),
    ],
)
def test_what_says_the_same_in_other_words_is_alike(one: str, other: str) -> None:
    assert similarity(one, other) >= MUCH_ALIKE
    assert similarity(one, other) == similarity(other, one)
    assert similarity(one, one) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("حفرة كبيرة أمام المدرسة، سقط فيها طفل", "الطريق متشققة عند مدخل المستشفى"),
        ("Nid-de-poule énorme devant l'école", "Trottoir effondré près du marché central"),
        ("Lampadaire éteint depuis une semaine rue Atlas", "Poteau penché depuis hier avenue Hassan II"),
        ("الأزبال متراكمة قدام السوق", "حاوية محروقة في حي السلام"),
        ("حفرة كبيرة أمام المدرسة", "Grand trou devant l'école"),
        ("في على من", "في على من"),
    ],
)
def test_what_says_something_else_is_not(one: str, other: str) -> None:
    assert similarity(one, other) < ALIKE


def test_a_distance_is_that_of_the_sphere() -> None:
    rabat, casablanca = Point(longitude=-6.8498, latitude=33.9716), Point(longitude=-7.5898, latitude=33.5731)
    assert metres(rabat, casablanca) == pytest.approx(81_500, rel=0.02)
    assert metres(rabat, rabat) == 0


def _at(north: float | None, said: str = "حفرة كبيرة أمام المدرسة", category: str = "pothole") -> Report:
    point = None if north is None else Point(longitude=-7.62, latitude=33.59 + north * METRE)
    return cases.acknowledged(text=said, category=category, place=Place(method=Method.NEAREST, point=point))


@pytest.mark.parametrize(
    ("other", "proposed"),
    [
        (_at(50, "Grand trou devant l'école"), True),  # the place speaks where the languages do not
        (_at(70, "Grand trou devant l'école"), False),
        (_at(290), True),
        (_at(310), False),
        (_at(20, category="pavement"), True),
        (_at(20, "الرصيف مكسور", category="pavement"), False),
        (_at(None), True),
        (_at(None, "الطريق متشققة"), False),
    ],
)
def test_what_is_proposed(other: Report, proposed: bool) -> None:
    assert likeness(_at(0), other).proposed is proposed


# -- the steps


def test_a_merged_report_gets_the_answer_in_its_own_history() -> None:
    leading, made = cases.in_progress(cases.leading()), cases.acknowledged()
    made.merge(leading, leads=False, by=AGENT, now=NOW)
    assert (made.state, made.merged_into, made.assignee) == (State.MERGED, leading.id, None)
    leading.answer(Outcome.RESOLVED, REASONS, cases.DESK, by=OFFICER, now=NOW)
    [reply] = leading.replies
    assert made.share(reply, of=UUID(int=9), now=NOW) is None, "of another one"
    event = made.share(reply, of=leading.id, now=NOW)
    assert isinstance(event, Answered)
    assert (made.state, made.replies[0].text, event.answered_at) == (State.ANSWERED, REASONS, NOW)
    assert made.share(reply, of=leading.id, now=NOW) is None, "heard twice"
    made.reopen("لم يصلح شيء", by=CITIZEN, now=NOW)
    assert (made.state, made.merged_into) == (State.REOPENED, None)


def test_a_reply_given_before_it_was_merged_is_not_its_own() -> None:
    """The consumer may hear of the first reply when the report that leads was reopened long ago."""
    leading = cases.reopened()
    made = cases.leading()
    made.merge(leading, leads=False, by=AGENT, now=NOW)
    assert made.share(leading.replies[0], of=leading.id, now=NOW) is None
    assert made.state is State.MERGED
    cases.in_progress(leading)
    leading.answer(Outcome.RESOLVED, REASONS, cases.DESK, by=OFFICER, now=NOW)
    assert isinstance(made.share(leading.replies[1], of=leading.id, now=NOW), Answered)


def test_where_the_leading_one_ends_without_an_answer_or_by_the_reporter_it_waits_again() -> None:
    made = cases.merged()
    assert isinstance(made.share(None, of=UUID(int=2), now=NOW), Separated)
    assert (made.state, made.merged_into) == (State.ACKNOWLEDGED, None)
    own = cases.merged()
    leading = cases.in_progress(cases.leading())
    leading.answer(Outcome.RESOLVED, REASONS, cases.DESK, by=OFFICER, now=NOW)
    own.reporter = OFFICER.subject
    assert isinstance(own.share(leading.replies[0], of=UUID(int=2), now=NOW), Separated)


def test_the_reply_is_due_still_and_escalates() -> None:
    made = cases.timed(cases.acknowledged())
    made.merge(cases.leading(), leads=False, by=AGENT, now=NOW)
    due = made.answer_by
    assert due is not None
    made.elapsed(REPLY, due)
    assert made.escalated_at == due


@pytest.mark.parametrize(
    ("into", "leads"),
    [
        (cases.merged, False),
        (cases.answered, False),
        (cases.defective, False),
        (cases.redirected, False),
        (cases.leading, True),
    ],
)
def test_an_answer_takes_one_step(into: Any, leads: bool) -> None:
    leading = into()
    leading.id = UUID(int=2)
    made = cases.acknowledged()
    with pytest.raises(Conflict, match="not_merged_into"):
        made.merge(leading, leads=leads, by=AGENT, now=NOW)
    assert (made.state, made.merged_into) == (State.ACKNOWLEDGED, None)


def test_who_does_not_merge() -> None:
    with pytest.raises(Invalid, match="same_report"):
        cases.acknowledged().merge(cases.acknowledged(), leads=False, by=AGENT, now=NOW)
    with pytest.raises(Invalid, match="same_report"):
        cases.acknowledged().dismiss(cases.acknowledged(), REASONS, by=AGENT, now=NOW)
    there = cases.leading()
    there.collectivity = cases.BEN_AHMED
    with pytest.raises(Forbidden):
        cases.acknowledged().merge(there, leads=False, by=AGENT, now=NOW)
    with pytest.raises(Forbidden):
        cases.acknowledged().dismiss(there, REASONS, by=AGENT, now=NOW)
    both = type(AGENT)(subject=cases.STRANGER.subject, roles=frozenset({Role.AGENT}), communes=AGENT.communes)
    with pytest.raises(Forbidden, match="own_report"):
        cases.acknowledged().merge(cases.leading(), leads=False, by=both, now=NOW)


# -- over HTTP


async def heard(chikaya: ServiceDatabase, *ids: str) -> None:
    """All that happened to these, each twice, as a topic may say it."""
    async with chikaya.worker.transaction() as tx:
        rows: Sequence[Any] = [row for one in ids for row in await tx.execute(LOG, {"id": one})]
    for row in (*rows, *rows):
        await hear(SERVICE, chikaya, envelope_of(row))


async def test_side_by_side_merged_answered_and_told(
    api: Api, chikaya: ServiceDatabase, happened: Happened
) -> None:
    near = {"longitude": -7.62, "latitude": 33.5903}
    leading = await filed(api)
    other = await filed(api, text="Grand trou devant l'école", place=near)
    far = await filed(api, place={"longitude": -7.60, "latitude": 33.59})
    found = (await api.get(f"/v1/reports/{other}/duplicates", "agent")).json()
    [one] = found["proposals"]
    assert (found["report"]["id"], one["report"]["id"], one["report"]["text"]) == (other, leading, TEXT)
    assert one["metres"] == pytest.approx(33.4, abs=1)
    assert far not in str(found)
    assert (await shown(api, other))["state"] == "acknowledged", "nobody merged it"
    merged = await step(api, other, f"merger/{leading}", "agent")
    assert (merged["state"], merged["merged_into"]) == ("merged", leading)
    found = (await api.get(f"/v1/reports/{leading}/duplicates", "agent")).json()
    assert ([one["id"] for one in found["merged"]], found["proposals"]) == ([other], [])
    chained = await api.post(f"/v1/reports/{leading}/merger/{far}", "agent", json={})
    assert problem(chained) == (409, "not_merged_into")
    await answered(api, leading)
    await heard(chikaya, leading, other)
    own = await shown(api, other)
    assert (own["state"], own["replies"][0]["text"]) == ("answered", REASONS)
    assert await happened(other) == ["received", "acknowledged", "merged", "answered"]
    async with chikaya.worker.transaction() as tx:
        kinds = await tx.execute(
            text("SELECT kind FROM msg.notice WHERE about = :id ORDER BY number"), {"id": other}
        )
    assert list(kinds.scalars())[-1] == "answered", "whoever reported is told"


async def test_separated_it_is_dealt_with_by_itself(
    api: Api, chikaya: ServiceDatabase, happened: Happened
) -> None:
    leading, other, third = [await filed(api) for _ in range(3)]
    for one in (other, third):
        await step(api, one, f"merger/{leading}", "agent")
    assert (await step(api, other, "separation", "agent"))["state"] == "acknowledged"
    await published(api)
    body = {"body": "equipment", "reasons": REASONS}
    await step(api, leading, "redirection", "instructor", body)
    await heard(chikaya, leading)
    assert (await shown(api, third))["state"] == "acknowledged", "no ground of one is another's"
    for one in (other, third):
        assert await happened(one) == ["received", "acknowledged", "merged", "separated"]


async def sides(api: Api, report: str, persona: str = "agent") -> dict[str, Any]:
    answer = await api.get(f"/v1/reports/{report}/duplicates", persona)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_pair_that_a_person_dismissed_is_not_proposed_again(api: Api, happened: Happened) -> None:
    one, other, third = [await filed(api) for _ in range(3)]
    await step(api, one, f"duplicates/{other}/dismissal", "agent", {"reasons": "Deux trous, deux rues."})
    for report, apart in ((one, other), (other, one)):
        found = await sides(api, report, "instructor")
        assert [proposed["report"]["id"] for proposed in found["proposals"]] == [third]
        [said] = found["dismissed"]
        assert (said["report"]["id"], said["by"], said["reasons"]) == (
            apart,
            "agent",
            "Deux trous, deux rues.",
        )
        assert said["at"].endswith("Z")
    assert len((await sides(api, third))["proposals"]) == 2
    for report, again in ((one, other), (other, one)):
        where = f"/v1/reports/{report}/duplicates/{again}/dismissal"
        refused = await api.post(where, "instructor", json={"reasons": REASONS})
        assert problem(refused) == (409, "dismissed_before")
    assert await happened(one) == ["received", "acknowledged", "duplicate_dismissed"]
    assert "Deux trous" not in str(await shown(api, one)), "between officers"
    await step(api, other, f"merger/{one}", "instructor")
    await step(api, other, "separation", "instructor")
    assert [found["report"]["id"] for found in (await sides(api, other))["proposals"]] == [third]


async def test_nobody_merges_what_is_not_their_offices(api: Api) -> None:
    leading, other = await filed(api), await filed(api)
    there = await filed(api, place={"collectivity": ELSEWHERE})
    for persona, commune, into in (
        ("citizen", None, leading),
        ("agent", ELSEWHERE, leading),
        ("agent", None, there),
        ("governor", None, leading),
    ):
        answer = await api.post(f"/v1/reports/{other}/merger/{into}", persona, commune=commune, json={})
        assert answer.status_code in {403, 404}, persona
        where = f"/v1/reports/{other}/duplicates/{into}/dismissal"
        apart = await api.post(where, persona, commune=commune, json={"reasons": REASONS})
        assert apart.status_code in {403, 404}, persona
        found = await api.get(f"/v1/reports/{other}/duplicates", persona, commune=commune)
        assert found.status_code in {403, 404} or commune is None, persona
    assert (await shown(api, other))["collectivity"] == CASABLANCA
