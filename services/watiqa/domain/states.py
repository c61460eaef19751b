"""The states of a request, what may follow each, and what may be done in each."""

from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """Everything that anybody may be allowed to do: the routes authorise with it, the states list it."""

    # on nothing in particular
    SUBMIT = "submit"
    LIST = "list"
    UPLOAD = "upload"
    CLOSE_OFFICE = "close_office"
    REOPEN_OFFICE = "reopen_office"
    # a request
    READ = "read"
    PREVIEW = "preview"
    REDIRECT = "redirect"
    AUTHORISE = "authorise"
    REFUSE_AUTHORISATION = "refuse_authorisation"
    CLARIFY = "clarify"
    ADD_PROOF = "add_proof"
    APPROVE = "approve"
    REFUSE = "refuse"
    PAY = "pay"
    HAND_OVER = "hand_over"
    POST = "post"
    RETURN = "return"
    REISSUE = "reissue"
    REVOKE = "revoke"
    RETURN_PAYMENT = "return_payment"
    WITHDRAW = "withdraw"


class State(StrEnum):
    RECEIVED = "received"  # for the instant in which it is decided what it waits for
    OFFICE_CLOSED = "office_closed"
    AWAITING_AUTHORISATION = "awaiting_authorisation"  # of the central authority (2-22-04 art. 41)
    MATCHING = "matching"  # the register is asked
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    UNDER_CONTROL = "under_control"  # a person looks before anything is issued
    UNPAID = "unpaid"
    ISSUING = "issuing"  # written, printed, sealed
    ISSUED = "issued"
    POSTED = "posted"
    RETURNED = "returned"  # the post brought it back
    DELIVERED = "delivered"  # handed over
    SUPERSEDED = "superseded"  # the act changed since
    REVOKED = "revoked"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


S = State

_ENDS: Final = frozenset({S.SUPERSEDED, S.REVOKED})

NEXT: Final[dict[State, frozenset[State]]] = {
    S.RECEIVED: frozenset({S.OFFICE_CLOSED, S.AWAITING_AUTHORISATION, S.MATCHING, S.UNDER_CONTROL}),
    S.OFFICE_CLOSED: frozenset({S.AWAITING_AUTHORISATION, S.MATCHING, S.UNDER_CONTROL, S.WITHDRAWN}),
    S.AWAITING_AUTHORISATION: frozenset({S.MATCHING, S.UNDER_CONTROL, S.REFUSED, S.WITHDRAWN}),
    S.MATCHING: frozenset({S.NOT_FOUND, S.AMBIGUOUS, S.UNDER_CONTROL, S.UNPAID, S.ISSUING, S.WITHDRAWN}),
    S.NOT_FOUND: frozenset({S.MATCHING, S.REFUSED, S.WITHDRAWN}),
    S.AMBIGUOUS: frozenset({S.MATCHING, S.REFUSED, S.WITHDRAWN}),
    S.UNDER_CONTROL: frozenset({S.OFFICE_CLOSED, S.MATCHING, S.UNPAID, S.ISSUING, S.REFUSED, S.WITHDRAWN}),
    S.UNPAID: frozenset({S.MATCHING, S.ISSUING, S.WITHDRAWN}),
    S.ISSUING: frozenset({S.MATCHING, S.UNDER_CONTROL, S.ISSUED}),
    S.ISSUED: frozenset({S.POSTED, S.DELIVERED}) | _ENDS,
    S.POSTED: frozenset({S.RETURNED}) | _ENDS,
    S.RETURNED: frozenset({S.POSTED, S.DELIVERED}) | _ENDS,
    S.DELIVERED: _ENDS,
    S.SUPERSEDED: frozenset({S.MATCHING, S.REVOKED}),
    S.REVOKED: frozenset(),
    S.REFUSED: frozenset(),
    S.WITHDRAWN: frozenset(),
}

STANDING: Final = frozenset({S.ISSUED, S.POSTED, S.RETURNED, S.DELIVERED})
"""There is a sealed document, and it says what the register says."""

ENDED: Final = STANDING | {S.SUPERSEDED, S.REVOKED, S.REFUSED, S.WITHDRAWN}
"""Money that comes now is for nothing that is still to be done."""

UNDER_WAY: Final = frozenset({S.UNDER_CONTROL, S.UNPAID, S.ISSUING})
"""The act is found, and nothing is issued of it yet."""

A = Action

ACTIONS: Final[dict[State, frozenset[Action]]] = {
    S.RECEIVED: frozenset(),
    S.OFFICE_CLOSED: frozenset({A.READ, A.REDIRECT, A.WITHDRAW}),
    S.AWAITING_AUTHORISATION: frozenset(
        {A.READ, A.AUTHORISE, A.REFUSE_AUTHORISATION, A.ADD_PROOF, A.WITHDRAW}
    ),
    S.MATCHING: frozenset({A.READ, A.WITHDRAW}),
    S.NOT_FOUND: frozenset({A.READ, A.CLARIFY, A.REFUSE, A.WITHDRAW}),
    S.AMBIGUOUS: frozenset({A.READ, A.CLARIFY, A.REFUSE, A.WITHDRAW}),
    S.UNDER_CONTROL: frozenset({A.READ, A.PREVIEW, A.ADD_PROOF, A.APPROVE, A.REFUSE, A.WITHDRAW}),
    S.UNPAID: frozenset({A.READ, A.PAY, A.WITHDRAW}),
    S.ISSUING: frozenset({A.READ}),
    S.ISSUED: frozenset({A.READ, A.HAND_OVER, A.POST, A.REISSUE, A.REVOKE}),
    S.POSTED: frozenset({A.READ, A.RETURN, A.REISSUE, A.REVOKE}),
    S.RETURNED: frozenset({A.READ, A.HAND_OVER, A.POST, A.REISSUE, A.REVOKE}),
    S.DELIVERED: frozenset({A.READ, A.REISSUE, A.REVOKE}),
    S.SUPERSEDED: frozenset({A.READ, A.REISSUE, A.REVOKE}),
    S.REVOKED: frozenset({A.READ}),
    S.REFUSED: frozenset({A.READ}),
    S.WITHDRAWN: frozenset({A.READ}),
}
