"""Who may do what: roles, territory, the separation of duties, delegation and absence cover."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from services.rokhas.domain import MAY, Action, Delegation, DelegationKind, State, may_read
from services.rokhas.domain.permissions import DECIDING, INSTRUCTING, allowed
from shared.auth import Actor, Role
from shared.errors import Conflict, Forbidden, Invalid
from tests.rokhas.cases import (
    AGENT,
    ARCHITECT,
    AUDITOR,
    CASABLANCA,
    CITIZEN,
    COVER,
    ELSEWHERE,
    FILED,
    GOVERNOR,
    INSTRUCTOR,
    LATE,
    OPERATOR,
    PRESIDENT,
    REACH,
    SOON,
    STRANGER,
    TAKE,
    VICE_PRESIDENT,
    running,
)

PARTIES = running().parties


@pytest.mark.parametrize("by", [ELSEWHERE, STRANGER, AUDITOR, OPERATOR], ids=lambda by: by.subject)
def test_who_is_elsewhere_a_stranger_auditing_or_operating_changes_nothing(by: Actor) -> None:
    for action in TAKE:
        assert isinstance(allowed(action, by, PARTIES, now=SOON, unit="desk"), Forbidden), action


def test_the_person_meant_may() -> None:
    for action, (by, _) in TAKE.items():
        assert allowed(action, by, PARTIES, now=SOON) is None, action


@pytest.mark.parametrize(
    ("by", "reads"),
    [
        (CITIZEN, True),
        (STRANGER, False),
        (ARCHITECT, False),
        (AGENT, True),
        (PRESIDENT, True),
        (GOVERNOR, True),
        (AUDITOR, True),
        (OPERATOR, False),
        (ELSEWHERE, False),
    ],
    ids=lambda value: getattr(value, "subject", value),
)
def test_who_reads_a_file(by: Actor, reads: bool) -> None:
    assert may_read(by, PARTIES) is reads


def test_a_proxy_holder_reads_the_file() -> None:
    dossier = running()
    dossier.grant_proxy(ARCHITECT.subject, by=CITIZEN, now=SOON)
    assert may_read(ARCHITECT, dossier.parties)


def test_who_instructs_does_not_decide() -> None:
    dossier = running()
    both = Actor(
        subject="both", roles=frozenset({Role.INSTRUCTOR, Role.PRESIDENT}), communes=frozenset({CASABLANCA})
    )
    dossier.request_opinion("commune", by=both, now=SOON)
    with pytest.raises(Forbidden, match="separation_of_duties"):
        dossier.grant(by=both, now=SOON)
    dossier.assign(COVER.subject, by=PRESIDENT, now=SOON)
    with pytest.raises(Forbidden, match="separation_of_duties"):
        dossier.grant(by=both, now=SOON)


def test_who_was_assigned_does_not_decide_and_who_decided_does_not_instruct() -> None:
    both = Actor(
        subject="both", roles=frozenset({Role.INSTRUCTOR, Role.PRESIDENT}), communes=frozenset({CASABLANCA})
    )
    instructor = replace(both, roles=frozenset({Role.INSTRUCTOR}))
    lent = delegation()
    lent.holder = both.subject
    dossier = running()
    dossier.assign(both.subject, by=AGENT, now=SOON)
    with pytest.raises(Forbidden, match="separation_of_duties"):
        dossier.grant(by=instructor, now=SOON, delegations=[lent])
    decided = running()
    decided.decided_by.add(both.subject)
    with pytest.raises(Forbidden, match="separation_of_duties"):
        decided.request_opinion("commune", by=both, now=SOON)


def test_an_agent_does_not_lock_the_president_out_by_assigning_them_the_file() -> None:
    dossier = running()
    dossier.assign(PRESIDENT.subject, by=AGENT, now=SOON)
    dossier.grant(by=PRESIDENT, now=SOON)
    assert dossier.state is State.GRANTED


def test_nobody_instructs_or_decides_their_own_application() -> None:
    mayor = Actor(subject=CITIZEN.subject, roles=frozenset(Role), communes=frozenset({CASABLANCA}))
    for action in sorted(DECIDING | INSTRUCTING):
        assert isinstance(allowed(action, mayor, PARTIES, now=SOON), Forbidden), action
    assert allowed(Action.ATTACH, mayor, PARTIES, now=SOON) is None


def delegation(kind: DelegationKind = DelegationKind.SIGNATURE, **changes: object) -> Delegation:
    arguments = {
        "collectivity": CASABLANCA,
        "kind": kind,
        "giver": PRESIDENT.subject if kind is DelegationKind.SIGNATURE else INSTRUCTOR.subject,
        "holder": VICE_PRESIDENT.subject,
        "starts_at": FILED,
        "ends_at": LATE,
        "by": PRESIDENT,
        "now": FILED,
    }
    given, event = Delegation.give(UUID(int=7), **(arguments | changes))  # type: ignore[arg-type]  # by name
    assert (event.holder, event.kind, given.version) == (given.holder, given.kind, 1)
    return given


def test_a_delegated_signature_decides_within_its_period() -> None:
    lent = delegation()
    with pytest.raises(Forbidden):
        running().grant(by=VICE_PRESIDENT, now=SOON)
    for now in (FILED - timedelta(seconds=1), LATE):
        with pytest.raises(Forbidden):
            running().grant(by=VICE_PRESIDENT, now=now, delegations=[lent])
    dossier = running()
    dossier.grant(by=VICE_PRESIDENT, now=SOON, delegations=[lent])
    assert dossier.state is State.GRANTED
    assert VICE_PRESIDENT.subject in dossier.decided_by


def test_a_delegation_does_not_lift_the_separation_of_duties() -> None:
    dossier = running()
    cover = delegation(DelegationKind.ABSENCE)
    dossier.request_opinion("commune", by=VICE_PRESIDENT, now=SOON, delegations=[cover])
    with pytest.raises(Forbidden, match="separation_of_duties"):
        dossier.grant(by=VICE_PRESIDENT, now=SOON, delegations=[cover, delegation()])


def test_a_delegation_holds_in_its_commune_and_for_its_kind() -> None:
    elsewhere = delegation()
    elsewhere.collectivity = "01.051.01.01"
    with pytest.raises(Forbidden):
        running().grant(by=VICE_PRESIDENT, now=SOON, delegations=[elsewhere])
    with pytest.raises(Forbidden):
        running().grant(by=VICE_PRESIDENT, now=SOON, delegations=[delegation(DelegationKind.ABSENCE)])


def test_a_revoked_delegation_ends() -> None:
    lent = delegation()
    assert lent.revoke(by=PRESIDENT, now=SOON).revoked_at == SOON
    with pytest.raises(Forbidden):
        running().grant(by=VICE_PRESIDENT, now=SOON, delegations=[lent])
    with pytest.raises(Conflict, match="delegation_revoked"):
        lent.revoke(by=PRESIDENT, now=SOON)
    with pytest.raises(Forbidden):
        delegation().revoke(by=AGENT, now=SOON)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"by": AGENT}, "delegation_forbidden"),
        ({"by": ELSEWHERE}, "delegation_forbidden"),
        ({"giver": "president-9"}, "delegation_forbidden"),
        ({"holder": PRESIDENT.subject}, "delegation_to_self"),
        ({"ends_at": FILED}, "delegation_period"),
        ({"now": LATE}, "delegation_period"),
    ],
)
def test_a_delegation_is_checked(changes: dict[str, object], problem: str) -> None:
    with pytest.raises((Forbidden, Invalid), match=problem):
        delegation(**changes)  # type: ignore[arg-type]  # by name


def test_the_409_lists_what_the_caller_may_do() -> None:
    dossier = running()
    assert dossier.actions(STRANGER, SOON) == []
    mine = dossier.actions(CITIZEN, SOON)
    assert Action.WITHDRAW in mine
    assert Action.GRANT not in mine
    assert Action.GRANT in dossier.actions(VICE_PRESIDENT, SOON, [delegation()])
    assert dossier.actions(AUDITOR, SOON) == []


@pytest.mark.parametrize("state", State)
def test_the_table_of_roles_covers_what_states_offer(state: State) -> None:
    for action in REACH[state]().available:
        assert MAY[action]


def test_an_instant_without_offset_is_a_fault() -> None:
    with pytest.raises(ValueError, match="offset"):
        running().grant(by=PRESIDENT, now=SOON.replace(tzinfo=None))
