"""The rules of a report, by article of decree 2-17-265."""

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chikaya.domain import Action, Report, State
from services.chikaya.domain.catalogue import catalogue
from services.chikaya.domain.permissions import FOR_ANOTHER
from services.chikaya.domain.place import extents, located
from services.chikaya.domain.report.core import DEFECT, LIMITS, REDIRECTION, REOPENING, REPLY, REPLY_AGAIN
from services.chikaya.domain.report.filing import reference_of
from services.chikaya.domain.values import Contact, Method, Point, legible
from services.chikaya.events import report as told
from services.chikaya.events.report import Channel, Competence, Defect, InadmissibleGround, Outcome
from shared.auth import Actor
from shared.errors import Conflict, Forbidden, Invalid, NotFound
from tests.chikaya import cases
from tests.chikaya.cases import AGENT, BEN_AHMED, CASABLANCA, CITIZEN, DESK, NOW, OFFICER, REASONS


def test_it_is_acknowledged_at_the_instant_of_its_receipt() -> None:
    made = cases.received()
    event = made.acknowledge(NOW)
    assert (event.acknowledged_at, event.reference) == (made.received_at, made.reference)


def test_references_are_read_out_and_tell_no_number() -> None:
    references = {reference_of(UUID(int=n << 3 | 5), NOW) for n in range(500)}
    assert len(references) == 500
    assert all(re.fullmatch(r"2026-[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}", one) for one in references)


@pytest.mark.parametrize(
    ("category", "competence", "body"),
    [
        ("pothole", Competence.COMMUNE, CASABLANCA),
        ("rural_road", Competence.PROVINCE, "06.141"),
        ("sewer", Competence.OPERATOR, "srm_06"),
        ("school", Competence.OTHER, "education"),
    ],
)
def test_it_is_routed_by_category_competence_and_territory(
    category: str, competence: Competence, body: str
) -> None:
    route = catalogue().route(category, CASABLANCA)
    assert (route.competence, route.body) == (competence, body)


def test_every_commune_has_an_operator() -> None:
    known = catalogue()
    for one in known.categories.values():
        if one.competence is Competence.OPERATOR:
            assert known.route(one.code, BEN_AHMED).competence is Competence.OPERATOR


def test_an_agent_files_for_somebody_without_an_account_of_whatever_commune() -> None:
    made = cases.acknowledged(
        cases.ELSEWHERE, account=False, channel=Channel.CALL_CENTRE, contact=Contact(phone="+212612345678")
    )
    assert (made.filed_by, made.account) == (cases.ELSEWHERE.subject, False)
    assert made.may_read(cases.ELSEWHERE)


@pytest.mark.parametrize(
    ("by", "channel", "account"),
    [
        (CITIZEN, Channel.COUNTER, False),
        (cases.AGENT, Channel.COUNTER, True),
        (OFFICER, Channel.WEB, True),
    ],
)
def test_nobody_files_as_somebody_else(by: Actor, channel: Channel, account: bool) -> None:
    with pytest.raises(Forbidden, match="not_allowed"):
        cases.received(by, channel=channel, account=account)


@pytest.mark.parametrize("action", sorted(FOR_ANOTHER))
def test_an_agent_speaks_for_who_came_to_one_and_for_nobody_else(action: Action) -> None:
    """Whoever reported by themselves says by themselves whether they are satisfied."""
    state = State.DEFECTIVE if action is Action.COMPLETE else State.ANSWERED
    reach = cases.defective if state is State.DEFECTIVE else cases.answered
    assert action in reach(cases.at_counter()).actions(AGENT)
    assert action not in reach(cases.without_account()).actions(AGENT)
    assert action not in reach().actions(AGENT)


def test_who_has_no_account_follows_by_the_code_and_confirms_the_contact_once() -> None:
    made = cases.without_account()
    reporter = made.as_reporter()
    assert made.actions(reporter) == ["confirm_contact", "read"]
    assert isinstance(made.confirm_contact(by=reporter, now=NOW), told.ContactConfirmed)
    assert made.actions(reporter) == ["read"]
    with pytest.raises(Conflict, match="action_not_permitted"):
        made.confirm_contact(by=reporter, now=NOW)


