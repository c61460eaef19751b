"""Paying fees: the intent, the provider's word, and a page that stands for the provider in development."""

from typing import Annotated, Final, Literal
from uuid import UUID, uuid4

from fastapi import Depends, Form, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from services.rokhas.api.common import AtCounter, Change, Code, authorize, changing
from services.rokhas.domain import Action
from services.rokhas.domain.values import PaymentState
from services.rokhas.store import dossiers
from services.rokhas.store.payments import (
    SIGNATURE,
    Intent,
    Sandbox,
    Word,
    become_payer,
    intended,
    provider_of,
    same,
    sandbox_of,
    signature,
)
from shared.db import Tx
from shared.errors import NotFound, Unauthenticated
from shared.http import PUBLIC, Body, Configured, Router, etag

router = Router(prefix="")

FORGED: Final = {
    "ar": "التوقيع غير صحيح.",
    "fr": "La signature n'est pas la bonne.",
    "en": "The signature is wrong.",
}


class PaymentIn(AtCounter):
    fees: Annotated[list[Code], Field(min_length=1, max_length=20)]


class PaymentOut(BaseModel):
    """`amount` in centimes; `checkout` is the page on which it is paid."""

    payment: str
    amount: int
    checkout: str


class CallbackIn(Body):
    """The provider's word; `amount` in centimes."""

    payment: UUID
    dossier: UUID
    amount: Annotated[int, Field(gt=0, lt=2**53)]
    status: Literal["paid", "failed"]


class SettledOut(BaseModel):
    payment: str
    state: PaymentState


@router.post("/dossiers/{dossier_id}/payments", status_code=201)
async def start(
    file: Annotated[Change, changing(Action.PAY)], body: PaymentIn, request: Request, settings: Configured
) -> PaymentOut:
    """What is to be paid, and where."""
    payment = uuid4()
    started = file.dossier.start_payment(str(payment), body.fees, **file.applicant(body))
    await file.save(started)
    etag(file.response, file.dossier.version)
    intent = Intent(payment=payment, dossier=file.dossier.id, amount=started.amount)
    provider = provider_of(settings, _page(request))
    return PaymentOut(payment=str(payment), amount=started.amount, checkout=provider.checkout(intent))


async def _signed(request: Request, settings: Configured) -> None:
    """Raises Unauthenticated before anything else is looked at."""
    given = request.headers.get(SIGNATURE, "")
    if not same(signature(settings.secret("payment_secret"), await request.body()), given):
        raise Unauthenticated("signature_invalid", FORGED)


@router.post("/payments/callback", dependencies=[Depends(_signed)])
async def hear(tx: Annotated[Tx, authorize(PUBLIC, idempotent=False)], body: CallbackIn) -> SettledOut:
    """From the provider, signed over the raw body (`X-Payment-Signature`: hexadecimal HMAC-SHA256). Told
    again, it changes nothing.
    """
    return await _settle(tx, body)


async def _settle(tx: Tx, said: CallbackIn) -> SettledOut:
    if not await become_payer(tx, said.dossier):
        raise NotFound("payment_unknown", "No such payment.")
    dossier = await dossiers.locked(tx, said.dossier)
    payment = str(said.payment)
    settled = said.status == "paid"
    event = (
        dossier.settle_payment(payment, said.amount, now=tx.now)
        if settled
        else dossier.fail_payment(payment, now=tx.now)
    )
    if event is not None:
        await dossiers.save(tx, dossier, because=event)
    return SettledOut(payment=payment, state=dossier.payments[payment].state)


# The development checkout: what a provider's page does, without money.

PAGE: Final = """<!doctype html><html lang="ar" dir="rtl"><meta charset="utf-8"><title>أداء تجريبي</title>
<body style="font-family:sans-serif;max-width:32rem;margin:3rem auto;text-align:center">
<h1>أداء تجريبي</h1><p dir="ltr">Paiement de démonstration · no money moves</p>
<p style="font-size:2rem" dir="ltr">{amount} MAD</p>
{outcome}<form method="post">
<button name="outcome" value="paid">أداء · Payer</button>
<button name="outcome" value="failed">رفض · Refuser</button>
<button name="outcome" value="lost">أداء دون إشعار · Payer, réponse perdue</button>
</form></body></html>"""


class Checkout:
    """The signed query of the page. Raises NotFound outside development and for a query that is not ours."""

    def __init__(
        self,
        payment: UUID,
        dossier: Annotated[UUID, Query()],
        amount: Annotated[int, Query(gt=0)],
        proof: Annotated[str, Query(alias="signature", max_length=64)],
        settings: Configured,
    ) -> None:
        self.intent = Intent(payment=payment, dossier=dossier, amount=amount)
        ours = settings.development and settings.payment_url is None
        if not ours or not same(intended(settings.secret("payment_secret"), self.intent), proof):
            raise NotFound("payment_unknown", "No such payment.")
        self.sandbox: Sandbox = sandbox_of(settings)


@router.get("/payments/{payment}/checkout", include_in_schema=False)
async def checkout(
    tx: Annotated[Tx, authorize(PUBLIC)],
    page: Annotated[Checkout, Depends()],
) -> HTMLResponse:
    return _shown(page.intent)


@router.post("/payments/{payment}/checkout", include_in_schema=False)
async def choose(
    tx: Annotated[Tx, authorize(PUBLIC, idempotent=False)],
    page: Annotated[Checkout, Depends()],
    outcome: Annotated[Literal["paid", "failed", "lost"], Form()],
) -> HTMLResponse:
    """What the provider would call back is heard at once; `lost`: paid, and nobody told before the
    reconciliation asks.
    """
    status: Literal["paid", "failed"] = "failed" if outcome == "failed" else "paid"
    intent = page.intent
    page.sandbox.chosen(intent.payment, Word(amount=intent.amount, status=PaymentState(status)))
    if outcome != "lost":
        said = CallbackIn(payment=intent.payment, dossier=intent.dossier, amount=intent.amount, status=status)
        await _settle(tx, said)
    return _shown(intent, OUTCOMES[outcome])


OUTCOMES: Final = {"paid": "تم الأداء · Payé", "failed": "رُفض · Refusé", "lost": "تم الأداء دون إشعار · Payé"}


def _shown(intent: Intent, outcome: str = "") -> HTMLResponse:
    amount = f"{intent.amount // 100}.{intent.amount % 100:02d}"
    return HTMLResponse(PAGE.format(amount=amount, outcome=f"<p><b>{outcome}</b></p>" if outcome else ""))


def _page(request: Request) -> str:
    """Where this process serves the development checkout, as the caller reached it."""
    return str(request.url.replace(path=f"{request.scope['root_path']}/v1", query=""))
