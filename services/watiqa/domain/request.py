"""A request for an administrative document, from the window to the sealed page and after.

Every transition raises before it changes anything, adds one to `version` and returns the one event to save it
with; None means that nothing changed and nothing is saved.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self, TypeVar
from uuid import UUID

from services.watiqa.domain.catalogue import Capacity, Layout, Listed, catalogue
from services.watiqa.domain.permissions import APPLICANTS, AT_COUNTER, OWN, not_allowed, serves
from services.watiqa.domain.states import ACTIONS, NEXT, STANDING, UNDER_WAY, Action, State
from services.watiqa.domain.values import (
    Address,
    Clock,
    Counter,
    Match,
    Payment,
    PaymentState,
    Statement,
    Wanted,
    tracked,
)
from services.watiqa.events import RequestEvent
from services.watiqa.events import request as told
from services.watiqa.events.request import Channel, ControlReason, Delivery, RefusalGround
from shared.auth import Actor
from shared.errors import Conflict, Forbidden, Invalid, NotFound

E = TypeVar("E", bound=RequestEvent)
S = State
A = Action


@dataclass(kw_only=True)
class Request:
    """`version` is the sequence of its last event. `applicant` is empty for a person at a counter, for whom
    `filed_by` answers. `proofs` are digests by code. `answer` is what the register sealed, until the page is
    written. `fee` in centimes.
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
    match: Match | None = None
    answer: str | None = None
    control: ControlReason | None = None
    approved_act: str | None = None
    approved_by: str | None = None
    decided_at: datetime | None = None
    ground: RefusalGround | None = None
    payments: dict[str, Payment] = field(default_factory=dict)
    paid_at: datetime | None = None
    ordered: str | None = None
    issued_at: datetime | None = None
    sealed_document: str | None = None
    tracking: str | None = None
    revoked_for: str | None = None

    # -- at the window

    @classmethod
    def submit(
        cls,
        id: UUID,  # noqa: A002 - the aggregate's field has this name
        *,
        document: str,
        collectivity: str,
        office: str,
        capacity: str,
        delivery: Delivery,
        by: Actor,
        now: datetime,
        wanted: Wanted | None = None,
        statement: Statement | None = None,
        address: Address | None = None,
        counter: Counter | None = None,
        proofs: Mapping[str, str] | None = None,
    ) -> tuple[Self, told.Submitted]:
        """By whoever asks, or with `counter` by an agent for the person before them. Raises NotFound,
        Forbidden, Invalid.
        """
        listed = catalogue().document(document)
        known = catalogue().capacity(listed, capacity)
        channel = Channel.COUNTER if counter else Channel.PORTAL
        if channel not in listed.channels:
            raise Invalid(
                "channel_not_offered",
                {
                    "ar": "تطلب هذه الوثيقة بالحضور الشخصي إلى المكتب.",
                    "fr": "Ce document se demande au guichet, en personne.",
                    "en": "This document is asked for at a counter, in person.",
                },
                channels=list(listed.channels),
            )
        if counter:
            if not serves(A.SUBMIT, by, collectivity):
                raise not_allowed()
        elif known.role not in APPLICANTS or not by.holds(known.role):
            raise Forbidden(
                "capacity_not_yours",
                {
                    "ar": "حسابكم لا يخول الطلب بهذه الصفة.",
                    "fr": "Votre compte ne permet pas de demander en cette qualité.",
                    "en": "Your account does not let you ask in this capacity.",
                },
            )
        if (wanted is None, statement is not None) != (listed.register is None,) * 2:
            raise Invalid("act_or_statement", "Say which act, or for an attestation what you state.")
        if (delivery is Delivery.POST) != (address is not None):
            raise Invalid("address_missing", "An address is given for the post, and for it alone.")
        self = cls(
            id=id,
            document=document,
            collectivity=collectivity,
            office=office,
            channel=channel,
            capacity=capacity,
            delivery=delivery,
            applicant="" if counter else by.subject,
            filed_by=by.subject,
            submitted_at=now,
            fee=listed.fee(delivery),
            wanted=wanted.checked() if wanted else None,
            statement=statement.checked() if statement else None,
            address=address.checked() if address else None,
            counter=counter,
            proofs=dict(proofs or {}),
        )
        if unknown := set(self.proofs) - set(self.proofs_wanted):
            raise Invalid("proof_not_wanted", "This proof is not wanted.", proofs=sorted(unknown))
        if not known.by_register or listed.register is None:
            self._proven()
        submitted = self._announce(
            told.Submitted,
            submitted_at=now,
            office=office,
            channel=channel,
            capacity=capacity,
            delivery=delivery,
        )
        return self, submitted

    def route(self, now: datetime, *, closed: bool = False) -> RequestEvent:
        """What it waits for: right after it was submitted, and when its office opens again."""
        if closed:
            return self._announce(told.HeldByClosure, to=S.OFFICE_CLOSED, held_at=now, office=self.office)
        to = self._waits_for
        if to is S.AWAITING_AUTHORISATION:
            return self._announce(told.AuthorisationRequested, to=to, requested_at=now)
        if to is S.MATCHING:
            return self._announce(told.MatchingBegun, to=to, begun_at=now)
        return self._control(self.control or ControlReason.POLICY, now)

    def redirect(self, office: str, collectivity: str, *, by: Actor, now: datetime) -> told.Redirected:
        """To an office that is open: any issues an act held by another."""
        self._may(A.REDIRECT, by)
        self.office, self.collectivity = office, collectivity
        to = self._waits_for
        return self._announce(told.Redirected, to=to, redirected_at=now, office=office)

    def hold(self, now: datetime) -> told.HeldByClosure | None:
        """Its office closed while an officer was to look."""
        if self.state is not S.UNDER_CONTROL:
            return None
        return self._announce(told.HeldByClosure, to=S.OFFICE_CLOSED, held_at=now, office=self.office)

    def release(self, now: datetime) -> RequestEvent | None:
        """Its office is open again."""
        return self.route(now) if self.state is S.OFFICE_CLOSED else None

    def withdraw(self, *, by: Actor, now: datetime) -> told.Withdrawn:
        self._may(A.WITHDRAW, by)
        self.answer = None
        return self._announce(told.Withdrawn, to=S.WITHDRAWN, withdrawn_at=now)

    # -- the central authority

    def authorise(self, *, by: Actor, now: datetime) -> told.Authorised:
        self._may(A.AUTHORISE, by)
        self.authorised, self.decided_at = True, now
        return self._announce(told.Authorised, to=self._waits_for, authorised_at=now)

    def refuse_authorisation(
        self, ground: RefusalGround, *, by: Actor, now: datetime
    ) -> told.AuthorisationRefused:
        self._may(A.REFUSE_AUTHORISATION, by)
        self.ground, self.decided_at = ground, now
        return self._announce(told.AuthorisationRefused, to=S.REFUSED, refused_at=now, ground=ground)

    def observe(self, clock: Clock) -> told.AuthorisationDeadlineKnown | None:
        if self.clock == clock:
            return None
        self.clock = clock
        return self._announce(
            told.AuthorisationDeadlineKnown,
            answer_by=clock.answer_by,
            last_day=clock.last_day,
            provisional=clock.provisional,
        )

    def elapsed(self, effective_at: datetime) -> told.AuthorisationOverdue | None:
        """The silence of the authority authorises nothing."""
        if self.state is not S.AWAITING_AUTHORISATION or self.overdue_since is not None:
            return None
        self.overdue_since = effective_at
        return self._announce(told.AuthorisationOverdue, effective_at=effective_at)

    # -- the register

    @property
    def to_ask(self) -> bool:
        return self.state is S.MATCHING and self.asked_at is None

    @property
    def key(self) -> str:
        """The name of the key that the register answers to: one for each question."""
        return f"{self.id}-{self.asked}"

    @property
    def key_in_use(self) -> str | None:
        """None once nothing is to be opened any more: the key is destroyed."""
        return self.key if self._awaited or self.answer is not None else None

    def ask(self, sealed: str, reply_key: Mapping[str, str], now: datetime) -> told.MatchingAsked:
        assert self.to_ask  # the row was locked when it was looked at
        assert self.listed.register is not None
        self.asked_at = now
        return self._announce(
            told.MatchingAsked,
            asked_at=now,
            sealed=sealed,
            reply_key=dict(reply_key),
            output=self.listed.register.output.value,
        )

    def found(self, match: Match, sealed: str, now: datetime) -> RequestEvent | None:
        """Issued without an officer where policy allows it: the register knows whose the act is, or a
        counter saw who asks, or an officer has approved this very act before.
        """
        if not self._awaited:
            return None
        self.match, self.answer = match, sealed
        at_counter = self.counter is not None and self.capacity == "self"
        automatic = self.listed.automatic and self.known.by_register and (match.linked or at_counter)
        if automatic or self.approved_act == match.act:
            return self._announce(
                told.Matched,
                to=self._after_match,
                matched_at=now,
                act=match.act,
                act_version=match.act_version,
            )
        if not self.listed.automatic:
            return self._control(ControlReason.POLICY, now)
        return self._control(
            ControlReason.NOT_LINKED if self.known.by_register else ControlReason.PROOFS, now
        )

    def ambiguous(self, now: datetime) -> told.MatchAmbiguous | None:
        if not self._awaited:
            return None
        self._miss(now)
        return self._announce(told.MatchAmbiguous, to=S.AMBIGUOUS, answered_at=now)

    def missing(self, now: datetime) -> told.MatchMissing | None:
        if not self._awaited:
            return None
        self._miss(now)
        return self._announce(told.MatchMissing, to=S.NOT_FOUND, answered_at=now)

    def unreadable(self, reason: str, now: datetime) -> RequestEvent | None:
        """Asked again where the key was gone; a question that says nothing finds nothing."""
        if not self._awaited:
            return None
        if reason != "key_gone":
            return self.missing(now)
        self._ask_again()
        return self._announce(told.MatchUnreadable, answered_at=now, reason=reason)

    def unopened(self, now: datetime) -> told.MatchUnreadable:
        """What the register sealed cannot be opened any more: it is asked again."""
        self._ask_again()
        return self._announce(told.MatchUnreadable, to=S.MATCHING, answered_at=now, reason="key_gone")

    def clarify(self, wanted: Wanted, *, by: Actor, now: datetime) -> told.Clarified:
        self._may(A.CLARIFY, by)
        self.wanted = wanted.checked()
        self._ask_again()
        return self._announce(told.Clarified, to=S.MATCHING, clarified_at=now)

    def overtaken(
        self, act: str, version: int, now: datetime, *, annulled: bool = False
    ) -> told.Overtaken | told.Revoked | None:
        """The act changed. Nothing for a request that was answered of this version already."""
        if self.match is None or self.match.act != act or self.match.act_version >= version:
            return None
        if self.state in UNDER_WAY:
            self._ask_again()
            to = S.MATCHING
        elif self.state is S.OFFICE_CLOSED:
            self._ask_again()
            to = self.state
        elif annulled and self.state in STANDING | {S.SUPERSEDED}:
            self.revoked_for = "act_annulled"
            self.match = replace(self.match, act_version=version)
            return self._announce(told.Revoked, to=S.REVOKED, revoked_at=now, reason="act_annulled")
        elif self.state in STANDING:
            to = S.SUPERSEDED
        else:
            return None
        return self._announce(told.Overtaken, to=to, overtaken_at=now, act=act, act_version=version)

    def outdated(self, match: Match, now: datetime) -> told.Overtaken | None:
        """The answer is of an act that changed since it was read: asked again."""
        if not self._awaited:
            return None
        self._ask_again()
        return self._announce(told.Overtaken, overtaken_at=now, act=match.act, act_version=match.act_version)

    # -- the office

    def add_proof(self, proof: str, digest: str, *, by: Actor, now: datetime) -> told.ProofAdded:
        self._may(A.ADD_PROOF, by)
        if proof not in self.proofs_wanted:
            raise Invalid("proof_not_wanted", "This proof is not wanted.", proofs=list(self.proofs_wanted))
        self.proofs[proof] = digest
        return self._announce(told.ProofAdded, added_at=now, proof=proof)

    def approve(self, *, by: Actor, now: datetime) -> told.Approved:
        """Raises Invalid `proof_missing` while what proves the capacity is not there."""
        self._may(A.APPROVE, by)
        if not (self.match and self.match.linked):
            self._proven()
        self.approved_act = self.match.act if self.match else None
        self.approved_by, self.decided_at, self.control = by.subject, now, None
        return self._announce(told.Approved, to=self._after_match, approved_at=now)

    def refuse(self, ground: RefusalGround, *, by: Actor, now: datetime) -> told.Refused:
        self._may(A.REFUSE, by)
        self.ground, self.decided_at, self.answer = ground, now, None
        return self._announce(told.Refused, to=S.REFUSED, refused_at=now, ground=ground)

    # -- paying

    def start_payment(self, payment: str, *, by: Actor, now: datetime) -> told.PaymentStarted:
        """Raises Conflict `payment_in_progress`: a document is paid once."""
        self._may(A.PAY, by)
        if any(one.state is PaymentState.STARTED for one in self.payments.values()):
            raise Conflict("payment_in_progress", "A payment of this request is in progress.")
        self.payments[payment] = Payment(id=payment, amount=self.fee, started_at=now)
        return self._announce(told.PaymentStarted, started_at=now, payment=payment, amount=self.fee)

    def settle_payment(self, payment: str, amount: int, *, now: datetime) -> told.Paid | None:
        """The provider's word, its signature verified by the caller; nothing for one already settled. Money
        that comes for a request that no longer waits for it is put down, and changes nothing else.

        Raises NotFound `payment_unknown` and Invalid `payment_amount`.
        """
        known = self._payment(payment)
        if known.amount != amount:
            raise Invalid("payment_amount", "This is not the amount of the payment.")
        if known.state is PaymentState.PAID:
            return None
        self.payments[payment] = replace(known, state=PaymentState.PAID)
        self.paid_at = now
        to = S.ISSUING if self.state is S.UNPAID else None
        return self._announce(told.Paid, to=to, paid_at=now, payment=payment, amount=amount)

    def fail_payment(self, payment: str, *, now: datetime) -> told.PaymentFailed | None:
        """Nothing for a payment that is settled or had failed. Raises NotFound `payment_unknown`."""
        known = self._payment(payment)
        if known.state is not PaymentState.STARTED:
            return None
        self.payments[payment] = replace(known, state=PaymentState.FAILED)
        return self._announce(told.PaymentFailed, failed_at=now, payment=payment)

    # -- the document

    @property
    def to_write(self) -> bool:
        return self.state is S.ISSUING and self.ordered is None

    @property
    def cause(self) -> str:
        """What tells one page of this request from another: the same act as it reads is the same page."""
        return f"{self.match.act}/{self.match.act_version}" if self.match else "statement"

    def write(self, sealed_document: str, now: datetime) -> told.PaperOrdered:
        """What the register said is on the page: it is kept here no longer."""
        assert self.to_write  # the row was locked when it was looked at
        self.ordered, self.answer = sealed_document, None
        return self._announce(
            told.PaperOrdered,
            ordered_at=now,
            sealed_document=sealed_document,
            act=self.match.act if self.match else None,
            act_version=self.match.act_version if self.match else None,
        )

    def unwritten(self, reason: ControlReason, now: datetime) -> told.ControlRequired:
        """What is to be printed cannot be, or must not: an officer looks."""
        self.approved_act = None
        return self._control(reason, now)

    def issued(self, sealed_document: str, now: datetime) -> told.Issued | None:
        if self.state is not S.ISSUING or self.ordered != sealed_document:
            return None
        self.issued_at, self.sealed_document = now, sealed_document
        return self._announce(told.Issued, to=S.ISSUED, issued_at=now, sealed_document=sealed_document)

    def hand_over(self, *, by: Actor, now: datetime) -> told.HandedOver:
        self._may(A.HAND_OVER, by)
        return self._announce(told.HandedOver, to=S.DELIVERED, handed_over_at=now)

    def post(self, tracking: str, *, by: Actor, now: datetime) -> told.Posted:
        """Raises Invalid `tracking_malformed`, Conflict `not_for_the_post`."""
        self._may(A.POST, by)
        if self.delivery is not Delivery.POST:
            raise Conflict("not_for_the_post", "It is not delivered by post.")
        self.tracking = tracked(tracking)
        return self._announce(told.Posted, to=S.POSTED, posted_at=now)

    def return_(self, *, by: Actor, now: datetime) -> told.Returned:
        self._may(A.RETURN, by)
        return self._announce(told.Returned, to=S.RETURNED, returned_at=now)

    def reissue(self, *, by: Actor, now: datetime) -> told.ReissueRequested | None:
        """Of the act as it now reads. Nothing while what was issued still stands: it is the same document. An
        officer's approval was of one issue: what is not issued by itself is looked at again.
        """
        self._may(A.REISSUE, by)
        if self.state is not S.SUPERSEDED:
            return None
        self.paid_at = self.tracking = self.approved_act = None
        self._ask_again()
        return self._announce(told.ReissueRequested, to=S.MATCHING, requested_at=now)

    def revoke(self, *, by: Actor, now: datetime) -> told.Revoked:
        """Issued in error."""
        self._may(A.REVOKE, by)
        self.revoked_for = "issued_in_error"
        return self._announce(told.Revoked, to=S.REVOKED, revoked_at=now, reason="issued_in_error")

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
    def available(self) -> frozenset[Action]:
        """What its state, its delivery and its document allow anybody. Who was seen alive was seen that day,
        and what the central authority weighed was one issue: those are asked for anew.
        """
        moot = {A.POST} if self.delivery is not Delivery.POST else set()
        if self.listed.layout is Layout.LIFE or self.known.authorisation:
            moot |= {A.REISSUE}
        if self.listed.register is None:
            moot |= {A.PREVIEW}
        return ACTIONS[self.state] - moot

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

    def _ask_again(self) -> None:
        self.asked_at = self.match = self.answer = self.ordered = None
        self.asked += 1

    def _miss(self, now: datetime) -> None:
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
                    language: "، ".join(names[code][language] for code in missing)
                    if language == "ar"
                    else " ; ".join(names[code][language] for code in missing)
                    for language in ("ar", "fr", "en")
                },
                proofs=missing,
            )

    def _payment(self, payment: str) -> Payment:
        if payment not in self.payments:
            raise NotFound("payment_unknown", "No such payment on this request.")
        return self.payments[payment]

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