def test_an_agent_completes_for_who_has_no_account_and_for_nobody_else() -> None:
    walked_in = cases.defective(cases.at_counter())
    walked_in.complete("قرب المدرسة", by=cases.AGENT, now=NOW)
    with pytest.raises(Forbidden, match="not_allowed"):
        cases.defective().complete("قرب المدرسة", by=cases.AGENT, now=NOW)


# -- art. 8, 10: the reply


@pytest.mark.parametrize("text", ["", " \n ", "😡😡😡", "!!!"])
def test_a_reply_has_reasons(text: str) -> None:
    made = cases.in_progress()
    with pytest.raises(Invalid, match="text_says_nothing"):
        made.answer(Outcome.NOT_UPHELD, text, DESK, by=OFFICER, now=NOW)
    assert made.state is State.IN_PROGRESS


def test_a_reply_carries_the_contact_block() -> None:
    [reply] = cases.answered().replies
    assert (reply.desk.address, reply.desk.phone, reply.desk.web) == (DESK.address, DESK.phone, DESK.web)


def test_nobody_handles_what_they_reported() -> None:
    officer = Actor(subject=CITIZEN.subject, roles=OFFICER.roles | CITIZEN.roles, communes=OFFICER.communes)
    with pytest.raises(Forbidden, match="own_report"):
        cases.in_progress().answer(Outcome.RESOLVED, REASONS, DESK, by=officer, now=NOW)
    with pytest.raises(Invalid, match="own_report"):
        cases.acknowledged().assign(CITIZEN.subject, by=cases.AGENT, now=NOW)


def test_sixty_days_of_silence_are_escalated_and_decide_nothing() -> None:
    made = cases.timed(cases.in_progress())
    due = cases.clock(REPLY, 60).answer_by
    assert due is not None
    event = made.elapsed(REPLY, due)
    assert isinstance(event, told.Escalated)
    assert (made.state, made.escalated_at) == (State.IN_PROGRESS, due)
    assert Action.ANSWER in made.actions(OFFICER)
    assert made.elapsed(REPLY, due) is None, "once"
    late = made.answer(Outcome.EXPLAINED, REASONS, DESK, by=OFFICER, now=due + timedelta(days=9))
    assert late.round == 1


@pytest.mark.parametrize("reach", [cases.answered, cases.closed, cases.redirected, cases.inadmissible])
def test_what_was_answered_in_time_is_not_escalated(reach: Callable[[], Report]) -> None:
    made = cases.timed(reach())
    assert made.elapsed(REPLY, NOW + timedelta(days=60)) is None
    assert made.escalated_at is None


def test_what_waits_for_the_reporter_is_not_escalated() -> None:
    made = cases.timed(cases.defective())
    assert made.elapsed(REPLY, NOW + timedelta(days=60)) is None


# -- art. 11, 9, 12: defective, not ours, inadmissible


@pytest.mark.parametrize(
    ("rule", "action"), [(DEFECT, Action.DECLARE_DEFECTIVE), (REDIRECTION, Action.REDIRECT)]
)
def test_after_its_limit_it_is_answered_as_it_stands(rule: str, action: Action) -> None:
    made = cases.timed(cases.acknowledged())
    due = NOW + timedelta(days=15)
    _, take = cases.TAKE[action]
    assert action in made.actions(OFFICER)
    assert isinstance(made.elapsed(rule, due), told.LimitPassed)
    assert action not in made.actions(OFFICER)
    with pytest.raises(Conflict, match="period_over"):
        take(made)


def test_the_limit_holds_before_anybody_heard_of_it() -> None:
    made = cases.timed(cases.acknowledged())
    with pytest.raises(Conflict, match="period_over"):
        made.redirect("equipment", REASONS, DESK, by=OFFICER, now=NOW + timedelta(days=15))
    made.redirect("equipment", REASONS, DESK, by=OFFICER, now=NOW + timedelta(days=15, microseconds=-1))


