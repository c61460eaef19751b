"""Whoever follows is told page by page, a transaction each: a report that a town follows holds up no other.

What is killed in the middle goes on after the last page that was committed; a notice's key, its cause with
its recipient, is what nobody is told twice by.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import structlog
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from services.chikaya.store import public, reports, tellings
from services.chikaya.store.tellings import Telling
from shared.data import Names
from shared.db import Database, Tx
from shared.errors import NotFound
from shared.notify import notify_all
from shared.settings import Settings

log = structlog.get_logger(__name__)

FEW: Final = 20
"""Followers who are told in the transaction that hears of it, which is one of up to a hundred events."""
PAGE: Final = 500
"""Followers a transaction, for whom there are more."""
MOST_WAITING: Final = 1_000
"""Notices that wait to be sent, at which followers wait too: what one person is told of their own report is
sent before the rest of what a town is told.
"""
STOP: Final[Names] = {
    "ar": "إيقاف هذه المتابعة",
    "fr": "Ne plus suivre",
    "en": "Stop following",
}


async def tell(tx: Tx, telling: Telling) -> None:
    """Those who follow are told here when they are few, else afterwards, page by page, by `tell_on`."""
    followers = await tellings.page(tx, telling, limit=FEW + 1)
    if len(followers) <= FEW:
        await _notify(tx, telling, followers)
    else:
        await tellings.keep(tx, telling)


async def tell_on(database: Database, _: Settings) -> None:
    """Runs until cancelled."""
    while True:
        try:
            if await tell_page(database):
                continue
        except SQLAlchemyError as error:
            log.warning("tellings.database_unavailable", error=type(error).__name__)
        await asyncio.sleep(0.5)


async def tell_page(database: Database) -> bool:
    """One page of what has waited longest; whether there was one. What fails has its turn again in a minute,
    and the others go on.
    """
    telling: Telling | None = None
    try:
        async with database.transaction() as tx:
            if await tellings.waiting(tx, MOST_WAITING) >= MOST_WAITING:
                return False
            telling = await tellings.next_turn(tx)
            if telling is None:
                return False
            await _tell(tx, telling)
    except Exception:
        if telling is None:
            raise
        log.exception("tellings.failed", telling=str(telling.id))
        async with database.transaction() as tx:
            await tellings.failed(tx, telling.id)
    return True


async def _tell(tx: Tx, telling: Telling) -> None:
    """Nothing more of a report that is not for everybody any more."""
    try:
        await public.get(tx, telling.report)
    except NotFound:
        await tellings.done(tx, telling.id)
        return
    followers = await tellings.page(tx, telling, limit=PAGE)
    tx.correlation_id, tx.traceparent = telling.origin
    await _notify(tx, telling, followers)
    if len(followers) < PAGE:
        await tellings.done(tx, telling.id)
    else:
        await tellings.told(tx, telling.id, followers[-1].id)


async def _notify(tx: Tx, telling: Telling, followers: Sequence[Row[Any]]) -> None:
    """Whoever reported is told as such, and not here."""
    if not followers:
        return  # of most reports nobody is
    report = await reports.get(tx, telling.report)
    own = {report.reporter, report.contact.address if report.contact else None}
    contents = {
        one.recipient: telling.content | {"action": _stop(one.token)}
        for one in followers
        if one.recipient not in own
    }
    if contents:
        await notify_all(
            tx, event_id=telling.notice, about=telling.report, kind=telling.kind, contents=contents
        )


def _stop(token: str) -> dict[str, Any]:
    return {"method": "POST", "href": f"/chikaya/v1/unsubscriptions?token={token}", "label": STOP}
