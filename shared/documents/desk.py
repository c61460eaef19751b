"""From the transaction that gives rise to a document to the sealed file that people download."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid5

import structlog
from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import SQLAlchemyError

from shared.db import Database, Tx
from shared.documents.content import Content
from shared.documents.events import (
    DocumentIssued,
    DocumentRevoked,
    DocumentSuperseded,
    document_stream,
    event_of,
)
from shared.errors import Problem, Unavailable
from shared.files import PDF, Files, StoredFile, files_of
from shared.settings import Settings

log = structlog.get_logger(__name__)

RETRY: Final = (1, 10, 60, 600, 3600)  # seconds before each new try; the last one for ever
LEASE: Final = 60  # seconds in which one process seals what it took; then another one may
BATCH: Final = 10
SPACE: Final = UUID("6f6a9d5e-8f4a-5d54-9a55-5b1f0e0c7a11")
"""The namespace of documents' identifiers: the same order is the same document, however often it is given."""

ORDER = text("""
    INSERT INTO msg.document
      (id, about, collectivity, kind, content, ordered_at, expires_at, state_at, name, origin, next_try)
    VALUES (:id, :about, :collectivity, :kind, :content, :at, :expires_at, :at, :name,
      CAST(:origin AS jsonb), '-infinity')
    ON CONFLICT DO NOTHING""")
STANDING = text("""
    SELECT id, collectivity, kind, sha256 FROM msg.document
    WHERE about = :about AND (CAST(:kind AS text) IS NULL OR kind = :kind) AND state IN ('ordered', 'issued')
    ORDER BY id FOR UPDATE""")
END = text(
    "UPDATE msg.document SET state = :state, state_at = :at, reason = :reason, content = NULL WHERE id = :id"
)
TAKE = text("""
    UPDATE msg.document SET next_try = clock_timestamp() + make_interval(secs => :lease)
    WHERE id IN (SELECT id FROM msg.document WHERE state = 'ordered' AND next_try <= clock_timestamp()
      ORDER BY next_try, number LIMIT :batch FOR UPDATE SKIP LOCKED)
    RETURNING id, number, about, collectivity, kind, content, ordered_at, expires_at, name,
      origin""").columns(origin=JSONB)
ISSUE = text("""
    UPDATE msg.document SET state = 'issued', state_at = :at, sha256 = :sha256, size = :size, content = NULL,
      last_error = NULL WHERE id = :id AND state = 'ordered' RETURNING id""")
FAILED = text("""
    UPDATE msg.document SET attempts = attempts + 1, last_error = :error, next_try = clock_timestamp()
      + make_interval(secs => (CAST(:retry AS float[]))[least(attempts + 1, :most)])
    WHERE id = :id AND state = 'ordered'""")
COLUMNS: Final = "id, kind, state, state_at, reason, ordered_at AS issued_at, expires_at, sha256, size, name"
OF = text(f"""SELECT {COLUMNS} FROM msg.document
    WHERE about = :about AND state IN ('issued', 'superseded', 'revoked') AND sha256 IS NOT NULL
    ORDER BY number""")  # noqa: S608 -- a constant
ONE = text(f"SELECT {COLUMNS} FROM msg.document WHERE id = :id AND sha256 IS NOT NULL")  # noqa: S608 -- as above
WITHDRAWN = text("""
    SELECT id, state, state_at FROM msg.document
    WHERE state IN ('superseded', 'revoked') AND sha256 IS NOT NULL
      AND (expires_at IS NULL OR expires_at > msg.legal_now()) ORDER BY state_at""")


