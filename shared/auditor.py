"""Does every consumer have what every producer announced? A lost last event leaves no gap to notice.

Heads are compared: the producer's last sequence of each aggregate with the consumer's. It needs both
databases, so it runs beside the services, from the registry. What stays unequal is sent again from the
log, and if that does not help it is an alarm.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from shared.db import Database
from shared.events import parts_of
from shared.inbox import Key
from shared.service import Service
from shared.tasks import keep_going

log = structlog.get_logger()

EVERY: Final = 60.0  # seconds between looks
PATIENCE: Final = 60.0  # seconds that an event may take to be applied before it is sent again
LOOK_BACK: Final = 600.0  # seconds: a transaction may commit this long after its positions were drawn
MOST_REPAIRS: Final = 1000  # aggregates per look: a consumer that is only slow must not be flooded
LONGEST_WAIT: Final = 3600.0  # seconds between two repairs of one aggregate that does not heal
PAGE: Final = 2000

UNEQUAL = Gauge("jamaa_auditor_unequal", "Aggregates whose heads differ", ["service", "consumer", "source"])
LAG = Gauge(
    "jamaa_auditor_sequence_lag_events",
    "Events announced and not applied, at the last look",
    ["service", "consumer", "source"],
)
LOOKED = Gauge(
    "jamaa_auditor_last_look_timestamp_seconds",
    "When it last compared these heads; 0 when it never could",
    ["service", "consumer", "source"],
)
REPAIRED = Counter("jamaa_auditor_repaired_total", "Aggregates sent again", ["service", "consumer"])
ALARMED = Gauge(
    "jamaa_auditor_alarmed", "Aggregates unequal now, and not to be mended", ["service", "consumer", "source"]
)
ALARMS = Counter("jamaa_auditor_alarms_total", "Heads still unequal after repair", ["service", "consumer"])

ALL_HEADS = text("""
    SELECT aggregatetype, aggregateid, last_seq FROM msg.aggregate_head
    WHERE aggregatetype = ANY(:aggregates) AND (aggregatetype, aggregateid) > (:type, :id)
    ORDER BY 1, 2 LIMIT :page""")
TIMELINE = text("SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)")
HEADS_OF = text("""
    SELECT h.aggregatetype, h.aggregateid, h.last_seq FROM msg.aggregate_head h
      JOIN unnest(CAST(:types AS text[]), CAST(:ids AS text[])) AS w (aggregatetype, aggregateid)
      USING (aggregatetype, aggregateid)""")
RECENT = text("""
    SELECT DISTINCT aggregatetype, aggregateid FROM msg.event_log
    WHERE pos > :after AND aggregatetype = ANY(:aggregates)""")
SETTLED = text("""
    SELECT pos FROM msg.event_log
    WHERE pos > :after AND recorded_at < clock_timestamp() - make_interval(secs => :age)
    ORDER BY pos DESC LIMIT 1""")
APPLIED = text("""
    SELECT h.aggregatetype, h.aggregateid, h.last_seq, h.state FROM msg.inbox_head h
      JOIN unnest(CAST(:types AS text[]), CAST(:ids AS text[])) AS w (aggregatetype, aggregateid)
      USING (aggregatetype, aggregateid)
    WHERE h.consumer = :consumer AND h.source = :source""")
ALL_APPLIED = text("""
    SELECT aggregatetype, aggregateid, last_seq, state FROM msg.inbox_head
    WHERE consumer = :consumer AND source = :source AND (aggregatetype, aggregateid) > (:type, :id)
    ORDER BY 1, 2 LIMIT :page""")
OVERDUE = text("""
    SELECT e.aggregatetype, e.aggregateid FROM msg.event_log e
      JOIN unnest(CAST(:types AS text[]), CAST(:ids AS text[]), CAST(:firsts AS bigint[]))
        AS w (aggregatetype, aggregateid, seq) USING (aggregatetype, aggregateid, seq)
    WHERE e.recorded_at <= clock_timestamp() - make_interval(secs => :age)
      AND NOT EXISTS (SELECT FROM msg.outbox_pending p WHERE p.pos = e.pos)""")
SEND_AGAIN = text("""
    INSERT INTO msg.outbox_pending
    SELECT e.pos FROM msg.event_log e
      JOIN unnest(CAST(:types AS text[]), CAST(:ids AS text[]), CAST(:firsts AS bigint[]))
        AS w (aggregatetype, aggregateid, first)
        ON e.aggregatetype = w.aggregatetype AND e.aggregateid = w.aggregateid AND e.seq >= w.first
    ORDER BY e.pos ON CONFLICT DO NOTHING""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """`state` is the consumer's: a blocked or dead aggregate is the operator's to mend, not lost."""

    key: Key
    produced: int
    applied: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One consumer's reading of one producer."""

    service: str
    consumer: str
    source: str
    aggregates: tuple[str, ...]
    producer: Database
    reader: Database

    @property
    def labels(self) -> tuple[str, str, str]:
        return self.service, self.consumer, self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one look found, did, and could not mend."""

    unequal: int = 0
    repaired: int = 0
    alarms: int = 0


@dataclass(slots=True)
class _Progress:
    """What the auditor remembers of one watch between two looks."""

    settled: int = 0
    timelines: tuple[str, ...] = ()
    """Of both databases: PostgreSQL begins another one when a standby is promoted, and after a restore."""
    whole_until: float = 0.0
    """Until then everything is compared: a consumer may still be reading on Kafka what its producer lost."""
    outstanding: set[tuple[str, str]] = field(default_factory=set)
    asked: dict[tuple[str, str], "_Asked"] = field(default_factory=dict)


@dataclass(slots=True)
class _Asked:
    applied: int
    at: float
    wait: float
    alarmed: bool = False


def watches(services: Sequence[Service], databases: Mapping[str, Database]) -> list[Watch]:
    """Every consumer with every producer it reads. `databases` are the workers' pools, by service."""
    found = []
    for service in services:
        for consumer in service.consumers:
            parts = [parts_of(topic) for topic in consumer.topics]
            found += [
                Watch(
                    service=service.name,
                    consumer=consumer.name,
                    source=f"/{producer}",
                    aggregates=tuple(aggregate for of, aggregate in parts if of == producer),
                    producer=databases[producer],
                    reader=databases[service.name],
                )
                for producer in dict.fromkeys(of for of, _ in parts)
            ]
    return found


