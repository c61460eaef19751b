"""At the window, and before the central authority."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self
from uuid import UUID

from services.watiqa.domain.catalogue import catalogue
from services.watiqa.domain.permissions import APPLICANTS, not_allowed, serves
from services.watiqa.domain.request.core import A, Core, S
from services.watiqa.domain.values import Address, Clock, Counter, Statement, Wanted
from services.watiqa.events import RequestEvent
from services.watiqa.events import request as told
from services.watiqa.events.request import Channel, ControlReason, Delivery, RefusalGround
from shared.auth import Actor
from shared.errors import Forbidden, Invalid


class Filing(Core):
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
            asker=by.subject,
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
