"""What the office may ask, and what it does to the clock."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.rokhas.domain import Dossier, State
from services.rokhas.domain.values import ClockChange, ClockRole, ExtensionGround, PaperKind
from services.rokhas.events import Requested
from shared.errors import Conflict, Forbidden, Invalid, NotFound
from tests.rokhas.cases import (
    AGENT,
    ANSWER_BY,
    CITIZEN,
    COVER,
    DIGEST,
    FIRST_HALF,
    INSTRUCTOR,
    LATE,
    MUCH_LATER,
    PRESIDENT,
    SOON,
    clock,
    running,
    submitted,
    suspended,
)

LAST_MOMENT = datetime(2026, 3, 20, 23, 59, tzinfo=UTC)  # Ramadan 2026: Casablanca is at UTC+0
TOO_LATE = datetime(2026, 3, 21, 0, 0, tzinfo=UTC)


def test_55_19_art_10_2_a_replacement_suspends_until_it_comes() -> None:
    dossier = running()
    asked = dossier.request_replacement("r1", "site_plan", "Illisible", by=INSTRUCTOR, now=SOON)
    assert (asked.suspends, asked.document, asked.requested_at) == (True, "site_plan", SOON)
    assert dossier.awaiting is ClockChange.SUSPENDED
    answered = dossier.answer("r1", documents={"site_plan": "sha256:new"}, by=CITIZEN, now=LATE)
    assert (answered.suspension_ends, answered.restarts) == (True, False)
    assert dossier.state is State.UNDER_REVIEW
    assert dossier.documents["site_plan"].file == "sha256:new"


def test_55_19_art_10_2_one_replacement_per_document() -> None:
    dossier = running()
    dossier.request_replacement("r1", "site_plan", "Illisible", by=INSTRUCTOR, now=SOON)
    with pytest.raises(Conflict, match="already_requested"):
        dossier.request_replacement("r2", "site_plan", "Encore", by=INSTRUCTOR, now=SOON)
    other = dossier.request_replacement("r3", "elevations", "Illisible", by=INSTRUCTOR, now=SOON)
    assert other.suspends


def test_the_suspension_ends_with_the_last_open_request() -> None:
    dossier = running()
    dossier.request_replacement("r1", "site_plan", "Illisible", by=INSTRUCTOR, now=SOON)
    dossier.request_replacement("r2", "elevations", "Illisible", by=INSTRUCTOR, now=SOON)
    first = dossier.answer("r1", documents={"site_plan": DIGEST}, by=CITIZEN, now=SOON)
    assert not first.suspension_ends
    assert dossier.state is State.SUSPENDED
    assert dossier.answer("r2", documents={"elevations": DIGEST}, by=CITIZEN, now=SOON).suspension_ends


def test_55_19_art_14_one_information_request() -> None:
    dossier = running()
    asked = dossier.request_information("r1", "Hauteur ?", by=INSTRUCTOR, now=SOON)
    assert asked.suspends
    with pytest.raises(Conflict, match="already_requested"):
        dossier.request_information("r2", "Encore", by=INSTRUCTOR, now=SOON)
    assert dossier.answer("r1", text="12 m", by=CITIZEN, now=SOON).suspension_ends


@pytest.mark.parametrize("now", [SOON, LAST_MOMENT])
def test_55_19_art_14_in_the_first_half(now: datetime) -> None:
    assert running().request_information("r1", "Hauteur ?", by=INSTRUCTOR, now=now).suspends


@pytest.mark.parametrize("now", [TOO_LATE, ANSWER_BY - timedelta(seconds=1), LATE])
def test_55_19_art_10_14_later_is_refused_with_the_date_on_which_it_was_possible(now: datetime) -> None:
    asks: list[Callable[[Dossier], object]] = [
        lambda d: d.request_information("r1", "Hauteur ?", by=INSTRUCTOR, now=now),
        lambda d: d.request_replacement("r1", "site_plan", "Illisible", by=INSTRUCTOR, now=now),
    ]
    for ask in asks:
        dossier = running()
        with pytest.raises(Conflict, match="first_half_over") as refusal:
            ask(dossier)
        assert refusal.value.extra["possible_until"] == FIRST_HALF.isoformat() == "2026-03-20"
        assert dossier.requests == []


def test_a_request_waits_for_a_known_date() -> None:
    with pytest.raises(Conflict, match="clock_unknown"):
        submitted().request_information("r1", "Hauteur ?", by=INSTRUCTOR, now=SOON)
    dossier = running()
    dossier.observe(clock(first_half_until=None), ClockChange.MOVED)
    with pytest.raises(Conflict, match="clock_unknown"):
        dossier.request_information("r1", "Hauteur ?", by=INSTRUCTOR, now=SOON)


def test_while_suspended_no_day_passes_and_another_document_may_be_asked() -> None:
    later = ANSWER_BY - timedelta(days=1)
    assert suspended().request_replacement("r2", "elevations", "Illisible", by=INSTRUCTOR, now=later).suspends


def test_rgc_41_a_request_for_modifications_counts_as_the_information_request() -> None:
    dossier = running()
    assert dossier.request_modification("r1", "Retrait", by=INSTRUCTOR, now=SOON).suspends
    with pytest.raises(Conflict, match="already_requested"):
        dossier.request_information("r2", "Hauteur ?", by=INSTRUCTOR, now=SOON)
    other = running()
    other.request_information("r1", "Hauteur ?", by=INSTRUCTOR, now=SOON)
    assert not other.request_modification("r2", "Retrait", by=INSTRUCTOR, now=SOON).suspends


def test_rgc_41_made_late_it_suspends_nothing() -> None:
    dossier = running()
    known = dossier.clock
    assert not dossier.request_modification("r1", "Retrait", by=INSTRUCTOR, now=TOO_LATE).suspends
    assert (dossier.state, dossier.clock, dossier.awaiting) == (State.UNDER_REVIEW, known, None)
    answered = dossier.answer("r1", documents={"site_plan": DIGEST}, by=CITIZEN, now=TOO_LATE)
    assert (answered.suspension_ends, answered.restarts) == (False, False)


@pytest.mark.parametrize(("substantive", "restarts"), [(True, True), (False, False)])
def test_rgc_41_only_a_substantively_modified_project_restarts_the_clock(
    substantive: bool, restarts: bool
) -> None:
    dossier = running()
    dossier.request_modification("r1", "Retrait", by=INSTRUCTOR, now=SOON)
    answered = dossier.answer(
        "r1", documents={"architectural_plans": DIGEST}, substantive=substantive, by=CITIZEN, now=LATE
    )
    assert answered.restarts is restarts
    assert dossier.awaiting is (ClockChange.RESTARTED if restarts else ClockChange.RESUMED)


def test_rgc_41_the_restart_waits_for_the_last_suspending_request() -> None:
    dossier = running()
    dossier.request_modification("r1", "Retrait", by=INSTRUCTOR, now=SOON)
    dossier.request_replacement("r2", "elevations", "Illisible", by=INSTRUCTOR, now=SOON)
    first = dossier.answer("r1", documents={"site_plan": DIGEST}, substantive=True, by=CITIZEN, now=SOON)
    assert (first.suspension_ends, first.restarts) == (False, False)
    last = dossier.answer("r2", documents={"elevations": DIGEST}, by=CITIZEN, now=SOON)
    assert (last.suspension_ends, last.restarts) == (True, True)


def test_a_mere_replacement_never_restarts_the_clock() -> None:
    dossier = suspended()
    answered = dossier.answer("r1", documents={"site_plan": DIGEST}, substantive=True, by=CITIZEN, now=LATE)
    assert not answered.restarts


def test_55_19_art_3_what_the_recueil_does_not_list_cannot_be_asked_for() -> None:
    with pytest.raises(Invalid, match="not_in_recueil"):
        running().request_replacement("r1", "blood_group", "Manque", by=INSTRUCTOR, now=SOON)
    with pytest.raises(Invalid, match="not_in_recueil"):
        running().request_information("r1", "Manque", documents=["blood_group"], by=INSTRUCTOR, now=SOON)
    with pytest.raises(Invalid, match="not_in_recueil"):
        running().request_modification("r1", "Manque", documents=["blood_group"], by=INSTRUCTOR, now=SOON)
    with pytest.raises(Conflict, match="document_not_supplied"):
        running().request_replacement("r1", "surface_certificate", "Manque", by=INSTRUCTOR, now=SOON)


def test_rgc_37_a_request_for_complementary_documents_suspends_nothing() -> None:
    extra = ["surface_certificate"]
    asks: list[Callable[[Dossier], Requested]] = [
        lambda d: d.request_replacement("r1", extra[0], "Illisible", by=INSTRUCTOR, now=SOON),
        lambda d: d.request_information("r1", "Surface ?", documents=extra, by=INSTRUCTOR, now=SOON),
        lambda d: d.request_modification("r1", "Surface", documents=extra, by=INSTRUCTOR, now=SOON),
    ]
    for ask in asks:
        dossier = running()
        dossier.attach(extra[0], DIGEST, by=CITIZEN, now=SOON)
        assert not ask(dossier).suspends
        assert (dossier.state, dossier.awaiting) == (State.UNDER_REVIEW, None)
        with pytest.raises(Conflict, match="action_not_permitted"):
            dossier.return_file(by=INSTRUCTOR, now=LATE)
        owed = clock("completion.replacement", ClockRole.APPLICANT, SOON, discriminator="r1")
        assert dossier.elapsed(owed, effective_at=SOON, now=LATE) is None
        dossier.answer("r1", documents={extra[0]: DIGEST}, by=CITIZEN, now=SOON)
        assert dossier.state is State.UNDER_REVIEW


def test_rgc_37_a_request_that_also_names_a_basic_document_suspends() -> None:
    both = ["surface_certificate", "site_plan"]
    assert running().request_information("r1", "Plan", documents=both, by=INSTRUCTOR, now=SOON).suspends
    assert running().request_modification("r1", "Plan", documents=both, by=INSTRUCTOR, now=SOON).suspends


def test_rgc_37_a_complementary_replacement_neither_suspends_nor_returns_a_suspended_file() -> None:
    dossier = suspended()
    dossier.attach("surface_certificate", DIGEST, by=CITIZEN, now=SOON)
    dossier.request_replacement("r2", "surface_certificate", "Illisible", by=INSTRUCTOR, now=SOON)
    assert dossier.answer("r1", documents={"site_plan": DIGEST}, by=CITIZEN, now=SOON).suspension_ends


def test_a_request_is_reasoned() -> None:
    with pytest.raises(Invalid, match="reasons_missing"):
        running().request_replacement("r1", "site_plan", "  ", by=INSTRUCTOR, now=SOON)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({}, "documents_missing"),
        ({"documents": {"elevations": DIGEST}}, "documents_missing"),
        ({"documents": {"site_plan": DIGEST, "elevations": DIGEST}}, "documents_not_requested"),
        ({"documents": {"site_plan": DIGEST, "blood_group": DIGEST}}, "not_in_recueil"),
        ({"documents": {"site_plan": ""}}, "file_missing"),
    ],
)
def test_an_answer_brings_what_was_asked(answer: dict[str, dict[str, str]], problem: str) -> None:
    dossier = suspended()
    with pytest.raises(Invalid, match=problem):
        dossier.answer("r1", by=CITIZEN, now=SOON, documents=answer.get("documents"))
    assert dossier.state is State.SUSPENDED


def test_an_answer_is_not_empty_and_comes_once() -> None:
    dossier = running()
    dossier.request_information("r1", "Hauteur ?", by=INSTRUCTOR, now=SOON)
    with pytest.raises(Invalid, match="answer_empty"):
        dossier.answer("r1", by=CITIZEN, now=SOON)
    with pytest.raises(NotFound, match="request_unknown"):
        dossier.answer("r2", text="12 m", by=CITIZEN, now=SOON)
    dossier.answer("r1", text="12 m", by=CITIZEN, now=SOON)
    with pytest.raises(Conflict, match="request_answered"):
        dossier.answer("r1", text="13 m", by=CITIZEN, now=SOON)


def test_55_19_art_17_one_extension_for_an_expertise_or_an_inquiry() -> None:
    dossier = running()
    event = dossier.extend(20, ExtensionGround.PUBLIC_INQUIRY, by=INSTRUCTOR, now=SOON)
    assert (event.days, event.ground) == (20, "public_inquiry")
    with pytest.raises(Conflict, match="already_extended"):
        dossier.extend(1, ExtensionGround.EXPERTISE, by=INSTRUCTOR, now=SOON)


@pytest.mark.parametrize("days", [0, -1, 31])
def test_55_19_art_17_an_extension_has_a_length(days: int) -> None:
    with pytest.raises(Invalid, match="extension_days"):
        running().extend(days, ExtensionGround.EXPERTISE, by=INSTRUCTOR, now=SOON)


def test_55_19_art_17_an_expired_period_is_not_extended() -> None:
    with pytest.raises(Conflict, match="deadline_passed"):
        running().extend(10, ExtensionGround.EXPERTISE, by=INSTRUCTOR, now=ANSWER_BY)
    with pytest.raises(Conflict, match="clock_unknown"):
        submitted().extend(10, ExtensionGround.EXPERTISE, by=INSTRUCTOR, now=SOON)


def test_reassignment_names_who_had_it() -> None:
    dossier = running()
    assert dossier.assign(INSTRUCTOR.subject, by=PRESIDENT, now=SOON).previous is None
    event = dossier.assign(COVER.subject, by=AGENT, now=SOON)
    assert (event.instructor, event.previous) == (COVER.subject, INSTRUCTOR.subject)
    with pytest.raises(Conflict, match="already_assigned"):
        dossier.assign(COVER.subject, by=PRESIDENT, now=SOON)
    with pytest.raises(Forbidden, match="separation_of_duties"):
        dossier.assign(CITIZEN.subject, by=PRESIDENT, now=SOON)


def _waiting(kind: str = "information") -> Dossier:
    """Suspended by a request that no clock times."""
    dossier = running()
    ask = dossier.request_information if kind == "information" else dossier.request_modification
    ask("r1", "Hauteur ?", by=INSTRUCTOR, now=SOON)
    dossier.observe(clock(answer_by=None), ClockChange.SUSPENDED)
    return dossier


@pytest.mark.parametrize("kind", ["information", "modification"])
def test_55_19_art_14_the_applicant_declares_that_nothing_more_comes_and_the_clock_goes_on(kind: str) -> None:
    dossier = _waiting(kind)
    answered = dossier.answer("r1", nothing_more=True, by=CITIZEN, now=LATE)
    assert (answered.suspension_ends, answered.restarts, answered.nothing_more) == (True, False, True)
    assert (dossier.state, dossier.awaiting) == (State.UNDER_REVIEW, ClockChange.RESUMED)
    assert not dossier.requests[0].open


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"documents": {"site_plan": DIGEST}}, "answer_contradictory"),
        ({"substantive": True}, "answer_contradictory"),
    ],
)
def test_either_something_comes_or_nothing_does(given: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid, match=code):
        _waiting("modification").answer("r1", nothing_more=True, by=CITIZEN, now=LATE, **given)


def test_55_19_art_10_2_a_replacement_is_owed_whatever_is_declared() -> None:
    with pytest.raises(Invalid, match="replacement_owed"):
        suspended().answer("r1", nothing_more=True, by=CITIZEN, now=LATE)


def test_an_unanswered_request_is_recalled_once_a_week_and_changes_no_clock() -> None:
    dossier = _waiting()
    with pytest.raises(Conflict, match="reminded_lately"):
        dossier.remind("r1", by=INSTRUCTOR, now=SOON + timedelta(days=6))
    at = SOON + timedelta(days=7)
    assert dossier.remind("r1", by=INSTRUCTOR, now=at).request == "r1"
    assert (dossier.state, dossier.requests[0].reminded_at) == (State.SUSPENDED, at)
    with pytest.raises(Conflict, match="reminded_lately"):
        dossier.remind("r1", by=INSTRUCTOR, now=at + timedelta(days=6))
    with pytest.raises(NotFound, match="request_unknown"):
        dossier.remind("r2", by=INSTRUCTOR, now=LATE)


def test_what_suspends_nothing_is_not_recalled() -> None:
    dossier = suspended()
    dossier.request_information("r2", "CV", documents=["surface_certificate"], by=INSTRUCTOR, now=SOON)
    with pytest.raises(Conflict, match="request_runs_on"):
        dossier.remind("r2", by=INSTRUCTOR, now=LATE)


def test_no_law_returns_a_file_for_an_unanswered_question_unless_a_clock_times_it() -> None:
    dossier = _waiting()
    with pytest.raises(Conflict, match="nothing_owed"):
        dossier.return_file(by=INSTRUCTOR, now=MUCH_LATER)
    due = SOON + timedelta(days=181)
    period = clock("completion.unanswered", ClockRole.APPLICANT, due, discriminator="r1")
    dossier.observe(period, ClockChange.STARTED)
    assert dossier.due_at == due
    with pytest.raises(Conflict, match="too_early"):
        dossier.return_file(by=INSTRUCTOR, now=due - timedelta(seconds=1))
    returned = dossier.elapsed(period, effective_at=due, now=due)
    assert getattr(returned, "reasons", None) == ("unanswered:information",)
    assert dossier.state is State.RETURNED


def test_what_was_replaced_is_kept_once_the_file_was_submitted() -> None:
    draft = submitted(without=("site_plan",))
    assert draft.papers == []
    dossier = suspended()
    before = dossier.documents["site_plan"].file
    dossier.answer("r1", documents={"site_plan": "sha256:new"}, by=CITIZEN, now=LATE)
    assert [(paper.kind, paper.file) for paper in dossier.papers] == [(PaperKind.REPLACED, before)]
    assert set(dossier.contents) >= {before, "sha256:new"}
