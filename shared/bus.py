"""Kafka, and the only file that imports its client.

Brokers may duplicate, reorder or lose; sequences and heads (outbox, inbox) detect and repair. So nothing
here promises more than "probably delivered": no transactions, no auto-commit.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.structs import OffsetAndMetadata

PARTITIONS: Final = 12  # never raised in place: keys would move. A larger topic is a new one.
SEND_DEADLINE: Final = 60.0  # seconds for a whole batch; idempotent sends never expire by themselves
PROBE_EVERY: Final = 2.0  # seconds between looks at whether the broker still has what we have read
BROKER_ERRORS: Final = (KafkaError, OSError, asyncio.TimeoutError)


@dataclass(frozen=True, slots=True)
class Record:
    """What is sent: the key decides the partition, so one aggregate stays in order."""

    topic: str
    key: str
    value: bytes
    headers: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is received."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]]


class EpochChanged(Exception):
    """The broker no longer has what we had read from it: it lost its data, or the topic was made anew."""


class Sender(Protocol):
    async def send(self, records: Sequence[Record]) -> list[BaseException | None]:
        """One outcome per record, in order: None when the broker acknowledged it."""


class _Producer:
    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def send(self, records: Sequence[Record]) -> list[BaseException | None]:
        async with asyncio.timeout(SEND_DEADLINE):
            futures = [
                await self._producer.send(
                    record.topic, record.value, key=record.key.encode(), headers=list(record.headers)
                )
                for record in records
            ]
            results = await asyncio.gather(*futures, return_exceptions=True)
        return [result if isinstance(result, BaseException) else None for result in results]


class Subscription:
    """A group's reading of some topics, from the oldest record for a new group."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._probed = 0.0

    async def batch(self, most: int, wait: float) -> list[Delivery]:
        """Up to `most` records, after at most `wait` seconds. Raises `EpochChanged`."""
        polled = await self._consumer.getmany(timeout_ms=int(wait * 1000), max_records=most)
        if not polled:
            await self._probe()
        return [
            Delivery(r.topic, r.partition, r.offset, r.key, r.value or b"", r.headers)
            for records in polled.values()
            for r in records
        ]

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        """Positions only save re-reading: the inbox heads decide what is applied."""
        owned = self._consumer.assignment()
        positions = {
            TopicPartition(d.topic, d.partition): OffsetAndMetadata(d.offset + 1, "") for d in deliveries
        }
        await self._consumer.commit({tp: at for tp, at in positions.items() if tp in owned})

    async def _probe(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._probed < PROBE_EVERY:
            return
        self._probed = now
        owned = self._consumer.assignment()
        if not owned:
            return
        try:
            async with asyncio.timeout(5):
                ends: Mapping[TopicPartition, int] = await self._consumer.end_offsets(owned)
                for partition, end in ends.items():
                    if end < await self._consumer.position(partition):
                        raise EpochChanged(f"{partition.topic}[{partition.partition}] now ends at {end}")
        except BROKER_ERRORS as error:
            raise EpochChanged(f"the broker does not answer for our partitions: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Bus:
    """`idempotence` is on for Apache Kafka and off for the embedded broker, which lacks it."""

    bootstrap: str
    idempotence: bool = True
    session_timeout_ms: int = 10_000
    replication: int = 1

    @asynccontextmanager
    async def sender(self) -> AsyncIterator[Sender]:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            acks="all",
            enable_idempotence=self.idempotence,
            linger_ms=0,
            max_batch_size=256 * 1024,
            request_timeout_ms=20_000,
            metadata_max_age_ms=10_000,
        )
        await producer.start()
        try:
            yield _Producer(producer)
        finally:
            await _quietly(producer.stop())

    @asynccontextmanager
    async def subscription(self, group: str, topics: Sequence[str]) -> AsyncIterator[Subscription]:
        consumer = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=self.bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=self.session_timeout_ms,
            heartbeat_interval_ms=max(100, self.session_timeout_ms // 10),
            fetch_max_wait_ms=20,
            max_poll_records=500,
            metadata_max_age_ms=10_000,
        )
        await consumer.start()
        try:
            yield Subscription(consumer)
        finally:
            await _quietly(consumer.stop())

    async def ensure_topics(self, topics: Sequence[str], partitions: int = PARTITIONS) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=10_000)
        await admin.start()
        try:
            wanted = sorted(set(topics) - set(await admin.list_topics()))
            if not wanted:
                return
            answer = await admin.create_topics(
                [NewTopic(name, partitions, self.replication) for name in wanted]
            )
            for name, code, *_ in answer.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:
                    raise error(f"creating the topic {name}")
        finally:
            await admin.close()


async def _quietly(stop: Awaitable[None]) -> None:
    """A client of a dead broker may not be able to say goodbye, and must not stop us from building anew."""
    try:
        async with asyncio.timeout(5):
            await stop
    except BROKER_ERRORS:
        return
