"""Payments of which nothing was heard: the provider is asked."""

import asyncio
from typing import Final
from uuid import UUID

import httpx
import structlog

from services.rokhas.domain.values import PaymentState
from services.rokhas.events import Paid, PaymentFailed
from services.rokhas.store import dossiers
from services.rokhas.store.payments import PATIENCE, Provider, Word, provider_of, under_way
from shared.db import Database
from shared.errors import Problem
from shared.settings import Settings

log = structlog.get_logger(__name__)

EVERY: Final = 60.0  # seconds between two rounds


async def reconcile(database: Database, settings: Settings) -> None:
    """Runs until cancelled."""
    provider = provider_of(settings)
    while True:
        await reconcile_once(database, provider)
        await asyncio.sleep(EVERY)


async def reconcile_once(database: Database, provider: Provider) -> None:
    """Settles or gives up what was started long enough ago. No transaction is open while the provider is
    asked, and one payment that cannot be settled holds up no other.
    """
    async with database.transaction() as tx:
        waiting = await under_way(tx, before=tx.now - PATIENCE)
    for dossier, payment in waiting:
        try:
            word = await provider.word(payment)
            await _settle(database, dossier, payment, word)
        except (httpx.HTTPError, OSError, ValueError, Problem) as error:
            log.warning("payment.not_reconciled", payment=payment, error=type(error).__name__)


async def _settle(database: Database, dossier_id: UUID, payment: str, word: Word | None) -> None:
    if word is not None and word.status is PaymentState.STARTED:
        return
    async with database.transaction() as tx:
        dossier = await dossiers.locked(tx, dossier_id)
        event: Paid | PaymentFailed | None
        if word is not None and word.status is PaymentState.PAID:
            event = dossier.settle_payment(payment, word.amount, now=tx.now)
        else:
            event = dossier.fail_payment(payment, now=tx.now)
        if event is not None:
            await dossiers.save(tx, dossier, because=event)
