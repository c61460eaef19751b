"""The toy service, a broker made of a list, and the checker of the core's promises.

The list stands for Kafka, which is not ours: it may drop, duplicate and reorder at a test's will.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import text

from shared.bus import Bus, Delivery, Record, Sender
from shared.db import Database, Tx
from shared.events import Envelope, Event, Stream
from shared.inbox import Inbox
from shared.outbox import Announcements, Relay, RepairRequest, resend
from shared.service import Consumer
from tests.support.databases import ServiceDatabase

SOURCE = "/toy"
COMMUNE = "06.141.01.0"
CONSUMER = "toy.echo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made(Event):
    TYPE: ClassVar[str] = "ma.jamaa.toy.thing.made.v1"
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Echoed(Event):
    TYPE: ClassVar[str] = "ma.jamaa.toy.echo.echoed.v1"
    n: int


THING = Stream("toy", "thing", (Made,))
ECHO = Stream("toy", "echo", (Echoed,))

TRACE = text("INSERT INTO toy.trace (consumer, subject, seq) VALUES (:consumer, :subject, :seq)")
TOTAL = text(
    "INSERT INTO toy.total AS t VALUES (:subject, :n)"
    " ON CONFLICT (subject) DO UPDATE SET amount = t.amount + :n"
)


class Poisoned(Exception):
    """What a handler with a bug raises."""


@dataclass(slots=True)
class Handler:
    """Leaves a trace, keeps a sum, announces an echo; after that work it fails on what is declared poison."""

    poison: set[tuple[str, int]] = field(default_factory=set)
    consumer: str = CONSUMER
    pause: Callable[[Envelope], Any] | None = None

    async def __call__(self, tx: Tx, envelope: Envelope) -> None:
        made = envelope.read(Made)
        place = {"subject": envelope.subject, "seq": envelope.sequence, "n": made.n}
        await tx.execute(TRACE, place | {"consumer": self.consumer})
        await tx.execute(TOTAL, place)
        await tx.emit(ECHO, envelope.subject, envelope.collectivity, Echoed(n=made.n))
        if self.pause is not None:
            await self.pause(envelope)
        if (envelope.subject, envelope.sequence) in self.poison:
            raise Poisoned(f"{envelope.subject} {envelope.sequence}")

    @asynccontextmanager
    async def together(self, tx: Tx, envelopes: Sequence[Envelope]) -> AsyncIterator[Any]:
        """The same, written at the end for all of them."""
        places: list[dict[str, Any]] = []
        echoes = Announcements(tx)

        async def one(_: Tx, envelope: Envelope) -> None:
            assert envelope in envelopes
            made = envelope.read(Made)
            place = {"subject": envelope.subject, "seq": envelope.sequence, "n": made.n}
            places.append(place | {"consumer": self.consumer})
            echoes.add(ECHO, envelope.subject, envelope.collectivity, Echoed(n=made.n))
            if (envelope.subject, envelope.sequence) in self.poison:
                raise Poisoned(f"{envelope.subject} {envelope.sequence}")

        yield one
        await tx.execute(TRACE, places)
        await tx.execute(TOTAL, places)
        await echoes.write()


@dataclass(frozen=True, slots=True)
class MemoryBus(Bus):
    """A broker made of a list. `refuse` gives a record's outcome in place of the acknowledgement; the record
    is written all the same, as when only the acknowledgement is lost.
    """

    bootstrap: str = "memory"
    sent: list[Record] = field(default_factory=list)
    refuse: list[BaseException] = field(default_factory=list)
    made: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def sender(self) -> AsyncIterator[Sender]:
        yield self

    async def send(self, records: Sequence[Record]) -> list[BaseException | None]:
        self.sent.extend(records)
        await asyncio.sleep(0)
        return [self.refuse.pop() if self.refuse else None for _ in records]

    async def ensure_topics(self, names: Collection[str]) -> list[str]:
        await asyncio.sleep(0)
        self.made.update(names)
        return []

    def deliveries(self, start: int = 0) -> list[Delivery]:
        """What was written to the thing's topic from a place in the list on."""
        return [
            delivery(record, offset)
            for offset, record in enumerate(self.sent[start:], start)
            if record.topic == THING.topic
        ]

    def repairs(self, start: int = 0) -> list[RepairRequest]:
        return [
            RepairRequest(**json.loads(r.value)) for r in self.sent[start:] if r.topic == "jamaa.toy.repair"
        ]


