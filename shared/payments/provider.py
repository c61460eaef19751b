"""The payment provider, as a port. Amounts are centimes of dirham.

People pay on the provider's own page, reached by a signed address; the provider tells the outcome by a signed
callback, and answers when asked. Whoever holds the shared secret is the provider.
"""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlencode
from uuid import UUID

import httpx
import structlog
from pydantic import TypeAdapter

from shared.errors import Problem
from shared.settings import Settings

log = structlog.get_logger(__name__)

SIGNATURE: Final = "X-Payment-Signature"
PATIENCE: Final = timedelta(minutes=15)
"""How long a payment may be under way before its provider is asked; what it never heard of is given up."""


class PaymentOutcome(StrEnum):
    STARTED = "started"
    PAID = "paid"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What somebody is about to pay, on one aggregate of a service (`aggregate` is its type: `dossier`)."""

    payment: UUID
    aggregate: str
    about: UUID
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What the provider says of a payment."""

    amount: int
    status: PaymentOutcome


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
    """The development adapter: its page is a route of the service, below `base`; it keeps what people chose
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
    told = urlencode({intent.aggregate: intent.about, "amount": intent.amount})
    return f"payments/{intent.payment}/checkout?{told}&signature={intended(secret, intent)}"


def intended(secret: str, intent: Intent) -> str:
    return signature(secret, f"{intent.payment}:{intent.about}:{intent.amount}".encode())


def provider_of(settings: Settings, base: str = "") -> Provider:
    """Raises SettingsError where nothing says which. `base` is where a development checkout is served."""
    if settings.development and settings.payment_url is None:
        return sandbox_of(settings, base)
    return Gateway(settings.needed("payment_url"), settings.secret("payment_secret"))


def sandbox_of(settings: Settings, base: str = "") -> Sandbox:
    return Sandbox(settings.home / "payments", settings.secret("payment_secret"), base)


async def reconciled(
    provider: Provider,
    waiting: Iterable[tuple[UUID, str]],
    settle: Callable[[UUID, str, Word | None], Awaitable[None]],
) -> None:
    """Asks the provider of each aggregate and payment that was started long enough ago; `settle` opens its
    own transaction. One that cannot be settled holds up no other.
    """
    for about, payment in waiting:
        try:
            word = await provider.word(payment)
            if word is None or word.status is not PaymentOutcome.STARTED:
                await settle(about, payment, word)
        except (httpx.HTTPError, OSError, ValueError, Problem) as error:
            log.warning("payment.not_reconciled", payment=payment, error=type(error).__name__)
