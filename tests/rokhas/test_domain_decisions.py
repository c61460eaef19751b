"""The decision, how it reaches the applicant, and what comes too late."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from services.rokhas.domain import Delegation, DelegationKind, Dossier, State, late_refusal
from services.rokhas.domain.states import LATE as LATE_STATES
from services.rokhas.domain.values import ClockChange, ExtensionGround, Reason, Recipient
from services.rokhas.events import (
    AppealAnswered,
    BindingOpinion,
    DecisionAttemptedLate,
    Granted,
    HandoverRecorded,
    OpinionOutcome,
    Outcome,
    PermitDelivered,
    Refused,
)
from shared.auth import Actor
from shared.errors import Conflict, Forbidden, Invalid
from tests.rokhas.cases import (
    AGENT,
    ANSWER_BY,
    CASABLANCA,
    CITIZEN,
    CLERK,
    DIGEST,
    FILED,
    INSTRUCTOR,
    LATE,
    PRESIDENT,
    REACH,
    REASON,
    SOON,
    appealed,
    clock,
    delivered,
    invoked,
    running,
    silent,
    submitted,
    suspended,
)

JUST_BEFORE = ANSWER_BY - timedelta(microseconds=1)


@pytest.mark.parametrize("now", [SOON, JUST_BEFORE])
def test_a_refusal_is_lawful_strictly_before_answer_by(now: datetime) -> None:
    dossier = running()
    event = dossier.refuse([REASON], by=PRESIDENT, now=now)
    assert isinstance(event, Refused)
    assert (event.notified_at, event.articles) == (now, (REASON.article,))
    assert dossier.state is State.REFUSED


@pytest.mark.parametrize("now", [ANSWER_BY, LATE])
def test_a_late_refusal_has_no_effect_and_is_recorded(now: datetime) -> None:
    dossier = running()
    event = dossier.refuse([REASON], by=PRESIDENT, now=now)
    assert isinstance(event, DecisionAttemptedLate)
    assert (event.attempted_at, event.answer_by) == (now, ANSWER_BY)
    assert (dossier.state, dossier.decision, dossier.late_attempts) == (State.UNDER_REVIEW, None, 1)
    problem = late_refusal(event)
    assert (problem.status, problem.code) == (409, "late_refusal")
    assert problem.extra["answer_by"] == "2026-04-15T00:00:00Z"


@pytest.mark.parametrize("state", sorted(LATE_STATES))
def test_a_late_refusal_is_recorded_in_every_state_after_the_expiry(state: State) -> None:
    dossier = REACH[state]()
    event = dossier.refuse([REASON], by=PRESIDENT, now=LATE + timedelta(days=30))
    assert isinstance(event, DecisionAttemptedLate)
    assert (event.answer_by, dossier.state) == (ANSWER_BY, state)


def test_no_refusal_while_the_date_is_unknown() -> None:
    with pytest.raises(Conflict, match="clock_unknown") as refusal:
        submitted().refuse([REASON], by=PRESIDENT, now=SOON)
    assert refusal.value.extra["retry"] is True


def test_no_refusal_until_the_clock_has_seen_an_answer() -> None:
    dossier = suspended()
    dossier.answer("r1", documents={"site_plan": DIGEST}, by=CITIZEN, now=SOON)
    with pytest.raises(Conflict, match="clock_unknown"):
        dossier.refuse([REASON], by=PRESIDENT, now=LATE)
    dossier.observe(clock(), ClockChange.MOVED)  # a holiday announced before the clock saw the answer
    with pytest.raises(Conflict, match="clock_unknown"):
        dossier.refuse([REASON], by=PRESIDENT, now=LATE)
    dossier.observe(clock(answer_by=LATE + timedelta(days=5)), ClockChange.RESUMED)
    assert isinstance(dossier.refuse([REASON], by=PRESIDENT, now=LATE), Refused)


def test_no_refusal_until_the_clock_has_seen_an_extension() -> None:
    dossier = running()
    dossier.extend(10, ExtensionGround.EXPERTISE, by=INSTRUCTOR, now=SOON)
    with pytest.raises(Conflict, match="clock_unknown"):
        dossier.refuse([REASON], by=PRESIDENT, now=LATE)
    dossier.observe(clock(answer_by=ANSWER_BY + timedelta(days=10)), ClockChange.EXTENDED)
    assert isinstance(dossier.refuse([REASON], by=PRESIDENT, now=LATE), Refused)


def test_a_provisional_date_already_reached_is_no_date() -> None:
    dossier = running()
    dossier.observe(clock(provisional=True), ClockChange.CERTAINTY_CHANGED)
    with pytest.raises(Conflict, match="clock_unknown"):
        dossier.refuse([REASON], by=PRESIDENT, now=LATE)
    assert isinstance(dossier.refuse([REASON], by=PRESIDENT, now=SOON), Refused)


def test_55_19_art_18_rgc_40_a_refusal_is_reasoned() -> None:
    with pytest.raises(Invalid, match="reasons_missing"):
        running().refuse([], by=PRESIDENT, now=SOON)
    with pytest.raises(Invalid, match="reason_text_missing"):
        running().refuse([Reason(article="RGC 40", text=" ")], by=PRESIDENT, now=SOON)
    with pytest.raises(Invalid, match="reason_article_missing"):
        running().refuse([Reason(article="", text="Non")], by=PRESIDENT, now=SOON)


def test_rgc_37_a_complementary_document_never_justifies_a_refusal() -> None:
    lacking = Reason(article="RGC 37", text="Manque", document="surface_certificate")
    with pytest.raises(Invalid, match="complementary_document"):
        running().refuse([lacking], by=PRESIDENT, now=SOON)


@pytest.mark.parametrize(
    ("now", "late"), [(SOON, False), (JUST_BEFORE, False), (ANSWER_BY, True), (LATE, True)]
)
def test_a_grant_is_always_possible(now: datetime, late: bool) -> None:
    dossier = running()
    event = dossier.grant(by=PRESIDENT, now=now)
    assert isinstance(event, Granted)
    assert (event.notified_at, event.late, dossier.state) == (now, late, State.GRANTED)


def test_a_grant_needs_no_known_date() -> None:
    assert isinstance(submitted().grant(by=PRESIDENT, now=SOON), Granted)


def test_a_late_grant_keeps_the_approval_as_of_the_silence() -> None:
    dossier = silent()
    event = dossier.grant(by=PRESIDENT, now=LATE)
    assert isinstance(event, Granted)
    assert event.late
    assert dossier.effective_at == ANSWER_BY


def test_a_grant_after_the_invocation_is_the_delivery() -> None:
    dossier = invoked()
    assert isinstance(dossier.grant(by=PRESIDENT, now=LATE), PermitDelivered)
    assert dossier.state is State.DELIVERED


def test_a_grant_on_appeal_is_its_answer() -> None:
    dossier = appealed()
    event = dossier.grant(by=PRESIDENT, now=LATE)
    assert isinstance(event, AppealAnswered)
    assert (event.outcome, dossier.state) == (Outcome.GRANTED, State.GRANTED)


def test_113_14_art_101_the_binding_opinion_forbids_a_grant_in_time() -> None:
    dossier = running()
    dossier.give_opinion(
        "urban_agency",
        OpinionOutcome.UNFAVOURABLE,
        reasons="Zone verte",
        document=DIGEST,
        by=INSTRUCTOR,
        now=SOON,
    )
    with pytest.raises(Conflict, match="binding_opinion_unfavourable"):
        dossier.grant(by=PRESIDENT, now=SOON)
    event = dossier.grant(by=PRESIDENT, now=LATE)
    assert isinstance(event, Granted)
    assert event.binding_opinion is BindingOpinion.UNFAVOURABLE


def hand_over(
    dossier: Dossier, outcome: Outcome, at: datetime, now: datetime, by: Actor = AGENT
) -> Granted | Refused | HandoverRecorded | DecisionAttemptedLate:
    reasons = [REASON] if outcome is Outcome.REFUSED else []
    return dossier.record_handover(
        outcome, handed_over_at=at, evidence=DIGEST, reasons=reasons, by=by, now=now
    )


def against() -> Dossier:
    """The urban agency's binding opinion is unfavourable."""
    dossier = running()
    dossier.give_opinion(
        "urban_agency",
        OpinionOutcome.UNFAVOURABLE,
        reasons="Zone verte",
        document=DIGEST,
        by=INSTRUCTOR,
        now=SOON,
    )
    return dossier


