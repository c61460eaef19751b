"""What an operator sees and mends, and the auditor, who notices what leaves no trace."""

import time
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from deploy.engines import Postgres
from deploy.operator import operate
from shared.auditor import (
    LOOKED,
    Auditor,
    Mismatch,
    Report,
    Watch,
    _compare,
    _produced,
    mismatches,
)
from shared.db import Database
from shared.errors import Conflict, NotFound
from shared.inbox import Inbox
from shared.migrate import MIGRATOR, ProductionDatabase, provision, roles
from tests.support.core import (
    CONSUMER,
    SOURCE,
    THING,
    Handler,
    MemoryBus,
    UnfencedRelay,
    drain,
    heads,
    inbox_of,
    make,
    rows,
    trace,
)
from tests.support.databases import ServiceDatabase

A = (SOURCE, "thing", "a")


class Platform:
    """One service that reads itself, over a broker made of a list."""

    def __init__(self, database: ServiceDatabase) -> None:
        self.database = database.worker
        self.api = database.api
        self.bus = MemoryBus()
        self.relay = UnfencedRelay("toy", self.database, self.bus)
        self.handler = Handler()
        self.inbox: Inbox = inbox_of(self.database, self.bus, self.handler)
        self.watch = Watch(
            service="toy",
            consumer=CONSUMER,
            source=SOURCE,
            aggregates=("thing",),
            producer=self.database,
            reader=self.database,
        )

    async def publish(self, *subjects: str, lose: int = 0) -> None:
        """Sends one event for each; the last `lose` never arrive."""
        for subject in subjects:
            await make(self.api, subject)
        await self.pump(lose=lose)

    async def pump(self, *, lose: int = 0) -> None:
        start = len(self.bus.sent)
        await drain(self.relay, self.bus)
        deliveries = self.bus.deliveries(start)
        if arrived := deliveries[: len(deliveries) - lose]:
            await self.inbox.receive(arrived)
        await drain(self.relay, self.bus)

    async def propose(self, sequence: int, *, by: str, reason: str) -> None:
        await operate.propose_skip(self.database, self.database, CONSUMER, A, sequence, by=by, reason=reason)

    async def confirm(self, sequence: int, *, by: str) -> operate.Redriven:
        return await operate.confirm_skip(self.inbox, self.database, A, sequence, by=by)


@pytest.fixture
def platform(database: ServiceDatabase) -> Platform:
    return Platform(database)


async def test_a_calm_service(platform: Platform) -> None:
    await platform.publish("a", "b", "a")
    status = await operate.status(platform.database)
    assert status.calm
    assert (status.pending, status.profile, status.clock_shift) == (0, "development", timedelta(0))
    assert [(c.name, c.heads, c.parked) for c in status.consumers] == [(CONSUMER, 2, 0)]


async def test_what_waits_and_what_is_stuck_is_seen(platform: Platform) -> None:
    platform.handler.poison = {("a", 1)}
    await platform.publish("a", "a", "b")
    await make(platform.api, "c")
    status = await operate.status(platform.database)
    assert not status.calm
    assert status.pending == 1
    assert status.oldest_pending > timedelta(0)
    (consumer,) = status.consumers
    assert (consumer.blocked, consumer.dead, consumer.parked) == (1, 0, 2)
    (stuck,) = await operate.stuck(platform.database)
    assert (stuck.key, stuck.sequence, stuck.state, stuck.waiting) == (A, 1, "blocked", 1)
    assert stuck.error.startswith("Poisoned")


async def test_the_lease_is_seen(platform: Platform) -> None:
    assert (await operate.status(platform.database)).relay is None
    await platform.relay._leads()
    status = await operate.status(platform.database)
    assert (status.relay, status.relay_leads, status.relay_epoch) == (platform.relay.owner, True, 1)


