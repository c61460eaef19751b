"""Designs that look right and are not, for whole processes: each must be caught by the checker from outside.

The relays and readers are those of `tests/shared/test_core_mutants.py`, put in place of the kernel's; the
decision without its row lock is here, because it needs a service.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text

from services.rokhas.store import dossiers
from shared import runtime
from shared.db import Tx
from shared.inbox import HandlerFailed, Inbox, key_of
from shared.outbox import BATCH, Relay, record
from tests.shared.test_core_mutants import LOG, ByCursor, BySkipLocked, WithoutLock


@dataclass(frozen=True, slots=True)
class Broken:
    """`promises` are those of which the checker must find at least one not kept."""

    what: str
    service: str
    promises: frozenset[str]
    apply: Callable[[], None]


class CursorRelay(ByCursor):
    """It also forgets what it passed over, as a relay that deletes below its cursor does."""

    async def _forget(self, sent: Sequence[int]) -> None:
        async with self.database.transaction() as tx:
            await tx.execute(text("DELETE FROM msg.outbox_pending WHERE pos <= :pos"), {"pos": self.cursor})


BROKEN: Final[Mapping[str, Broken]] = {}
