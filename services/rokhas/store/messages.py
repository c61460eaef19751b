"""What applicants and officers write to each other on a file. It never leaves this table."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from shared.db import Tx

COLUMNS = "id, dossier, author, from_applicant, body, posted_at"
ADD = text(f"""
    INSERT INTO rokhas.message ({COLUMNS})
    VALUES (:id, :dossier, :author, :from_applicant, :body, :posted_at)""")
LIST = text(f"""
    SELECT {COLUMNS} FROM rokhas.message WHERE dossier = :dossier
      AND (CAST(:after_at AS timestamptz) IS NULL OR (posted_at, id) > (:after_at, CAST(:after_id AS uuid)))
    ORDER BY posted_at, id LIMIT :limit""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    id: UUID
    dossier: UUID
    author: str
    from_applicant: bool
    body: str
    posted_at: datetime


async def add(tx: Tx, message: Message) -> None:
    """In the transaction of the event that refers to it."""
    await tx.execute(ADD, {name: getattr(message, name) for name in COLUMNS.split(", ")})


async def find(tx: Tx, dossier_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Message]:
    """In the order in which they were written."""
    values = {
        "dossier": dossier_id,
        "after_at": after and after[0],
        "after_id": after and after[1],
        "limit": limit,
    }
    return [Message(**row) for row in (await tx.execute(LIST, values)).mappings()]
