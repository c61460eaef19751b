"""Runs scenarios one after the other, lets everything heal and drain after each, and counts."""

import argparse
import asyncio
import os
import random
import secrets
import sys
import time
import traceback
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from deploy.engines import EngineError
from tests.faults.checker import Finding, findings
from tests.faults.cluster import Cluster, NotRun, Stuck, cluster, disks, workplace
from tests.faults.evidence import gather
from tests.faults.heal import PATIENCE, drained, healed, shown
from tests.faults.journal import Journal
from tests.faults.load import crowd
from tests.faults.observer import Observer
from tests.faults.people import chikaya, rokhas
from tests.faults.registry import CI, DEFAULT, MUTANTS, Scenario, Toothless, Trial, Wrong, scenarios
from tests.faults.report import write

PEOPLE: Final = (*rokhas.PEOPLE, *chikaya.PEOPLE)
SEED: Final = 20260101
BROKEN_PATIENCE: Final = 20.0  # without progress: a broken variant may never drain, that is what is shown
WARM_UP: Final = 10.0  # seconds of work before the first fault: there must be something to lose
SCALES: Final = {DEFAULT: 0.25, CI: 0.2, MUTANTS: 0.2}
T = TypeVar("T")
OUT: Final = Path(__file__).parents[2] / "build" / "faults"


@dataclass(slots=True)
class Result:
    """`verdict` is passed, failed or not run; `why` what did not hold, or what is missing here."""

    scenario: Scenario
    verdict: str
    seconds: float
    why: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)


def tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201  # a program for people


def lived(work: Coroutine[Any, Any, T]) -> T:
    """To its end, on asyncio's own loop. Under uvloop a connection that is reset before a busy harness has
    looked at it has no socket any more, and asking that for its peer is no error of transport to httpx.
    """
    return asyncio.run(work)


