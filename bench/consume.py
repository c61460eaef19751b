"""A consumer applies events, each exactly once and in its aggregate's order. The floor reads the same records
and writes them with one statement per batch, trusting Kafka's offsets.
"""

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final
from uuid import UUID, uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer
from sqlalchemy import TextClause, text

from bench.harness import Measure, Options, Result, Workshop, interleaved, medians, workshop
from services.deadlines import app as deadlines
from services.deadlines.consumers import CONSUMERS
from services.rokhas.app import SERVICE
from services.rokhas.events import DOSSIER
from shared.bus import Record
from shared.db import Database, Tx
from shared.events import Envelope
from shared.inbox import Inbox
from shared.inbox.reader import TOGETHER
from shared.migrate import database_of, roles
from shared.service import Consumer, Handler

EVENTS: Final = 20_000
PER_AGGREGATE: Final = 4

TABLE: Final = """
CREATE SCHEMA bench;
CREATE TABLE bench.applied (
  consumer text NOT NULL, id uuid NOT NULL, aggregate text NOT NULL, seq bigint NOT NULL,
  PRIMARY KEY (consumer, id));
GRANT USAGE ON SCHEMA bench TO {role};
GRANT SELECT, INSERT ON bench.applied TO {role};
"""
APPLY: Final = text("""
    INSERT INTO bench.applied SELECT CAST(:consumer AS text), * FROM unnest(CAST(:ids AS uuid[]),
      CAST(:aggregates AS text[]), CAST(:sequences AS bigint[]))""")
APPLIED: Final = text("SELECT count(*) FROM bench.applied WHERE consumer = :name")
CLOCKS: Final = text("SELECT count(*) FROM deadlines.clock WHERE role = 'decision' AND generation = 3")
AT_ONCE: Final = """
INSERT INTO bench.applied SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::bigint[])
ON CONFLICT DO NOTHING
"""
FORGET: Final = """
TRUNCATE deadlines.clock, deadlines.milestone, msg.aggregate_head, msg.event_log, msg.outbox_pending,
  msg.inbox_head
"""
_groups = count(1)


