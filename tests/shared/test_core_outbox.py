"""Producing: gap-free sequences, the lease, what a relay does when the broker or the process fails."""

import asyncio
import json
from collections.abc import Sequence
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.bus import Bus, Record, partition_of
from shared.errors import Unavailable
from shared.events import Envelope
from shared.outbox import BYTES, READ, Relay, RepairRequest, Unsent, require_room, resend
from tests.support.core import COMMUNE, THING, Echoed, Made, MemoryBus, UnfencedRelay, drain, make, rows
from tests.support.databases import ServiceDatabase

LARGE = 250_000  # bytes, nearly as many as an event may have


async def pending(database: ServiceDatabase) -> list[int]:
    return [pos for (pos,) in await rows(database.worker, "SELECT pos FROM msg.outbox_pending ORDER BY pos")]


async def test_a_pending_event_is_found_by_its_position(database: ServiceDatabase) -> None:
    """Whatever the planner believes: of 100,000 that were pending it joined each batch with the whole log."""
    reading = str(READ).replace(":held", "$1").replace(":batch", "$2")
    async with database.worker.transaction() as tx:
        for belief in ("plan_cache_mode = force_generic_plan", "enable_nestloop = off"):
            await tx.execute(text(f"SET LOCAL {belief}"))
        await tx.execute(text(f"PREPARE reading (bigint[], bigint) AS {reading}"))
        plan = [line.strip() for (line,) in await tx.execute(text("EXPLAIN EXECUTE reading('{}', 1000)"))]
        await tx.execute(text("DEALLOCATE reading"))
    assert "Index Cond: (pos = pending.pos)" in plan


async def test_a_rolled_back_transaction_leaves_no_gap(database: ServiceDatabase) -> None:
    subject = str(uuid4())
    assert await make(database.api, subject) == 1

    async def refused() -> None:
        async with database.api.transaction() as tx:
            assert await tx.emit(THING, subject, COMMUNE, Made(n=2)) == 2
            raise RuntimeError("the command was refused after it had announced")

    with pytest.raises(RuntimeError, match="refused"):
        await refused()
    assert await make(database.api, subject, 3) == 2
    assert [seq for (seq,) in await rows(database.worker, "SELECT seq FROM msg.event_log ORDER BY pos")] == [
        1,
        2,
    ]


async def test_an_event_is_identified_by_what_it_is(database: ServiceDatabase) -> None:
    await make(database.api, "a")
    await make(database.api, "b")
    await make(database.api, "a")
    identifiers = [i for (i,) in await rows(database.worker, "SELECT id FROM msg.event_log ORDER BY pos")]
    assert len(set(identifiers)) == 3
    assert {UUID(str(i)).version for i in identifiers} == {8}


async def test_an_event_of_another_stream_is_refused(database: ServiceDatabase) -> None:
    async with database.api.transaction() as tx:
        with pytest.raises(TypeError, match="not declared"):
            await tx.emit(THING, "a", COMMUNE, Echoed(n=1))


async def test_an_oversize_event_is_refused_when_it_is_announced(database: ServiceDatabase) -> None:
    with pytest.raises(DBAPIError, match="object store"):
        await database.api.look(
            text(
                "SELECT msg.emit('thing', 'a', 'ma.jamaa.toy.thing.made.v1', 'c',"
                " repeat('x', 262145)::bytea, '{}', now())"
            )
        )
    assert await rows(database.worker, "SELECT pos FROM msg.event_log") == []


async def test_emitting_wakes_the_relay_after_the_commit_only(database: ServiceDatabase) -> None:
    woken: list[int] = []
    database.api.on_emit.append(lambda: woken.append(1))
    async with database.api.transaction() as tx:
        await tx.emit(THING, "a", COMMUNE, Made(n=1))
        assert woken == []
    assert woken == [1]


# --- the relay ------------------------------------------------------------------------------------


