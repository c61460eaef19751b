"""Events of permit files become clocks, and time makes them speak: on a real database."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

import asyncpg
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from services.deadlines import announce
from services.deadlines.announce import announce_one, each, recount_one
from services.deadlines.consumers import together
from services.deadlines.domain.calendar import Calendar
from services.deadlines.domain.clock import Clock, State
from services.deadlines.store import calendar, clocks
from services.deadlines.store.clocks import Clocks
from shared.db import Database, Tx
from shared.pool import SERVER_SETTINGS
from shared.territory import territory
from tests.deadlines.conftest import At, Tell, all_clocks_of, clocks_of, told
from tests.support.databases import ServiceDatabase

FILED = datetime.fromisoformat("2026-11-23T10:00:00Z")  # a Monday
DUE = datetime.fromisoformat("2026-12-10T00:00:00Z")
ALARM = "jamaa_clocks_not_opened_total"


async def announced(database: ServiceDatabase) -> list[str]:
    """Everything that is due now, then the types announced so far, in order."""
    while True:
        async with database.worker.transaction() as tx:
            found = await clocks.due(tx, 100)
        if not found:
            break
        await each(database.worker, found, announce_one)
    async with database.worker.transaction() as tx:
        rows = await tx.execute(text("SELECT type FROM msg.event_log ORDER BY pos"))
        return [row.type.split(".")[-2] for row in rows]


async def recounted(database: ServiceDatabase) -> None:
    async with database.worker.transaction() as tx:
        revision, _ = await calendar.current(tx)
        found = await clocks.stale(tx, revision, 100)
    await each(database.worker, found, recount_one)


async def test_a_complete_file_starts_its_clock(deadlines: ServiceDatabase, at: At, tell: Tell) -> None:
    await at(FILED)
    file = await tell("submitted", submitted_at=FILED, complete=True)
    clock = (await clocks_of(deadlines, file))["construction_small"]
    assert (clock.state, clock.last_day, clock.answer_by) == (State.RUNNING, date(2026, 12, 9), DUE)


async def test_an_incomplete_file_starts_it_when_the_last_item_comes(
    deadlines: ServiceDatabase, at: At, tell: Tell
) -> None:
    await at(FILED)
    file = await tell("submitted", submitted_at=FILED.replace(day=19), complete=False)
    assert "construction_small" not in await clocks_of(deadlines, file)
    await tell("completed", file, completed_at=FILED)
    assert (await clocks_of(deadlines, file))["construction_small"].answer_by == DUE


@pytest.mark.parametrize(
    ("now", "expected"), [("2026-12-09T23:59:59Z", False), ("2026-12-10T00:00:00Z", True)]
)
async def test_silence_is_announced_at_its_instant_and_not_before(
    deadlines: ServiceDatabase, at: At, tell: Tell, now: str, expected: bool
) -> None:
    await at(FILED)
    file = await tell("submitted", submitted_at=FILED, complete=True)
    await at(datetime.fromisoformat(now))
    assert ("elapsed" in await announced(deadlines)) is expected
    clock = (await clocks_of(deadlines, file))["construction_small"]
    assert (clock.elapsed_at == DUE) is expected


async def test_warnings_come_before_the_expiry_and_once(
    deadlines: ServiceDatabase, at: At, tell: Tell
) -> None:
    await at(FILED)
    await tell("submitted", submitted_at=FILED, complete=True)
    for count, day in enumerate((2, 6, 8), start=1):  # half time, 80 %, two days before
        await at(FILED.replace(month=12, day=day))
        assert (await announced(deadlines)).count("warned") == count
        assert (await announced(deadlines)).count("warned") == count
    await at(DUE)
    assert (await announced(deadlines))[-1] == "elapsed"


async def test_an_expiry_noticed_late_has_its_effect_at_the_due_instant(
    deadlines: ServiceDatabase, at: At, tell: Tell
) -> None:
    await at(FILED)
    file = await tell("submitted", submitted_at=FILED, complete=True)
    await at(datetime.fromisoformat("2027-02-01T00:00:00Z"))
    await announced(deadlines)
    assert (await clocks_of(deadlines, file))["construction_small"].elapsed_at == DUE


async def test_a_decision_before_the_instant_wins_though_heard_after_it(
    deadlines: ServiceDatabase, at: At, tell: Tell
) -> None:
    await at(FILED)
    file = await tell("submitted", submitted_at=FILED, complete=True)
    await at(DUE)
    assert (await announced(deadlines))[-1] == "elapsed"
    await tell("refused", file, notified_at=datetime.fromisoformat("2026-12-09T16:00:00Z"))
    clock = (await clocks_of(deadlines, file))["construction_small"]
    assert (clock.state, clock.in_time) == (State.ANSWERED, True)


async def test_a_suspension_keeps_the_remaining_days(deadlines: ServiceDatabase, at: At, tell: Tell) -> None:
    await at(FILED)
    file = await tell("submitted", submitted_at=FILED, complete=True)
    asked = FILED.replace(day=25)
    await tell("information_requested", file, requested_at=asked, request="r1", suspends=True)
    clock = (await clocks_of(deadlines, file))["construction_small"]
    assert (clock.state, clock.answer_by, clock.remaining_days) == (State.SUSPENDED, None, 14)
    await tell(
        "answered_request",
        file,
        answered_at=FILED.replace(day=30),
        request="r1",
        suspension_ends=True,
        restarts=False,
    )
    clock = (await clocks_of(deadlines, file))["construction_small"]
    # One whole day before (24 November), fourteen from 1 December: the 15th is the 14th, francs the 15th.
    assert (clock.state, clock.last_day) == (State.RUNNING, date(2026, 12, 15))


async def test_a_batch_does_what_its_events_do_one_by_one(deadlines: ServiceDatabase, at: At) -> None:
    await at(FILED.replace(day=30))
    asked = {"requested_at": FILED.replace(day=25), "request": "r1", "suspends": True}
    answered = {"answered_at": FILED.replace(day=27), "suspension_ends": True, "restarts": False}
    files = [UUID(int=n) for n in range(3)]
    story = [
        replace(event, correlation_id=f"c{place}")
        for place, event in enumerate(
            [told("submitted", file, 1, submitted_at=FILED, complete=True) for file in files]
            + [told("information_requested", file, 2, **asked) for file in files[1:]]
            + [told("answered_request", files[2], 3, **answered), told("message_posted", files[0], 2)]
        )
    ]
    admin = await asyncpg.connect(deadlines.admin_dsn)
    seen = []
    for size in (1, len(story)):
        await admin.execute("TRUNCATE deadlines.clock, deadlines.milestone")
        await admin.execute("TRUNCATE msg.aggregate_head, msg.event_log, msg.outbox_pending")
        for start in range(0, len(story), size):
            async with deadlines.worker.transaction() as tx, together(tx, story[start : start + size]) as one:
                for event in story[start : start + size]:
                    tx.correlation_id = event.correlation_id
                    await one(tx, event)
        rows = await admin.fetch("SELECT to_jsonb(c) FROM deadlines.clock c ORDER BY id")
        said = "SELECT aggregateid, seq, type, payload, headers FROM msg.event_log ORDER BY pos"
        seen.append((rows, await admin.fetch(said)))
    await admin.close()
    alone, batch = seen
    assert {row["seq"] for row in alone[1]} == {1, 2, 3}
    assert batch == alone


async def test_a_poisoned_clock_holds_up_no_other(deadlines: ServiceDatabase, at: At, tell: Tell) -> None:
    await at(FILED)
    files = [await tell("submitted", submitted_at=FILED, complete=True) for _ in range(5)]
    async with deadlines.worker.transaction() as tx:
        await tx.execute(
            text("UPDATE deadlines.clock SET rule_version = 99 WHERE aggregate_id = :file"),
            {"file": str(files[2])},
        )
    await at(DUE)
    assert (await announced(deadlines)).count("elapsed") == 4
    async with deadlines.worker.transaction() as tx:
        rows = await tx.execute(text("SELECT aggregate_id FROM deadlines.clock WHERE failures > 0"))
        assert [row.aggregate_id for row in rows] == [str(files[2])]


async def test_a_clock_that_somebody_holds_keeps_no_other_waiting(
    deadlines: ServiceDatabase, at: At, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another replica's, or a reader's: it is left out at once, and found again at the next look."""
    await at(FILED)
    files = [await tell("submitted", submitted_at=FILED, complete=True) for _ in range(3)]
    await at(DUE)
    monkeypatch.setitem(SERVER_SETTINGS, "lock_timeout", "0")  # whoever waits waits for ever
    patient = Database(deadlines.worker_dsn)
    holder = await asyncpg.connect(deadlines.migrator_dsn)
    async with holder.transaction():
        await holder.execute("SELECT FROM deadlines.clock WHERE aggregate_id = $1 FOR UPDATE", str(files[1]))
        async with patient.transaction() as tx:
            found = await clocks.due(tx, 100)
        async with asyncio.timeout(30):
            assert await each(patient, found, announce_one) == 2
        elapsed = "SELECT count(*) FROM msg.event_log WHERE type LIKE '%.elapsed.v1'"
        assert await holder.fetchval(elapsed) == 2
        assert await holder.fetchval("SELECT sum(failures) FROM deadlines.clock") == 0
    await holder.close()
    await patient.close()
    assert (await announced(deadlines)).count("elapsed") == 3


