"""Who may do what: role by action and territory. What concerns one request only, its own rules ask."""

from typing import Final

from services.watiqa.domain.states import Action
from shared.auth import Actor, Role
from shared.errors import Forbidden

A = Action

APPLICANTS: Final = frozenset({Role.CITIZEN, Role.COURT_CLERK, Role.ADMINISTRATION})
"""Who asks in their own name; as what, `catalogue/capacities.yaml` says (36-21 art. 43)."""
_OFFICER: Final = frozenset({Role.CIVIL_STATUS_OFFICER})
_OFFICE: Final = _OFFICER | {Role.AGENT}
_AUTHORITY: Final = frozenset({Role.CIVIL_STATUS_AUTHORITY})

OWN: Final = frozenset({A.READ, A.REDIRECT, A.CLARIFY, A.ADD_PROOF, A.PAY, A.REISSUE, A.WITHDRAW})
"""What the applicant does on a request of theirs."""
AT_COUNTER: Final = frozenset({A.CLARIFY, A.ADD_PROOF, A.PAY, A.REISSUE, A.WITHDRAW})
"""Of these, what the office does for a person at a counter and not for who asked at the portal."""

MAY: Final[dict[Action, frozenset[Role]]] = {
    A.SUBMIT: APPLICANTS | _OFFICE,
    A.LIST: APPLICANTS | _OFFICE | _AUTHORITY,
    A.UPLOAD: APPLICANTS | _OFFICE,
    A.CLOSE_OFFICE: _OFFICER | _AUTHORITY,
    A.REOPEN_OFFICE: _OFFICER | _AUTHORITY,
    A.READ: APPLICANTS | _OFFICE | _AUTHORITY,
    A.PREVIEW: _OFFICER,
    # Moved out of one's territory, it is no longer one's to see: the person, not the office, chooses another.
    A.REDIRECT: APPLICANTS,
    A.AUTHORISE: _AUTHORITY,
    A.REFUSE_AUTHORISATION: _AUTHORITY,
    A.CLARIFY: APPLICANTS | _OFFICE,
    A.ADD_PROOF: APPLICANTS | _OFFICE,
    A.APPROVE: _OFFICER,
    A.REFUSE: _OFFICER,
    A.PAY: APPLICANTS | _OFFICE,
    A.HAND_OVER: _OFFICE,
    A.POST: _OFFICE,
    A.RETURN: _OFFICE,
    A.REISSUE: APPLICANTS | _OFFICE,
    A.REVOKE: _OFFICER,
    A.RETURN_PAYMENT: _OFFICER,
    A.WITHDRAW: APPLICANTS | _OFFICE,
}


def serves(action: Action, by: Actor, collectivity: str) -> bool:
    """Whether `by` holds a part, other than an applicant's, that may do it, in a territory that has the
    office.
    """
    return by.holds(*MAY[action] - APPLICANTS) and by.covers(collectivity)


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
