"""The window and the register behind it: extracts are asked for, margins noted, officers look."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx

from tests.faults.cluster import Stuck
from tests.faults.load import Crowd
from tests.faults.people.rokhas import COMMUNES

COMMUNE: Final = COMMUNES[0]
OFFICE: Final = f"{COMMUNE}-01"
REQUESTS: Final = "/v1/requests"
LETTERS: Final = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
MOTHER: Final = {"given": {"ar": "فاطمة", "latin": "Fatima"}}
AT_ONCE: Final = 6
PATIENCE: Final = 120.0  # seconds for one answer, across restarts of whoever answers
PROOF: Final = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """An act as whoever asks for it knows it."""

    id: str
    given: str
    year: int
    number: int


@dataclass(slots=True)
class Window:
    """People at both services. `asked` are the requests so far: id, and the act that each is of."""

    crowd: Crowd
    asked: dict[str, str] = field(default_factory=dict)
    late: int = 0
    """Steps of officers that came after somebody else's."""

    async def acts(self, amount: int) -> list[Drawn]:
        """Drawn up by judgment, of children whose names are nobody else's."""

        async def one(number: int) -> Drawn:
            given = "".join(self.crowd.chance.choice(LETTERS) for _ in range(8))
            born = {"on": {"on": f"2025-{1 + number % 12:02}-{1 + number % 28:02}"}, "place": "الدار البيضاء"}
            subject = {"given": {"ar": given}, "family": {"ar": "العلمي", "latin": "Alami"}, "sex": "male"}
            blocks = {"event": born, "subject": subject, "mother": MOTHER}
            body = {"kind": "birth", "office": OFFICE, "judgment": "TPI 12/2026", "blocks": blocks}
            command, act = await self.crowd.do(
                *("civil_status", "act", "register", "civil_status_officer", "/v1/acts", body),
                commune=COMMUNE,
            )
            if act is None:
                raise Stuck(f"an act was not drawn up: {command.status} {command.code}")
            return Drawn(id=act["id"], given=given, year=act["year"], number=act["number"])

        return await _by_few([one(number) for number in range(amount)])

    async def ask(self, acts: Sequence[Drawn], *, counter: bool) -> list[str]:
        """An extract of each: at a counter, which is issued by itself, or at the portal, which an officer
        looks at. The requests' ids.
        """
        first = len(self.asked)
        return await _by_few([self._ask(first + n, act, counter=counter) for n, act in enumerate(acts)])

    async def _ask(self, number: int, act: Drawn, *, counter: bool) -> str:
        who = "agent" if counter else f"citizen{7000 + number}"
        body: dict[str, Any] = {
            "document": "birth_extract",
            "office": OFFICE,
            "capacity": "self",
            "delivery": "download",
            "act": {"given": act.given, "office": OFFICE, "year": act.year, "number": act.number},
        }
        if counter:
            body["counter"] = {"identity": "national_card"}
        else:
            file = {"file": ("card.pdf", PROOF, "application/pdf")}
            stored = await self._insisted("/v1/files", who, files=file)
            body["proofs"] = {"identity": stored["sha256"]}
        made = await self._insisted(REQUESTS, who, json=body)
        self.asked[made["id"]] = act.id
        return str(made["id"])

    async def _insisted(self, path: str, who: str, **sent: Any) -> Any:
        """The same with the same key until somebody answers. It makes two events at once, so that the journal
        of commands, which expects one of each, does not have it.
        """
        headers = {**self.crowd.headers(who, COMMUNE), "Idempotency-Key": uuid4().hex}
        async with asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    url = self.crowd.url("watiqa", path)
                    answer = await self.crowd.client.post(url, headers=headers, **sent)
                    if answer.status_code < 300:
                        return answer.json()
                    if answer.status_code < 500 and answer.status_code != 429:
                        raise Stuck(f"{path} was answered {answer.status_code}: {answer.text[:300]}")
                await asyncio.sleep(0.5)

    async def note(self, acts: Sequence[Drawn]) -> None:
        """A marriage in the margin of each."""
        for act in acts:
            body = {"kind": "marriage", "reference": "12/2026", "on": "2026-01-05", "spouse": MOTHER}
            path, officer = f"/v1/acts/{act.id}/mentions", "civil_status_officer"
            async with asyncio.timeout(PATIENCE):
                # Nobody there: again. A failure of which nobody knows the end is left so.
                while not await self._step("civil_status", "act", "note", officer, path, body, act.id):
                    pass  # who meets nobody waits half a second (load.py)

    async def control(self) -> None:
        """Two officers decide on what waits, each on every request and both at once, until cancelled. One of
        them refuses now and then.
        """
        while True:
            await asyncio.sleep(0.3)
            with contextlib.suppress(httpx.HTTPError, KeyError):
                me = "civil_status_officer1"
                path = f"{REQUESTS}?state=under_control&limit=200"
                answer = await self.crowd.get("watiqa", path, me, COMMUNE)
                for request in [one["id"] for one in answer.json()["items"] if one["id"] in self.asked]:
                    await asyncio.gather(self._decide(request, 1, 0), self._decide(request, 2, 0.3))

    async def _decide(self, request: str, officer: int, refusals: float) -> None:
        refuses = self.crowd.chance.random() < refusals
        step, body = ("refusal", {"ground": "not_entitled"}) if refuses else ("approval", {})
        path = f"{REQUESTS}/{request}/{step}"
        status = await self._step(
            "watiqa", "request", step, f"civil_status_officer{officer}", path, body, request
        )
        self.late += status == 409

    async def _step(
        self,
        service: str,
        aggregate: str,
        what: str,
        by: str,
        path: str,
        body: dict[str, Any],
        subject: str,
    ) -> int:
        """The status of the answer; 0 when there was none."""
        command, _ = await self.crowd.do(
            service, aggregate, what, by, path, body, subject=subject, commune=COMMUNE
        )
        return command.status


async def _by_few(work: Sequence[Any]) -> list[Any]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(task: Any) -> Any:
        async with gate:
            return await task

    return list(await asyncio.gather(*(one(task) for task in work)))
