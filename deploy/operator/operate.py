"""What an operator sees and does: how a service stands, what is stuck, and how to mend it.

Functions for the command line and the auditor; all run as the worker's role of the database they are given.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from shared.bus import Record
from shared.db import Database, Tx
from shared.errors import Conflict, NotFound
from shared.events import Envelope
from shared.inbox import Inbox, Key
from shared.inbox.reader import parked
from shared.outbox import COLUMNS, record

REPLAY_CHUNK: Final = 10_000  # events put back in one transaction

STATUS = text("""
    SELECT (SELECT count(*) FROM msg.outbox_pending) AS pending,
      (SELECT extract(epoch FROM clock_timestamp() - e.recorded_at) FROM msg.outbox_pending p
         JOIN msg.event_log e USING (pos) ORDER BY pos LIMIT 1) AS oldest,
      l.owner, l.epoch, l.expires_at > clock_timestamp() AS leads, c.shift, c.profile
    FROM msg.legal_clock c LEFT JOIN msg.relay_lease l ON l.name = 'relay'""")
CONSUMERS = text("""
    SELECT consumer, coalesce(heads, 0) AS heads, coalesce(blocked, 0) AS blocked, coalesce(dead, 0) AS dead,
      coalesce(parked, 0) AS parked, coalesce(letters, 0) AS dead_letters
    FROM (SELECT consumer, count(*) AS heads, count(*) FILTER (WHERE state = 'blocked') AS blocked,
            count(*) FILTER (WHERE state = 'dead') AS dead FROM msg.inbox_head GROUP BY consumer) h
      FULL JOIN (SELECT consumer, count(*) AS parked FROM msg.inbox_parked GROUP BY consumer) p
        USING (consumer)
      FULL JOIN (SELECT consumer, count(*) AS letters FROM msg.dead_letter WHERE resolved_at IS NULL
                 GROUP BY consumer) d USING (consumer)
    ORDER BY consumer""")
STUCK = text("""
    SELECT h.consumer, h.source, h.aggregatetype, h.aggregateid, h.last_seq + 1 AS sequence, h.state,
      h.attempts, h.next_try, h.last_error,
      (SELECT count(*) FROM msg.inbox_parked p WHERE p.consumer = h.consumer AND p.source = h.source
         AND p.aggregatetype = h.aggregatetype AND p.aggregateid = h.aggregateid
         AND p.seq > h.last_seq + 1) AS waiting,
      p.furthest, r.seq AS proposed, r.proposed_by, r.reason
    FROM msg.inbox_head h LEFT JOIN (
        SELECT consumer, source, aggregatetype, aggregateid, max(seq) AS furthest, min(parked_at) AS since
        FROM msg.inbox_parked GROUP BY 1, 2, 3, 4
      ) p USING (consumer, source, aggregatetype, aggregateid)
      LEFT JOIN LATERAL (
        SELECT * FROM msg.skip_register r WHERE r.consumer = h.consumer AND r.source = h.source
          AND r.aggregatetype = h.aggregatetype AND r.aggregateid = h.aggregateid AND r.seq > h.last_seq
          AND r.confirmed_by IS NULL ORDER BY r.proposed_at DESC LIMIT 1
      ) r ON true
    WHERE (h.state <> 'open' OR p.since < clock_timestamp() - interval '1 minute')
      AND h.consumer = coalesce(CAST(:consumer AS text), h.consumer)
    ORDER BY h.consumer, h.next_try LIMIT :most""")
LETTERS = text("""
    SELECT consumer, topic, part, off, received_at, reason, headers, raw FROM msg.dead_letter
    WHERE resolved_at IS NULL AND consumer = coalesce(CAST(:consumer AS text), consumer)
    ORDER BY received_at LIMIT :most""")
RESOLVE = text("""
    UPDATE msg.dead_letter SET resolved_by = :by, resolution = :resolution, resolved_at = clock_timestamp()
    WHERE consumer = :consumer AND topic = :topic AND part = :part AND off = :off AND resolved_at IS NULL""")
STATE = text("""
    SELECT h.last_seq, h.state, h.attempts, h.last_error, count(p.seq) AS parked FROM msg.inbox_head h
      LEFT JOIN msg.inbox_parked p USING (consumer, source, aggregatetype, aggregateid)
    WHERE consumer = :consumer AND source = :source AND aggregatetype = :aggregate AND aggregateid = :subject
    GROUP BY 1, 2, 3, 4""")
LOCK_HEAD = text("""
    SELECT last_seq, state FROM msg.inbox_head WHERE consumer = :consumer AND source = :source
      AND aggregatetype = :aggregate AND aggregateid = :subject FOR UPDATE""")
PARKED = text("""
    SELECT seq, record, headers FROM msg.inbox_parked WHERE consumer = :consumer AND source = :source
      AND aggregatetype = :aggregate AND aggregateid = :subject ORDER BY seq = :seq DESC LIMIT 1""")
ANNOUNCED = text("""
    SELECT coalesce(max(last_seq), 0) FROM msg.aggregate_head
    WHERE aggregatetype = :aggregate AND aggregateid = :subject""")
LOGGED = text(f"""
    SELECT {COLUMNS} FROM msg.event_log e
    WHERE aggregatetype = :aggregate AND aggregateid = :subject AND seq = :seq""")  # noqa: S608  # names of columns
PROPOSE = text("""
    INSERT INTO msg.skip_register
      (consumer, source, aggregatetype, aggregateid, seq, proposed_by, reason, never_announced)
    VALUES (:consumer, :source, :aggregate, :subject, :seq, :by, :reason, :bogus) ON CONFLICT DO NOTHING""")
PROPOSED = text("""
    SELECT proposed_by, never_announced = :bogus AS same FROM msg.skip_register
    WHERE consumer = :consumer AND source = :source AND aggregatetype = :aggregate AND aggregateid = :subject
      AND seq = :seq AND confirmed_by IS NULL ORDER BY same DESC LIMIT 1""")
CONFIRM = text("""
    SELECT msg.confirm_skip(:consumer, :source, :aggregate, :subject, :seq, :bogus, :by)""")
SKIP = text("""
    UPDATE msg.inbox_head SET last_seq = :seq, state = 'open', attempts = 0, next_try = NULL,
      last_error = NULL, repair_asked_at = NULL
    WHERE consumer = :consumer AND source = :source AND aggregatetype = :aggregate
      AND aggregateid = :subject AND last_seq = :seq - 1""")
DISCARD = text("""
    DELETE FROM msg.inbox_parked WHERE consumer = :consumer AND source = :source
      AND aggregatetype = :aggregate AND aggregateid = :subject
      AND (seq = :seq OR seq < :seq AND NOT :only)""")
OPERATED = text("INSERT INTO msg.operation (by, what, detail) VALUES (:by, :what, CAST(:detail AS json))")
OPERATIONS = text("""
    SELECT * FROM (SELECT * FROM msg.operation ORDER BY number DESC LIMIT :most) newest ORDER BY number""")
REPLAY = text("""
    WITH chosen AS (
      SELECT pos FROM msg.event_log WHERE pos > :after
        AND aggregatetype = coalesce(CAST(:aggregate AS text), aggregatetype)
        AND aggregateid = coalesce(CAST(:subject AS text), aggregateid)
        AND recorded_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
      ORDER BY pos LIMIT :chunk),
    put AS (INSERT INTO msg.outbox_pending SELECT pos FROM chosen ON CONFLICT DO NOTHING RETURNING 1)
    SELECT (SELECT max(pos) FROM chosen) AS last, (SELECT count(*) FROM put) AS put""")
EVENTS = text("""
    SELECT * FROM (
      SELECT pos, id, source, aggregatetype, aggregateid, seq, type, collectivity, payload, headers,
        occurred_at, recorded_at FROM msg.event_log
      WHERE pos > :after AND aggregateid = coalesce(CAST(:subject AS text), aggregateid)
        AND id = coalesce(CAST(:id AS uuid), id)
      ORDER BY pos DESC LIMIT :most) newest ORDER BY pos""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerStatus:
    """Aggregates met, held after a failure, given up after the last try; events aside; open dead letters."""

    name: str
    heads: int
    blocked: int
    dead: int
    parked: int
    dead_letters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """`oldest_pending` is how long the oldest unsent event has waited; `relay` is None before any ran."""

    pending: int
    oldest_pending: timedelta
    relay: UUID | None
    relay_leads: bool
    relay_epoch: int | None
    profile: str
    clock_shift: timedelta
    consumers: tuple[ConsumerStatus, ...]

    @property
    def calm(self) -> bool:
        """Nothing waits and nothing is stuck. Equal heads are the auditor's to say."""
        return not self.pending and not any(
            c.blocked or c.dead or c.parked or c.dead_letters for c in self.consumers
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """An aggregate that one consumer holds, or that has waited for more than a minute for `sequence` (state
    open). `waiting` events follow it, the last of them `furthest`.
    """

    consumer: str
    key: Key
    sequence: int
    state: str
    attempts: int
    next_try: datetime | None
    error: str
    waiting: int
    furthest: int | None
    skip_proposed: int | None
    skip_proposed_by: str | None
    skip_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A record that is no event: kept as it came, until somebody says what was done about it."""

    consumer: str
    topic: str
    partition: int
    offset: int
    received_at: datetime
    reason: str
    headers: list[list[str]]
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """One event as the producer's log keeps it."""

    position: int
    id: UUID
    source: str
    aggregate: str
    subject: str
    sequence: int
    type: str
    collectivity: str
    payload: bytes
    headers: dict[str, str]
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What an operator did: `by` says who, `role` as which role of the database."""

    at: datetime
    role: str
    by: str
    what: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven:
    """What a redrive came to: events applied, then the aggregate's state; its error if it failed again."""

    applied: int
    state: str
    error: str | None
    parked: int


async def status(database: Database) -> ServiceStatus:
    """How one service stands, by its own database alone."""
    async with database.transaction() as tx:
        row = (await tx.execute(STATUS)).one()
        consumers = (await tx.execute(CONSUMERS)).all()
    return ServiceStatus(
        pending=row.pending,
        oldest_pending=timedelta(seconds=float(row.oldest or 0)),
        relay=row.owner,
        relay_leads=bool(row.leads),
        relay_epoch=row.epoch,
        profile=row.profile,
        clock_shift=row.shift,
        consumers=tuple(
            ConsumerStatus(
                name=c.consumer,
                heads=c.heads,
                blocked=c.blocked,
                dead=c.dead,
                parked=c.parked,
                dead_letters=c.dead_letters,
            )
            for c in consumers
        ),
    )


async def stuck(database: Database, consumer: str | None = None, *, most: int = 200) -> list[Stuck]:
    """The aggregates that are held, of one consumer or of all."""
    async with database.transaction() as tx:
        rows = (await tx.execute(STUCK, {"consumer": consumer, "most": most})).all()
    return [
        Stuck(
            consumer=r.consumer,
            key=(r.source, r.aggregatetype, r.aggregateid),
            sequence=r.sequence,
            state=r.state,
            attempts=r.attempts,
            next_try=r.next_try,
            error=r.last_error or "",
            waiting=r.waiting,
            furthest=r.furthest,
            skip_proposed=r.proposed,
            skip_proposed_by=r.proposed_by,
            skip_reason=r.reason,
        )
        for r in rows
    ]


async def redrive(inbox: Inbox, key: Key, *, by: str) -> Redriven:
    """Tries a held aggregate again now, then what waits behind it, in order. Raises `NotFound`."""
    where = _where(inbox.consumer.name, key)
    async with inbox.database.transaction() as tx:
        if (await tx.execute(STATE, where)).one_or_none() is None:
            raise NotFound("aggregate_unknown", f"{inbox.consumer.name} never met {key[2]}.")
        await done(tx, by, "redrive", where)
    return await _redriven(inbox, key)


async def _redriven(inbox: Inbox, key: Key) -> Redriven:
    applied = await inbox.redrive(key)
    async with inbox.database.transaction() as tx:
        row = (await tx.execute(STATE, _where(inbox.consumer.name, key))).one()
    return Redriven(applied=applied, state=row.state, error=row.last_error, parked=row.parked)


async def propose_skip(
    database: Database, producer: Database, consumer: str, key: Key, sequence: int, *, by: str, reason: str
) -> None:
    """First of two persons: this event shall never be applied by this consumer, and why.

    Raises `Conflict` when it is neither the event that the aggregate is held at nor a parked one that its
    producer never announced, or is already proposed as that.
    """
    where = _where(consumer, key)
    async with database.transaction() as tx:
        bogus = await _is_bogus(tx, producer, where, sequence)
        said = {"by": by, "reason": reason, "bogus": bogus}
        if not (await tx.execute(PROPOSE, where | {"seq": sequence} | said)).rowcount:
            raise Conflict("skip_already_proposed", f"Somebody proposed to skip {sequence} already.")
        await done(tx, by, "skip propose", where | {"sequence": sequence, "reason": reason})


async def confirm_skip(inbox: Inbox, producer: Database, key: Key, sequence: int, *, by: str) -> Redriven:
    """Second person: the head passes the event, what waits behind it is applied in order. An event that the
    producer never announced is discarded and the head stays: the true one with its number is still to come.

    Raises `Conflict` when nobody proposed it, when the same person did, when it was applied meanwhile, or
    when it turned out since to have been announced, or not to have been.
    """
    where = _where(inbox.consumer.name, key)
    async with inbox.database.transaction() as tx:
        bogus = await _is_bogus(tx, producer, where, sequence)
        chosen = where | {"seq": sequence, "bogus": bogus}
        proposed = (await tx.execute(PROPOSED, chosen)).one_or_none()
        if proposed is None:
            raise Conflict("skip_not_proposed", f"Nobody proposed to skip {sequence}.")
        if not proposed.same:
            now = "its producer never announced" if bogus else "its producer announced"
            raise Conflict("skip_changed", f"{sequence} is now one that {now}: propose the skip again.")
        if proposed.proposed_by == by:
            raise Conflict("skip_needs_two", "Whoever proposed the skip cannot confirm it.")
        await tx.execute(CONFIRM, chosen | {"by": by})
        if not bogus:
            await tx.execute(SKIP, where | {"seq": sequence})
        await tx.execute(DISCARD, where | {"seq": sequence, "only": bogus})
        await done(tx, by, "skip confirm", where | {"sequence": sequence, "never_announced": bogus})
    return await _redriven(inbox, key)


async def _is_bogus(tx: Tx, producer: Database, where: dict[str, Any], sequence: int) -> bool:
    """Whether this parked event is one that its producer never announced, or not like that: forged, or
    corrupted on its way. While it is parked, the true one with its number finds no place: it is sent again.

    Raises `Conflict` for what may not be skipped. Of what was announced that is all but what stops the
    aggregate: the failed event, or a gap that nothing will fill.
    """
    head = (await tx.execute(LOCK_HEAD, where)).one_or_none()
    if head is None:
        raise NotFound("aggregate_unknown", f"{where['consumer']} never met {where['subject']}.")
    chosen = where | {"seq": sequence}
    held = (await tx.execute(PARKED, chosen)).one_or_none()
    # Asked after what is parked was seen: what was announced is in the producer's log before it arrives here.
    async with producer.transaction() as asked:
        announced = (await asked.execute(ANNOUNCED, where)).scalar_one()
        true = (await asked.execute(LOGGED, chosen)).one_or_none()
    if held and held.seq == sequence > head.last_seq:
        unlike = true and parked(held.record, held.headers) != _envelope(record(true))
        if sequence > announced or unlike:
            return True
    if sequence > announced or sequence != head.last_seq + 1 or not held:
        raise Conflict("skip_not_held", f"{where['subject']} is not held at {sequence}.")
    return False


def _envelope(sent: Record) -> Envelope:
    return Envelope.parse(sent.headers, sent.value)


async def done(tx: Tx, by: str, what: str, detail: Mapping[str, Any]) -> None:
    """In the operators' log of this database, with the transaction that does it."""
    await tx.execute(OPERATED, {"by": by, "what": what, "detail": json.dumps(detail, default=str)})


async def operations(database: Database, *, most: int = 50) -> list[Operation]:
    """The newest of what operators did to this database, oldest first."""
    async with database.transaction() as tx:
        rows = (await tx.execute(OPERATIONS, {"most": most})).all()
    return [Operation(at=r.at, role=r.role, by=r.by, what=r.what, detail=r.detail) for r in rows]


async def dead_letters(
    database: Database, consumer: str | None = None, *, most: int = 200
) -> list[DeadLetter]:
    """The unresolved ones, oldest first."""
    async with database.transaction() as tx:
        rows = (await tx.execute(LETTERS, {"consumer": consumer, "most": most})).all()
    return [
        DeadLetter(
            consumer=r.consumer,
            topic=r.topic,
            partition=r.part,
            offset=r.off,
            received_at=r.received_at,
            reason=r.reason,
            headers=r.headers,
            raw=r.raw,
        )
        for r in rows
    ]


async def resolve_dead_letter(
    database: Database, consumer: str, topic: str, partition: int, offset: int, *, by: str, resolution: str
) -> None:
    """Records what was done about it. Raises `NotFound` when no unresolved letter came from there."""
    place = {"consumer": consumer, "topic": topic, "part": partition, "off": offset}
    async with database.transaction() as tx:
        result = await tx.execute(RESOLVE, place | {"by": by, "resolution": resolution})
        if not result.rowcount:
            raise NotFound("dead_letter_unknown", f"No unresolved letter from {topic}[{partition}]@{offset}.")
        await done(tx, by, "dead-letters resolve", place | {"resolution": resolution})


async def replay(
    database: Database,
    *,
    by: str,
    aggregate: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    after: int = 0,
) -> int:
    """Sends events again under their old identifiers, for consumers to skip what they have applied. Returns
    how many.

    All of them, or those of an aggregate type, of one aggregate, recorded from an instant on, or after a
    position.
    """
    total = 0
    last: int | None = after
    chosen: dict[str, Any] = {"after": after, "aggregate": aggregate, "subject": subject, "since": since}
    async with database.transaction() as tx:
        await done(tx, by, "replay", chosen)
    while last is not None:
        async with database.transaction() as tx:
            row = (await tx.execute(REPLAY, chosen | {"after": last, "chunk": REPLAY_CHUNK})).one()
        last = row.last
        total += row.put
        for wake in database.on_emit:
            wake()
    return total


async def events(
    database: Database,
    *,
    after: int = 0,
    subject: str | None = None,
    identifier: UUID | None = None,
    most: int = 50,
) -> list[LoggedEvent]:
    """The newest events of a service's log, oldest first: all, after a position, of one aggregate, or one."""
    chosen = {"after": after, "subject": subject, "id": identifier, "most": most}
    async with database.transaction() as tx:
        rows: Sequence[Any] = (await tx.execute(EVENTS, chosen)).all()
    return [
        LoggedEvent(
            position=r.pos,
            id=r.id,
            source=r.source,
            aggregate=r.aggregatetype,
            subject=r.aggregateid,
            sequence=r.seq,
            type=r.type,
            collectivity=r.collectivity,
            payload=r.payload,
            headers=r.headers,
            occurred_at=r.occurred_at,
            recorded_at=r.recorded_at,
        )
        for r in rows
    ]


def _where(consumer: str, key: Key) -> dict[str, Any]:
    return {"consumer": consumer, "source": key[0], "aggregate": key[1], "subject": key[2]}
