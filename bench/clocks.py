"""The law's clocks: that what one costs does not depend on how many run, how many elapse in a second when a
midnight makes many due, and how many are counted again in a second after a late holiday.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg

from bench import obtain
from bench.harness import Options, Peers, Result, Workshop, interleaved, medians, others, workshop
from services.deadlines.announce import AT_ONCE, BATCH, announce_one, each, recount_one
from services.deadlines.app import SERVICE
from services.deadlines.consumers import hear
from services.deadlines.store import calendar, clocks
from shared.db import Database
from shared.events import Envelope
from shared.migrate import database_of, roles

FEW: Final = 10_000
MANY: Final = 5_000_000
OPERATIONS: Final = 100  # of each kind in one round
DUE: Final = 100_000
RECOUNTED: Final = 10_000
CROWDED: Final = f"{database_of(SERVICE.name)}_crowded"
TEMPORAL: Final = (
    "not run: go install refuses its command line (replace directives in go.mod); its server 1.32 asks for Go"
    " 1.26.10, newer than where this was tried"
)

# Clocks like the template's row, each of another file, in the order of three indexes: five times as fast.
COPY: Final = """
INSERT INTO deadlines.clock ({columns}) SELECT {values} FROM deadlines.clock t,
  (SELECT gen_random_uuid() AS id FROM generate_series(1, {amount}) ORDER BY 1) s WHERE t.id = $1
"""
REMEMBER: Final = """
INSERT INTO msg.event_log (pos, id, source, aggregatetype, aggregateid, seq, type, collectivity, payload,
  headers, occurred_at)
SELECT nextval('msg.event_pos'), gen_random_uuid(), '/deadlines', 'clock', id::text, 1,
  'ma.jamaa.deadlines.clock.started.v1', collectivity, '{}', '{}', started_at
FROM deadlines.clock c WHERE state = 'running' AND NOT EXISTS
  (SELECT FROM msg.event_log e WHERE e.aggregatetype = 'clock' AND e.aggregateid = c.id::text)
"""
FLOOR_TABLE: Final = """
CREATE SCHEMA bench;
CREATE TABLE bench.event (pos bigserial PRIMARY KEY, clock uuid NOT NULL, payload bytea NOT NULL);
GRANT USAGE ON SCHEMA bench TO {role};
GRANT INSERT ON bench.event TO {role};
GRANT USAGE ON SEQUENCE bench.event_pos_seq TO {role};
"""


@dataclass(slots=True)
class Shelf:
    """One database with clocks, and an administrator's connection to it. `running` and `due` are rows to
    copy: a clock far from its date, one whose date has passed.
    """

    database: Database
    admin: asyncpg.Connection
    running: UUID
    due: UUID

    async def fill(self, template: UUID, amount: int, *, spread: bool = False) -> None:
        """`spread` puts what each has to announce next somewhere in the coming 60 days."""
        asked = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'deadlines'"
        found = await self.admin.fetch(f"{asked} AND table_name = 'clock' ORDER BY ordinal_position")
        values = {row[0]: f"t.{row[0]}" for row in found}
        values |= {"id": "s.id", "aggregate_id": "s.id::text"}
        if spread:
            values["next_at"] = "clock_timestamp() + interval '1 day' + random() * interval '60 days'"
        statement = COPY.format(columns=", ".join(values), values=", ".join(values.values()), amount=amount)
        await self.admin.execute(statement, template)
        await self.admin.execute("VACUUM (ANALYZE) deadlines.clock")

    async def remember(self) -> None:
        """The event that opened each clock, which later ones refer to."""
        await self.admin.execute(REMEMBER)
        await self.admin.execute("VACUUM (ANALYZE) msg.event_log")


async def run(options: Options) -> list[Result]:
    many = options.scaled(MANY)
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(workshop(options, SERVICE))
        await shop.database(SERVICE, CROWDED)
        await shop.execute(SERVICE.name, FLOOR_TABLE.format(role=roles(SERVICE.name)[1]))
        few_shelf = await _shelf(stack, shop, None)
        many_shelf = await _shelf(stack, shop, CROWDED)
        await few_shelf.fill(few_shelf.running, options.scaled(FEW), spread=True)
        await many_shelf.fill(many_shelf.running, many, spread=True)
        shelves = {"ours": many_shelf, "floor": few_shelf}
        results = [
            await _independence(shelves, options, name, title, many, operation)
            for name, title, operation in (
                ("clocks.open", "A clock is opened", _open),
                ("clocks.suspend", "A clock is suspended", _suspend),
                ("clocks.due", "The due clocks are looked for", _look),
            )
        ]
        results.append(await _elapse(shop, few_shelf, options))
        results.append(await _recount(shop, few_shelf, options))
    return results


async def _shelf(stack: AsyncExitStack, shop: Workshop, name: str | None) -> Shelf:
    database = shop.worker(SERVICE, name)
    stack.push_async_callback(database.close)
    admin = await asyncpg.connect(shop.postgres.dsn(name or database_of(SERVICE.name)))
    stack.push_async_callback(admin.close)
    now = datetime.now(UTC)
    made = []
    for submitted in (now - timedelta(days=1), now - timedelta(days=300)):
        file = uuid4()
        await _tell(database, file, 1, "submitted", submitted_at=submitted, complete=True)
        asked = "SELECT id FROM deadlines.clock WHERE aggregate_id = $1 AND role = 'decision'"
        made.append(await admin.fetchval(asked, str(file)))
    await admin.execute("DELETE FROM msg.outbox_pending")
    shelf = Shelf(database, admin, made[0], made[1])
    await admin.execute("UPDATE deadlines.clock SET next_at = NULL WHERE id = $1", shelf.due)
    return shelf


async def _tell(database: Database, file: UUID, sequence: int, what: str, **data: Any) -> None:
    """One event of a permit file, through the service's own consumer, in a transaction of its own."""
    payload = {"procedure": "construction_small", "collectivity": "06.141.01.0"} | {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in data.items()
    }
    envelope = Envelope(
        id=uuid4(),
        source="/rokhas",
        type=f"ma.jamaa.rokhas.dossier.{what}.v1",
        aggregate="dossier",
        subject=str(file),
        sequence=sequence,
        time=datetime.now(UTC),
        collectivity="06.141.01.0",
        data=json.dumps(payload).encode(),
    )
    async with database.transaction() as tx:
        await hear(tx, envelope)


