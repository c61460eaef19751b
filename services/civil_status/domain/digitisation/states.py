"""The states of a paper register and of each of its acts, what may follow, and what may be done."""

from enum import StrEnum
from typing import Final

from services.civil_status.domain.states import Action

A = Action


class VolumeState(StrEnum):
    SCANNING = "scanning"
    KEYING = "keying"
    SAMPLED = "sampled"  # a quality controller compares the sample with its pages
    ACCEPTED = "accepted"  # its acts may enter the register
    DAMAGED = "damaged"  # waits for its restoration or for the second copy


V = VolumeState

VOLUME_NEXT: Final[dict[VolumeState, frozenset[VolumeState]]] = {
    V.SCANNING: frozenset({V.KEYING, V.DAMAGED}),
    V.KEYING: frozenset({V.SAMPLED, V.DAMAGED}),
    V.SAMPLED: frozenset({V.ACCEPTED, V.KEYING}),
    V.ACCEPTED: frozenset({V.KEYING}),
    V.DAMAGED: frozenset({V.SCANNING}),
}

_SEEN: Final = frozenset({A.READ_VOLUME, A.LIST_ENTRIES})

VOLUME_ACTIONS: Final[dict[VolumeState, frozenset[Action]]] = {
    V.SCANNING: _SEEN | {A.ADD_PAGE, A.REPLACE_PAGE, A.CLOSE_SCANNING, A.REPORT_DAMAGE},
    V.KEYING: _SEEN | {A.REPLACE_PAGE, A.DRAW_SAMPLE, A.REPORT_DAMAGE},
    V.SAMPLED: _SEEN | {A.CHECK_ACT, A.CONCLUDE_LOT},
    V.ACCEPTED: _SEEN,  # nobody would compare another page with its acts
    V.DAMAGED: _SEEN | {A.RESUME_VOLUME},
}


class EntryState(StrEnum):
    WAITING = "waiting"
    KEYED_ONCE = "keyed_once"
    DIFFERING = "differing"  # a third person decides
    SETTLED = "settled"  # two agreed, or a third decided: waits for its sample, then for the register
    SUSPECTED = "suspected"  # resembles an act of the register: the officer compares
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    REGISTERED = "registered"


E = EntryState

ENTRY_NEXT: Final[dict[EntryState, frozenset[EntryState]]] = {
    E.WAITING: frozenset({E.KEYED_ONCE, E.REJECTED}),
    E.KEYED_ONCE: frozenset({E.DIFFERING, E.SETTLED, E.REJECTED}),
    E.DIFFERING: frozenset({E.SETTLED, E.REJECTED}),
    E.SETTLED: frozenset({E.DIFFERING, E.SUSPECTED, E.REGISTERED}),
    E.SUSPECTED: frozenset({E.SETTLED, E.DUPLICATE, E.REJECTED}),
    E.REJECTED: frozenset({E.WAITING}),
    E.DUPLICATE: frozenset(),
    E.REGISTERED: frozenset(),
}

_HELD: Final = frozenset({A.READ_ENTRY, A.HOLD, A.RELEASE, A.TAKE_OVER})

ENTRY_ACTIONS: Final[dict[EntryState, frozenset[Action]]] = {
    E.WAITING: _HELD | {A.KEY, A.REJECT_ENTRY},
    E.KEYED_ONCE: _HELD | {A.KEY, A.REJECT_ENTRY},
    E.DIFFERING: _HELD | {A.ADJUDICATE, A.REJECT_ENTRY},
    E.SETTLED: _HELD | {A.ENTER_ACT},
    E.SUSPECTED: _HELD | {A.DECIDE_DUPLICATE, A.REJECT_ENTRY},
    E.REJECTED: frozenset({A.READ_ENTRY, A.REOPEN_ENTRY}),
    E.DUPLICATE: frozenset({A.READ_ENTRY}),
    E.REGISTERED: frozenset({A.READ_ENTRY}),
}

WORK: Final[dict[EntryState, Action]] = {
    E.WAITING: A.KEY,
    E.KEYED_ONCE: A.KEY,
    E.DIFFERING: A.ADJUDICATE,
    E.SETTLED: A.CHECK_ACT,
    E.SUSPECTED: A.DECIDE_DUPLICATE,
}
"""For what an act is held: whoever may do that, and has no earlier part in it, may hold it."""
