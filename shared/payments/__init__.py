"""Paying what is due: the provider as a port, its signed page and callback, and who asks it afterwards.

A service answers an intent with `checkout_page`, includes `payment_routes(<aggregate>,
settle)` in its router (both from `shared.payments.api`), and runs `reconciled` for those of which nothing was
heard. Decisions 0029 and 0052.
"""

from shared.payments.provider import (
    PATIENCE,
    SIGNATURE,
    Gateway,
    Intent,
    PaymentOutcome,
    Provider,
    Sandbox,
    Word,
    intended,
    provider_of,
    reconciled,
    same,
    sandbox_of,
    signature,
)

__all__ = [
    "PATIENCE",
    "SIGNATURE",
    "Gateway",
    "Intent",
    "PaymentOutcome",
    "Provider",
    "Sandbox",
    "Word",
    "intended",
    "provider_of",
    "reconciled",
    "same",
    "sandbox_of",
    "signature",
]