# --- what one costs, few or many ------------------------------------------------------------------------


async def _open(shelf: Shelf) -> float:
    return await _timed(
        _tell(shelf.database, uuid4(), 1, "submitted", submitted_at=datetime.now(UTC), complete=True)
        for _ in range(OPERATIONS)
    )


async def _suspend(shelf: Shelf) -> float:
    files = [uuid4() for _ in range(OPERATIONS)]
    now = datetime.now(UTC)
    for file in files:
        await _tell(shelf.database, file, 1, "submitted", submitted_at=now - timedelta(days=1), complete=True)
    asked = {"requested_at": now, "request": "r1", "suspends": True}
    return await _timed(_tell(shelf.database, file, 2, "information_requested", **asked) for file in files)


async def _look(shelf: Shelf) -> float:
    async def look() -> None:
        async with shelf.database.transaction() as tx:
            assert not await clocks.due(tx, BATCH)

    return await _timed(look() for _ in range(OPERATIONS))


async def _timed(works: Any) -> float:
    """Milliseconds each, one after the other."""
    before = time.perf_counter()
    for work in works:
        await work
    return 1000 * (time.perf_counter() - before) / OPERATIONS


async def _independence(
    shelves: dict[str, Shelf],
    options: Options,
    name: str,
    title: str,
    many: int,
    operation: Callable[[Shelf], Awaitable[float]],
) -> Result:
    contestants = {who: lambda shelf=shelf: operation(shelf) for who, shelf in shelves.items()}
    await interleaved(contestants, rounds=1)
    found = medians(await interleaved(contestants, rounds=options.rounds))
    return Result(
        name=name,
        title=f"{title} beside {many:,} others",
        unit="ms",
        better="less",
        ours=found["ours"],
        floor=found["floor"],
        floor_is=f"the same beside {options.scaled(FEW):,}",
        aim="1.0: independent of the backlog",
    )


# --- many at once ---------------------------------------------------------------------------------------


async def _elapse(shop: Workshop, shelf: Shelf, options: Options) -> Result:
    amount = options.scaled(DUE)
    pool = await asyncpg.create_pool(
        shop.postgres.dsn(database_of(SERVICE.name), roles(SERVICE.name)[1]),
        min_size=AT_ONCE,
        max_size=AT_ONCE,
    )

    async def prepare() -> None:
        await shelf.admin.execute(
            "DELETE FROM deadlines.clock WHERE answer_by < clock_timestamp() AND id <> $1", shelf.due
        )
        await shelf.fill(shelf.due, amount)
        await shelf.remember()
        await shelf.admin.execute(
            "UPDATE deadlines.clock SET next_at = answer_by WHERE answer_by < clock_timestamp() AND id <> $1",
            shelf.due,
        )

    async def ours() -> float:
        """What `announce` does until nothing is due."""
        await prepare()
        before = time.perf_counter()
        while True:
            async with shelf.database.transaction() as tx:
                found = await clocks.due(tx, BATCH)
            if not found:
                break
            await each(shelf.database, found, announce_one)
        return amount / (time.perf_counter() - before)

    async def floor() -> float:
        await prepare()
        before = time.perf_counter()
        due = iter(
            [row[0] for row in await pool.fetch("SELECT id FROM deadlines.clock WHERE next_at <= now()")]
        )
        await asyncio.gather(
            *(
                _bare(pool, due, "state = 'elapsed', elapsed_at = answer_by, next_at = NULL")
                for _ in range(AT_ONCE)
            )
        )
        return amount / (time.perf_counter() - before)

    contestants: dict[str, Callable[[], Awaitable[float]]] = {"ours": ours, "floor": floor}
    missing: Peers = {"Temporal": TEMPORAL} if options.peers else {}
    if options.peers:
        try:
            contestants["procrastinate"] = await procrastinate(shop, amount)
        except obtain.NotObtained as error:
            missing["procrastinate"] = f"not run: {error}"
    try:
        found = medians(await interleaved(contestants, rounds=options.rounds))
        left = await shelf.admin.fetchval(
            "SELECT count(*) FROM deadlines.clock WHERE state = 'running' AND next_at <= now()"
        )
        if left:
            raise RuntimeError(f"{left} due clocks were not announced")
    finally:
        await pool.close()
    return Result(
        name="clocks.elapse",
        title=f"{amount:,} clocks due at one instant",
        unit="clocks/s",
        better="more",
        ours=found["ours"],
        floor=found["floor"],
        floor_is="asyncpg, one UPDATE and one INSERT in a transaction per clock",
        aim="as lateness: the last of 100,000 within a minute or two",
        peers=others(found) | missing,
        details={
            "lateness_of_the_last_s": amount / found["ours"],
            "mean_lateness_s": amount / found["ours"] / 2,
        },
    )


