"""From the broker to a service: each event applied exactly once, in its aggregate's order.

The head of an aggregate (consumer, source, aggregate) says which sequence was applied last; it moves in
the transaction that does the work. What came before is a duplicate, what comes too early is parked, what
cannot be applied blocks its own aggregate and no other. Kafka's offsets only save re-reading.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import structlog
from prometheus_client import Counter
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.bus import BROKER_ERRORS, Bus, Delivery, EpochChanged, Record, Subscription
from shared.db import Database, Tx
from shared.events import Envelope, Undecodable, repair_topic_of
from shared.outbox import RepairRequest, resend
from shared.service import Consumer

log = structlog.get_logger()

BATCH: Final = 100
IN_PLACE: Final = (0.1, 1.0, 3.0)  # seconds before each new try while the partition waits
LATER: Final = (
    60,
    300,
    1800,
    7200,
    43_200,
)  # seconds before each try of a blocked aggregate; then it is dead
GAP_AGE: Final = 60.0  # seconds that a gap may stay before the producer is asked to send again

APPLIED = Counter("jamaa_inbox_applied_total", "Events applied", ["consumer"])
DUPLICATES = Counter("jamaa_inbox_duplicates_total", "Events seen before and skipped", ["consumer"])
PARKED = Counter("jamaa_inbox_parked_total", "Events put aside until their turn", ["consumer"])
BLOCKED = Counter(
    "jamaa_inbox_blocked_total", "Aggregates blocked by an event that cannot be applied", ["consumer"]
)
DEAD_LETTERS = Counter("jamaa_inbox_dead_letters_total", "Records that are no event", ["consumer"])

HEADS = text("""
    INSERT INTO msg.inbox_head (consumer, source, aggregatetype, aggregateid)
    SELECT DISTINCT CAST(:consumer AS text), w.* FROM
      unnest(CAST(:sources AS text[]), CAST(:aggregates AS text[]), CAST(:subjects AS text[])) AS w
    ORDER BY 2, 3, 4 ON CONFLICT DO NOTHING""")
LOCK = text("""
    SELECT h.source, h.aggregatetype, h.aggregateid, h.last_seq, h.state FROM msg.inbox_head h JOIN (
      SELECT DISTINCT * FROM
        unnest(CAST(:sources AS text[]), CAST(:aggregates AS text[]), CAST(:subjects AS text[]))
        AS w (source, aggregatetype, aggregateid)
    ) w USING (source, aggregatetype, aggregateid)
    WHERE h.consumer = :consumer ORDER BY 1, 2, 3 FOR UPDATE OF h""")
ADVANCE = text("""
    UPDATE msg.inbox_head h SET last_seq = v.seq, state = 'open', attempts = 0, next_try = NULL,
      last_error = NULL, repair_asked_at = NULL
    FROM unnest(CAST(:sources AS text[]), CAST(:aggregates AS text[]), CAST(:subjects AS text[]),
      CAST(:seqs AS bigint[])) AS v (source, aggregatetype, aggregateid, seq)
    WHERE h.consumer = :consumer AND h.source = v.source AND h.aggregatetype = v.aggregatetype
      AND h.aggregateid = v.aggregateid""")
PARK = text("""
    INSERT INTO msg.inbox_parked (consumer, source, aggregatetype, aggregateid, seq, record, headers)
    VALUES (:consumer, :source, :aggregate, :subject, :seq, :record, CAST(:headers AS jsonb))
    ON CONFLICT DO NOTHING""")
PARKED_NEXT = text("""
    SELECT record, headers FROM msg.inbox_parked WHERE consumer = :consumer AND source = :source
      AND aggregatetype = :aggregate AND aggregateid = :subject AND seq = :seq""")
UNPARK = text("""
    DELETE FROM msg.inbox_parked WHERE consumer = :consumer AND source = :source
      AND aggregatetype = :aggregate AND aggregateid = :subject AND seq <= :seq""")
DRAINABLE = text("""
    SELECT h.source, h.aggregatetype, h.aggregateid FROM msg.inbox_parked p JOIN msg.inbox_head h
      USING (consumer, source, aggregatetype, aggregateid)
    WHERE consumer = :consumer AND h.state = 'open' AND p.seq <= h.last_seq + 1 LIMIT 100""")
BLOCK = text("""
    UPDATE msg.inbox_head SET state = CASE WHEN attempts >= :most THEN 'dead' ELSE 'blocked' END,
      attempts = attempts + 1, last_error = :error, next_try =
        clock_timestamp() + make_interval(secs => (CAST(:delays AS float[]))[least(attempts + 1, :most)])
    WHERE consumer = :consumer AND source = :source AND aggregatetype = :aggregate AND aggregateid = :subject
    RETURNING state, attempts""")
DUE = text("""
    SELECT source, aggregatetype, aggregateid FROM msg.inbox_head
    WHERE consumer = :consumer AND state = 'blocked' AND next_try <= clock_timestamp() LIMIT 100""")
GAPS = text("""
    WITH gaps AS (
      SELECT source, aggregatetype, aggregateid, last_seq + 1 AS first, min(seq) - 1 AS last
      FROM msg.inbox_parked p JOIN msg.inbox_head h USING (consumer, source, aggregatetype, aggregateid)
      WHERE consumer = :consumer AND h.state = 'open'
        AND coalesce(repair_asked_at, '-infinity') < clock_timestamp() - make_interval(secs => :age)
      GROUP BY source, aggregatetype, aggregateid, last_seq
      HAVING min(seq) > last_seq + 1
        AND min(parked_at) < clock_timestamp() - make_interval(secs => :age) LIMIT 100)
    UPDATE msg.inbox_head h SET repair_asked_at = clock_timestamp() FROM gaps g
    WHERE h.consumer = :consumer AND h.source = g.source AND h.aggregatetype = g.aggregatetype
      AND h.aggregateid = g.aggregateid RETURNING g.*""")
DEAD_LETTER = text("""
    INSERT INTO msg.dead_letter (consumer, topic, part, off, raw, headers, reason)
    SELECT CAST(:consumer AS text), CAST(:topic AS text), CAST(:part AS int), CAST(:off AS bigint),
      CAST(:raw AS bytea), CAST(:headers AS jsonb), CAST(:reason AS text)
    WHERE NOT EXISTS (SELECT FROM msg.dead_letter WHERE consumer = :consumer AND topic = :topic
      AND part = :part AND off = :off AND raw = :raw)""")

Key = tuple[str, str, str]
"""(source, aggregate type, aggregate id)"""


def key_of(envelope: Envelope) -> Key:
    return envelope.source, envelope.aggregate, envelope.subject


def is_infrastructure(error: BaseException) -> bool:
    """Whether the database, not the message, is at fault: then nothing is parked, the reader waits."""
    if isinstance(error, PoolTimeout | OSError | asyncio.TimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None) or ""
    # connection, resources, operator, system, transaction rollback (deadlock), lock timeout
    return (
        error.connection_invalidated
        or not state
        or state[:2] in {"08", "53", "57", "58", "40"}
        or state == "55P03"
    )


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

    async def run(self) -> None:
        """Runs until cancelled; rebuilds its Kafka consumer whenever the broker is in doubt."""
        delay = 0.5
        while True:
            try:
                await self.bus.ensure_topics([*self.consumer.topics, repair_topic_of(self.service)])
                async with self.bus.subscription(self.consumer.name, self.consumer.topics) as subscription:
                    delay = 0.5
                    await self._read(subscription)
            except (*BROKER_ERRORS, EpochChanged) as error:
                log.warning(
                    "inbox.rebuilding", consumer=self.consumer.name, error=repr(error), retry_in=delay
                )
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311  # jitter, not a secret
                delay = min(delay * 2, 10.0)

    async def _read(self, subscription: Subscription) -> None:
        while True:
            deliveries = await subscription.batch(BATCH, wait=0.5)
            if not deliveries:
                continue
            await self.receive(deliveries)
            await subscription.commit(deliveries)

    async def receive(self, deliveries: Sequence[Delivery]) -> None:
        """Applies, parks or buries every record; returns when that is durable."""
        envelopes: list[Envelope] = []
        for delivery in deliveries:
            try:
                envelopes.append(Envelope.parse(delivery.headers, delivery.value))
            except Undecodable as error:
                await self._until_database_answers(self._bury, delivery, error)
        if envelopes:
            await self._until_database_answers(self._apply, envelopes)

    async def _until_database_answers(self, work: Callable[..., Awaitable[None]], *args: Any) -> None:
        delay = 0.2
        while True:
            try:
                await work(*args)
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                if not is_infrastructure(error):
                    raise
                log.warning("inbox.database_unavailable", consumer=self.consumer.name, error=repr(error))
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311  # jitter, not a secret
                delay = min(delay * 2, 10.0)
            else:
                return

    # --- applying ---------------------------------------------------------------------------------

    async def _apply(self, envelopes: Sequence[Envelope]) -> None:
        """All in one transaction; if any of them fails, one by one, so that only the culprit is held."""
        try:
            await self._apply_together(envelopes)
        except Exception as error:
            if len(envelopes) == 1 and is_infrastructure(error) and not is_deadlock(error):
                raise
            for envelope in envelopes:
                await self._apply_alone(envelope)
        await self._drain()

    async def _apply_together(self, envelopes: Sequence[Envelope]) -> None:
        keys = [key_of(e) for e in envelopes]
        duplicates = parked = 0
        moved: dict[Key, int] = {}
        async with self.database.transaction() as tx:
            heads = await self._lock(tx, keys)
            for envelope, key in zip(envelopes, keys, strict=True):
                last, state = heads[key]
                if envelope.sequence <= last:
                    duplicates += 1
                elif state != "open" or envelope.sequence > last + 1:
                    await self._park(tx, envelope)
                    parked += 1
                else:
                    await self._handle(tx, envelope)
                    heads[key] = (envelope.sequence, state)
                    moved[key] = envelope.sequence
            if moved:
                await self._advance(tx, moved)
        DUPLICATES.labels(self.consumer.name).inc(duplicates)
        PARKED.labels(self.consumer.name).inc(parked)
        APPLIED.labels(self.consumer.name).inc(sum(1 for k in keys if k in moved))

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

    async def _handle(self, tx: Tx, envelope: Envelope) -> None:
        tx.correlation_id = envelope.correlation_id
        tx.causation_id = str(envelope.id)
        tx.traceparent = envelope.traceparent
        with structlog.contextvars.bound_contextvars(
            correlation_id=envelope.correlation_id, event_id=str(envelope.id), consumer=self.consumer.name
        ):
            await self.consumer.handle(tx, envelope)

    async def _lock(self, tx: Tx, keys: Sequence[Key]) -> dict[Key, tuple[int, str]]:
        columns = self._columns(keys)
        await tx.execute(HEADS, columns)
        return {(r[0], r[1], r[2]): (r.last_seq, r.state) for r in await tx.execute(LOCK, columns)}

    async def _advance(self, tx: Tx, moved: dict[Key, int]) -> None:
        await tx.execute(ADVANCE, self._columns(list(moved)) | {"seqs": list(moved.values())})

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

    async def _park(self, tx: Tx, envelope: Envelope) -> None:
        headers = json.dumps([[name, raw.decode()] for name, raw in envelope.headers()])
        await tx.execute(
            PARK,
            self._where(key_of(envelope))
            | {"seq": envelope.sequence, "record": envelope.data, "headers": headers},
        )

    async def _block(self, envelope: Envelope, error: BaseException) -> None:
        async with self.database.transaction() as tx:
            await self._lock(tx, [key_of(envelope)])
            await self._park(tx, envelope)
            values = {"error": describe(error), "delays": list(self.later), "most": len(self.later)}
            row = (await tx.execute(BLOCK, self._where(key_of(envelope)) | values)).one()
        BLOCKED.labels(self.consumer.name).inc()
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
        headers = json.dumps([[name, raw.decode(errors="replace")] for name, raw in delivery.headers])
        async with self.database.transaction() as tx:
            await tx.execute(
                DEAD_LETTER,
                {
                    "consumer": self.consumer.name,
                    "topic": delivery.topic,
                    "part": delivery.partition,
                    "off": delivery.offset,
                    "raw": delivery.value,
                    "headers": headers,
                    "reason": str(error),
                },
            )
        DEAD_LETTERS.labels(self.consumer.name).inc()
        log.error("inbox.dead_letter", consumer=self.consumer.name, topic=delivery.topic, reason=str(error))

    # --- catching up ------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Applies what was parked and whose turn has come, aggregate by aggregate."""
        while True:
            async with self.database.transaction() as tx:
                keys: list[Key] = [
                    (row[0], row[1], row[2])
                    for row in await tx.execute(DRAINABLE, {"consumer": self.consumer.name})
                ]
            if not keys:
                return
            for key in keys:
                while await self.redrive(key):
                    pass

    async def redrive(self, key: Key) -> bool:
        """Applies the next parked event of one aggregate, whatever its state; False when there is none.

        A failure blocks the aggregate again (or leaves it dead) and also answers False.
        """
        envelope: Envelope | None = None
        try:
            async with self.database.transaction() as tx:
                last, _ = (await self._lock(tx, [key]))[key]
                at = self._where(key) | {"seq": last + 1}
                row = (await tx.execute(PARKED_NEXT, at)).one_or_none()
                if row is None:  # what lies at or below the head was applied by another way
                    await tx.execute(UNPARK, at)
                    return False
                envelope = parked(row.record, row.headers)
                await self._handle(tx, envelope)
                await self._advance(tx, {key: last + 1})
                await tx.execute(UNPARK, at)
        except Exception as error:
            if envelope is None or is_infrastructure(error):
                raise
            await self._block(envelope, error)
            return False
        APPLIED.labels(self.consumer.name).inc()
        return True

    async def mend(self) -> None:
        """Tries blocked aggregates again when their time has come and asks for what is missing. Runs until
        cancelled.
        """
        while True:
            try:
                await self.mend_once()
            except (SQLAlchemyError, *BROKER_ERRORS) as error:
                log.warning("inbox.mend_failed", consumer=self.consumer.name, error=repr(error))
            await asyncio.sleep(min(1.0, self.gap_age / 2))

    async def mend_once(self) -> None:
        async with self.database.transaction() as tx:
            due: list[Key] = [
                (row[0], row[1], row[2]) for row in await tx.execute(DUE, {"consumer": self.consumer.name})
            ]
            gaps = (await tx.execute(GAPS, {"consumer": self.consumer.name, "age": self.gap_age})).all()
        for key in due:
            while await self.redrive(key):
                pass
        await self._drain()
        if gaps:
            await self._ask(gaps)

    async def _ask(self, gaps: Sequence[Any]) -> None:
        """A later event came without an earlier one: the producer still has it in its log."""
        records = [
            Record(
                repair_topic_of(gap.source.removeprefix("/")),
                gap.aggregateid,
                json.dumps(
                    asdict(
                        RepairRequest(
                            consumer=self.consumer.name,
                            aggregate=gap.aggregatetype,
                            subject=gap.aggregateid,
                            first=gap.first,
                            last=gap.last,
                        )
                    )
                ).encode(),
                (),
            )
            for gap in gaps
        ]
        async with self.bus.sender() as sender:
            await sender.send(records)
        log.warning("inbox.repair_asked", consumer=self.consumer.name, aggregates=len(records))


