"""`make storm`: ten thousand files fall due at one midnight, one of them poisoned, and at 23:59 everything
that could announce it is killed. It comes back, and the count is exact; then tomorrow becomes a holiday.
"""

import argparse
import asyncio
import contextlib
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from shared.time import casablanca
from tests.faults.checker import findings
from tests.faults.cluster import Cluster, Stuck, cluster, disks, workplace
from tests.faults.evidence import gather
from tests.faults.heal import settled
from tests.faults.run import lived, tell
from tests.faults.seeds import Batch, imported

FILES: Final = 10_000
OPEN: Final = 1_000  # files whose last day becomes a holiday
BEFORE: Final = timedelta(seconds=75)
DARK: Final = timedelta(seconds=30)  # after midnight, with nobody there
SETTLED: Final = """
    SELECT count(*) FROM rokhas.dossier WHERE id = ANY($1::uuid[]) AND state = 'approved_by_silence'"""
POISON: Final = "UPDATE deadlines.clock SET rule_version = 999 WHERE aggregate_id = $1 AND role = 'decision'"
CURE: Final = """
    UPDATE deadlines.clock SET rule_version = $2, next_try = '-infinity'
    WHERE aggregate_id = $1 AND role = 'decision'"""
VERSION: Final = "SELECT rule_version FROM deadlines.clock WHERE aggregate_id = $1 AND role = 'decision'"
APPROVED: Final = """
    SELECT aggregateid, (convert_from(payload, 'UTF8')::jsonb ->> 'effective_at')::timestamptz AS effective
    FROM msg.event_log WHERE aggregateid = ANY($1::text[])
      AND type = 'ma.jamaa.rokhas.dossier.approved_by_silence.v1'"""
TOLD: Final = """
    SELECT about, count(*) FILTER (WHERE recipient LIKE 'citizen.%') AS times FROM msg.notice
    WHERE about = ANY($1::text[]) AND kind = $2 GROUP BY about"""
WORDS: Final = """
    SELECT content #>> '{ar,text}' AS ar, content #>> '{fr,text}' AS fr FROM msg.notice
    WHERE about = $1 AND kind = 'deadline_moved' LIMIT 1"""
MOVED: Final = """
    SELECT aggregateid, convert_from(payload, 'UTF8')::jsonb -> 'reason' ->> 'fr' AS reason FROM msg.event_log
    WHERE type = 'ma.jamaa.deadlines.clock.moved.v1'"""
LAST_DAYS: Final = """
    SELECT last_day, count(*) AS files FROM deadlines.clock
    WHERE aggregate_id = ANY($1::text[]) AND role = 'decision' GROUP BY last_day ORDER BY last_day"""
HOLIDAY: Final = {
    "ar": "عطلة استثنائية بالإدارات العمومية",
    "fr": "Congé exceptionnel dans les administrations",
    "en": "Exceptional day off in public offices",
}