@pytest.mark.parametrize("ground", InadmissibleGround)
def test_three_grounds_each_with_reasons(ground: InadmissibleGround) -> None:
    made = cases.acknowledged()
    with pytest.raises(Invalid, match="text_says_nothing"):
        made.declare_inadmissible(ground, " ", DESK, by=OFFICER, now=NOW)
    made.declare_inadmissible(ground, REASONS, DESK, by=OFFICER, now=NOW)
    assert made.finding is not None
    assert (made.finding.ground, made.finding.reasons, made.state) == (ground, REASONS, State.INADMISSIBLE)


def test_it_is_redirected_to_a_body_that_is_known() -> None:
    with pytest.raises(Invalid, match="body_unknown"):
        cases.acknowledged().redirect("nobody", REASONS, DESK, by=OFFICER, now=NOW)


# -- routed elsewhere


@pytest.mark.parametrize(
    ("reach", "waits"),
    [
        (cases.acknowledged, State.ACKNOWLEDGED),
        (cases.completed, State.COMPLETED),
        (cases.in_progress, State.ACKNOWLEDGED),
        (cases.reopened, State.REOPENED),
        (lambda: cases.assigned(cases.reopened()), State.REOPENED),
    ],
)
def test_routed_elsewhere_it_keeps_clock_and_history(reach: Callable[[], Report], waits: State) -> None:
    made = reach()
    made.observe(cases.clock(REPLY, 60))
    clocks = dict(made.clocks)
    event = made.reroute("rural_road", BEN_AHMED, REASONS, by=cases.AGENT, now=NOW)
    assert (made.state, made.clocks, made.assignee) == (waits, clocks, None)
    assert (event.previous_collectivity, event.previous_category, event.body) == (
        CASABLANCA,
        "pothole",
        "06.461",
    )
    [before] = made.history
    assert (before.category, before.collectivity, before.reasons) == ("pothole", CASABLANCA, REASONS)
    assert made.actions(OFFICER) == ["read"], "where it lay before, it is read and no more"


@pytest.mark.parametrize("category", ["pothole", "rural_road", "electricity"])
def test_it_is_not_routed_to_where_nobody_would_see_it(category: str) -> None:
    made = cases.acknowledged()
    with pytest.raises(Invalid, match="collectivity_is_region"):
        made.reroute(category, "06", REASONS, by=AGENT, now=NOW)
    assert made.collectivity == CASABLANCA


def test_it_is_not_routed_to_where_it_is() -> None:
    with pytest.raises(Invalid, match="same_route"):
        cases.acknowledged().reroute("pothole", CASABLANCA, REASONS, by=cases.AGENT, now=NOW)
    with pytest.raises(NotFound, match="category_unknown"):
        cases.acknowledged().reroute("nothing", CASABLANCA, REASONS, by=cases.AGENT, now=NOW)


# -- satisfaction and reopening


@pytest.mark.parametrize("reach", [cases.answered, cases.closed])
def test_it_is_reopened_within_the_time_for_it(reach: Callable[[], Report]) -> None:
    made = reach()
    made.observe(cases.clock(REOPENING, 30))
    with pytest.raises(Conflict, match="period_over"):
        made.reopen("لم يصلح شيء", by=CITIZEN, now=NOW + timedelta(days=30))
    made.reopen("لم يصلح شيء", by=CITIZEN, now=NOW + timedelta(days=29))
    assert (made.round, made.reply_rule) == (2, REPLY_AGAIN)
    assert REOPENING not in made.clocks


def test_what_was_answered_once_is_no_longer_unclear() -> None:
    """Nothing stops the second period while whoever reported would complete it (art. 11 is of what came)."""
    made = cases.assigned(cases.reopened())
    assert Action.DECLARE_DEFECTIVE not in made.actions(OFFICER)
    with pytest.raises(Conflict, match="action_not_permitted"):
        made.declare_defective(Defect.UNCLEAR, REASONS, DESK, by=OFFICER, now=NOW)


def test_a_second_reply_has_a_clock_of_its_own() -> None:
    made = cases.reopened()
    assert made.answer_by is None, "not known yet"
    made.observe(cases.clock(REPLY_AGAIN, 60))
    due = made.answer_by
    assert due is not None
    assert made.elapsed(REPLY, due) is None, "the first one was answered"
    assert isinstance(made.elapsed(REPLY_AGAIN, due), told.Escalated)