async def run(options: Options) -> list[Result]:
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(workshop(options, SERVICE, deadlines.SERVICE, kafka=True))
        await shop.execute(SERVICE.name, TABLE.format(role=roles(SERVICE.name)[1]))
        (clocks,) = CONSUMERS
        await shop.bus.ensure_topics([DOSSIER.topic, *clocks.topics])
        database, clock_database = shop.worker(SERVICE), shop.worker(deadlines.SERVICE)
        stack.push_async_callback(database.close)
        stack.push_async_callback(clock_database.close)
        bare = await asyncpg.connect(shop.postgres.dsn(database_of(SERVICE.name), roles(SERVICE.name)[1]))
        stack.push_async_callback(bare.close)
        amount = options.scaled(EVENTS)
        await _publish(shop, amount)

        async def hear(consumer: Consumer) -> float:
            await shop.execute(deadlines.SERVICE.name, FORGET)
            named = replace(consumer, name=f"deadlines.bench{next(_groups)}")
            rate = await _through(
                shop, Inbox(deadlines.SERVICE.name, named, clock_database, shop.bus), amount
            )
            await _require(clock_database, CLOCKS, {}, amount // PER_AGGREGATE)
            return rate

        contestants: dict[str, Measure] = {
            "ours": lambda: _ours(shop, database, amount),
            "clocks": lambda: hear(clocks),
            "an event at a time": lambda: hear(replace(clocks, together=None)),
            "floor": lambda: _floor(shop, bare, amount),
        }
        await interleaved(contestants, rounds=1)
        rates = medians(await interleaved(contestants, rounds=options.rounds))
    details = {"events": amount, "aggregates": amount // PER_AGGREGATE, "broker": shop.broker_is}
    return [
        Result(
            name="consume",
            title="Events consumed and applied exactly once, by one consumer",
            unit="events/s",
            better="more",
            ours=rates["ours"],
            floor=rates["floor"],
            floor_is="aiokafka and one INSERT per batch",
            aim="5,000 events/s",
            details=details,
        ),
        Result(
            name="consume.clocks",
            title="Events of files heard by the law's clocks: opened, suspended, resumed",
            unit="events/s",
            better="more",
            ours=rates["clocks"],
            floor=rates["floor"],
            floor_is="aiokafka and one INSERT per batch",
            aim="1,000 events/s",
            peers={"the same, an event at a time": rates["an event at a time"]},
            details=details,
        ),
    ]


async def _publish(shop: Workshop, amount: int) -> None:
    """Histories of four events, mixed as many files' are."""
    subjects = [str(uuid4()) for _ in range(amount // PER_AGGREGATE)]
    now = datetime.now(UTC)
    filed, asked, answered = ((now - timedelta(days=days)).isoformat() for days in (9, 6, 2))
    story: list[tuple[str, dict[str, object]]] = [
        ("submitted", {"submitted_at": filed, "complete": True}),
        ("information_requested", {"requested_at": asked, "request": "r1", "suspends": True}),
        ("answered_request", {"answered_at": answered, "suspension_ends": True, "restarts": False}),
        ("message_posted", {}),
    ]
    about = {"procedure": "construction_small", "collectivity": "06.141.01.0"}
    async with shop.bus.sender() as sender:
        for sequence, (what, told) in enumerate(story, start=1):
            records = [
                Envelope(
                    id=uuid4(),
                    source="/rokhas",
                    type=f"ma.jamaa.rokhas.dossier.{what}.v1",
                    aggregate="dossier",
                    subject=subject,
                    sequence=sequence,
                    time=now,
                    collectivity="06.141.01.0",
                    data=json.dumps(about | told).encode(),
                )
                for subject in subjects
            ]
            for start in range(0, len(records), 500):
                await sender.send([_record(one) for one in records[start : start + 500]])


def _record(envelope: Envelope) -> Record:
    return Record(DOSSIER.topic, envelope.subject, envelope.data, envelope.headers())


async def _ours(shop: Workshop, database: Database, amount: int) -> float:
    """The kernel's own loop; its consumer writes one row per event, with a statement for each batch."""
    name = f"rokhas.bench{next(_groups)}"

    async def apply(tx: Tx, envelope: Envelope) -> None:
        async with together(tx, [envelope]) as one:
            await one(tx, envelope)

    @asynccontextmanager
    async def together(tx: Tx, _: Sequence[Envelope]) -> AsyncIterator[Handler]:
        rows: list[tuple[UUID, str, int]] = []

        async def one(_: Tx, envelope: Envelope) -> None:
            rows.append((envelope.id, envelope.subject, envelope.sequence))

        yield one
        ids, aggregates, sequences = map(list, zip(*rows, strict=True))
        values = {"consumer": name, "ids": ids, "aggregates": aggregates, "sequences": sequences}
        await tx.execute(APPLY, values)

    consumer = Consumer(name, (DOSSIER.topic,), apply, together)
    rate = await _through(shop, Inbox(SERVICE.name, consumer, database, shop.bus), amount)
    await _require(database, APPLIED, {"name": name}, amount)
    return rate


async def _through(shop: Workshop, inbox: Inbox, amount: int) -> float:
    async with shop.bus.subscription(inbox.consumer.name, inbox.consumer.topics) as subscription:
        done, before = 0, 0.0
        while done < amount:
            deliveries = await subscription.batch(inbox.batch, wait=0.5)
            before = before or (time.perf_counter() if deliveries else 0.0)
            if deliveries:
                await inbox.receive(deliveries)
                await subscription.commit(deliveries)
            done += len(deliveries)
        return amount / (time.perf_counter() - before)


async def _floor(shop: Workshop, bare: asyncpg.Connection, amount: int) -> float:
    name = f"floor{next(_groups)}"
    async with _reading(shop, name) as consumer:
        done, before = 0, 0.0
        while done < amount:
            polled = await consumer.getmany(timeout_ms=500, max_records=TOGETHER)
            rows = [one for records in polled.values() for one in records]
            before = before or (time.perf_counter() if rows else 0.0)
            if rows:
                headers = [dict(one.headers) for one in rows]
                await bare.execute(
                    AT_ONCE,
                    name,
                    [one["ce_id"].decode() for one in headers],
                    [one.key.decode() for one in rows],
                    [int(one["ce_sequence"]) for one in headers],
                )
                await consumer.commit()
            done += len(rows)
        return amount / (time.perf_counter() - before)


@asynccontextmanager
async def _reading(shop: Workshop, group: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        DOSSIER.topic,
        bootstrap_servers=shop.bus.bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=500 if shop.bus.idempotence else 50,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _require(database: Database, statement: TextClause, values: dict[str, str], amount: int) -> None:
    """No contestant is fast at losing."""
    async with database.transaction() as tx:
        found = (await tx.execute(statement, values)).scalar_one()
    if found != amount:
        raise RuntimeError(f"{found} of {amount} were applied")
