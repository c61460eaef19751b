"""The law's clocks: that what one costs does not depend on how many run, how many elapse in a second when a
midnight makes many due, and how many are counted again in a second after a late holiday.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg

from bench import obtain
from bench.files import communes
from bench.harness import (
    Measure,
    Options,
    Peers,
    Result,
    Workshop,
    interleaved,
    medians,
    others,
    require_disk,
    say,
    unindexed,
    workshop,
)
from services.deadlines.announce import AT_ONCE, BATCH, announce_one, each, recount_one
from services.deadlines.app import SERVICE
from services.deadlines.consumers import hear
from services.deadlines.store import calendar, clocks
from shared.db import Database
from shared.events import Envelope
from shared.migrate import database_of, roles

FEW: Final = 10_000
MANY: Final = 5_000_000
BYTES: Final = 2500  # on disk for each of these at most: row, indexes, head, event; and what is due on top
WAL_BYTES: Final = 2500  # the same for the log that waits for a checkpoint
AT_A_TIME: Final = 250_000  # in one statement
OPERATIONS: Final = 100  # of each kind in one round
DUE: Final = 100_000
SAMPLE: Final = 10_000  # of these, for a floor that the others do not slow down
PEER_SECONDS: Final = 10.0
RECOUNTED: Final = 10_000
LEAST: Final = 1000  # of either, at any scale: a few would measure how a transaction begins
CROWDED: Final = f"{database_of(SERVICE.name)}_crowded"
TEMPORAL: Final = (
    "not run: go install refuses its command line (replace directives in go.mod); its server 1.32 asks for Go"
    " 1.26.10, newer than where this was tried"
)

# Clocks like the template's row, each of another file, in the order of the key, and all that opening one
# leaves behind; but for the content of the event, which nobody reads again and which is most of its size.
COPY: Final = """
WITH made AS (
  INSERT INTO deadlines.clock ({columns}) SELECT {values} FROM deadlines.clock t,
    (SELECT gen_random_uuid() AS id, random() AS chance FROM generate_series(1, $2) ORDER BY 1) s
  WHERE t.id = $1 RETURNING id::text, collectivity, started_at),
heads AS (INSERT INTO msg.aggregate_head SELECT 'clock', id, 1 FROM made)
INSERT INTO msg.event_log (pos, id, source, aggregatetype, aggregateid, seq, type, collectivity, payload,
  headers, occurred_at)
SELECT nextval('msg.event_pos'), gen_random_uuid(), '/deadlines', 'clock', id, 1,
  'ma.jamaa.deadlines.clock.started.v1', collectivity, '{{}}', '{{}}', started_at FROM made
"""
SPREAD: Final = {
    "collectivity": "(ARRAY[{communes}])[1 + floor(s.chance * {number})::int]",
    "last_day": "t.last_day + floor(s.chance * 60)::int",
    "answer_by": "t.answer_by + floor(s.chance * 60) * interval '1 day'",
    "next_at": "clock_timestamp() + interval '1 day' + s.chance * interval '60 days'",
}
"""Over the communes and the coming 60 days."""

DUE_NOW: Final = {"next_at": "t.answer_by"}
FLOOR_TABLE: Final = """
CREATE SCHEMA IF NOT EXISTS bench;
CREATE TABLE IF NOT EXISTS bench.event (
  pos bigserial PRIMARY KEY, clock uuid NOT NULL, payload bytea NOT NULL);
