"""The relay's peer: Debezium Server reads the log of the same table and writes to the same broker."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import unquote, urlsplit

import asyncpg
from aiokafka import AIOKafkaConsumer

from bench import obtain
from bench.harness import Workshop, serving
from deploy.engines import free_port
from services.rokhas.app import SERVICE

TOPIC: Final = "bench.debezium"
DATABASE: Final = "bench_debezium"
PATIENCE: Final = 120.0  # seconds for one batch, and for its start


@asynccontextmanager
async def debezium(shop: Workshop, fill: str) -> AsyncIterator[Callable[[int], Awaitable[float]]]:
    """Yields a measure: events a second from the commit of so many until the broker holds the last. It has a
    database of its own, or it would carry what the others commit. Raises NotObtained.
    """
    place = await obtain.debezium()
    await shop.database(SERVICE, DATABASE)
    await shop.bus.ensure_topics([TOPIC])
    admin = await asyncpg.connect(shop.postgres.dsn(DATABASE))
    await admin.execute(
        "CREATE PUBLICATION debezium FOR TABLE msg.event_log WITH (publish_via_partition_root = true)"
    )
    port = free_port()
    home = shop.home / "debezium"
    home.mkdir()
    address = urlsplit(shop.postgres.dsn(DATABASE))
    template = (obtain.PEERS / "debezium" / "application.properties").read_text(encoding="utf-8")
    values = {
        "http_port": port,
        "bootstrap": shop.bus.bootstrap,
        "idempotence": str(shop.bus.idempotence).lower(),
        "host": address.hostname,
        "port": address.port,
        "user": address.username,
        "password": unquote(address.password or ""),
        "database": DATABASE,
        "home": home,
        "topic": TOPIC,
    }
    (home / "application.properties").write_text(template.format(**values))
    runner = next(place.glob("*-runner.jar"))
    argv = ["java", "-cp", f"{runner}:{home}:{place / 'lib'}/*", "io.debezium.server.Main"]
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=shop.bus.bootstrap)
    await consumer.start()

    async def held() -> int:
        return sum((await consumer.end_offsets(consumer.assignment())).values())

    async def measure(amount: int) -> float:
        before = await held()
        await admin.execute(fill, amount)
        began = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            while await held() < before + amount:
                await asyncio.sleep(0.01)
        return amount / (time.perf_counter() - began)

    try:
        async with serving(shop, "debezium", argv, {}, port=port, patience=PATIENCE):
            async with asyncio.timeout(PATIENCE):
                while not await admin.fetchval("SELECT active FROM pg_replication_slots"):
                    await asyncio.sleep(0.1)
            yield measure
    finally:
        await consumer.stop()
        await admin.close()