def delivery(record: Record, offset: int) -> Delivery:
    return Delivery(record.topic, 0, offset, record.key.encode(), record.value, record.headers)


class UnfencedRelay(Relay):
    """Believes that it leads, whatever the lease says: two of them work at once. It can stop between reading
    and sending, as a process can.
    """

    batch = 2  # so that a few events are a backlog, and what comes next is read while they are sent
    held: Sequence[Any] | None = None

    async def hold(self) -> None:
        self.held = await super()._read()

    async def _read(self, held: Sequence[int] = ()) -> Sequence[Any]:
        mine, self.held = self.held, None
        return await super()._read(held) if mine is None else mine

    async def _forget(self, sent: Sequence[int]) -> None:
        async with self.database.transaction() as tx:
            await tx.execute(
                text("DELETE FROM msg.outbox_pending WHERE pos = ANY(:sent)"), {"sent": list(sent)}
            )


def inbox_of(
    database: Database,
    bus: Bus,
    handler: Handler,
    *,
    kind: type[Inbox] = Inbox,
    gap_age: float = 0.0,
    behind: bool = False,
) -> Inbox:
    """Fails fast and retries only when told: the schedules have a test of their own. `behind` writes at the
    end of a batch.
    """
    consumer = Consumer(handler.consumer, (THING.topic,), handler, handler.together if behind else None)
    return kind("toy", consumer, database, bus, in_place=(), later=(3600.0,), gap_age=gap_age)


async def make(database: Database, subject: UUID | str, n: int = 1) -> int:
    """One command: emits in a transaction of its own."""
    async with database.transaction() as tx:
        return await tx.emit(THING, subject, COMMUNE, Made(n=n))


async def drain(relay: Relay, bus: MemoryBus) -> None:
    """Sends all that is pending."""
    async with bus.sender() as sender:
        while await relay.relay_once(sender):
            pass


async def answer(bus: MemoryBus, database: Database, start: int = 0) -> int:
    """Plays the producer's answer to what was asked on the repair topic since `start`; returns its end."""
    for request in bus.repairs(start):
        await resend(database, request)
    return len(bus.sent)


