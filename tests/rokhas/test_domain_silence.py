"""The administration's silence, the invocation chain, appeals and the other ends."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest

from services.rokhas.domain import Action, Dossier, State
from services.rokhas.domain.values import Clock, ClockChange, ClockRole, ExtensionGround
from services.rokhas.domain.words import sentence
from services.rokhas.events import (
    AppealAnswered,
    ApprovedBySilence,
    Authority,
    BindingOpinion,
    DeadlineMoved,
    DeadlinePassed,
    DeadlineSet,
    OpinionOutcome,
    Outcome,
    Returned,
    SilenceWithoutApproval,
)
from shared.errors import Conflict, Invalid
from tests.rokhas.cases import (
    AGENT,
    ANSWER_BY,
    CITIZEN,
    DIGEST,
    GOVERNOR,
    INSTRUCTOR,
    LAPSES_AT,
    LATE,
    MUCH_LATER,
    PRESIDENT,
    PROCEDURES,
    REACH,
    REASON,
    SOON,
    appealed,
    appealed_to_governor,
    attestation_requested,
    clock,
    delivered,
    granted,
    incomplete,
    invoked,
    refused,
    running,
    silent,
    submitted,
    suspended,
)

APPROVING = sorted(c for c, v in PROCEDURES.versions.items() if v[-1].silence.effect == "approval")
OTHERS = sorted(set(PROCEDURES.versions) - set(APPROVING))


def elapse(dossier: Dossier) -> object:
    return dossier.elapsed(clock(dossier.procedure.code), effective_at=ANSWER_BY, now=LATE)


@pytest.mark.parametrize("code", APPROVING)
def test_55_19_art_19_silence_approves_as_of_the_due_instant(code: str) -> None:
    dossier = running(code)
    event = elapse(dossier)
    assert isinstance(event, ApprovedBySilence)
    assert event.effective_at == dossier.effective_at == dossier.silence_at == ANSWER_BY
    assert dossier.state is State.APPROVED_BY_SILENCE


@pytest.mark.parametrize("code", OTHERS)
def test_55_19_art_21_other_silence_opens_an_appeal(code: str) -> None:
    dossier = running(code)
    assert isinstance(elapse(dossier), SilenceWithoutApproval)
    assert (dossier.state, dossier.effective_at) == (State.SILENCE_NO_EFFECT, None)
    assert dossier.appeal("Recours", by=CITIZEN, now=LATE).authority is Authority.PRESIDENT


def test_a_repeated_expiry_changes_nothing() -> None:
    dossier = silent()
    version = dossier.version
    assert elapse(dossier) is None
    assert dossier.version == version


@pytest.mark.parametrize("state", sorted(set(State) - {State.UNDER_REVIEW}))
def test_the_owner_checks_its_own_state_again(state: State) -> None:
    dossier = REACH[state]()
    assert elapse(dossier) is None
    assert dossier.state is state


@pytest.mark.parametrize("order", sorted(permutations(["grant", "refuse", "elapse"])), ids=str)
def test_a_race_has_exactly_one_outcome(order: tuple[str, ...]) -> None:
    """The decisions are taken just before the due instant; the expiry is noticed whenever it is."""
    dossier = running()
    moves: dict[str, Callable[[], object]] = {
        "grant": lambda: dossier.grant(by=PRESIDENT, now=ANSWER_BY - timedelta(seconds=1)),
        "refuse": lambda: dossier.refuse([REASON], by=PRESIDENT, now=ANSWER_BY - timedelta(seconds=1)),
        "elapse": lambda: elapse(dossier),
    }
    outcomes = []
    for move in order:
        try:
            outcomes += [moves[move](), elapse(dossier)]  # whatever happened, the expiry is told again
        except Conflict as conflict:
            assert conflict.code == "action_not_permitted"  # noqa: PT017 - it may also not be raised
    decided = [event for event in outcomes if isinstance(event, ApprovedBySilence)]
    assert len(decided) <= 1
    assert bool(decided) is (order[0] == "elapse")


def test_what_the_clock_had_not_seen_keeps_it_from_approving() -> None:
    dossier = suspended()
    assert elapse(dossier) is None
    dossier.answer("r1", documents={"site_plan": DIGEST}, by=CITIZEN, now=LATE)
    assert elapse(dossier) is None
    dossier.observe(clock(), ClockChange.RESUMED)
    assert isinstance(elapse(dossier), ApprovedBySilence)


def test_a_change_at_the_due_instant_or_after_it_does_not_outdate_the_expiry() -> None:
    dossier = running()
    dossier.request_modification("r1", "Retrait", by=INSTRUCTOR, now=LATE)
    answered = dossier.answer("r1", documents={"site_plan": DIGEST}, substantive=True, by=CITIZEN, now=LATE)
    assert not answered.restarts
    assert isinstance(elapse(dossier), ApprovedBySilence)


def test_a_change_made_after_the_due_instant_does_not_outdate_the_expiry() -> None:
    """The file believed in a later date than the clock, which had been moved forward meanwhile."""
    dossier = running(answer_by=LATE + timedelta(days=1))
    dossier.extend(10, ExtensionGround.EXPERTISE, by=INSTRUCTOR, now=LATE)
    assert isinstance(elapse(dossier), ApprovedBySilence)
    assert dossier.awaiting is None


def test_an_answer_that_the_clock_had_not_seen_outdates_the_expiry() -> None:
    dossier = running()
    dossier.request_replacement("r1", "site_plan", "Illisible", by=INSTRUCTOR, now=SOON)
    dossier.answer("r1", documents={"site_plan": DIGEST}, by=CITIZEN, now=LATE)
    assert elapse(dossier) is None
    dossier.observe(clock(answer_by=None), ClockChange.SUSPENDED)
    dossier.observe(clock(answer_by=LATE + timedelta(days=30)), ClockChange.RESUMED)
    assert dossier.awaiting is None


def test_an_expiry_in_the_future_is_a_fault() -> None:
    with pytest.raises(ValueError, match="elapses at"):
        running().elapsed(clock(), effective_at=LATE + timedelta(seconds=1), now=LATE)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, BindingOpinion.MISSING),
        (OpinionOutcome.FAVOURABLE, BindingOpinion.FAVOURABLE),
        (OpinionOutcome.WITH_RESERVATIONS, BindingOpinion.FAVOURABLE),
        (OpinionOutcome.UNFAVOURABLE, BindingOpinion.UNFAVOURABLE),
    ],
)
def test_rgc_39_55_the_approval_says_what_the_agency_said(
    given: OpinionOutcome | None, expected: BindingOpinion
) -> None:
    dossier = running()
    dossier.request_opinion("urban_agency", by=INSTRUCTOR, now=SOON)
    if given:
        dossier.give_opinion("urban_agency", given, reasons="Zone", document=DIGEST, by=INSTRUCTOR, now=SOON)
    event = elapse(dossier)
    assert isinstance(event, ApprovedBySilence)
    assert event.binding_opinion is expected


def test_no_binding_opinion_where_none_is_collected() -> None:
    event = elapse(running("repair"))
    assert isinstance(event, ApprovedBySilence)
    assert event.binding_opinion is BindingOpinion.NOT_REQUIRED


def test_an_expiry_noticed_before_a_paper_refusal_is_entered_is_undone() -> None:
    dossier = silent()
    dossier.record_handover(
        Outcome.REFUSED, handed_over_at=SOON, evidence=DIGEST, reasons=[REASON], by=AGENT, now=LATE
    )
    dossier.confirm_handover(by=INSTRUCTOR, now=LATE)
    assert (dossier.state, dossier.silence_at, dossier.effective_at) == (State.REFUSED, None, None)


def test_55_19_art_10_the_applicants_30_days_return_the_file() -> None:
    dossier = incomplete()
    owed = dossier.clocks["completion.missing_items"]
    event = dossier.elapsed(owed, effective_at=SOON, now=LATE)
    assert isinstance(event, Returned)
    assert event.reasons == ("missing:site_plan",)
    assert dossier.elapsed(owed, effective_at=SOON, now=LATE) is None


def test_a_replacement_of_another_document_returns_nothing() -> None:
    dossier = suspended()
    other = clock("completion.replacement", ClockRole.APPLICANT, SOON, discriminator="r2")
    assert dossier.elapsed(other, effective_at=SOON, now=LATE) is None
    assert isinstance(
        dossier.elapsed(dossier.clocks["completion.replacement/r1"], effective_at=SOON, now=LATE), Returned
    )


def test_information_that_never_comes_returns_nothing() -> None:
    dossier = running()
    dossier.request_information("r1", "Hauteur ?", by=INSTRUCTOR, now=SOON)
    waiting = clock("completion.replacement", ClockRole.APPLICANT, SOON, discriminator="r1")
    assert dossier.elapsed(waiting, effective_at=SOON, now=LATE) is None
    assert dossier.state is State.SUSPENDED


def test_every_moved_date_is_an_event() -> None:
    dossier = submitted()
    first = dossier.observe(clock(), ClockChange.STARTED)
    assert isinstance(first, DeadlineSet)
    assert (first.rule, first.answer_by) == ("construction_large", ANSWER_BY)
    assert dossier.observe(clock(), ClockChange.STARTED) is None
    later = ANSWER_BY + timedelta(days=1)
    why = {"ar": "عطلة", "fr": "Jour férié", "en": "Holiday"}
    moved = dossier.observe(clock(answer_by=later), ClockChange.MOVED, reason=why)
    assert isinstance(moved, DeadlineMoved)
    assert (moved.previous, moved.answer_by, moved.reason) == (ANSWER_BY, later, why)


@pytest.mark.parametrize(
    ("reached", "told"),
    [
        (running, clock("networks", ClockRole.STEP)),
        (refused, clock()),
        (silent, clock(answer_by=LATE)),
    ],
    ids=["the share of one actor", "a file decided", "a file approved"],
)
def test_an_announcement_that_concerns_nothing_open_changes_nothing(
    reached: Callable[[], Dossier], told: Clock
) -> None:
    assert reached().observe(told, ClockChange.MOVED) is None


def test_55_19_art_19_20_invoked_delivered_within_7_days() -> None:
    dossier = silent()
    assert dossier.invoke(by=CITIZEN, now=LATE).invoked_at == LATE
    dossier.deliver(by=PRESIDENT, now=LATE + timedelta(days=2))
    assert dossier.state is State.DELIVERED


def test_55_19_art_20_the_attestation_waits_for_the_presidents_7_days() -> None:
    dossier = invoked()
    due = dossier.clocks["invocation.delivery"].answer_by
    assert due is not None
    with pytest.raises(Conflict, match="too_early"):
        dossier.request_attestation(by=CITIZEN, now=due - timedelta(seconds=1))
    assert dossier.request_attestation(by=CITIZEN, now=due).requested_at == due
    unknown = silent()
    unknown.invoke(by=CITIZEN, now=LATE)
    with pytest.raises(Conflict, match="clock_unknown"):
        unknown.request_attestation(by=CITIZEN, now=MUCH_LATER)


def test_55_19_art_20_the_applicant_is_told_when_the_7_days_passed() -> None:
    dossier = invoked()
    seven = dossier.clocks["invocation.delivery"]
    due = seven.answer_by
    assert due is not None
    event = dossier.elapsed(seven, effective_at=due, now=due)
    assert isinstance(event, DeadlinePassed)
    assert (event.rule, event.due_at) == ("invocation.delivery", due)
    assert dossier.elapsed(seven, effective_at=due, now=due) is None
    dossier.request_attestation(by=CITIZEN, now=due)


def test_55_19_art_20_writing_to_the_president_suspends_nothing() -> None:
    dossier = attestation_requested()
    clocks = dict(dossier.clocks)
    dossier.ask_explanations(by=GOVERNOR, now=LATE)
    assert (dossier.state, dossier.clocks) == (State.ATTESTATION_REQUESTED, clocks)


def test_2_22_141_art_3_attestation_exempts_from_no_fee() -> None:
    dossier = silent()
    dossier.assess_fee("network_fees", amount=90_000, by=AGENT, now=LATE)
    dossier.invoke(by=CITIZEN, now=LATE)
    with pytest.raises(Conflict, match="fees_unpaid"):
        dossier.deliver(by=PRESIDENT, now=LATE)
    dossier.observe(clock("invocation.delivery", ClockRole.INVOCATION, LATE), ClockChange.STARTED)
    dossier.request_attestation(by=CITIZEN, now=LATE)
    dossier.attest(by=GOVERNOR, now=LATE)
    assert dossier.unpaid_before_delivery == ["network_fees"]


def unpaid() -> Dossier:
    """Silence invoked, with fees due before delivery."""
    dossier = silent()
    dossier.assess_fee("network_fees", amount=90_000, by=AGENT, now=LATE)
    dossier.invoke(by=CITIZEN, now=LATE)
    dossier.observe(
        clock("invocation.delivery", ClockRole.INVOCATION, LATE + timedelta(days=9)), ClockChange.STARTED
    )
    return dossier


def test_55_19_art_20_unpaid_fees_keep_a_grant_from_undoing_the_invocation() -> None:
    dossier = unpaid()
    with pytest.raises(Conflict, match="fees_unpaid") as refusal:
        dossier.grant(by=PRESIDENT, now=LATE)
    assert refusal.value.extra["fees"] == ["network_fees"]
    assert (dossier.state, dossier.decision) == (State.SILENCE_INVOKED, None)
    dossier.request_attestation(by=CITIZEN, now=MUCH_LATER)
    with pytest.raises(Conflict, match="fees_unpaid"):
        dossier.grant(by=PRESIDENT, now=MUCH_LATER)
    dossier.attest(by=GOVERNOR, now=MUCH_LATER)
    assert dossier.state is State.ATTESTED


def test_55_19_art_19_20_a_late_grant_leaves_the_invocation_open_until_the_delivery() -> None:
    dossier = silent()
    dossier.assess_fee("network_fees", amount=90_000, by=AGENT, now=LATE)
    dossier.grant(by=PRESIDENT, now=LATE)
    assert {Action.INVOKE, Action.REQUEST_ATTESTATION} & dossier.available == {Action.INVOKE}
    dossier.invoke(by=CITIZEN, now=LATE)
    assert dossier.state is State.SILENCE_INVOKED
    dossier.observe(
        clock("invocation.delivery", ClockRole.INVOCATION, LATE + timedelta(days=9)), ClockChange.STARTED
    )
    dossier.request_attestation(by=CITIZEN, now=LATE + timedelta(days=10))
    dossier.attest(by=GOVERNOR, now=LATE + timedelta(days=12))
    assert (dossier.state, dossier.effective_at) == (State.ATTESTED, ANSWER_BY)


@pytest.mark.parametrize("noticed", [running, silent])
def test_55_19_art_19_a_late_grant_does_not_undo_a_silence_that_nobody_had_noticed(
    noticed: Callable[[], Dossier],
) -> None:
    dossier = noticed()
    dossier.grant(by=PRESIDENT, now=LATE)
    assert (dossier.silence_at, dossier.effective_at) == (ANSWER_BY, ANSWER_BY)
    assert dossier.invoke(by=CITIZEN, now=LATE).invoked_at == LATE


def test_55_19_art_20_a_late_grant_on_paper_leaves_the_attestation_open() -> None:
    dossier = unpaid()
    dossier.record_handover(Outcome.GRANTED, handed_over_at=LATE, evidence=DIGEST, by=AGENT, now=LATE)
    dossier.confirm_handover(by=INSTRUCTOR, now=LATE)
    assert dossier.state is State.GRANTED
    assert {Action.INVOKE, Action.REQUEST_ATTESTATION} & dossier.available == {Action.REQUEST_ATTESTATION}
    assert dossier.request_attestation(by=CITIZEN, now=MUCH_LATER)


def late_without_approval() -> Dossier:
    dossier = silent("regularisation")
    dossier.grant(by=PRESIDENT, now=LATE)
    return dossier


@pytest.mark.parametrize("reach", [granted, late_without_approval])
def test_55_19_art_19_only_an_approval_by_silence_is_invoked(reach: Callable[[], Dossier]) -> None:
    dossier = reach()
    assert dossier.state is State.GRANTED
    assert not {Action.INVOKE, Action.REQUEST_ATTESTATION} & dossier.available


@pytest.mark.parametrize("lodged", [appealed, appealed_to_governor])
def test_41_90_art_23_sixty_days_of_silence_reject_an_appeal(lodged: Callable[[], Dossier]) -> None:
    dossier = lodged()
    due = SOON + timedelta(days=61)
    sixty = clock("appeal.silence", ClockRole.APPEAL, due)
    dossier.observe(sixty, ClockChange.STARTED)
    event = dossier.elapsed(sixty, effective_at=due, now=due + timedelta(days=4))
    assert isinstance(event, AppealAnswered)
    assert (event.outcome, event.by_silence, event.answered_at) == (Outcome.REFUSED, True, due)
    assert (dossier.state, dossier.appeals[-1].answered_at) == (State.APPEAL_REJECTED, due)
    assert "41-90" in sentence(event, dossier.procedure)["ar"]
    assert dossier.elapsed(sixty, effective_at=due, now=MUCH_LATER) is None
    assert dossier.grant(by=PRESIDENT, now=MUCH_LATER)


def test_55_19_art_21_the_appeal_window_closes() -> None:
    dossier = refused()
    dossier.observe(clock("appeal.lodging", ClockRole.APPLICANT, LATE), ClockChange.STARTED)
    with pytest.raises(Conflict, match="appeal_window_closed"):
        dossier.appeal("Recours", by=CITIZEN, now=LATE)
    assert dossier.appeal("Recours", by=CITIZEN, now=LATE - timedelta(seconds=1))


def test_55_19_art_21_the_governor_after_the_presidents_15_days() -> None:
    dossier = appealed()
    due = dossier.clocks["appeal.president"].answer_by
    assert due is not None
    with pytest.raises(Conflict, match="too_early"):
        dossier.escalate_appeal("Sans réponse", by=CITIZEN, now=due - timedelta(seconds=1))
    event = dossier.escalate_appeal("Sans réponse", by=CITIZEN, now=due)
    assert (event.authority, dossier.state) == (Authority.GOVERNOR, State.APPEAL_GOVERNOR)


def test_55_19_art_21_the_president_decides_on_the_governors_invitation() -> None:
    dossier = appealed_to_governor()
    dossier.invite_president(by=GOVERNOR, now=LATE)
    event = dossier.answer_appeal(Outcome.GRANTED, "", by=PRESIDENT, now=LATE)
    assert (event.authority, event.outcome) == (Authority.GOVERNOR, Outcome.GRANTED)
    assert (dossier.state, dossier.effective_at) == (State.GRANTED, LATE)


def test_55_19_art_21_a_rejected_appeal_is_reasoned() -> None:
    with pytest.raises(Invalid, match="reasons_missing"):
        appealed().answer_appeal(Outcome.REFUSED, " ", by=PRESIDENT, now=SOON)


@pytest.mark.parametrize("approve", [silent, REACH[State.ATTESTED]], ids=["silence", "attested"])
def test_12_90_art_49_the_lapse_runs_from_the_silence(approve: Callable[[], Dossier]) -> None:
    dossier = approve()
    with pytest.raises(Conflict, match="too_early"):
        dossier.lapse(by=AGENT, now=LAPSES_AT - timedelta(seconds=1))
    assert dossier.lapse(by=AGENT, now=LAPSES_AT).last_day == date(2027, 4, 15)
    assert dossier.state is State.LAPSED


def test_12_90_art_49_works_begun_in_time_keep_the_permit() -> None:
    dossier = silent()
    dossier.start_works(by=CITIZEN, now=LATE)
    with pytest.raises(Conflict, match="works_started"):
        dossier.lapse(by=AGENT, now=MUCH_LATER)
    with pytest.raises(Conflict, match="works_started"):
        dossier.start_works(by=CITIZEN, now=LATE)
    with pytest.raises(Conflict, match="validity_over"):
        silent().start_works(by=CITIZEN, now=MUCH_LATER)


def test_2_18_475_art_4_a_repair_permit_lapses_whatever_was_begun() -> None:
    dossier = delivered("repair")
    with pytest.raises(Conflict, match="action_not_permitted"):
        dossier.start_works(by=CITIZEN, now=SOON)
    assert dossier.lapse(by=AGENT, now=MUCH_LATER)


def repeat(**changes: object) -> tuple[Dossier, Dossier]:
    earlier, again = refused(), running()
    earlier.id = UUID(int=2)
    for name, value in changes.items():
        setattr(again, name, value)
    return earlier, again


def test_55_19_art_15_an_identical_repeat_may_stay_unanswered() -> None:
    earlier, again = repeat()
    event = again.close_as_repeat(earlier, by=INSTRUCTOR, now=SOON)
    assert event.earlier == str(earlier.id)
    assert again.state is State.CLOSED_AS_REPEAT
    assert elapse(again) is None


@pytest.mark.parametrize(
    "changes",
    [{"circumstances": "Plan d'aménagement modifié"}, {"site": "TF 9/C"}, {"applicant": "citizen-9"}],
    ids=lambda changes: next(iter(changes)),
)
def test_55_19_art_15_unless_something_changed(changes: dict[str, object]) -> None:
    earlier, again = repeat(**changes)
    with pytest.raises(Conflict, match="not_a_repeat"):
        again.close_as_repeat(earlier, by=INSTRUCTOR, now=SOON)


def test_55_19_art_15_another_plan_or_no_refusal_is_no_repeat() -> None:
    earlier, again = repeat()
    del again.documents["elevations"]
    assert not again.repeats_of(earlier)
    assert not running().repeats_of(delivered())


@pytest.mark.parametrize("now", [ANSWER_BY, LATE])
def test_55_19_art_15_not_after_the_silence(now: datetime) -> None:
    earlier, again = repeat()
    with pytest.raises(Conflict, match="deadline_passed"):
        again.close_as_repeat(earlier, by=INSTRUCTOR, now=now)
