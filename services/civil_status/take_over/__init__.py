"""Taking over files of acts that were digitised elsewhere: what `jamaa acts import` does. Decision 0053.

A chunk of lines is one transaction: its acts, its rejects, the event that names them and how far the file was
read. Whoever kills the process, even with -9, and starts it again goes on after the last chunk that was
committed; whoever sends the same acts in another file finds them there.
"""

import csv
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from services.civil_status.domain.rejects import REMEDIES
from services.civil_status.domain.spelling import Spelled
from services.civil_status.store import imports, names
from services.civil_status.store.imports import Standing
from services.civil_status.store.staged import Chunk, Reject
from services.civil_status.take_over.apart import Asked, reading_apart
from services.civil_status.take_over.reading import Source
from shared.auth import Actor
from shared.db import Database, Tx
from shared.outbox import require_room
from shared.time import civil_day

UNIQUE: Final = "23505"
TRIES: Final = 3  # of a chunk that somebody's act of the same number came before


class _OnlyTried(Exception):
    """No error: it rolls back what a trial wrote."""


@dataclass(slots=True)
class Sum:
    """What became of the lines of a file, this run and those before it."""

    lines: int = 0
    imported: int = 0
    already: int = 0
    rejected: int = 0


Seen = Callable[[int, Sum], None]
"""Told after each chunk where the file is read to, and what became of its lines."""


async def take_over(
    database: Database, source: Source, sha256: str, by: Actor, *, limit: int, seen: Seen | None = None
) -> tuple[Standing, Sum]:
    """Takes over what is left of a file, as the worker. Raises Problem: `outbox_full` (429, later again: it
    goes on where it was), `import_elsewhere`.
    """
    async with database.transaction(by) as tx:
        begun = await imports.started(tx, sha256, source.size)
        today = civil_day(tx.now)
    done = Sum(begun.line, begun.imported, begun.already, begun.rejected)
    if begun.finished:
        return begun, done
    asked = Asked.of(source, offset=begun.offset, line=begun.line, today=today, trial=False)
    async with reading_apart(asked, partial(_learned, database, by)) as chunks:
        async for chunk in chunks:

            async def take(tx: Tx, chunk: Chunk = chunk) -> imports.Outcome:
                await require_room(tx, limit)
                return await imports.take(tx, begun.id, chunk)

            outcome = await _retried(database, by, take)
            _add(done, chunk, outcome)
            if seen:
                seen(chunk.offset, done)
    async with database.transaction(by) as tx:
        await imports.finished(tx, begun.id)
        return await imports.standing(tx, begun.id), done


async def try_out(
    database: Database,
    source: Source,
    by: Actor,
    *,
    tell: Callable[[Sequence[Reject]], None],
    seen: Seen | None = None,
) -> Sum:
    """What `take_over` would do with the whole file, changing nothing but the dictionary of names; `tell` is
    given the rejects as they are found.
    """
    async with database.transaction(by) as tx:
        today = civil_day(tx.now)
    done = Sum()
    asked = Asked.of(source, offset=0, line=0, today=today, trial=True)
    async with reading_apart(asked, partial(_learned, database, by)) as chunks:
        async for chunk in chunks:
            with suppress(_OnlyTried):
                async with database.transaction(by) as tx:
                    outcome = await imports.lay(tx, chunk)
                    raise _OnlyTried
            tell(outcome.rejects)
            _add(done, chunk, outcome)
            if seen:
                seen(chunk.offset, done)
    return done


def _add(done: Sum, chunk: Chunk, outcome: imports.Outcome) -> None:
    done.lines = chunk.line
    done.imported += outcome.imported
    done.already += outcome.already
    done.rejected += len(outcome.rejects)


async def _learned(database: Database, by: Actor, fresh: list[Spelled]) -> dict[Spelled, int]:
    """The numbers of these names in the dictionary."""
    async with database.transaction(by) as tx:
        return await names.numbers(tx, fresh)


async def _retried(
    database: Database, by: Actor, work: Callable[[Tx], Awaitable[imports.Outcome]]
) -> imports.Outcome:
    """An office may draw up an act of the same number at the same moment: the second try sees it."""
    for left in reversed(range(TRIES)):
        try:
            async with database.transaction(by) as tx:
                return await work(tx)
        except DBAPIError as error:
            if not left or getattr(error.orig, "sqlstate", None) != UNIQUE:
                raise
    raise AssertionError  # the last try raises or returns


def write_rejects(path: Path, found: Iterable[Reject], language: str) -> None:
    """A CSV of line, column, code and what to do. What the line said is not repeated: it is in the file."""
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow(REJECTED)
        writer.writerows((one.line, one.field, one.code, REMEDIES[one.code][language]) for one in found)


REJECTED: Final = ("line", "column", "code", "what_to_do")
