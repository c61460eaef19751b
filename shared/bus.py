"""Kafka, and the only file that imports its client.

Brokers may duplicate, reorder or lose; sequences and heads (outbox, inbox) detect and repair. So nothing
here promises more than "probably delivered": no transactions, no auto-commit.
"""

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.structs import OffsetAndMetadata
from prometheus_client import Gauge

from shared.settings import MOST_COPIES

log = structlog.get_logger()

SEND_DEADLINE: Final = 60.0  # seconds for a whole batch; idempotent sends never expire by themselves
PROBE_EVERY: Final = 2.0  # seconds between looks at whether the broker still knows our positions
PROBE_PATIENCE: Final = 5.0  # seconds that it has to answer
FAREWELL: Final = 3.0  # seconds that a client gets to leave in order
UNAUTHORIZED: Final = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError)
BROKER_ERRORS: Final = (KafkaError, OSError, asyncio.TimeoutError)
EMBEDDED_WAITS: Final = (50, 125)  # milliseconds that a fetch waits: when busy, when idle
CALM_AFTER: Final = 4  # looks in a row that found nothing, half a second each
DAY_MS: Final = 86_400_000
WORD, MURMUR = 0xFFFFFFFF, 0x5BD1E995

LAG = Gauge(
    "jamaa_inbox_offset_lag_records",
    "Records of a topic that the consumer has not read yet (embedded broker: batches)",
    ["service", "consumer", "topic"],
)
DIFFERS = Gauge(
    "jamaa_kafka_topic_differs", "1 when a topic is not as the settings want it, and 0 when it is", ["topic"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """How topics are made on Apache Kafka, and what existing ones are compared with.

    `partitions` are never raised in place: keys would move, a larger topic is a new one. Without
    `replication` there are three copies, or as many as there are brokers; without `min_insync` one copy may
    be missing. A copy that lacks what was acknowledged never leads.
    """

    partitions: int = 12
    replication: int | None = None
    min_insync: int | None = None
    retention_days: int = 14

    def on(self, brokers: int) -> tuple[int, dict[str, str]]:
        """Copies and configuration, on a cluster with so many brokers."""
        copies = self.replication or min(MOST_COPIES, brokers)
        return copies, {
            "retention.ms": str(self.retention_days * DAY_MS),
            "min.insync.replicas": str(self.min_insync or max(1, copies - 1)),
            "unclean.leader.election.enable": "false",
        }


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


class BrokerLost(ConnectionError):
    """A broker that keeps nothing ended: what we were about to do was meant for its successor, made ready."""


class _Producer:
    def __init__(self, producer: AIOKafkaProducer, lost: asyncio.Event) -> None:
        self._producer = producer
        self._lost = lost

    async def send(self, records: Sequence[Record]) -> list[BaseException | None]:
        """What follows, in its partition, a record that the client itself refuses is not tried: its outcome
        is the refusal.

        Raises TimeoutError after `SEND_DEADLINE`, and `BrokerLost`.
        """
        if self._lost.is_set():
            raise BrokerLost
        sending = asyncio.ensure_future(self._send(records))
        losing = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait({sending, losing}, timeout=SEND_DEADLINE, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                return sending.result()
            raise BrokerLost if losing.done() else TimeoutError("the broker does not acknowledge")
        finally:
            sending.cancel()
            losing.cancel()

    async def _send(self, records: Sequence[Record]) -> list[BaseException | None]:
        """In batches made here: handing the client one record at a time costs five times as much."""
        counts = {t: len(await self._producer.partitions_for(t)) for t in {r.topic for r in records}}
        places: dict[tuple[str, int], list[int]] = {}
        for place, record in enumerate(records):
            part = partition_of(record.key.encode(), counts[record.topic])
            places.setdefault((record.topic, part), []).append(place)
        outcomes: list[BaseException | None] = [None] * len(records)
        await asyncio.gather(*(self._fill(*tp, found, records, outcomes) for tp, found in places.items()))
        return outcomes

    async def _fill(
        self,
        topic: str,
        part: int,
        places: Sequence[int],
        records: Sequence[Record],
        outcomes: list[BaseException | None],
    ) -> None:
        """Writes the records at these places to one partition, in order."""
        acknowledgements: list[tuple[int, int, asyncio.Future[object]]] = []
        done = 0
        while done < len(places):
            batch, first = self._producer.create_batch(), done
            while done < len(places):
                one = records[places[done]]
                content = {"key": one.key.encode(), "value": one.value, "headers": list(one.headers)}
                if batch.append(timestamp=None, **content) is None:
                    break  # full: it takes its first record whatever the size
                done += 1
            batch.close()
            try:
                sent = await self._producer.send_batch(batch, topic, partition=part)
            except KafkaError as error:
                for place in places[first:]:
                    outcomes[place] = error
                break
            acknowledgements.append((first, done, sent))
        for first, end, sent in acknowledgements:
            (result,) = await asyncio.gather(sent, return_exceptions=True)
            if isinstance(result, BaseException):
                for place in places[first:end]:
                    outcomes[place] = result


def partition_of(key: bytes, partitions: int) -> int:
    """Where every client of Kafka puts a key: Java's murmur2, as aiokafka has it, in a third of the time."""
    words, rest = divmod(len(key), 4)
    h = 0x9747B28C ^ len(key)
    for k in struct.unpack_from(f"<{words}I", key):
        k = k * MURMUR & WORD  # noqa: PLW2901  # as the algorithm is written
        h = (h * MURMUR ^ (k ^ k >> 24) * MURMUR) & WORD
    if rest:
        h = (h ^ int.from_bytes(key[-rest:], "little")) * MURMUR & WORD
    h = (h ^ h >> 13) * MURMUR & WORD
    return ((h ^ h >> 15) & 0x7FFFFFFF) % partitions


Positions = dict[TopicPartition, int]
"""What was committed: partition → next offset."""


class Subscription:
    """A group's reading of some topics, from the oldest record for a new group."""

    def __init__(
        self,
        group: str,
        consumer: AIOKafkaConsumer,
        positions: Positions,
        lost: asyncio.Event,
        waits: tuple[int, ...] = (),
    ) -> None:
        self._waits = waits
        self._calm = 0  # looks in a row that found nothing
        self._group = group
        self._consumer = consumer
        self._lost = lost
        self._positions = positions
        self._probed = 0.0

    async def batch(self, most: int, wait: float) -> list[Delivery]:
        """Up to `most` records, after at most `wait` seconds. Raises `EpochChanged` and `BROKER_ERRORS`."""
        self._require_broker()
        polled = await self._consumer.getmany(timeout_ms=int(wait * 1000), max_records=most)
        if not polled:
            self._require_broker()
        self._pace(bool(polled))
        await self._probe()
        return [
            Delivery(r.topic, r.partition, r.offset, r.key, r.value or b"", r.headers)
            for records in polled.values()
            for r in records
        ]

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        """Positions only save re-reading: the inbox heads decide what is applied. So a commit that a
        rebalance overtook is no failure. Raises `EpochChanged` when positions begin again.
        """
        self._require_broker()
        reached = {TopicPartition(d.topic, d.partition): d.offset + 1 for d in deliveries}
        owned = self._consumer.assignment()
        positions = {tp: at for tp, at in reached.items() if tp in owned}
        if not positions:
            return
        for tp, at in positions.items():
            if at < self._positions.get(tp, 0):
                self._positions.clear()
                raise EpochChanged(f"{tp.topic}[{tp.partition}] fell back to {at}")
        try:
            await self._consumer.commit({tp: OffsetAndMetadata(at, "") for tp, at in positions.items()})
        except (CommitFailedError, IllegalStateError):
            return
        self._positions.update(positions)

    def _pace(self, busy: bool) -> None:
        """Kafka answers as soon as there is something; the embedded broker only when the wait is over: an
        idle reader lets it wait longer.
        """
        if self._waits:
            self._calm = 0 if busy else self._calm + 1
            fetcher = self._consumer._fetcher  # noqa: SLF001  # the client has no public way
            fetcher._fetch_max_wait_ms = self._waits[self._calm > CALM_AFTER]  # noqa: SLF001

    def _require_broker(self) -> None:
        if self._lost.is_set():
            self._positions.clear()
            raise EpochChanged("the broker ended, and it keeps nothing")

    async def _probe(self) -> None:
        """A broker that lost its data, or a topic made anew, no longer knows what we committed. End offsets
        would not tell: after the loss they grow past our position, and the embedded broker's count batches.
        """
        now = asyncio.get_running_loop().time()
        if now - self._probed < PROBE_EVERY:
            return
        self._probed = now
        owned = self._consumer.assignment()
        one_per_topic = {tp.topic: tp for tp in self._positions if tp in owned}
        async with asyncio.timeout(PROBE_PATIENCE):
            await self._measure(owned)
            for tp in one_per_topic.values():
                if await self._consumer.committed(tp) is None:
                    self._positions.clear()
                    raise EpochChanged(f"the position in {tp.topic}[{tp.partition}] is forgotten")

    async def _measure(self, owned: Collection[TopicPartition]) -> None:
        """Asks nobody: every answer to a fetch tells where the partition ends."""
        behind = Counter(dict.fromkeys(self._consumer.subscription(), 0))
        for tp in owned:
            if (end := self._consumer.highwater(tp)) is not None:
                behind[tp.topic] += max(0, end - await self._consumer.position(tp))
        for topic, records in behind.items():
            LAG.labels(self._group.partition(".")[0], self._group, topic).set(records)


@dataclass(frozen=True, slots=True)
class Bus:
    """`idempotence` is on for Apache Kafka and off for the embedded broker, which lacks it and keeps nothing
    when it ends: then every client is built anew, and topics made, before anything more is sent.

    `instance` makes this process a static member of its groups: it keeps its partitions when it comes back
    within `session_timeout_ms`, and nobody rebalances. No two processes of a service may share one.
    """

    bootstrap: str
    idempotence: bool = True
    session_timeout_ms: int = 10_000
    instance: str | None = None
    topics: Topics = Topics()

    @asynccontextmanager
    async def sender(self) -> AsyncIterator[Sender]:
        async with self._pulse() as lost:
            producer = AIOKafkaProducer(
                bootstrap_servers=self.bootstrap,
                acks="all",
                enable_idempotence=self.idempotence,
                linger_ms=0,
                max_batch_size=256 * 1024,
                request_timeout_ms=20_000,
                metadata_max_age_ms=10_000,
            )
            # Stopping flushes first: what failed would be written again behind our back, or block us.
            at_once = (producer._sender.close, producer.client.close)  # noqa: SLF001  # no public way
            try:
                await producer.start()
                yield _Producer(producer, lost)
            except BaseException:
                producer._closed = True  # noqa: SLF001  # else its destructor complains of what follows
                await _dismiss(*at_once)
                raise
            await _dismiss(producer.stop, *at_once)

    @asynccontextmanager
    async def subscription(
        self, group: str, topics: Sequence[str], positions: Positions | None = None, *, hurry: bool = True
    ) -> AsyncIterator[Subscription]:
        """Makes the topics first. `positions` remembers across rebuilds what was committed, to tell when the
        broker forgot it. Without `hurry` a record may lie half a second on a broker that answers late.
        """
        async with self._pulse() as lost:
            await self.ensure_topics(topics)
            waits = EMBEDDED_WAITS if hurry and not self.idempotence else ()
            consumer = AIOKafkaConsumer(
                *topics,
                bootstrap_servers=self.bootstrap,
                group_id=group,
                group_instance_id=self.instance and f"{group}.{self.instance}",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=self.session_timeout_ms,
                heartbeat_interval_ms=self.session_timeout_ms // 3,
                fetch_max_wait_ms=(*waits, 500)[0],
                max_poll_records=500,
                metadata_max_age_ms=10_000,
            )
            try:
                await consumer.start()
                yield Subscription(group, consumer, {} if positions is None else positions, lost, waits)
            finally:
                await _dismiss(consumer.stop, consumer._client.close)  # noqa: SLF001  # if stopping got stuck

    @asynccontextmanager
    async def _pulse(self) -> AsyncIterator[asyncio.Event]:
        """Set when a broker that keeps nothing ends. An open connection tells at once; its clients would
        connect again by themselves and write to topics that do not exist, which that broker accepts and
        never recovers from.
        """
        lost = asyncio.Event()
        if self.idempotence:
            yield lost
            return
        host, _, port = self.bootstrap.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))

        async def feel() -> None:
            try:
                await reader.read(1)
            except OSError as error:
                log.info("bus.broker_lost", error=repr(error))
            lost.set()

        feeling = asyncio.create_task(feel())
        try:
            yield lost
        finally:
            feeling.cancel()
            writer.close()

    async def ensure_topics(self, names: Collection[str]) -> list[str]:
        """Makes what is missing. Returns, logs and measures in what the others are not as they should be;
        they are used all the same, changing them is the operator's.
        """
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=10_000)
        try:
            await admin.start()
            existing = set(names) & set(await admin.list_topics())
            copies, wanted = 1, dict[str, str]()
            if self.idempotence:
                copies, wanted = self.topics.on(len((await admin.describe_cluster())["brokers"]))
            if missing := sorted(set(names) - existing):
                new = [NewTopic(n, self.topics.partitions, copies, topic_configs=wanted) for n in missing]
                for name, code, *_ in (await admin.create_topics(new)).topic_errors:
                    error = for_code(code)
                    if code and error is not TopicAlreadyExistsError:
                        raise error(f"creating the topic {name}")
            return await self._differences(admin, sorted(existing), copies, wanted) if wanted else []
        finally:
            await _dismiss(admin.close)

    async def _differences(
        self, admin: AIOKafkaAdminClient, names: Sequence[str], copies: int, wanted: Mapping[str, str]
    ) -> list[str]:
        if not names:
            return []
        found: dict[str, dict[str, str]] = {name: {} for name in names}
        for topic in await admin.describe_topics(names):
            parts = topic["partitions"]
            if len(parts) != self.topics.partitions:
                found[topic["topic"]]["partitions"] = f"{len(parts)}, not {self.topics.partitions}"
            if parts and (fewest := min(len(part["replicas"]) for part in parts)) < copies:
                found[topic["topic"]]["copies"] = f"{fewest}, not {copies}"
        asked = [ConfigResource(ConfigResourceType.TOPIC, name, dict(wanted)) for name in names]
        for answer in await admin.describe_configs(asked):
            for code, message, _, name, entries in answer.resources:
                if code:
                    _not_described(name, code, message)
                    continue
                is_ = {entry[0]: entry[1] for entry in entries}
                found[name] |= {k: f"{is_.get(k)}, not {v}" for k, v in wanted.items() if is_.get(k) != v}
        lines = []
        for name, differences in found.items():
            DIFFERS.labels(name).set(bool(differences))
            if differences:
                lines.append(f"{name} has " + "; ".join(f"{what} {how}" for what, how in differences.items()))
                log.warning("bus.topic_differs", topic=name, **differences)
        return lines


@cache  # said once, not at every start of a reader
def _not_described(topic: str, code: int, why: str) -> None:
    """Raises what the broker answered, unless it is that we may not ask: using the topic is another right."""
    error = for_code(code)
    if error not in UNAUTHORIZED:
        raise error(f"describing the topic {topic}: {why}")
    log.warning("bus.topic_not_described", topic=topic, needs="DescribeConfigs")


async def _dismiss(*farewells: Callable[[], Awaitable[None]]) -> None:
    """A client of a dead broker may not be able to say goodbye, and must not stop us from building anew.

    Each farewell is a task of its own: the client lets the CancelledError of its inner tasks escape, which
    would look like our own cancellation.
    """
    for farewell in farewells:
        task = asyncio.ensure_future(farewell())
        try:
            await asyncio.wait({task}, timeout=FAREWELL)
        finally:
            task.cancel()
        if task.done() and not task.cancelled() and (error := task.exception()):
            log.info("bus.farewell_failed", error=repr(error))
