"""Draft, receipt, completion, proxies, transfer: each rule by its article."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from services.rokhas.domain import Delegation, DelegationKind, Dossier, State
from services.rokhas.domain.notices import notices
from services.rokhas.domain.values import ClockChange, Counter, TransferBasis
from services.rokhas.events import (
    Channel,
    Completed,
    DocumentAttached,
    DossierEvent,
    Granted,
    Outcome,
    Refused,
    Renounced,
    Withdrawn,
)
from shared.auth import Actor, Role
from shared.errors import Conflict, Forbidden, Invalid, NotFound
from tests.rokhas.cases import (
    AGENT,
    ARCHITECT,
    CASABLANCA,
    CITIZEN,
    DESK,
    DIGEST,
    ELSEWHERE,
    FILED,
    INSTRUCTOR,
    LATE,
    PRESIDENT,
    PROCEDURES,
    SOON,
    STRANGER,
    delivered,
    draft,
    incomplete,
    running,
    submitted,
    suspended,
)

BOTH = Actor(subject="agent-3", roles=frozenset({Role.AGENT}), communes=frozenset({CASABLANCA}))
PROCEDURE = PROCEDURES.at("construction_large", FILED.date())


def test_55_19_art_10_complete_on_deposit() -> None:
    dossier = draft()
    for document in PROCEDURE.required:
        dossier.attach(document, DIGEST, by=CITIZEN, now=FILED)
    receipt = dossier.submit("06.141.01.0/2026/1", by=CITIZEN, now=SOON)
    assert (receipt.complete, receipt.missing, receipt.submitted_at) == (True, (), SOON)
    assert receipt.reference == dossier.reference == "06.141.01.0/2026/1"
    assert (dossier.state, dossier.completed_at) == (State.UNDER_REVIEW, SOON)


def test_55_19_art_10_missing_items_are_listed_exhaustively_and_once() -> None:
    dossier = draft()
    dossier.attach("elevations", DIGEST, by=CITIZEN, now=FILED)
    receipt = dossier.submit("06.141.01.0/2026/1", by=CITIZEN, now=FILED)
    assert set(receipt.missing) == set(PROCEDURE.required) - {"elevations"}
    with pytest.raises(Conflict, match="action_not_permitted"):
        dossier.submit("06.141.01.0/2026/2", by=CITIZEN, now=FILED)
    with pytest.raises(Conflict, match="action_not_permitted"):
        dossier.request_replacement("r1", "elevations", "Illisible", by=INSTRUCTOR, now=FILED)


def test_55_19_art_10_the_clock_starts_with_the_last_missing_item() -> None:
    dossier = submitted(without=("site_plan", "elevations"))
    first = dossier.attach("site_plan", DIGEST, by=CITIZEN, now=SOON)
    assert isinstance(first, DocumentAttached)
    assert dossier.completed_at is None
    last = dossier.attach("elevations", DIGEST, by=CITIZEN, now=SOON + timedelta(days=1))
    assert isinstance(last, Completed)
    assert last.completed_at == dossier.completed_at == SOON + timedelta(days=1)
    assert dossier.state is State.UNDER_REVIEW
    assert dossier.awaiting is ClockChange.STARTED


def test_rgc_art_37_complementary_documents_never_delay() -> None:
    complementary = {d.code for d in PROCEDURE.documents if not d.required}
    assert complementary
    dossier = submitted()
    assert dossier.state is State.UNDER_REVIEW
    assert not complementary & set(dossier.documents)
    later = dossier.attach("surface_certificate", DIGEST, by=CITIZEN, now=LATE)
    assert isinstance(later, DocumentAttached)
    incomplete_one = incomplete()
    incomplete_one.attach("surface_certificate", DIGEST, by=CITIZEN, now=SOON)
    assert incomplete_one.missing == ("site_plan",)


def test_a_supplied_document_is_replaced_only_on_request() -> None:
    with pytest.raises(Conflict, match="document_not_requested"):
        running().attach("site_plan", DIGEST, by=CITIZEN, now=SOON)


def test_55_19_art_3_a_document_off_the_recueil_is_not_taken() -> None:
    with pytest.raises(Invalid, match="not_in_recueil") as refusal:
        draft().attach("blood_group", DIGEST, by=CITIZEN, now=FILED)
    assert "site_plan" in refusal.value.extra["documents"]


def test_55_19_art_8_a_declaration_on_honour_replaces_some_documents() -> None:
    dossier = draft("repair")
    dossier.attach("ownership_certificate", DIGEST, declaration=True, by=CITIZEN, now=FILED)
    assert dossier.documents["ownership_certificate"].declaration
    with pytest.raises(Invalid, match="declaration_not_accepted"):
        dossier.attach("works_description", DIGEST, declaration=True, by=CITIZEN, now=FILED)


def test_a_draft_may_be_corrected() -> None:
    dossier = draft()
    dossier.attach("site_plan", "sha256:old", by=CITIZEN, now=FILED)
    dossier.attach("site_plan", "sha256:new", by=CITIZEN, now=FILED)
    assert dossier.documents["site_plan"].file == "sha256:new"


def test_55_19_art_10_an_incomplete_file_is_returned_after_30_days_with_reasons() -> None:
    dossier = incomplete()
    due = dossier.clocks["completion.missing_items"].answer_by
    assert due is not None
    with pytest.raises(Conflict, match="too_early") as refusal:
        dossier.return_file(by=INSTRUCTOR, now=due - timedelta(seconds=1))
    assert refusal.value.extra["earliest"] == "2026-04-02T10:00:00Z"
    returned = dossier.return_file(by=INSTRUCTOR, now=due)
    assert returned.reasons == ("missing:site_plan",)
    assert dossier.state is State.RETURNED


def test_what_is_supplied_before_the_notice_of_return_counts() -> None:
    dossier = incomplete()
    due = dossier.clocks["completion.missing_items"].answer_by
    assert due is not None
    dossier.attach("site_plan", DIGEST, by=CITIZEN, now=due + timedelta(days=3))
    with pytest.raises(Conflict, match="action_not_permitted"):
        dossier.return_file(by=INSTRUCTOR, now=due + timedelta(days=4))


def test_the_return_waits_for_a_known_date() -> None:
    with pytest.raises(Conflict, match="clock_unknown"):
        submitted(without=("site_plan",)).return_file(by=INSTRUCTOR, now=LATE)


def test_a_replacement_that_never_came_returns_the_file() -> None:
    dossier = suspended()
    due = dossier.clocks["completion.replacement/r1"].answer_by
    assert due is not None
    with pytest.raises(Conflict, match="too_early"):
        dossier.return_file(by=INSTRUCTOR, now=due - timedelta(days=1))
    assert dossier.return_file(by=INSTRUCTOR, now=due).reasons == ("missing:site_plan",)


def test_55_19_art_30_the_counter_records_unit_and_agent() -> None:
    dossier, event = Dossier.draft(
        UUID(int=1),
        procedure=PROCEDURE,
        collectivity=CASABLANCA,
        by=AGENT,
        now=FILED,
        applicant=CITIZEN.subject,
        counter=Counter(unit="guichet-anfa", channel=Channel.PAPER),
    )
    assert (event.channel, event.unit, event.agent) == (Channel.PAPER, "guichet-anfa", AGENT.subject)
    assert dossier.applicant == CITIZEN.subject
    with pytest.raises(Forbidden, match="counter_unit_missing"):
        dossier.attach("site_plan", DIGEST, by=AGENT, now=FILED)
    attached = dossier.attach("site_plan", DIGEST, by=AGENT, now=FILED, counter=DESK)
    assert isinstance(attached, DocumentAttached)
    assert (attached.channel, attached.unit, attached.agent) == (Channel.COUNTER, DESK.unit, AGENT.subject)
    receipt = dossier.submit("06.141.01.0/2026/1", by=AGENT, now=SOON, deposited_at=FILED, counter=DESK)
    assert receipt.submitted_at == FILED


@pytest.mark.parametrize("by", [CITIZEN, ARCHITECT, BOTH], ids=lambda by: by.subject)
@pytest.mark.parametrize("counter", [DESK, None], ids=["counter", "no counter"])
def test_55_19_art_30_nobody_dates_back_their_own_file(by: Actor, counter: Counter | None) -> None:
    dossier = draft()
    dossier.proxies = {ARCHITECT.subject: FILED, BOTH.subject: FILED}
    with pytest.raises(Forbidden, match="deposit_date_not_yours"):
        dossier.submit("x", by=by, now=SOON, deposited_at=FILED, counter=counter)
    assert (dossier.state, dossier.submitted_at) == (State.DRAFT, None)


def test_55_19_art_30_a_counter_dates_back_by_7_days_at_most() -> None:
    week = timedelta(days=7)
    with pytest.raises(Invalid, match="deposit_too_old") as refusal:
        draft().submit("x", by=AGENT, now=LATE, deposited_at=LATE - week - timedelta(seconds=1), counter=DESK)
    assert refusal.value.extra["earliest"] == "2026-04-08T09:00:00Z"
    receipt = draft().submit("x", by=AGENT, now=LATE, deposited_at=LATE - week, counter=DESK)
    assert receipt.submitted_at == LATE - week


@pytest.mark.parametrize(
    ("by", "counter", "code"),
    [(CITIZEN, DESK, "not_allowed"), (ELSEWHERE, DESK, "not_allowed"), (AGENT, None, "counter_unit_missing")],
)
def test_nobody_files_for_somebody_else(by: Actor, counter: Counter | None, code: str) -> None:
    with pytest.raises((Forbidden, Invalid), match=code):
        Dossier.draft(
            UUID(int=1),
            procedure=PROCEDURE,
            collectivity=CASABLANCA,
            by=by,
            now=FILED,
            applicant=STRANGER.subject,
            counter=counter,
        )


def test_a_filing_is_not_dated_in_the_future() -> None:
    with pytest.raises(Invalid, match="filed_in_future"):
        draft().submit("x", by=AGENT, now=FILED, deposited_at=SOON, counter=DESK)


def test_a_portal_filing_is_dated_when_it_is_made() -> None:
    assert draft().submit("x", by=CITIZEN, now=SOON).submitted_at == SOON


def test_the_recueil_in_force_on_submission_applies() -> None:
    dossier = draft()
    dossier.procedure = PROCEDURES.version("construction_large", 1)
    dossier.submit("x", by=CITIZEN, now=FILED, in_force=PROCEDURE)
    assert dossier.procedure.version == PROCEDURE.version == 2


def test_a_proxy_acts_until_it_is_revoked() -> None:
    dossier = draft()
    with pytest.raises(Forbidden):
        dossier.attach("site_plan", DIGEST, by=ARCHITECT, now=FILED)
    dossier.grant_proxy(ARCHITECT.subject, by=CITIZEN, now=FILED)
    dossier.attach("site_plan", DIGEST, by=ARCHITECT, now=FILED)
    with pytest.raises(Forbidden):
        dossier.grant_proxy(STRANGER.subject, by=ARCHITECT, now=FILED)
    with pytest.raises(Conflict, match="proxy_exists"):
        dossier.grant_proxy(ARCHITECT.subject, by=CITIZEN, now=FILED)
    with pytest.raises(Invalid, match="proxy_to_self"):
        dossier.grant_proxy(CITIZEN.subject, by=CITIZEN, now=FILED)
    dossier.revoke_proxy(ARCHITECT.subject, by=CITIZEN, now=FILED)
    with pytest.raises(Forbidden):
        dossier.attach("elevations", DIGEST, by=ARCHITECT, now=FILED)
    with pytest.raises(NotFound, match="proxy_unknown"):
        dossier.revoke_proxy(ARCHITECT.subject, by=CITIZEN, now=FILED)


def test_who_instructs_holds_no_proxy() -> None:
    dossier = running()
    dossier.assign(INSTRUCTOR.subject, by=AGENT, now=SOON)
    with pytest.raises(Conflict, match="proxy_officer"):
        dossier.grant_proxy(INSTRUCTOR.subject, by=CITIZEN, now=SOON)


@pytest.mark.parametrize("basis", TransferBasis)
def test_a_transfer_changes_the_applicant_and_nothing_else(basis: TransferBasis) -> None:
    dossier = running()
    dossier.grant_proxy(ARCHITECT.subject, by=CITIZEN, now=SOON)
    event = dossier.transfer(STRANGER.subject, basis, DIGEST, by=CITIZEN, now=SOON)
    assert (event.successor, event.basis) == (STRANGER.subject, basis)
    assert (dossier.applicant, dossier.proxies) == (STRANGER.subject, {})
    assert dossier.state is State.UNDER_REVIEW
    assert dossier.clock == running().clock
    with pytest.raises(Forbidden):
        dossier.withdraw(by=CITIZEN, now=SOON)


def test_a_transfer_wants_another_person_and_a_deed() -> None:
    with pytest.raises(Invalid, match="successor_same"):
        running().transfer(CITIZEN.subject, TransferBasis.HEIR, DIGEST, by=CITIZEN, now=SOON)
    with pytest.raises(Invalid, match="evidence_missing"):
        running().transfer(STRANGER.subject, TransferBasis.HEIR, " ", by=CITIZEN, now=SOON)


def test_messages_say_which_side_wrote() -> None:
    dossier = running()
    assert dossier.post_message("m1", by=CITIZEN, now=SOON).from_applicant
    assert not dossier.post_message("m2", by=INSTRUCTOR, now=SOON).from_applicant
    with pytest.raises(Forbidden):
        dossier.post_message("m3", by=STRANGER, now=SOON)


def imported(**changes: object) -> Dossier:
    arguments = {
        "procedure": PROCEDURES.at("construction_large", FILED.date()),
        "collectivity": CASABLANCA,
        "applicant": CITIZEN.subject,
        "reference": "06.141.01.0/2022/7",
        "submitted_at": FILED,
        "by": PRESIDENT,
        "now": LATE,
    }
    dossier, event = Dossier.imported(UUID(int=1), **(arguments | changes))  # type: ignore[arg-type]  # by name
    assert (event.channel, event.submitted_at) == (Channel.IMPORT, FILED)
    return dossier


@pytest.mark.parametrize(
    ("outcome", "event", "state"),
    [(Outcome.GRANTED, Granted, State.GRANTED), (Outcome.REFUSED, Refused, State.REFUSED)],
)
def test_an_imported_file_takes_its_outcome_over(
    outcome: Outcome, event: type[Granted | Refused], state: State
) -> None:
    dossier = imported()
    taken = dossier.decided_elsewhere(outcome, notified_at=SOON, by=PRESIDENT, now=LATE)
    assert isinstance(taken, event)
    assert taken.notified_at == SOON
    assert dossier.state is state
    with pytest.raises(Conflict, match="not_an_import"):
        dossier.decided_elsewhere(outcome, notified_at=SOON, by=PRESIDENT, now=LATE)


def test_an_import_is_checked() -> None:
    assert imported(missing=["site_plan"]).state is State.INCOMPLETE
    with pytest.raises(Invalid, match="filed_in_future"):
        imported(now=FILED - timedelta(days=1))
    with pytest.raises(Invalid, match="not_in_recueil"):
        imported(missing=["blood_group"])
    with pytest.raises(Invalid, match="document_not_required"):
        imported(missing=["surface_certificate"])
    with pytest.raises(Forbidden):
        imported(by=ELSEWHERE)
    with pytest.raises(Invalid, match="notified_at"):
        imported().decided_elsewhere(
            Outcome.GRANTED, notified_at=FILED - timedelta(days=1), by=PRESIDENT, now=LATE
        )
    with pytest.raises(Conflict, match="not_an_import"):
        running().decided_elsewhere(Outcome.GRANTED, notified_at=SOON, by=PRESIDENT, now=LATE)


def test_an_import_dates_files_at_the_presidents_word_and_an_agent_only_tries() -> None:
    lent = Delegation(
        id=UUID(int=9),
        collectivity=CASABLANCA,
        kind=DelegationKind.SIGNATURE,
        giver=PRESIDENT.subject,
        holder=AGENT.subject,
        starts_at=FILED,
        ends_at=LATE + timedelta(days=1),
    )
    with pytest.raises(Forbidden, match="not_allowed"):
        imported(by=AGENT)
    with pytest.raises(Forbidden, match="not_allowed"):
        imported(by=INSTRUCTOR, trial=True)
    with pytest.raises(Forbidden, match="not_allowed"):
        imported().decided_elsewhere(Outcome.GRANTED, notified_at=SOON, by=AGENT, now=LATE)
    assert imported(by=AGENT, trial=True)
    assert imported(by=AGENT, delegations=[lent])


@pytest.mark.parametrize("evidence", [None, " "])
def test_55_19_art_30_at_a_counter_a_withdrawal_and_a_renunciation_are_proven(evidence: str | None) -> None:
    file, permit = running(), delivered()
    ends: list[tuple[Dossier, Callable[..., Withdrawn | Renounced]]] = [
        (file, file.withdraw),
        (permit, permit.renounce),
    ]
    for dossier, end in ends:
        before = dossier.state
        with pytest.raises(Invalid, match="evidence_missing"):
            end(by=AGENT, now=SOON, counter=DESK, evidence=evidence)
        assert dossier.state is before
        assert end(by=AGENT, now=SOON, counter=DESK, evidence=DIGEST).evidence == DIGEST


def told(event: DossierEvent, dossier: Dossier) -> dict[str, str]:
    return {notice.recipient: notice.told.kind for notice in notices(event, dossier)}


def test_the_applicant_and_proxies_are_told_of_a_withdrawal_and_a_renunciation() -> None:
    withdrawn, renounced = running(), delivered()
    for dossier in (withdrawn, renounced):
        dossier.grant_proxy(ARCHITECT.subject, by=CITIZEN, now=SOON)
    event = withdrawn.withdraw(by=AGENT, now=SOON, counter=DESK, evidence=DIGEST)
    mine = {CITIZEN.subject: "withdrawn", ARCHITECT.subject: "withdrawn"}
    assert mine.items() <= told(event, withdrawn).items()
    given_up = renounced.renounce(by=AGENT, now=SOON, counter=DESK, evidence=DIGEST)
    assert told(given_up, renounced) == {CITIZEN.subject: "renounced", ARCHITECT.subject: "renounced"}


def test_the_former_applicant_and_proxies_are_told_of_a_transfer() -> None:
    dossier = running()
    dossier.grant_proxy(ARCHITECT.subject, by=CITIZEN, now=SOON)
    event = dossier.transfer(STRANGER.subject, TransferBasis.BUYER, DIGEST, by=AGENT, now=SOON, counter=DESK)
    assert event.former == (CITIZEN.subject, ARCHITECT.subject)
    assert set(told(event, dossier)) == {STRANGER.subject, CITIZEN.subject, ARCHITECT.subject}
    texts = {notice.recipient: notice.told.title["fr"] for notice in notices(event, dossier)}
    assert texts[CITIZEN.subject] == "Votre dossier est transféré"
    assert texts[STRANGER.subject] == "Dossier transféré"
