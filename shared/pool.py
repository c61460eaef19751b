"""Connections to one database, and statements run on them by the driver itself."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import asyncpg
from asyncpg import InterfaceError, InternalClientError, PostgresError
from pydantic_core import from_json
from sqlalchemy import Row, TextClause, TextualSelect
from sqlalchemy.dialects.postgresql import asyncpg as adapter
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.exc import DBAPIError, InternalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

SERVER_SETTINGS: Final = {
    "timezone": "UTC",  # civil time is computed in shared.time from the pinned tzdata, never by the server
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "tcp_keepalives_idle": "30",  # what somebody held who is gone is free again in a minute
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "jit": "off",  # every statement here is short
}
CONNECT_SECONDS: Final = 10.0
FAILURES: Final = (PostgresError, InterfaceError, InternalClientError, OSError)
DIALECT: Final = adapter.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own lacks types
PLACE: Final = re.compile(r"\$(\d+)")
FLIGHTS: Final = 2  # of one statement at a time: one is answered while the next one comes together
HUNG_SECONDS: Final = 75.0  # longer than any statement may take: nobody is there any more
EVERYBODYS: Final = frozenset({"25", "53", "57"})  # classes of SQLSTATE: a standby, no room, a shutdown
MOST: Final = 16  # that share a transaction, and wait for each other's locks
TOLD: Final = 8  # of them at a time: the loop looks at its sockets before it goes on
FIRST: Final = 2  # the same while nothing is under way: PostgreSQL waits for what they ask next
NOTHING: Final = SimpleResultMetaData([])

Statement = TextClause | TextualSelect
Params = Mapping[str, Any] | list[dict[str, Any]]
Writes = Sequence[tuple[Statement, Mapping[str, Any]]]


class Fetched(IteratorResult[*tuple[Any, ...]]):
    """The rows of one statement, all of them here. `rowcount` is how many it returned or changed."""

    rowcount: int = -1


@lru_cache(maxsize=1024)
def positional(statement: Statement) -> tuple[str, tuple[str, ...]]:
    """As PostgreSQL numbers parameters: the text, and their names in order."""
    compiled = statement.compile(dialect=DIALECT)
    return str(compiled), tuple(compiled.positiontup or ())


@lru_cache(maxsize=256)
def _merged(statements: tuple[Statement, ...]) -> str:
    """All but the last are parts of its WITH; each one's parameters follow those of the one before. When the
    last asks how many rows were `written` it begins after them, and has their locks.
    """
    parts: list[str] = []
    before = 0
    for statement in statements:
        sql, names = positional(statement)
        parts.append(PLACE.sub(lambda found, n=before: f"${int(found[1]) + n}", sql))  # type: ignore[misc]
        before += len(names)
    *writes, last = parts
    if not writes:
        return last
    counts = "FROM written" in last
    kept = [f"{sql} RETURNING true" if counts and not sql.startswith("SELECT") else sql for sql in writes]
    named = [f"write_{n} AS ({sql})" for n, sql in enumerate(kept)]
    if counts:
        rows = " + ".join(f"(SELECT count(*) FROM write_{n})" for n in range(len(writes)))  # noqa: S608 -- numbers
        named.append(f"written (rows) AS MATERIALIZED (SELECT {rows})")
    return f"WITH {', '.join(named)} {last}"


def merged(writes: Writes) -> tuple[str, list[Any]]:
    """One statement of several, and its values: the last one answers, and none sees what another one did."""
    sql = _merged(tuple(statement for statement, _ in writes))
    return sql, [params[name] for one, params in writes for name in positional(one)[1]]


class Session:
    """One connection, and what was prepared on it."""

    __slots__ = ("connection", "pool", "prepared")

    def __init__(self, connection: asyncpg.Connection, pool: "Pool") -> None:
        self.connection = connection
        self.pool = pool
        self.prepared: dict[str, tuple[Any, SimpleResultMetaData]] = {}

    async def run(self, statement: Statement, params: Params) -> Fetched:
        """One statement, many times for a list of parameters. Raises DBAPIError, which hides its parameters:
        they are people's data.
        """
        sql, names = positional(statement)
        if not isinstance(params, list):
            return await self._fetch(sql, [params[name] for name in names])
        try:
            await self.connection.executemany(sql, [[one[name] for name in names] for one in params])
        except FAILURES as error:
            raise self._failed(sql, error) from error
        return Fetched(NOTHING, iter(()))

    async def together(self, writes: Writes) -> Fetched:
        """Several statements in one round trip: see `merged`."""
        return await self._fetch(*merged(writes))

    async def each(self, sql: str, values: Sequence[Sequence[Any]]) -> Fetched:
        """One statement that gives one row, for each of these values: in one round trip, and one transaction
        when none is open.
        """
        hung = asyncio.get_running_loop().call_later(HUNG_SECONDS, self.connection.terminate)
        try:
            ready, columns = await self._ready(sql)
            return Fetched(columns, map(tuple, await ready.fetchmany(values)))
        except FAILURES as error:
            raise self._failed(sql, error) from error
        finally:
            hung.cancel()

    async def _ready(self, sql: str) -> tuple[Any, SimpleResultMetaData]:
        if sql not in self.prepared:
            ready = await self.connection.prepare(sql)
            columns = SimpleResultMetaData([column.name for column in ready.get_attributes()])
            self.prepared[sql] = ready, columns
        return self.prepared[sql]

    async def _fetch(self, sql: str, values: Sequence[Any]) -> Fetched:
        try:
            ready, columns = await self._ready(sql)
            fetched = Fetched(columns, map(tuple, await ready.fetch(*values)))
        except FAILURES as error:
            raise self._failed(sql, error) from error
        changed = ready.get_statusmsg().rpartition(" ")[2]
        fetched.rowcount = int(changed) if changed.isdecimal() else -1
        return fetched

    async def say(self, command: str) -> None:
        """BEGIN, COMMIT or ROLLBACK. A COMMIT that PostgreSQL answers with a rollback is an error:
        something in the transaction failed, and nobody said so.
        """
        try:
            status = await self.connection.execute(command)
        except FAILURES as error:
            raise self._failed(command, error) from error
        except asyncio.CancelledError:  # nobody knows whether a transaction began or ended
            self.connection.terminate()
            raise
        if status != command.partition(" ")[0]:
            raise RuntimeError(f"{command} was answered with {status}: an error before it was swallowed")

    def _failed(self, sql: str, error: Exception) -> DBAPIError:
        if not str(getattr(error, "sqlstate", "")).startswith(("23", "40", "55P03")):
            self.prepared.clear()  # a migration may have changed what a statement returns
        if isinstance(error, InternalClientError):  # the server's farewell is there, and only half read
            self.connection.terminate()
        lost = self.connection.is_closed()
        return DBAPIError(sql, None, error, hide_parameters=True, connection_invalidated=lost)


@dataclass(slots=True, eq=False)
class _Asked:
    values: list[Any]
    place: str
    answer: asyncio.Future[Row[*tuple[Any, ...]]]

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Gathering:
    """One statement of all who ask at one moment, in one round trip and one transaction (0057). Whoever comes
    while `FLIGHTS` are under way goes with the next one: nobody waits for company.
    """

    def __init__(self, pool: "Pool", sql: str) -> None:
        self.pool = pool
        self.sql = sql
        self._waiting: deque[_Asked] = deque()
        self._flights = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, values: list[Any], place: str) -> Row[*tuple[Any, ...]]:
        """The one row. Of those in one `place`, which would wait for each other, one goes with the others.
        Raises what the statement does to it, and SQLAlchemy's TimeoutError when nobody was told in time.
        """
        loop = asyncio.get_running_loop()
        asked = _Asked(values, place, loop.create_future())
        self._waiting.append(asked)
        late = PoolExhausted(f"nothing was heard of the database for {self.pool.patience} s")
        patience = loop.call_later(self.pool.patience, asked.fail, late)
        if self._flights < FLIGHTS:
            self._flights += 1
            self._start(self._fly())
        try:
            return await asked.answer
        finally:
            patience.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, context=Context())  # of nobody's request
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fly(self) -> None:
        try:
            while self._waiting:
                # In one order everywhere: two flights never wait for each other in a circle.
                await self._answer(sorted(self._boarding(), key=lambda one: one.place))
        finally:
            self._flights -= 1

    def _boarding(self) -> Iterator[_Asked]:
        places: set[str] = set()
        while self._waiting and len(places) < MOST:
            one = self._waiting.popleft()
            if one.place in places:
                self._start(self._answer([one]))
            else:
                places.add(one.place)
                yield one

    async def _answer(self, batch: list[_Asked]) -> None:
        batch = [one for one in batch if not one.answer.done()]  # whoever asked may have gone
        if not batch:
            return
        try:
            async with self.pool.session() as session:
                rows = await self._rows(session, [one.values for one in batch])
        except BaseException as error:
            for one in batch:
                if len(batch) > 1 and _spoilt(error):  # by one of them, who is told so alone
                    self._start(self._answer([one]))
                else:
                    one.fail(error if isinstance(error, Exception) else ConnectionAbortedError(repr(error)))
            if not isinstance(error, Exception):
                raise
            return
        self._tell(deque(zip(batch, rows, strict=True)))

    def _tell(self, answers: deque[tuple[_Asked, Row[*tuple[Any, ...]]]]) -> None:
        """Some, and the others when the loop comes round again. Told all at once they would stay together for
        ever: PostgreSQL idle while they are told, this process idle while they are under way.
        """
        some = TOLD if self.pool.under_way else FIRST
        for one, row in [answers.popleft() for _ in range(min(some, len(answers)))]:
            if not one.answer.done():
                one.answer.set_result(row)
        if answers:
            asyncio.get_running_loop().call_soon(self._tell, answers)

    async def _rows(self, session: Session, values: list[list[Any]]) -> Sequence[Row[*tuple[Any, ...]]]:
        try:
            rows = (await session.each(self.sql, values)).all()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # If it was done all the same, doing it again is refused: the aggregate moved.
            await self.pool.renew(session)
            rows = (await session.each(self.sql, values)).all()
        if len(rows) != len(values):
            raise RuntimeError(f"{len(rows)} rows for {len(values)} who asked: whose they are is not known")
        return rows


def _spoilt(error: BaseException) -> bool:
    """Whether it is one caller's, and not the server's or the connection's."""
    if isinstance(error, DBAPIError):
        state = str(getattr(error.__cause__, "sqlstate", None) or "")
        return bool(state) and not error.connection_invalidated and state[:2] not in EVERYBODYS
    return isinstance(error, ValueError | TypeError)  # the driver cannot write or read a value


