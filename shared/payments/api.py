"""HTTP of every service that takes payments: the provider's word, and in development the provider's page.

router.include_router(payment_routes("dossier", settle))
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Depends, Form, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from shared.db import Tx
from shared.errors import NotFound, Unauthenticated
from shared.http import PUBLIC, Authorizer, Body, Configured, Router
from shared.payments.provider import (
    SIGNATURE,
    Intent,
    PaymentOutcome,
    Word,
    intended,
    provider_of,
    same,
    sandbox_of,
    signature,
)
from shared.settings import Settings

authorize: Authorizer[StrEnum] = Authorizer({})

FORGED: Final = {
    "ar": "التوقيع غير صحيح.",
    "fr": "La signature n'est pas la bonne.",
    "en": "The signature is wrong.",
}

Settle = Callable[[Tx, UUID, str, Word], Awaitable[PaymentOutcome]]
"""Puts the provider's word on an aggregate down, and says how its payment now stands; told again, it changes
nothing. Raises NotFound `payment_unknown`, Invalid `payment_amount`. Who calls proved to be the provider, and
has no scope of its own.
"""


class SettledOut(BaseModel):
    payment: str
    state: PaymentOutcome


def checkout_page(settings: Settings, request: Request, intent: Intent) -> str:
    """The address of the page on which it is paid, in development as the caller reached this process."""
    base = str(request.url.replace(path=f"{request.scope['root_path']}/v1", query=""))
    return provider_of(settings, base).checkout(intent)


def payment_routes(aggregate: str, settle: Settle) -> Router:
    """`aggregate` names the aggregate's identifier in what the provider sends and is sent."""
    router = Router(prefix="/payments")

    class CallbackIn(Body):
        """The provider's word; `amount` in centimes."""

        payment: UUID
        about: Annotated[UUID, Field(alias=aggregate)]
        amount: Annotated[int, Field(gt=0, lt=2**53)]
        status: Literal["paid", "failed"]

    async def signed(request: Request, settings: Configured) -> None:
        """Raises Unauthenticated before anything else is looked at."""
        given = request.headers.get(SIGNATURE, "")
        if not same(signature(settings.secret("payment_secret"), await request.body()), given):
            raise Unauthenticated("signature_invalid", FORGED)

    @router.post("/callback", dependencies=[Depends(signed)])
    async def hear(tx: Annotated[Tx, authorize(PUBLIC, idempotent=False)], body: CallbackIn) -> SettledOut:
        """From the provider, signed over the raw body (`X-Payment-Signature`: hexadecimal HMAC-SHA256). Told
        again, it changes nothing.
        """
        word = Word(amount=body.amount, status=PaymentOutcome(body.status))
        state = await settle(tx, body.about, str(body.payment), word)
        return SettledOut(payment=str(body.payment), state=state)

    # The development checkout: what a provider's page does, without money.

    class Checkout:
        """The signed query of the page. Raises NotFound outside development and for a query not ours."""

        def __init__(
            self,
            payment: UUID,
            about: Annotated[UUID, Query(alias=aggregate)],
            amount: Annotated[int, Query(gt=0)],
            proof: Annotated[str, Query(alias="signature", max_length=64)],
            settings: Configured,
        ) -> None:
            self.intent = Intent(payment=payment, aggregate=aggregate, about=about, amount=amount)
            ours = settings.development and settings.payment_url is None
            if not ours or not same(intended(settings.secret("payment_secret"), self.intent), proof):
                raise NotFound("payment_unknown", "No such payment.")
            self.sandbox = sandbox_of(settings)

    @router.get("/{payment}/checkout", include_in_schema=False)
    async def checkout(
        tx: Annotated[Tx, authorize(PUBLIC)], page: Annotated[Checkout, Depends()]
    ) -> HTMLResponse:
        return _shown(page.intent)

    @router.post("/{payment}/checkout", include_in_schema=False)
    async def choose(
        tx: Annotated[Tx, authorize(PUBLIC, idempotent=False)],
        page: Annotated[Checkout, Depends()],
        outcome: Annotated[Literal["paid", "failed", "lost"], Form()],
    ) -> HTMLResponse:
        """What the provider would call back is heard at once; `lost`: paid, and nobody told before the
        reconciliation asks.
        """
        intent = page.intent
        status = PaymentOutcome.FAILED if outcome == "failed" else PaymentOutcome.PAID
        word = Word(amount=intent.amount, status=status)
        page.sandbox.chosen(intent.payment, word)
        if outcome != "lost":
            await settle(tx, intent.about, str(intent.payment), word)
        return _shown(intent, OUTCOMES[outcome])

    return router


PAGE: Final = """<!doctype html><html lang="ar" dir="rtl"><meta charset="utf-8"><title>أداء تجريبي</title>
<body style="font-family:sans-serif;max-width:32rem;margin:3rem auto;text-align:center">
<h1>أداء تجريبي</h1><p dir="ltr">Paiement de démonstration · no money moves</p>
<p style="font-size:2rem" dir="ltr">{amount} MAD</p>
{outcome}<form method="post">
<button name="outcome" value="paid">أداء · Payer</button>
<button name="outcome" value="failed">رفض · Refuser</button>
<button name="outcome" value="lost">أداء دون إشعار · Payer, réponse perdue</button>
</form></body></html>"""
OUTCOMES: Final = {"paid": "تم الأداء · Payé", "failed": "رُفض · Refusé", "lost": "تم الأداء دون إشعار · Payé"}


def _shown(intent: Intent, outcome: str = "") -> HTMLResponse:
    amount = f"{intent.amount // 100}.{intent.amount % 100:02d}"
    return HTMLResponse(PAGE.format(amount=amount, outcome=f"<p><b>{outcome}</b></p>" if outcome else ""))