async def test_nobody_asks_without_pause_for_what_others_hold(
    deadlines: ServiceDatabase, at: At, tell: Tell
) -> None:
    await at(FILED)
    await tell("submitted", submitted_at=FILED, complete=True)
    await at(DUE)
    looks = asyncio.Queue[Sequence[UUID]]()

    async def look(tx: Tx) -> Sequence[UUID]:
        found = await clocks.due(tx, 100)
        looks.put_nowait(found)
        return found

    holder = await asyncpg.connect(deadlines.migrator_dsn)
    async with holder.transaction():
        await holder.execute("SELECT FROM deadlines.clock FOR UPDATE")
        announcing = asyncio.create_task(announce._forever(deadlines.worker, look, announce_one, 3600.0))
        assert await looks.get()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(looks.get(), 1)
        announcing.cancel()
        await asyncio.wait([announcing])
    await holder.close()


async def test_whoever_is_told_of_a_failure_finds_nobody_at_work_any_more(
    deadlines: ServiceDatabase, at: At, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    await at(FILED)
    files = [await tell("submitted", submitted_at=FILED, complete=True) for _ in range(3)]
    await at(DUE)
    monkeypatch.setattr(announce, "TOGETHER", 1)
    done: list[str] = []

    async def one(_: Clocks, clock: Clock, __: Calendar) -> None:
        if clock.file.id == str(files[0]):
            raise ConnectionError
        await asyncio.sleep(0.5)
        done.append(clock.file.id)

    async with deadlines.worker.transaction() as tx:
        found = await clocks.due(tx, 100)
    with pytest.raises(ConnectionError):
        await each(deadlines.worker, found, one)
    assert sorted(done) == sorted(map(str, files[1:]))


async def test_an_instant_that_cannot_be_counted_holds_up_nothing_else_of_its_file(
    deadlines: ServiceDatabase, at: At, tell: Tell
) -> None:
    await at(FILED)
    file = await tell("submitted", submitted_at=FILED, complete=True)
    left_out = REGISTRY.get_sample_value(ALARM) or 0
    far = datetime.fromisoformat("9000-01-01T00:00:00Z")
    await tell("commission_convened", file, convened_at=FILED, sits_at=far)
    assert REGISTRY.get_sample_value(ALARM) == left_out + 1
    assert "rgc.minutes" not in await clocks_of(deadlines, file)
    await tell("granted", file, notified_at=FILED.replace(day=30))
    assert (await clocks_of(deadlines, file))["construction_small"].state is State.ANSWERED


def instants(clock: Clock) -> tuple[State, datetime, int]:
    return clock.state, clock.started_at, clock.ordinal


@pytest.mark.parametrize("late", [True, False])
async def test_the_validity_runs_once_from_the_approval(
    deadlines: ServiceDatabase, at: At, tell: Tell, late: bool
) -> None:
    """12-90 art. 49; a late grant or a delivery does not prolong what silence gave, a timely grant replaces
    it.
    """
    await at(FILED)
    file = await tell("submitted", submitted_at=FILED, complete=True)
    await tell("approved_by_silence", file, effective_at=DUE, binding_opinion="favourable")
    notified = DUE.replace(day=15) if late else DUE.replace(day=9)
    await tell("granted", file, notified_at=notified, late=late, binding_opinion="favourable")
    found = await all_clocks_of(deadlines, file)
    expected = [(State.RUNNING, DUE, 1)] if late else [(State.STOPPED, DUE, 1), (State.RUNNING, notified, 2)]
    validity = sorted(
        (one for one in found if one.rule.code == "lapse.construction"), key=lambda one: one.ordinal
    )
    assert [instants(one) for one in validity] == expected
    await at(DUE.replace(year=2028))
    await announced(deadlines)
    await tell("permit_delivered", file, delivered_at=DUE.replace(year=2028))
    again = [one for one in await all_clocks_of(deadlines, file) if one.rule.code == "lapse.construction"]
    assert len(again) == len(expected)


async def test_the_validity_runs_from_the_grant(deadlines: ServiceDatabase, at: At, tell: Tell) -> None:
    await at(FILED)
    file = await tell("submitted", submitted_at=FILED, complete=True)
    await tell("granted", file, notified_at=FILED.replace(day=30), late=False, binding_opinion="favourable")
    await tell("permit_delivered", file, delivered_at=FILED.replace(month=12, day=4))
    assert instants((await clocks_of(deadlines, file))["lapse.construction"]) == (
        State.RUNNING,
        FILED.replace(day=30),
        1,
    )


async def test_silence_on_an_appeal_opens_the_courts_and_is_no_answer(
    deadlines: ServiceDatabase, at: At, tell: Tell
) -> None:
    """41-90 art. 23."""
    await at(FILED)
    file = await tell("submitted", submitted_at=FILED, complete=True)
    await tell("refused", file, notified_at=FILED.replace(day=30))
    await tell("appeal_lodged", file, lodged_at=FILED.replace(month=12, day=1), authority="president")
    silent = datetime.fromisoformat("2027-02-02T00:00:00Z")
    await at(silent)
    await announced(deadlines)
    assert (await clocks_of(deadlines, file))["appeal.silence"].elapsed_at is not None
    await tell(
        "appeal_answered",
        file,
        answered_at=silent,
        authority="president",
        outcome="refused",
        by_silence=True,
    )
    found = await all_clocks_of(deadlines, file)
    states = {(one.rule.code, one.ordinal): one.state for one in found if one.rule.code.startswith("appeal.")}
    assert states == {
        ("appeal.lodging", 1): State.ANSWERED,
        ("appeal.president", 1): State.STOPPED,
        ("appeal.silence", 1): State.STOPPED,
        ("appeal.court", 1): State.STOPPED,
        ("appeal.court", 2): State.RUNNING,
    }


async def test_an_actors_share_pauses_with_the_file(deadlines: ServiceDatabase, at: At, tell: Tell) -> None:
    await at(FILED)
    file = await tell("submitted", submitted_at=FILED, complete=True)
    await tell("opinion_requested", file, requested_at=FILED, actor="urban_agency", binding=True)
    await tell("information_requested", file, requested_at=FILED.replace(day=25), request="r1", suspends=True)
    paused = (await clocks_of(deadlines, file))["opinion.on_the_spot"]
    await tell(
        "answered_request",
        file,
        answered_at=FILED.replace(day=27),
        request="r1",
        suspension_ends=True,
        restarts=False,
    )
    resumed = (await clocks_of(deadlines, file))["opinion.on_the_spot"]
    assert (paused.state, resumed.state) == (State.SUSPENDED, State.RUNNING)
    # One whole day before (24 November), six from the 28th: 3 December.
    assert resumed.last_day == date(2026, 12, 3)


async def test_41_90_art_23_an_appeal_taken_to_the_governor_is_no_new_recourse(
    deadlines: ServiceDatabase, at: At, tell: Tell
) -> None:
    """The president still decides (55-19 art. 21): the sixty days run from the first appeal."""
    await at(FILED)
    file = await tell("refused", notified_at=FILED)
    await tell("appeal_lodged", file, lodged_at=FILED, authority="president")
    first = (await clocks_of(deadlines, file))["appeal.silence"]
    later = FILED.replace(month=12, day=14)
    await at(later)
    await tell("appeal_lodged", file, lodged_at=later, authority="governor")
    clocks = await clocks_of(deadlines, file)
    assert (clocks["appeal.silence"].answer_by, clocks["appeal.silence"].ordinal) == (first.answer_by, 1)


@pytest.mark.parametrize("calendar_changed", [False, True])
async def test_silence_takes_effect_when_the_log_no_longer_holds_what_the_clock_announced(
    deadlines: ServiceDatabase, at: At, tell: Tell, calendar_changed: bool
) -> None:
    """A partition of the log is archived and dropped one day (docs/capacity.md): due is due all the same."""
    await at(FILED)
    file = await tell("submitted", submitted_at=FILED, complete=True)
    connection = await asyncpg.connect(deadlines.migrator_dsn)
    await connection.execute("ALTER TABLE msg.event_log DETACH PARTITION msg.event_log_0")
    await connection.execute("CREATE TABLE msg.event_log_again PARTITION OF msg.event_log DEFAULT")
    await connection.close()
    if calendar_changed:
        async with deadlines.api.transaction() as tx:
            await calendar.revise(tx, dict.fromkeys(("ar", "fr", "en"), "-"), "BO", FILED)
        await recounted(deadlines)
    await at(DUE)
    assert "elapsed" in await announced(deadlines)
    assert (await clocks_of(deadlines, file))["construction_small"].elapsed_at == DUE
    async with deadlines.worker.transaction() as tx:
        assert (
            await tx.execute(text("SELECT count(*) FROM deadlines.clock WHERE failures > 0"))
        ).scalar_one() == 0


async def test_a_code_that_the_territory_lost_blocks_no_event_of_its_files(
    deadlines: ServiceDatabase, at: At, tell: Tell
) -> None:
    """Else the refusal of a file that was filed before would never be heard, and silence would approve."""
    await at(FILED)
    lost = {"collectivity": "98.999.01.01"}
    assert lost["collectivity"] not in territory()
    file = await tell("submitted", submitted_at=FILED, complete=True, **lost)
    await tell("refused", file, notified_at=FILED.replace(day=30), **lost)
    assert (await clocks_of(deadlines, file))["construction_small"].state is State.ANSWERED
