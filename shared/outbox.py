"""From the database to the broker: every committed event is sent, in each aggregate's order, at least once.

Why pending rows in order of position, read by one relay, and nothing cleverer: a cursor over ids loses
events of transactions that commit late, ordering by transaction id inverts an aggregate's events, and
`SKIP LOCKED` inverts them between workers. `tests/shared/test_core_properties.py` keeps those as mutants.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import Row, text

from shared import trace
from shared.bus import BrokerLost, Bus, Record, Sender
from shared.db import Database, Tx
from shared.errors import Unavailable
from shared.events import Envelope, Event, Stream, topic_of
from shared.tasks import keep_going

log = structlog.get_logger()

BATCH: Final = 1000
BYTES: Final = 8 * 1024 * 1024  # of one batch; what takes it past this is its last
LEASE_SECONDS: Final = 15
WATCH_SECONDS: Final = 5.0
IDLE: Final = (0.010, 0.250)  # seconds between looks at an empty table: the first, the last
ROOM_SECONDS: Final = 60  # until an import that was refused may be tried again
CARRIED: Final = ("correlation_id", "causation_id", "traceparent", "tracestate")
PARTITIONS_EVERY: Final = 600.0  # seconds between looks at whether the log needs its next partition

SENT = Counter("jamaa_relay_sent_total", "Events acknowledged by the broker", ["service"])
PENDING = Gauge("jamaa_relay_pending_events", "Events not yet sent", ["service"])
PENDING_AGE = Gauge("jamaa_relay_oldest_pending_seconds", "Age of the oldest event not yet sent", ["service"])

LEASE = text(
    "INSERT INTO msg.relay_lease AS l"
    " VALUES ('relay', :owner, 1, clock_timestamp() + make_interval(secs => :ttl))"
    " ON CONFLICT (name) DO UPDATE SET owner = :owner, expires_at = excluded.expires_at,"
    " epoch = l.epoch + CASE WHEN l.owner = :owner THEN 0 ELSE 1 END"
    " WHERE l.owner = :owner OR l.expires_at < clock_timestamp() RETURNING epoch"
)
RELEASE = text(
    "UPDATE msg.relay_lease SET expires_at = clock_timestamp() WHERE owner = :owner AND epoch = :epoch"
)
COLUMNS: Final = (  # of an event `e`; taking the headers apart costs the database a third
    "e.pos, e.id, e.source, e.aggregatetype, e.aggregateid, e.seq, e.type, e.collectivity, e.payload, "
    + "".join(f"e.headers ->> '{name}' AS {name}, " for name in CARRIED)
    + "e.occurred_at"
)
# Each event by its position, whatever the planner believes: it joined a deep backlog with the whole log.
READ = text(f"""
    WITH pending AS MATERIALIZED (SELECT pos FROM msg.outbox_pending
      WHERE pos <> ALL(CAST(:held AS bigint[])) ORDER BY pos LIMIT :batch),
    found AS (SELECT pending.pos AS place, {COLUMNS},
        coalesce(sum(octet_length(e.payload)) OVER (ORDER BY pending.pos
          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
      FROM pending LEFT JOIN LATERAL (
        SELECT * FROM msg.event_log WHERE event_log.pos = pending.pos LIMIT 1) e ON true)
    SELECT * FROM found WHERE before < {BYTES} ORDER BY place""")  # noqa: S608  # names of columns, a number
STANDING = text(
    "SELECT (SELECT count(*) FROM msg.outbox_pending) AS pending,"
    " coalesce(extract(epoch FROM clock_timestamp() - min(e.recorded_at)), 0) AS age"
    " FROM (SELECT pos FROM msg.outbox_pending ORDER BY pos LIMIT 1) p JOIN msg.event_log e USING (pos)"
)
DELETE = text(
    "WITH gone AS (DELETE FROM msg.outbox_pending WHERE pos = ANY(:sent) AND EXISTS"
    " (SELECT FROM msg.relay_lease WHERE name = 'relay' AND owner = :owner AND epoch = :epoch) RETURNING 1)"
    # Nobody waits for the disk: what is forgotten to be forgotten is sent twice, and skipped.
    " SELECT count(*), set_config('synchronous_commit', 'off', true) FROM gone"
)
ROOM = text("SELECT msg.outbox_has_room(:most)")
PARTITIONS = text("SELECT msg.ensure_partitions()")
EMIT_ALL = text("""
    SELECT e.seq FROM unnest(CAST(:aggregate AS text[]), CAST(:subject AS text[]), CAST(:type AS text[]),
        CAST(:collectivity AS text[]), CAST(:payload AS bytea[]), CAST(:headers AS text[]),
        CAST(:occurred_at AS timestamptz[]))
        WITH ORDINALITY AS w (aggregate, subject, type, collectivity, payload, headers, at, place),
      msg.emit(w.aggregate, w.subject, w.type, w.collectivity, w.payload, CAST(w.headers AS jsonb), w.at) AS e
    ORDER BY w.place""")
RESEND = text(
    "INSERT INTO msg.outbox_pending SELECT pos FROM msg.event_log"
    " WHERE aggregatetype = :aggregate AND aggregateid = :subject AND seq BETWEEN :first AND :last"
    " ON CONFLICT DO NOTHING"
)


class Announcements:
    """Events of one transaction, announced together and in order: one round trip for all of them."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._said: list[dict[str, Any]] = []

    def add(self, stream: Stream, subject: UUID | str, collectivity: str, event: Event) -> None:
        """As `tx.emit`, with what caused the transaction at this moment."""
        self._said.append(self._tx.announcement(stream, subject, collectivity, event))

    async def write(self) -> list[int]:
        """Returns the sequence of each. To be called once."""
        if not self._said:
            return []
        columns = {name: [one[name] for one in self._said] for name in self._said[0]}
        sequences = list((await self._tx.execute(EMIT_ALL, columns)).scalars())
        self._tx.emitted += sequences
        return sequences


async def require_room(tx: Tx, most: int) -> None:
    """For bulk imports only, before they write: raises `Unavailable` while that many events wait to be sent.
    An act with legal effect is never refused for it.
    """
    if not (await tx.execute(ROOM, {"most": most})).scalar_one():
        detail = {
            "ar": "أحداث كثيرة ما زالت تنتظر الإرسال: أعيدوا الاستيراد لاحقا.",
            "fr": "Trop d'événements attendent d'être transmis : importez plus tard.",
            "en": "Too many events wait to be sent: import later.",
        }
        raise Unavailable("outbox_full", detail, retry_after=ROOM_SECONDS)


class Relay:
    """The sender of one service's events. Several may run: the lease lets one work, correctness does not
    need it (consumers skip what arrives twice).
    """

    batch = BATCH

    def __init__(self, service: str, database: Database, bus: Bus) -> None:
        self.service = service
        self.database = database
        self.bus = bus
        self.owner = uuid4()
        self.on_epoch: list[Callable[[], None]] = []  # what the broker acknowledged to us, it has lost
        self.epoch = 0
        self.begun = False  # whether it has led or stood by since the start
        self._renewed = 0.0
        self._partitioned = float("-inf")
        self._topics: set[str] = set()  # those that exist as far as the present sender knows
        self._ahead: Sequence[Row[tuple[object, ...]]] = ()  # read while the broker wrote what came before
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Something was committed in this process: no need to wait for the next look."""
        self._wake.set()

    async def run(self) -> None:
        """Runs until cancelled. A failure rebuilds the producer: an idempotent one can stick for ever."""
        await keep_going(f"{self.service}.relay", self._work)

    async def watch(self) -> None:
        """Measures what waits and how long, whatever the broker does; runs until cancelled."""
        while True:
            (standing,) = await self.database.look(STANDING)
            PENDING.labels(self.service).set(standing.pending)
            PENDING_AGE.labels(self.service).set(standing.age)
            await asyncio.sleep(WATCH_SECONDS)

    async def _work(self) -> None:
        self._topics.clear()
        self._ahead = ()
        try:
            async with self.bus.sender() as sender:
                await self._relay(sender)
        except BrokerLost:
            for notice in self.on_epoch:
                notice()
            raise
        finally:
            await self._release()

    async def _relay(self, sender: Sender) -> None:
        idle = IDLE[0]
        while True:
            leads = await self._leads()
            self.begun = True
            if not leads:
                self._ahead = ()
                await asyncio.sleep(LEASE_SECONDS / 5)
                continue
            if await self.relay_once(sender):
                idle = IDLE[0]
                continue
            try:
                async with asyncio.timeout(idle):  # `wait_for` swallows what cancels it as it is woken
                    await self._wake.wait()
                idle = IDLE[0]
            except TimeoutError:
                idle = min(idle * 1.5, IDLE[1])
            self._wake.clear()

    async def relay_once(self, sender: Sender) -> int:
        """Sends one batch and forgets what the broker acknowledged. Raises `Unsent` at the first refusal."""
        rows, self._ahead = self._ahead or await self._read(), ()
        if not rows:
            return 0
        if orphans := [row.place for row in rows if row.id is None]:
            raise Unsent(f"position {orphans[0]} is pending and no longer in the log: restore or remove it")
        records = [record(row) for row in rows]
        if missing := {r.topic for r in records} - self._topics:
            await self.bus.ensure_topics(sorted(missing))  # else a broker might make them, with one partition
            self._topics |= missing
        with _sending(rows, records):
            outcomes = await self._send(sender, rows, records)
        # An aggregate's later event must not overtake a refused one for good: what follows a failure is
        # sent again with it, and consumers drop what they have seen.
        refused = next((i for i, outcome in enumerate(outcomes) if outcome is not None), len(rows))
        acknowledged = [row.pos for row in rows[:refused]]
        if acknowledged:
            await self._forget(acknowledged)
            SENT.labels(self.service).inc(len(acknowledged))
        if refused < len(rows):
            self._ahead = ()  # it may follow what was refused
            raise Unsent(f"{rows[refused].type} at position {rows[refused].pos}: {outcomes[refused]!r}")
        return len(rows)

    async def _send(
        self, sender: Sender, rows: Sequence[Row[tuple[object, ...]]], records: Sequence[Record]
    ) -> list[BaseException | None]:
        """Behind a full batch more is read meanwhile, and sent once this one is acknowledged; not behind one
        that is cut short by its size: two such would be held at once.
        """
        if len(rows) < self.batch:
            return await sender.send(records)
        sending = asyncio.ensure_future(sender.send(records))
        try:
            self._ahead = await self._read([row.pos for row in rows])
            return await sending
        except BaseException:
            self._ahead = ()
            raise
        finally:
            sending.cancel()

    async def _read(self, held: Sequence[int] = ()) -> Sequence[Row[tuple[object, ...]]]:
        """The oldest that are pending, but for those at `held`, which are on their way."""
        return await self.database.look(READ, {"batch": self.batch, "held": list(held)})

    async def _forget(self, sent: Sequence[int]) -> None:
        await self.database.look(DELETE, {"sent": list(sent), "owner": self.owner, "epoch": self.epoch})

    async def _leads(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self.epoch and now - self._renewed < LEASE_SECONDS / 3:
            return True
        async with self.database.transaction() as tx:
            epoch = (
                await tx.execute(LEASE, {"owner": self.owner, "ttl": LEASE_SECONDS})
            ).scalar_one_or_none()
            if epoch and now - self._partitioned > PARTITIONS_EVERY:
                await tx.execute(PARTITIONS)
                self._partitioned = now
        self.epoch = epoch or 0
        self._renewed = now
        return bool(epoch)

    async def _release(self) -> None:
        """So that a standby need not wait for the lease to run out."""
        if not self.epoch:
            return
        try:
            async with asyncio.timeout(2), self.database.transaction() as tx:
                await tx.execute(RELEASE, {"owner": self.owner, "epoch": self.epoch})
        except Exception as error:  # noqa: BLE001  # whatever it is, the lease runs out by itself
            log.info("relay.lease_left_to_expire", service=self.service, error=repr(error))
        finally:
            self.epoch = 0


class Unsent(Exception):
    """The broker refused a record. It stays pending and in sight; it is never skipped."""


def record(row: Row[tuple[object, ...]]) -> Record:
    """One row of the log as a Kafka record in CloudEvents binary mode."""
    envelope = Envelope(
        id=row.id,
        source=row.source,
        type=row.type,
        aggregate=row.aggregatetype,
        subject=row.aggregateid,
        sequence=row.seq,
        time=row.occurred_at,
        collectivity=row.collectivity,
        data=row.payload,
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
        traceparent=row.traceparent,
        tracestate=row.tracestate,
    )
    return Record(
        topic_of(row.source.removeprefix("/"), row.aggregatetype),
        row.aggregateid,
        row.payload,
        envelope.headers(),
    )


def _sending(
    rows: Sequence[Row[tuple[object, ...]]], records: Sequence[Record]
) -> AbstractContextManager[object]:
    """One span for the batch, linked to what announced its events; none when nobody records those."""
    contexts = trace.sampled(row.traceparent for row in rows)
    if not contexts:
        return nullcontext()
    topics = {record.topic for record in records}
    topic = topics.pop() if len(topics) == 1 else None
    about = trace.messaging("send", topic) | {"messaging.batch.message_count": len(records)}
    return trace.span(f"send {topic or ''}".strip(), trace.CLIENT, about, links=contexts)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairRequest:
    """A consumer's plea: send these events of one aggregate again. Idempotent."""

    consumer: str
    aggregate: str
    subject: str
    first: int
    last: int


async def resend(database: Database, request: RepairRequest) -> int:
    """Puts the events back into the pending table under their old identifiers; returns how many."""
    async with database.transaction() as tx:
        result = await tx.execute(RESEND, asdict(request))
    for wake in database.on_emit:
        wake()
    return result.rowcount