@pytest.mark.parametrize(("outcome", "event"), [(Outcome.GRANTED, Granted), (Outcome.REFUSED, Refused)])
def test_a_handover_entered_in_time_counts_from_the_handover(
    outcome: Outcome, event: type[Granted | Refused]
) -> None:
    taken = hand_over(running(), outcome, SOON, JUST_BEFORE, PRESIDENT)
    assert isinstance(taken, event)
    assert (taken.notified_at, taken.proof) == (SOON, DIGEST)


@pytest.mark.parametrize("outcome", Outcome)
def test_113_14_art_101_a_handover_entered_by_an_agent_needs_a_second_person(outcome: Outcome) -> None:
    dossier = running()
    recorded = hand_over(dossier, outcome, SOON, JUST_BEFORE)
    assert isinstance(recorded, HandoverRecorded)
    assert (recorded.after_expiry, dossier.state) == (False, State.UNDER_REVIEW)
    with pytest.raises(Forbidden, match="second_person_required"):
        dossier.confirm_handover(by=AGENT, now=JUST_BEFORE)
    assert dossier.confirm_handover(by=CLERK, now=JUST_BEFORE).notified_at == SOON


def test_who_holds_the_presidents_signature_enters_a_handover_alone() -> None:
    lent = Delegation(
        id=UUID(int=9),
        collectivity=CASABLANCA,
        kind=DelegationKind.SIGNATURE,
        giver=PRESIDENT.subject,
        holder=AGENT.subject,
        starts_at=FILED,
        ends_at=LATE,
    )
    dossier = running()
    dossier.record_handover(
        Outcome.GRANTED, handed_over_at=SOON, evidence=DIGEST, by=AGENT, now=SOON, delegations=[lent]
    )
    assert dossier.state is State.GRANTED


