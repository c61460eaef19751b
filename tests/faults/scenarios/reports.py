"""Two ends of time in chikaya: who reported may reopen for thirty days, an office replies within sixty."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from services.chikaya.events import REPORT
from services.deadlines.events import CLOCKS
from tests.faults.checker import REOPENING
from tests.faults.cluster import Stuck
from tests.faults.heal import drained, healed
from tests.faults.journal import Command, Outcome
from tests.faults.people.chikaya import OFFICE, published, report, step
from tests.faults.people.rokhas import COMMUNES
from tests.faults.registry import DEFAULT, Scenario, Toothless, Trial, Wrong
from tests.faults.scenarios.deliveries import unrest

MANY: Final = 400
COMMUNE: Final = COMMUNES[0]
CLOSE: Final = timedelta(seconds=10)
REPLY: Final = "chikaya.reply"
KNOWN: Final = """
    SELECT count(*) FROM chikaya.report
    WHERE id = ANY($1::uuid[]) AND body -> 'clocks' -> $2 ->> 'answer_by' IS NOT NULL"""
DUE: Final = """
    SELECT min(answer_by) AS first, max(coalesce(settled_at, answer_by)) AS certain FROM deadlines.clock
    WHERE aggregate_id = ANY($1::text[]) AND rule = $2"""
DATES: Final = "SELECT aggregate_id, answer_by FROM deadlines.clock WHERE rule = $1"
STORY: Final = """
    SELECT aggregateid, split_part(type, '.', 5) AS what, occurred_at,
      convert_from(payload, 'UTF8') AS payload
    FROM msg.event_log WHERE aggregateid = ANY($1::text[]) ORDER BY pos"""

Act = Callable[[int, str], Awaitable[None]]


async def race(trial: Trial) -> None:
    """Half of the reports are answered, and contested or rated around the end of the thirty days; the other
    half is answered around that of the sixty, or not at all.
    """
    cluster, crowd = trial.cluster, trial.crowd
    amount = cluster.amount(MANY, least=60)
    reporters: dict[str, str] = {}

    async def filed(_: int, who: str) -> None:
        made = await _done(report(crowd, who, COMMUNE))
        reporters[str(made.subject)] = who

    async def taken(officer: int, of: str) -> None:
        steps = OFFICE if of in answered else OFFICE[:-1]
        for what in steps:
            await _done(step(crowd, what, f"instructor{officer}", of, COMMUNE))

    async def contested(_: int, of: str) -> None:
        what = "rate" if trial.chance.random() < 0.2 else "reopen"
        await step(crowd, what, reporters[of], of)

    async def replied(officer: int, of: str) -> None:
        if trial.chance.random() < 0.8:
            await step(crowd, "answer", f"instructor{officer}", of, COMMUNE)

    if not await published(crowd, COMMUNE):
        raise Stuck("the contact block was not published")
    await crowd.each([f"citizen{8000 + number}" for number in range(amount)], filed)
    answered = set(sorted(reporters)[::2])
    await crowd.each(sorted(reporters), taken)
    async with cluster.twin("chikaya"):
        await _raced(trial, sorted(answered), REOPENING, contested)
        await _raced(trial, sorted(reporters.keys() - answered), REPLY, replied)
    await _outcomes(trial, sorted(reporters), answered)


async def _done(command: Awaitable[Command]) -> Command:
    """Before anything is broken, whatever is asked is done. Raises Stuck."""
    done = await command
    if done.outcome is not Outcome.OK:
        raise Stuck(f"{done.what} was answered {done.status} {done.code}")
    return done


async def _raced(trial: Trial, reports: Sequence[str], rule: str, act: Act) -> None:
    """Each acted on once: some before the midnight at which the clocks of the rule end, some around it, some
    after it.
    """
    cluster, first = trial.cluster, len(reports) // 5

    async def known() -> int:
        return int(await cluster.value("chikaya", KNOWN, reports, rule))

    await cluster.reaches(f"reports that know the date of {rule}", known, len(reports))
    async with cluster.sql("deadlines") as sql:
        due = await sql.fetchrow(DUE, reports, rule)
    rate = await trial.crowd.each(reports[:first], act)
    half = timedelta(seconds=(len(reports) - first) / 2 / max(rate, 5))
    await cluster.stage.advance(due["first"] - half)
    async with trial.fault(f"{len(reports)} reports race the end of {rule}; who hears of it dies"):
        third = (len(reports) - first) // 3
        async with unrest(trial, ["chikaya", "deadlines"], [CLOCKS.topic, REPORT.topic]):
            await trial.crowd.each(reports[first : first + third], act)
            await _no_earlier(trial, due["first"] - timedelta(seconds=1))
            await trial.crowd.each(reports[first + third : first + 2 * third], act)
            await _no_earlier(trial, due["first"])
            await trial.crowd.each(reports[first + 2 * third :], act)
        await _no_earlier(trial, due["certain"] + timedelta(seconds=2))
        await healed(cluster)
        await drained(cluster, trial)


async def _no_earlier(trial: Trial, instant: datetime) -> None:
    """However quick this machine was, from here on it is at least so late."""
    left = instant - await trial.cluster.value("chikaya", "SELECT msg.legal_now()")
    if left > CLOSE:
        await trial.cluster.stage.advance(instant)
    else:  # the clock goes on while it is looked at, and is never put back
        await asyncio.sleep(max(0.0, left.total_seconds()))


async def _outcomes(trial: Trial, reports: Sequence[str], answered: set[str]) -> None:
    """Beyond what the checker asks of every report: none is left without an outcome, and each took effect as
    of its instant. Raises Wrong, Toothless.
    """
    stories: dict[str, list[Any]] = defaultdict(list)
    async with trial.cluster.sql("chikaya") as sql:
        for row in await sql.fetch(STORY, reports):
            stories[row["aggregateid"]].append(row)
    dates: dict[str, dict[str, datetime]] = {}
    async with trial.cluster.sql("deadlines") as sql:
        for rule in (REOPENING, REPLY):
            dates[rule] = dict(await sql.fetch(DATES, rule))
    counts: Counter[str] = Counter()
    for of in reports:
        if of in answered:
            ended = _contested(stories[of], dates[REOPENING][of])
        else:
            ended = _replied(stories[of], dates[REPLY][of])
        if ended.startswith("!"):
            raise Wrong(f"report {of} {ended[1:]}: {[row['what'] for row in stories[of]]}")
        counts[ended] += 1
    trial.figures |= counts
    counts["escalated at all"] = counts["escalated"] + counts["escalated, then answered"]
    for ended in ("reopened in time", "closed by the end", "answered in time", "escalated at all"):
        if counts[ended] < len(reports) // 50:
            raise Toothless(f"of {len(reports)} reports only {counts[ended]} {ended}: no race")


def _contested(story: Sequence[Any], until: datetime) -> str:
    """Of a report that was answered once: what became of the answer; with `!` what must not."""
    ends = [row for row in story if row["what"] in {"reopened", "closed", "rated"}]
    over = [row for row in story if row["what"] == "closed" or _passed(row)]
    if len(ends) != 1 or len(over) != (ends[0]["what"] != "reopened"):
        return f"!has {len(ends)} outcomes, and {len(over)} times its time was over"
    if any(_effect(row) != until for row in over):
        return f"!was closed as of {[_effect(row) for row in over]}, due {until}"
    if ends[0]["what"] == "reopened":
        return "reopened in time" if ends[0]["occurred_at"] < until else f"!was reopened after {until}"
    return "closed by the end" if ends[0]["what"] == "closed" else "rated"


def _replied(story: Sequence[Any], until: datetime) -> str:
    """The same of one whose reply raced its date, which decides nothing."""
    given = [row["occurred_at"] for row in story if row["what"] == "answered"]
    told = [_effect(row) for row in story if row["what"] == "escalated"]
    if len(given) > 1 or any(effect != until for effect in told):
        return f"!was answered {len(given)} times, escalated as of {told}, due {until}"
    if not given:
        return "escalated" if len(told) == 1 else "!was neither answered nor escalated"
    if given[0] < until:
        return "!was answered in time, and escalated" if told else "answered in time"
    return "escalated, then answered" if told else "answered late, before the expiry was heard"


def _passed(row: Any) -> bool:
    return bool(row["what"] == "limit_passed" and json.loads(row["payload"])["rule"] == REOPENING)


def _effect(row: Any) -> datetime:
    told = json.loads(row["payload"])
    return datetime.fromisoformat(told.get("closed_at") or told["effective_at"])


SCENARIOS: Final = (
    Scenario(
        name="reports_race",
        number=23,
        what="reopenings race the end of thirty days, replies that of sixty; who hears of it is killed",
        asks="one outcome each, no reopening after its time, one escalation as of it, none once answered",
        run=race,
        sets=frozenset({DEFAULT}),
        quiet=True,
    ),
)
