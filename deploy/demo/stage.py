"""A running platform as people meet it: HTTP with somebody's token, and legal time that may be moved.

Used by the demonstration and by the journeys of `tests/journeys`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import uuid4

import httpx

from deploy.issuer import Issuer
from deploy.operator import clock

AT_ONCE: Final = 8  # requests under way: more only queue in front of the same two cores
PATIENCE: Final = 120.0  # seconds for what services do among themselves
TRIES: Final = 60  # of a request that is told «the date is being computed, try again»

A = TypeVar("A")
B = TypeVar("B")


class StepFailed(Exception):
    """What was done, what was expected of it, and what was seen instead."""

    def __init__(self, what: str, expected: object, seen: object) -> None:
        super().__init__(f"{what}: expected {expected}, saw {seen}")
        self.what, self.expected, self.seen = what, expected, seen


def expect(what: str, seen: object, expected: object) -> None:
    """Raises StepFailed unless both are equal."""
    if seen != expected:
        raise StepFailed(what, expected, seen)


async def until(what: str, look: Callable[[], Awaitable[A]], expected: A, *, within: float = PATIENCE) -> A:
    """Looks until it sees `expected`, less and less often. Raises StepFailed with the last thing seen."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    pause = 0.1
    while (seen := await look()) != expected:
        if loop.time() > deadline:
            raise StepFailed(f"{what}, within {within:.0f} s", expected, seen)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 1.0)
    return seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`body` is parsed when it is JSON, bytes otherwise."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass(slots=True)
class Stage:
    """`variables` are those of a running development platform."""

    variables: Mapping[str, str]
    client: httpx.AsyncClient
    issuer: Issuer
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    requests: int = 0

    def url(self, path: str) -> str:
        """Where a path such as `/rokhas/v1/dossiers` is answered, services together or apart."""
        _, service, rest = path.split("/", 2)
        return f"{self.variables[f'JAMAA_{service.upper()}_URL']}/{rest}"

    def person(self, persona: str, commune: str | None = None) -> "Person":
        """A persona of the development issuer (`citizen7`); an officer of `commune`, the governor over it."""
        return Person(
            self, persona, {"Authorization": f"Bearer {self.issuer.token(persona, commune=commune)}"}
        )

    @property
    def anybody(self) -> "Person":
        """Somebody without a token."""
        return Person(self, "anybody", {})

    async def legal_now(self) -> datetime:
        return await clock.legal_now(self.variables)

    async def advance(self, to: datetime) -> datetime:
        """Moves legal time forward to `to`, in every service. Returns the legal instant afterwards."""
        return await clock.move_to(self.variables, to)

    async def all(self, work: Iterable[Coroutine[Any, Any, A]], done: Callable[[], object] = int) -> list[A]:
        """Runs everything side by side, calling `done` after each; the first failure ends the others and is
        raised.
        """

        async def one(task: Coroutine[Any, Any, A]) -> A:
            result = await task
            done()
            return result

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(task)) for task in work]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        return [task.result() for task in tasks]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who calls the platform. Methods raise StepFailed for an answer that was not expected."""

    stage: Stage
    name: str
    headers: dict[str, str]

    async def get(self, path: str, **query: Any) -> Any:
        return self._fine("GET", path, await self._send("GET", path, params=query))

    async def every(self, path: str, **query: Any) -> AsyncIterator[Any]:
        """The items of a list, page after page."""
        cursor: dict[str, Any] = {}
        while True:
            page = await self.get(path, limit=200, **query, **cursor)
            for item in page["items"]:
                yield item
            if page["next"] is None:
                return
            cursor = {"cursor": page["next"]}

    async def post(
        self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None, **query: Any
    ) -> Any:
        """With a fresh `Idempotency-Key` unless one is given; repeated while the date is being computed."""
        return self._fine("POST", path, await self.attempt(path, body, key=key, **query))

    async def attempt(
        self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None, **query: Any
    ) -> Answer:
        """The same, whatever the answer is."""
        headers = {"Idempotency-Key": key or str(uuid4())}
        for _ in range(TRIES):
            answer = await self._send("POST", path, json=body or {}, params=query, headers=headers)
            if not (answer.status == 409 and answer.body.get("code") == "clock_unknown"):
                break
            await asyncio.sleep(0.25)
        return answer

    async def refused(self, path: str, body: Mapping[str, Any] | None, status: int, code: str) -> Any:
        """The problem that the request is answered with."""
        answer = await self.attempt(path, body)
        seen = (answer.status, answer.body.get("code") if isinstance(answer.body, dict) else answer.body)
        expect(f"POST {path} by {self.name}", seen, (status, code))
        return answer.body

    async def upload(self, path: str, name: str, content: bytes, media_type: str, **query: Any) -> Any:
        answer = await self._send(
            "POST",
            path,
            files={"file": (name, content, media_type)},
            params=query,
            headers={"Idempotency-Key": str(uuid4())},
        )
        return self._fine("POST", path, answer)

    async def _send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **sent: Any
    ) -> Answer:
        async with self.stage.gate:
            self.stage.requests += 1
            try:
                answer = await self.stage.client.request(
                    method, self.stage.url(path), headers=self.headers | dict(headers or {}), **sent
                )
            except httpx.TransportError as error:
                raise StepFailed(f"{method} {path} by {self.name}", "an answer", repr(error)) from error
        kind = answer.headers.get("content-type", "")
        body = answer.json() if "json" in kind else answer.content
        return Answer(status=answer.status_code, body=body, headers=answer.headers)

    def _fine(self, method: str, path: str, answer: Answer) -> Any:
        if answer.status >= 300:
            raise StepFailed(f"{method} {path} by {self.name}", "success", f"{answer.status} {answer.body}")
        return answer.body


@asynccontextmanager
async def stage(variables: Mapping[str, str]) -> AsyncIterator[Stage]:
    """Raises NotDevelopment for a platform that is not a development one."""
    issuer = Issuer(Path(variables["JAMAA_HOME"]), variables["JAMAA_PROFILE"], variables["JAMAA_ISSUER"])
    async with httpx.AsyncClient(
        timeout=httpx.Timeout(60.0), limits=httpx.Limits(max_connections=AT_ONCE), trust_env=False
    ) as client:
        yield Stage(variables, client, issuer)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def pdf(text: str) -> bytes:
    """A small but whole PDF document of one page, whose only line is `text` (ASCII)."""
    line = f"BT /F1 14 Tf 72 770 Td ({text}) Tj ET".encode("ascii")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(line), line),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    return out + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
