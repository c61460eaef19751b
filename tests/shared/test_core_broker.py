"""The core on a real Kafka protocol and PostgreSQL, with the broker and the relay killed in the middle."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiokafka.errors import TopicAuthorizationFailedError
from sqlalchemy import text

from deploy.engines import EmbeddedBroker
from deploy.operator import operate
from shared import log
from shared.auditor import Auditor, Watch
from shared.bus import EMBEDDED_WAITS, Bus, Delivery, EpochChanged, Record, Sender
from shared.inbox import Inbox, answer_repairs
from shared.outbox import Relay
from shared.service import Consumer
from tests.support.core import (
    COMMUNE,
    CONSUMER,
    SOURCE,
    THING,
    Handler,
    Made,
    check_applied,
    heads,
    make,
    rows,
    trace,
)
from tests.support.databases import ServiceDatabase
from tests.support.probes import eventually

A = (SOURCE, "thing", "a")


@pytest.fixture
def home() -> Iterator[Path]:
    """Directly under the temporary directory: pytest's own is closed to the user that root drops to."""
    place = Path(tempfile.mkdtemp(prefix="jamaa-core-"))
    yield place
    shutil.rmtree(place)


@pytest.fixture
async def broker(home: Path) -> AsyncIterator[str]:
    """One that nobody wrote to. On one for all, the test before may have ended between applying a batch and
    committing its place: the next, whose database is new, would be given those events again.
    """
    async with EmbeddedBroker(home) as own:
        yield own.bootstrap


@dataclass
class Service:
    """The toy with all its tasks, on a broker."""

    database: ServiceDatabase
    bus: Bus
    handler: Handler
    inbox: Inbox
    auditor: Auditor

    async def applied(self) -> int:
        return sum(map(len, (await trace(self.database.worker)).values()))

    async def calm(self) -> bool:
        return (await operate.status(self.database.worker)).calm