async def test_redrive_says_what_it_came_to(platform: Platform) -> None:
    platform.handler.poison = {("a", 1), ("a", 3)}
    await platform.publish("a", "a", "a")
    platform.handler.poison = {("a", 3)}
    redriven = await operate.redrive(platform.inbox, A, by="amina")
    assert (redriven.applied, redriven.state, redriven.parked) == (2, "blocked", 1)
    assert redriven.error is not None
    with pytest.raises(NotFound):
        await operate.redrive(platform.inbox, (SOURCE, "thing", "a typo"), by="amina")
    assert set(await heads(platform.database)) == {"a"}


async def test_a_skip_takes_two_persons_and_applies_what_waits(platform: Platform) -> None:
    platform.handler.poison = {("a", 2)}
    await platform.publish("a", "a", "a", "a")
    with pytest.raises(Conflict, match="skip_not_proposed"):
        await platform.confirm(2, by="driss")
    await platform.propose(2, by="amina", reason="written twice")
    with pytest.raises(Conflict, match="skip_already_proposed"):
        await platform.propose(2, by="driss", reason="the same")
    with pytest.raises(Conflict, match="skip_needs_two"):
        await platform.confirm(2, by="amina")
    assert (await heads(platform.database))["a"] == (1, "blocked")

    done = await platform.confirm(2, by="driss")
    assert (done.applied, done.state, done.parked) == (2, "open", 0)
    assert await trace(platform.database) == {"a": [1, 3, 4]}
    assert await rows(
        platform.database, "SELECT seq, proposed_by, confirmed_by, reason FROM msg.skip_register"
    ) == [(2, "amina", "driss", "written twice")]
    with pytest.raises(Conflict, match="skip_not_held"):
        await platform.confirm(2, by="driss")


@pytest.mark.parametrize("sequence", [1, 3])
async def test_only_what_holds_an_aggregate_can_be_skipped(platform: Platform, sequence: int) -> None:
    platform.handler.poison = {("a", 2)}
    await platform.publish("a", "a", "a")
    with pytest.raises(Conflict, match="skip_not_held"):
        await platform.propose(sequence, by="amina", reason="wrong one")


async def test_an_event_redriven_meanwhile_is_not_skipped(platform: Platform) -> None:
    platform.handler.poison = {("a", 1)}
    await platform.publish("a")
    await platform.propose(1, by="amina", reason="unreadable")
    platform.handler.poison = set()
    await operate.redrive(platform.inbox, A, by="amina")
    with pytest.raises(Conflict, match="skip_not_held"):
        await platform.confirm(1, by="driss")


async def test_the_table_itself_wants_two_persons(platform: Platform) -> None:
    platform.handler.poison = {("a", 1)}
    await platform.publish("a")
    await platform.propose(1, by="amina", reason="unreadable")
    with pytest.raises(DBAPIError, match="skip_register_check"):
        await rows(
            platform.database,
            f"SELECT msg.confirm_skip('{CONSUMER}', '/toy', 'thing', 'a', 1, false, 'amina')",
        )


FORGED = 10**12


async def forge(platform: Platform, sequence: int) -> None:
    """An event that the producer never announced, as whoever may write to the topic can make one."""
    true = platform.bus.deliveries()[-1]
    headers = [(n, f"{sequence:019}".encode() if n == "ce_sequence" else v) for n, v in true.headers]
    await platform.inbox.receive([replace(true, headers=headers)])


async def test_an_event_that_was_never_announced_is_discarded_by_two(platform: Platform) -> None:
    await platform.publish("a", "b", "a")
    for _ in range(2):  # discarded once, it may come again
        await forge(platform, FORGED)
        assert (await operate.status(platform.database)).consumers[0].parked == 1
        with pytest.raises(Conflict, match="skip_not_held"):  # event 3 is still to come
            await platform.propose(3, by="amina", reason="to get rid of it")
        await platform.propose(FORGED, by="amina", reason="forged")
        with pytest.raises(Conflict, match="skip_needs_two"):
            await platform.confirm(FORGED, by="amina")
        await platform.confirm(FORGED, by="driss")
        assert (await operate.status(platform.database)).calm
    await platform.publish("a")
    assert (await trace(platform.database))["a"] == [1, 2, 3]