def test_it_closes_by_itself_once_nobody_may_reopen_it() -> None:
    made = cases.answered()
    made.observe(cases.clock(REOPENING, 30))
    event = made.elapsed(REOPENING, NOW + timedelta(days=30))
    assert isinstance(event, told.Closed)
    assert made.state is State.CLOSED
    assert made.actions(CITIZEN) == ["read"]


def test_an_expiry_of_an_earlier_clock_of_the_rule_is_not_this_ones() -> None:
    made = cases.answered()
    made.observe(cases.clock(REOPENING, 30))
    assert made.elapsed(REOPENING, NOW + timedelta(days=10)) is None
    assert made.state is State.ANSWERED


def test_every_limit_is_of_an_action() -> None:
    assert set(LIMITS.values()) == {Action.DECLARE_DEFECTIVE, Action.REDIRECT, Action.REOPEN}


# -- what people send


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("  حفرة   كبيرة\r\n\r\n\r\n\r\nهنا ", "حفرة كبيرة\n\nهنا"),
        ("<b>Trou</b> & <script>", "<b>Trou</b> & <script>"),
        ("abc\u202edef", "abcdef"),
        ("Ok 👨\u200d👩\u200d👧", "Ok 👨\u200d👩\u200d👧"),
    ],
)
def test_text_is_text(sent: str, kept: str) -> None:
    assert legible(sent, "text") == kept


@pytest.mark.parametrize(
    ("sent", "code"),
    [("🚧🚧🚧", "text_says_nothing"), ("a\x07b", "text_characters"), ("ab" * 3000, "text_too_long")],
)
def test_text_that_is_none(sent: str, code: str) -> None:
    with pytest.raises(Invalid, match=code):
        legible(sent, "text")


@pytest.mark.parametrize(
    "contact",
    [
        Contact(email="no at"),
        Contact(email="?bcc=all@example.ma"),  # what follows ? in mailto: is a header (RFC 6068)
        Contact(email="amina,karim@example.ma"),
        Contact(email="amina%0a@example.ma"),
        Contact(phone="0612345678"),
    ],
)
def test_a_contact_that_nothing_reaches(contact: Contact) -> None:
    with pytest.raises(Invalid, match="malformed"):
        cases.received(cases.NOBODY, account=False, contact=contact)


@pytest.mark.parametrize(
    ("longitude", "latitude", "commune"),
    [
        (-7.62, 33.59, CASABLANCA),
        (-6.85, 34.01, "04.421.01.0"),  # Rabat
        (-9.59, 30.42, "09.001.01.01"),  # Agadir
    ],
)
def test_a_point_in_a_city_is_the_citys(longitude: float, latitude: float, commune: str) -> None:
    code, place = located(Point(longitude=longitude, latitude=latitude))
    assert code == commune
    assert place.method in {Method.NEAREST, Method.NEAREST_OF_SEVERAL}
    assert (place.method is Method.NEAREST) == (place.candidates == ())


@pytest.mark.parametrize(
    ("longitude", "latitude"), [(-12.0, 34.0), (2.35, 48.85), (-3.7, 40.4), (0.0, 0.0), (3.06, 36.75)]
)
def test_a_point_in_the_sea_or_abroad_is_nobodys(longitude: float, latitude: float) -> None:
    with pytest.raises(Invalid, match="point_outside"):
        located(Point(longitude=longitude, latitude=latitude))


@given(st.floats(-18, 0), st.floats(20, 37))
def test_a_point_asks_the_communes_of_its_cell_as_if_it_asked_all(longitude: float, latitude: float) -> None:
    point = Point(longitude=longitude, latitude=latitude)
    holding = {one.code for one in extents() if one.holds(point)}
    if not holding:
        with pytest.raises(Invalid, match="point_outside"):
            located(point)
        return
    code, found = located(point)
    nearest = sorted((one.away(point), one.code) for one in extents() if one.code in holding)
    assert [code, *found.candidates] == [code for _, code in nearest[:4]]
