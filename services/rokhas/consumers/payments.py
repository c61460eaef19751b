"""Payments of which nothing was heard: the provider is asked."""

import asyncio
from functools import partial
from typing import Final
from uuid import UUID

from services.rokhas.events import Paid, PaymentFailed
from services.rokhas.store import dossiers
from services.rokhas.store.payments import under_way
from shared.db import Database
from shared.payments import PATIENCE, PaymentOutcome, Provider, Word, provider_of, reconciled
from shared.settings import Settings

EVERY: Final = 60.0  # seconds between two rounds


async def reconcile(database: Database, settings: Settings) -> None:
    """Runs until cancelled."""
    provider = provider_of(settings)
    while True:
        await reconcile_once(database, provider)
        await asyncio.sleep(EVERY)


async def reconcile_once(database: Database, provider: Provider) -> None:
    """Settles or gives up what was started long enough ago. No transaction is open while the provider is
    asked.
    """
    async with database.transaction() as tx:
        waiting = await under_way(tx, before=tx.now - PATIENCE)
    await reconciled(provider, waiting, partial(_settle, database))


async def _settle(database: Database, dossier_id: UUID, payment: str, word: Word | None) -> None:
    async with database.transaction() as tx:
        dossier = await dossiers.locked(tx, dossier_id)
        event: Paid | PaymentFailed | None
        if word is not None and word.status is PaymentOutcome.PAID:
            event = dossier.settle_payment(payment, word.amount, now=tx.now)
        else:
            event = dossier.fail_payment(payment, now=tx.now)
        if event is not None:
            await dossiers.save(tx, dossier, because=event)
