"""The whole core against a simple model: any interleaving of what may happen, then heal, then count.

Open transactions, rollbacks, two relays that both believe to lead, crashes between sending and deleting,
lost acknowledgements, a broker that drops, duplicates and reorders, poison, redrive, skip, repair and audit.
`HYPOTHESIS_PROFILE=thorough` searches for as long as a night takes.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from deploy.operator import operate
from shared.auditor import Auditor, Watch
from shared.bus import Delivery, Record, Sender
from shared.db import Tx
from shared.outbox import Unsent
from tests.support.core import (
    COMMUNE,
    CONSUMER,
    SOURCE,
    THING,
    Handler,
    Made,
    MemoryBus,
    UnfencedRelay,
    answer,
    check,
    drain,
    evidence,
    heads,
    inbox_of,
)
from tests.support.databases import ServiceDatabase

THOROUGH: Final = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
SUBJECTS: Final = "abcd"
ROUNDS: Final = 20  # of healing: what is not whole by then never will be

CLEAN = """
    DELETE FROM msg.event_log; DELETE FROM msg.aggregate_head; DELETE FROM msg.outbox_pending;
    DELETE FROM msg.inbox_head; DELETE FROM msg.inbox_parked; DELETE FROM msg.skip_register;
    DELETE FROM toy.trace; DELETE FROM toy.total;
"""


class Crash(Exception):
    """The process ends here."""


@dataclass(frozen=True, slots=True)
class FaultySender:
    """Writes, and then the fault: `crash` before anything is deleted, `torn` after half of the batch; `ack`
    loses only an acknowledgement in the middle, `refused` the record too, though those behind it are written.
    """

    bus: MemoryBus
    fault: str

    async def send(self, records: Sequence[Record]) -> list[BaseException | None]:
        whole = len(records)
        middle = whole // 2
        written = {"torn": records[: middle + 1], "refused": [*records[:middle], *records[middle + 1 :]]}
        await self.bus.send(written.get(self.fault, records))
        outcomes: list[BaseException | None] = [None] * whole
        if self.fault in {"crash", "torn"}:
            raise Crash
        if self.fault in {"ack", "refused"}:
            outcomes[middle] = TimeoutError("no acknowledgement came")
        return outcomes


class Machine:
    """The system under test and the model beside it: what was committed, and what was skipped."""

    def __init__(self, database: ServiceDatabase, *, lossy: bool) -> None:
        self.database = database
        self.lossy = lossy
        self.bus = MemoryBus()
        self.relays = [UnfencedRelay("toy", database.worker, self.bus) for _ in range(2)]
        self.handler = Handler()
        self.inboxes = [
            inbox_of(database.worker, self.bus, self.handler, behind=behind) for behind in (False, True)
        ]
        self.auditor = Auditor(
            [
                Watch(
                    service="toy",
                    consumer=CONSUMER,
                    source=SOURCE,
                    aggregates=("thing",),
                    producer=database.worker,
                    reader=database.worker,
                )
            ]
        )
        self.open: dict[int, tuple[AbstractAsyncContextManager[Tx], Tx]] = {}
        self.uncommitted: dict[int, list[tuple[str, int]]] = {}
        self.committed: dict[str, list[int]] = {s: [] for s in SUBJECTS}
        self.skipped: set[tuple[str, int]] = set()
        self.wire: list[Delivery] = []
        self.written = 0
        self.asked = 0
        self.commands = 0

    # --- producing

    async def command(self, subject: str) -> None:
        await self.emit(99, subject)
        await self.commit(99)

    async def emit(self, slot: int, subject: str) -> None:
        """In a transaction that stays open. One that would wait for another's row lock is not begun."""
        if any(subject == s for other, made in self.uncommitted.items() if other != slot for s, _ in made):
            return
        if slot not in self.open:
            context = self.database.api.transaction()
            self.open[slot] = context, await context.__aenter__()
            self.uncommitted[slot] = []
        self.commands += 1
        sequence = await self.open[slot][1].emit(THING, subject, COMMUNE, Made(n=self.commands))
        mine = self.uncommitted[slot]
        mine.append((subject, self.commands))
        assert sequence == len(self.committed[subject]) + sum(1 for s, _ in mine if s == subject)

    async def commit(self, slot: int) -> None:
        if slot in self.open:
            await self.open.pop(slot)[0].__aexit__(None, None, None)
            for subject, n in self.uncommitted.pop(slot):
                self.committed[subject].append(n)

    async def rollback(self, slot: int) -> None:
        if slot in self.open:
            failure = Crash("the command fails")
            try:
                await self.open.pop(slot)[0].__aexit__(Crash, failure, None)
            except Crash as raised:
                assert raised is failure  # noqa: PT017  # the transaction passes on what it was given
            self.uncommitted.pop(slot)

    async def hold(self, relay: int) -> None:
        await self.relays[relay].hold()

    async def send(self, relay: int, fault: str) -> None:
        sender: Sender = FaultySender(self.bus, fault)
        try:
            await self.relays[relay].relay_once(sender)
        except (Crash, Unsent):
            assert fault != "none"

    # --- the broker

    def _arrived(self) -> list[Delivery]:
        self.wire += self.bus.deliveries(self.written)
        self.written = len(self.bus.sent)
        return self.wire

    async def drop(self, place: int) -> None:
        if self.lossy and (wire := self._arrived()):
            wire.pop(place % len(wire))

    async def duplicate(self, place: int) -> None:
        if ever := self.bus.deliveries():
            self._arrived().append(ever[place % len(ever)])

    # --- consuming

    def _take(self, most: int, shuffle: int) -> list[Delivery]:
        wire = self._arrived()
        if shuffle:
            random.Random(shuffle).shuffle(wire)
        batch, self.wire = wire[:most], wire[most:]
        return batch

    async def deliver(self, inbox: int, most: int, shuffle: int) -> None:
        if batch := self._take(most, shuffle):
            await self.inboxes[inbox].receive(batch)

    async def deliver_to_both(self, most: int) -> None:
        """A zombie: two readers believe that the partition is theirs."""
        if batch := self._take(most, 0):
            await asyncio.gather(*(inbox.receive(batch) for inbox in self.inboxes))

    async def deliver_again(self, inbox: int, most: int) -> None:
        """Killed between the commit in the database and the commit of the offsets."""
        if batch := self._take(most, 0):
            await self.inboxes[inbox].receive(batch)
            self.wire[:0] = batch

    async def poison(self, subject: str) -> None:
        self.handler.poison.add((subject, len(self.committed[subject]) + 1))

    async def cure(self) -> None:
        self.handler.poison.clear()

    async def redrive(self, subject: str) -> None:
        if subject in await heads(self.database.worker):
            key = (SOURCE, "thing", subject)
            await asyncio.gather(*(operate.redrive(inbox, key, by="one") for inbox in self.inboxes))

    async def skip(self, subject: str) -> None:
        for held in await operate.stuck(self.database.worker, CONSUMER):
            if held.key[2] == subject:
                own = self.database.worker
                await operate.propose_skip(
                    own, own, CONSUMER, held.key, held.sequence, by="one", reason="cannot be read"
                )
                self.skipped.add((subject, held.sequence))
                await operate.confirm_skip(self.inboxes[1], own, held.key, held.sequence, by="two")

    async def mend(self) -> None:
        if not self.lossy:
            return
        await self.inboxes[0].mend_once()
        self.asked = await answer(self.bus, self.database.worker, self.asked)

    async def audit(self) -> None:
        if not self.lossy:
            return
        await self.auditor.audit(full=True, patience=0)

    # --- the end

    async def heal(self) -> None:
        """What a lossy broker dropped is asked for again; from another all must arrive unasked."""
        for slot in list(self.open):
            await self.rollback(slot)
        await self.cure()
        for _ in range(ROUNDS):
            for relay in self.relays:
                relay.held = None  # the process that held a batch was begun again
                await drain(relay, self.bus)
            await self.deliver(0, len(self._arrived()), 0)
            for held in await operate.stuck(self.database.worker, CONSUMER):
                await operate.redrive(self.inboxes[0], held.key, by="one")
            if self.lossy:
                await self.mend()
                await self.audit()
            if (await operate.status(self.database.worker)).calm:
                return


