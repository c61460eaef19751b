"""One transaction, the same for HTTP and for consumers: legal time, the caller's scope, and `emit`."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.auth import SYSTEM, Actor
from shared.errors import Stale
from shared.events import Event, Stream
from shared.pool import Fetched, Params, Pool, Session, Statement

Found = Row[*tuple[Any, ...]]
NEVER: Final = datetime.max.replace(tzinfo=UTC)
POOL_SIZE: Final = 8  # per process and role: more connections than that only queue inside PostgreSQL

BEGIN = text(
    "SELECT msg.legal_now(), set_config('app.subject', :subject, true),"
    " set_config('app.communes', :communes, true), set_config('app.provinces', :provinces, true)"
)
CLAIM = text("SELECT now, claimed FROM msg.claim(:subject, :communes, :provinces, :key)")
EMIT = text(
    "SELECT seq FROM msg.emit(:aggregate, :subject, :type, :collectivity, :payload,"
    " CAST(:headers AS jsonb), :occurred_at)"
)
ACT = text("SELECT true FROM msg.act(:subject, :communes, :provinces, :key)")
"""First of an arrival's writes: the caller's scope, and the key's lock as `msg.claim` takes it."""
NEXT = text(
    "SELECT CASE WHEN e.seq = :sequence AND written.rows = :wanted THEN e.seq"
    " ELSE msg.moved(:aggregate, :subject) END"
    " FROM written, msg.emit(:aggregate, :subject, :type, :collectivity, :payload,"
    " CAST(:headers AS jsonb), :occurred_at) e"
)
"""Refused when another event came first, or a write that goes with it missed its one row."""


