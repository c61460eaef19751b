"""The tables: every state, every action, every pair of them."""

import re

import pytest

from services.rokhas.domain import ACTIONS, FINAL, MAY, NEXT, Action, Dossier, State
from services.rokhas.domain.states import GENERAL, LATE
from services.rokhas.events import DELEGATION, DOSSIER, DecisionAttemptedLate
from shared.auth import Role
from shared.errors import Conflict
from tests.rokhas.cases import REACH, TAKE


def test_the_tables_are_closed() -> None:
    assert set(NEXT) == set(ACTIONS) == set(REACH) == set(State)
    assert set(MAY) == set(Action) == set(TAKE) | GENERAL
    assert frozenset().union(*ACTIONS.values()) == set(TAKE)


def test_every_state_is_reached_from_the_draft() -> None:
    reached, fresh = {State.DRAFT}, {State.DRAFT}
    while fresh:
        fresh = set().union(*(NEXT[state] for state in fresh)) - reached
        reached |= fresh
    assert reached == set(State)


def test_nothing_happens_after_the_end() -> None:
    assert {state for state in FINAL if ACTIONS[state] - {Action.MESSAGE}} == set()


def test_every_action_has_somebody() -> None:
    assert all(roles <= set(Role) and roles for roles in MAY.values())


@pytest.mark.parametrize("state", State)
def test_state_is_reached(state: State) -> None:
    assert REACH[state]().state is state


@pytest.mark.parametrize("state", State)
def test_every_action_in_state(state: State) -> None:
    """One test per state and not per pair: a thousand items would cost more than what they run."""
    for action in TAKE:
        dossier = REACH[state]()
        if action in {Action.CONFIRM_HANDOVER, Action.REJECT_HANDOVER}:
            permitted = action in ACTIONS[state]  # taking it first arranges a handover to confirm
        else:
            permitted = action in dossier.available
        if permitted:
            accepted(dossier, action)
        elif action is Action.REFUSE and state in LATE:
            assert isinstance(TAKE[action][1](dossier), DecisionAttemptedLate)
            assert dossier.state is state
        else:
            turned_down(dossier, REACH[state](), action)


def accepted(dossier: Dossier, action: Action) -> None:
    version, before = dossier.version, dossier.state
    event = TAKE[action][1](dossier)
    assert dossier.version > version, action
    assert dossier.state is before or dossier.state in NEXT[before], action
    assert DOSSIER.types[event.TYPE] is type(event)
    assert (event.procedure, event.collectivity) == (dossier.procedure.code, dossier.collectivity)
    assert type(event).read(event.payload()) == event


def turned_down(dossier: Dossier, untouched: Dossier, action: Action) -> None:
    _, take = TAKE[action]
    with pytest.raises(Conflict) as refusal:
        take(dossier)
    assert refusal.value.code == "action_not_permitted", (dossier.state, action)
    assert action not in refusal.value.extra["actions"]
    # what `take` arranged before it asked
    dossier.handover, dossier.fees, dossier.proxies = untouched.handover, untouched.fees, untouched.proxies
    assert dossier == untouched, action
    assert set(refusal.value.extra["actions"]) <= ACTIONS[dossier.state]


@pytest.mark.parametrize("state", State)
def test_a_409_lists_what_the_caller_may_do(state: State) -> None:
    dossier = REACH[state]()
    by, take = TAKE[Action.GRANT]
    if Action.GRANT in dossier.available:
        assert Action.GRANT in dossier.actions(by, dossier.drafted_at)
    else:
        with pytest.raises(Conflict) as refusal:
            take(dossier)
        assert refusal.value.extra["actions"] == dossier.actions(by, dossier.drafted_at)


def test_types_are_named_by_the_law_of_the_house() -> None:
    for stream in (DOSSIER, DELEGATION):
        for name in stream.types:
            assert re.fullmatch(r"ma\.jamaa\.rokhas\.[a-z]+\.[a-z_]+\.v1", name)
    assert len(DOSSIER.types) == len(DOSSIER.events)
