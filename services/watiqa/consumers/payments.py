"""Payments of which nothing was heard: the provider is asked."""

import asyncio
from functools import partial
from typing import Final
from uuid import UUID

from services.watiqa.events import RequestEvent
from services.watiqa.store import requests
from services.watiqa.store.payments import under_way
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


async def _settle(database: Database, request_id: UUID, payment: str, word: Word | None) -> None:
    async with database.transaction() as tx:
        request = await requests.locked(tx, request_id)
        event: RequestEvent | None
        if word is not None and word.status is PaymentOutcome.PAID:
            event = request.settle_payment(payment, word.amount, now=tx.now)
        else:
            event = request.fail_payment(payment, now=tx.now)
        if event is not None:
            await requests.save(tx, request, because=event)