async def test_what_the_broker_refuses_stays_and_what_came_before_goes(database: ServiceDatabase) -> None:
    for n in range(4):
        await make(database.api, "a", n)
    bus = MemoryBus()
    relay = UnfencedRelay("toy", database.worker, bus)

    class Refusing(MemoryBus):
        async def send(self, records: Sequence[Record]) -> list[BaseException | None]:
            outcomes = await super().send(records)
            return [outcomes[0], RuntimeError("refused"), *outcomes[2:]]

    async with Refusing().sender() as sender:
        with pytest.raises(Unsent, match=r"made\.v1 at position 2"):
            await relay.relay_once(sender)
    assert await pending(database) == [2, 3, 4]


async def test_a_batch_is_bounded_by_its_size_too(database: ServiceDatabase) -> None:
    class Large(Made):
        def payload(self) -> bytes:
            return super().payload().ljust(LARGE)

    class Measuring(MemoryBus):
        async def send(self, records: Sequence[Record]) -> list[BaseException | None]:
            sizes.append(sum(len(record.value) for record in records))
            return await super().send(records)

    sizes: list[int] = []
    count = BYTES // LARGE + 5
    for n in range(count):
        async with database.api.transaction() as tx:
            await tx.emit(THING, "a", COMMUNE, Large(n=n))
    bus = Measuring()
    relay = UnfencedRelay("toy", database.worker, bus)
    relay.batch = count - 1
    await drain(relay, bus)
    assert [Envelope.parse(r.headers, r.value).sequence for r in bus.sent] == list(range(1, count + 1))
    assert max(sizes) < BYTES + LARGE


async def test_what_was_read_ahead_of_a_refusal_is_not_sent_before_it(database: ServiceDatabase) -> None:
    for n in range(6):
        await make(database.api, "a", n)
    bus = MemoryBus(refuse=[RuntimeError("refused")])  # the first record, whose batch is not the last
    relay = UnfencedRelay("toy", database.worker, bus)
    with pytest.raises(Unsent, match="position 1"):
        await relay.relay_once(bus)
    await drain(relay, bus)
    assert [Envelope.parse(r.headers, r.value).sequence for r in bus.sent] == [1, 2, 1, 2, 3, 4, 5, 6]
    assert await pending(database) == []


async def test_a_relay_that_lost_its_lease_deletes_nothing(database: ServiceDatabase) -> None:
    bus = MemoryBus()
    first, second = (Relay("toy", database.worker, bus) for _ in range(2))
    assert await first._leads()
    assert not await second._leads()
    await rows(database.worker, "UPDATE msg.relay_lease SET expires_at = now() - interval '1 s' RETURNING 1")
    assert await second._leads()
    assert (first.epoch, second.epoch) == (1, 2)

    await make(database.api, "a")
    async with bus.sender() as sender:
        await first.relay_once(sender)
        assert await pending(database) == [1]
        await second.relay_once(sender)
    assert await pending(database) == []


async def test_a_released_lease_is_taken_at_once(database: ServiceDatabase) -> None:
    first, second = (Relay("toy", database.worker, MemoryBus()) for _ in range(2))
    assert await first._leads()
    await first._release()
    assert await second._leads()
    assert second.epoch == 2


async def test_a_relay_survives_whatever_it_meets(database: ServiceDatabase) -> None:
    """A foreign CancelledError and a plain bug: after each of them it goes on and sends."""
    troubles: list[BaseException] = [asyncio.CancelledError(), AttributeError("a bug")]

    class Troubled(MemoryBus):
        async def send(self, records: Sequence[Record]) -> list[BaseException | None]:
            if troubles:
                raise troubles.pop()
            return await super().send(records)

    bus = Troubled()
    await make(database.api, "a")
    relay = Relay("toy", database.worker, bus)
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(60):
        while not bus.sent:  # noqa: ASYNC110  # what is awaited is the broker's content, not an event
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert not troubles