async def test_the_true_event_is_not_passed_over_with_the_forged_one(platform: Platform) -> None:
    platform.handler.poison = {("a", 2)}
    await platform.publish("a")
    await forge(platform, 2)
    await platform.propose(2, by="amina", reason="forged")
    await platform.publish("a")  # the true second one, whose place the forged one holds
    assert (await heads(platform.database))["a"] == (1, "blocked")

    await platform.confirm(2, by="driss")
    assert (await heads(platform.database))["a"] == (1, "open")
    platform.handler.poison = set()
    assert (await Auditor([platform.watch], patience=0).audit(full=True)).repaired == 1
    await platform.pump()
    assert await trace(platform.database) == {"a": [1, 2]}


async def test_a_proposal_holds_for_what_was_known_when_it_was_made(
    platform: Platform, database: ServiceDatabase
) -> None:
    """The producer forgets in a failover what it had announced, and then remembers."""
    platform.handler.poison = {("a", 2)}
    await platform.publish("a", "a")
    owner = await asyncpg.connect(database.admin_dsn)
    known = "UPDATE msg.aggregate_head SET last_seq = $1 WHERE aggregatetype = 'thing'"
    await owner.execute(known, 1)
    await platform.propose(2, by="amina", reason="never announced")
    await owner.execute(known, 2)
    with pytest.raises(Conflict, match="skip_changed"):
        await platform.confirm(2, by="driss")
    await platform.propose(2, by="amina", reason="unreadable")
    assert (await platform.confirm(2, by="driss")).state == "open"
    assert (await heads(platform.database))["a"] == (2, "open")
    confirmed = "SELECT reason, never_announced FROM msg.skip_register WHERE confirmed_by IS NOT NULL"
    assert await rows(platform.database, confirmed) == [("unreadable", False)]
    await owner.close()


async def test_what_waits_for_long_is_seen_though_nothing_failed(
    platform: Platform, database: ServiceDatabase
) -> None:
    await platform.publish("a")
    await forge(platform, FORGED)
    assert await operate.stuck(platform.database) == []
    owner = await asyncpg.connect(database.admin_dsn)
    await owner.execute("UPDATE msg.inbox_parked SET parked_at = parked_at - interval '2 minutes'")
    await owner.close()
    await platform.propose(FORGED, by="amina", reason="forged")
    (held,) = await operate.stuck(platform.database)
    assert (held.key, held.state, held.sequence, held.furthest) == (A, "open", 2, FORGED)
    assert (held.skip_proposed, held.skip_proposed_by) == (FORGED, "amina")


async def test_a_true_event_that_waits_for_another_is_not_discarded(platform: Platform) -> None:
    await platform.publish("a")
    await make(platform.api, "a")
    await make(platform.api, "a")
    await drain(platform.relay, platform.bus)
    await platform.inbox.receive(platform.bus.deliveries()[-1:])  # the third, without the second
    with pytest.raises(Conflict, match="skip_not_held"):
        await platform.propose(3, by="amina", reason="too far")


async def test_what_operators_do_is_written_down(platform: Platform) -> None:
    platform.handler.poison = {("a", 1)}
    await platform.publish("a")
    await operate.redrive(platform.inbox, A, by="amina")
    await platform.propose(1, by="amina", reason="unreadable")
    await platform.confirm(1, by="driss")
    await operate.replay(platform.database, by="salma", subject="a")
    done = await operate.operations(platform.database)
    assert [(d.by, d.what, d.role) for d in done] == [
        (by, what, "jamaa_toy_worker")
        for by, what in [
            ("amina", "redrive"),
            ("amina", "skip propose"),
            ("driss", "skip confirm"),
            ("salma", "replay"),
        ]
    ]
    assert done[1].detail == {
        "consumer": CONSUMER,
        "source": SOURCE,
        "aggregate": "thing",
        "subject": "a",
        "sequence": 1,
        "reason": "unreadable",
    }
    assert await operate.operations(platform.database, most=1) == done[-1:]