def test_113_14_art_101_the_binding_opinion_forbids_a_grant_on_paper_in_time() -> None:
    for by in (PRESIDENT, AGENT):
        for now in (JUST_BEFORE, LATE):
            dossier = against()
            with pytest.raises(Conflict, match="binding_opinion_unfavourable"):
                hand_over(dossier, Outcome.GRANTED, SOON, now, by)
            assert (dossier.state, dossier.handover) == (State.UNDER_REVIEW, None)
    assert hand_over(against(), Outcome.REFUSED, SOON, JUST_BEFORE, PRESIDENT)
    late = against()
    hand_over(late, Outcome.GRANTED, LATE, LATE)
    late.confirm_handover(by=CLERK, now=LATE)
    assert late.state is State.GRANTED


def test_113_14_art_101_an_opinion_given_meanwhile_forbids_the_confirmation() -> None:
    dossier = running()
    hand_over(dossier, Outcome.GRANTED, SOON, SOON)
    dossier.give_opinion(
        "urban_agency",
        OpinionOutcome.UNFAVOURABLE,
        reasons="Zone",
        document=DIGEST,
        by=INSTRUCTOR,
        now=SOON,
    )
    with pytest.raises(Conflict, match="binding_opinion_unfavourable"):
        dossier.confirm_handover(by=CLERK, now=SOON)
    assert dossier.reject_handover(by=CLERK, now=SOON)


@pytest.mark.parametrize("expired", [running, silent, invoked])
@pytest.mark.parametrize("outcome", Outcome)
def test_a_handover_entered_after_the_expiry_needs_a_second_person(
    expired: Callable[[], Dossier], outcome: Outcome
) -> None:
    dossier = expired()
    before = dossier.state
    assert isinstance(hand_over(dossier, outcome, JUST_BEFORE, LATE), HandoverRecorded)
    assert dossier.state is before
    with pytest.raises(Conflict, match="action_not_permitted"):
        hand_over(dossier, outcome, JUST_BEFORE, LATE)
    with pytest.raises(Forbidden, match="second_person_required"):
        dossier.confirm_handover(by=AGENT, now=LATE)
    event = dossier.confirm_handover(by=CLERK, now=LATE)
    assert (event.notified_at, event.proof) == (JUST_BEFORE, DIGEST)
    assert dossier.state is (State.GRANTED if outcome is Outcome.GRANTED else State.REFUSED)
    assert (dossier.handover, dossier.silence_at) == (None, None)


def test_a_handover_after_the_expiry_is_a_late_refusal() -> None:
    dossier = silent()
    assert isinstance(hand_over(dossier, Outcome.REFUSED, ANSWER_BY, LATE), DecisionAttemptedLate)
    assert (dossier.state, dossier.handover) == (State.APPROVED_BY_SILENCE, None)


def test_a_handover_may_be_rejected_by_a_second_person() -> None:
    dossier = silent()
    hand_over(dossier, Outcome.REFUSED, JUST_BEFORE, LATE)
    with pytest.raises(Forbidden, match="second_person_required"):
        dossier.reject_handover(by=AGENT, now=LATE)
    dossier.reject_handover(by=CLERK, now=LATE)
    assert (dossier.state, dossier.handover) == (State.APPROVED_BY_SILENCE, None)


@pytest.mark.parametrize("at", [FILED - timedelta(seconds=1), LATE + timedelta(seconds=1)])
def test_a_handover_lies_between_the_filing_and_now(at: datetime) -> None:
    with pytest.raises(Invalid, match="handed_over_at"):
        hand_over(running(), Outcome.GRANTED, at, LATE)


def test_a_handover_needs_proof_and_a_refusal_its_reasons() -> None:
    with pytest.raises(Invalid, match="evidence_missing"):
        running().record_handover(Outcome.GRANTED, handed_over_at=SOON, evidence="", by=AGENT, now=SOON)
    with pytest.raises(Invalid, match="reasons_missing"):
        running().record_handover(Outcome.REFUSED, handed_over_at=SOON, evidence=DIGEST, by=AGENT, now=SOON)


def test_who_instructs_enters_no_handover() -> None:
    dossier = running()
    dossier.request_opinion("commune", by=AGENT, now=SOON)
    with pytest.raises(Forbidden, match="separation_of_duties"):
        hand_over(dossier, Outcome.GRANTED, SOON, SOON)


def test_113_14_art_116_237_an_urban_act_is_transmitted_once_to_each() -> None:
    dossier = delivered()
    for recipient in Recipient:
        assert dossier.transmit(recipient, by=AGENT, now=SOON).recipient == recipient
        with pytest.raises(Conflict, match="already_transmitted"):
            dossier.transmit(recipient, by=AGENT, now=SOON)
    with pytest.raises(Conflict, match="action_not_permitted"):
        delivered("trench").transmit(Recipient.GOVERNOR, by=AGENT, now=SOON)
