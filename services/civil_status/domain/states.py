"""The states of acts, what may follow each, and what may be done in each; and every action of the service."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

S = TypeVar("S", bound=StrEnum)


class Action(StrEnum):
    """Everything that anybody may be allowed to do: the routes authorise with it, the states list it."""

    # on nothing in particular
    LOOK_UP = "look_up"
    LIST_MARGINS = "list_margins"
    READ_IMPORTS = "read_imports"
    REGISTER_JUDGMENT = "register_judgment"
    OPEN_DECLARATION = "open_declaration"
    LIST_DECLARATIONS = "list_declarations"
    LIST_CORRECTIONS = "list_corrections"
    UPLOAD = "upload"
    GIVE_CONSENT = "give_consent"
    EXCHANGE = "exchange"
    # a declaration
    READ_DECLARATION = "read_declaration"
    COMPLETE = "complete"
    DISTINGUISH = "distinguish"
    REGISTER = "register"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    # a correction
    REQUEST_CORRECTION = "request_correction"
    READ_CORRECTION = "read_correction"
    DECIDE_CORRECTION = "decide_correction"
    WITHDRAW_CORRECTION = "withdraw_correction"
    # an act
    READ_ACT = "read_act"
    ADD_MENTION = "add_mention"
    ENTER_JUDGMENT = "enter_judgment"
    CONFIRM_MARGIN = "confirm_margin"
    LINK_HOLDER = "link_holder"
    ANNUL = "annul"
    FLAG_DUPLICATE = "flag_duplicate"
    CLEAR_DUPLICATE = "clear_duplicate"
    # a paper register under digitisation
    OPEN_VOLUME = "open_volume"
    LIST_VOLUMES = "list_volumes"
    READ_VOLUME = "read_volume"
    READ_PROGRESS = "read_progress"
    READ_THROUGHPUT = "read_throughput"
    ADD_PAGE = "add_page"
    REPLACE_PAGE = "replace_page"
    CLOSE_SCANNING = "close_scanning"
    DRAW_SAMPLE = "draw_sample"
    CHECK_ACT = "check_act"
    CONCLUDE_LOT = "conclude_lot"
    REPORT_DAMAGE = "report_damage"
    RESUME_VOLUME = "resume_volume"
    # an act of it
    LIST_ENTRIES = "list_entries"
    READ_ENTRY = "read_entry"
    HOLD = "hold"
    RELEASE = "release"
    TAKE_OVER = "take_over"
    KEY = "key"
    ADJUDICATE = "adjudicate"
    REJECT_ENTRY = "reject_entry"
    REOPEN_ENTRY = "reopen_entry"
    DECIDE_DUPLICATE = "decide_duplicate"
    ENTER_ACT = "enter_act"


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

_ENTRIES: Final = frozenset(
    {A.ADD_MENTION, A.ENTER_JUDGMENT, A.CONFIRM_MARGIN, A.ANNUL, A.REQUEST_CORRECTION}
)

ACT_ACTIONS: Final[dict[ActState, frozenset[Action]]] = {
    ActState.VALID: _ENTRIES | {A.READ_ACT, A.LINK_HOLDER, A.FLAG_DUPLICATE},
    # Life goes on while somebody looks into it: a marriage is noted all the same.
    ActState.DISPUTED: _ENTRIES | {A.READ_ACT, A.CLEAR_DUPLICATE},
    ActState.ANNULLED: frozenset({A.READ_ACT}),
}


class DeclarationState(StrEnum):
    ANNOUNCED = (
        "announced"  # by the family, the hospital, or just now at the counter: it declares nothing yet
    )
    COMPLETED = "completed"  # declared, in time: waits for the officer's signature
    SUSPECTED = "suspected"  # declared, and seems to be in the register already
    LATE = "late"  # nobody came in time: a court orders the registration
    REGISTERED = "registered"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


D = DeclarationState

DECLARATION_NEXT: Final[dict[DeclarationState, frozenset[DeclarationState]]] = {
    D.ANNOUNCED: frozenset({D.COMPLETED, D.SUSPECTED, D.LATE, D.REGISTERED, D.REFUSED, D.WITHDRAWN}),
    D.COMPLETED: frozenset({D.REGISTERED, D.REFUSED}),
    D.SUSPECTED: frozenset({D.COMPLETED, D.REFUSED}),
    D.LATE: frozenset({D.REGISTERED, D.REFUSED, D.WITHDRAWN}),
    D.REGISTERED: frozenset(),
    D.REFUSED: frozenset(),
    D.WITHDRAWN: frozenset(),
}

DECLARATION_ACTIONS: Final[dict[DeclarationState, frozenset[Action]]] = {
    D.ANNOUNCED: frozenset({A.READ_DECLARATION, A.COMPLETE, A.REGISTER_JUDGMENT, A.REFUSE, A.WITHDRAW}),
    D.COMPLETED: frozenset({A.READ_DECLARATION, A.REGISTER, A.REFUSE}),
    D.SUSPECTED: frozenset({A.READ_DECLARATION, A.DISTINGUISH, A.REFUSE}),
    D.LATE: frozenset({A.READ_DECLARATION, A.REGISTER_JUDGMENT, A.REFUSE, A.WITHDRAW}),
    D.REGISTERED: frozenset({A.READ_DECLARATION}),
    D.REFUSED: frozenset({A.READ_DECLARATION}),
    D.WITHDRAWN: frozenset({A.READ_DECLARATION}),
}


class CorrectionState(StrEnum):
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


C = CorrectionState

CORRECTION_NEXT: Final[dict[CorrectionState, frozenset[CorrectionState]]] = {
    C.REQUESTED: frozenset({C.ACCEPTED, C.REJECTED, C.WITHDRAWN}),
    C.ACCEPTED: frozenset(),
    C.REJECTED: frozenset(),
    C.WITHDRAWN: frozenset(),
}

CORRECTION_ACTIONS: Final[dict[CorrectionState, frozenset[Action]]] = {
    C.REQUESTED: frozenset({A.READ_CORRECTION, A.DECIDE_CORRECTION, A.WITHDRAW_CORRECTION}),
    C.ACCEPTED: frozenset({A.READ_CORRECTION}),
    C.REJECTED: frozenset({A.READ_CORRECTION}),
    C.WITHDRAWN: frozenset({A.READ_CORRECTION}),
}


def followed(table: Mapping[S, frozenset[S]], state: S, to: S | None) -> S:
    """The state after a transition to `to`; without one, the same. What the table does not know is a bug."""
    if to is not None and to not in table[state]:
        raise AssertionError(f"{state} is never followed by {to}")
    return to or state
