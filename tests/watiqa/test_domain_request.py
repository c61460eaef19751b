"""What a request does on its way: who is issued to without an officer, what a change of the act does; and
that no order of happenings leads out of the table.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.watiqa.domain import ACTIONS, NEXT, Action, Request, State
from services.watiqa.domain.catalogue import catalogue
from services.watiqa.domain.values import Clock, Counter, Identity, Match, PaymentState, Wanted, tracked
from services.watiqa.domain.words import GROUNDS, WORDS, words
from services.watiqa.events import RequestEvent
from services.watiqa.events import request as told
from services.watiqa.events.request import ControlReason, Delivery, RefusalGround
from shared.auth import Actor, Role
from shared.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from tests.watiqa import cases
from tests.watiqa.cases import (
    ACT,
    AGENT,
    CITIZEN,
    HOME,
    LETTER,
    NOW,
    OFFICER,
    OTHER,
    PROOFS,
    asked,
    at_counter,
    filed,
    found,
    issued,
    returned,
)

DOWNLOAD: Final = Delivery.DOWNLOAD


def counted(**changes: Any) -> Request:
    """Filed at a counter, and the register asked."""
    made = at_counter(**changes)
    made.route(NOW)
    made.ask("sealed", {}, NOW)
    return made


@pytest.mark.parametrize(
    ("make", "linked", "state", "control"),
    [
        (lambda: asked(delivery=DOWNLOAD), True, State.ISSUING, None),
        (asked, True, State.UNPAID, None),
        (lambda: asked(delivery=DOWNLOAD), False, State.UNDER_CONTROL, ControlReason.NOT_LINKED),
        (lambda: asked(delivery=DOWNLOAD, capacity="ascendant"), True, State.ISSUING, None),
        (
            lambda: asked(delivery=DOWNLOAD, capacity="descendant", proofs=PROOFS),
            True,
            State.UNDER_CONTROL,
            ControlReason.PROOFS,
        ),
        (
            lambda: asked(delivery=DOWNLOAD, document="birth_copy"),
            True,
            State.UNDER_CONTROL,
            ControlReason.POLICY,
        ),
        (counted, False, State.ISSUING, None),
        (
            lambda: counted(capacity="ascendant", proofs={"kinship": "1" * 64}),
            False,
            State.UNDER_CONTROL,
            ControlReason.NOT_LINKED,
        ),
        (
            lambda: counted(document="life_certificate"),
            False,
            State.UNDER_CONTROL,
            ControlReason.POLICY,
        ),
    ],
)
def test_who_is_issued_to_without_an_officer(
    make: Callable[[], Request], linked: bool, state: State, control: ControlReason | None
) -> None:
    made = found(make(), linked=linked)
    assert (made.state, made.control) == (state, control)


@pytest.mark.parametrize(
    ("changes", "by", "code"),
    [
        ({"document": "passport"}, CITIZEN, "document_unknown"),
        ({"capacity": "neighbour"}, CITIZEN, "capacity_unknown"),
        ({"capacity": "descendant"}, CITIZEN, "proof_missing"),
        ({"capacity": "descendant", "proofs": {"identity": "0" * 64}}, CITIZEN, "proof_missing"),
        ({"proofs": {"marriage": "0" * 64}}, CITIZEN, "proof_not_wanted"),
        ({"capacity": "court", "proofs": {"official_letter": "0" * 64}}, CITIZEN, "capacity_not_yours"),
        ({"capacity": "self"}, cases.COURT, "capacity_not_yours"),
        ({}, OFFICER, "capacity_not_yours"),
        ({"document": "death_extract"}, CITIZEN, "capacity_unknown"),
        ({"document": "life_certificate", "delivery": DOWNLOAD}, CITIZEN, "channel_not_offered"),
        ({"document": "residence_certificate"}, CITIZEN, "act_or_statement"),
        ({"wanted": None}, CITIZEN, "act_or_statement"),
        ({"address": None}, CITIZEN, "address_missing"),
        ({"wanted": Wanted(given="ياسين")}, CITIZEN, "act_undetermined"),
        ({"wanted": Wanted(given="ياسين", office="06.141.01.0-01", year=2026)}, CITIZEN, "act_undetermined"),
        ({"wanted": Wanted(given="يا\u202eسين", identifier="00000000195")}, CITIZEN, "text_characters"),
        ({"wanted": Wanted(given="ي" * 10_000, identifier="00000000195")}, CITIZEN, "text_too_long"),
        ({"wanted": Wanted(given="  ", identifier="00000000195")}, CITIZEN, "text_empty"),
        ({"counter": Counter(identity=Identity.PASSPORT)}, cases.ELSEWHERE, "not_allowed"),
        ({"counter": Counter(identity=Identity.PASSPORT)}, CITIZEN, "not_allowed"),
    ],
)
def test_what_nobody_may_ask_is_refused_at_the_window(changes: dict[str, Any], by: Actor, code: str) -> None:
    with pytest.raises((Invalid, Forbidden, NotFound)) as refusal:
        filed(by, **changes)
    assert refusal.value.code == code


def test_an_officer_is_shown_what_is_missing_and_approves_what_is_proven() -> None:
    made = found(asked(delivery=DOWNLOAD))
    with pytest.raises(Invalid, match="proof_missing") as refusal:
        made.approve(by=OFFICER, now=NOW)
    assert refusal.value.extra["proofs"] == ["identity"]
    made.add_proof("identity", "0" * 64, by=CITIZEN, now=NOW)
    made.approve(by=OFFICER, now=NOW)
    assert made.state is State.ISSUING


def test_nobody_decides_on_what_they_filed() -> None:
    both = Actor(
        subject="officer-2",
        roles=frozenset({Role.CIVIL_STATUS_OFFICER, Role.CITIZEN}),
        communes=frozenset({cases.CASABLANCA}),
    )
    own = found(asked(by=both, delivery=DOWNLOAD, proofs={"identity": "0" * 64}))
    counter = Counter(identity=Identity.NATIONAL_CARD)
    for_another = asked(
        by=both, counter=counter, delivery=DOWNLOAD, capacity="ascendant", proofs={"kinship": "1" * 64}
    )
    for made in (own, found(for_another)):
        with pytest.raises(Forbidden, match="own_request"):
            made.approve(by=both, now=NOW)
        assert Action.APPROVE not in made.actions(both)
        assert Action.APPROVE in made.actions(OFFICER)


ONES_OWN: Final = {Action.CLARIFY, Action.ADD_PROOF, Action.PAY, Action.REISSUE, Action.WITHDRAW}


@pytest.mark.parametrize("state", [state for state in State if ACTIONS[state] & ONES_OWN])
def test_staff_take_no_step_of_who_asked_at_the_portal(state: State) -> None:
    made = cases.REACH[state]()
    assert ACTIONS[state] & ONES_OWN <= set(made.actions(CITIZEN))
    for staff in (cases.AGENT, OFFICER):
        assert not ONES_OWN & set(made.actions(staff))
        with pytest.raises(Forbidden, match="not_allowed"):
            made.withdraw(by=staff, now=NOW)


def test_staff_take_every_step_for_who_stands_at_a_counter() -> None:
    missing = counted()
    missing.missing(NOW)
    counter = Counter(identity=Identity.NATIONAL_CARD)
    unpaid = found(asked(by=cases.AGENT, counter=counter))
    assert (missing.state, unpaid.state) == (State.NOT_FOUND, State.UNPAID)
    assert set(missing.actions(cases.AGENT)) >= {Action.CLARIFY, Action.WITHDRAW}
    assert set(unpaid.actions(cases.AGENT)) >= {Action.PAY, Action.WITHDRAW}


@pytest.mark.parametrize("state", [State.UNDER_CONTROL, State.UNPAID, State.ISSUING])
def test_a_change_of_the_act_before_the_issue_asks_again(state: State) -> None:
    made = cases.REACH[state]()
    event = made.overtaken(ACT, 2, NOW)
    assert event is not None
    assert (made.state, made.to_ask, made.answer) == (State.MATCHING, True, None)
    assert made.key.endswith("-1"), "under a key of its own"


def test_who_had_an_act_approved_has_its_new_version_without_another_look() -> None:
    made = cases.controlled()
    made.approve(by=OFFICER, now=NOW)
    made.overtaken(ACT, 2, NOW)
    made.ask("sealed", {}, NOW)
    assert found(made, version=2).state is State.UNPAID
    again = cases.controlled()
    again.approve(by=OFFICER, now=NOW)
    again.overtaken(ACT, 2, NOW)
    again.ask("sealed", {}, NOW)
    assert found(again, act=OTHER).state is State.UNDER_CONTROL, "another act is another look"


@pytest.mark.parametrize("state", [State.ISSUED, State.POSTED, State.RETURNED, State.DELIVERED])
def test_a_change_after_the_issue_supersedes_and_an_annulment_revokes(state: State) -> None:
    made = cases.REACH[state]()
    assert made.overtaken(ACT, 1, NOW) is None, "it was issued of this version"
    assert made.overtaken(OTHER, 2, NOW) is None
    assert made.overtaken(ACT, 2, NOW) is not None
    assert made.state is State.SUPERSEDED
    assert made.overtaken(ACT, 3, NOW, annulled=True) is not None
    assert (made.state, made.revoked_for) == (State.REVOKED, "act_annulled")


def test_a_document_that_stands_is_not_issued_twice() -> None:
    made = cases.issued()
    version = made.version
    assert made.reissue(by=CITIZEN, now=NOW) is None
    assert (made.state, made.version) == (State.ISSUED, version)
    again = cases.superseded()
    assert again.reissue(by=CITIZEN, now=NOW) is not None
    assert (again.state, again.to_ask, again.paid_at) == (State.MATCHING, True, None)


def approved(made: Request) -> Request:
    """By an officer, of what the register found; issued since, and the act has changed."""
    found(made)
    made.approve(by=OFFICER, now=NOW)
    made.write("d1", NOW)
    made.issued("d1", NOW)
    made.overtaken(ACT, 2, NOW)
    assert made.state is State.SUPERSEDED
    return made


ATTORNEY: Final = {"identity": "0" * 64, "power_of_attorney": "1" * 64}


def test_an_approval_is_for_one_issue_and_the_register_knows_its_people_again() -> None:
    proxy = approved(asked(delivery=DOWNLOAD, capacity="proxy", proofs=ATTORNEY))
    made = cases.superseded()
    for one in (proxy, made):
        one.reissue(by=CITIZEN, now=NOW)
        one.ask("sealed", {}, NOW)
    assert found(proxy, version=2).state is State.UNDER_CONTROL
    assert found(made, version=2, linked=True).state is State.UNPAID


def test_who_was_seen_or_authorised_once_files_anew() -> None:
    other = cases.unauthorised()
    other.authorise(by=cases.AUTHORITY, now=NOW)
    other.ask("sealed", {}, NOW)
    other.fee = 0
    for made, by in (
        (approved(counted(document="life_certificate")), cases.AGENT),
        (approved(other), CITIZEN),
    ):
        assert Action.REISSUE not in made.actions(by)
        with pytest.raises(Conflict, match="action_not_permitted"):
            made.reissue(by=by, now=NOW)


def test_an_answer_that_nobody_waits_for_changes_nothing() -> None:
    for state in set(State) - {State.MATCHING}:
        made, untouched = cases.REACH[state](), cases.REACH[state]()
        match = Match(act=ACT, act_version=9)
        for event in (
            made.found(match, "x", NOW),
            made.missing(NOW),
            made.ambiguous(NOW),
            made.unreadable("key_gone", NOW),
            made.outdated(match, NOW),
        ):
            assert event is None
        assert made == untouched


def test_a_question_without_a_key_is_asked_again_and_one_that_says_nothing_finds_nothing() -> None:
    made = asked()
    assert made.unreadable("key_gone", NOW) is not None
    assert (made.state, made.to_ask) == (State.MATCHING, True)
    damaged = asked()
    damaged.unreadable("damaged", NOW)
    assert damaged.state is State.NOT_FOUND


def test_a_payment_counts_once_and_money_that_comes_late_is_put_down() -> None:
    made = cases.unpaid()
    made.start_payment("p1", by=CITIZEN, now=NOW)
    with pytest.raises(Conflict, match="payment_in_progress"):
        made.start_payment("p2", by=CITIZEN, now=NOW)
    with pytest.raises(Invalid, match="payment_amount"):
        made.settle_payment("p1", made.fee + 1, now=NOW)
    with pytest.raises(NotFound, match="payment_unknown"):
        made.settle_payment("p9", made.fee, now=NOW)
    made.fail_payment("p1", now=NOW)
    made.start_payment("p2", by=CITIZEN, now=NOW)
    assert isinstance(made.settle_payment("p2", made.fee, now=NOW), told.Paid)
    twice = made.settle_payment("p1", made.fee, now=NOW)
    assert isinstance(twice, told.PaymentUnowed)
    assert (twice.reason, made.state) == ("paid_twice", State.ISSUING)
    assert made.settle_payment("p1", made.fee, now=NOW) is None
    assert [one.id for one in made.owed_back] == ["p1"]
    with pytest.raises(Conflict, match="nothing_owed"):
        made.return_payment("p2", "VIR 12/2026", by=OFFICER, now=NOW)


def test_a_letter_that_came_back_goes_to_the_address_as_corrected() -> None:
    moved = replace(HOME, street="7 زنقة فاس")
    request = issued()
    with pytest.raises(Invalid, match="address_not_expected"):
        request.post(LETTER, moved, by=AGENT, now=NOW)
    request = returned()
    request.post(LETTER, moved, by=AGENT, now=NOW)
    assert (request.state, request.address) == (State.POSTED, moved)
    request.return_(by=AGENT, now=NOW)
    request.post(LETTER, by=AGENT, now=NOW)
    assert request.address == moved, "without another one it stays"


@pytest.mark.parametrize("ground", RefusalGround)
def test_a_refusal_says_its_reason(ground: RefusalGround) -> None:
    said = words(State.REFUSED, None, ground)
    for language, message in said.message.items():
        assert message == f"{WORDS[State.REFUSED].message[language]} {GROUNDS[ground][language]}"
    assert words(State.ISSUED, None, ground) == WORDS[State.ISSUED], "what was refused once may be issued"


def test_money_for_what_ended_is_owed_back_and_returned_once() -> None:
    made = cases.unpaid()
    made.start_payment("p1", by=CITIZEN, now=NOW)
    made.withdraw(by=CITIZEN, now=NOW)
    late = made.settle_payment("p1", made.fee, now=NOW)
    assert isinstance(late, told.PaymentUnowed)
    assert (late.reason, made.state, made.paid_at) == ("ended", State.WITHDRAWN, None)
    assert Action.RETURN_PAYMENT in made.actions(OFFICER)
    assert Action.RETURN_PAYMENT not in made.actions(CITIZEN)
    with pytest.raises(Forbidden, match="not_allowed"):
        made.return_payment("p1", "VIR 12/2026", by=cases.AGENT, now=NOW)
    with pytest.raises(NotFound, match="payment_unknown"):
        made.return_payment("p9", "VIR 12/2026", by=OFFICER, now=NOW)
    made.return_payment("p1", "VIR 12/2026", by=OFFICER, now=NOW)
    assert (made.owed_back, made.payments["p1"].state) == ([], PaymentState.RETURNED)
    assert Action.RETURN_PAYMENT not in made.actions(OFFICER)
    with pytest.raises(Conflict, match="action_not_permitted"):
        made.return_payment("p1", "VIR 12/2026", by=OFFICER, now=NOW)


def test_what_was_paid_and_is_never_issued_is_owed_back() -> None:
    made = cases.paid()
    made.overtaken(ACT, 2, NOW)
    made.withdraw(by=CITIZEN, now=NOW)
    owed = made.owe_back(NOW)
    assert owed is not None
    assert (owed.payment, owed.reason) == ("p1", "ended")
    assert made.owe_back(NOW) is None
    for of in (cases.issued(), cases.withdrawn(), cases.paid()):
        assert of.owe_back(NOW) is None


def test_a_dispute_stops_what_is_under_way_and_its_end_asks_again() -> None:
    made = cases.paid()
    assert made.disputed(OTHER, 2, NOW) is None
    assert made.disputed(ACT, 2, NOW) is not None
    assert (made.state, made.to_ask) == (State.MATCHING, True)
    made.ask("sealed", {}, NOW)
    made.ambiguous(NOW, candidates=[ACT])
    assert (made.state, made.misses) == (State.AMBIGUOUS, 0), "nobody guessed"
    assert made.decided(OTHER, 3, NOW) is None
    assert made.decided(ACT, 3, NOW) is not None
    assert (made.state, made.to_ask, made.candidates) == (State.MATCHING, True, ())
    issued = cases.issued()
    assert issued.disputed(ACT, 2, NOW) is None, "what was issued stands until a court has said"


def test_a_closed_office_holds_what_waits_for_an_officer_and_no_more() -> None:
    made = cases.controlled()
    assert made.hold(NOW) is not None
    assert made.state is State.OFFICE_CLOSED
    assert made.release(NOW) is not None
    assert (made.state, made.answer) == (State.UNDER_CONTROL, "answer")
    for state in set(State) - {State.UNDER_CONTROL}:
        assert cases.REACH[state]().hold(NOW) is None
    held = cases.controlled()
    held.hold(NOW)
    held.overtaken(ACT, 2, NOW)
    held.release(NOW)
    assert (held.state, held.to_ask) == (State.MATCHING, True), "what changed meanwhile is asked again"


def test_the_authoritys_silence_authorises_nothing() -> None:
    made = cases.unauthorised()
    clock = Clock(rule="watiqa.authorisation", answer_by=NOW, last_day=NOW.date())
    assert made.observe(clock) is not None
    assert made.observe(clock) is None
    assert made.elapsed(NOW) is not None
    assert made.elapsed(NOW) is None
    assert (made.state, made.overdue_since) == (State.AWAITING_AUTHORISATION, NOW)
    made.authorise(by=cases.AUTHORITY, now=NOW)
    assert made.state is State.MATCHING


@pytest.mark.parametrize(
    ("number", "ok"),
    [
        ("RR123456785MA", True),
        ("RR123456784MA", False),
        ("RR123456785FR", False),
        ("123456785", False),
        ("RR473124829MA", True),
        ("RR000000000MA", False),
        ("RR000000005MA", True),
    ],
)
def test_a_registered_letter_has_a_check_digit(number: str, ok: bool) -> None:
    if ok:
        assert tracked(number) == number
    else:
        with pytest.raises(Invalid, match="tracking_malformed"):
            tracked(number)


def test_the_list_of_article_43_is_whole() -> None:
    who = catalogue().who
    assert list(who.capacities) == [
        *("self", "ascendant", "descendant", "spouse", "widow", "guardian", "proxy"),
        *("kafil", "kafala_applicant", "court", "administration", "consul", "other"),
    ]
    assert [code for code, one in who.capacities.items() if one.authorisation] == ["other"]
    assert all(one.proofs for one in who.capacities.values())


def test_every_capacity_and_every_proof_says_by_which_article_and_how_well_it_is_known() -> None:
    who = catalogue().who
    assert {one.article for one in who.capacities.values()} == {
        "loi 36-21, art. 43",
        "loi 36-21, art. 43 ; décret 2-22-04, art. 41",
    }
    assert {one.confidence for one in who.capacities.values()} == {"C"}
    assert {one.confidence for one in who.proofs.values()} == {"B"}
    assert all(one.article for one in who.proofs.values())


# -- whatever happens, in whatever order

HAPPENINGS: Final[dict[str, Callable[[Request], RequestEvent | None]]] = {
    **{action.value: take for action, (_, take) in cases.TAKE.items()},
    "route": lambda r: r.release(NOW),
    "ask": lambda r: r.ask("sealed", {}, NOW) if r.to_ask else None,
    "found": lambda r: r.found(Match(act=ACT, act_version=1, linked=True), "answer", NOW),
    "marginless": lambda r: r.found(Match(act=ACT, act_version=1, margin_known=False), "answer", NOW),
    "not_linked": lambda r: r.found(Match(act=OTHER, act_version=1), "answer", NOW),
    "missing": lambda r: r.missing(NOW),
    "ambiguous": lambda r: r.ambiguous(NOW),
    "key_gone": lambda r: r.unreadable("key_gone", NOW),
    "outdated": lambda r: r.outdated(Match(act=ACT, act_version=1), NOW),
    "mention": lambda r: r.overtaken(ACT, 2, NOW),
    "margin": lambda r: r.margin_known(ACT, 2, NOW),
    "annulled": lambda r: r.overtaken(ACT, 3, NOW, annulled=True),
    "paid": lambda r: r.settle_payment("p2", r.fee, now=NOW),
    "unpaid": lambda r: r.fail_payment("p2", now=NOW),
    "closed": lambda r: r.hold(NOW),
    "disputed": lambda r: r.disputed(ACT, 4, NOW),
    "decided": lambda r: r.decided(ACT, 5, NOW),
    "several": lambda r: r.ambiguous(NOW, candidates=[ACT, OTHER]),
    "twice": lambda r: r.settle_payment("p1", r.fee, now=NOW),
    "owed": lambda r: r.owe_back(NOW),
    "given_back": lambda r: r.return_payment("p1", "VIR 1", by=OFFICER, now=NOW),
    "written": lambda r: r.write("d", NOW) if r.to_write else None,
    "unprintable": lambda r: r.unwritten(ControlReason.NOT_PRINTABLE, NOW) if r.to_write else None,
    "sealed": lambda r: r.issued("d", NOW),
}


@given(st.sampled_from(sorted(cases.REACH)), st.lists(st.sampled_from(sorted(HAPPENINGS)), max_size=25))
@settings(max_examples=300, deadline=None)
def test_whatever_happens_the_table_holds(start: State, happenings: list[str]) -> None:
    made = cases.REACH[start]()
    for name in happenings:
        before, version = made.state, made.version
        try:
            event = HAPPENINGS[name](made)
        except Problem:
            event = None
        if event is None:
            assert (made.state, made.version) == (before, version), "a refusal changes nothing"
        else:
            assert made.version == version + 1
            assert made.state is before or made.state in NEXT[before]
        assert made.to_ask is (made.state is State.MATCHING and made.asked_at is None)
        if made.state in {State.ISSUED, State.POSTED, State.DELIVERED}:
            assert made.answer is None, "what the register said is kept no longer than needed"
            assert made.paid_at or not made.fee, "nothing is issued unpaid"
        if made.state in {State.REFUSED, State.WITHDRAWN, State.REVOKED}:
            assert ACTIONS[made.state] == {Action.READ}
            assert made.key_in_use is None