class Standing(StrEnum):
    """What became of a document that was issued."""

    ISSUED = "issued"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An issued document. `sha256` and `size` (bytes) are the sealed file's; `reason` is a code, empty while
    it stands.
    """

    id: UUID
    kind: str
    state: Standing
    state_at: datetime
    reason: str
    issued_at: datetime
    expires_at: datetime | None
    sha256: str
    size: int
    name: str

    @property
    def file(self) -> StoredFile:
        return StoredFile(sha256=self.sha256, size=self.size, media_type=PDF, name=self.name)


async def order(
    tx: Tx,
    *,
    about: UUID | str,
    collectivity: str,
    kind: str,
    cause: UUID | str,
    content: Content,
    expires_at: datetime | None = None,
) -> UUID:
    """A document on the aggregate `about`, to be sealed once this transaction commits; its identifier.

    `cause` tells one order from another of the same kind: an event's id, an instant. The same cause again
    orders nothing. Dated by `tx.now`. Raises Invalid for a content that cannot be printed.
    """
    document = uuid5(SPACE, f"{about}/{kind}/{cause}")
    await tx.execute(
        ORDER,
        {
            "id": document,
            "about": str(about),
            "collectivity": collectivity,
            "kind": kind,
            "content": content.canonical,
            "at": tx.now,
            "expires_at": expires_at,
            "name": f"{kind}-{document}.pdf",
            "origin": json.dumps(
                {
                    "correlation_id": tx.correlation_id,
                    "causation_id": tx.causation_id,
                    "traceparent": tx.traceparent,
                }
            ),
        },
    )
    return document


async def withdraw(
    tx: Tx,
    service: str,
    *,
    about: UUID | str,
    state: Standing,
    reason: str,
    kind: str | None = None,
) -> list[UUID]:
    """Everything of this kind, or of every kind, that still stands on `about` is superseded or revoked.

    What was not sealed yet never is. Returns the documents that people hold, each of which is announced.
    """
    what: type[DocumentRevoked | DocumentSuperseded] = (
        DocumentRevoked if state is Standing.REVOKED else DocumentSuperseded
    )
    held = []
    for row in (await tx.execute(STANDING, {"about": str(about), "kind": kind})).all():
        await tx.execute(END, {"id": row.id, "state": state, "at": tx.now, "reason": reason})
        if row.sha256 is None:
            continue
        held.append(row.id)
        event = event_of(service, what)(
            about=str(about), kind=row.kind, collectivity=row.collectivity, at=tx.now, reason=reason
        )
        await tx.emit(document_stream(service), row.id, row.collectivity, event)
    return held


async def issued(tx: Tx, about: UUID | str) -> list[Document]:
    """The sealed documents of an aggregate that the caller was allowed to load, the first one first."""
    return [_document(row) for row in await tx.execute(OF, {"about": str(about)})]


async def document(tx: Tx, id: UUID) -> Document | None:  # noqa: A002 -- its name
    row = (await tx.execute(ONE, {"id": id})).one_or_none()
    return None if row is None else _document(row)


async def withdrawn(tx: Tx) -> Sequence[Row[tuple[UUID, str, datetime]]]:
    """Every document that people hold and that no longer stands, until it would have expired anyway."""
    return (await tx.execute(WITHDRAWN)).all()


async def seal_documents(database: Database, settings: Settings) -> None:
    """The task of a service that issues documents: seals what is ordered. Runs until cancelled.

    Raises SettingsError when the service has no key: its task begins again, and says so each time.
    """
    from shared.documents.seal import sealer_of  # noqa: PLC0415 -- half a second of imports, for who seals

    sealer = await asyncio.to_thread(sealer_of, settings)
    files = files_of(settings)
    while True:
        try:
            if await seal_once(database, settings.service, sealer, files):
                continue
        except SQLAlchemyError as error:
            log.warning("documents.database_unavailable", error=type(error).__name__)
        await asyncio.sleep(0.5)


async def seal_once(database: Database, service: str, sealer: Any, files: Files) -> int:
    """Seals some of what is ordered; how many it took. No transaction is open while it works."""
    async with database.transaction() as tx:
        orders = (await tx.execute(TAKE, {"lease": LEASE, "batch": BATCH})).all()
    for one in sorted(orders, key=lambda row: int(row.number)):
        try:
            seal = partial(
                sealer.seal,
                Content.parse(one.content),
                id=one.id,
                service=service,
                kind=one.kind,
                issued_at=one.ordered_at,
                expires_at=one.expires_at,
            )
            sealed = await asyncio.to_thread(seal)
            stored = await files.put(sealed.pdf, name=one.name, content_type=PDF)
        except (Unavailable, OSError) as error:
            await _failed(database, one.id, error)
        except Exception as error:
            log.exception("documents.not_sealed", document=str(one.id))
            await _failed(database, one.id, error)
        else:
            await _issued(database, service, one, stored)
    return len(orders)


async def _issued(database: Database, service: str, one: Any, stored: StoredFile) -> None:
    """Announced once: who sealed the same order meanwhile finds it issued. Linked to what ordered it."""
    async with database.transaction(**one.origin) as tx:
        done = {"id": one.id, "at": tx.now, "sha256": stored.sha256, "size": stored.size}
        if (await tx.execute(ISSUE, done)).one_or_none() is None:
            return
        event = event_of(service, DocumentIssued)(
            about=one.about,
            kind=one.kind,
            collectivity=one.collectivity,
            file=stored.sha256,
            issued_at=one.ordered_at,
            expires_at=one.expires_at,
        )
        await tx.emit(document_stream(service), one.id, one.collectivity, event)


async def _failed(database: Database, document: UUID, error: Exception) -> None:
    reason = error.code if isinstance(error, Problem) else type(error).__name__
    log.warning("documents.failed", document=str(document), error=reason)
    async with database.transaction() as tx:
        retry = {"id": document, "error": reason, "retry": list(RETRY), "most": len(RETRY)}
        await tx.execute(FAILED, retry)


def _document(row: Row[Any]) -> Document:
    return Document(**{**row._mapping, "state": Standing(row.state)})  # noqa: SLF001 -- public, by its documentation