@dataclass(slots=True)
class Tx:
    """An open transaction. `now` is the legal instant (aware UTC): the database's clock, plus the
    offset that only the development profile may set. It is read once, so that everything a command
    does happens at one instant.

    One that began with an `arrival` holds no lock and is none of PostgreSQL's until it asks something: its
    writes go with its one event as one statement, which a serialisation failure refuses when that is no
    longer the aggregate's next event (0056).
    """

    database: "Database"
    actor: Actor
    now: datetime
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    claimed: bool = False
    """Whether the idempotency key that it began with is new."""
    arrived: Found | None = None
    """What an arrival read."""
    scope: Mapping[str, Any] = field(default_factory=dict, repr=False)
    emitted: list[int] = field(default_factory=list)
    _writes: list[tuple[Statement, Mapping[str, Any]]] = field(default_factory=list, repr=False)
    _event: tuple[Stream, dict[str, Any], int] | None = field(default=None, repr=False)
    _drawn: bool = field(default=False, repr=False)
    _session: Session | None = field(default=None, repr=False)

    @property
    def session(self) -> Session:
        """An arrival has none before it asks something."""
        assert self._session is not None
        return self._session

    async def execute(self, statement: Statement, params: Params | None = None, /) -> Fetched:
        """Statements are built once, at module level: building one costs more than running it."""
        await self.begin()
        if self._writes:
            await self.flush()
        return await self.session.run(statement, params or {})

    async def begin(self) -> None:
        """Of an arrival: from here on it is PostgreSQL's transaction like another."""
        if self._session is None:
            await self.open(BEGIN)

    async def open(self, statement: Statement) -> Found:
        self._session = await self.database.pool.take()
        return (await self.database.asked(self.session, "BEGIN", statement, self.scope)).one()

    async def close(self) -> None:
        if self._session is not None:
            await self.database.pool.give(self._session)

    async def commit(self) -> None:
        if self.waits:
            await self.flush()
        if self._session is not None:
            await self._session.say("COMMIT")

    async def emit(self, stream: Stream, subject: UUID | str, collectivity: str, event: Event) -> int:
        """Announce `event` of one aggregate when this transaction commits. Returns its sequence.

        Takes the aggregate's row lock until the end of the transaction: a transaction that emits for
        several aggregates does it in the order of their ids.
        """
        row = await self.execute(EMIT, self.announcement(stream, subject, collectivity, event))
        sequence: int = row.scalar_one()
        self.emitted.append(sequence)
        return sequence

    async def save(
        self,
        stream: Stream,
        subject: UUID | str,
        event: Event,
        sequence: int,
        write: Statement,
        row: Mapping[str, Any],
        place: str | None = None,
    ) -> None:
        """The row of an aggregate, which has a `collectivity`, and its one event, its `sequence`-th. They are
        sent together, before this transaction's next statement or its end: see `later`. Of an arrival, those
        that save in one `place`, by default the collectivity, would wait for each other (0057).

        Raises Stale then, `<aggregate>_changed`, when the event would be another one than the `sequence`-th.
        """
        if self._event:
            await self.begin()
            await self.flush()
        announced = self.announcement(stream, subject, row["collectivity"], event)
        self._event = stream, announced | {"place": place or row["collectivity"]}, sequence
        self._writes.append((write, row))

    def drawn(self, draw: Statement, params: Mapping[str, Any]) -> None:
        """A SELECT that waits, and must give one row when the event of this arrival is saved."""
        self._drawn = True
        self._writes.append((draw, params))

    def later(self, write: Statement, params: Mapping[str, Any]) -> None:
        """A write that waits, to be sent in one round trip with the others that wait: before this
        transaction's next statement, or its end. It must not concern a row that another one of them does,
        and it writes one row.
        """
        self._writes.append((write, params))

    async def flush(self) -> None:
        """Sends what waits."""
        writes, self._writes = self._writes, []
        event, self._event = self._event, None
        drawn, self._drawn = self._drawn, False
        if drawn and (event is None or self.arrived is None):
            raise TypeError(
                "what was drawn goes with the event of an arrival: nobody would look whether it was"
            )
        if event is None:
            await self.begin()
            await self.session.together(writes)
            return
        stream, announcement, expected = event
        last = EMIT
        if self.arrived is not None:
            writes.insert(0, (ACT, self.scope))
            last = NEXT
            announcement |= {"wanted": len(writes), "sequence": expected}
        writes.append((last, announcement))
        if self._session is None:
            [sequence] = await self.database.pool.gathered(writes, announcement["place"])
        else:
            sequence = (await self._session.together(writes)).scalar_one()
        if sequence != expected:
            raise Stale(f"{stream.aggregate}_changed", version=sequence - 1)
        self.emitted.append(sequence)

    def announcement(
        self, stream: Stream, subject: UUID | str, collectivity: str, event: Event
    ) -> dict[str, Any]:
        """What `EMIT` is told."""
        if event.TYPE not in stream.types:
            raise TypeError(f"{event.TYPE} is not declared in the stream {stream.topic}")
        return {
            "aggregate": stream.aggregate,
            "subject": str(subject),
            "type": event.TYPE,
            "collectivity": collectivity,
            "payload": event.payload(),
            "headers": self.headers,
            "occurred_at": self.now,
        }

    @property
    def headers(self) -> str:
        """Of every event: who, and in the course of what."""
        said = {
            "actor": self.actor.subject,
            "correlation_id": self.correlation_id,
            "causation_id": self.causation_id,
            "traceparent": self.traceparent,
            "tracestate": self.tracestate,
        }
        return json.dumps({k: v for k, v in said.items() if v is not None})

    @property
    def waits(self) -> bool:
        return bool(self._writes)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What reads the one aggregate of a command, told `:subject, :communes, :provinces, :key`: a function of
    its service whose first columns are what `msg.arrive` and, in the statement that reads the aggregate,
    `msg.unanswered` give. Without a key nothing is saved of it: it reads, and may `msg.emit` itself that it
    was read, with `:headers`; a connection that dies meanwhile may announce that twice, never not at all.
    """

    statement: Statement
    params: Mapping[str, Any]


class Database:
    """One role's pool on one service's database."""

    def __init__(self, dsn: str, *, name: str = "jamaa", pool_size: int = POOL_SIZE) -> None:
        self.pool = Pool(dsn, name=name, size=pool_size)
        self.on_emit: list[Any] = []  # called after a commit that announced something: wakes the relay

    @asynccontextmanager
    async def transaction(
        self,
        actor: Actor = SYSTEM,
        *,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        traceparent: str | None = None,
        tracestate: str | None = None,
        claim: Mapping[str, Any] | None = None,
        arrival: Arrival | None = None,
    ) -> AsyncIterator[Tx]:
        """Commits when the block ends, rolls back when it raises. `claim` (with its `key`) takes an
        idempotency key in the same round trip, `arrival` reads the aggregate in it too.
        """
        scope = {
            "subject": actor.subject,
            "communes": ",".join(sorted(actor.communes)),
            "provinces": ",".join(sorted(actor.provinces)),
            **(claim or {}),
        }
        tx = Tx(self, actor, NEVER, correlation_id, causation_id, traceparent, tracestate, scope=scope)
        try:
            if arrival is None:
                row = await tx.open(BEGIN if claim is None else CLAIM)
            else:
                asked = arrival.statement, {**scope, "headers": tx.headers, **arrival.params}
                row = tx.arrived = await self.pool.gathered([asked], scope.get("key", actor.subject))
            tx.now = row[0]
            tx.claimed = claim is not None and row[1]
            yield tx
            await tx.commit()
        finally:
            await tx.close()
        if tx.emitted:
            for wake in self.on_emit:
                wake()

    async def look(self, statement: Statement, params: Params | None = None, /) -> Sequence[Found]:
        """One statement outside a transaction, for what is asked again and again: one round trip, not four.
        It acts for nobody, so it sees and changes what the worker may.
        """
        async with self.pool.session() as session:
            return (await self.asked(session, None, statement, params or {})).all()

    async def asked(
        self, session: Session, said: str | None, statement: Statement, params: Params
    ) -> Fetched:
        """Of a connection that may have died while it waited in the pool (the server restarted): nothing was
        done on it yet, and asking each one first would cost every request a round trip.
        """
        try:
            if said:
                await session.say(said)
            return await session.run(statement, params)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        await self.pool.renew(session)
        if said:
            await session.say(said)
        return await session.run(statement, params)

    async def close(self) -> None:
        await self.pool.close()


def engine_of(dsn: str, connect: Mapping[str, Any], **options: Any) -> AsyncEngine:
    """Asyncpg reads the DSN itself: SQLAlchemy's URL knows neither `sslmode` nor a socket's directory."""
    return create_async_engine("postgresql+asyncpg://", connect_args={"dsn": dsn, **connect}, **options)