async def test_topics_are_made_before_they_are_written(database: ServiceDatabase) -> None:
    bus = MemoryBus()
    await make(database.api, "a")
    await drain(UnfencedRelay("toy", database.worker, bus), bus)
    assert THING.topic in bus.made


async def test_resending_twice_is_resending_once(database: ServiceDatabase) -> None:
    for _ in range(3):
        await make(database.api, "a")
    await make(database.api, "b")
    bus = MemoryBus()
    await drain(UnfencedRelay("toy", database.worker, bus), bus)
    request = RepairRequest(consumer="toy.echo", aggregate="thing", subject="a", first=2, last=9)
    assert await resend(database.worker, request) == 2
    assert await resend(database.worker, request) == 0
    assert await pending(database) == [2, 3]


async def test_the_log_gets_its_next_partition_in_time(database: ServiceDatabase) -> None:
    admin = await asyncpg.connect(database.admin_dsn)
    await admin.execute("SELECT setval('msg.event_pos', 10000000)")
    await Relay("toy", database.worker, MemoryBus())._leads()
    await admin.execute("SELECT setval('msg.event_pos', 20000000)")
    await admin.close()
    await make(database.api, "a")
    assert await pending(database) == [20000001]


@given(st.binary(max_size=64), st.integers(1, 60))
def test_a_key_goes_where_every_client_of_kafka_puts_it(key: bytes, partitions: int) -> None:
    places = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, places, places)


# --- legal time -----------------------------------------------------------------------------------


async def test_production_lives_in_the_present(database: ServiceDatabase) -> None:
    owner = await asyncpg.connect(database.migrator_dsn)
    await owner.execute("UPDATE msg.legal_clock SET shift = interval '60 days'")
    ahead = "SELECT msg.legal_now() > clock_timestamp() + interval '59 days'"
    assert await owner.fetchval(ahead)
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("UPDATE msg.legal_clock SET profile = 'production'")
    await owner.execute("UPDATE msg.legal_clock SET profile = 'production', shift = interval '0'")
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("UPDATE msg.legal_clock SET shift = interval '1 second'")
    assert not await owner.fetchval(ahead)
    await owner.close()


async def test_the_sender_of_an_event_is_in_its_log(database: ServiceDatabase) -> None:
    await make(database.api, "a")
    (headers,) = (await rows(database.worker, "SELECT headers FROM msg.event_log"))[0]
    assert (json.loads(headers) if isinstance(headers, str) else headers)["actor"] == "system"


async def test_a_position_without_its_event_is_loud_and_holds_what_follows(database: ServiceDatabase) -> None:
    """Otherwise five hundred of them would make the relay believe for ever that there is nothing to send."""
    await rows(database.worker, "INSERT INTO msg.outbox_pending VALUES (424242) RETURNING pos")
    relay = Relay("toy", database.worker, Bus("127.0.0.1:1"))
    with pytest.raises(Unsent, match="424242 is pending and no longer in the log"):
        await relay.relay_once(Recorder())


class Recorder:
    async def send(self, records: Sequence[Record]) -> list[BaseException | None]:
        raise AssertionError(f"nothing may be sent, not even {records}")


async def test_a_full_outbox_refuses_bulk_imports_and_no_act(database: ServiceDatabase) -> None:
    """The API's role may ask whether there is room, and look no further."""
    for n in range(3):
        await make(database.api, "a", n)
    async with database.api.transaction() as tx:
        await require_room(tx, 4)
        with pytest.raises(Unavailable) as refused:
            await require_room(tx, 3)
        assert refused.value.extra == {"retry_after": 60}
        await tx.emit(THING, "a", COMMUNE, Made(n=4))
    assert len(await pending(database)) == 4
    with pytest.raises(DBAPIError, match="permission denied"):
        await rows(database.api, "SELECT count(*) FROM msg.outbox_pending")