async def procrastinate(shop: Workshop, amount: int) -> Callable[[], Awaitable[float]]:
    """The peer: a queue of jobs in PostgreSQL, from PyPI. Raises NotObtained."""
    python = await obtain.environment("procrastinate")
    program = obtain.PEERS / "procrastinate" / "peer.py"
    await shop.execute(SERVICE.name, "CREATE DATABASE bench_procrastinate")
    environment = {"BENCH_DSN": shop.postgres.dsn("bench_procrastinate")}

    async def measure() -> float:
        await obtain.run(python, program, "prepare", str(amount), environment=environment)
        said = await obtain.run(python, program, "work", environment=environment)
        return amount / float(said.splitlines()[-1])

    return measure


async def _bare(pool: asyncpg.Pool, ids: Any, change: str) -> None:
    for clock in ids:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(f"UPDATE deadlines.clock SET {change} WHERE id = $1", clock)
            await connection.execute(
                "INSERT INTO bench.event (clock, payload) VALUES ($1, $2)", clock, b"{}" * 200
            )


async def _recount(shop: Workshop, shelf: Shelf, options: Options) -> Result:
    """Each round a day off more is announced, and all running clocks are counted again."""
    amount = options.scaled(RECOUNTED)
    await shelf.admin.execute("DELETE FROM deadlines.clock WHERE id <> ALL($1)", [shelf.running, shelf.due])
    await shelf.admin.execute("UPDATE deadlines.clock SET state = 'stopped', next_at = NULL")
    await shelf.admin.execute("UPDATE deadlines.clock SET state = 'running' WHERE id = $1", shelf.running)
    await shelf.fill(shelf.running, amount - 1, spread=True)
    await shelf.remember()
    pool = await asyncpg.create_pool(
        shop.postgres.dsn(database_of(SERVICE.name), roles(SERVICE.name)[1]),
        min_size=AT_ONCE,
        max_size=AT_ONCE,
    )
    days = count(3)

    async def ours() -> float:
        day = (datetime.now(UTC) + timedelta(days=next(days))).date()
        await shelf.admin.execute(
            "INSERT INTO deadlines.calendar_day (id, date, kind, status, name, source, announced_at, state,"
            " proposed_by, proposed_at, version) VALUES (gen_random_uuid(), $1, 'national', 'confirmed', $2,"
            " 'Bulletin officiel', clock_timestamp(), 'in_force', 'bench', clock_timestamp(), 1)",
            day,
            json.dumps({"ar": "عطلة", "fr": "Jour chômé", "en": "Day off"}),
        )
        await shelf.admin.execute(
            "INSERT INTO deadlines.calendar_revision SELECT max(revision) + 1, $1, 'Bulletin officiel',"
            " clock_timestamp(), clock_timestamp() FROM deadlines.calendar_revision",
            json.dumps({"ar": "عطلة", "fr": "Jour chômé", "en": "Day off"}),
        )
        before = time.perf_counter()
        while True:
            async with shelf.database.transaction() as tx:
                revision, _ = await calendar.current(tx)
                found = await clocks.stale(tx, revision, BATCH)
            if not found:
                break
            await each(shelf.database, found, recount_one)
        return amount / (time.perf_counter() - before)

    async def floor() -> float:
        ids = iter(
            [row[0] for row in await pool.fetch("SELECT id FROM deadlines.clock WHERE state = 'running'")]
        )
        before = time.perf_counter()
        await asyncio.gather(
            *(
                _bare(pool, ids, "last_day = last_day + 1, answer_by = answer_by + interval '1 day'")
                for _ in range(AT_ONCE)
            )
        )
        return amount / (time.perf_counter() - before)

    try:
        found = medians(await interleaved({"ours": ours, "floor": floor}, rounds=options.rounds))
    finally:
        await pool.close()
    return Result(
        name="clocks.recount",
        title="Open clocks counted again after a late holiday",
        unit="clocks/s",
        better="more",
        ours=found["ours"],
        floor=found["floor"],
        floor_is="asyncpg, one UPDATE and one INSERT in a transaction per clock",
        aim="a million open clocks within the night",
        details={"clocks": amount, "a_million_takes_min": 1_000_000 / found["ours"] / 60},
    )
