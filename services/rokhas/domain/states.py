"""The states of a permit file, what may follow each, and what may be done in each."""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    DRAFT = "draft"
    INCOMPLETE = "incomplete"  # «ملف في طور الإيداع»
    RETURNED = "returned"
    UNDER_REVIEW = "under_review"  # «ملف مودع»: the clock runs
    SUSPENDED = "suspended"  # waits for the applicant
    GRANTED = "granted"  # notified, not yet delivered
    DELIVERED = "delivered"
    REFUSED = "refused"
    APPROVED_BY_SILENCE = "approved_by_silence"
    SILENCE_INVOKED = "silence_invoked"
    ATTESTATION_REQUESTED = "attestation_requested"
    ATTESTED = "attested"
    SILENCE_NO_EFFECT = "silence_no_effect"
    APPEAL_PRESIDENT = "appeal_president"
    APPEAL_GOVERNOR = "appeal_governor"
    APPEAL_REJECTED = "appeal_rejected"
    CLOSED_AS_REPEAT = "closed_as_repeat"
    WITHDRAWN = "withdrawn"
    RENOUNCED = "renounced"
    ANNULLED = "annulled"
    LAPSED = "lapsed"


S = State

SILENCE: Final = frozenset({S.APPROVED_BY_SILENCE, S.SILENCE_INVOKED, S.ATTESTATION_REQUESTED})
"""Approved, and the applicant still without a paper."""

APPROVED: Final = SILENCE | {S.GRANTED, S.DELIVERED, S.ATTESTED}
"""The applicant holds an authorisation."""

LATE: Final = SILENCE | {S.ATTESTED, S.SILENCE_NO_EFFECT}
"""The period passed unanswered: an express refusal has no effect any more and is only recorded."""

APPEALS: Final = frozenset({S.APPEAL_PRESIDENT, S.APPEAL_GOVERNOR})

_ENDS: Final = frozenset({S.RENOUNCED, S.ANNULLED, S.LAPSED})

NEXT: Final[dict[State, frozenset[State]]] = {
    S.DRAFT: frozenset({S.INCOMPLETE, S.UNDER_REVIEW, S.WITHDRAWN}),
    S.INCOMPLETE: frozenset({S.UNDER_REVIEW, S.RETURNED, S.WITHDRAWN}),
    S.RETURNED: frozenset(),
    S.UNDER_REVIEW: frozenset(
        {
            S.SUSPENDED,
            S.GRANTED,
            S.REFUSED,
            S.APPROVED_BY_SILENCE,
            S.SILENCE_NO_EFFECT,
            S.CLOSED_AS_REPEAT,
            S.WITHDRAWN,
        }
    ),
    S.SUSPENDED: frozenset({S.UNDER_REVIEW, S.RETURNED, S.GRANTED, S.WITHDRAWN}),
    # A late grant, not yet delivered, leaves the chain of 55-19 art. 19-20 open.
    S.GRANTED: _ENDS | {S.DELIVERED, S.SILENCE_INVOKED, S.ATTESTATION_REQUESTED},
    S.DELIVERED: _ENDS,
    S.REFUSED: frozenset({S.GRANTED, S.APPEAL_PRESIDENT}),
    # A refusal or grant handed over in time but entered late undoes the approval: `confirm_handover`.
    S.APPROVED_BY_SILENCE: _ENDS | {S.SILENCE_INVOKED, S.GRANTED, S.REFUSED},
    S.SILENCE_INVOKED: _ENDS | {S.DELIVERED, S.ATTESTATION_REQUESTED, S.GRANTED, S.REFUSED},
    S.ATTESTATION_REQUESTED: _ENDS | {S.DELIVERED, S.ATTESTED, S.GRANTED, S.REFUSED},
    S.ATTESTED: _ENDS,
    S.SILENCE_NO_EFFECT: frozenset({S.GRANTED, S.REFUSED, S.APPEAL_PRESIDENT, S.WITHDRAWN}),
    S.APPEAL_PRESIDENT: frozenset({S.GRANTED, S.APPEAL_REJECTED, S.APPEAL_GOVERNOR, S.WITHDRAWN}),
    S.APPEAL_GOVERNOR: frozenset({S.GRANTED, S.APPEAL_REJECTED, S.WITHDRAWN}),
    S.APPEAL_REJECTED: frozenset({S.GRANTED}),
    S.CLOSED_AS_REPEAT: frozenset({S.GRANTED}),
    S.WITHDRAWN: frozenset(),
    S.RENOUNCED: frozenset(),
    S.ANNULLED: frozenset(),
    S.LAPSED: frozenset(),
}


