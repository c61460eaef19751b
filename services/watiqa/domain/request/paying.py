"""The fee of a delivery: the provider's word and what it does."""

from dataclasses import replace
from datetime import datetime

from services.watiqa.domain.request.core import A, Core, S
from services.watiqa.domain.values import Payment, PaymentState
from services.watiqa.events import request as told
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

    def _payment(self, payment: str) -> Payment:
        if payment not in self.payments:
            raise NotFound("payment_unknown", "No such payment on this request.")
        return self.payments[payment]
