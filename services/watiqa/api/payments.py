"""Paying the fee of a delivery: the intent, and what the provider's word does to a request."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Request
from pydantic import BaseModel, Field

from services.watiqa.api.common import Change, Nothing, RequestOut, changing
from services.watiqa.domain import Action
from services.watiqa.domain.values import PaymentState
from services.watiqa.store import requests
from services.watiqa.store.payments import become_payer
from shared.db import Tx
from shared.errors import NotFound
from shared.http import Body, Configured, Router
from shared.payments import Intent, PaymentOutcome, Word
from shared.payments.api import checkout_page, payment_routes

router = Router(prefix="")


class PaymentOut(BaseModel):
    """`amount` in centimes; `checkout` is the page on which it is paid."""

    payment: str
    amount: int
    checkout: str


class ReturnIn(Body):
    """`reference`: of the transfer by which it was given back."""

    reference: Annotated[str, Field(min_length=1, max_length=64, examples=["VIR 12/2026"])]


@router.post("/requests/{request_id}/payments", status_code=201)
async def start(
    file: Annotated[Change, changing(Action.PAY)], body: Nothing, request: Request, settings: Configured
) -> PaymentOut:
    """What is to be paid, and where."""
    payment = uuid4()
    started = file.request.start_payment(str(payment), **file.who)
    await file.save(started)
    intent = Intent(payment=payment, aggregate="request", about=file.request.id, amount=started.amount)
    checkout = checkout_page(settings, request, intent)
    return PaymentOut(payment=str(payment), amount=started.amount, checkout=checkout)


@router.post("/requests/{request_id}/payments/{payment}/return")
async def give_back(
    file: Annotated[Change, changing(Action.RETURN_PAYMENT)], payment: UUID, body: ReturnIn
) -> RequestOut:
    """What was owed back has been given back, by a transfer of the office."""
    return await file.answer(file.request.return_payment(str(payment), body.reference, **file.who))


async def settle(tx: Tx, request_id: UUID, payment: str, word: Word) -> PaymentOutcome:
    """The provider's word on the payment of this request."""
    if not await become_payer(tx, request_id):
        raise NotFound("payment_unknown", "No such payment.")
    request = await requests.locked(tx, request_id)
    event = (
        request.settle_payment(payment, word.amount, now=tx.now)
        if word.status is PaymentOutcome.PAID
        else request.fail_payment(payment, now=tx.now)
    )
    if event is not None:
        await requests.save(tx, request, because=event)
    state = request.payments[payment].state
    came = state in {PaymentState.OWED_BACK, PaymentState.RETURNED}  # the provider was told: paid
    return PaymentOutcome.PAID if came else PaymentOutcome(state)


router.include_router(payment_routes("request", settle))
