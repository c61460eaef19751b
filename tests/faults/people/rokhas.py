"""Applicants who file, complete, withdraw and write; presidents who grant, refuse, or let the date pass."""

import asyncio
from collections import deque
from typing import Any, Final

from tests.faults.journal import Outcome
from tests.faults.load import Crowd, Pace

DOSSIERS: Final = "/v1/dossiers"
COMMUNES: Final = ("06.141.01.0", "06.461.01.15")
PROCEDURE: Final = "repair"
DOCUMENTS: Final = ("application_form", "ownership_certificate", "works_description")
REASON: Final = {"article": "loi 12-90, art. 43", "text": "Recul insuffisant."}
PDF: Final = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"

_waiting: deque[tuple[str, str]] = deque(maxlen=2000)
"""Files that an officer may decide: id and commune."""


async def applicants(crowd: Crowd, number: int, pace: Pace) -> None:
    """One person, one file after the other."""
    me, commune = f"citizen{number}", COMMUNES[number % len(COMMUNES)]
    digest = await _upload(crowd, me, pace)
    while True:
        await _file(crowd, me, commune, digest, pace)


async def _upload(crowd: Crowd, me: str, pace: Pace) -> str:
    while True:
        await pace.wait()
        answer = await crowd.client.post(
            crowd.url("rokhas", "/v1/files"),
            files={"file": ("document.pdf", PDF, "application/pdf")},
            headers={**crowd.headers(me), "Idempotency-Key": f"upload-{me}"},
        )
        if answer.status_code < 300:
            digest: str = answer.json()["sha256"]
            return digest
        await asyncio.sleep(1)


async def _file(crowd: Crowd, me: str, commune: str, digest: str, pace: Pace) -> None:
    async def do(what: str, path: str, body: dict[str, Any], subject: str | None = None) -> Any:
        await pace.wait()
        command, answer = await crowd.do("rokhas", "dossier", what, me, path, body, subject=subject)
        if command.outcome is Outcome.OK and subject is None:
            command.subject = answer["id"]
        return answer

    draft = {"procedure": PROCEDURE, "collectivity": commune, "site": f"Lot {crowd.chance.randint(1, 999)}"}
    drafted = await do("draft", DOSSIERS, draft)
    if drafted is None:
        return
    file, chance = drafted["id"], crowd.chance
    documents = DOCUMENTS if chance.random() < 0.9 else DOCUMENTS[:-1]
    for document in documents:
        if not await do(
            "attach", f"{DOSSIERS}/{file}/documents", {"document": document, "file": digest}, file
        ):
            return
    if not await do("submit", f"{DOSSIERS}/{file}/submission", {}, file):
        return
    if documents is DOCUMENTS:
        _waiting.append((file, commune))
    if chance.random() < 0.1:
        await do("withdraw", f"{DOSSIERS}/{file}/withdrawal", {}, file)


async def presidents(crowd: Crowd, number: int, pace: Pace) -> None:
    """Decides what waits, most of it; the rest is left to silence."""
    while True:
        await pace.wait()
        if not _waiting:
            await asyncio.sleep(0.2)
            continue
        file, commune = _waiting.popleft()
        choice = crowd.chance.random()
        if choice < 0.4:
            continue
        body: dict[str, Any] = {"outcome": "granted" if choice < 0.7 else "refused"}
        if body["outcome"] == "refused":
            body["reasons"] = [REASON]
        path = f"{DOSSIERS}/{file}/decision"
        command, _ = await crowd.do(
            "rokhas", "dossier", "decide", f"president{number}", path, body, subject=file, commune=commune
        )
        if command.code == "clock_unknown":
            _waiting.append((file, commune))


PEOPLE: Final = (applicants, presidents)
