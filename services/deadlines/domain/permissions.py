"""Who may do what with clocks and calendar."""

from enum import StrEnum
from typing import Final

from shared.auth import OFFICERS, Role


class Action(StrEnum):
    LIST_CLOCKS = "clock.list"
    READ_CLOCK = "clock.read"
    PROPOSE_DAY = "calendar.propose"
    CONFIRM_DAY = "calendar.confirm"
    REJECT_DAY = "calendar.reject"
    READ_PROPOSALS = "calendar.proposals"


_STAFF: Final = OFFICERS | {Role.GOVERNOR, Role.AUDITOR}

MAY: Final[dict[Action, frozenset[Role]]] = {
    Action.LIST_CLOCKS: _STAFF,
    Action.READ_CLOCK: _STAFF,
    # The calendar is national: its keepers are the platform's operators, one proposing and one confirming.
    Action.PROPOSE_DAY: frozenset({Role.OPERATOR}),
    Action.CONFIRM_DAY: frozenset({Role.OPERATOR}),
    Action.REJECT_DAY: frozenset({Role.OPERATOR}),
    Action.READ_PROPOSALS: frozenset({Role.OPERATOR, Role.AUDITOR}),
}
