"""From commit to the broker's acknowledgement. The floor is what the Kafka client can do by itself with the
same records: no database, no envelope to build, no order to keep across failures.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from sqlalchemy import text

from bench import obtain
from bench.debezium import debezium
from bench.harness import (
    Measure,
    Options,
    Peers,
    Result,
    Workshop,
    interleaved,
    medians,
    others,
    workshop,
)
from services.rokhas.app import SERVICE
from services.rokhas.events import DOSSIER
from shared.bus import Record
from shared.db import Database
from shared.migrate import database_of
from shared.outbox import BATCH, READ, Relay, record

EVENTS: Final = 20_000
SLOWLY: Final = 1_000  # events a second, for the delay
SECONDS: Final = 5
STEP: Final = 0.01  # seconds between two transactions of the slow flow

FILL: Final = """
WITH made AS (
  INSERT INTO msg.event_log (pos, id, source, aggregatetype, aggregateid, seq, type, collectivity, payload,
    headers, occurred_at)
  SELECT nextval('msg.event_pos'), gen_random_uuid(), '/rokhas', 'dossier', gen_random_uuid()::text, 1,
    'ma.jamaa.rokhas.dossier.submitted.v1', '06.141.01.0',
    convert_to('{"submitted_at": "2026-11-22T10:00:00Z", "reference": "06.141.01.0/2026/00017",'
      ' "complete": true, "missing": [], "procedure": "repair",'
      ' "collectivity": "06.141.01.0", "channel": "portal"}', 'UTF8'),
    '{"actor": "citizen1", "correlation_id": "5b8f0f2e6f3d4c0f9d1e2a3b4c5d6e7f"}', clock_timestamp()
  FROM generate_series(1, $1::int) RETURNING pos, aggregateid)
