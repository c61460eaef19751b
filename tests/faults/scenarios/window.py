"""The window asks, the register answers: both die, margins change meanwhile, one answer is poisoned."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from deploy.auditor import workers
from deploy.operator import operate
from tests.faults.cluster import ALL, Cluster
from tests.faults.heal import drained, healed
from tests.faults.people.window import COMMUNE, Drawn, Window
from tests.faults.registry import CI, DEFAULT, Scenario, Toothless, Trial, Wrong
from tests.faults.scenarios import poison

ENDS: Final = ("issued", "superseded", "refused")
SETTLED: Final = "SELECT count(*) FROM watiqa.request WHERE id = ANY($1::uuid[]) AND state = ANY($2::text[])"
REQUESTED: Final = (
    "SELECT id::text, act::text, act_version, state FROM watiqa.request WHERE id = ANY($1::uuid[])"
)
SENT: Final = """
    SELECT count(DISTINCT aggregateid) FROM msg.event_log
    WHERE aggregatetype = 'request' AND aggregateid = ANY($1::text[])
      AND split_part(type, '.', 5) = 'matching_asked' AND pos NOT IN (SELECT pos FROM msg.outbox_pending)"""
ANSWERED: Final = """
    SELECT count(*) FROM civil_status.asked WHERE request = ANY($1::text[]) AND answered_at IS NOT NULL"""
STORY: Final = """
    SELECT aggregateid AS id, split_part(type, '.', 5) AS what FROM msg.event_log
    WHERE aggregatetype = 'request' AND aggregateid = ANY($1::text[]) ORDER BY pos"""
DOCUMENTS: Final = (
    "SELECT id::text, about, state FROM msg.document WHERE about = ANY($1::text[]) ORDER BY number"
)
VERSIONS: Final = "SELECT id::text, version FROM civil_status.act WHERE id = ANY($1::uuid[])"
HELD: Final = "SELECT aggregateid FROM msg.inbox_head WHERE state <> 'open'"
BROKEN: Final = """
    SELECT msg.emit('matching', $1, 'ma.jamaa.civil_status.matching.found.v1', $2,
      convert_to('{"act_version": "?"}', 'UTF8'), '{}', msg.legal_now())"""


async def race(trial: Trial) -> None:
    """Margins change while answers are on their way, and again after pages were issued; two officers decide
    on the same requests; window and register are killed, inside their transactions too.
    """
    cluster, window = trial.cluster, Window(trial.crowd)
    acts = await window.acts(cluster.amount(80, least=12))
    half = len(acts) // 2
    officers = asyncio.create_task(window.control())
    try:
        async with trial.fault(f"{len(acts)} answers are on their way; margins change, both services die"):
            await _overtaken(trial, window, acts[:half], counter=False)
            await _overtaken(trial, window, acts[half:], counter=True)
            await _settled(trial, window)
        async with trial.fault("what was issued is overtaken, and the window dies"):
            armed = cluster.arm("watiqa", "inbox.applied")
            await window.note(acts[1::4])
            await cluster.struck(armed)
            await _settled(trial, window)
    finally:
        officers.cancel()
        await asyncio.gather(officers, return_exceptions=True)
    await _outcomes(trial, window)


async def _overtaken(trial: Trial, window: Window, acts: Sequence[Drawn], *, counter: bool) -> None:
    """The window stands still while it is answered and every other act changes, and wakes no more: whoever
    comes after it hears both, in whatever order. The register dies while it takes the questions.
    """
    cluster = trial.cluster
    watiqa, register = cluster.processes["watiqa"], cluster.processes["civil_status"]
    register.pause()
    try:
        asked = await window.ask(acts, counter=counter)

        async def sent() -> int:
            return int(await cluster.value("watiqa", SENT, asked))

        await cluster.reaches("questions on their way", sent, len(asked))
        armed = cluster.arm("civil_status", "inbox.applied")
        watiqa.pause()
    finally:
        register.resume()
    await cluster.struck(armed)
    await window.note(acts[::4])  # some before they are answered of, some after

    async def answered() -> int:
        return int(await cluster.value("civil_status", ANSWERED, asked))

    await cluster.reaches("answers on their way", answered, len(asked))
    await window.note(acts[2::4])
    watiqa.kill()
    await cluster.ready()


async def _settled(trial: Trial, window: Window) -> None:
    """Every request has an outcome, and nothing is on its way that would change it."""
    cluster = trial.cluster

    async def ended() -> int:
        return int(await cluster.value("watiqa", SETTLED, list(window.asked), list(ENDS)))

    while True:
        await cluster.reaches("requests that have an outcome", ended, len(window.asked))
        await healed(cluster)
        await drained(cluster, trial)
        if await ended() == len(window.asked):
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A request and what became of it. `papers`: its documents' ids and states, the oldest first; `version`:
    the one at which the register has its act.
    """

    row: Any
    asked_of: str
    story: Counter[str]
    papers: Sequence[tuple[str, str]]
    version: int

    @property
    def wrong(self) -> str | None:
        """Which rule does not hold."""
        state, stands, what = self.row["state"], [state for _, state in self.papers], self.story
        current = state == "issued"
        rules = {
            "not one outcome": what["refused"] + bool(what["issued"]) == 1,
            "two officers decided on the same": what["approved"] + what["refused"]
            <= what["control_required"],
            # One that was overtaken before it was handed out was issued to nobody, and no longer stands.
            "not one document for each page": len(stands) == what["paper_ordered"] >= what["issued"],
            "a page that was never sealed": "ordered" not in stands,
            "another act than was asked for": self.row["act"] == self.asked_of,
            "what stands is not the newest alone": [s == "issued" for s in stands]
            == [False] * (len(stands) - current) + [True] * current,
            "of an earlier version, and it stands": state == "refused"
            or current == (self.row["act_version"] == self.version),
        }
        return next((rule for rule, holds in rules.items() if not holds), None)


