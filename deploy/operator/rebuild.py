"""Replay beyond repair: what a consumer keeps is built again from the producers' logs and compared, and a new
consumer begins at a baseline.

Nothing that a rebuild does leaves the database: a consumer that announces events is refused, because the
sequences it announced are taken; tables of the core are compared and never swapped.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from deploy.auditor import workers
from deploy.command import Refused
from deploy.operator.identity import operator
from deploy.operator.mend import consumer_named
from shared.auditor import Watch, watches
from shared.auth import SYSTEM
from shared.db import Database, Tx
from shared.events import Envelope, Event, Stream
from shared.outbox import record
from shared.service import Consumer
from shared.settings import migrator_settings_for

PAGE: Final = 1000
HEADS: Final = text("""
    SELECT source, aggregatetype, aggregateid, last_seq FROM msg.inbox_head
    WHERE consumer = :consumer ORDER BY 1, 2, 3 FOR UPDATE""")
LOG: Final = text("""
    SELECT * FROM msg.event_log WHERE pos > :after AND aggregatetype = ANY(:aggregates)
    ORDER BY pos LIMIT :page""")
PRODUCED: Final = text("""
    SELECT aggregatetype, aggregateid, last_seq FROM msg.aggregate_head
    WHERE aggregatetype = ANY(:aggregates)""")
BEGUN: Final = text("SELECT count(*) FROM msg.inbox_head WHERE consumer = :consumer AND last_seq > 0")
BASELINE: Final = text("""
    INSERT INTO msg.inbox_head AS h (consumer, source, aggregatetype, aggregateid, last_seq)
    VALUES (:consumer, :source, :aggregate, :subject, :seq)
    ON CONFLICT (consumer, source, aggregatetype, aggregateid) DO UPDATE SET last_seq = excluded.last_seq
    WHERE h.last_seq = 0""")
OPERATION: Final = text(
    "INSERT INTO msg.operation (by, what, detail) VALUES (:by, 'rebuild', jsonb_build_object("
    "'consumer', CAST(:consumer AS text), 'tables', CAST(:tables AS text[]), 'events', CAST(:events AS int)))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """`differing`: rows of each table that only one of the two has, before and after."""

    events: int
    differing: Mapping[str, int]
    swapped: bool


class _Undo(Exception):
    """Only compared: everything is rolled back."""


def _require(swap: bool) -> None:
    if not swap:
        raise _Undo


@dataclass(slots=True)
class _Silent(Tx):
    """What happened long ago happens again, at its own instant, and nobody is told."""

    async def emit(self, _stream: Stream, _subject: object, _collectivity: str, event: Event, /) -> int:
        raise Refused(f"it announces {event.TYPE}: what it keeps is the history of its own events")


async def rebuild(
    consumer: Consumer,
    watched: Sequence[Watch],
    owner: Database,
    tables: Sequence[str],
    *,
    ignoring: Sequence[str] = (),
    swap: bool = False,
    by: str = "",
) -> Rebuilt:
    """One transaction of the database's owner, in which the consumer's readers wait: the tables are emptied,
    what the consumer had applied is applied again, and the outcome is compared without the columns
    `ignoring`. Kept with `swap`, else rolled back. Raises Refused for a consumer that announces.
    """
    events, differing = 0, dict[str, int]()
    try:
        async with owner.transaction() as tx:
            heads = {tuple(r[:3]): r.last_seq for r in await tx.execute(HEADS, {"consumer": consumer.name})}
            for n, table in enumerate(tables):
                await tx.execute(text(f"CREATE TEMP TABLE was_{n} ON COMMIT DROP AS TABLE {table}"))
                await tx.execute(text(f"DELETE FROM {table}"))  # noqa: S608  # as above
            for watch in watched:
                async for envelope in _log(watch):
                    key = (envelope.source, envelope.aggregate, envelope.subject)
                    if envelope.sequence <= heads.get(key, 0):
                        again = _Silent(
                            tx.connection, SYSTEM, envelope.time, envelope.correlation_id, str(envelope.id)
                        )
                        await consumer.handle(again, envelope)
                        events += 1
            for n, table in enumerate(tables):
                before, after = (
                    f"SELECT to_jsonb(t) - CAST(:ignoring AS text[]) FROM {name} t"  # noqa: S608  # as above
                    for name in (f"was_{n}", table)
                )
                both = f"(({before}) EXCEPT ALL ({after})) UNION ALL (({after}) EXCEPT ALL ({before}))"
                counted = text(f"SELECT count(*) FROM ({both}) d")  # noqa: S608  # as above
                differing[table] = (await tx.execute(counted, {"ignoring": list(ignoring)})).scalar_one()
            _require(swap)
            found = {
                "by": by,
                "consumer": consumer.name,
                "tables": list(tables),
                "events": events,
            }
            await tx.execute(OPERATION, found)
    except _Undo:
        pass
    return Rebuilt(events=events, differing=differing, swapped=swap)


async def _log(watch: Watch) -> AsyncIterator[Envelope]:
    """All that a producer announced on these topics, in its order."""
    after = 0
    chosen = {"aggregates": list(watch.aggregates), "page": PAGE}
    while rows := await watch.producer.look(LOG, chosen | {"after": after}):
        for row in rows:
            sent = record(row)
            yield Envelope.parse(sent.headers, sent.value)
        after = rows[-1].pos


async def baseline(consumer: Consumer, watched: Sequence[Watch]) -> int:
    """A consumer that has read nothing begins after what its producers have announced up to now; returns the
    number of aggregates. Heads first, the snapshot of the producer's data after them: what is in both is
    applied once more over the snapshot, and nothing is missing. Raises Refused when it has begun.
    """
    aggregates = 0
    for watch in watched:
        if (await watch.reader.look(BEGUN, {"consumer": consumer.name}))[0][0] and not aggregates:
            raise Refused(f"{consumer.name} has applied events already: a baseline would skip what it lacks")
        heads = await watch.producer.look(PRODUCED, {"aggregates": list(watch.aggregates)})
        places = [
            {
                "consumer": consumer.name,
                "source": watch.source,
                "aggregate": head.aggregatetype,
                "subject": head.aggregateid,
                "seq": head.last_seq,
            }
            for head in heads
        ]
        if places:
            async with watch.reader.transaction() as tx:
                await tx.execute(BASELINE, places)
        aggregates += len(places)
    return aggregates


async def rebuild_named(
    variables: Mapping[str, str], name: str, tables: Sequence[str], ignoring: Sequence[str], *, swap: bool
) -> int:
    """The exit status: 1 when something differs and nothing was swapped."""
    service, consumer = consumer_named(name)
    if swap and any(not table.startswith(f"{service.name}.") for table in tables):
        raise Refused(f"only tables of {service.name} are swapped: the core's hold what was done once")
    by = await operator(variables)
    owner = Database(
        migrator_settings_for(service.name, variables).migrator_database_url.get_secret_value(),
        name=f"{service.name}-rebuild",
        pool_size=1,
    )
    try:
        async with workers(variables) as databases:
            watched = [w for w in watches([service], databases) if w.consumer == name]
            done = await rebuild(consumer, watched, owner, tables, ignoring=ignoring, swap=swap, by=by)
    finally:
        await owner.close()
    print(f"{name}: {done.events} events applied again, {'kept' if done.swapped else 'nothing kept'}")
    for table, rows in done.differing.items():
        print(f"{table}: {rows} rows differ")
    return 1 if any(done.differing.values()) and not done.swapped else 0


async def baseline_named(variables: Mapping[str, str], name: str) -> None:
    service, consumer = consumer_named(name)
    await operator(variables)
    async with workers(variables) as databases:
        watched = [w for w in watches([service], databases) if w.consumer == name]
        aggregates = await baseline(consumer, watched)
    print(f"{name} begins after {aggregates} aggregates; load the snapshot now, then start its service")