async def mismatches(watch: Watch, among: Sequence[tuple[str, str]] | None = None) -> list[Mismatch]:
    """Aggregates whose heads differ: of all, or of these (type, id)s. A snapshot: some are on their way."""
    if among is not None:
        return [m for page in _pages(among) for m in await _compare(watch, await _produced(watch, page))]
    found: list[Mismatch] = []
    at = {"type": "", "id": ""}
    while page := await _rows(
        watch.producer, ALL_HEADS, at | {"aggregates": list(watch.aggregates), "page": PAGE}
    ):
        found += await _compare(watch, page)
        at = {"type": page[-1].aggregatetype, "id": page[-1].aggregateid}
    found += await _unknown_to_producer(watch)
    return found


async def _compare(watch: Watch, produced: Sequence[Any]) -> list[Mismatch]:
    keys = {"types": [r.aggregatetype for r in produced], "ids": [r.aggregateid for r in produced]}
    rows = await _rows(watch.reader, APPLIED, keys | {"consumer": watch.consumer, "source": watch.source})
    applied = {(r.aggregatetype, r.aggregateid): (r.last_seq, r.state) for r in rows}
    found = []
    for head in produced:
        last, state = applied.get((head.aggregatetype, head.aggregateid), (0, "open"))
        if last != head.last_seq:
            key = (watch.source, head.aggregatetype, head.aggregateid)
            found.append(Mismatch(key=key, produced=head.last_seq, applied=last, state=state))
    ahead = [m.key[1:] for m in found if m.applied > m.produced]
    if not ahead:
        return found
    # Announced and applied since the producer was read, or lost by the producer: its head of now tells.
    now = {(r.aggregatetype, r.aggregateid): r.last_seq for r in await _produced(watch, ahead)}
    return [m for m in found if m.applied < m.produced or m.applied > now.get(m.key[1:], 0)]


