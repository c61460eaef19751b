"""What can be seen from outside once everything has healed: each database, every Kafka record, HTTP."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from aiokafka import AIOKafkaConsumer

from shared.events import Envelope, Undecodable
from tests.faults.cluster import ALL, Cluster, Stuck
from tests.faults.journal import Command

LOG: Final = """
    SELECT pos, id, aggregatetype, aggregateid, seq, type, occurred_at,
      headers ->> 'correlation_id' AS correlation, headers ->> 'causation_id' AS causation,
      convert_from(payload, 'UTF8') AS payload
    FROM msg.event_log ORDER BY pos"""
EVENTS: Final = "SELECT count(*) FROM msg.event_log"
HEADS: Final = "SELECT aggregatetype, aggregateid, last_seq FROM msg.aggregate_head"
INBOX: Final = """
    SELECT consumer, source, aggregatetype, aggregateid, last_seq, state FROM msg.inbox_head"""
SKIPPED: Final = """
    SELECT consumer, source, aggregatetype, aggregateid, seq FROM msg.skip_register
    WHERE confirmed_by IS NOT NULL"""
COUNTS: Final = {
    "pending": "SELECT count(*) FROM msg.outbox_pending",
    "parked": "SELECT count(*) FROM msg.inbox_parked",
    "letters": "SELECT count(*) FROM msg.dead_letter WHERE resolved_at IS NULL",
}
TRACE: Final = "SELECT source, aggregate, subject, seq FROM witness.trace ORDER BY n"
TOTALS: Final = "SELECT source, aggregate, subject, events FROM witness.total"
ROWS: Final = {
    ("rokhas", "dossier"): "SELECT id::text, state, version FROM rokhas.dossier",
    ("chikaya", "report"): "SELECT id::text, state, version FROM chikaya.report",
}
"""Of the aggregates whose fold `checker` knows."""
CLOCKS: Final = """
    SELECT id::text, rule, state, version, elapsed_at,
      next_at <= msg.legal_now() IS TRUE OR state = 'running' AND settled_at <= msg.legal_now() IS TRUE AS due
    FROM deadlines.clock"""
"""Also one that nobody would look at again: `next_at` is when its service will, `settled_at` when it must."""
NUMBERS: Final = """
    SELECT collectivity, split_part(reference, '/', 2)::int, split_part(reference, '/', 3)::int
    FROM rokhas.dossier WHERE reference ~ '^[0-9.]+/[0-9]{4}/[0-9]{5}$' ORDER BY 1, 2, 3"""
READ_PATIENCE: Final = 60.0  # seconds in which some record must come
AGAIN: Final = 6

Place = tuple[str, str, str]
"""(service, aggregate type, aggregate id)"""


@dataclass(frozen=True, slots=True)
class Logged:
    """One row of a service's event log."""

    id: UUID
    service: str
    aggregate: str
    subject: str
    seq: int
    type: str
    occurred_at: datetime
    correlation: str | None
    causation: str | None
    payload: str

    @property
    def place(self) -> Place:
        return self.service, self.aggregate, self.subject

    @property
    def what(self) -> str:
        """`granted` of `ma.jamaa.rokhas.dossier.granted.v1`."""
        return self.type.split(".")[4]


@dataclass(frozen=True, slots=True)
class Sent:
    """One record on a topic of events; without an `id` it is no event of ours."""

    topic: str
    partition: int
    offset: int
    id: UUID | None = None
    place: Place = ("", "", "")
    seq: int = 0
    key: str = ""
    told: bytes = b""
    """The digest of type and payload."""


@dataclass(slots=True, kw_only=True)
class Evidence:
    """`declared`: subjects that a scenario poisoned on purpose or invented, whose oddities are expected."""

    commands: Sequence[Command] = ()
    log: Sequence[Logged] = ()
    heads: Mapping[Place, int] = field(default_factory=dict)
    inbox: Mapping[tuple[str, Place], tuple[int, str]] = field(default_factory=dict)
    skipped: frozenset[tuple[str, Place, int]] = frozenset()
    """What two persons had a consumer pass over, without what a scenario had them."""
    counts: Mapping[str, Counter[str]] = field(default_factory=dict)
    sent: Sequence[Sent] = ()
    trace: Sequence[tuple[Place, int]] = ()
    totals: Mapping[Place, int] = field(default_factory=dict)
    rows: Mapping[Place, tuple[str, int]] = field(default_factory=dict)
    """State and version of the files and the reports."""
    clocks: Sequence[Mapping[str, Any]] = ()
    numbers: Sequence[tuple[str, int, int]] = ()
    shown: Mapping[Place, tuple[str, int]] = field(default_factory=dict)
    """What HTTP answered of some of them: state and ETag."""
    reads: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    """What each consumer must have: (service, aggregate type)."""
    declared: frozenset[str] = frozenset()
    orderly: bool = True
    """No broker or network failed: then each aggregate's events also appear on the broker in order."""

    def count(self) -> dict[str, int]:
        """How many of each kind there are, for people; without what a scenario invented."""
        events = {record.id for record in self.sent if record.id and record.place[2] not in self.declared}
        applied = [place for place, _ in self.trace if place[2] not in self.declared]
        logged = [event for event in self.log if event.subject not in self.declared]
        return {
            "commands, each with how it ended": len(self.commands),
            "events in the logs": len(logged),
            "aggregates, each from 1 to its head": len(self.heads),
            "records on Kafka": len(self.sent),
            "of them distinct events": len(events),
            "events applied by the witness": len(applied),
            "heads of consumers": len(self.inbox),
            "clocks": len(self.clocks),
            "clocks that elapsed": sum(clock["state"] == "elapsed" for clock in self.clocks),
            "files and reports": len(self.rows),
            "reference numbers": len(self.numbers),
            "of them asked for over HTTP": len(self.shown),
        }


