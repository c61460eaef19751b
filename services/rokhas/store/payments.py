"""The payment provider, as a port. Amounts are centimes of dirham.

People pay on the provider's own page, reached by a signed address; the provider tells the outcome by a signed
callback, and answers when asked. Whoever holds the shared secret is the provider.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlencode
from uuid import UUID

import httpx
from pydantic import TypeAdapter
from sqlalchemy import text

from services.rokhas.domain.values import PaymentState
from shared.db import Tx
from shared.settings import Settings

SIGNATURE: Final = "X-Payment-Signature"
PATIENCE: Final = timedelta(minutes=15)
"""How long a payment may be under way before its provider is asked; what it never heard of is given up."""

BECOME = text("SELECT rokhas.become_payer(:dossier)")
# The predicate is the partial index's, word for word.
STARTED = text("""
    SELECT d.id, p.value ->> 'id' AS payment FROM rokhas.dossier d, jsonb_each(d.body -> 'payments') p
    WHERE d.body @? '$.payments.*.state ? (@ == "started")' AND p.value ->> 'state' = 'started'
      AND CAST(p.value ->> 'started_at' AS timestamptz) < :before
    ORDER BY d.id LIMIT 500""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What somebody is about to pay."""

    payment: UUID
    dossier: UUID
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What the provider says of a payment."""

    amount: int
    status: PaymentState


class Provider(Protocol):
    def checkout(self, intent: Intent) -> str:
        """The address of the page on which it is paid."""

    async def word(self, payment: str) -> Word | None:
        """Nothing for a payment of which the provider never heard. Raises httpx.HTTPError or OSError when it
        cannot be asked. Never inside a transaction.
        """


def signature(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def same(expected: str, given: str) -> bool:
    """In a time that tells nothing of how much agrees."""
    return hmac.compare_digest(expected.encode(), given.encode())


_WORD: Final = TypeAdapter(Word)


@dataclass(frozen=True, slots=True)
class Gateway:
    """A provider's gateway by HTTP: `<url>/payments/<payment>/checkout?…`, `GET <url>/payments/<payment>`."""

    url: str
    secret: str
    transport: httpx.AsyncBaseTransport | None = None

    def checkout(self, intent: Intent) -> str:
        return f"{self.url.rstrip('/')}/{page(self.secret, intent)}"

    async def word(self, payment: str) -> Word | None:
        proof = {SIGNATURE: signature(self.secret, payment.encode())}
        async with httpx.AsyncClient(timeout=10, transport=self.transport) as client:
            answer = await client.get(f"{self.url.rstrip('/')}/payments/{payment}", headers=proof)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        answer.raise_for_status()
        return _WORD.validate_json(answer.content)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The development adapter: its page is a route of this service, below `base`; it keeps what people chose
    there in a directory.
    """

    directory: Path
    secret: str
    base: str = ""

    def checkout(self, intent: Intent) -> str:
        return f"{self.base}/{page(self.secret, intent)}"

    async def word(self, payment: str) -> Word | None:
        path = self.directory / f"{UUID(payment)}.json"
        return _WORD.validate_json(path.read_bytes()) if path.exists() else None

    def chosen(self, payment: UUID, word: Word) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        content = json.dumps({"amount": word.amount, "status": word.status})
        (self.directory / f"{payment}.json").write_text(content, encoding="utf-8")


def page(secret: str, intent: Intent) -> str:
    """The page of one payment, signed so that nobody changes on the way what it is told."""
    told = urlencode({"dossier": intent.dossier, "amount": intent.amount})
    return f"payments/{intent.payment}/checkout?{told}&signature={intended(secret, intent)}"


def intended(secret: str, intent: Intent) -> str:
    return signature(secret, f"{intent.payment}:{intent.dossier}:{intent.amount}".encode())


def provider_of(settings: Settings, base: str = "") -> Provider:
    """Raises SettingsError where nothing says which. `base` is where a development checkout is served."""
    if settings.development and settings.payment_url is None:
        return sandbox_of(settings, base)
    return Gateway(settings.needed("payment_url"), settings.secret("payment_secret"))


def sandbox_of(settings: Settings, base: str = "") -> Sandbox:
    return Sandbox(settings.home / "payments", settings.secret("payment_secret"), base)


async def become_payer(tx: Tx, dossier: UUID) -> bool:
    """From here on the transaction sees what the applicant of this file sees. Only for a caller that proved
    to be the provider, who has no scope of its own. False when there is no such file.
    """
    return bool((await tx.execute(BECOME, {"dossier": dossier})).scalar_one())


async def under_way(tx: Tx, *, before: datetime) -> list[tuple[UUID, str]]:
    """File and payment of those that were started before that instant, and of which nothing was heard."""
    return [(row.id, row.payment) for row in await tx.execute(STARTED, {"before": before})]