async def test_a_dead_letter_is_resolved_once_and_by_somebody(platform: Platform) -> None:
    await platform.publish("a")
    (good,) = platform.bus.deliveries()
    await platform.inbox.receive([type(good)(THING.topic, 3, 7, None, b"?", [("x", b"y")])])
    (letter,) = await operate.dead_letters(platform.database)
    assert (letter.partition, letter.offset, letter.raw, letter.headers) == (3, 7, b"?", [["x", "y"]])
    assert not (await operate.status(platform.database)).calm
    place = (CONSUMER, THING.topic, 3, 7)
    await operate.resolve_dead_letter(platform.database, *place, by="amina", resolution="a test message")
    assert (await operate.status(platform.database)).calm
    with pytest.raises(NotFound):
        await operate.resolve_dead_letter(platform.database, *place, by="amina", resolution="again")


@pytest.mark.parametrize(
    ("chosen", "count"),
    [({}, 6), ({"subject": "a"}, 4), ({"aggregate": "thing"}, 3), ({"after": 3}, 3), ({"subject": "z"}, 0)],
)
async def test_a_replay_sends_again_and_changes_nothing(
    platform: Platform, chosen: dict[str, str], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operate, "REPLAY_CHUNK", 2)
    await platform.publish("a", "b", "a")
    assert await operate.replay(platform.database, by="amina", **chosen) == count  # type: ignore[arg-type]  # by parameters
    await platform.pump()
    assert await trace(platform.database) == {"a": [1, 2], "b": [1]}
    assert (await operate.status(platform.database)).calm


async def test_the_log_can_be_read(platform: Platform) -> None:
    await platform.publish("a", "b")
    logged = await operate.events(platform.database, most=3)
    assert [(e.position, e.subject, e.aggregate) for e in logged] == [
        (2, "b", "thing"),
        (3, "a", "echo"),
        (4, "b", "echo"),
    ]
    assert await operate.events(platform.database, identifier=logged[0].id) == logged[:1]
    assert [e.sequence for e in await operate.events(platform.database, subject="a", after=1)] == [1]


# --- the auditor ----------------------------------------------------------------------------------


async def test_a_lost_last_event_is_found_and_sent_again(platform: Platform) -> None:
    await platform.publish("a", "a", "b", lose=1)
    await platform.inbox.mend_once()
    assert platform.bus.repairs() == []  # there is no gap to see
    assert await mismatches(platform.watch) == [
        Mismatch(key=(SOURCE, "thing", "b"), produced=1, applied=0, state="open")
    ]
    auditor = Auditor([platform.watch], patience=0)
    assert await auditor.audit(full=True) == Report(unequal=1, repaired=1, alarms=0)
    await platform.pump()
    assert await auditor.audit(full=True) == Report()
    assert await trace(platform.database) == {"a": [1, 2], "b": [1]}


async def test_what_is_young_or_about_to_be_sent_is_left_alone(platform: Platform) -> None:
    await platform.publish("a", lose=1)
    assert await Auditor([platform.watch]).audit(full=True) == Report(unequal=1)
    await make(platform.api, "b")
    assert (await Auditor([platform.watch], patience=0).audit(full=True)).repaired == 1  # of a, not of b


async def test_what_stays_unequal_is_an_alarm_once(platform: Platform) -> None:
    await platform.publish("a", lose=1)
    owner_sees_it_old = Auditor([platform.watch], patience=0.001)
    reports = []
    for _ in range(3):
        reports.append(await owner_sees_it_old.audit(full=True))
        await drain(platform.relay, platform.bus)  # sent, and lost again
    assert [r.alarms for r in reports] == [0, 1, 0]
    assert [r.unequal for r in reports] == [1, 1, 1]


async def test_a_held_aggregate_is_the_operators_not_lost(platform: Platform) -> None:
    platform.handler.poison = {("a", 1)}
    await platform.publish("a")
    assert await Auditor([platform.watch], patience=0).audit(full=True) == Report(unequal=1)


