"""Paying fees: the intent, and what the provider's word does to a file."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Request
from pydantic import BaseModel, Field

from services.rokhas.api.common import AtCounter, Change, Code, changing
from services.rokhas.domain import Action
from services.rokhas.store import dossiers
from services.rokhas.store.payments import become_payer
from shared.db import Tx
from shared.errors import NotFound
from shared.http import Configured, Router, etag
from shared.payments import Intent, PaymentOutcome, Word
from shared.payments.api import checkout_page, payment_routes

router = Router(prefix="")


class PaymentIn(AtCounter):
    fees: Annotated[list[Code], Field(min_length=1, max_length=20)]


class PaymentOut(BaseModel):
    """`amount` in centimes; `checkout` is the page on which it is paid."""

    payment: str
    amount: int
    checkout: str


@router.post("/dossiers/{dossier_id}/payments", status_code=201)
async def start(
    file: Annotated[Change, changing(Action.PAY)], body: PaymentIn, request: Request, settings: Configured
) -> PaymentOut:
    """What is to be paid, and where."""
    payment = uuid4()
    started = file.dossier.start_payment(str(payment), body.fees, **file.applicant(body))
    await file.save(started)
    etag(file.response, file.dossier.version)
    intent = Intent(payment=payment, aggregate="dossier", about=file.dossier.id, amount=started.amount)
    checkout = checkout_page(settings, request, intent)
    return PaymentOut(payment=str(payment), amount=started.amount, checkout=checkout)


async def settle(tx: Tx, dossier_id: UUID, payment: str, word: Word) -> PaymentOutcome:
    """The provider's word on a payment of this file."""
    if not await become_payer(tx, dossier_id):
        raise NotFound("payment_unknown", "No such payment.")
    dossier = await dossiers.locked(tx, dossier_id)
    event = (
        dossier.settle_payment(payment, word.amount, now=tx.now)
        if word.status is PaymentOutcome.PAID
        else dossier.fail_payment(payment, now=tx.now)
    )
    if event is not None:
        await dossiers.save(tx, dossier, because=event)
    return PaymentOutcome(dossier.payments[payment].state)


router.include_router(payment_routes("dossier", settle))