, pending AS (INSERT INTO msg.outbox_pending SELECT pos FROM made)
SELECT aggregateid FROM made
"""


async def run(options: Options) -> list[Result]:
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(workshop(options, SERVICE, kafka=True))
        await shop.bus.ensure_topics([DOSSIER.topic])
        database = shop.worker(SERVICE)
        stack.push_async_callback(database.close)
        admin = await asyncpg.connect(shop.postgres.dsn(database_of(SERVICE.name)))
        stack.push_async_callback(admin.close)
        amount = options.scaled(EVENTS)
        producer = await stack.enter_async_context(_producer(shop))
        records = await _records(admin, database)
        relay = Relay(SERVICE.name, database, shop.bus)
        assert await relay._leads()  # noqa: SLF001 -- what its own loop does first
        sender = await stack.enter_async_context(shop.bus.sender())

        async def ours() -> float:
            await admin.execute(FILL, amount)
            before = time.perf_counter()
            while await relay.relay_once(sender):
                pass
            return amount / (time.perf_counter() - before)

        async def floor() -> float:
            before = time.perf_counter()
            await _produce(producer, records, amount)
            return amount / (time.perf_counter() - before)

        contestants: dict[str, Measure] = {"ours": ours, "floor": floor}
        missing: Peers = {}
        if options.peers:
            try:
                peer = await stack.enter_async_context(debezium(shop, FILL))
                contestants["Debezium Server"] = lambda: peer(amount)
            except (obtain.NotObtained, RuntimeError, TimeoutError) as error:
                missing["Debezium Server"] = f"not run: {error!r}"
        await interleaved(contestants, rounds=1)
        rates = medians(await interleaved(contestants, rounds=options.rounds))
        delays = await interleaved(
            {
                "ours": lambda: _delay_of_relay(shop, database, admin),
                "floor": lambda: _delay_of_client(shop, producer, records),
            },
            rounds=options.rounds,
        )
    return [
        Result(
            name="relay",
            title="Events from commit to the broker's acknowledgement",
            unit="events/s",
            better="more",
            ours=rates["ours"],
            floor=rates["floor"],
            floor_is="aiokafka alone, the same records",
            aim="20,000 events/s, and more than Debezium",
            peers=others(rates) | missing,
            details={"events": amount, "broker": shop.broker_is},
        ),
        Result(
            name="relay.delay",
            title=f"Mean delay from commit to a consumer at {SLOWLY:,} events/s",
            unit="ms",
            better="less",
            ours=medians(delays)["ours"],
            floor=medians(delays)["floor"],
            floor_is="aiokafka alone: produced to consumed",
            aim="below 30 ms",
            details={"broker": shop.broker_is},
        ),
    ]


@asynccontextmanager
async def _producer(shop: Workshop) -> AsyncIterator[AIOKafkaProducer]:
    """As the relay's sender sets its own."""
    producer = AIOKafkaProducer(
        bootstrap_servers=shop.bus.bootstrap,
        acks="all",
        enable_idempotence=shop.bus.idempotence,
        linger_ms=0,
        max_batch_size=256 * 1024,
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def _records(admin: asyncpg.Connection, database: Database) -> list[Record]:
    """What the relay would send, made once."""
    await admin.execute(FILL, BATCH)
    async with database.transaction() as tx:
        rows = (await tx.execute(READ, {"batch": BATCH, "held": []})).all()
        records = [record(row) for row in rows]
        await tx.execute(text("DELETE FROM msg.outbox_pending"))
    return records


async def _produce(producer: AIOKafkaProducer, records: Sequence[Record], amount: int) -> None:
    for _ in range(0, amount, len(records)):
        await asyncio.gather(
            *[
                await producer.send(one.topic, one.value, key=one.key.encode(), headers=list(one.headers))
                for one in records
            ]
        )


@asynccontextmanager
async def _arrivals(shop: Workshop) -> AsyncIterator[dict[str, float]]:
    """When the record of each key reached a consumer that began at the end of the topic."""
    consumer = AIOKafkaConsumer(
        DOSSIER.topic,
        bootstrap_servers=shop.bus.bootstrap,
        auto_offset_reset="latest",
        fetch_max_wait_ms=500 if shop.bus.idempotence else 50,
    )
    await consumer.start()
    await consumer.seek_to_end()
    for partition in consumer.assignment():
        await consumer.position(partition)
    seen: dict[str, float] = {}

    async def read() -> None:
        while True:
            polled = await consumer.getmany(timeout_ms=100)
            now = time.perf_counter()
            seen.update({one.key.decode(): now for records in polled.values() for one in records})

    reading = asyncio.create_task(read())
    try:
        yield seen
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await consumer.stop()


async def _settled(seen: dict[str, float], sent: dict[str, float]) -> float:
    """The mean in milliseconds once everything has arrived. Raises TimeoutError."""
    async with asyncio.timeout(30):
        while not sent.keys() <= seen.keys():
            await asyncio.sleep(0.05)
    return 1000 * statistics.mean(seen[key] - at for key, at in sent.items())


async def _delay_of_relay(shop: Workshop, database: Database, admin: asyncpg.Connection) -> float:
    relay = Relay(SERVICE.name, database, shop.bus)
    await admin.execute("UPDATE msg.relay_lease SET expires_at = '-infinity'")
    sent: dict[str, float] = {}
    async with _arrivals(shop) as seen:
        working = asyncio.create_task(relay.run())
        try:
            async for amount in _ticks():
                keys = [row[0] for row in await admin.fetch(FILL, amount)]
                now = time.perf_counter()
                sent.update(dict.fromkeys(keys, now))
                relay.wake()
            return await _settled(seen, sent)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def _delay_of_client(shop: Workshop, producer: AIOKafkaProducer, records: Sequence[Record]) -> float:
    sent: dict[str, float] = {}
    async with _arrivals(shop) as seen:
        async for amount in _ticks():
            for one in records[:amount]:
                key = uuid4().hex
                sent[key] = time.perf_counter()
                await producer.send(one.topic, one.value, key=key.encode(), headers=list(one.headers))
        return await _settled(seen, sent)


async def _ticks() -> AsyncIterator[int]:
    """How many events are due each time, so that the flow keeps its rate whatever a step took."""
    began = time.perf_counter()
    done = 0
    while (passed := time.perf_counter() - began) < SECONDS:
        due = int(passed * SLOWLY) - done
        if due:
            yield due
            done += due
        await asyncio.sleep(STEP)
