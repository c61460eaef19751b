"""Services are killed in the middle of a burst and started again: nothing is lost, nothing happens twice."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest

from deploy.auditor import workers
from deploy.demo.stage import Person, StepFailed, pdf, until
from deploy.operator import operate
from tests.journeys.conftest import Platform
from tests.journeys.people import DOSSIERS

pytestmark = pytest.mark.asyncio(loop_scope="session")

COMMUNE = "06.461.01.05"  # El Borouj: no other journey files here, so that its numbers can be counted
CITIZENS = 40
KILLS = {60: "rokhas", 130: "deadlines"}  # after so many requests of the burst
WHOLE = ["drafted", *["document_attached"] * 3, "submitted", "deadline_set"]


async def test_two_services_killed_in_a_burst_lose_and_repeat_nothing(running: Platform) -> None:
    on = running.stage
    citizens = [on.person(f"citizen{uuid4().int % 10**9}") for _ in range(CITIZENS)]
    burst = Burst(running)
    receipts = await on.all([burst.file(citizen) for citizen in citizens])

    async def restarted() -> bool:
        return all(any(name in said for said in running.restarts) for name in KILLS.values())

    await until("processes started again", restarted, expected=True)
    for citizen, (identifier, _) in zip(citizens, receipts, strict=True):
        assert [line["id"] async for line in citizen.every(DOSSIERS)] == [identifier]
    numbers = sorted(int(reference.rpartition("/")[2]) for _, reference in receipts)
    assert numbers == list(range(numbers[0], numbers[0] + CITIZENS)), "numbered without a gap"

    async def timed() -> int:
        instructor = on.person("instructor", COMMUNE)
        clocks = instructor.every("/deadlines/v1/clocks", commune=COMMUNE, rule="repair")
        return len([clock["aggregate_id"] async for clock in clocks])

    await until("decision clocks, one for each file", timed, CITIZENS)
    async with workers(on.variables) as databases:

        async def announced() -> list[list[str]]:
            logs = [
                await operate.events(databases["rokhas"], subject=identifier) for identifier, _ in receipts
            ]
            assert all([event.sequence for event in log] == [*range(1, len(log) + 1)] for log in logs)
            return [[event.type.split(".")[-2] for event in log] for log in logs]

        await until("the events of every file", announced, [WHOLE] * CITIZENS)


@dataclass(slots=True)
class Burst:
    """Portals that send the same request with the same key until somebody answers."""

    running: Platform
    sent: int = 0

    async def file(self, citizen: Person) -> tuple[str, str]:
        """The file's identifier and reference."""
        content = pdf(citizen.name)
        stored = await self._insist(
            lambda: citizen.upload("/rokhas/v1/files", "document.pdf", content, "application/pdf")
        )
        draft = await self._post(citizen, DOSSIERS, {"procedure": "repair", "collectivity": COMMUNE})
        path = f"{DOSSIERS}/{draft['id']}"
        for document in ("application_form", "ownership_certificate", "works_description"):
            sent = {"document": document, "file": stored["sha256"]}
            await self._post(citizen, f"{path}/documents", sent)
        receipt = await self._post(citizen, f"{path}/submission", {})
        return draft["id"], receipt["reference"]

    async def _post(self, citizen: Person, path: str, body: dict[str, str]) -> dict[str, str]:
        key = str(uuid4())
        return await self._insist(lambda: citizen.post(path, body, key=key))

    async def _insist(self, send: Callable[[], Awaitable[dict[str, str]]]) -> dict[str, str]:
        while True:
            self.sent += 1
            if service := KILLS.get(self.sent):
                os.kill(self.running.services[service].child.pid, signal.SIGKILL)
            try:
                return await send()
            except StepFailed as failed:
                if not (isinstance(failed.__cause__, httpx.TransportError) or str(failed.seen)[:3] == "503"):
                    raise
            await asyncio.sleep(0.2)
