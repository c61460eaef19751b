"""What happens meanwhile, second by second: commands, events, what waits, each process's counters."""

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import asyncpg
import httpx

from tests.faults.cluster import Cluster
from tests.faults.journal import Journal, Outcome

EVERY: Final = 1.0
METRIC: Final = re.compile(r"^(jamaa_\w+_total)(?:\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)
POSITIONS: Final = "SELECT last_value FROM msg.event_pos"
PENDING: Final = "SELECT count(*) FROM (SELECT FROM msg.outbox_pending LIMIT 20000) AS p"
APPLIED: Final = "SELECT last_value FROM witness.trace_n_seq"


@dataclass(slots=True)
class Sample:
    """`at` is seconds since the start; None where the database did not answer. `lag` is what was announced
    and the witness has not applied.
    """

    at: float
    ok: int
    failed: int
    unknown: int
    events: int | None = None
    pending: int | None = None
    lag: int | None = None


@dataclass(slots=True)
class Interval:
    what: str
    scenario: int
    began: float
    ended: float | None = None


@dataclass(slots=True)
class Observer:
    """Runs beside everything. Its own failures are gaps in the timeline, not failures of the trial."""

    cluster: Cluster
    journal: Journal
    samples: list[Sample] = field(default_factory=list)
    intervals: list[Interval] = field(default_factory=list)
    scenario: int = 0
    """The number of the one that runs."""
    _began: float = field(default_factory=time.monotonic)
    _seen: dict[tuple[str, int], Counter[str]] = field(default_factory=dict)
    _base: Counter[str] = field(default_factory=Counter)
    _skipped: int = 0
    """Positions that were drawn and not used: a crash skips some, a rollback one."""
    _sessions: dict[str, asyncpg.Connection] = field(default_factory=dict)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def now(self) -> float:
        return round(time.monotonic() - self._began, 1)

    @contextlib.contextmanager
    def interval(self, what: str) -> Iterator[None]:
        interval = Interval(what, self.scenario, self.now)
        self.intervals.append(interval)
        try:
            yield
        finally:
            interval.ended = self.now

    async def run(self) -> None:
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
            while True:
                began = time.monotonic()
                sample, _ = await asyncio.gather(self._sample(), self._scrape(client))
                self.samples.append(sample)
                await asyncio.sleep(max(0.1, EVERY - (time.monotonic() - began)))

    async def settled(self) -> None:
        """Everything is applied: what the sequences differ by now are positions that no event has."""
        self._skipped += (await self._sample()).lag or 0

    async def close(self) -> None:
        for session in self._sessions.values():
            session.terminate()

    async def _sample(self) -> Sample:
        counts = self.journal.counts()
        sample = Sample(self.now, *(counts[o] for o in (Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN)))
        with contextlib.suppress(Exception):  # an outage: the gap in the timeline says so
            async with asyncio.timeout(2), self._asking:
                rokhas, deadlines = (
                    await self._ask("rokhas", POSITIONS),
                    await self._ask("deadlines", POSITIONS),
                )
                pending = await self._ask("rokhas", PENDING) + await self._ask("deadlines", PENDING)
                applied = await self._ask("witness", APPLIED)
                sample.events, sample.pending = rokhas + deadlines, pending
                sample.lag = max(0, rokhas + deadlines - applied - self._skipped)
        return sample

    async def _ask(self, service: str, statement: str) -> int:
        session = self._sessions.get(service)
        if session is None or session.is_closed():
            session = self._sessions[service] = await self.cluster.postgres.connect(f"jamaa_{service}")
        try:
            return int(await session.fetchval(statement))
        except BaseException:
            session.terminate()
            raise

    async def _scrape(self, client: httpx.AsyncClient) -> None:
        for process in [*self.cluster.processes.values()]:
            if not process.running:
                continue
            with contextlib.suppress(httpx.HTTPError):
                text = (await client.get(f"{process.url}/metrics")).text
                totals: Counter[str] = Counter()
                for name, value in METRIC.findall(text):
                    totals[name] += int(float(value))
                self._seen[process.label, process.pid] = totals

    def counter(self, name: str) -> int:
        """The sum of a counter over every process that ever ran, as last seen before each ended."""
        return sum(totals[name] for totals in self._seen.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "samples": [asdict(sample) for sample in self.samples],
            "faults": [asdict(interval) for interval in self.intervals],
        }
