"""Telling people: the notification port.

A consumer writes the notice in its own transaction; the sender hands it to a provider at least once, with
the notice's identifier as the provider's idempotency key. The recipient is an opaque reference: whoever
sends SMS or e-mail knows the address behind it, this platform's services do not.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import UUID

import httpx
import structlog
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import SQLAlchemyError

from shared import trace
from shared.db import Database, Tx

log = structlog.get_logger()

RETRY: Final = (1, 10, 60, 600, 3600)  # seconds before each new try; the last one for ever

WRITE = text("""
    INSERT INTO msg.notice (event_id, recipient, about, kind, content, created_at, origin)
    VALUES (:event_id, :recipient, :about, :kind, CAST(:content AS jsonb), :created_at,
      CAST(:origin AS jsonb))
    ON CONFLICT DO NOTHING""")
UNSENT = text("""
    SELECT id, number, recipient, about, kind, content, created_at, origin FROM msg.notice
    WHERE sent_at IS NULL AND next_try <= clock_timestamp() ORDER BY next_try LIMIT 100""").columns(
    content=JSONB, origin=JSONB
)
SENT = text("UPDATE msg.notice SET sent_at = clock_timestamp() WHERE id = ANY(:ids)")
FAILED = text("""
    UPDATE msg.notice SET attempts = attempts + 1, last_error = :error, next_try = clock_timestamp()
      + make_interval(secs => (CAST(:retry AS float[]))[least(attempts + 1, :most)])
    WHERE id = :id""")
SPACE = text("""
    SELECT id, number, recipient, about, kind, content, created_at FROM msg.notice
    WHERE recipient = :recipient AND (CAST(:after AS bigint) IS NULL OR number < :after)
    ORDER BY number DESC LIMIT :limit""").columns(content=JSONB)


@dataclass(frozen=True, slots=True)
class Notice:
    """`content` is {"ar", "fr"} with a title, a text and at most one action; `about` the aggregate's id;
    `number` orders the notices of a service.
    """

    id: UUID
    number: int
    recipient: str
    about: str
    kind: str
    content: Mapping[str, Any]
    created_at: datetime
    origin: Mapping[str, str] = field(default_factory=dict)


class Provider(Protocol):
    async def send(self, notice: Notice) -> None:
        """Raises OSError, or httpx.HTTPError, when the notice must be sent again."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The development adapter: a file of JSON lines that one can read."""

    path: Path

    async def send(self, notice: Notice) -> None:
        line = json.dumps(_told(notice), ensure_ascii=False, default=str)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A provider's gateway by HTTP: `Idempotency-Key` is the notice's identifier."""

    url: str

    async def send(self, notice: Notice) -> None:
        own = {"Idempotency-Key": str(notice.id), "Content-Type": "application/json"}
        content = json.dumps(_told(notice), ensure_ascii=False, default=str).encode()
        with trace.outgoing("POST", self.url, notice.origin) as followed:
            async with httpx.AsyncClient(timeout=10) as client:
                answer = await client.post(self.url, content=content, headers=own | followed)
            answer.raise_for_status()


def _told(notice: Notice) -> dict[str, Any]:
    """Without where it comes from: that is not the recipient's concern."""
    return {name: value for name, value in asdict(notice).items() if name != "origin"}


def provider_at(url: str) -> Provider:
    """`file:///path` for the development adapter, `https://…` for a provider's gateway."""
    parts = urlsplit(url)
    return Mailbox(Path(url2pathname(parts.path))) if parts.scheme == "file" else Webhook(url)


async def notify(
    tx: Tx, *, event_id: UUID, recipient: str, about: UUID | str, kind: str, content: Mapping[str, Any]
) -> None:
    """To be sent after this transaction commits; once per event and recipient, however often it is called."""
    await notify_all(tx, event_id=event_id, about=about, kind=kind, contents={recipient: content})


async def notify_all(
    tx: Tx, *, event_id: UUID, about: UUID | str, kind: str, contents: Mapping[str, Mapping[str, Any]]
) -> None:
    """The same to many, by recipient, in one round trip."""
    origin = {"traceparent": tx.traceparent, "correlation_id": tx.correlation_id}
    told = json.dumps({name: value for name, value in origin.items() if value})
    same = {"event_id": event_id, "about": str(about), "kind": kind, "created_at": tx.now, "origin": told}
    said = {recipient: json.dumps(content, ensure_ascii=False) for recipient, content in contents.items()}
    await tx.execute(WRITE, [same | {"recipient": who, "content": what} for who, what in said.items()])


async def space(tx: Tx, recipient: str, *, after: int | None, limit: int) -> list[Notice]:
    """What one person was told, the newest first."""
    rows = await tx.execute(SPACE, {"recipient": recipient, "after": after, "limit": limit})
    return [Notice(*row) for row in rows]


async def send_notices(database: Database, provider: Provider) -> None:
    """Runs until cancelled. No transaction is open while the provider is asked."""
    while True:
        try:
            if await send_once(database, provider):
                continue
        except SQLAlchemyError as error:
            log.warning("notify.database_unavailable", error=type(error).__name__)
        await asyncio.sleep(0.5)


async def send_once(database: Database, provider: Provider) -> int:
    notices = [Notice(*row) for row in await database.look(UNSENT)]
    sent: list[UUID] = []
    failed: dict[UUID, str] = {}
    for notice in notices:
        try:
            await provider.send(notice)
            sent.append(notice.id)
        except (OSError, httpx.HTTPError) as error:
            failed[notice.id] = type(error).__name__
            log.warning("notify.failed", notice=str(notice.id), error=type(error).__name__)
    if notices:
        async with database.transaction() as tx:
            await tx.execute(SENT, {"ids": sent})
            for one, reason in failed.items():
                await tx.execute(
                    FAILED, {"id": one, "error": reason, "retry": list(RETRY), "most": len(RETRY)}
                )
    return len(notices)