def reads() -> dict[str, frozenset[tuple[str, str]]]:
    found = {}
    for service in ALL:
        for consumer in service.consumers:
            parts = [topic.split(".") for topic in consumer.topics]
            found[consumer.name] = frozenset((part[1], part[2]) for part in parts)
    return found


async def gather(cluster: Cluster, commands: Sequence[Command]) -> Evidence:
    """Reads everything. Nobody works meanwhile: what is still on its way would look lost. When something was
    announced all the same while it was read, it is read again.
    """
    for _ in range(AGAIN):
        seen = await _read(cluster, commands)
        if await _announced(cluster) == len(seen.log):
            return seen
        await asyncio.sleep(2)
    raise Stuck(f"there is always something more announced: {len(seen.log)} events at last")


async def _announced(cluster: Cluster) -> int:
    """How many events all logs have."""
    return sum([await cluster.value(service.name, EVENTS) for service in ALL])


async def _read(cluster: Cluster, commands: Sequence[Command]) -> Evidence:
    seen = Evidence(commands=list(commands), reads=reads())
    log: list[Logged] = []
    heads: dict[Place, int] = {}
    inbox: dict[tuple[str, Place], tuple[int, str]] = {}
    skipped: set[tuple[str, Place, int]] = set()
    counts: dict[str, Counter[str]] = {}
    for service in ALL:
        name = service.name
        async with cluster.sql(name) as sql:
            log += [Logged(row["id"], name, *list(row)[2:]) for row in await sql.fetch(LOG)]
            heads |= {(name, row[0], row[1]): row[2] for row in await sql.fetch(HEADS)}
            for row in await sql.fetch(INBOX):
                inbox[row[0], (row[1].strip("/"), row[2], row[3])] = (row[4], row[5])
            skipped |= {(r[0], (r[1].strip("/"), r[2], r[3]), r[4]) for r in await sql.fetch(SKIPPED)}
            counts[name] = Counter({what: await sql.fetchval(ask) for what, ask in COUNTS.items()})
    seen.log, seen.heads, seen.inbox, seen.counts = log, heads, inbox, counts
    seen.skipped = frozenset(skipped)
    async with cluster.sql("witness") as sql:
        seen.trace = [((r[0].strip("/"), r[1], r[2]), r[3]) for r in await sql.fetch(TRACE)]
        seen.totals = {(r[0].strip("/"), r[1], r[2]): r[3] for r in await sql.fetch(TOTALS)}
    async with cluster.sql("rokhas") as sql:
        seen.numbers = [tuple(row) for row in await sql.fetch(NUMBERS)]
    rows: dict[Place, tuple[str, int]] = {}
    for (name, kind), ask in ROWS.items():
        async with cluster.sql(name) as sql:
            rows |= {(name, kind, row[0]): (row[1], row[2]) for row in await sql.fetch(ask)}
    seen.rows = rows
    async with cluster.sql("deadlines") as sql:
        seen.clocks = [dict(row) for row in await sql.fetch(CLOCKS)]
    topics = sorted(stream.topic for service in ALL for stream in service.streams)
    seen.sent = await everything(cluster, topics)
    return seen


async def everything(cluster: Cluster, topics: Sequence[str]) -> list[Sent]:
    """Every record of the topics, read by a consumer of Kafka's own kind that belongs to no group."""
    partitions = await cluster.kafka.places(topics)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=cluster.kafka.bootstrap, enable_auto_commit=False, max_poll_records=5000
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = {tp: end for tp, end in (await consumer.end_offsets(partitions)).items() if end}
        found: list[Sent] = []
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(READ_PATIENCE) as limit:
            while [tp for tp, end in ends.items() if await consumer.position(tp) < end]:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += [recorded(record) for record in records]
                    limit.reschedule(loop.time() + READ_PATIENCE)
        return found
    finally:
        await consumer.stop()


def recorded(record: Any) -> Sent:
    """A record as it was read; without an `id` when it is no event."""
    where = (record.topic, record.partition, record.offset)
    try:
        envelope = Envelope.parse(record.headers, record.value or b"")
    except Undecodable:
        return Sent(*where)
    place = (envelope.source.strip("/"), envelope.aggregate, envelope.subject)
    key = (record.key or b"").decode(errors="replace")
    told = digest(envelope.type, record.value)
    return Sent(*where, envelope.id, place, envelope.sequence, key, told)


def digest(kind: str, payload: str | bytes) -> bytes:
    """What an event says, in few bytes: a hundred thousand are compared with what the log says."""
    said = payload if isinstance(payload, bytes) else payload.encode()
    return blake2b(kind.encode() + b"\0" + said, digest_size=8).digest()