class Pool:
    """At most `size` connections; whoever finds none free waits, `patience` seconds at most.

    SQLAlchemy's pool costs a greenlet and events for every use, the driver's a task and a round trip that
    resets what is never set here (0036).
    """

    def __init__(self, dsn: str, *, name: str, size: int) -> None:
        self.dsn = dsn
        self.patience = 10.0
        self._settings = SERVER_SETTINGS | {"application_name": name}
        self._idle: list[Session] = []
        self._free = asyncio.Semaphore(size)
        self._closed = False
        self.under_way = 0
        self._gatherings: dict[str, Gathering] = {}

    async def gathered(self, writes: Writes, place: str) -> Row[*tuple[Any, ...]]:
        """The one row of `merged(writes)`, in one transaction with those who ask the same now: it reads, or
        is refused when it comes a second time. Those in one `place` would wait for each other.
        """
        sql, values = merged(writes)
        if sql not in self._gatherings:
            self._gatherings[sql] = Gathering(self, sql)
        return await self._gatherings[sql].ask(values, place)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Raises SQLAlchemy's TimeoutError when none is free in time; the driver's errors of connecting."""
        session = await self.take()
        self.under_way += 1
        try:
            yield session
        finally:
            self.under_way -= 1
            await self.give(session)

    async def take(self) -> Session:
        if self._free.locked():
            try:
                async with asyncio.timeout(self.patience):
                    await self._free.acquire()
            except TimeoutError as error:
                raise PoolExhausted(f"no connection was free for {self.patience} s") from error
        else:
            await self._free.acquire()
        while self._idle:
            session = self._idle.pop()
            if not session.connection.is_closed():
                return session
        try:
            return Session(await self._connect(), self)
        except BaseException:
            self._free.release()
            raise

    async def give(self, session: Session) -> None:
        """What was not committed is rolled back; the server does so itself when the connection is gone."""
        connection = session.connection
        try:
            if not connection.is_closed() and connection.is_in_transaction():
                with suppress(*FAILURES):
                    await connection.execute("ROLLBACK", timeout=CONNECT_SECONDS)
        finally:
            if connection.is_closed():
                self._forget()  # who lost one may have lost them all
            elif self._closed or connection.is_in_transaction():
                connection.terminate()
            else:
                self._idle.append(session)
            self._free.release()

    async def renew(self, session: Session) -> None:
        """A new connection in the place of one that died while it waited."""
        self._forget()
        session.connection, session.prepared = await self._connect(), {}

    async def close(self) -> None:
        """The idle ones; those in use end when they are given back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().connection.close(timeout=CONNECT_SECONDS)

    def _forget(self) -> None:
        while self._idle:
            self._idle.pop().connection.terminate()

    async def _connect(self) -> asyncpg.Connection:
        try:
            connection = await asyncpg.connect(
                self.dsn, server_settings=self._settings, timeout=CONNECT_SECONDS
            )
        except InternalClientError as error:
            # In a failover no server is what `target_session_attrs` asks for.
            raise InternalError("connect", None, error) from error
        try:
            for name in ("json", "jsonb"):
                await connection.set_type_codec(name, schema="pg_catalog", encoder=str, decoder=from_json)
        except BaseException:
            connection.terminate()
            raise
        # Whoever waits to send more would otherwise wait for ever for a connection that is gone.
        sending = connection._protocol  # noqa: SLF001 -- the driver has no other way
        connection.add_termination_listener(lambda _: sending.resume_writing())
        return connection