GRANT USAGE ON SCHEMA bench TO {role};
GRANT INSERT ON bench.event TO {role};
GRANT USAGE ON SEQUENCE bench.event_pos_seq TO {role};
"""


@dataclass(slots=True)
class Shelf:
    """One database with clocks, an administrator's connection to it and the floor's. `running` and `due` are
    rows to copy: a clock far from its date, one whose date has passed.
    """

    database: Database
    admin: asyncpg.Connection
    bare: asyncpg.Pool
    running: UUID
    due: UUID

    async def fill(self, template: UUID, amount: int, changed: Mapping[str, str] | None = None) -> None:
        """`changed` are expressions by column."""
        asked = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'deadlines'"
        found = await self.admin.fetch(f"{asked} AND table_name = 'clock' ORDER BY ordinal_position")
        values = {row[0]: f"t.{row[0]}" for row in found}
        values |= {"id": "s.id", "aggregate_id": "s.id::text"} | dict(changed or {})
        statement = COPY.format(columns=", ".join(values), values=", ".join(values.values()))
        for start in range(0, amount, AT_A_TIME):
            await self.admin.execute(statement, template, min(AT_A_TIME, amount - start))
            if amount > AT_A_TIME:
                say(f"{min(start + AT_A_TIME, amount):,} of {amount:,} clocks")

    async def stock(self, amount: int) -> None:
        """So many that run, over the country and the coming weeks; those that `--home` kept are counted."""
        codes = [f"'{code}'" for code in communes()]
        spread = {
            name: value.format(communes=", ".join(codes), number=len(codes)) for name, value in SPREAD.items()
        }
        known = await self.admin.fetchval("SELECT count(*) FROM deadlines.clock WHERE next_at > now()")
        async with unindexed(self.admin, "deadlines.clock", "msg.event_log", "msg.aggregate_head"):
            await self.fill(self.running, max(0, amount - known), spread)


async def run(options: Options) -> list[Result]:
    many = options.scaled(MANY)
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(workshop(options, SERVICE))
        require_disk(shop.home, f"{many:,} clocks", many * (BYTES + WAL_BYTES))
        await shop.database(SERVICE, CROWDED)
        few_shelf = await _shelf(stack, shop, None)
        many_shelf = await _shelf(stack, shop, CROWDED)
        await few_shelf.stock(options.scaled(FEW))
        await many_shelf.stock(many)
        say(await many_shelf.admin.fetchval("SELECT pg_size_pretty(pg_database_size(current_database()))"))
        shelves = {"ours": many_shelf, "floor": few_shelf}
        results = [
            await _independence(shelves, options, name, title, many, operation)
            for name, title, operation in (
                ("clocks.open", "A clock is opened", _open),
                ("clocks.suspend", "A clock is suspended", _suspend),
            )
        ]
        for shelf in shelves.values():
            await shelf.fill(shelf.due, BATCH, DUE_NOW)
        title = f"{BATCH:,} due clocks are found"
        results.append(await _independence(shelves, options, "clocks.due", title, many, _look))
        for shelf in shelves.values():
            await shelf.admin.execute("UPDATE deadlines.clock SET next_at = NULL WHERE next_at <= now()")
        results.append(await _elapse(shop, many_shelf, options))
        results.append(await _recount(few_shelf, options))
    return results


async def _shelf(stack: AsyncExitStack, shop: Workshop, name: str | None) -> Shelf:
    database = shop.worker(SERVICE, name)
    stack.push_async_callback(database.close)
    admin = await asyncpg.connect(shop.postgres.dsn(name or database_of(SERVICE.name)))
    stack.push_async_callback(admin.close)
    role = roles(SERVICE.name)[1]
    await admin.execute(FLOOR_TABLE.format(role=role))
    bare = await stack.enter_async_context(
        asyncpg.create_pool(
            shop.postgres.dsn(name or database_of(SERVICE.name), role), min_size=AT_ONCE, max_size=AT_ONCE
        )
    )
    now = datetime.now(UTC)
    made = []
    for submitted in (now - timedelta(days=1), now - timedelta(days=300)):
        file = uuid4()
        await _tell(database, file, 1, "submitted", submitted_at=submitted, complete=True)
        asked = "SELECT id FROM deadlines.clock WHERE aggregate_id = $1 AND role = 'decision'"
        made.append(await admin.fetchval(asked, str(file)))
    await admin.execute("DELETE FROM msg.outbox_pending")
    await admin.execute("UPDATE deadlines.clock SET next_at = NULL WHERE id = ANY($1)", made)
    return Shelf(database, admin, bare, made[0], made[1])


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
            assert len(await clocks.due(tx, BATCH)) == BATCH

    return await _timed(look() for _ in range(OPERATIONS))


async def _timed(works: Iterable[Awaitable[None]]) -> float:
    """Milliseconds of the one in the middle, one after the other: a slow disk's moment counts for nobody."""
    taken = []
    for work in works:
        before = time.perf_counter()
        await work
        taken.append(1000 * (time.perf_counter() - before))
    return statistics.median(taken)


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
    found = medians(await interleaved(contestants, rounds=options.rounds, told=name))
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
    """Among all that are open. What elapsed in one round stays, as it would."""
    amount = max(LEAST, options.scaled(DUE))

    async def ours() -> float:
        """What `announce` does until nothing is due."""
        await shelf.fill(shelf.due, amount, DUE_NOW)
        before = time.perf_counter()
        while True:
            async with shelf.database.transaction() as tx:
                found = await clocks.due(tx, BATCH)
            if not found:
                break
            await each(shelf.database, found, announce_one)
        return amount / (time.perf_counter() - before)

    async def floor() -> float:
        some = min(SAMPLE, amount)
        await shelf.fill(shelf.due, some, DUE_NOW)
        before = time.perf_counter()
        rows = await shelf.bare.fetch("SELECT id FROM deadlines.clock WHERE next_at <= now()")
        await _bare(shelf, rows, "state = 'elapsed', elapsed_at = answer_by, next_at = NULL")
        return some / (time.perf_counter() - before)

    contestants: dict[str, Measure] = {"ours": ours, "floor": floor}
    missing: Peers = {"Temporal": TEMPORAL} if options.peers else {}
    if options.peers:
        try:
            contestants["procrastinate"] = await procrastinate(shop, amount)
        except obtain.NotObtained as error:
            missing["procrastinate"] = f"not run: {error}"
    announced = "SELECT count(*) FROM msg.event_log WHERE type = 'ma.jamaa.deadlines.clock.elapsed.v1'"
    found = medians(await interleaved(contestants, rounds=options.rounds, told="clocks.elapse"))
    if (seen := await shelf.admin.fetchval(announced)) % amount:
        raise RuntimeError(f"{seen:,} expiries were announced, of {amount:,} a round")
    return Result(
        name="clocks.elapse",
        title=f"{amount:,} clocks due at one instant, among {options.scaled(MANY):,}",
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


async def procrastinate(shop: Workshop, amount: int) -> Measure:
    """The peer: a queue of jobs in PostgreSQL, from PyPI. As many are due; how many it runs in `PEER_SECONDS`
    is its rate. Raises NotObtained.
    """
    python = await obtain.environment("procrastinate")
    program = obtain.PEERS / "procrastinate" / "peer.py"
    name = "bench_procrastinate"
    await shop.execute(SERVICE.name, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    environment = {"BENCH_DSN": shop.postgres.dsn(name)}

    async def measure() -> float:
        await obtain.run(python, program, "prepare", str(amount), environment=environment)
        said = await obtain.run(python, program, "work", str(PEER_SECONDS), environment=environment)
        return float(said.splitlines()[-1])

    return measure


async def _bare(shelf: Shelf, rows: Iterable[asyncpg.Record], change: str) -> None:
    waiting = iter(rows)

    async def work() -> None:
        for row in waiting:
            async with shelf.bare.acquire() as connection, connection.transaction():
                await connection.execute(f"UPDATE deadlines.clock SET {change} WHERE id = $1", row["id"])
                await connection.execute(
                    "INSERT INTO bench.event (clock, payload) VALUES ($1, $2)", row["id"], b"{}" * 200
                )

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _day_off(shelf: Shelf, day: date) -> None:
    """Announced too late for the clocks that run."""
    name = json.dumps({"ar": "عطلة", "fr": "Jour chômé", "en": "Day off"})
    await shelf.admin.execute(
        "INSERT INTO deadlines.calendar_day (id, date, kind, status, name, source, announced_at, state,"
        " proposed_by, proposed_at, version) VALUES (gen_random_uuid(), $1, 'national', 'confirmed', $2,"
        " 'Bulletin officiel', clock_timestamp(), 'in_force', 'bench', clock_timestamp(), 1)",
        day,
        name,
    )
    await shelf.admin.execute(
        "INSERT INTO deadlines.calendar_revision SELECT max(revision) + 1, $1, 'Bulletin officiel',"
        " clock_timestamp(), clock_timestamp() FROM deadlines.calendar_revision",
        name,
    )


async def _recount(shelf: Shelf, options: Options) -> Result:
    """Each round the last day of all running clocks becomes a day off, the worst that can be announced: each
    moves and says why.
    """
    amount = max(LEAST, options.scaled(RECOUNTED))
    running = "SELECT id, last_day FROM deadlines.clock WHERE state = 'running'"
    await shelf.admin.execute("DELETE FROM deadlines.clock WHERE id <> $1", shelf.running)
    await shelf.fill(shelf.running, amount - 1)
    await shelf.admin.execute("VACUUM (ANALYZE) deadlines.clock")
    unmoved: list[float] = []

    async def counted(day: date) -> float:
        await _day_off(shelf, day)
        before = time.perf_counter()
        while True:
            async with shelf.database.transaction() as tx:
                revision, _ = await calendar.current(tx)
                found = await clocks.stale(tx, revision, BATCH)
            if not found:
                return amount / (time.perf_counter() - before)
            await each(shelf.database, found, recount_one)

    async def ours() -> float:
        unmoved.append(await counted(datetime.now(UTC).date() + timedelta(days=1000 + len(unmoved))))
        last = max(row["last_day"] for row in await shelf.admin.fetch(running))
        rate = await counted(last)
        if left := [row for row in await shelf.admin.fetch(running) if row["last_day"] <= last]:
            raise RuntimeError(f"{len(left):,} clocks did not move from {last}")
        return rate

    async def floor() -> float:
        """Its dates are taken back, so that the next to count finds those that it made."""
        rows = await shelf.bare.fetch(running)
        before = time.perf_counter()
        await _bare(shelf, rows, "last_day = last_day + 1, answer_by = answer_by + interval '1 day'")
        taken = time.perf_counter() - before
        await shelf.admin.execute(
            "UPDATE deadlines.clock SET last_day = last_day - 1, answer_by = answer_by - interval '1 day'"
            " WHERE state = 'running'"
        )
        return amount / taken

    found = medians(
        await interleaved({"ours": ours, "floor": floor}, rounds=options.rounds, told="clocks.recount")
    )
    return Result(
        name="clocks.recount",
        title="Open clocks counted again, and moved, after a late holiday",
        unit="clocks/s",
        better="more",
        ours=found["ours"],
        floor=found["floor"],
        floor_is="asyncpg, one UPDATE and one INSERT in a transaction per clock",
        aim="a million open clocks within the night",
        details={
            "clocks": amount,
            "a_million_takes_min": 1_000_000 / found["ours"] / 60,
            "those_that_do_not_move_per_s": statistics.median(unmoved),
        },
    )