async def _outcomes(trial: Trial, window: Window) -> None:
    """One outcome for each request, one document for each page, and none stands of an act that changed
    since; what is superseded is public. Raises Wrong.
    """
    cluster, ids = trial.cluster, list(window.asked)
    story: dict[str, Counter[str]] = defaultdict(Counter)
    papers: dict[str, list[tuple[str, str]]] = defaultdict(list)
    async with cluster.sql("watiqa") as sql:
        rows = await sql.fetch(REQUESTED, ids)
        for event in await sql.fetch(STORY, ids):
            story[event["id"]][event["what"]] += 1
        for paper in await sql.fetch(DOCUMENTS, ids):
            papers[paper["about"]].append((paper["id"], paper["state"]))
    async with cluster.sql("civil_status") as sql:
        versions = dict(await sql.fetch(VERSIONS, list(set(window.asked.values()))))
    if {row["id"] for row in rows} != set(ids):
        raise Wrong(f"{len(ids)} requests were received, {len(rows)} are there")
    for row in rows:
        of = window.asked[row["id"]]
        one = Ended(
            row=row, asked_of=of, story=story[row["id"]], papers=papers[row["id"]], version=versions[of]
        )
        if one.wrong:
            raise Wrong(f"{one.wrong}: {one}")
    answer = await trial.crowd.get("watiqa", "/v1/withdrawn-documents", "agent", COMMUNE)
    public = {one["id"] for one in answer.json()["withdrawn"]}
    gone = {paper for made in papers.values() for paper, state in made if state == "superseded"}
    if gone - public:
        raise Wrong(f"superseded, and nobody may know: {sorted(gone - public)}")
    trial.figures |= Counter(row["state"] for row in rows)
    trial.figures["asked again"] = sum(story[request]["matching_asked"] > 1 for request in ids)
    trial.figures["officers too late"] = window.late
    for what in ("superseded", "asked again", "officers too late"):
        if trial.figures.get(what, 0) < len(ids) // 10:
            raise Toothless(f"of {len(ids)} requests only {trial.figures.get(what, 0)} {what}: no race")


async def poisoned(trial: Trial) -> None:
    """The register's first answer about one request cannot be read: that request waits, no other does, and
    one aggregate is held; two persons skip it, and the true answer behind it is applied.
    """
    cluster, window = trial.cluster, Window(trial.crowd)
    victim, *others = await window.acts(cluster.amount(40, least=8))
    register = cluster.processes["civil_status"]
    async with trial.fault(f"one answer in {len(others) + 1} cannot be read"):
        register.pause()  # so that it is before the true one
        try:
            [request] = await window.ask([victim], counter=True)
            async with cluster.sql("civil_status") as sql:
                await sql.execute(BROKEN, request, COMMUNE)
        finally:
            register.resume()
        fine = await window.ask(others, counter=True)

        async def issued() -> int:
            return int(await cluster.value("watiqa", SETTLED, fine, ["issued"]))

        await cluster.reaches("extracts of the others", issued, len(fine))
        held = await _held(cluster)
        trial.figures |= {"issued beside it": await issued(), "held": len(held)}
        if held != [request]:
            raise Wrong(f"{held} are held, {request} is poisoned")
        if await cluster.value("watiqa", SETTLED, [request], ["matching"]) != 1:
            raise Wrong(f"{request} does not wait for its true answer")
    async with workers(cluster.variables, purpose="operator") as databases:
        alarms = [len(await operate.stuck(database)) for database in databases.values()]
    trial.figures["alarms"] = sum(alarms)
    if sum(alarms) != 1:
        raise Wrong(f"jamaa stuck names {sum(alarms)} aggregates, one is poisoned")
    await poison._mend(trial, request)

    async def mended() -> int:
        return int(await cluster.value("watiqa", SETTLED, [request], ["issued"]))

    await cluster.reaches("the request that was poisoned", mended, 1)


async def _held(cluster: Cluster) -> list[str]:
    """Whatever any consumer holds."""
    found: list[str] = []
    for service in ALL:
        async with cluster.sql(service.name) as sql:
            found += [row["aggregateid"] for row in await sql.fetch(HELD)]
    return found


SCENARIOS: Final = (
    Scenario(
        name="window_race",
        number=22,
        what="margins change and two officers decide while the register answers; both services die",
        asks="one outcome for each request, every document of a changed act superseded, none lost",
        run=race,
        quiet=True,
    ),
    Scenario(
        name="window_poison",
        number=7,
        what="one answer of the register to the window that cannot be read, among many",
        asks="one request waits, others are issued; one alarm; skipped by two, the true answer follows",
        run=poisoned,
        sets=frozenset({DEFAULT, CI}),
        quiet=True,
    ),
)
