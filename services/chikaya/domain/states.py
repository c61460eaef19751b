"""The states of a report, what may follow each, and what may be done in each."""

from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """Everything that anybody may be allowed to do: the routes authorise with it, the states list it."""

    # on nothing in particular
    SUBMIT = "submit"
    LIST = "list"
    QUEUE = "queue"
    PUBLISH_CONTACT = "publish_contact"
    ADMIT_CLIENT = "admit_client"
    REVIEW = "review"
    FOLLOW = "follow"
    STATISTICS = "statistics"
    READ_TEMPLATES = "read_templates"
    WRITE_TEMPLATE = "write_template"
    PROPOSE = "propose"
    PUBLISH_YEARLY_REPORT = "publish_yearly_report"
    # a report
    READ = "read"
    READ_NOTES = "read_notes"
    NOTE = "note"
    CONFIRM_CONTACT = "confirm_contact"
    COMPLETE = "complete"
    REOPEN = "reopen"
    RATE = "rate"
    ASSIGN = "assign"
    START = "start"
    ANSWER = "answer"
    DECLARE_DEFECTIVE = "declare_defective"
    DECLARE_INADMISSIBLE = "declare_inadmissible"
    REROUTE = "reroute"
    REDIRECT = "redirect"
    PUBLISH = "publish"
    WITHHOLD = "withhold"
    MERGE = "merge"
    SEPARATE = "separate"
    DISMISS = "dismiss"


class State(StrEnum):
    RECEIVED = "received"  # for the instant before the receipt, which is given at once (2-17-265 art. 5)
    ACKNOWLEDGED = "acknowledged"
    DEFECTIVE = "defective"  # wrong form, unclear, unsupported: it waits for whoever reported (art. 11)
    COMPLETED = "completed"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    MERGED = "merged"  # of the same thing as another one, and gets the answer to it
    ANSWERED = "answered"
    REOPENED = "reopened"
    CLOSED = "closed"
    INADMISSIBLE = "inadmissible"  # art. 12
    REDIRECTED = "redirected"  # not ours


S = State

_TURNED_AWAY: Final = frozenset({S.INADMISSIBLE, S.REDIRECTED})

NEXT: Final[dict[State, frozenset[State]]] = {
    S.RECEIVED: frozenset({S.ACKNOWLEDGED}),
    S.ACKNOWLEDGED: frozenset({S.DEFECTIVE, S.ASSIGNED, S.MERGED}) | _TURNED_AWAY,
    S.DEFECTIVE: frozenset({S.COMPLETED}),
    S.COMPLETED: frozenset({S.DEFECTIVE, S.ASSIGNED, S.MERGED}) | _TURNED_AWAY,
    # Back to where it waited, when it is routed elsewhere.
    S.ASSIGNED: frozenset({S.ACKNOWLEDGED, S.REOPENED, S.DEFECTIVE, S.IN_PROGRESS, S.MERGED}) | _TURNED_AWAY,
    S.IN_PROGRESS: frozenset({S.ACKNOWLEDGED, S.REOPENED, S.ASSIGNED, S.MERGED, S.ANSWERED}) | _TURNED_AWAY,
    S.MERGED: frozenset({S.ACKNOWLEDGED, S.REOPENED, S.ANSWERED}),
    S.ANSWERED: frozenset({S.REOPENED, S.CLOSED}),
    S.REOPENED: frozenset({S.ASSIGNED, S.MERGED}),
    S.CLOSED: frozenset({S.REOPENED}),
    S.INADMISSIBLE: frozenset(),
    S.REDIRECTED: frozenset(),
}
"""`escalated` is no state: it says since when a reply is overdue, and the work goes on where it was."""

OPEN: Final = frozenset(
    {S.RECEIVED, S.ACKNOWLEDGED, S.DEFECTIVE, S.COMPLETED, S.ASSIGNED, S.IN_PROGRESS, S.MERGED, S.REOPENED}
)
"""A reply is still due."""
LEADING: Final = OPEN - {S.RECEIVED, S.DEFECTIVE, S.MERGED}
"""Into these others may be merged: somebody works on them, or will."""
UNASSIGNED: Final = frozenset({S.ACKNOWLEDGED, S.COMPLETED, S.REOPENED})
"""It waits for somebody to take it."""

A = Action

_KEPT: Final = frozenset({A.READ, A.READ_NOTES, A.NOTE, A.CONFIRM_CONTACT})
_OFFICE: Final = _KEPT | {A.PUBLISH, A.WITHHOLD}
_FRESH: Final = frozenset({A.ASSIGN, A.REROUTE, A.REDIRECT, A.DECLARE_INADMISSIBLE, A.MERGE, A.DISMISS})

ACTIONS: Final[dict[State, frozenset[Action]]] = {
    S.RECEIVED: frozenset(),
    S.ACKNOWLEDGED: _OFFICE | _FRESH | {A.DECLARE_DEFECTIVE},
    S.DEFECTIVE: _OFFICE | {A.COMPLETE},
    S.COMPLETED: _OFFICE | _FRESH | {A.DECLARE_DEFECTIVE},
    S.ASSIGNED: _OFFICE | _FRESH | {A.START, A.DECLARE_DEFECTIVE},
    S.IN_PROGRESS: _OFFICE | _FRESH | {A.ANSWER},
    S.MERGED: _OFFICE | {A.SEPARATE},
    S.ANSWERED: _OFFICE | {A.REOPEN, A.RATE},
    S.REOPENED: _OFFICE | {A.ASSIGN, A.REROUTE, A.MERGE, A.DISMISS},
    S.CLOSED: _OFFICE | {A.REOPEN},
    S.INADMISSIBLE: _KEPT,  # what is abusive is nobody's to see
    S.REDIRECTED: _OFFICE,
}