async def _unknown_to_producer(watch: Watch) -> list[Mismatch]:
    """A producer that lost its last minutes (a failover without a synchronous standby) no longer knows what
    its consumers have applied.
    """
    found = []
    at: dict[str, Any] = {"type": "", "id": ""}
    who = {"consumer": watch.consumer, "source": watch.source, "page": PAGE}
    while page := await _rows(watch.reader, ALL_APPLIED, at | who):
        keys = [(r.aggregatetype, r.aggregateid) for r in page]
        known = {(r.aggregatetype, r.aggregateid) for r in await _produced(watch, keys)}
        found += [
            Mismatch(
                key=(watch.source, r.aggregatetype, r.aggregateid),
                produced=0,
                applied=r.last_seq,
                state=r.state,
            )
            for r in page
            if r.last_seq and (r.aggregatetype, r.aggregateid) not in known
        ]
        at = {"type": page[-1].aggregatetype, "id": page[-1].aggregateid}
    return found


async def _produced(watch: Watch, keys: Sequence[tuple[str, str]]) -> Sequence[Any]:
    return await _rows(watch.producer, HEADS_OF, {"types": [k[0] for k in keys], "ids": [k[1] for k in keys]})


def _pages(keys: Sequence[tuple[str, str]]) -> Iterator[Sequence[tuple[str, str]]]:
    return (keys[i : i + PAGE] for i in range(0, len(keys), PAGE))


async def _rows(database: Database, statement: Any, values: dict[str, Any]) -> Sequence[Any]:
    async with database.transaction() as tx:
        return (await tx.execute(statement, values)).all()


