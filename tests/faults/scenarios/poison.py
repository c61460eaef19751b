"""Four kinds of poison: each holds its own aggregate at most, and a person mends it in order."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaProducer

from deploy.auditor import workers
from deploy.operator import operate
from deploy.registry import SERVICES
from deploy.serve import bus_of
from services.deadlines.events import CLOCKS
from services.rokhas.events import DOSSIER
from shared.inbox import Inbox
from shared.settings import settings_for
from tests.faults.cluster import ALL, Cluster
from tests.faults.journal import Outcome
from tests.faults.people.rokhas import COMMUNES, DOSSIERS, PROCEDURE
from tests.faults.registry import CI, DEFAULT, Scenario, Trial, Wrong

HELD: Final = "SELECT count(*) FROM msg.inbox_head WHERE state <> 'open'"
STATE: Final = "SELECT state FROM msg.inbox_head WHERE aggregateid = $1 AND state <> 'open'"
BLOCKED: Final = "SELECT count(*) FROM msg.inbox_head WHERE aggregateid = $1 AND state <> 'open'"
UNRESOLVED: Final = "SELECT count(*) FROM msg.dead_letter WHERE resolved_at IS NULL"
TOPICS: Final = frozenset({DOSSIER.topic, CLOCKS.topic})
LETTERS: Final = """
    SELECT consumer, topic, part, off FROM msg.dead_letter WHERE resolved_at IS NULL"""
HUGE: Final = 300_000  # bytes, more than an event may have
TOO_BIG: Final = """
    SELECT msg.emit('dossier', $1, 'ma.jamaa.rokhas.dossier.faults_probe.v1', '06.141.01.0',
      convert_to(repeat('x', $2), 'UTF8'), '{}', msg.legal_now())"""
Look = Callable[[], Awaitable[Any]]


async def bug(trial: Trial) -> None:
    """A handler with a bug: its aggregate is held, followers wait behind it, the repaired code goes on."""
    cluster, crowd = trial.cluster, trial.crowd
    me = "citizen777"
    draft = {"procedure": PROCEDURE, "collectivity": COMMUNES[0], "site": "Lot 7"}
    command, body = await crowd.do("rokhas", "dossier", "draft", me, DOSSIERS, draft)
    if command.outcome is not Outcome.OK:
        raise Wrong(f"no file to poison: {command.status}")
    file = command.subject = body["id"]
    async with cluster.sql("witness") as sql:
        await sql.execute("INSERT INTO witness.poison VALUES ($1)", file)
    blocked = trial.observer.counter("jamaa_inbox_blocked_total")
    async with trial.fault("the witness has a bug that one file meets"):
        path = f"{DOSSIERS}/{file}/withdrawal"
        await crowd.do("rokhas", "dossier", "withdraw", me, path, {}, subject=file)

        async def held() -> Any:
            return await cluster.value("witness", STATE, file)

        await cluster.until("the poisoned file is held", held, within=60)
        before = await cluster.value("witness", "SELECT last_value FROM witness.trace_n_seq")

        async def others() -> bool:
            return bool(
                await cluster.value("witness", "SELECT last_value FROM witness.trace_n_seq") > before + 10
            )

        await cluster.until("others go on", others, within=60)
        trial.figures["files held"] = await cluster.value("witness", HELD)
        if trial.figures["files held"] != 1:
            raise Wrong(f"{trial.figures['files held']} files are held, one is poisoned")
    async with cluster.sql("witness") as sql:
        await sql.execute("DELETE FROM witness.poison")

    async def mended() -> bool:
        return not await cluster.value("witness", HELD)

    trial.figures["tried again after"] = round(
        await cluster.until(
            "the mended handler is tried again", mended, within=cluster.seconds(75, least=40)
        ),
        1,
    )
    trial.figures["alarms"] = trial.observer.counter("jamaa_inbox_blocked_total") - blocked


async def bytes_of_others(trial: Trial) -> None:
    """A bad schema, garbage and a giant on our topics; and an event too large to be announced."""
    cluster = trial.cluster
    subject = str(uuid4())
    trial.declared.add(subject)
    producer = AIOKafkaProducer(bootstrap_servers=cluster.kafka.bootstrap)
    await producer.start()
    try:
        async with trial.fault("a bad schema, garbage bytes and a giant on the topics"):
            await producer.send_and_wait(
                DOSSIER.topic, b'{"nonsense": 1}', key=subject.encode(), headers=_headers(subject)
            )
            for topic in sorted(TOPICS):
                await producer.send_and_wait(topic, b"\xff\x00 no event", key=b"garbage")
                await producer.send_and_wait(topic, b"\x00" * 900_000, key=b"giant")

            held = {s.name: sum(DOSSIER.topic in c.topics for c in s.consumers) for s in SERVICES}
            await _until_each(cluster, "the bad schema is held", held, BLOCKED, subject)
            buried = {s.name: 2 * sum(len(TOPICS & {*c.topics}) for c in s.consumers) for s in ALL}
            await _until_each(cluster, "garbage and giants are buried", buried, UNRESOLVED)
        async with cluster.sql("rokhas") as sql:
            try:
                await sql.execute(TOO_BIG, subject, HUGE)
            except asyncpg.ProgramLimitExceededError:
                trial.figures["oversize refused by emit"] = "yes"
            else:
                raise Wrong("an event of 300 KB was announced")
    finally:
        await producer.stop()
        await _mend(trial, subject)  # else every scenario after this one would find its letters


async def _until_each(cluster: Cluster, what: str, wanted: dict[str, int], ask: str, *values: Any) -> None:
    """Until the question has its answer in the database of every service."""

    async def everywhere() -> bool:
        seen = {name: await cluster.value(name, ask, *values) for name in wanted}
        return seen == wanted

    await cluster.until(what, everywhere, within=60)


async def _mend(trial: Trial, subject: str) -> None:
    """As operators do: two persons skip what can never be applied, one says what was done about letters."""
    skipped = resolved = 0
    async with workers(trial.cluster.variables, ALL, purpose="operator") as databases:
        for service in ALL:
            database = databases[service.name]
            for stuck in await operate.stuck(database):
                if stuck.key[2] != subject:
                    continue
                consumer = next(c for c in service.consumers if c.name == stuck.consumer)
                settings = settings_for(service.name, trial.cluster.variables)
                inbox = Inbox(service.name, consumer, database, bus_of(settings))
                producer_name = stuck.key[0].strip("/")
                producer = databases[producer_name]
                await operate.propose_skip(
                    database, producer, consumer.name, stuck.key, stuck.sequence, by="one", reason="no event"
                )
                await operate.confirm_skip(inbox, producer, stuck.key, stuck.sequence, by="two")
                trial.skipped.add((consumer.name, (producer_name, *stuck.key[1:]), stuck.sequence))
                skipped += 1
            async with trial.cluster.sql(service.name) as sql:
                letters = await sql.fetch(LETTERS)
            for consumer_name, topic, partition, offset in letters:
                await operate.resolve_dead_letter(
                    database, consumer_name, topic, partition, offset, by="one", resolution="garbage"
                )
                resolved += 1
    trial.figures |= {"skipped by two persons": skipped, "dead letters resolved": resolved}


def _headers(subject: str) -> list[tuple[str, bytes]]:
    told = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_source": "/rokhas",
        "ce_type": "ma.jamaa.rokhas.dossier.submitted.v1",
        "ce_subject": subject,
        "ce_time": "2026-01-01T00:00:00Z",
        "ce_aggregate": "dossier",
        "ce_sequence": "1".zfill(19),
        "content-type": "application/json",
    }
    return [(name, value.encode()) for name, value in told.items()]


SCENARIOS: Final = (
    Scenario(
        name="poison_bug",
        number=7,
        what="a handler raises on one file",
        asks="one file is held, others go on; after the repair its events are applied in order",
        run=bug,
        sets=frozenset({DEFAULT, CI}),
    ),
    Scenario(
        name="poison_bytes",
        number=7,
        what="a bad schema, garbage, a giant on the topics, an oversize event",
        asks="held or buried alone; two persons skip, letters are resolved",
        run=bytes_of_others,
        sets=frozenset({DEFAULT, CI}),
    ),
)
