"""What nobody confirmed in time is forgotten: addresses that may be somebody else's."""

import asyncio
from typing import Final
from uuid import UUID

import structlog

from services.chikaya.domain.forgetting import CODE, CONTACT, SUBSCRIPTION
from services.chikaya.store import forgetting, reports, subscriptions
from shared.db import Database, Tx
from shared.settings import Settings

EVERY: Final = 3600.0  # seconds, as idempotency keys are forgotten

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def forget(database: Database, _: Settings) -> None:
    """Runs until cancelled."""
    while True:
        await forget_once(database)
        await asyncio.sleep(EVERY)


async def forget_once(database: Database) -> None:
    """Each in a transaction of its own, looked at again under its lock: who confirms at this moment is not
    forgotten.
    """
    async with database.transaction() as tx:
        pending = await forgetting.pending(tx, tx.now - SUBSCRIPTION)
        unconfirmed = await forgetting.unconfirmed(tx, tx.now - CONTACT)
        await forgetting.places(tx)
        await forgetting.codes(tx, CODE)
    for subscription in pending:
        async with database.transaction() as tx:
            await _end(tx, subscription)
    for report in unconfirmed:
        async with database.transaction() as tx:
            await _forget_contact(tx, report)
    if pending or unconfirmed:
        log.info("chikaya.forgotten", subscriptions=len(pending), contacts=len(unconfirmed))


async def _end(tx: Tx, subscription_id: UUID) -> None:
    found = await subscriptions.locked(tx, subscription_id)
    address = found.address
    if event := found.lapse(tx.now):
        await subscriptions.save(tx, found, because=event)
        if address is not None:
            await forgetting.notices(tx, found.id, address)


async def _forget_contact(tx: Tx, report_id: UUID) -> None:
    report = await reports.locked(tx, report_id)
    address = report.contact.address if report.contact else None
    if event := report.forget_contact(tx.now):
        await reports.save(tx, report, because=event)
        if address is not None:
            await forgetting.notices(tx, report.id, address)