@asynccontextmanager
async def running(database: ServiceDatabase, bus: Bus, *, repairs: bool = True) -> AsyncIterator[Service]:
    """Relay, consumer, mending, answers to repairs, the auditor; ends them all and fails if one had died."""
    relay = Relay("toy", database.worker, bus)
    for pool in (database.api, database.worker):
        pool.on_emit.append(relay.wake)
    handler = Handler()
    watch = Watch(
        service="toy",
        consumer=CONSUMER,
        source=SOURCE,
        aggregates=("thing",),
        producer=database.worker,
        reader=database.worker,
    )
    auditor = Auditor([watch])
    relay.on_epoch.append(auditor.hurry)
    inbox = Inbox(
        "toy",
        Consumer(CONSUMER, (THING.topic,), handler),
        database.worker,
        bus,
        in_place=(0.05,),
        gap_age=0.5,
        on_epoch=[auditor.hurry],
    )
    work: list[Callable[[], Awaitable[None]]] = [relay.run, inbox.run, inbox.mend]
    if repairs:
        work += [auditor.run, lambda: answer_repairs("toy", database.worker, bus)]
    tasks = [asyncio.ensure_future(each()) for each in work]
    try:
        yield Service(database, bus, handler, inbox, auditor)
        assert not [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        _, deaf = await asyncio.wait(tasks, timeout=60)
        assert not deaf, "they would not end"


def fast(bootstrap: str) -> Bus:
    return Bus(bootstrap, idempotence=False, session_timeout_ms=1000)


async def test_the_broker_dies_in_the_middle_and_comes_back_empty(
    database: ServiceDatabase, home: Path
) -> None:
    """Acknowledged events are lost with it, whether consumed or not; the log restores what is missing."""
    async with EmbeddedBroker(home) as broker, running(database, fast(broker.bootstrap)) as service:
        for n in range(60):
            await make(database.api, "abcdef"[n % 6], n)
        await eventually(service.applied, 60)

        async def commands() -> None:
            for n in range(60, 240):
                await make(database.api, "abcdef"[n % 6], n)

        working = asyncio.create_task(commands())
        await asyncio.sleep(0.05)
        os.kill(broker.pid, signal.SIGKILL)
        await broker.exited()
        await broker.start()
        await working
        await eventually(service.applied, 240, within=120)
        await eventually(service.calm, True)
        assert await trace(database.worker) == {s: list(range(1, 41)) for s in "abcdef"}
        assert await rows(database.worker, "SELECT off FROM msg.dead_letter") == []


async def test_a_lost_tail_comes_back_at_once_when_the_broker_forgot_us(
    database: ServiceDatabase, home: Path
) -> None:
    """Acknowledged, unread, lost with the broker and followed by nothing: no gap tells, the epoch does."""
    async with EmbeddedBroker(home) as broker:
        bus = fast(broker.bootstrap)
        async with running(database, bus) as service:
            await make(database.api, "a")
            await eventually(service.applied, 1)
            in_handler, go_on = asyncio.Event(), asyncio.Event()

            async def hold(_: object) -> None:
                in_handler.set()
                await go_on.wait()

            service.handler.pause = hold
            await make(database.api, "b")
            await in_handler.wait()
            await make(database.api, "c")
            sent = "SELECT count(*) FROM msg.outbox_pending"
            await eventually(lambda: rows(database.worker, sent), [(0,)])
            os.kill(broker.pid, signal.SIGKILL)
            await broker.exited()
            await broker.start()
            service.handler.pause = None
            go_on.set()
            await eventually(service.applied, 3, within=45)  # the auditor's own minute would be later
            check_applied(await trace(database.worker))


async def test_a_relay_killed_between_sending_and_deleting_sends_again(
    database: ServiceDatabase, broker: str
) -> None:
    """Its records arrive twice under the same identifiers and are applied once."""
    bus = fast(broker)
    await bus.ensure_topics([THING.topic])
    for n in range(30):
        await make(database.api, f"r{n % 3}", n)
    sent = asyncio.Event()

    @dataclass(frozen=True)
    class DyingSender:
        inner: Sender

        async def send(self, records: Sequence[Record]) -> list[BaseException | None]:
            outcomes = await self.inner.send(records)
            sent.set()
            await asyncio.sleep(3600)  # the process dies here, before it deletes
            return outcomes

    class Dying(Bus):
        @asynccontextmanager
        async def sender(self) -> AsyncIterator[Sender]:
            async with super().sender() as inner:
                yield DyingSender(inner)

    doomed = asyncio.create_task(Relay("toy", database.worker, Dying(broker, idempotence=False)).run())
    await asyncio.wait_for(sent.wait(), 60)
    doomed.cancel()
    await asyncio.wait({doomed})
    assert await rows(database.worker, "SELECT count(*) FROM msg.outbox_pending") == [(30,)]

    async with running(database, bus) as service:
        await eventually(service.calm, True)
        await eventually(service.applied, 30)
    twice: list[Delivery] = []
    # It commits nothing: a busy machine must not make it lose its place. What never comes fails the test.
    patient = Bus(broker, idempotence=False)
    async with asyncio.timeout(60), patient.subscription("toy.counter", [THING.topic]) as subscription:
        while sum(1 for d in twice if (d.key or b"").startswith(b"r")) < 60:
            twice += await subscription.batch(500, wait=1.0)
    ids = [dict(d.headers)["ce_id"] for d in twice if (d.key or b"").startswith(b"r")]
    assert (len(ids), len(set(ids))) == (60, 30)
    assert await trace(database.worker) == {f"r{i}": list(range(1, 11)) for i in range(3)}


async def test_a_relay_that_is_woken_as_it_is_stopped_ends(database: ServiceDatabase, broker: str) -> None:
    relay = Relay("toy", database.worker, fast(broker))
    task = asyncio.ensure_future(relay.run())

    async def begun() -> bool:
        return relay.begun

    await eventually(begun, expected=True)
    await asyncio.sleep(1)  # it has nothing to do, and waits
    relay.wake()
    task.cancel()
    _, deaf = await asyncio.wait([task], timeout=10)
    assert not deaf


async def test_poison_and_garbage_among_the_good(database: ServiceDatabase, broker: str) -> None:
    bus = fast(broker)
    async with running(database, bus) as service:
        service.handler.poison = {("p", 2)}
        async with bus.sender() as sender:
            assert await sender.send([Record(THING.topic, "p", b"\x00garbage", [("ce_id", b"\xff")])]) == [
                None
            ]
        for n in range(4):
            await make(database.api, "p", n)
            await make(database.api, "q", n)
        await eventually(lambda: trace(database.worker), {"p": [1], "q": [1, 2, 3, 4]})
        await eventually(lambda: heads(database.worker), {"p": (1, "blocked"), "q": (4, "open")})
        (letter,) = await operate.dead_letters(database.worker)
        assert letter.raw == b"\x00garbage"

        service.handler.poison = set()
        redriven = await operate.redrive(service.inbox, (SOURCE, "thing", "p"), by="amina")
        assert (redriven.applied, redriven.state) == (3, "open")
        assert await trace(database.worker) == {"p": [1, 2, 3, 4], "q": [1, 2, 3, 4]}


async def test_an_event_lost_on_the_way_is_asked_for_and_sent_again(
    database: ServiceDatabase, broker: str
) -> None:
    async with running(database, fast(broker)) as service:
        await make(database.api, "g")
        await eventually(service.applied, 1)
        async with database.worker.transaction() as tx:  # in the log, and never sent
            await tx.emit(THING, "g", COMMUNE, Made(n=2))
            await tx.execute(text("DELETE FROM msg.outbox_pending WHERE pos = lastval()"))
        await make(database.api, "g")
        await eventually(lambda: trace(database.worker), {"g": [1, 2, 3]})
        await eventually(service.calm, True)


async def test_a_forgotten_position_is_a_new_epoch(home: Path) -> None:
    """Offsets that grow past where we were do not hide it, nor does a rebuild in between."""
    async with EmbeddedBroker(home) as broker:
        bus = fast(broker.bootstrap)
        positions: dict[object, int] = {}
        records = [Record("t", str(n), b"x", ()) for n in range(50)]

        async def fill() -> None:
            await bus.ensure_topics(["t"])
            async with bus.sender() as sender:
                assert await sender.send(records) == [None] * 50

        async def read_all() -> None:
            async with bus.subscription("g", ["t"], positions) as subscription:
                seen = 0
                while seen < 50:
                    batch = await subscription.batch(100, wait=0.5)
                    seen += len(batch)
                    await subscription.commit(batch)

        await fill()
        await read_all()
        os.kill(broker.pid, signal.SIGKILL)
        await broker.exited()
        await broker.start()
        await fill()
        await fill()
        with pytest.raises(EpochChanged):
            await read_all()


class Guarded:
    """Apache Kafka with ACLs, as its client shows it: our login may use the topic and not describe it."""

    def __init__(self, **_: object) -> None:
        """Nobody is asked."""

    async def start(self) -> None:
        """As above."""

    async def close(self) -> None:
        """As above."""

    async def list_topics(self) -> list[str]:
        return ["guarded"]

    async def describe_cluster(self) -> dict[str, object]:
        return {"brokers": [1, 2, 3]}

    async def describe_topics(self, topics: list[str] | None = None) -> list[object]:
        return [{"topic": name, "partitions": [{"replicas": [1, 2, 3]}] * 12} for name in topics or ()]

    async def describe_configs(self, *_: object) -> list[object]:
        refused: tuple[object, ...] = (
            TopicAuthorizationFailedError.errno,
            "Topic authorization failed.",
            2,
            "guarded",
            [],
        )
        return [SimpleNamespace(resources=[refused])]


async def test_topics_that_may_not_be_described_are_used_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shared.bus.AIOKafkaAdminClient", Guarded)
    log.configure()
    for _ in range(2):
        assert await Bus("127.0.0.1:1").ensure_topics(["guarded"]) == []
    assert capsys.readouterr().out.count("bus.topic_not_described") == 1, "at every start of a reader"


async def test_a_commit_of_partitions_that_are_gone_is_no_failure(broker: str) -> None:
    bus = fast(broker)
    await bus.ensure_topics(["gone"])
    async with bus.subscription("toy.gone", ["gone"]) as subscription:
        await subscription.commit([Delivery("gone", 99, 5, None, b"", [])])
        await subscription.commit([])


async def test_an_idle_reader_asks_the_embedded_broker_less_often(broker: str) -> None:
    """It answers only when the wait is over, and every question costs both sides."""
    bus = fast(broker)
    async with bus.subscription("toy.calm", ["calm"]) as subscription:

        async def wait() -> int:
            await subscription.batch(10, wait=0.01)
            found: int = subscription._consumer._fetcher._fetch_max_wait_ms
            return found

        assert await wait() == EMBEDDED_WAITS[0]
        await eventually(wait, EMBEDDED_WAITS[1])
        async with bus.sender() as sender:
            await sender.send([Record("calm", "k", b"x", ())])
        await eventually(wait, EMBEDDED_WAITS[0])
