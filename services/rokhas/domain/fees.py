"""Fees and their payment, in centimes. Approval by silence exempts from none (2-22-141 art. 3)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from services.rokhas.domain.core import Core, wanted
from services.rokhas.domain.permissions import Delegation
from services.rokhas.domain.states import Action
from services.rokhas.domain.values import Counter, Fee, Payment, PaymentState
from services.rokhas.events import FeeDue, Paid, PaymentFailed, PaymentStarted
from shared.auth import Actor
from shared.errors import Conflict, Invalid, NotFound


class Fees(Core):
    @property
    def unpaid_before_delivery(self) -> list[str]:
        return [fee.code for fee in self.fees.values() if fee.before_delivery and fee.paid_at is None]

    def assess_fee(
        self,
        code: str,
        *,
        by: Actor,
        now: datetime,
        quantity: Decimal | None = None,
        amount: int | None = None,
        delegations: Sequence[Delegation] = (),
    ) -> FeeDue:
        """A fee of the recueil, once; `quantity` or `amount` as `ListedFee.amount` wants them."""
        self._may(Action.ASSESS_FEE, by, now, delegations=delegations)
        listed = self.procedure.fee(code)
        if code in self.fees:
            raise Conflict("fee_assessed", "This fee was assessed.")
        due = listed.amount(quantity=quantity, stated=amount)
        self.fees[code] = Fee(code=code, amount=due, before_delivery=listed.before_delivery, assessed_at=now)
        return self._announce(
            FeeDue, assessed_at=now, fee=code, amount=due, before_delivery=listed.before_delivery
        )

    def start_payment(
        self,
        payment: str,
        fees: Sequence[str],
        *,
        by: Actor,
        now: datetime,
        counter: Counter | None = None,
    ) -> PaymentStarted:
        """`payment` is the intent's reference. Raises Invalid for a fee that is not due, Conflict for one
        that another open payment covers.
        """
        self._may(Action.PAY, by, now, counter=counter)
        wanted(payment, "payment_reference_missing")
        if payment in self.payments:
            raise Conflict("payment_exists", "This payment was started.")
        chosen = tuple(dict.fromkeys(fees))
        due = {fee.code: fee.amount for fee in self.fees.values() if fee.paid_at is None}
        if not chosen or not set(chosen) <= set(due):
            raise Invalid("fee_not_due", "Choose among the fees that are due.", fees=sorted(due))
        open_payments = (p for p in self.payments.values() if p.state is PaymentState.STARTED)
        if any(set(chosen) & set(one.fees) for one in open_payments):
            raise Conflict("payment_in_progress", "A payment of these fees is in progress.")
        amount = sum(due[code] for code in chosen)
        self.payments[payment] = Payment(id=payment, fees=chosen, amount=amount, started_at=now)
        return self._announce(PaymentStarted, started_at=now, payment=payment, fees=chosen, amount=amount)

    def settle_payment(self, payment: str, amount: int, *, now: datetime) -> Paid | None:
        """The provider's word, its signature verified by the caller; nothing for one already settled.

        Raises NotFound `payment_unknown` and Invalid `payment_amount` for a word that fits no payment. A
        payment that had been given up counts when the money came after all.
        """
        known = self._payment(payment)
        if known.amount != amount:
            raise Invalid("payment_amount", "This is not the amount of the payment.")
        if known.state is PaymentState.PAID:
            return None
        self.payments[payment] = replace(known, state=PaymentState.PAID)
        for code in known.fees:
            if self.fees[code].paid_at is None:
                self.fees[code] = replace(self.fees[code], paid_at=now)
        return self._announce(Paid, paid_at=now, payment=payment, fees=known.fees, amount=amount)

    def fail_payment(self, payment: str, *, now: datetime) -> PaymentFailed | None:
        """Nothing for a payment that is settled or had failed. Raises NotFound `payment_unknown`."""
        known = self._payment(payment)
        if known.state is not PaymentState.STARTED:
            return None
        self.payments[payment] = replace(known, state=PaymentState.FAILED)
        return self._announce(PaymentFailed, failed_at=now, payment=payment)

    def _payment(self, payment: str) -> Payment:
        if payment not in self.payments:
            raise NotFound("payment_unknown", "No such payment on this file.")
        return self.payments[payment]
