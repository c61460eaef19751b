"""Internal notes: the office's, never the reporter's."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from shared.db import Tx

WRITE = text("""
    INSERT INTO chikaya.note (id, report, collectivity, author, written_at, text)
    VALUES (:id, :report, :collectivity, :author, :written_at, :text)""")
READ = text(
    "SELECT id, author, written_at, text FROM chikaya.note WHERE report = :report ORDER BY written_at, id"
)


@dataclass(frozen=True, slots=True)
class Note:
    id: UUID
    author: str
    written_at: datetime
    text: str


async def write(tx: Tx, note: Note, *, report: UUID, collectivity: str) -> None:
    values = {name: getattr(note, name) for name in ("id", "author", "written_at", "text")}
    await tx.execute(WRITE, values | {"report": report, "collectivity": collectivity})


async def of_report(tx: Tx, report: UUID) -> list[Note]:
    return [Note(*row) for row in await tx.execute(READ, {"report": report})]
