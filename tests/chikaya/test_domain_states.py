"""The tables: every state, every action, every pair of them; who may not; and the page that draws them."""

import re
from pathlib import Path
from typing import Final

import pytest

from services.chikaya import domain
from services.chikaya.app import SERVICE
from services.chikaya.domain import ACTIONS, MAY, NEXT, Action, State
from services.chikaya.domain.words import WORDS
from services.chikaya.events import REPORT
from shared.auth import Actor, Role
from shared.errors import Conflict
from tests.chikaya import cases

README: Final = Path(domain.__file__).parents[1] / "README.md"
READS: Final = {Action.READ, Action.READ_NOTES}
OF_NOTHING: Final = {
    Action.ADMIT_CLIENT,
    *(Action.SUBMIT, Action.LIST, Action.QUEUE, Action.PUBLISH_CONTACT, Action.REVIEW),
    *(Action.READ_TEMPLATES, Action.WRITE_TEMPLATE),
    *(Action.FOLLOW, Action.STATISTICS, Action.PROPOSE, Action.PUBLISH_YEARLY_REPORT),
}
OF_A_CONTACT: Final = {Action.CONFIRM_CONTACT}
"""In whatever state the report is, where there is a contact to confirm."""
MODERATION: Final = {Action.PUBLISH, Action.WITHHOLD}
PAIRS: Final = [
    pytest.param(state, action, id=f"{state} {action}") for state in State for action in cases.TAKE
]


def test_the_tables_are_closed() -> None:
    assert set(NEXT) == set(ACTIONS) == set(cases.REACH) == set(WORDS) == set(State)
    assert frozenset().union(*ACTIONS.values()) == set(cases.TAKE) | READS | OF_A_CONTACT
    assert set(MAY) == set(Action) == set(cases.TAKE) | READS | OF_NOTHING | OF_A_CONTACT
    assert all(roles and roles <= set(Role) for roles in MAY.values())
    reached, fresh = {State.RECEIVED}, {State.RECEIVED}
    while fresh:
        fresh = set().union(*(NEXT[state] for state in fresh)) - reached
        reached |= fresh
    assert reached == set(State)
    for state, following in NEXT.items():
        ended = ACTIONS[state] <= READS | OF_A_CONTACT | MODERATION | {Action.NOTE}
        assert following or ended, "nothing happens after the end"


@pytest.mark.parametrize(("state", "action"), PAIRS)
def test_every_action_in_every_state(state: State, action: Action) -> None:
    made = cases.REACH[state]()
    assert made.state is state
    by, take = cases.TAKE[action]
    version = made.version
    if action in ACTIONS[state]:
        assert action in made.actions(by)
        event = take(made)
        assert event is not None
        assert made.version == version + 1
        assert made.state is state or made.state in NEXT[state]
        assert REPORT.types[event.TYPE] is type(event)
        assert type(event).read(event.payload()) == event
        return
    untouched = cases.REACH[state]()
    with pytest.raises(Conflict) as refusal:
        take(made)
    assert refusal.value.code == "action_not_permitted"
    assert refusal.value.extra["actions"] == made.actions(by)
    assert action not in refusal.value.extra["actions"]
    assert made == untouched


@pytest.mark.parametrize("outsider", [cases.STRANGER, cases.ELSEWHERE, cases.AUDITOR, cases.NOBODY])
def test_who_has_no_business_there_does_nothing(outsider: Actor) -> None:
    for state, reach in cases.REACH.items():
        assert reach().actions(outsider) == [], state


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_message_and_a_next_step(state: State) -> None:
    for text in (WORDS[state].message, WORDS[state].next_step):
        assert set(text) == {"ar", "fr", "en"}
        assert all(text.values())
        assert re.search(r"[\u0600-\u06ff]", text["ar"])


def test_the_matrix_of_the_page_is_the_table() -> None:
    """Every state a row, every action of a report a column: ● where it may be done."""
    rows = [line[1:-1] for line in README.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    table = [[cell.strip(" `") for cell in row.split("|")] for row in rows]
    [head] = [row for row in table if row[0] == "state × action"]
    drawn = {
        State(row[0]): {Action(action) for action, mark in zip(head[1:], row[1:], strict=True) if mark == "●"}
        for row in table
        if row[0] in set(State) and len(row) == len(head)
    }
    always = {Action.READ, Action.READ_NOTES, Action.NOTE, Action.CONFIRM_CONTACT}
    assert drawn == {state: actions - always for state, actions in ACTIONS.items()}


def test_event_types_are_ours() -> None:
    for stream in SERVICE.streams:
        assert len(stream.types) == len(stream.events)
        for name in stream.types:
            assert re.fullmatch(r"ma\.jamaa\.chikaya\.[a-z_]+\.[a-z_]+\.v1", name)
            assert name.split(".")[3] == stream.aggregate


PERSONAL: Final = re.compile(
    r"name|phone|email|contact$|address|reporter|filed|text|reasons|place|point|longitude|assignee|comment|code"
)


def test_no_event_has_a_field_for_a_person() -> None:
    fields = {
        field for stream in SERVICE.streams for event in stream.events for field in event.__dataclass_fields__
    }
    assert [field for field in fields if PERSONAL.search(field)] == []