class Action(StrEnum):
    """Everything that anybody may be allowed to do: the routes authorise with it, the states list it."""

    # on no file in particular
    READ_RECUEIL = "read_recueil"
    DRAFT = "draft"
    LIST = "list"
    EXPORT = "export"
    UPLOAD = "upload"
    IMPORT = "import"
    DELEGATE = "delegate"
    # in any state
    READ = "read"
    # the applicant, or an agent at the counter
    ATTACH = "attach"
    SUBMIT = "submit"
    ANSWER = "answer"
    WITHDRAW = "withdraw"
    RENOUNCE = "renounce"
    TRANSFER = "transfer"
    GRANT_PROXY = "grant_proxy"
    REVOKE_PROXY = "revoke_proxy"
    PAY = "pay"
    START_WORKS = "start_works"
    INVOKE = "invoke"
    REQUEST_ATTESTATION = "request_attestation"
    APPEAL = "appeal"
    ESCALATE_APPEAL = "escalate_appeal"
    MESSAGE = "message"
    # instruction
    ASSIGN = "assign"
    RETURN = "return"
    REQUEST_REPLACEMENT = "request_replacement"
    REQUEST_INFORMATION = "request_information"
    REQUEST_MODIFICATION = "request_modification"
    REMIND = "remind"
    EXTEND = "extend"
    CLOSE_AS_REPEAT = "close_as_repeat"
    REQUEST_OPINION = "request_opinion"
    GIVE_OPINION = "give_opinion"
    FORWARD = "forward"
    CONVENE = "convene"
    SIGN_MINUTES = "sign_minutes"
    ASSESS_FEE = "assess_fee"
    # decision
    GRANT = "grant"
    REFUSE = "refuse"
    RECORD_HANDOVER = "record_handover"
    CONFIRM_HANDOVER = "confirm_handover"
    REJECT_HANDOVER = "reject_handover"
    ANSWER_APPEAL = "answer_appeal"
    DELIVER = "deliver"
    TRANSMIT = "transmit"
    LAPSE = "lapse"
    # the governor
    ASK_EXPLANATIONS = "ask_explanations"
    ATTEST = "attest"
    INVITE_PRESIDENT = "invite_president"
    ANNUL = "annul"


A = Action

GENERAL: Final = frozenset(
    {A.READ_RECUEIL, A.DRAFT, A.LIST, A.EXPORT, A.UPLOAD, A.IMPORT, A.DELEGATE, A.READ}
)
"""Actions that no state forbids."""

_ALWAYS: Final = frozenset({A.MESSAGE, A.TRANSFER, A.GRANT_PROXY, A.REVOKE_PROXY, A.ASSIGN})
_COMMISSION: Final = frozenset(
    {A.REQUEST_OPINION, A.GIVE_OPINION, A.FORWARD, A.CONVENE, A.SIGN_MINUTES, A.ASSESS_FEE}
)
_ASKS: Final = frozenset({A.REQUEST_REPLACEMENT, A.REQUEST_INFORMATION, A.REQUEST_MODIFICATION, A.EXTEND})
_HANDOVER: Final = frozenset({A.RECORD_HANDOVER, A.CONFIRM_HANDOVER, A.REJECT_HANDOVER})
_PERMIT: Final = frozenset({A.RENOUNCE, A.ANNUL, A.LAPSE, A.START_WORKS, A.ASSESS_FEE, A.PAY})
_UNDELIVERED: Final = _ALWAYS | _PERMIT | _HANDOVER | {A.GRANT}

ACTIONS: Final[dict[State, frozenset[Action]]] = {
    S.DRAFT: frozenset({A.ATTACH, A.SUBMIT, A.WITHDRAW, A.GRANT_PROXY, A.REVOKE_PROXY}),
    S.INCOMPLETE: _ALWAYS | {A.ATTACH, A.WITHDRAW, A.RETURN},
    S.RETURNED: frozenset({A.MESSAGE}),
    S.UNDER_REVIEW: _ALWAYS
    | _ASKS
    | _COMMISSION
    | _HANDOVER
    | {A.ATTACH, A.ANSWER, A.WITHDRAW, A.CLOSE_AS_REPEAT, A.GRANT, A.REFUSE, A.PAY},
    # No refusal: who asked for something waits for it, or for the return after 30 days (55-19 art. 10).
    S.SUSPENDED: _ALWAYS
    | _ASKS
    | _COMMISSION
    | {A.ATTACH, A.ANSWER, A.WITHDRAW, A.REMIND, A.RETURN, A.GRANT, A.PAY},
    S.GRANTED: _ALWAYS | _PERMIT | {A.ATTACH, A.DELIVER, A.INVOKE, A.REQUEST_ATTESTATION},
    S.DELIVERED: _ALWAYS | _PERMIT | {A.TRANSMIT},
    S.REFUSED: frozenset({A.MESSAGE, A.TRANSFER, A.APPEAL, A.GRANT, A.GRANT_PROXY, A.REVOKE_PROXY}),
    S.APPROVED_BY_SILENCE: _UNDELIVERED | {A.INVOKE},
    S.SILENCE_INVOKED: _UNDELIVERED | {A.DELIVER, A.REQUEST_ATTESTATION},
    S.ATTESTATION_REQUESTED: _UNDELIVERED | {A.DELIVER, A.ASK_EXPLANATIONS, A.ATTEST},
    S.ATTESTED: _ALWAYS | _PERMIT | {A.TRANSMIT},
    S.SILENCE_NO_EFFECT: _ALWAYS | _HANDOVER | {A.GRANT, A.APPEAL, A.WITHDRAW},
    S.APPEAL_PRESIDENT: _ALWAYS | {A.GRANT, A.ANSWER_APPEAL, A.ESCALATE_APPEAL, A.WITHDRAW},
    S.APPEAL_GOVERNOR: _ALWAYS | {A.GRANT, A.ANSWER_APPEAL, A.INVITE_PRESIDENT, A.WITHDRAW},
    S.APPEAL_REJECTED: frozenset({A.MESSAGE, A.GRANT}),
    S.CLOSED_AS_REPEAT: frozenset({A.MESSAGE, A.GRANT}),
    S.WITHDRAWN: frozenset(),
    S.RENOUNCED: frozenset(),
    S.ANNULLED: frozenset(),
    S.LAPSED: frozenset(),
}

FINAL: Final = frozenset(state for state, after in NEXT.items() if not after)
