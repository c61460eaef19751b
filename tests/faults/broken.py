"""Designs that look right and are not, for whole processes: the checker must catch each from outside.

Relay and reader are those of `tests/shared/test_core_mutants.py` put in the kernel's place; what a whole
process needs beside them is here, and the decision without its row lock, which needs a service.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import text

from services.rokhas.domain import Dossier
from services.rokhas.events import DOSSIER, DossierEvent
from services.rokhas.store import dossiers
from shared import runtime
from shared.auth import SYSTEM
from shared.bus import Sender
from shared.db import Tx
from shared.events import Envelope
from shared.inbox import HandlerFailed, Inbox, Key, key_of
from shared.inbox.statements import HEADS
from shared.outbox import record
from tests.faults import witness
from tests.shared.test_core_mutants import ByCursor, BySkipLocked, WithoutLock

HOLD: Final = "rokhas.hold"  # the point of program.py at which whoever decides waits while its file is there
STANDS: Final = "rokhas.stands"  # and where each says so, in a file of its own
LATER: Final = 10.0  # seconds until a retry topic is read


@dataclass(frozen=True, slots=True)
class Broken:
    """`promises`: the checker must find that one of them is not kept; empty for the sound control."""

    what: str
    promises: frozenset[str]
    apply: Callable[[], None]


class FourWorkers(BySkipLocked):
    """Four hands, each with an event or two that no other has claimed, sent when it is their turn."""

    async def relay_once(self, sender: Sender) -> int:
        return sum(await asyncio.gather(*(self._one(sender, number) for number in range(4))))

    async def _one(self, sender: Sender, number: int) -> int:
        async with self.database.transaction() as tx:
            rows = await self.claim(tx, 2)
            if not rows:
                return 0
            records = [record(row) for row in rows]
            await self.bus.ensure_topics(sorted({r.topic for r in records} - self._topics))
            self._topics |= {r.topic for r in records}
            await asyncio.sleep(0.05 * (3 - number))
            await sender.send(records)
            await tx.execute(
                text("DELETE FROM msg.outbox_pending WHERE pos = ANY(:sent)"),
                {"sent": [row.pos for row in rows]},
            )
        return len(rows)


class NoHeadLock(WithoutLock):
    """It makes the head, then reads it as if nobody else did; it can stand still between work and head."""

    async def _lock(self, tx: Tx, keys: Sequence[Key]) -> dict[Key, tuple[int, str]]:
        await tx.execute(HEADS, self._columns(keys))
        return await super()._lock(tx, keys)


class RetryTopic(Inbox):
    """What fails goes to a topic of its own and is tried again later; the next event is not held up."""

    waiting: list[tuple[float, Envelope]] = []  # noqa: RUF012  # one reader a process

    async def _block(self, envelope: Envelope, error: BaseException) -> None:
        assert isinstance(error, HandlerFailed)
        async with self.database.transaction() as tx:
            await self._lock(tx, [key_of(envelope)])
            await self._advance(tx, {key_of(envelope): envelope.sequence})
        self.waiting.append((asyncio.get_running_loop().time() + LATER, envelope))

    async def mend_once(self) -> None:
        for due, envelope in list(self.waiting):
            if due <= asyncio.get_running_loop().time():
                self.waiting.remove((due, envelope))
                async with self.database.transaction() as tx:
                    await self._handle(tx, envelope)
        await super().mend_once()


def _relay(kind: type) -> None:
    vars(runtime)["Relay"] = kind


def _inbox(kind: type) -> None:
    vars(runtime)["Inbox"] = kind


def _without_head_lock() -> None:
    """The witness's own count is a row that both would wait for: it is left out."""
    _inbox(NoHeadLock)
    witness.TRACE = witness.UNCOUNTED


def _slow_decision() -> None:
    """A person has read the file and thinks, for as long as the scenario likes; consumers do not. With the
    lock held, this one is sound.
    """
    locked, points = dossiers.locked, Path(os.environ["FAULTS_POINTS"])
    hold = points / HOLD

    async def slowly(tx: Tx, dossier_id: UUID, *, version: int | None = None) -> Dossier:
        dossier = await locked(tx, dossier_id, version=version)
        if tx.actor is not SYSTEM and hold.exists():
            (points / f"{STANDS}.{uuid4()}").touch()
            while hold.exists():  # noqa: ASYNC110  # another process removes it
                await asyncio.sleep(0.05)
        return dossier

    vars(dossiers)["locked"] = slowly


def _without_row_lock() -> None:
    """Read, decide, write, and nobody looks whether somebody else did meanwhile: neither the row lock nor
    the comparison of the version with the event's sequence.
    """

    async def save(tx: Tx, dossier: Dossier, *, because: DossierEvent) -> None:
        sequence = await tx.emit(DOSSIER, dossier.id, dossier.collectivity, because)
        dossier.version = sequence
        await tx.execute(dossiers.INSERT if sequence == 1 else dossiers.UPDATE, dossiers.to_row(dossier))

    vars(dossiers)["LOCK"] = dossiers.ONE
    vars(dossiers)["save"] = save
    _slow_decision()


BROKEN: Final[Mapping[str, Broken]] = {
    "relay_by_cursor": Broken(
        "a relay that reads `id > cursor`", frozenset({"A3", "A5"}), lambda: _relay(ByCursor)
    ),
    "relay_by_skip_locked": Broken(
        "four relays with SKIP LOCKED", frozenset({"order"}), lambda: _relay(FourWorkers)
    ),
    "consumer_without_head_lock": Broken(
        "a consumer that does not lock the head", frozenset({"A4"}), _without_head_lock
    ),
    "retry_topic": Broken("a retry topic", frozenset({"A4"}), lambda: _inbox(RetryTopic)),
    "decision_without_row_lock": Broken(
        "a decision without the row lock", frozenset({"legal", "A7"}), _without_row_lock
    ),
    "decision_slow": Broken("the same wait with the row lock: sound", frozenset(), _slow_decision),
}