@asynccontextmanager
async def machine(database: ServiceDatabase, *, lossy: bool) -> AsyncIterator[Machine]:
    owner = await asyncpg.connect(database.admin_dsn)
    await owner.execute(CLEAN)
    await owner.close()
    made = Machine(database, lossy=lossy)
    try:
        yield made
    finally:
        for slot in list(made.open):
            await made.rollback(slot)


def one(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, tuple[Any, ...]]]:
    return st.tuples(st.just(name), st.tuples(*arguments))


SLOT = st.integers(0, 2)
SUBJECT = st.sampled_from(SUBJECTS)
TWO = st.integers(0, 1)
PLACE = st.integers(0, 50)
SOME = st.integers(1, 6)
WEIGHED: Final = [
    (8, one("command", SUBJECT)),
    (4, one("emit", SLOT, SUBJECT)),
    (3, one("commit", SLOT)),
    (1, one("rollback", SLOT)),
    (1, one("hold", TWO)),
    (5, one("send", TWO, st.just("none"))),
    (3, one("send", TWO, st.sampled_from(["crash", "torn", "ack", "refused"]))),
    (2, one("drop", PLACE)),
    (2, one("duplicate", PLACE)),
    (4, one("deliver", TWO, SOME, st.integers(1, 99))),
    (3, one("deliver", TWO, SOME, st.just(0))),
    (1, one("deliver_again", TWO, SOME)),
    (1, one("deliver_to_both", SOME)),
    (3, one("poison", SUBJECT)),
    (1, one("cure")),
    (2, one("redrive", SUBJECT)),
    (1, one("skip", SUBJECT)),
    (1, one("mend")),
    (1, one("audit")),
]
STEPS = st.sampled_from([step for weight, step in WEIGHED for _ in range(weight)]).flatmap(lambda step: step)


@settings(
    max_examples=3000 if THOROUGH else 15,
    derandomize=not THOROUGH,
    deadline=None,
    phases=tuple(Phase) if THOROUGH else (Phase.generate,),  # shrinking takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(lossy=st.booleans(), steps=st.lists(STEPS, min_size=60, max_size=120))
async def test_whatever_happens_every_event_is_applied_once_in_order(
    database: ServiceDatabase, lossy: bool, steps: list[tuple[str, tuple[Any, ...]]]
) -> None:
    async with machine(database, lossy=lossy) as tried:
        for name, arguments in steps:
            await getattr(tried, name)(*arguments)
        await tried.heal()
        seen = await evidence(database, tried.bus, tried.committed, tried.skipped)
        note(str(seen))
        check(seen)
