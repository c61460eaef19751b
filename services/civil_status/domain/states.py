"""The states of acts, what may follow each, and what may be done in each; and every action of the service."""

from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """Everything that anybody may be allowed to do: the routes authorise with it, the states list it."""

    # on nothing in particular
    LOOK_UP = "look_up"
    REGISTER_JUDGMENT = "register_judgment"
    # an act
    READ_ACT = "read_act"
    ADD_MENTION = "add_mention"
    ENTER_JUDGMENT = "enter_judgment"
    ANNUL = "annul"
    FLAG_DUPLICATE = "flag_duplicate"
    CLEAR_DUPLICATE = "clear_duplicate"


A = Action


class ActState(StrEnum):
    VALID = "valid"
    DISPUTED = "disputed"  # seems to say what another act says: a person decides
    ANNULLED = "annulled"


ACT_NEXT: Final[dict[ActState, frozenset[ActState]]] = {
    ActState.VALID: frozenset({ActState.DISPUTED, ActState.ANNULLED}),
    ActState.DISPUTED: frozenset({ActState.VALID, ActState.ANNULLED}),
    ActState.ANNULLED: frozenset(),
}

_ENTRIES: Final = frozenset({A.ADD_MENTION, A.ENTER_JUDGMENT, A.ANNUL})

ACT_ACTIONS: Final[dict[ActState, frozenset[Action]]] = {
    ActState.VALID: _ENTRIES | {A.READ_ACT, A.FLAG_DUPLICATE},
    # Life goes on while somebody looks into it: a marriage is noted all the same.
    ActState.DISPUTED: _ENTRIES | {A.READ_ACT, A.CLEAR_DUPLICATE},
    ActState.ANNULLED: frozenset({A.READ_ACT}),
}