class Auditor:
    """Looks every minute; at once when a broker turned out to have lost what it held.

    The first look, a hurried one and those of ten minutes after a promotion or a restore compare everything,
    the others what was announced since, and what was unequal the last time.
    """

    def __init__(self, watched: Sequence[Watch], *, every: float = EVERY, patience: float = PATIENCE) -> None:
        self._watched = {watch: _Progress() for watch in watched}
        for watch in watched:
            LOOKED.labels(*watch.labels)
        self._every = every
        self._patience = patience
        self._hurried = asyncio.Event()

    def hurry(self) -> None:
        """The broker lost its data: compare everything now and send again whatever is missing."""
        self._hurried.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        await keep_going("auditor", self._work)

    async def _work(self) -> None:
        full = True
        while True:
            await self.audit(full=full)
            full = False
            try:
                async with asyncio.timeout(self._every):
                    await self._hurried.wait()
            except TimeoutError:
                continue
            self._hurried.clear()
            await self.audit(full=True, patience=0)

    async def audit(self, *, full: bool = False, patience: float | None = None) -> Report:
        """One look at every watch. `patience` 0 sends again all that is missing and not about to be sent."""
        patience = self._patience if patience is None else patience
        unequal = repaired = alarms = 0
        for watch, progress in self._watched.items():
            try:
                report = await self._look(watch, progress, full=full, patience=patience)
            except (SQLAlchemyError, OSError) as error:  # the others are looked at all the same
                log.warning("auditor.out_of_reach", consumer=watch.consumer, error=type(error).__name__)
                continue
            unequal += report.unequal
            repaired += report.repaired
            alarms += report.alarms
            LOOKED.labels(*watch.labels).set_to_current_time()
        return Report(unequal=unequal, repaired=repaired, alarms=alarms)

    async def _look(self, watch: Watch, progress: _Progress, *, full: bool, patience: float) -> Report:
        settled = await self._settled(watch, progress)
        timelines = tuple([(await _rows(d, TIMELINE, {}))[0][0] for d in (watch.producer, watch.reader)])
        now = asyncio.get_running_loop().time()
        if progress.timelines and timelines != progress.timelines:
            progress.whole_until = now + LOOK_BACK
        if full or now < progress.whole_until:  # of a promoted one nothing new tells what it lost
            found = await mismatches(watch)
        else:
            recent = await _rows(
                watch.producer, RECENT, {"after": progress.settled, "aggregates": list(watch.aggregates)}
            )
            among = progress.outstanding | {(r.aggregatetype, r.aggregateid) for r in recent}
            found = await mismatches(watch, sorted(among))
        progress.settled, progress.timelines = settled, timelines
        progress.outstanding = {m.key[1:] for m in found}
        progress.asked = {k: asked for k, asked in progress.asked.items() if k in progress.outstanding}
        UNEQUAL.labels(*watch.labels).set(len(found))
        LAG.labels(*watch.labels).set(sum(max(0, m.produced - m.applied) for m in found))

        behind = [m for m in found if m.state == "open" and m.applied < m.produced]
        most = MOST_REPAIRS if patience else len(behind)
        overdue = await self._overdue(watch, behind, patience)
        alarms = sum(self._alarm(watch, progress, m) for m in found if m.applied > m.produced)
        due = []
        for missing in overdue:
            asked = progress.asked.get(missing.key[1:])
            if asked is None or asked.applied != missing.applied or not patience:
                due.append(missing)
            elif asyncio.get_running_loop().time() - asked.at >= asked.wait:
                alarms += self._alarm(watch, progress, missing)
                due.append(missing)
        due = due[:most]
        await self._send_again(watch, progress, due, hurried=not patience)
        ALARMED.labels(*watch.labels).set(sum(asked.alarmed for asked in progress.asked.values()))
        return Report(unequal=len(found), repaired=len(due), alarms=alarms)

    async def _settled(self, watch: Watch, progress: _Progress) -> int:
        """The position below which every transaction has ended long ago, read before the comparison."""
        values = {"after": progress.settled, "age": LOOK_BACK}
        reached = await _rows(watch.producer, SETTLED, values)
        return int(reached[0].pos) if reached else progress.settled

    async def _overdue(self, watch: Watch, behind: Sequence[Mismatch], patience: float) -> list[Mismatch]:
        """Those whose first missing event had the time to arrive and is not waiting to be sent."""
        values = _columns(behind) | {"age": patience}
        late = {(r[0], r[1]) for r in await _rows(watch.producer, OVERDUE, values)} if behind else set()
        return [m for m in behind if m.key[1:] in late]

    async def _send_again(
        self, watch: Watch, progress: _Progress, due: Sequence[Mismatch], *, hurried: bool
    ) -> None:
        now = asyncio.get_running_loop().time()
        for start in range(0, len(due), PAGE):
            async with watch.producer.transaction() as tx:
                await tx.execute(SEND_AGAIN, _columns(due[start : start + PAGE]))
        for missing in due:
            before = progress.asked.get(missing.key[1:])
            again = before is not None and before.applied == missing.applied
            wait = min(before.wait * 2, LONGEST_WAIT) if before and again else self._patience
            progress.asked[missing.key[1:]] = _Asked(
                missing.applied, now, wait, bool(before and before.alarmed)
            )
        if due:
            REPAIRED.labels(watch.service, watch.consumer).inc(len(due))
            say = log.info if hurried else log.warning  # a broker without data is known already
            say("auditor.sent_again", consumer=watch.consumer, source=watch.source, aggregates=len(due))
            for wake in watch.producer.on_emit:
                wake()

    def _alarm(self, watch: Watch, progress: _Progress, mismatch: Mismatch) -> int:
        """Once per aggregate and head; returns 1 when it is new."""
        asked = progress.asked.setdefault(
            mismatch.key[1:],
            _Asked(mismatch.applied, asyncio.get_running_loop().time(), self._patience),
        )
        if asked.alarmed and asked.applied == mismatch.applied:
            return 0
        asked.alarmed = True
        asked.applied = mismatch.applied
        ALARMS.labels(watch.service, watch.consumer).inc()
        log.error(
            "auditor.still_unequal",
            consumer=watch.consumer,
            source=watch.source,
            aggregate=mismatch.key[2],
            produced=mismatch.produced,
            applied=mismatch.applied,
        )
        return 1


def _columns(missing: Sequence[Mismatch]) -> dict[str, list[Any]]:
    return {
        "types": [m.key[1] for m in missing],
        "ids": [m.key[2] for m in missing],
        "firsts": [m.applied + 1 for m in missing],
    }
