"""Questions that found nothing, by who asked them: guessing is counted, announced, and stopped."""

from typing import Final

import structlog
from sqlalchemy import text

from services.watiqa.domain import Request
from services.watiqa.events import SEARCH, SearchMissed
from shared.auth import Role
from shared.db import Tx
from shared.errors import TooMany
from shared.time import civil_day

log = structlog.get_logger(__name__)

MOST_MISSES: Final = 10
"""Of somebody at the portal in one day: more is guessing."""
MOST_AT_COUNTER: Final = 20
"""Of an agent, for all the people of a day; as of who searches the register itself."""

MISSED = text("""
    INSERT INTO watiqa.missed AS m VALUES (:reader, :day, 1)
    ON CONFLICT (reader, day) DO UPDATE SET misses = m.misses + 1 RETURNING misses""")
MISSES = text("SELECT misses FROM watiqa.missed WHERE reader = :reader AND day = :day")


async def patient(tx: Tx) -> None:
    """Raises TooMany `searches_suspended` until tomorrow: the caller asked for too many acts that are not
    there, for themselves or for people at a counter.
    """
    values = {"reader": tx.actor.subject, "day": civil_day(tx.now)}
    misses = (await tx.execute(MISSES, values)).scalar_one_or_none() or 0
    office = tx.actor.holds(Role.AGENT, Role.CIVIL_STATUS_OFFICER)
    if misses >= (MOST_AT_COUNTER if office else MOST_MISSES):
        raise TooMany(
            "searches_suspended",
            {
                "ar": "كثرت الطلبات التي لم يعثر لها على رسم؛ أعيدوا المحاولة غدا أو توجهوا إلى مكتب.",
                "fr": "Trop de demandes sans acte correspondant : réessayez demain, ou allez à un bureau.",
                "en": "Too many requests that no act fits: try again tomorrow, or go to an office.",
            },
        )


async def missed(tx: Tx, request: Request) -> None:
    """Counts and announces what was asked by somebody and found nothing. Call it last."""
    if request.retried or not request.asker:
        return
    values = {"reader": request.asker, "day": civil_day(tx.now)}
    misses: int = (await tx.execute(MISSED, values)).scalar_one()
    suspended = misses >= (MOST_AT_COUNTER if request.counter else MOST_MISSES)
    if suspended:
        log.warning("watiqa.searches_suspended", request=str(request.id), misses=misses)
    event = SearchMissed(
        collectivity=request.collectivity,
        request=str(request.id),
        misses=misses,
        missed_at=tx.now,
        suspended=suspended,
    )
    await tx.emit(SEARCH, request.asker, request.collectivity, event)
