"""One transaction, the same for HTTP and for consumers: legal time, the caller's scope, and `emit`."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from asyncpg import InterfaceError, InternalClientError, PostgresError
from sqlalchemy import Executable, Row, TextClause, TextualSelect, text
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.auth import SYSTEM, Actor
from shared.events import Event, Stream

POOL_SIZE: Final = 8  # per process and role: more connections than that only queue inside PostgreSQL

SERVER_SETTINGS: Final = {
    "timezone": "UTC",  # civil time is computed in shared.time from the pinned tzdata, never by the server
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "jit": "off",  # every statement here is short
}

DIALECT: Final = asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own lacks types
NOTHING: Final = SimpleResultMetaData([])

BEGIN = text(
    "SELECT msg.legal_now(), set_config('app.subject', :subject, true),"
    " set_config('app.communes', :communes, true), set_config('app.provinces', :provinces, true)"
)
ENTER = text(
    "SELECT now, claimed FROM msg.enter(:subject, :communes, :provinces, :key, :route, CAST(:hash AS bytea))"
)
EMIT = text(
    "SELECT seq FROM msg.emit(:aggregate, :subject, :type, :collectivity, :payload,"
    " CAST(:headers AS jsonb), :occurred_at)"
)


Statement = TextClause | TextualSelect


@dataclass(slots=True)
class Tx:
    """An open transaction. `now` is the legal instant (aware UTC): the database's clock, plus the
    offset that only the development profile may set. It is read once, so that everything a command
    does happens at one instant.
    """

    connection: AsyncConnection
    actor: Actor
    now: datetime
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    claimed: bool = False
    """Whether the idempotency key that it began with is new."""
    emitted: list[int] = field(default_factory=list)

    async def execute(
        self, statement: Statement, params: Mapping[str, Any] | list[dict[str, Any]] | None = None, /
    ) -> "Fetched":
        """Statements are built once, at module level: building one costs more than running it."""
        return await run(self.connection, statement, params or {})

    async def emit(self, stream: Stream, subject: UUID | str, collectivity: str, event: Event) -> int:
        """Announce `event` of one aggregate when this transaction commits. Returns its sequence.

        Takes the aggregate's row lock until the end of the transaction: a transaction that emits for
        several aggregates does it in the order of their ids.
        """
        headers = {
            "actor": self.actor.subject,
            "correlation_id": self.correlation_id,
            "causation_id": self.causation_id,
            "traceparent": self.traceparent,
            "tracestate": self.tracestate,
        }
        if event.TYPE not in stream.types:
            raise TypeError(f"{event.TYPE} is not declared in the stream {stream.topic}")
        row = await self.execute(
            EMIT,
            {
                "aggregate": stream.aggregate,
                "subject": str(subject),
                "type": event.TYPE,
                "collectivity": collectivity,
                "payload": event.payload(),
                "headers": json.dumps({k: v for k, v in headers.items() if v is not None}),
                "occurred_at": self.now,
            },
        )
        sequence: int = row.scalar_one()
        self.emitted.append(sequence)
        return sequence


class Fetched(IteratorResult[*tuple[Any, ...]]):
    """The rows of one statement, all of them here. `rowcount` is how many it returned or changed."""

    rowcount: int = -1


@lru_cache(maxsize=1024)
def _positional(statement: Statement) -> tuple[str, tuple[str, ...]]:
    """As PostgreSQL numbers parameters: the text, and their names in order."""
    compiled = statement.compile(dialect=DIALECT)
    return str(compiled), tuple(compiled.positiontup or ())


async def run(
    connection: AsyncConnection, statement: Statement, params: Mapping[str, Any] | list[dict[str, Any]]
) -> Fetched:
    """One statement, many times for a list of parameters, inside the transaction that was begun on
    `connection`, by the driver itself: no greenlet, no compiled cache, no cursor of SQLAlchemy's between.
    Raises DBAPIError, as SQLAlchemy would.
    """
    sql, names = _positional(statement)
    assert connection.sync_connection is not None, "a connection that was never opened"
    held = connection.sync_connection.connection
    driver: Any = held.driver_connection
    prepared = held.info.setdefault("prepared", {})
    try:
        if isinstance(params, list):
            await driver.executemany(sql, [[one[name] for name in names] for one in params])
            return Fetched(NOTHING, iter(()))
        if sql not in prepared:
            ready = await driver.prepare(sql)
            prepared[sql] = ready, SimpleResultMetaData([column.name for column in ready.get_attributes()])
        ready, columns = prepared[sql]
        fetched = Fetched(columns, map(tuple, await ready.fetch(*[params[name] for name in names])))
    except (PostgresError, InterfaceError, OSError) as error:
        prepared.clear()  # a migration may have changed what a statement returns
        raise await _translated(connection, sql, error) from error
    changed = ready.get_statusmsg().rpartition(" ")[2]
    fetched.rowcount = int(changed) if changed.isdecimal() else -1
    return fetched


async def _begun(connection: AsyncConnection, statement: Statement, params: Mapping[str, Any]) -> Fetched:
    """The first statement of a new transaction, which SQLAlchemy's adapter is told of: it rolls back what is
    not committed when the connection goes back to the pool.
    """
    adapted = _adapted(connection)
    try:
        transaction = adapted._connection.transaction()  # noqa: SLF001  # the driver's
        await transaction.start()
    except (PostgresError, InterfaceError, OSError) as error:
        raise await _translated(connection, "BEGIN", error) from error
    except InternalClientError as error:  # the server's farewell is there, and only half read
        adapted._connection.terminate()  # noqa: SLF001
        raise await _translated(connection, "BEGIN", InterfaceError("connection is closed")) from error
    adapted._transaction = transaction  # noqa: SLF001  # as its own _start_transaction does
    return await run(connection, statement, params)


async def _commit(connection: AsyncConnection) -> None:
    adapted = _adapted(connection)
    transaction, adapted._transaction = adapted._transaction, None  # noqa: SLF001  # it ends either way
    try:
        if transaction is not None:
            await transaction.commit()
    except (PostgresError, InterfaceError, OSError) as error:
        raise await _translated(connection, "COMMIT", error) from error


def _adapted(connection: AsyncConnection) -> Any:
    assert connection.sync_connection is not None, "a connection that was never opened"
    return connection.sync_connection.connection.dbapi_connection


async def _translated(connection: AsyncConnection, sql: str, error: Exception) -> Exception:
    """What SQLAlchemy would have raised. A connection that is gone is taken out of the pool."""
    assert connection.sync_connection is not None
    adapted = _adapted(connection)
    errors = connection.dialect.loaded_dbapi.Error
    try:
        adapted._handle_exception(error)  # noqa: SLF001  # the one place that knows which error is which
    except errors as known:
        gone = connection.dialect.is_disconnect(known, adapted, None)
        if gone:
            # Who lost one may have lost them all: older ones are made anew before they are given out.
            held = connection.sync_connection.connection
            connection.sync_engine.pool._invalidate(held, known, _checkin=False)  # noqa: SLF001  # as it does
            await connection.invalidate(known)
        return DBAPIError.instance(
            sql,
            None,
            known,
            errors,
            hide_parameters=True,  # they are people's data
            connection_invalidated=gone,
            dialect=connection.dialect,
        )
    except Exception as unknown:  # noqa: BLE001  # no error of the database
        return unknown
    raise AssertionError  # it raises always


class Database:
    """One role's pool on one service's database."""

    def __init__(self, dsn: str, *, name: str = "jamaa", pool_size: int = POOL_SIZE) -> None:
        self.engine = engine_of(
            dsn,
            {"server_settings": SERVER_SETTINGS | {"application_name": name}, "timeout": 10},
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            hide_parameters=True,  # they are people's data
        )
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
    ) -> AsyncIterator[Tx]:
        """Commits when the block ends, rolls back when it raises. `claim` (key, route, hash) takes an
        idempotency key in the same round trip.
        """
        scope = {
            "subject": actor.subject,
            "communes": ",".join(sorted(actor.communes)),
            "provinces": ",".join(sorted(actor.provinces)),
            **(claim or {}),
        }
        statement = BEGIN if claim is None else ENTER
        async with self.engine.connect() as connection:
            try:
                begun = await _begun(connection, statement, scope)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                # It died while it waited in the pool (the server restarted), and nothing was done on it yet.
                # Asking each one first (pool_pre_ping) would cost every request a round trip.
                await connection.rollback()
                await connection.get_raw_connection()  # a new one
                begun = await _begun(connection, statement, scope)
            row = begun.one()
            tx = Tx(connection, actor, row[0], correlation_id, causation_id, traceparent, tracestate)
            tx.claimed = claim is not None and row[1]
            yield tx
            await _commit(connection)
        if tx.emitted:
            for wake in self.on_emit:
                wake()

    async def look(
        self, statement: Executable, params: Mapping[str, Any] | None = None, /
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """One statement outside a transaction, for what is asked again and again: one round trip, not four.
        It acts for nobody, so it sees and changes what the worker may.
        """
        async with self.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            try:
                return (await connection.execute(statement, params)).all()
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                await connection.rollback()
                return (await connection.execute(statement, params)).all()

    async def close(self) -> None:
        await self.engine.dispose()


def engine_of(dsn: str, connect: Mapping[str, Any], **options: Any) -> AsyncEngine:
    """Asyncpg reads the DSN itself: SQLAlchemy's URL knows neither `sslmode` nor a socket's directory."""
    return create_async_engine("postgresql+asyncpg://", connect_args={"dsn": dsn, **connect}, **options)
