"""Kafka may deliver again, out of order, or not at all: the worst of it, on purpose."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from sqlalchemy import text

from deploy.auditor import workers
from shared.outbox import READ, record
from tests.faults.cluster import ALL, Cluster
from tests.faults.evidence import recorded
from tests.faults.registry import CI, DEFAULT, Scenario, Trial

TIMES: Final = 3
LOSS: Final = 0.01
WINDOW: Final = 200
LEASED: Final = 5.0  # seconds until a relay looks at its lease again
SEIZE: Final = text(
    "INSERT INTO msg.relay_lease AS l VALUES ('relay', :owner, 1, clock_timestamp() + interval '1 hour')"
    " ON CONFLICT (name) DO UPDATE SET owner = :owner, epoch = l.epoch + 1,"
    " expires_at = clock_timestamp() + interval '1 hour'"
)
GIVE_BACK: Final = text("UPDATE msg.relay_lease SET expires_at = clock_timestamp() WHERE name = 'relay'")
FORGET: Final = text("DELETE FROM msg.outbox_pending WHERE pos = ANY(:sent)")


async def again(
    cluster: Cluster,
    topics: Sequence[str],
    shuffle: Any,
    *,
    times: int = 1,
    since: dict[TopicPartition, int] | None = None,
) -> int:
    """Every event on these topics is produced again as it was, in windows that `shuffle` mixes. Not what is
    no event: garbage of another scenario would be buried once more, and nobody there to resolve it. Whoever
    comes again passes `since`, which is moved behind what was said: else the topic would double each time.
    """
    reader = AIOKafkaConsumer(bootstrap_servers=cluster.kafka.bootstrap, max_poll_records=WINDOW)
    producer = AIOKafkaProducer(bootstrap_servers=cluster.kafka.bootstrap, linger_ms=5)
    await reader.start()
    await producer.start()
    count = 0
    try:
        places = await cluster.kafka.places(topics)
        reader.assign(places)
        await reader.seek_to_beginning(*places)
        for place, position in (since or {}).items():
            reader.seek(place, position)
        ends = await reader.end_offsets(places)
        while [tp for tp in places if await reader.position(tp) < ends[tp]]:
            polled = await reader.getmany(timeout_ms=500, max_records=WINDOW)
            old = [r for tp, found in polled.items() for r in found if r.offset < ends[tp]]
            window = [r for r in old if recorded(r).id] * times
            shuffle(window)
            for one in window:
                await producer.send(
                    one.topic, one.value, key=one.key, partition=one.partition, headers=list(one.headers)
                )
            count += len(window)
        await producer.flush()
        if since is not None:
            since |= await reader.end_offsets(places)
    finally:
        await producer.stop()
        await reader.stop()
    return count


@asynccontextmanager
async def unrest(trial: Trial, victims: Sequence[str], topics: Sequence[str]) -> AsyncIterator[None]:
    """While the block runs one of these services dies now and then inside what it applies, and what is on
    these topics is said again.
    """
    cluster = trial.cluster
    said_again: dict[TopicPartition, int] = {}
    ended = asyncio.Event()

    async def trouble() -> None:
        while not ended.is_set():
            await asyncio.sleep(cluster.seconds(10, least=4))
            cluster.arm(
                trial.chance.choice(victims), trial.chance.choice(["inbox.applied", "inbox.committed"])
            )
            await again(cluster, topics, trial.chance.shuffle, since=said_again)

    troubling = asyncio.create_task(trouble())
    try:
        yield
    finally:
        ended.set()
        await troubling


def _as_it_is(_: list[Any]) -> None:
    """Not mixed."""


async def thrice(trial: Trial) -> None:
    cluster = trial.cluster
    before = trial.observer.counter("jamaa_inbox_duplicates_total")
    topics = [stream.topic for service in ALL for stream in service.streams]
    async with trial.fault("every record of every topic delivered again, mixed, three times"):
        trial.figures["records again"] = await again(cluster, topics, trial.chance.shuffle, times=TIMES - 1)
        trial.figures["records again"] += await again(cluster, topics, _as_it_is)

        async def duplicates() -> int:
            return trial.observer.counter("jamaa_inbox_duplicates_total") - before

        async def some() -> bool:
            return await duplicates() >= int(trial.figures["records again"]) // 2

        await cluster.until("duplicates arrive", some, within=180)
    await trial.least("duplicates", duplicates, 1)


async def mixed(trial: Trial) -> None:
    """A relay of ours takes the lease and does everything wrong that a broker may do."""
    trial.orderly = False
    parked = trial.observer.counter("jamaa_inbox_parked_total")
    async with trial.fault("records sent mixed, some twice, one in a hundred not at all"):
        sent = await asyncio.gather(*(_evil(trial, name) for name in ("rokhas", "deadlines")))
    trial.figures |= {"sent": sum(s for s, _ in sent), "dropped": sum(d for _, d in sent)}

    async def put_aside() -> int:
        await asyncio.sleep(3)
        return trial.observer.counter("jamaa_inbox_parked_total") - parked

    await trial.least("parked", put_aside, 1)


async def _evil(trial: Trial, name: str) -> tuple[int, int]:
    cluster, chance, loop = trial.cluster, trial.chance, asyncio.get_running_loop()
    service = next(service for service in ALL if service.name == name)
    producer = AIOKafkaProducer(bootstrap_servers=cluster.kafka.bootstrap, linger_ms=5)
    await producer.start()
    sent = dropped = 0
    try:
        async with workers(cluster.variables, [service], purpose="evil") as databases:
            database = databases[name]
            async with database.transaction() as tx:
                await tx.execute(SEIZE, {"owner": uuid4()})
            await asyncio.sleep(LEASED + 1)
            until = loop.time() + cluster.seconds(40, least=12)
            while loop.time() < until:
                async with database.transaction() as tx:
                    rows = list((await tx.execute(READ, {"batch": WINDOW, "held": []})).all())
                records = [record(row) for row in rows for _ in range(chance.choice((1, 1, 2)))]
                lost = {row.aggregateid for row in rows if chance.random() < LOSS} or (
                    {rows[-1].aggregateid} if rows and not dropped else set()
                )
                chance.shuffle(records)
                for one in records:
                    if one.key in lost:
                        dropped += 1
                        continue
                    await producer.send(one.topic, one.value, key=one.key.encode(), headers=list(one.headers))
                    sent += 1
                await producer.flush()
                async with database.transaction() as tx:
                    await tx.execute(FORGET, {"sent": [row.pos for row in rows]})
                await asyncio.sleep(1.5)  # a window fills
            async with database.transaction() as tx:
                await tx.execute(GIVE_BACK)
    finally:
        await producer.stop()
    return sent, dropped


SCENARIOS: Final = (
    Scenario(
        name="delivered_thrice",
        number=5,
        what="every record three times, and each full topic replayed",
        asks="duplicates are seen, nothing changes",
        run=thrice,
        sets=frozenset({DEFAULT, CI}),
    ),
    Scenario(
        name="mixed_and_dropped",
        number=6,
        what="windows of 200 records mixed, some doubled, 1 % of the aggregates' records dropped",
        asks="events are parked, and gaps repaired from the log",
        run=mixed,
        sets=frozenset({DEFAULT, CI}),
    ),
)

__all__ = ["SCENARIOS", "again", "unrest"]
