"""Who may do what: role by action and territory. What concerns one report only, its own rules ask."""

from typing import Final

from services.chikaya.domain.states import Action
from shared.auth import OFFICERS, Actor, Role
from shared.errors import Forbidden
from shared.territory import territory

A = Action

_CITIZEN: Final = frozenset({Role.CITIZEN})
_READS: Final = OFFICERS | {Role.GOVERNOR}
_DECIDES: Final = frozenset({Role.INSTRUCTOR, Role.PRESIDENT})

OWN: Final = frozenset({A.READ, A.CONFIRM_CONTACT, A.COMPLETE, A.REOPEN, A.RATE})
"""What whoever reported does on a report of theirs, with an account or by its follow-up code."""
FOR_ANOTHER: Final = frozenset({A.COMPLETE, A.REOPEN, A.RATE})
"""Of these, what an agent does for a person who reported through one and has no account."""

MAY: Final[dict[Action, frozenset[Role]]] = {
    A.SUBMIT: _CITIZEN | {Role.AGENT},
    A.LIST: _CITIZEN,
    A.QUEUE: _READS,
    A.PUBLISH_CONTACT: frozenset({Role.PRESIDENT}),
    A.ADMIT_CLIENT: frozenset({Role.OPERATOR}),
    A.REVIEW: OFFICERS,
    A.FOLLOW: _CITIZEN,
    A.STATISTICS: _READS,
    A.READ_TEMPLATES: OFFICERS,
    A.WRITE_TEMPLATE: _DECIDES,
    A.PROPOSE: OFFICERS,
    A.PUBLISH_YEARLY_REPORT: frozenset({Role.PRESIDENT}),
    A.READ: _CITIZEN | _READS,
    A.READ_NOTES: _READS,
    A.NOTE: _READS,
    # By whoever holds the code that was sent: everybody's route, so nobody's by role.
    A.CONFIRM_CONTACT: _CITIZEN,
    A.COMPLETE: _CITIZEN | {Role.AGENT},
    A.REOPEN: _CITIZEN | {Role.AGENT},
    A.RATE: _CITIZEN | {Role.AGENT},
    A.ASSIGN: OFFICERS,
    A.START: OFFICERS,
    A.ANSWER: _DECIDES,
    A.DECLARE_DEFECTIVE: _DECIDES,
    A.DECLARE_INADMISSIBLE: _DECIDES,
    A.REROUTE: OFFICERS,
    A.REDIRECT: _DECIDES,
    A.PUBLISH: OFFICERS,
    A.WITHHOLD: OFFICERS,
    A.MERGE: OFFICERS,
    A.SEPARATE: OFFICERS,
    A.DISMISS: OFFICERS,
}


def serves(action: Action, by: Actor, collectivity: str) -> bool:
    """Whether `by` holds a part, other than a citizen's, that may do it, where the report is."""
    return by.holds(*MAY[action] - _CITIZEN) and by.covers(collectivity)


def workplaces(by: Actor, collectivity: str | None = None) -> list[str]:
    """The collectivities that `by` works for; of a part of the country, those that lie there."""
    known = territory()
    served = by.communes.union(*(known.within(province) for province in by.provinces))
    return sorted(served if collectivity is None else served & known.within(collectivity))


def not_allowed() -> Forbidden:
    return Forbidden(
        "not_allowed",
        {
            "ar": "صفتكم أو مجالكم الترابي لا يسمح بهذا الإجراء.",
            "fr": "Votre qualité ou votre ressort ne permet pas cette action.",
            "en": "Your role or your territory does not allow this.",
        },
    )


def demand(action: Action, by: Actor, collectivity: str) -> None:
    """Raises Forbidden `not_allowed`."""
    if not serves(action, by, collectivity):
        raise not_allowed()
