"""Who may do what: role by action and territory. What concerns one file only, its own rules ask."""

from enum import StrEnum
from typing import Final

from services.civil_status.domain.states import Action
from shared.auth import Actor, Role
from shared.data import Names
from shared.errors import Conflict, Forbidden

A = Action

_OFFICER: Final = frozenset({Role.CIVIL_STATUS_OFFICER})
_OFFICE: Final = _OFFICER | {Role.AGENT}
_COURT: Final = frozenset({Role.COURT_CLERK})
_AUTHORITY: Final = frozenset({Role.CIVIL_STATUS_AUTHORITY})
_CLERKS: Final = frozenset({Role.KEYING_OPERATOR, Role.ADJUDICATOR, Role.QUALITY_CONTROLLER})
_DIGITISATION: Final = _OFFICE | _CLERKS

MAY: Final[dict[Action, frozenset[Role]]] = {
    A.OPEN_DECLARATION: _OFFICE | {Role.CITIZEN, Role.HEALTH_FACILITY},
    A.LIST_DECLARATIONS: _OFFICE | {Role.CITIZEN, Role.HEALTH_FACILITY},
    A.READ_DECLARATION: _OFFICE | {Role.CITIZEN, Role.HEALTH_FACILITY},
    A.COMPLETE: _OFFICE,
    A.DISTINGUISH: _OFFICER,
    A.REGISTER: _OFFICER,
    A.REFUSE: _OFFICER,
    A.WITHDRAW: _OFFICE | {Role.CITIZEN, Role.HEALTH_FACILITY},
    A.REQUEST_CORRECTION: _OFFICE | {Role.CITIZEN},
    A.LIST_CORRECTIONS: _OFFICE | _AUTHORITY | {Role.CITIZEN},
    A.READ_CORRECTION: _OFFICE | _AUTHORITY | {Role.CITIZEN},
    A.DECIDE_CORRECTION: _AUTHORITY,
    A.WITHDRAW_CORRECTION: _OFFICE | {Role.CITIZEN},
    A.UPLOAD: _OFFICE | _COURT | {Role.CITIZEN, Role.HEALTH_FACILITY},
    A.GIVE_CONSENT: frozenset({Role.CITIZEN}),
    A.EXCHANGE: frozenset({Role.ADMINISTRATION}),
    A.LOOK_UP: _OFFICE | _COURT | _AUTHORITY,
    A.REGISTER_JUDGMENT: _OFFICER,
    A.READ_ACT: _OFFICE | _COURT | _AUTHORITY | {Role.CITIZEN},
    A.ADD_MENTION: _OFFICER,
    A.ENTER_JUDGMENT: _OFFICER | _COURT,
    A.CONFIRM_MARGIN: _OFFICER,
    A.LINK_HOLDER: _OFFICER,
    A.LIST_MARGINS: _OFFICER,
    A.READ_IMPORTS: _OFFICER | _AUTHORITY,
    A.ANNUL: _OFFICER | _COURT,
    A.FLAG_DUPLICATE: _OFFICE,
    A.CLEAR_DUPLICATE: _OFFICER,
    A.OPEN_VOLUME: _OFFICER,
    A.LIST_VOLUMES: _DIGITISATION | _AUTHORITY,
    A.READ_VOLUME: _DIGITISATION | _AUTHORITY,
    A.READ_PROGRESS: _DIGITISATION | _AUTHORITY | {Role.GOVERNOR, Role.AUDITOR},
    A.READ_THROUGHPUT: _OFFICER | _AUTHORITY | _CLERKS,
    A.ADD_PAGE: _OFFICE | {Role.KEYING_OPERATOR},
    A.REPLACE_PAGE: _OFFICE | {Role.KEYING_OPERATOR},
    A.CLOSE_SCANNING: _OFFICER,
    A.DRAW_SAMPLE: frozenset({Role.QUALITY_CONTROLLER}),
    A.CHECK_ACT: frozenset({Role.QUALITY_CONTROLLER}),
    A.CONCLUDE_LOT: frozenset({Role.QUALITY_CONTROLLER}),
    A.REPORT_DAMAGE: _OFFICE | {Role.KEYING_OPERATOR},
    A.RESUME_VOLUME: _OFFICER,
    A.LIST_ENTRIES: _OFFICER | _CLERKS,
    A.READ_ENTRY: _OFFICER | _CLERKS,
    A.HOLD: _OFFICER | _CLERKS,
    A.RELEASE: _OFFICER | _CLERKS,
    A.TAKE_OVER: _OFFICER,
    A.KEY: frozenset({Role.KEYING_OPERATOR}),
    A.ADJUDICATE: frozenset({Role.ADJUDICATOR}),
    A.REJECT_ENTRY: _OFFICER | _CLERKS,
    A.REOPEN_ENTRY: _OFFICER,
    A.DECIDE_DUPLICATE: _OFFICER,
    A.ENTER_ACT: _OFFICER,
}


def serves(action: Action, by: Actor, collectivity: str) -> bool:
    """Whether `by` holds a part, other than a citizen's, that may do it, in a territory that has the
    office.
    """
    return by.holds(*MAY[action] - {Role.CITIZEN}) and by.covers(collectivity)


def demand(action: Action, by: Actor, collectivity: str) -> None:
    """Raises Forbidden `not_allowed`."""
    if not serves(action, by, collectivity):
        raise not_allowed()


def not_allowed() -> Forbidden:
    return Forbidden(
        "not_allowed",
        {
            "ar": "صفتكم أو مجالكم الترابي لا يسمح بهذا الإجراء.",
            "fr": "Votre qualité ou votre ressort ne permet pas cette action.",
            "en": "Your role or your territory does not allow this.",
        },
    )


WHAT: Final[dict[str, Names]] = {
    "act": {"ar": "الرسم", "fr": "de l'acte", "en": "the act"},
    "declaration": {"ar": "التصريح", "fr": "de la déclaration", "en": "the declaration"},
    "correction": {"ar": "الطلب", "fr": "de la demande", "en": "the request"},
    "volume": {"ar": "السجل", "fr": "du registre", "en": "the volume"},
    "entry": {
        "ar": "الرسم في الرقمنة",
        "fr": "de l'acte en numérisation",
        "en": "the act under digitisation",
    },
}
"""What has states, as a refusal names it."""


def not_permitted(what: str, state: StrEnum, actions: list[Action]) -> Conflict:
    """Conflict `action_not_permitted`, with the actions that are."""
    named = WHAT[what]
    detail = {
        "ar": f"حالة {named['ar']} لا تسمح بهذا الإجراء.",
        "fr": f"L'état {named['fr']} ne permet pas cette action.",
        "en": f"The state of {named['en']} does not allow this.",
    }
    return Conflict("action_not_permitted", detail, state=state, actions=actions)


def may_read(by: Actor, collectivity: str, parties: frozenset[str]) -> bool:
    """The person concerned and who declared the act; the office, the court and the authority of its
    territory.
    """
    return by.subject in parties or serves(A.READ_ACT, by, collectivity)