@dataclass(slots=True)
class Show:
    """What the person at the terminal reads."""

    began: float = field(default_factory=time.monotonic)
    wrong: list[str] = field(default_factory=list)

    def __call__(self, what: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        tell(f"  {minutes:02d}:{seconds:02d}  {what}")

    def act(self, ar: str, fr: str, en: str) -> None:
        tell(f"\n{en} · {fr} · {ar}")

    def count(self, what: str, seen: object, expected: object) -> None:
        right = seen == expected
        self(f"{'✓' if right else '✗'} {what}: {seen}" + ("" if right else f", expected {expected}"))
        if not right:
            self.wrong.append(f"{what}: {seen}, expected {expected}")


def local(instant: datetime) -> str:
    return f"{instant.astimezone(casablanca()):%d/%m/%Y %H:%M:%S}"


async def storm(running: Cluster, show: Show) -> None:
    files = running.amount(FILES, least=100)
    show.act("الإيداع", "Le dépôt", f"{files:,} files are submitted, all due at one midnight")
    batch = await imported(running, files, say=show)
    victim = batch.ids[files // 2]
    version = await running.value("deadlines", VERSION, victim)
    async with running.sql("deadlines") as sql:
        await sql.execute(POISON, victim)
    show(f"every file knows its date: {local(batch.answer_by)}, Casablanca")
    show(f"one is poisoned: the clock of {victim} cannot be read")

    show.act("23:59", "23 h 59", "Kafka and every process that listens are killed")
    await running.stage.advance(batch.certain - BEFORE)
    await _until(running, batch.certain - timedelta(minutes=1))
    show(f"{local(await _now(running))}: kill -9 of three brokers and {len(running.processes) + 1} processes")
    await asyncio.gather(running.kafka.kill(), running.end_services(hard=True))
    await _until(running, batch.certain)
    show(f"{local(await _now(running))}: midnight passes, nobody notices")
    await _until(running, batch.certain + DARK)

    show.act("العودة", "Le retour", "Everything comes back")
    await running.kafka.restart()
    await running.start_services()
    show(f"{local(await _now(running))}: brokers and processes run again")

    async def approved() -> int:
        return int(await running.value("rokhas", SETTLED, batch.files))

    await running.reaches("approved by silence", approved, files - 1, say=show)
    await _count(running, show, batch, victim, files - 1)

    show.act("الإصلاح", "La réparation", "The poisoned one is mended")
    async with running.sql("deadlines") as sql:
        await sql.execute(CURE, victim, version)
    await running.reaches("approved by silence", approved, files, say=show)
    await _count(running, show, batch, None, files)
    await _holiday(running, show)


async def _count(running: Cluster, show: Show, batch: Batch, victim: str | None, amount: int) -> None:
    declared = frozenset({victim}) if victim else frozenset()
    await settled(running, declared)
    async with running.sql("rokhas") as sql:
        approved = await sql.fetch(APPROVED, batch.ids)
        told = {row["about"]: row["times"] for row in await sql.fetch(TOLD, batch.ids, "approved_by_silence")}
    times = Counter(row["aggregateid"] for row in approved)
    show.count("files approved by silence, each once", (len(times), max(times.values())), (amount, 1))
    effects = {row["effective"] for row in approved}
    show.count("effective as of", {local(at) for at in effects}, {local(batch.answer_by)})
    show.count("applicants told, each once", (len(told), max(told.values())), (amount, 1))
    alarms = {line["clock"] for line in running.processes["deadlines"].said("clocks.poisoned")}
    show.count("clocks that raised an alarm", len(alarms), 1)
    seen = await gather(running, [])
    # Its own clock is due and says nothing: that is what the alarm is about.
    seen.declared, seen.orderly = declared | frozenset(alarms), False
    show.count(
        f"promises A1 to A7 broken, over {len(seen.log):,} events and {len(seen.sent):,} records on Kafka",
        [str(finding) for finding in findings(seen)],
        [],
    )


async def _holiday(running: Cluster, show: Show) -> None:
    amount = running.amount(OPEN, least=50)
    show.act("عطلة معلنة متأخرة", "Un congé annoncé tardivement", "Tomorrow becomes a holiday")
    batch = await imported(running, amount, say=show)
    async with running.sql("deadlines") as sql:
        (before,) = await sql.fetch(LAST_DAYS, batch.ids)
    day = before["last_day"]
    eve = datetime.combine(day - timedelta(days=1), datetime.min.time(), casablanca()) + timedelta(hours=16)
    await running.stage.advance(eve)
    show(f"{local(await _now(running))}: {before['files']:,} open files end tomorrow, {day:%d/%m/%Y}")
    now = await _now(running)
    first, second = running.stage.person("operator"), running.stage.person("operator2")
    proposed = await first.post(
        "/deadlines/v1/calendar/days",
        {
            "date": day.isoformat(),
            "kind": "closure",
            "status": "confirmed",
            "name": HOLIDAY,
            "source": "Demonstration: a fictitious announcement",
            "announced_at": (now - timedelta(hours=1)).isoformat(),
        },
    )
    await second.post(f"/deadlines/v1/calendar/days/{proposed['id']}/confirmation")
    show("announced: one operator proposed it, another confirmed it")

    async def moved() -> int:
        async with running.sql("deadlines") as sql:
            rows = await sql.fetch(LAST_DAYS, batch.ids)
        return int(sum(row["files"] for row in rows if row["last_day"] > day))

    await running.reaches("moved", moved, amount, say=show)
    await settled(running, ())
    async with running.sql("deadlines") as sql:
        rows = await sql.fetch(LAST_DAYS, batch.ids)
        reasons = Counter(row["reason"] for row in await sql.fetch(MOVED))
    show.count(
        "new last days", [(f"{r['last_day']:%d/%m/%Y}", r["files"]) for r in rows], _next(rows, amount)
    )
    show.count("moves without a reason", reasons[None], 0)
    async with running.sql("rokhas") as sql:
        told = {row["about"]: row["times"] for row in await sql.fetch(TOLD, batch.ids, "deadline_moved")}
        words = await sql.fetchrow(WORDS, batch.ids[0])
    show.count("applicants told of their new date, each once", (len(told), max(told.values())), (amount, 1))
    show(f"  {words['ar']}")
    show(f"  {words['fr']}")


def _next(rows: list[Any], amount: int) -> list[tuple[str, int]]:
    """All files on one day, whichever the next working day is."""
    return [(f"{rows[0]['last_day']:%d/%m/%Y}", amount)]


async def _now(running: Cluster) -> datetime:
    now: datetime = await running.value("rokhas", "SELECT msg.legal_now()")
    return now


async def _until(running: Cluster, instant: datetime) -> None:
    wait = (instant - await _now(running)).total_seconds()
    await asyncio.sleep(max(0.0, wait + 0.05))


async def run(scale: float) -> list[str]:
    show = Show()
    tell("Jamaa · جماعة · the storm")
    async with AsyncExitStack() as stack:
        home = stack.enter_context(workplace())
        disks(home)
        show.act("الانطلاق", "Démarrage", "PostgreSQL twice, Kafka three times, each service a process")
        running = await stack.enter_async_context(cluster(home, scale=scale, note=show))
        try:
            await storm(running, show)
        except Stuck as stuck:
            show(f"✗ {stuck}")
            show.wrong.append(str(stuck))
        show.act(
            "انتهى", "Fin", "Nothing lost, nothing twice, nothing early" if not show.wrong else "Not right"
        )
    return show.wrong


def main() -> None:
    parser = argparse.ArgumentParser(prog="make storm", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the amounts")
    told = parser.parse_args()
    sys.exit(1 if lived(run(told.scale)) else 0)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
