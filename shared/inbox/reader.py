"""From the broker to a service: each event applied exactly once, in its aggregate's order.

The head of an aggregate (consumer, source, aggregate) says which sequence was applied last; it moves in
the transaction that does the work. What came before is a duplicate, what comes too early is parked, what
cannot be applied blocks its own aggregate and no other. Kafka's offsets only save re-reading.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

import structlog
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy.exc import SQLAlchemyError

from shared import trace
from shared.bus import Bus, Delivery, EpochChanged, Positions
from shared.db import Database, Tx
from shared.events import Envelope, Undecodable, topic_of
from shared.inbox import statements as sql
from shared.inbox.faults import HandlerFailed, describe, is_infrastructure, legible
from shared.inbox.repair import ask
from shared.pool import Statement
from shared.service import Consumer, Handler
from shared.tasks import keep_going

log = structlog.get_logger()

T = TypeVar("T")

BATCH: Final = 100  # what handlers lock, they hold until all of a batch are done
TOGETHER: Final = 500  # where what is locked is locked by one statement
IN_PLACE: Final = (0.1, 1.0, 3.0)  # seconds before each new try while the partition waits
MINUTE: Final = 60
LATER: Final = (MINUTE, 5 * MINUTE, 30 * MINUTE, 120 * MINUTE, 720 * MINUTE)
"""Seconds before each try of a blocked aggregate; after the last it is dead until somebody redrives it."""
PATIENCE: Final = 5
"""Failures that look like the database's, while it answers others, until the message is blamed."""
GAP_AGE: Final = 60.0  # seconds that a gap may stay before the producer is asked to send again

OF: Final = ["service", "consumer"]
APPLIED = Counter("jamaa_inbox_applied_total", "Events applied", OF)
APPLY = Histogram(
    "jamaa_inbox_apply_seconds",
    "Duration of a transaction that applied events, one or a batch",
    OF,
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
READ = Gauge("jamaa_inbox_last_read_timestamp_seconds", "When it last came for records", OF)
DELAY = Histogram(
    "jamaa_inbox_delay_seconds",
    "From an event's announcement until it was applied, in seconds of legal time",
    OF,
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600, 3600, 86400),
)
MENDED = "Gaps that closed, because what was missing came late or was sent again"
GAPS_REPAIRED = Counter("jamaa_inbox_gaps_repaired_total", MENDED, OF)
DUPLICATES = Counter("jamaa_inbox_duplicates_total", "Events seen before and skipped", OF)
PARKED = Counter("jamaa_inbox_parked_total", "Events put aside until their turn", OF)
BLOCKED = Counter("jamaa_inbox_blocked_total", "Aggregates blocked by an event that cannot be applied", OF)
DEAD_LETTERS = Counter("jamaa_inbox_dead_letters_total", "Records that are no event", OF)

NOBODY: Final = dict.fromkeys(("correlation_id", "traceparent", "event_id"))  # bound anew for each event

Key = tuple[str, str, str]
"""(source, aggregate type, aggregate id)"""


def key_of(envelope: Envelope) -> Key:
    return envelope.source, envelope.aggregate, envelope.subject


