"""Citizens and officers at work over HTTP while things break around them.

A service joins by a module below `tests/faults/people`, with a function of the same shape as `rokhas`'s.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import httpx

from tests.faults.cluster import Cluster
from tests.faults.journal import Command, Journal, Outcome

LIFETIME: Final = timedelta(days=4)  # of a token: a process whose clock is a day off must take it
PATIENCE: Final = httpx.Timeout(15.0, connect=2.0)
AT_ONCE: Final = 16
RETRIED: Final = 0.5  # the share of unknown commands that somebody sends again; the others stay unknown


@dataclass(slots=True)
class Crowd:
    """Whoever sends commands: one client, one journal, one source of chance."""

    cluster: Cluster
    journal: Journal
    client: httpx.AsyncClient
    chance: random.Random
    busy: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while people work; cleared, they finish what they are doing and wait."""
    under_way: int = 0
    """Commands whose end nobody knows yet."""
    _headers: dict[tuple[str, str | None], dict[str, str]] = field(default_factory=dict)

    def headers(self, persona: str, commune: str | None = None) -> dict[str, str]:
        if (persona, commune) not in self._headers:
            token = self.cluster.stage.issuer.token(persona, commune=commune, lifetime=LIFETIME)
            self._headers[persona, commune] = {"Authorization": f"Bearer {token}"}
        return self._headers[persona, commune]

    def url(self, service: str, path: str) -> str:
        """Any process of the service that is there may answer."""
        known = [p for p in self.cluster.processes.values() if p.name == service and p.running]
        chosen = self.chance.choice(known) if known else self.cluster.processes[service]
        return f"{chosen.url}{path}"

    async def do(
        self,
        service: str,
        aggregate: str,
        what: str,
        by: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        subject: str | None = None,
        commune: str | None = None,
    ) -> tuple[Command, Any]:
        """One command, and perhaps again with the same key when nobody knows how it ended."""
        command = Command(
            service=service,
            aggregate=aggregate,
            what=what,
            by=by,
            path=path,
            body=body or {},
            subject=subject,
        )
        headers = self.headers(by, commune)
        self.under_way += 1
        try:
            answer = await self.journal.send(self.client, self.url(service, path), headers, command)
            while command.outcome is Outcome.UNKNOWN and command.tries < 8 and self.chance.random() < RETRIED:
                await asyncio.sleep(self.chance.uniform(0.5, 3.0))
                answer = await self.journal.send(self.client, self.url(service, path), headers, command)
        finally:
            self.under_way -= 1
        if command.outcome is Outcome.FAILED and not command.status:
            await asyncio.sleep(0.5)  # nobody there: people look again a little later
        return command, answer

    async def get(self, service: str, path: str, by: str, commune: str | None = None) -> httpx.Response:
        return await self.client.get(self.url(service, path), headers=self.headers(by, commune))

    async def each(self, subjects: Sequence[str], do: Callable[[int, str], Awaitable[None]]) -> float:
        """`AT_ONCE` persons do it to each of them, in any order; returns how many a second."""
        waiting = self.chance.sample(subjects, len(subjects))
        began = time.monotonic()

        async def person(number: int) -> None:
            while waiting:
                await do(number, waiting.pop())

        await asyncio.gather(*(person(number) for number in range(1, AT_ONCE + 1)))
        return len(subjects) / max(time.monotonic() - began, 0.001)


People = Callable[[Crowd, int, "Pace"], Awaitable[None]]
"""Works until cancelled; the number tells persons apart."""


@dataclass(slots=True)
class Pace:
    """So many commands a second in all, whoever sends them."""

    per_second: float
    crowd: Crowd
    _next: float = 0.0

    async def wait(self) -> None:
        """Until it is our turn; while the crowd rests, until it works again."""
        loop = asyncio.get_running_loop()
        await self.crowd.busy.wait()
        now = loop.time()
        self._next = max(now, self._next) + 1 / self.per_second
        await asyncio.sleep(self._next - now)
        await self.crowd.busy.wait()


@asynccontextmanager
async def crowd(
    cluster: Cluster, journal: Journal, seed: int, people: Sequence[People], *, persons: int, rate: float
) -> AsyncIterator[Crowd]:
    """People at work while the block runs."""
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client:
        working = Crowd(cluster, journal, client, random.Random(seed))
        working.busy.set()
        pace = Pace(rate, working)
        tasks = [
            asyncio.create_task(_kept(one, working, number, pace))
            for number in range(1, persons + 1)
            for one in people
        ]
        try:
            yield working
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _kept(person: People, working: Crowd, number: int, pace: Pace) -> None:
    """Reads that fail are no news in a fault test; people begin again."""
    while True:
        with contextlib.suppress(httpx.HTTPError):
            await person(working, number, pace)
        await asyncio.sleep(0.5)