@pytest.mark.parametrize("left", [0, 1])
async def test_a_producer_that_forgot_what_was_applied_is_an_alarm(
    database: ServiceDatabase, platform: Platform, left: int
) -> None:
    """A failover without a synchronous standby: nothing to send again, somebody must know."""
    await platform.publish("a", "a")
    owner = await asyncpg.connect(database.admin_dsn)
    await owner.execute("UPDATE msg.aggregate_head SET last_seq = 1 WHERE aggregatetype = 'thing'")
    if not left:
        await owner.execute("DELETE FROM msg.aggregate_head")
    await owner.close()
    auditor = Auditor([platform.watch])
    assert await auditor.audit(full=True) == Report(unequal=1, repaired=0, alarms=1)
    assert (await auditor.audit(full=True)).alarms == 0


async def test_a_promoted_database_is_compared_as_a_whole(
    platform: Platform, database: ServiceDatabase
) -> None:
    """What it lost is in nothing that is new: only a comparison of everything finds it."""
    auditor = Auditor([platform.watch])
    await platform.publish("a", "a")
    assert await auditor.audit(full=True) == Report()
    owner = await asyncpg.connect(database.admin_dsn)
    await owner.execute("DELETE FROM msg.aggregate_head")
    await owner.execute("DELETE FROM msg.event_log")
    assert await auditor.audit() == Report()
    (progress,) = auditor._watched.values()
    progress.timelines = ("00000000", "00000000")  # those of the server that was there before
    assert await auditor.audit() == Report(unequal=1, alarms=1)
    # Another that only Kafka still has is read later.
    await owner.execute("UPDATE msg.inbox_head SET aggregateid = 'b'")
    assert await auditor.audit() == Report(unequal=1, alarms=1)
    await owner.close()


async def test_an_event_announced_during_the_look_is_no_loss(platform: Platform) -> None:
    """The producer is read first: an event announced and applied since then is not one that it forgot."""
    await platform.publish("a")
    before = await _produced(platform.watch, [("thing", "a")])
    await platform.publish("a")
    assert await _compare(platform.watch, before) == []


async def test_later_looks_see_only_what_is_new_and_what_was_wrong(
    platform: Platform, database: ServiceDatabase
) -> None:
    auditor = Auditor([platform.watch], patience=0)
    await platform.publish("a", lose=1)
    assert (await auditor.audit()).unequal == 1
    owner = await asyncpg.connect(database.admin_dsn)
    await owner.execute("UPDATE msg.event_log SET recorded_at = recorded_at - interval '1 hour'")
    await owner.close()
    await auditor.audit()  # from here on the first event is old: remembered as wrong, not read again
    await platform.publish("b", lose=2)
    assert await auditor.audit() == Report(unequal=2, repaired=2)
    await platform.pump()
    assert await auditor.audit() == Report()


async def test_a_database_out_of_reach_is_not_said_to_have_been_looked_at(platform: Platform) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    auditor = Auditor([platform.watch, replace(platform.watch, consumer="toy.away", reader=away)])
    looked = [LOOKED.labels("toy", consumer, SOURCE)._value for consumer in (CONSUMER, "toy.away")]
    began = time.time()
    await auditor.audit(full=True)
    await away.close()
    assert looked[0].get() >= began
    assert looked[1].get() == 0, "never: the series is there from the start, for the alert"


async def test_a_slow_consumer_is_not_flooded(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.auditor.MOST_REPAIRS", 2)
    await platform.publish(*"abcd", lose=4)
    auditor = Auditor([platform.watch], patience=1e-9)
    assert (await auditor.audit(full=True)).repaired == 2
    assert (
        await auditor.audit(full=True, patience=0)
    ).repaired == 2  # those that wait to be sent are not lost


async def test_development_takes_over_no_database_of_production(
    postgres: Postgres, database: ServiceDatabase
) -> None:
    await make(database.api, "a")
    connection = await asyncpg.connect(database.migrator_dsn)
    await connection.execute("UPDATE msg.legal_clock SET shift = '0', profile = 'production'")
    await connection.close()
    passwords = dict.fromkeys((MIGRATOR, *roles("toy")), "another")
    with pytest.raises(ProductionDatabase):
        await provision(postgres.dsn(), "toy", passwords, database=database.name, development=True)
    async with database.api.transaction() as tx:  # its roles keep their passwords
        assert tx.now is not None