@dataclass(slots=True)
class Inbox:
    """One consumer at work. Several may run on one group: the head's lock decides, not the assignment."""

    service: str
    consumer: Consumer
    database: Database
    bus: Bus
    in_place: Sequence[float] = IN_PLACE
    later: Sequence[float] = LATER
    gap_age: float = GAP_AGE
    on_epoch: list[Callable[[], None]] = field(default_factory=list)
    """Called when the broker turned out to have lost what it held: the auditor should look at once."""
    begun: bool = False
    """Whether it has read from the broker since the start, if only that there is nothing."""
    _positions: Positions = field(default_factory=dict)

    @property
    def batch(self) -> int:
        """How many records it takes at once."""
        return TOGETHER if self.consumer.together else BATCH

    async def run(self) -> None:
        """Runs until cancelled; rebuilds its Kafka consumer whenever the broker is in doubt."""
        await keep_going(self.consumer.name, self._read, backoff=(0.5, 10.0))

    async def _read(self) -> None:
        try:
            async with self.bus.subscription(
                self.consumer.name, self.consumer.topics, self._positions
            ) as subscription:
                while True:
                    deliveries = await subscription.batch(self.batch, wait=0.5)
                    self.begun = True
                    READ.labels(self.service, self.consumer.name).set_to_current_time()
                    if deliveries:
                        await self.receive(deliveries)
                        await subscription.commit(deliveries)
        except EpochChanged:
            for notice in self.on_epoch:
                notice()
            raise

    async def receive(self, deliveries: Sequence[Delivery]) -> None:
        """Applies, parks or buries every record; returns when that is durable."""
        envelopes: list[Envelope] = []
        for delivery in deliveries:
            try:
                envelopes.append(_envelope(delivery))
            except Undecodable as error:
                await self._until_database_answers(self._bury, delivery, error)
        if envelopes:
            await self._apply(envelopes)

    async def _until_database_answers(self, work: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Raises what the message is to blame for, never while the database does not answer: also what looks
        like the database's fault again and again while it answers others (a lock that is always taken).
        """
        delay = 0.2
        suspicions = 0
        while True:
            try:
                return await work(*args)
            except Exception as error:
                if await self._database_answers():
                    suspicions += 1
                    if suspicions >= PATIENCE or not is_infrastructure(error):
                        raise
                else:
                    suspicions = 0
                log.warning("inbox.database_unavailable", consumer=self.consumer.name, error=repr(error))
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311  # jitter, not a secret
                delay = min(delay * 2, 10.0)

    async def _database_answers(self) -> bool:
        try:
            async with self.database.transaction():
                return True
        except Exception:  # noqa: BLE001  # refused, restarting, renamed: whatever it is, no message did it
            return False

    # --- applying ---------------------------------------------------------------------------------

    async def _apply(self, envelopes: Sequence[Envelope]) -> None:
        """All in one transaction; if any of them fails, one by one, so that only the culprit is held."""
        try:
            await self._apply_together(envelopes)
        except Exception as error:  # noqa: BLE001  # whatever it was, each is tried alone and judged there
            log.info("inbox.one_by_one", consumer=self.consumer.name, error=describe(error))
            for envelope in envelopes:
                await self._apply_alone(envelope)
        await self._drain({key_of(e) for e in envelopes})

    async def _apply_together(self, envelopes: Sequence[Envelope]) -> None:
        applied: list[Envelope] = []
        aside: list[dict[str, Any]] = []
        moved: dict[Key, int] = {}
        began = time.monotonic()
        async with self.database.transaction() as tx:
            heads = await self._lock(tx, [key_of(e) for e in envelopes])
            for envelope in envelopes:
                key = key_of(envelope)
                last, state = heads[key]
                if envelope.sequence <= last:
                    continue
                if state != "open" or envelope.sequence > last + 1:
                    aside.append(self._aside(envelope))
                else:
                    heads[key] = (envelope.sequence, state)
                    moved[key] = envelope.sequence
                    applied.append(envelope)
            if applied:
                await self._handle(tx, *applied)
            if aside:
                await tx.execute(sql.PARK, aside)
            if moved:
                await self._advance(tx, moved)
        self._count(DUPLICATES, len(envelopes) - len(aside) - len(applied))
        self._count(PARKED, len(aside))
        self._applied(applied, tx.now, time.monotonic() - began)

    def _applied(self, envelopes: Sequence[Envelope], now: datetime, seconds: float) -> None:
        """In legal time, by which events are dated: in development, moving the clock shows as delay."""
        if not envelopes:
            return
        labels = (self.service, self.consumer.name)
        APPLIED.labels(*labels).inc(len(envelopes))
        APPLY.labels(*labels).observe(seconds)
        delay = DELAY.labels(*labels)
        for envelope in envelopes:
            delay.observe(max(0.0, (now - envelope.time).total_seconds() + seconds))

    async def _apply_alone(self, envelope: Envelope) -> None:
        for pause in (*self.in_place, None):
            try:
                await self._until_database_answers(self._apply_together, [envelope])
            except Exception as error:  # noqa: BLE001  # whatever a handler raises blocks its aggregate only
                if pause is None:
                    await self._until_database_answers(self._block, envelope, error)
                    return
                log.info(
                    "inbox.retrying",
                    consumer=self.consumer.name,
                    event_id=str(envelope.id),
                    error=describe(error),
                )
                await asyncio.sleep(pause)
            else:
                return

    def _count(self, counter: Counter, amount: int = 1) -> None:
        counter.labels(self.service, self.consumer.name).inc(amount)

    async def _handle(self, tx: Tx, *envelopes: Envelope) -> None:
        try:
            with structlog.contextvars.bound_contextvars(consumer=self.consumer.name, **NOBODY):
                async with self.consumer.at_work(tx, envelopes) as handle:
                    for envelope in envelopes:
                        await self._tell(handle, tx, envelope)
        except SQLAlchemyError:
            raise
        except Exception as error:
            raise HandlerFailed from error

    async def _tell(self, handle: Handler, tx: Tx, envelope: Envelope) -> None:
        with trace.handling(envelope, self.consumer.name) as span:
            # A trace of its own, where there is one, without the other's state.
            begun = trace.traceparent(span)
            tx.correlation_id = envelope.correlation_id
            tx.causation_id = str(envelope.id)
            tx.traceparent = begun or envelope.traceparent
            tx.tracestate = None if begun else envelope.tracestate
            structlog.contextvars.bind_contextvars(
                correlation_id=tx.correlation_id, traceparent=tx.traceparent, event_id=tx.causation_id
            )
            await handle(tx, envelope)

    async def _lock(self, tx: Tx, keys: Sequence[Key]) -> dict[Key, tuple[int, str]]:
        columns = self._columns(keys)
        await tx.execute(sql.HEADS, columns)
        return {(r[0], r[1], r[2]): (r.last_seq, r.state) for r in await tx.execute(sql.LOCK, columns)}

    async def _advance(self, tx: Tx, moved: dict[Key, int]) -> None:
        await tx.execute(sql.ADVANCE, self._columns(list(moved)) | {"seqs": list(moved.values())})

    def _columns(self, keys: Sequence[Key]) -> dict[str, Any]:
        sources, aggregates, subjects = zip(*keys, strict=True)
        return {
            "consumer": self.consumer.name,
            "sources": list(sources),
            "aggregates": list(aggregates),
            "subjects": list(subjects),
        }

    # --- putting aside ----------------------------------------------------------------------------

    def _where(self, key: Key) -> dict[str, Any]:
        return {"consumer": self.consumer.name, "source": key[0], "aggregate": key[1], "subject": key[2]}

    def _aside(self, envelope: Envelope) -> dict[str, Any]:
        headers = json.dumps([[name, raw.decode()] for name, raw in envelope.headers()])
        record = {"seq": envelope.sequence, "record": envelope.data, "headers": headers}
        return self._where(key_of(envelope)) | record

    async def _block(self, envelope: Envelope, error: BaseException) -> None:
        """Keeps the event and holds its aggregate, unless another worker applied it meanwhile."""
        key = key_of(envelope)
        async with self.database.transaction() as tx:
            last, _ = (await self._lock(tx, [key]))[key]
            if envelope.sequence <= last:
                return
            await tx.execute(sql.PARK, self._aside(envelope))
            if envelope.sequence > last + 1:
                return
            values = {"error": describe(error), "delays": list(self.later), "most": len(self.later)}
            row = (await tx.execute(sql.BLOCK, self._where(key) | values)).one()
        self._count(BLOCKED)
        log.error(
            "inbox.blocked",
            consumer=self.consumer.name,
            type=envelope.type,
            aggregate=envelope.subject,
            sequence=envelope.sequence,
            state=row.state,
            attempts=row.attempts,
            error=describe(error),
        )

    async def _bury(self, delivery: Delivery, error: Undecodable) -> None:
        headers = json.dumps([[legible(name), legible(raw)] for name, raw in delivery.headers])
        letter = {"consumer": self.consumer.name, "raw": delivery.value, "headers": headers}
        place = {"topic": delivery.topic, "part": delivery.partition, "off": delivery.offset}
        async with self.database.transaction() as tx:
            await tx.execute(sql.DEAD_LETTER, letter | place | {"reason": legible(str(error))})
        self._count(DEAD_LETTERS)
        log.error("inbox.dead_letter", consumer=self.consumer.name, topic=delivery.topic, reason=str(error))

    # --- catching up ------------------------------------------------------------------------------

    async def _drain(self, among: Iterable[Key] | None = None) -> None:
        """Applies what was parked and whose turn has come, aggregate by aggregate."""
        where = {"consumer": self.consumer.name} if among is None else self._columns(list(among))
        statement = sql.DRAINABLE if among is None else sql.DRAINABLE_AMONG
        keys = await self._until_database_answers(self._keys, statement, where)
        self._count(GAPS_REPAIRED, await self._catch_up(keys))

    async def _catch_up(self, keys: Iterable[Key]) -> int:
        """Returns how many of these aggregates moved."""
        moved = 0
        for key in keys:
            try:
                moved += await self.redrive(key) > 0
            except Exception:  # the reader goes on: this aggregate complains again at the next mending
                log.exception("inbox.redrive_failed", consumer=self.consumer.name, aggregate=key[2])
        return moved

    async def _keys(self, statement: Statement, where: dict[str, Any]) -> list[Key]:
        rows = await self.database.look(statement, where)
        return list(dict.fromkeys((row[0], row[1], row[2]) for row in rows))

    async def redrive(self, key: Key) -> int:
        """Applies the parked events of one aggregate whose turn has come, whatever its state, until one
        fails or is missing; returns how many. A failure blocks the aggregate again, or leaves it dead.
        """
        applied = 0
        while turn := await self._until_database_answers(self._turn, key):
            for envelope in turn:
                try:
                    applied += await self._until_database_answers(self._apply_parked, envelope)
                except Exception as error:  # noqa: BLE001  # whatever a handler raises blocks its aggregate only
                    await self._until_database_answers(self._block, envelope, error)
                    return applied
        return applied

    async def _turn(self, key: Key) -> list[Envelope]:
        """The parked events that follow the head without a gap. Without any there is nothing to hold the
        aggregate for: it opens, and what is missing is asked for like any gap.
        """
        async with self.database.transaction() as tx:
            last, _ = (await self._lock(tx, [key]))[key]
            rows = (await tx.execute(sql.PARKED_NEXT, self._where(key))).all()
            turn = [row for place, row in enumerate(rows, start=1) if row.seq == last + place]
            if not turn:
                await tx.execute(sql.UNPARK, self._where(key) | {"seq": last})
                await tx.execute(sql.REOPEN, self._where(key))
            return [parked(row.record, row.headers) for row in turn]

    async def _apply_parked(self, envelope: Envelope) -> bool:
        key = key_of(envelope)
        began = time.monotonic()
        async with self.database.transaction() as tx:
            last, _ = (await self._lock(tx, [key]))[key]
            if envelope.sequence != last + 1:
                return False
            await self._handle(tx, envelope)
            await self._advance(tx, {key: envelope.sequence})
            await tx.execute(sql.UNPARK, self._where(key) | {"seq": envelope.sequence})
        self._applied([envelope], tx.now, time.monotonic() - began)
        return True

    async def mend(self) -> None:
        """Tries blocked aggregates again when their time has come and asks for what is missing. Runs until
        cancelled.
        """
        await keep_going(f"{self.consumer.name}.mend", self._mend, backoff=(0.5, 10.0))

    async def _mend(self) -> None:
        while True:
            await self.mend_once()
            await asyncio.sleep(min(1.0, self.gap_age / 2))

    async def mend_once(self) -> None:
        if not await self.database.look(sql.BUSY, {"consumer": self.consumer.name}):
            return
        async with self.database.transaction() as tx:
            gaps = (await tx.execute(sql.GAPS, {"consumer": self.consumer.name, "age": self.gap_age})).all()
        await self._catch_up(await self._keys(sql.DUE, {"consumer": self.consumer.name}))
        await self._drain()
        if gaps:
            await ask(self.bus, self.consumer.name, gaps)


def _envelope(delivery: Delivery) -> Envelope:
    """Raises `Undecodable` also for an event on another stream's topic: head and repair would be lies."""
    envelope = Envelope.parse(delivery.headers, delivery.value)
    stream = topic_of(envelope.source.removeprefix("/"), envelope.aggregate)
    if delivery.topic != stream:
        raise Undecodable(f"the event says that it belongs on {stream[:200]!r}, not on {delivery.topic}")
    return envelope


def parked(record: bytes, headers: Any) -> Envelope:
    pairs = json.loads(headers) if isinstance(headers, str) else headers
    return Envelope.parse([(name, value.encode()) for name, value in pairs], record)
