"""The tables: every state, every action, every pair of them; who may not; and the page that draws them."""

import re
from typing import Final

import pytest

from services.watiqa.app import SERVICE
from services.watiqa.domain import ACTIONS, MAY, NEXT, Action, State
from services.watiqa.domain.words import CONTROL, WORDS
from services.watiqa.events import REQUEST
from services.watiqa.events.request import ControlReason
from shared.auth import Actor, Role
from shared.errors import Conflict
from tests.watiqa import cases

READS: Final = {Action.READ, Action.PREVIEW}
OF_NOTHING: Final = {Action.SUBMIT, Action.LIST, Action.UPLOAD, Action.CLOSE_OFFICE, Action.REOPEN_OFFICE}
OF_A_PAYMENT: Final = {Action.RETURN_PAYMENT}
"""In whatever state the request is."""
PAIRS: Final = [
    pytest.param(state, action, id=f"{state} {action}") for state in State for action in cases.TAKE
]


def test_the_tables_are_closed() -> None:
    assert set(NEXT) == set(ACTIONS) == set(cases.REACH) == set(WORDS) == set(State)
    assert frozenset().union(*ACTIONS.values()) == set(cases.TAKE) | READS
    assert set(MAY) == set(Action) == set(cases.TAKE) | READS | OF_NOTHING | OF_A_PAYMENT
    assert all(roles and roles <= set(Role) for roles in MAY.values())
    reached, fresh = {State.RECEIVED}, {State.RECEIVED}
    while fresh:
        fresh = set().union(*(NEXT[state] for state in fresh)) - reached
        reached |= fresh
    assert reached == set(State)
    for state, following in NEXT.items():
        assert following or ACTIONS[state] <= READS, "nothing happens after the end"


@pytest.mark.parametrize(("state", "action"), PAIRS)
def test_every_action_in_every_state(state: State, action: Action) -> None:
    made = cases.REACH[state]()
    assert made.state is state
    by, take = cases.TAKE[action]
    version = made.version
    if action in ACTIONS[state]:
        assert action in made.actions(by)
        event = take(made)
        if event is None:
            assert (action, made.state, made.version) == (Action.REISSUE, state, version)
            return
        assert made.version == version + 1
        assert made.state is state or made.state in NEXT[state]
        assert REQUEST.types[event.TYPE] is type(event)
        assert type(event).read(event.payload()) == event
        return
    untouched = cases.REACH[state]()
    with pytest.raises(Conflict) as refusal:
        take(made)
    assert refusal.value.code == "action_not_permitted"
    assert refusal.value.extra["actions"] == made.actions(by)
    assert action not in refusal.value.extra["actions"]
    assert made == untouched


@pytest.mark.parametrize("outsider", [cases.STRANGER, cases.ELSEWHERE, cases.PRESIDENT, cases.COURT])
def test_who_has_no_business_there_does_nothing(outsider: Actor) -> None:
    for state, reach in cases.REACH.items():
        assert reach().actions(outsider) == [], state


@pytest.mark.parametrize("why", [*State, *ControlReason])
def test_every_state_and_every_control_has_a_message_and_a_next_step(why: State | ControlReason) -> None:
    words = WORDS[why] if isinstance(why, State) else CONTROL[why]
    for text in (words.message, words.next_step):
        assert set(text) == {"ar", "fr", "en"}
        assert all(text.values())
        assert re.search(r"[\u0600-\u06ff]", text["ar"])


def test_event_types_are_ours() -> None:
    for stream in SERVICE.streams:
        assert len(stream.types) == len(stream.events)
        for name in stream.types:
            assert re.fullmatch(r"ma\.jamaa\.watiqa\.[a-z_]+\.[a-z_]+\.v1", name)
            assert name.split(".")[3] == stream.aggregate


PERSONAL: Final = re.compile(
    r"name|given|family|born|birth|identifier|address|applicant|filed|tracking|wanted|statement|proofs"
)


def test_no_event_has_a_field_for_a_person() -> None:
    fields = {
        field for stream in SERVICE.streams for event in stream.events for field in event.__dataclass_fields__
    }
    assert [field for field in fields if PERSONAL.search(field)] == []