async def rows(database: Database, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    async with database.transaction() as tx:
        return [tuple(row) for row in await tx.execute(text(statement), values)]


async def trace(database: Database, consumer: str = CONSUMER) -> dict[str, list[int]]:
    """The sequences applied, in the order in which they were, by subject."""
    applied: dict[str, list[int]] = defaultdict(list)
    for subject, seq in await rows(
        database,
        "SELECT subject, seq FROM toy.trace WHERE consumer = :consumer ORDER BY n",
        consumer=consumer,
    ):
        applied[subject].append(seq)
    return dict(applied)


async def heads(database: Database, consumer: str = CONSUMER) -> dict[str, tuple[int, str]]:
    return {
        subject: (last, state)
        for subject, last, state in await rows(
            database,
            "SELECT aggregateid, last_seq, state FROM msg.inbox_head WHERE consumer = :consumer",
            consumer=consumer,
        )
    }


# --- the checker -----------------------------------------------------------------------------------


class Violation(AssertionError):
    """A promise of the core that was not kept: A1 to A7 of docs/decisions/0001, or the order of sending."""

    def __init__(self, promise: str, what: str) -> None:
        self.promise = promise
        super().__init__(f"{promise}: {what}")


def check_sent(sent: Iterable[Record]) -> None:
    """Of a relay that met no failure: each aggregate's events appear on the broker in their order."""
    last: dict[tuple[str, str], int] = {}
    for record in sent:
        envelope = Envelope.parse(record.headers, record.value)
        key = (record.topic, record.key)
        if envelope.sequence != last.get(key, 0) + 1:
            raise Violation("order", f"{record.key}: {envelope.sequence} was sent after {last.get(key, 0)}")
        last[key] = envelope.sequence


def check_applied(applied: dict[str, list[int]]) -> None:
    """A4 at any moment: each aggregate's events were applied from the first on, in order, each once."""
    for subject, sequences in applied.items():
        if sequences != list(range(1, len(sequences) + 1)):
            raise Violation("A4", f"{subject} was applied as {sequences}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is left after heal and drain. `committed`: commands answered with success, subject → their n."""

    committed: dict[str, list[int]]
    skipped: frozenset[tuple[str, int]]
    events: dict[tuple[str, str], list[tuple[int, int]]]
    identifiers: frozenset[UUID]
    sent: frozenset[UUID]
    pending: int
    parked: int
    reached: dict[str, tuple[int, str]]
    applied: dict[str, list[int]]
    total: dict[str, int]

    @property
    def things(self) -> dict[str, list[tuple[int, int]]]:
        return {
            subject: events for (aggregate, subject), events in self.events.items() if aggregate == "thing"
        }

    def due(self, subject: str) -> list[tuple[int, int]]:
        return [(seq, n) for seq, n in self.things[subject] if (subject, seq) not in self.skipped]


async def evidence(
    database: ServiceDatabase,
    bus: MemoryBus,
    committed: dict[str, list[int]],
    skipped: Iterable[tuple[str, int]] = (),
) -> Evidence:
    worker = database.worker
    log = "SELECT id, aggregatetype, aggregateid, seq, payload FROM msg.event_log ORDER BY pos"
    events: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    identifiers = set()
    for identifier, aggregate, subject, seq, payload in await rows(worker, log):
        identifiers.add(identifier)
        events[aggregate, subject].append((seq, json.loads(payload)["n"]))
    return Evidence(
        committed={subject: ns for subject, ns in committed.items() if ns},
        skipped=frozenset(skipped),
        events=dict(events),
        identifiers=frozenset(identifiers),
        sent=frozenset(
            Envelope.parse(r.headers, r.value).id for r in bus.sent if r.topic in {THING.topic, ECHO.topic}
        ),
        pending=len(await rows(worker, "SELECT pos FROM msg.outbox_pending")),
        parked=len(await rows(worker, "SELECT seq FROM msg.inbox_parked")),
        reached=await heads(worker),
        applied=await trace(worker),
        total=dict(await rows(worker, "SELECT subject, amount FROM toy.total")),
    )


def check(seen: Evidence) -> None:
    """Raises `Violation` for the first of MESSAGING's promises A1 to A7 that was not kept."""
    recorded = {subject: [n for _, n in events] for subject, events in seen.things.items()}
    if recorded != seen.committed:
        raise Violation("A1", f"committed {seen.committed}, the log has {recorded}")
    for (_, subject), events in seen.events.items():
        if [seq for seq, _ in events] != list(range(1, len(events) + 1)):
            raise Violation("A2", f"{subject} has the sequences {[seq for seq, _ in events]}")
    if seen.pending or seen.parked:
        raise Violation("A5", f"{seen.pending} pending, {seen.parked} parked")
    if seen.sent != seen.identifiers:
        raise Violation("A3", f"{len(seen.sent)} distinct events sent, {len(seen.identifiers)} in the log")
    check_consumer(seen)


def check_consumer(seen: Evidence) -> None:
    if seen.reached != {subject: (len(events), "open") for subject, events in seen.things.items()}:
        raise Violation("A4", f"the heads are {seen.reached}, the log has {seen.things}")
    due = {subject: seen.due(subject) for subject in seen.things if seen.due(subject)}
    if seen.applied != {subject: [seq for seq, _ in events] for subject, events in due.items()}:
        raise Violation("A4", f"applied {seen.applied}, due {due}")
    if seen.total != {subject: sum(n for _, n in events) for subject, events in due.items()}:
        raise Violation("A7", f"the projection is {seen.total}, what was due {due}")
    echoes = {subject: [n for _, n in e] for (kind, subject), e in seen.events.items() if kind == "echo"}
    if echoes != {subject: [n for _, n in events] for subject, events in due.items()}:
        raise Violation("A1", f"what was applied is {due}, what it announced {echoes}")