class Voice:
    """Progress that a person can follow."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, what: str) -> None:
        tell(f"  {time.monotonic() - self._began:7.1f}  {what}")


@dataclass(slots=True)
class Run:
    """One platform and the scenarios tried on it."""

    cluster: Cluster
    journal: Journal
    observer: Observer
    trial: Trial
    say: Voice
    results: list[Result] = field(default_factory=list)
    count: dict[str, int] = field(default_factory=dict)
    """What the last evidence had: how many of each kind were compared."""

    async def attempt(self, scenario: Scenario) -> Result:
        self.say(f"{scenario.number:>2} {scenario.name}: {scenario.what}")
        began = time.monotonic()
        trial = self.trial
        trial.sound, self.observer.scenario = not scenario.catches, scenario.number
        trial.figures, before = {}, self.observer.counter("jamaa_inbox_applied_total")
        result = Result(scenario, "passed", 0, figures=trial.figures)
        if scenario.quiet:
            trial.crowd.busy.clear()  # people worked while the platform warmed up
        else:
            trial.crowd.busy.set()
        await _tried(scenario, trial, result)
        if result.verdict != "not run":
            judged(result, await self._count())
        trial.figures["applied"] = self.observer.counter("jamaa_inbox_applied_total") - before
        self._told(result, began)
        return result

    async def beside(self, scenario: Scenario) -> None:
        """One that touches nothing of this platform, while others are tried on it."""
        began, trial = time.monotonic(), replace(self.trial, figures={})
        result = Result(scenario, "passed", 0, figures=trial.figures)
        await _tried(scenario, trial, result)
        if result.verdict != "not run":
            judged(result, [])
        self._told(result, began)

    def _told(self, result: Result, began: float) -> None:
        result.seconds = round(time.monotonic() - began, 1)
        self.results.append(result)
        for line in result.why:
            self.say(f"     ! {line}")
        which = f"{result.scenario.name} " if result.scenario.apart else ""
        self.say(f"     {which}{result.verdict.upper()} in {result.seconds:.0f} s {result.figures or ''}")

    async def _count(self) -> list[Finding]:
        """Heal, let people finish, drain, and compare."""
        trial, found = self.trial, list[Finding]()
        trial.crowd.busy.clear()
        try:
            await healed(self.cluster)
            patience = PATIENCE if trial.sound else BROKEN_PATIENCE
            trial.figures["drained_in"] = round(await drained(self.cluster, trial, within=patience), 1)
            await self.observer.settled()
        except (Stuck, EngineError) as stuck:
            found = [Finding("drain", str(stuck))]
        try:
            return found + findings(await self._evidence())
        except (Stuck, TimeoutError) as stuck:
            return [*found, Finding("evidence", f"{type(stuck).__name__}: {stuck}")]

    async def _evidence(self) -> Any:
        seen = await gather(self.cluster, list(self.journal))
        seen.declared, seen.orderly = frozenset(self.trial.declared), self.trial.orderly
        seen.skipped -= self.trial.skipped
        seen.shown = await shown(self.trial, seen)
        self.trial.figures |= {"commands": len(seen.commands), "events": len(seen.log)}
        self.count = seen.count()
        return seen


async def _tried(scenario: Scenario, trial: Trial, result: Result) -> None:
    """Runs it; what it raises is why it has not passed."""
    try:
        await scenario.run(trial)
    except NotRun as missing:
        result.verdict, result.why = "not run", [str(missing)]
    except (Stuck, Toothless, Wrong, EngineError) as wrong:
        result.why = [f"{type(wrong).__name__}: {wrong}"]
    except Exception as bug:  # noqa: BLE001  # the others are still run; one that breaks has not passed
        traceback.print_exc()
        result.why = [f"the trial itself broke: {bug!r}"]


def judged(result: Result, found: Sequence[Finding]) -> None:
    """Sets the verdict of a trial that was run. Of a broken variant the checker must find what is broken."""
    if not result.scenario.catches or result.why:
        result.why += [str(finding) for finding in found]
        result.verdict = "failed" if result.why else "passed"
        return
    caught = sorted({finding.promise for finding in found} & result.scenario.catches)
    result.figures["caught by"] = ", ".join(caught) or "nothing"
    result.figures["which says"] = next((str(f) for f in found if f.promise in caught), "")
    result.verdict = "passed" if caught else "failed"
    result.why = [] if caught else [f"not caught; found {[str(f) for f in found]}"]


async def run(
    chosen: Sequence[Scenario], told: argparse.Namespace, seed: int, out: Path
) -> tuple[list[Result], dict[str, Any]]:
    """On a platform of its own: what came of each, and the commands and the timeline of all."""
    say = Voice()
    ended = time.monotonic() + told.minutes * 60 if told.minutes else None
    chance = random.Random(seed)
    async with AsyncExitStack() as stack:
        home = stack.enter_context(workplace())
        stack.callback(_keep_logs, home, out)
        if not disks(home):
            say("no small disks may be mounted here: full disks are not run")
        try:
            running = await stack.enter_async_context(cluster(home, scale=told.scale, note=say))
        except Exception as broken:  # noqa: BLE001  # whatever it was: nothing was shown to hold
            why = f"the platform did not start: {type(broken).__name__}: {broken}"
            say(f"     ! {why}")
            results = [Result(scenario, "failed", 0, [why]) for scenario in chosen]
            write(out, seed=seed, told=vars(told), results=results)
            return results, {}
        journal = Journal(out / "journal.jsonl")
        observer = Observer(running, journal)
        looking = asyncio.create_task(observer.run())
        stack.push_async_callback(observer.close)
        stack.callback(looking.cancel)
        working = await stack.enter_async_context(
            crowd(running, journal, seed, PEOPLE, persons=told.persons, rate=told.rate)
        )
        trial = Trial(running, working, observer, chance)
        this = Run(running, journal, observer, trial, say)
        await asyncio.sleep(WARM_UP)
        here = [scenario for scenario in chosen if not scenario.apart]
        sound = [scenario for scenario in here if not scenario.catches]
        try:
            async with asyncio.TaskGroup() as apart:
                for scenario in chosen:
                    if scenario.apart:
                        apart.create_task(this.beside(scenario))
                for scenario in here:
                    await this.attempt(scenario)
                while ended and sound and time.monotonic() < ended:
                    await this.attempt(chance.choice(sound))
        finally:
            counts = {str(outcome): count for outcome, count in journal.counts().items()}
            more = observer.as_json() | {"commands": counts, "count": this.count}
            write(out, seed=seed, told=vars(told), results=this.results, more=more)
        say(f"commands: {counts}; the report is {out / 'report.html'}")
        return this.results, more


def _keep_logs(home: Path, out: Path) -> None:
    (out / "log").mkdir(exist_ok=True)
    for log in sorted((home / "log").glob("*.log")):
        (out / "log" / log.name).write_bytes(log.read_bytes()[-2_000_000:])


def main() -> None:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--set", default=DEFAULT, help="default, ci, scale, mutants, or all")
    parser.add_argument("--fault", default="", help="scenarios by name, separated by commas")
    parser.add_argument("--seed", default=str(SEED), help="a number, or random")
    parser.add_argument("--minutes", type=float, default=0, help="go on by chance until so many are over")
    parser.add_argument("--scale", type=float, help="of waits and amounts; 1, in a set less")
    parser.add_argument("--persons", type=int, default=6)
    parser.add_argument("--rate", type=float, help="commands a second; 20, in the set ci half")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--list", action="store_true")
    told = parser.parse_args()
    told.scale = told.scale or (1.0 if told.fault else SCALES.get(told.set, 1.0))
    told.rate = told.rate or (10.0 if told.set == CI else 20.0)
    known = scenarios()
    if told.list:
        for scenario in known:
            sets = ", ".join(sorted(scenario.sets))
            tell(f"{scenario.number:>3} {scenario.name:<28} {scenario.what} [{sets}]")
        return
    chosen = [s for s in known if s.name in told.fault.split(",")] if told.fault else known
    if not told.fault and told.set != "all":
        chosen = [s for s in known if told.set in s.sets]
    if not chosen:
        sys.exit(f"error: no scenario {told.fault or told.set!r}: python -m tests.faults --list")
    seed = secrets.randbelow(10**8) if told.seed == "random" else int(told.seed)
    tell(f"Jamaa under faults: {len(chosen)} scenarios, seed {seed}, scale {told.scale}")
    # What a broken variant leaves behind nobody can heal: it comes last, or has a platform of its own.
    broken = [scenario for scenario in chosen if scenario.catches]
    groups = [[s for s in chosen if not s.catches] + broken[:1], *([scenario] for scenario in broken[1:])]
    began = time.monotonic()
    results: list[Result] = []
    timeline: dict[str, Any] = {}
    for number, group in enumerate(filter(None, groups)):
        out = told.out / group[0].name if number else told.out
        out.mkdir(parents=True, exist_ok=True)
        found, more = lived(run(group, told, seed, out))
        results += found
        timeline = timeline or more
    if len(groups) > 1:  # the others have a report and a timeline of their own; this one has all results
        write(told.out, seed=seed, told=vars(told), results=results, more=timeline)
    counts = {v: sum(r.verdict == v for r in results) for v in ("passed", "failed", "not run")}
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    # How long it took says little without what else the machine did.
    took = f"{minutes} min {seconds} s, load {os.getloadavg()[2]:.0f} on {os.cpu_count()} cores"
    tell("  ".join(f"{count} {verdict}" for verdict, count in counts.items()) + f"  ({took})")
    sys.exit(1 if counts["failed"] else 0)
