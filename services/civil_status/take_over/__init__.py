"""Taking over files of acts that were digitised elsewhere: what `jamaa acts import` does. Decision 0053.

A chunk of lines is one transaction: its acts, its rejects, the event that names them and how far the file was
read. Whoever kills the process, even with -9, and starts it again goes on after the last chunk that was
committed; whoever sends the same acts in another file finds them there.
"""

import asyncio
import csv
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from services.civil_status.domain.rejects import REMEDIES
from services.civil_status.domain.spelling import Spelled
from services.civil_status.domain.taken_over import Refused, Taking, reader
from services.civil_status.store import imports, names
from services.civil_status.store.imports import Chunk, Reject, Standing
from services.civil_status.take_over.reading import Source
from shared.auth import Actor
from shared.db import Database, Tx
from shared.outbox import require_room
from shared.time import civil_day

UNIQUE: Final = "23505"
TRIES: Final = 3  # of a chunk that somebody's act of the same number came before
SWITCH: Final = 0.0002  # seconds
DENSE: Final = 100_000
"""Up to here the numbers of a yearly register are bits, in a trial: no office draws up more a year."""


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
    known: dict[Spelled, int] = {}
    async for chunk in _ahead(source, begun.offset, begun.line, today):
        async with database.transaction(by) as tx:
            await require_room(tx, limit)
            await _learn(tx, known, chunk.takings.values())

        async def take(tx: Tx, chunk: Chunk = chunk) -> imports.Outcome:
            return await imports.take(tx, begun.id, chunk, known)

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
    done, before, known = Sum(), _Numbers(), dict[Spelled, int]()
    async for whole in _ahead(source, 0, 0, today):
        repeated = {line for line, one in whole.takings.items() if before.hold(one)}
        before.add(whole.takings.values())
        chunk = replace(
            whole,
            takings={line: one for line, one in whole.takings.items() if line not in repeated},
            rejects=[*whole.rejects, *(Reject(line, "number_repeated", "number") for line in repeated)],
        )
        async with database.transaction(by) as tx:
            await _learn(tx, known, chunk.takings.values())
        with suppress(_OnlyTried):
            async with database.transaction(by) as tx:
                outcome = await imports.lay(tx, chunk, known)
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


async def _learn(tx: Tx, known: dict[Spelled, int], takings: Iterable[Taking]) -> None:
    """The numbers of the names of these acts, which `known` keeps for all further chunks."""
    wanted = {name for one in takings for name in (one.family, one.given, one.father, one.mother)}
    wanted.discard(None)
    if fresh := [name for name in wanted if name is not None and name not in known]:
        known |= await names.numbers(tx, fresh)


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


class _Numbers:
    """The numbers that a file had so far, by yearly register: a bit each, as 55 million are many."""

    def __init__(self) -> None:
        self._registers: dict[tuple[str, int, str], bytearray] = {}
        self._far: set[str] = set()

    def hold(self, one: Taking) -> bool:
        if one.number > DENSE:
            return one.id in self._far
        bits = self._registers.get((one.office, one.year, one.kind), b"")
        byte, bit = divmod(one.number, 8)
        return byte < len(bits) and bool(bits[byte] & 1 << bit)

    def add(self, takings: Iterable[Taking]) -> None:
        for one in takings:
            if one.number > DENSE:
                self._far.add(one.id)
                continue
            bits = self._registers.setdefault((one.office, one.year, one.kind), bytearray())
            byte, bit = divmod(one.number, 8)
            if byte >= len(bits):
                bits.extend(bytes(byte + 1 - len(bits)))
            bits[byte] |= 1 << bit


async def _ahead(source: Source, offset: int, line: int, today: date) -> AsyncIterator[Chunk]:
    """Chunks, the next of which is read on the other core while the database works on one."""
    chunks, before = _read(source, offset, line, today), sys.getswitchinterval()
    # At each answer of the database the loop waits so long for the reading thread to make way: 5 ms for each
    # of the 40 answers of a chunk would be as much as reading it takes.
    sys.setswitchinterval(SWITCH)
    following = asyncio.create_task(asyncio.to_thread(next, chunks, None))
    try:
        while (chunk := await following) is not None:
            following = asyncio.create_task(asyncio.to_thread(next, chunks, None))
            yield chunk
    finally:
        sys.setswitchinterval(before)
        await asyncio.gather(following, return_exceptions=True)


def _read(source: Source, offset: int, line: int, today: date) -> Iterator[Chunk]:
    read = reader(source.columns, today)
    for lines in source.chunks(offset, line):
        takings: dict[int, Taking] = {}
        rejects: list[Reject] = []
        for number, cells in enumerate(lines.cells, lines.first):
            if isinstance(cells, str):
                rejects.append(Reject(number, cells, ""))
                continue
            try:
                takings[number] = read(cells)
            except Refused as refused:
                rejects.append(Reject(number, refused.code, refused.field))
        yield Chunk(start=lines.start, offset=lines.offset, line=lines.done, takings=takings, rejects=rejects)


def write_rejects(path: Path, found: Iterable[Reject], language: str) -> None:
    """A CSV of line, column, code and what to do. What the line said is not repeated: it is in the file."""
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow(REJECTED)
        writer.writerows((one.line, one.field, one.code, REMEDIES[one.code][language]) for one in found)


REJECTED: Final = ("line", "column", "code", "what_to_do")
