"""A consumer applies events, each exactly once and in its aggregate's order. The floor reads the same records
and writes them with one statement per batch, trusting Kafka's offsets.
"""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Final
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer
from sqlalchemy import text

from bench.harness import Options, Result, Workshop, interleaved, medians, workshop
from services.rokhas.app import SERVICE
from services.rokhas.events import DOSSIER
from shared.bus import Record
from shared.db import Database, Tx
from shared.events import Envelope
from shared.inbox import Inbox
from shared.inbox.reader import BATCH
from shared.migrate import database_of, roles
from shared.service import Consumer

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
APPLY: Final = text("INSERT INTO bench.applied VALUES (:consumer, :id, :aggregate, :seq)")
AT_ONCE: Final = """
INSERT INTO bench.applied SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::bigint[])
ON CONFLICT DO NOTHING
"""
_groups = count(1)


async def run(options: Options) -> list[Result]:
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(workshop(options, SERVICE, kafka=True))
        await shop.execute(SERVICE.name, TABLE.format(role=roles(SERVICE.name)[1]))
        await shop.bus.ensure_topics([DOSSIER.topic])
        database = shop.worker(SERVICE)
        stack.push_async_callback(database.close)
        bare = await asyncpg.connect(shop.postgres.dsn(database_of(SERVICE.name), roles(SERVICE.name)[1]))
        stack.push_async_callback(bare.close)
        amount = options.scaled(EVENTS)
        await _publish(shop, amount)
        contestants = {
            "ours": lambda: _ours(shop, database, amount),
            "floor": lambda: _floor(shop, bare, amount),
        }
        await interleaved(contestants, rounds=1)
        rates = medians(await interleaved(contestants, rounds=options.rounds))
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
            details={"events": amount, "aggregates": amount // PER_AGGREGATE, "broker": shop.broker_is},
        )
    ]


async def _publish(shop: Workshop, amount: int) -> None:
    """Histories of four events, mixed as many files' are."""
    subjects = [str(uuid4()) for _ in range(amount // PER_AGGREGATE)]
    data = b'{"procedure": "repair", "collectivity": "06.141.01.0", "reference": "06.141.01.0/2026/00017"}'
    at = datetime.now(UTC)
    async with shop.bus.sender() as sender:
        for sequence in range(1, PER_AGGREGATE + 1):
            records = [
                Envelope(
                    id=uuid4(),
                    source="/rokhas",
                    type="ma.jamaa.rokhas.dossier.message_posted.v1",
                    aggregate="dossier",
                    subject=subject,
                    sequence=sequence,
                    time=at,
                    collectivity="06.141.01.0",
                    data=data,
                )
                for subject in subjects
            ]
            for start in range(0, len(records), 500):
                await sender.send([_record(one) for one in records[start : start + 500]])


def _record(envelope: Envelope) -> Record:
    return Record(DOSSIER.topic, envelope.subject, envelope.data, envelope.headers())


async def _ours(shop: Workshop, database: Database, amount: int) -> float:
    """The kernel's own loop; its handler writes one row per event."""
    name = f"rokhas.bench{next(_groups)}"

    async def apply(tx: Tx, envelope: Envelope) -> None:
        values = {
            "consumer": name,
            "id": envelope.id,
            "aggregate": envelope.subject,
            "seq": envelope.sequence,
        }
        await tx.execute(APPLY, values)

    inbox = Inbox(SERVICE.name, Consumer(name, (DOSSIER.topic,), apply), database, shop.bus)
    async with shop.bus.subscription(name, [DOSSIER.topic]) as subscription:
        done, before = 0, 0.0
        while done < amount:
            deliveries = await subscription.batch(BATCH, wait=0.5)
            before = before or (time.perf_counter() if deliveries else 0.0)
            if deliveries:
                await inbox.receive(deliveries)
                await subscription.commit(deliveries)
            done += len(deliveries)
        rate = amount / (time.perf_counter() - before)
    await _require(database, name, amount)
    return rate


async def _floor(shop: Workshop, bare: asyncpg.Connection, amount: int) -> float:
    name = f"floor{next(_groups)}"
    async with _reading(shop, name) as consumer:
        done, before = 0, 0.0
        while done < amount:
            polled = await consumer.getmany(timeout_ms=500, max_records=BATCH)
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


async def _require(database: Database, name: str, amount: int) -> None:
    """No contestant is fast at losing."""
    async with database.transaction() as tx:
        counted = text("SELECT count(*) FROM bench.applied WHERE consumer = :name")
        found = (await tx.execute(counted, {"name": name})).scalar_one()
    if found != amount:
        raise RuntimeError(f"{found} of {amount} events were applied")
