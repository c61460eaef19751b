"""The tables: every state, every action, every pair of them; and who may not."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import pytest

from services.civil_status.app import SERVICE
from services.civil_status.domain import ACT_ACTIONS, ACT_NEXT, MAY, Action, ActState
from services.civil_status.domain.digitisation.states import (
    ENTRY_ACTIONS,
    ENTRY_NEXT,
    VOLUME_ACTIONS,
    VOLUME_NEXT,
    EntryState,
    VolumeState,
)
from services.civil_status.domain.matching import linked
from services.civil_status.domain.states import (
    CORRECTION_ACTIONS,
    CORRECTION_NEXT,
    DECLARATION_ACTIONS,
    DECLARATION_NEXT,
    CorrectionState,
    DeclarationState,
)
from services.civil_status.domain.values import Seen
from services.civil_status.events import ACT, CORRECTION, DECLARATION, ENTRY, VOLUME
from shared.auth import Actor, Role
from shared.errors import Conflict, Forbidden
from shared.events import Stream
from tests.civil_status import cases, cases_digitisation
from tests.civil_status.cases import Take


@dataclass(frozen=True, slots=True)
class Kind:
    """One aggregate: its tables, and how its states are reached and its actions taken."""

    start: StrEnum
    next: Mapping[Any, frozenset[Any]]
    actions: Mapping[Any, frozenset[Action]]
    reach: Mapping[Any, Callable[[], Any]]
    take: Mapping[Action, Take]
    stream: Stream


KINDS: Final = {
    "act": Kind(ActState.VALID, ACT_NEXT, ACT_ACTIONS, cases.ACTS, cases.TAKE_ACT, ACT),
    "declaration": Kind(
        DeclarationState.ANNOUNCED,
        DECLARATION_NEXT,
        DECLARATION_ACTIONS,
        cases.DECLARATIONS,
        cases.TAKE_DECLARATION,
        DECLARATION,
    ),
    "correction": Kind(
        CorrectionState.REQUESTED,
        CORRECTION_NEXT,
        CORRECTION_ACTIONS,
        cases.CORRECTIONS,
        cases.TAKE_CORRECTION,
        CORRECTION,
    ),
    "volume": Kind(
        VolumeState.SCANNING,
        VOLUME_NEXT,
        VOLUME_ACTIONS,
        cases_digitisation.VOLUMES,
        cases_digitisation.TAKE_VOLUME,
        VOLUME,
    ),
    "entry": Kind(
        EntryState.WAITING,
        ENTRY_NEXT,
        ENTRY_ACTIONS,
        cases_digitisation.ENTRIES,
        cases_digitisation.TAKE_ENTRY,
        ENTRY,
    ),
}
READS: Final = {
    "act": {Action.READ_ACT, Action.REQUEST_CORRECTION},
    "declaration": {Action.READ_DECLARATION},
    "correction": {Action.READ_CORRECTION},
    "volume": {Action.READ_VOLUME, Action.LIST_ENTRIES},
    "entry": {Action.READ_ENTRY, Action.HOLD, Action.RELEASE},
}
"""What changes nothing of the aggregate itself."""
PAIRS: Final = [
    pytest.param(name, state, action, id=f"{name} {state} {action}")
    for name, kind in KINDS.items()
    for state in kind.next
    for action in kind.take
]
OF_NOTHING: Final = {Action.OPEN_DECLARATION, Action.LIST_DECLARATIONS, Action.LIST_CORRECTIONS} | {
    *(
        Action.UPLOAD,
        Action.GIVE_CONSENT,
        Action.EXCHANGE,
        Action.LOOK_UP,
        Action.LIST_MARGINS,
        Action.READ_IMPORTS,
    ),
    *(Action.OPEN_VOLUME, Action.LIST_VOLUMES, Action.READ_PROGRESS, Action.READ_THROUGHPUT),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_tables_are_closed(name: str) -> None:
    kind = KINDS[name]
    states = set(type(kind.start))
    assert set(kind.next) == set(kind.actions) == set(kind.reach) == states
    assert frozenset().union(*kind.actions.values()) == set(kind.take) | READS[name]
    reached, fresh = {kind.start}, {kind.start}
    while fresh:
        fresh = set().union(*(kind.next[state] for state in fresh)) - reached
        reached |= fresh
    assert reached == states
    for state, following in kind.next.items():
        assert following or kind.actions[state] <= READS[name], "nothing happens after the end"


def test_every_action_has_somebody_and_an_aggregate() -> None:
    taken = set().union(*(kind.take for kind in KINDS.values()), *READS.values())
    assert set(MAY) == set(Action) == taken | OF_NOTHING
    assert all(roles and roles <= set(Role) for roles in MAY.values())


@pytest.mark.parametrize(("name", "state", "action"), PAIRS)
def test_every_action_in_every_state(name: str, state: StrEnum, action: Action) -> None:
    kind = KINDS[name]
    made = kind.reach[state]()
    assert made.state is state
    by, take = kind.take[action]
    version = made.version
    if action in kind.actions[state]:
        event = take(made)
        assert made.version == version + 1
        assert made.state is state or made.state in kind.next[state]
        assert kind.stream.types[event.TYPE] is type(event)
        assert type(event).read(event.payload()) == event
        return
    untouched = kind.reach[state]()
    with pytest.raises(Conflict) as refusal:
        take(made)
    assert refusal.value.code == "action_not_permitted"
    assert refusal.value.extra["actions"] == made.actions(by)
    assert action not in refusal.value.extra["actions"]
    assert made == untouched


@pytest.mark.parametrize("outsider", [cases.STRANGER, cases.ELSEWHERE, cases.PRESIDENT, cases.HOSPITAL])
@pytest.mark.parametrize("name", KINDS)
def test_who_has_no_business_there_does_nothing(name: str, outsider: Actor) -> None:
    kind = KINDS[name]
    for state, reach in kind.reach.items():
        assert reach().actions(outsider) == [], state


def test_nobody_acts_on_what_concerns_themselves() -> None:
    parent = Actor(
        subject="citizen-1",
        roles=frozenset({Role.CIVIL_STATUS_OFFICER, Role.CIVIL_STATUS_AUTHORITY, Role.CITIZEN}),
        communes=frozenset({cases.CASABLANCA}),
        provinces=frozenset({"06.141"}),
    )
    made = cases.act()
    with pytest.raises(Forbidden, match="own_act"):
        made.annul("TPI 2/2026", cases.BORN, by=parent, now=cases.NOW)
    with pytest.raises(Forbidden, match="own_declaration"):
        cases.announced().complete(cases.declared(), by=parent, now=cases.NOW)
    with pytest.raises(Forbidden, match="own_correction"):
        cases.requested().accept(made.id, by=parent, now=cases.NOW)


@pytest.mark.parametrize("more", [set(), {Role.CITIZEN}, {Role.COURT_CLERK}, {Role.ADMINISTRATION}])
def test_a_hospital_reads_what_it_announced_and_no_more_whatever_else_it_is(more: set[Role]) -> None:
    by = replace(cases.HOSPITAL, roles=cases.HOSPITAL.roles | more)
    assert not cases.announced().may_read(by)
    assert cases.announced(by).may_read(by)
    assert cases.announced().may_read(replace(by, roles=by.roles | {Role.AGENT}))


@pytest.mark.parametrize(
    ("by", "relation", "same", "theirs"),
    [
        (cases.CITIZEN, "father", True, True),
        (cases.CITIZEN, "mother", True, True),
        (cases.CITIZEN, "father", False, False),
        (cases.CITIZEN, "brother", True, False),
        (cases.HOSPITAL, "father", True, False),
        (cases.AGENT, "father", True, False),
    ],
)
def test_whose_act_a_declaration_becomes(by: Actor, relation: str, *, same: bool, theirs: bool) -> None:
    made = cases.announced(by)
    made.complete(cases.declared(relation), by=cases.AGENT, now=cases.NOW, announced_by_declarant=same)
    assert made.parties == ({by.subject} if theirs else set())


@pytest.mark.parametrize(
    ("relation", "holder", "theirs"),
    [("father", False, True), ("brother", False, False), ("brother", True, True)],
)
def test_whose_the_window_is_told_an_act_is(relation: str, *, holder: bool, theirs: bool) -> None:
    """A brother who declared is a party of acts drawn up before parents alone were; the holder was seen."""
    made = replace(cases.act(), blocks=cases.declared(relation))
    made.holder = cases.CITIZEN.subject if holder else None
    assert linked(made, cases.CITIZEN.subject) is theirs


def test_no_officer_links_anybody_to_their_own_act_nor_takes_their_own_link_back() -> None:
    here = replace(cases.OFFICER, subject="officer-2")
    childs = cases.act()
    childs.parties = frozenset({here.subject})
    with pytest.raises(Forbidden, match="own_act"):
        childs.link("citizen-9", Seen.NATIONAL_CARD, by=here, now=cases.NOW)
    own = cases.act()
    own.link(here.subject, Seen.NATIONAL_CARD, by=cases.OFFICER, now=cases.NOW)
    with pytest.raises(Forbidden, match="own_act"):
        own.link(None, None, by=here, now=cases.NOW)


def test_no_page_changes_after_its_lot_was_accepted() -> None:
    """What a quality controller compared is what the register keeps."""
    assert Action.REPLACE_PAGE not in VOLUME_ACTIONS[VolumeState.ACCEPTED]


def test_types_are_named_by_the_law_of_the_house() -> None:
    for stream in SERVICE.streams:
        assert len(stream.types) == len(stream.events)
        for name in stream.types:
            assert re.fullmatch(r"ma\.jamaa\.civil_status\.[a-z_]+\.[a-z_]+\.v1", name)
            assert name.split(".")[3] == stream.aggregate


PERSONAL: Final = re.compile(
    r"name|given|family|born|birth|identifier|address|occupation|sex$|parties|opener"
)


def test_no_event_has_a_field_for_a_person() -> None:
    fields = {
        field for stream in SERVICE.streams for event in stream.events for field in event.__dataclass_fields__
    }
    assert [field for field in fields - {"given_at"} if PERSONAL.search(field)] == []
