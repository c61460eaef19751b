"""Replay beyond repair: what a consumer keeps is built again from the producers' logs and compared, and a new
consumer begins at a baseline.

It is for pure projections: consumers whose tables are nothing but the fold of the events that they read.
Nothing that a rebuild does leaves the database: a consumer that announces events is refused, because the
sequences it announced are taken; tables of the core are compared and never swapped. What two persons skipped
is left out again; a consumer that began at a baseline is refused, because its snapshot is in no log.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text

from deploy.auditor import workers
from deploy.command import Refused
from deploy.operator.identity import operator
from deploy.operator.mend import consumer_named
from deploy.operator.operate import done
from shared.auditor import Watch, watches
from shared.auth import SYSTEM
from shared.db import Database, Tx
from shared.events import Envelope, Event, Stream
from shared.outbox import COLUMNS, record
from shared.service import Consumer
from shared.settings import migrator_settings_for

PAGE: Final = 1000
# A rebuild lasts as long as the log is long; the limits of SERVER_SETTINGS are those of requests.
PATIENTLY: Final = text(
    "SELECT set_config('statement_timeout', '0', true),"
    " set_config('idle_in_transaction_session_timeout', '0', true)"
)
# Every reader adds or locks heads first: from here on those of this database wait, also for new aggregates.
ALONE: Final = text("LOCK TABLE msg.inbox_head IN SHARE ROW EXCLUSIVE MODE")
HEADS: Final = text("""
    SELECT source, aggregatetype, aggregateid, last_seq FROM msg.inbox_head WHERE consumer = :consumer""")
SKIPPED: Final = text("""
    SELECT source, aggregatetype, aggregateid, seq FROM msg.skip_register
    WHERE consumer = :consumer AND confirmed_by IS NOT NULL AND NOT never_announced""")
BEGUN_LATER: Final = text("""
    SELECT at FROM msg.operation WHERE what = 'baseline' AND detail ->> 'consumer' = :consumer LIMIT 1""")
NAMED: Final = text("SELECT to_regclass(name) FROM unnest(CAST(:names AS text[])) AS n (name)")
REFERRING: Final = text("""
    SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent FROM pg_constraint
    WHERE contype = 'f' AND confrelid = ANY(CAST(:names AS text[])::regclass[])
      AND conrelid <> ALL(CAST(:names AS text[])::regclass[]) LIMIT 1""")
LOG: Final = text(f"""
    SELECT {COLUMNS} FROM msg.event_log e WHERE pos > :after AND aggregatetype = ANY(:aggregates)
    ORDER BY pos LIMIT :page""")  # noqa: S608  # names of columns
PRODUCED: Final = text("""
    SELECT aggregatetype, aggregateid, last_seq FROM msg.aggregate_head
    WHERE aggregatetype = ANY(:aggregates)""")
BEGUN: Final = text("""
    SELECT EXISTS (SELECT FROM msg.inbox_head WHERE consumer = :consumer
        AND (last_seq > 0 OR state <> 'open'))
      OR EXISTS (SELECT FROM msg.inbox_parked WHERE consumer = :consumer)""")
BASELINE: Final = text("""
    INSERT INTO msg.inbox_head AS h (consumer, source, aggregatetype, aggregateid, last_seq)
    VALUES (:consumer, :source, :aggregate, :subject, :seq)
    ON CONFLICT (consumer, source, aggregatetype, aggregateid) DO UPDATE SET last_seq = excluded.last_seq
    WHERE h.last_seq = 0""")


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

    def announcement(
        self, _stream: Stream, _subject: object, _collectivity: str, event: Event, /
    ) -> dict[str, Any]:
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
    """One transaction of the database's owner, in which the service's readers wait: the tables are emptied,
    what the consumer had applied is applied again, and the outcome is compared without the columns
    `ignoring`. Kept with `swap` and recorded, else rolled back without a trace. Raises Refused for a consumer
    that announces or began at a baseline, and for a table that does not exist or that another one refers to.
    """
    events, differing = 0, dict[str, int]()
    named = {"consumer": consumer.name}
    try:
        async with owner.transaction() as tx:
            await tx.execute(PATIENTLY)
            await tx.execute(ALONE)
            await _require_projection(tx, consumer.name, tables)
            heads = {tuple(r[:3]): r.last_seq for r in await tx.execute(HEADS, named)}
            skipped = {tuple(r) for r in await tx.execute(SKIPPED, named)}
            for n, table in enumerate(tables):
                await tx.execute(text(f"CREATE TEMP TABLE was_{n} ON COMMIT DROP AS TABLE {table}"))
            # In one statement: a table may refer to another of them.
            emptied = ", ".join(f"e{n} AS (DELETE FROM {table})" for n, table in enumerate(tables))  # noqa: S608  # the operator's word, and the owner's rights
            await tx.execute(text(f"WITH {emptied} SELECT"))
            for watch in watched:
                async for envelope in _log(watch):
                    key = (envelope.source, envelope.aggregate, envelope.subject)
                    if envelope.sequence <= heads.get(key, 0) and (*key, envelope.sequence) not in skipped:
                        causes = envelope.correlation_id, str(envelope.id)
                        again = _Silent(owner, SYSTEM, envelope.time, *causes, _session=tx.session)
                        await consumer.handle(again, envelope)
                        if again.waits:
                            await again.flush()
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
            await done(tx, by, "rebuild", named | {"tables": list(tables), "events": events})
    except _Undo:
        pass
    return Rebuilt(events=events, differing=differing, swapped=swap)


async def _require_projection(tx: Tx, consumer: str, tables: Sequence[str]) -> None:
    if (await tx.execute(BEGUN_LATER, {"consumer": consumer})).one_or_none():
        raise Refused(f"{consumer} began at a baseline: what it was given then is in no log")
    for name, (known,) in zip(tables, await tx.execute(NAMED, {"names": list(tables)}), strict=True):
        if known is None:
            raise Refused(f"no table is called {name}")
    if referring := (await tx.execute(REFERRING, {"names": list(tables)})).one_or_none():
        raise Refused(
            f"{referring.child} refers to {referring.parent}: emptying one would change the other;"
            " name both, if the consumer writes both"
        )


async def _log(watch: Watch) -> AsyncIterator[Envelope]:
    """All that a producer announced on these topics, in its order."""
    after = 0
    chosen = {"aggregates": list(watch.aggregates), "page": PAGE}
    while rows := await watch.producer.look(LOG, chosen | {"after": after}):
        for row in rows:
            sent = record(row)
            yield Envelope.parse(sent.headers, sent.value)
        after = rows[-1].pos


async def baseline(consumer: Consumer, watched: Sequence[Watch], *, by: str) -> int:
    """A consumer that has read nothing begins after what its producers have announced up to now, of all of
    them or of none; returns the number of aggregates. Heads first, the snapshot of the producer's data after
    them: what is in both is applied once more over the snapshot, and nothing is missing. Raises Refused when
    it has begun, if only by holding or parking an event.
    """
    named = {"consumer": consumer.name}
    async with watched[0].reader.transaction() as tx:  # one consumer has one database
        await tx.execute(ALONE)
        if (await tx.execute(BEGUN, named)).scalar_one():
            raise Refused(f"{consumer.name} has met events already: a baseline would skip what it lacks")
        places = [
            named
            | {
                "source": watch.source,
                "aggregate": head.aggregatetype,
                "subject": head.aggregateid,
                "seq": head.last_seq,
            }
            for watch in watched
            for head in await watch.producer.look(PRODUCED, {"aggregates": list(watch.aggregates)})
        ]
        if places:
            await tx.execute(BASELINE, places)
        await done(tx, by, "baseline", named | {"aggregates": len(places)})
    return len(places)


async def rebuild_named(
    variables: Mapping[str, str], name: str, tables: Sequence[str], ignoring: Sequence[str], *, swap: bool
) -> int:
    """The exit status: 1 when something differs and nothing was swapped."""
    service, consumer = consumer_named(name)
    if swap and any(not table.startswith(f"{service.name}.") for table in tables):
        raise Refused(f"only tables of {service.name} are swapped: the core's hold what was done once")
    by = await operator(variables, proven=swap)
    owner = Database(
        migrator_settings_for(service.name, variables).migrator_database_url.get_secret_value(),
        name=f"{service.name}-rebuild",
        pool_size=1,
    )
    try:
        async with workers(variables) as databases:
            watched = [w for w in watches([service], databases) if w.consumer == name]
            built = await rebuild(consumer, watched, owner, tables, ignoring=ignoring, swap=swap, by=by)
    finally:
        await owner.close()
    print(f"{name}: {built.events} events applied again, {'kept' if built.swapped else 'nothing kept'}")
    for table, rows in built.differing.items():
        print(f"{table}: {rows} rows differ")
    return 1 if any(built.differing.values()) and not built.swapped else 0


async def baseline_named(variables: Mapping[str, str], name: str) -> None:
    service, consumer = consumer_named(name)
    by = await operator(variables, proven=True)
    async with workers(variables) as databases:
        watched = [w for w in watches([service], databases) if w.consumer == name]
        aggregates = await baseline(consumer, watched, by=by)
    print(f"{name} begins after {aggregates} aggregates; load the snapshot now, then start its service")
