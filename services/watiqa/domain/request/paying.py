"""The fee of a delivery: the provider's word and what it does."""

from dataclasses import replace
from datetime import datetime

from services.watiqa.domain.request.core import A, Core, S
from services.watiqa.domain.states import ENDED
from services.watiqa.domain.values import Payment, PaymentState, legible
from services.watiqa.events import request as told
from services.watiqa.events.request import OwedReason
from shared.auth import Actor
from shared.errors import Conflict, Invalid, NotFound


class Paying(Core):
    def start_payment(self, payment: str, *, by: Actor, now: datetime) -> told.PaymentStarted:
        """Raises Conflict `payment_in_progress`: a document is paid once."""
        self._may(A.PAY, by)
        if any(one.state is PaymentState.STARTED for one in self.payments.values()):
            raise Conflict("payment_in_progress", "A payment of this request is in progress.")
        self.payments[payment] = Payment(id=payment, amount=self.fee, started_at=now)
        return self._announce(told.PaymentStarted, started_at=now, payment=payment, amount=self.fee)

    def settle_payment(
        self, payment: str, amount: int, *, now: datetime
    ) -> told.Paid | told.PaymentUnowed | None:
        """The provider's word, its signature verified by the caller; nothing for one already settled. Money
        that comes twice, or for what ended, is owed back, and changes nothing else.

        Raises NotFound `payment_unknown` and Invalid `payment_amount`.
        """
        known = self._payment(payment)
        if known.amount != amount:
            raise Invalid("payment_amount", "This is not the amount of the payment.")
        if known.state not in {PaymentState.STARTED, PaymentState.FAILED}:
            return None
        if self.paid_at is not None:
            return self._owe(known, OwedReason.PAID_TWICE, now)
        if self.state in ENDED:
            return self._owe(known, OwedReason.ENDED, now)
        self.payments[payment] = replace(known, state=PaymentState.PAID)
        self.paid_at, self.paid_by = now, payment
        to = S.ISSUING if self.state is S.UNPAID else None
        return self._announce(told.Paid, to=to, paid_at=now, payment=payment, amount=amount)

    def fail_payment(self, payment: str, *, now: datetime) -> told.PaymentFailed | None:
        """Nothing for a payment that is settled or had failed. Raises NotFound `payment_unknown`."""
        known = self._payment(payment)
        if known.state is not PaymentState.STARTED:
            return None
        self.payments[payment] = replace(known, state=PaymentState.FAILED)
        return self._announce(told.PaymentFailed, failed_at=now, payment=payment)

    def owe_back(self, now: datetime) -> told.PaymentUnowed | None:
        """What was paid for an issue that never comes."""
        paid = self.payments.get(self.paid_by or "")
        if self.state not in {S.REFUSED, S.WITHDRAWN} or paid is None or paid.state is not PaymentState.PAID:
            return None
        return self._owe(paid, OwedReason.ENDED, now)

    def return_payment(
        self, payment: str, reference: str, *, by: Actor, now: datetime
    ) -> told.PaymentReturned:
        """The officer has given it back, by a transfer with this reference: the provider's port knows none.

        Raises Forbidden, NotFound `payment_unknown`, Conflict, Invalid.
        """
        self._may(A.RETURN_PAYMENT, by)
        known = self._payment(payment)
        if known.state is not PaymentState.OWED_BACK:
            raise Conflict("nothing_owed", "This payment is not owed back.")
        self.payments[payment] = replace(
            known,
            state=PaymentState.RETURNED,
            returned_at=now,
            reference=legible(reference, "reference", 64),
        )
        return self._announce(told.PaymentReturned, returned_at=now, payment=payment, amount=known.amount)

    def _owe(self, payment: Payment, reason: OwedReason, now: datetime) -> told.PaymentUnowed:
        self.payments[payment.id] = replace(
            payment, state=PaymentState.OWED_BACK, owed_since=now, reason=reason
        )
        return self._announce(
            told.PaymentUnowed, unowed_at=now, payment=payment.id, amount=payment.amount, reason=reason
        )

    def _payment(self, payment: str) -> Payment:
        if payment not in self.payments:
            raise NotFound("payment_unknown", "No such payment on this request.")
        return self.payments[payment]