def is_deadlock(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in {"40P01", "40001"}


def parked(record: bytes, headers: Any) -> Envelope:
    pairs = json.loads(headers) if isinstance(headers, str) else headers
    return Envelope.parse([(name, value.encode()) for name, value in pairs], record)


def describe(error: BaseException) -> str:
    """What went wrong, without the data: a validation error names fields and rules, not values."""
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)
        )
    return f"{type(error).__name__}: {error}".splitlines()[0][:500]


_REQUEST = TypeAdapter(RepairRequest)


async def answer_repairs(service: str, database: Database, bus: Bus) -> None:
    """The producer's side of gap repair; runs until cancelled."""
    topic = repair_topic_of(service)
    while True:
        try:
            await bus.ensure_topics([topic])
            async with bus.subscription(f"{service}.repair", [topic]) as subscription:
                while True:
                    deliveries = await subscription.batch(BATCH, wait=1.0)
                    for delivery in deliveries:
                        try:
                            request = _REQUEST.validate_json(delivery.value)
                        except ValidationError as error:
                            log.error("repair.undecodable", service=service, error=describe(error))  # noqa: TRY400
                            continue
                        count = await resend(database, request)
                        log.info(
                            "repair.sent_again", service=service, events=count, asked_by=request.consumer
                        )
                    if deliveries:
                        await subscription.commit(deliveries)
        except (*BROKER_ERRORS, EpochChanged, SQLAlchemyError) as error:
            log.warning("repair.rebuilding", service=service, error=repr(error))
            await asyncio.sleep(1.0)
