"""What is kept of a request, what it is, and the steps that every transition takes."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from services.watiqa.domain.catalogue import Capacity, Layout, Listed, catalogue
from services.watiqa.domain.permissions import AT_COUNTER, OWN, not_allowed, serves
from services.watiqa.domain.states import ACTIONS, NEXT, Action, State
from services.watiqa.domain.values import (
    Address,
    Clock,
    Counter,
    Match,
    Payment,
    PaymentState,
    Statement,
    Wanted,
)
from services.watiqa.events import RequestEvent
from services.watiqa.events import request as told
from services.watiqa.events.request import Channel, ControlReason, Delivery, RefusalGround
from shared.auth import Actor
from shared.errors import Conflict, Forbidden, Invalid

E = TypeVar("E", bound=RequestEvent)
S = State
A = Action


@dataclass(kw_only=True)
class Core:
    """`version` is the sequence of its last event. `applicant` is empty for a person at a counter, for whom
    `filed_by` answers. `proofs` are digests by code. `answer` is what the register sealed, until the page is
    written. `asker` put the last question to the register, unless it was `retried` by itself; `candidates`
    are acts of which it waits to hear more. `paid_by` is the payment of the present issue; `fee` in centimes.
    """

    id: UUID
    document: str
    collectivity: str
    office: str
    channel: Channel
    capacity: str
    delivery: Delivery
    applicant: str
    filed_by: str
    submitted_at: datetime
    fee: int
    wanted: Wanted | None = None
    statement: Statement | None = None
    address: Address | None = None
    counter: Counter | None = None
    proofs: dict[str, str] = field(default_factory=dict)
    state: State = S.RECEIVED
    version: int = 0
    authorised: bool = False
    clock: Clock | None = None
    overdue_since: datetime | None = None
    asked_at: datetime | None = None
    asked: int = 0
    misses: int = 0
    missed_at: datetime | None = None
    asker: str = ""
    retried: bool = False
    candidates: tuple[str, ...] = ()
    match: Match | None = None
    answer: str | None = None
    control: ControlReason | None = None
    approved_act: str | None = None
    approved_by: str | None = None
    decided_at: datetime | None = None
    ground: RefusalGround | None = None
    payments: dict[str, Payment] = field(default_factory=dict)
    paid_at: datetime | None = None
    paid_by: str | None = None
    ordered: str | None = None
    issued_at: datetime | None = None
    sealed_document: str | None = None
    tracking: str | None = None
    revoked_for: str | None = None

    # -- what it is

    @property
    def listed(self) -> Listed:
        return catalogue().document(self.document)

    @property
    def known(self) -> Capacity:
        return catalogue().capacity(self.listed, self.capacity)

    @property
    def proofs_wanted(self) -> tuple[str, ...]:
        return catalogue().wanted(self.listed, self.capacity)

    @property
    def proofs_missing(self) -> list[str]:
        seen = {"identity"} if self.counter else set()
        return [code for code in self.proofs_wanted if code not in self.proofs and code not in seen]

    @property
    def owed_back(self) -> list[Payment]:
        """Money that came and for which nothing is given."""
        return [one for one in self.payments.values() if one.state is PaymentState.OWED_BACK]

    @property
    def waits_for_margin(self) -> bool:
        """Nobody issues anything of an act before its margin was compared with the paper: any page may leave
        out what stands there (a marriage, a death, a judgment), or say that it did not happen.
        """
        return self.state is S.UNDER_CONTROL and self.match is not None and not self.match.margin_known

    @property
    def available(self) -> frozenset[Action]:
        """What its state, its delivery and its document allow anybody. Who was seen alive was seen that day,
        and what the central authority weighed was one issue: those are asked for anew.
        """
        moot = {A.POST} if self.delivery is not Delivery.POST else set()
        if self.listed.layout is Layout.LIFE or self.known.authorisation:
            moot |= {A.REISSUE}
        if self.listed.register is None:
            moot |= {A.PREVIEW}
        if self.waits_for_margin:
            moot |= {A.APPROVE}
        owed = {A.RETURN_PAYMENT} if self.owed_back else set()
        return (ACTIONS[self.state] - moot) | owed

    def actions(self, by: Actor) -> list[Action]:
        """What `by` may do now; the API returns it and a 409 lists it."""
        return sorted(action for action in self.available if self._refusal(action, by) is None)

    def demand_preview(self, by: Actor) -> None:
        """Raises Forbidden, Conflict: what the register says is read by who is to approve, and then only."""
        self._may(A.PREVIEW, by)

    def may_read(self, by: Actor) -> bool:
        return self._refusal(A.READ, by) is None

    # -- the steps of every transition

    @property
    def _waits_for(self) -> State:
        if self.known.authorisation and not self.authorised:
            return S.AWAITING_AUTHORISATION
        if self.listed.register is None or self.answer is not None:
            return S.UNDER_CONTROL
        return S.MATCHING

    @property
    def _after_match(self) -> State:
        return S.UNPAID if self.fee and self.paid_at is None else S.ISSUING

    @property
    def _awaited(self) -> bool:
        return self.state is S.MATCHING and self.asked_at is not None

    def _ask_again(self, by: Actor | None = None) -> None:
        """For `by`, who said it more exactly; or the same as before."""
        self.asked_at = self.match = self.answer = self.ordered = None
        self.candidates = ()
        self.asked += 1
        if by is not None:
            self.asker, self.retried = by.subject, False

    def _miss(self, now: datetime) -> None:
        """What nobody asked anew is nobody's guess."""
        if not self.retried:
            self.misses += 1
            self.missed_at = now

    def _control(self, reason: ControlReason, now: datetime) -> told.ControlRequired:
        self.control = reason
        return self._announce(
            told.ControlRequired,
            to=S.UNDER_CONTROL,
            required_at=now,
            reason=reason,
            act=self.match.act if self.match else None,
            act_version=self.match.act_version if self.match else None,
        )

    def _proven(self) -> None:
        if missing := self.proofs_missing:
            names = catalogue().who.proofs
            raise Invalid(
                "proof_missing",
                {
                    language: "، ".join(names[code].label[language] for code in missing)
                    if language == "ar"
                    else " ; ".join(names[code].label[language] for code in missing)
                    for language in ("ar", "fr", "en")
                },
                proofs=missing,
            )

    def _refusal(self, action: Action, by: Actor) -> Forbidden | None:
        """Nobody decides on what they ask for, nor on what they filed for another; and what is the
        applicant's alone, the office does only where there is none: for a person at a counter.
        """
        mine = bool(self.applicant) and by.subject == self.applicant
        if action in OWN and mine:
            return None
        if not serves(action, by, self.collectivity) or (self.applicant and action in AT_COUNTER):
            return not_allowed()
        deciding = action not in OWN
        if (deciding and mine) or (action in {A.APPROVE, A.REFUSE} and by.subject == self.filed_by):
            return Forbidden(
                "own_request",
                {
                    "ar": "لا يبت أحد في طلب قدمه بنفسه.",
                    "fr": "Nul ne décide d'une demande qu'il a lui-même déposée.",
                    "en": "Nobody decides on a request that they filed.",
                },
            )
        return None

    def _may(self, action: Action, by: Actor) -> None:
        """Raises Forbidden, or Conflict `action_not_permitted` with the actions that are."""
        if refusal := self._refusal(action, by):
            raise refusal
        if action not in self.available:
            raise Conflict(
                "action_not_permitted",
                {
                    "ar": "حالة الطلب لا تسمح بهذا الإجراء.",
                    "fr": "L'état de la demande ne permet pas cette action.",
                    "en": "The state of the request does not allow this.",
                },
                state=self.state,
                actions=self.actions(by),
            )

    def _announce(self, event: type[E], to: State | None = None, **fields: Any) -> E:
        if to is not None and to is not self.state:
            if to not in NEXT[self.state]:
                raise AssertionError(f"{self.state} is never followed by {to}")
            self.state = to
        self.version += 1
        return event(collectivity=self.collectivity, document=self.document, **fields)
