"""Acts laid down in bulk: a chunk of lines, what is wrong with others, and how far the file is, in one
transaction.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from sqlalchemy import text

from services.civil_status.domain.taken_over import counted
from services.civil_status.events import ActKind
from services.civil_status.events.imports import IMPORT, ActsImported, ImportFinished, Taken
from services.civil_status.store.staged import COLUMNS, Chunk, Reject
from shared.db import Tx
from shared.errors import Conflict, NotFound

NAMESPACE: Final = UUID("53a3e9f2-6f0d-5f0a-8a8e-0d6f1c2b5a10")
MOST_BYTES: Final = 150_000
"""Of the registers that one event names: an event has at most 262,144 bytes."""

START = text("""
    INSERT INTO civil_status.import (id, sha256, size, started_by, started_at)
    VALUES (:id, :sha256, :size, :by, :now) ON CONFLICT DO NOTHING""")
READ = text("""
    SELECT id, "offset", line, imported, already, rejected, finished_at IS NOT NULL AS finished
    FROM civil_status.import WHERE id = :id""")
ALONE = text("SELECT pg_advisory_xact_lock(hashtext('civil_status.import'))")
PROGRESS = text("""
    UPDATE civil_status.import SET "offset" = :offset, line = :line, imported = imported + :imported,
      already = already + :already, rejected = rejected + :rejected, version = version + :events
    WHERE id = :id AND "offset" = :from""")
FINISH = text("""
    UPDATE civil_status.import SET finished_at = :now, version = version + 1
    WHERE id = :id AND finished_at IS NULL RETURNING imported, already, rejected""")
REJECT = text("""
    INSERT INTO civil_status.reject (import, line, code, field)
    SELECT :id, * FROM unnest(CAST(:lines AS bigint[]), CAST(:codes AS text[]), CAST(:fields AS text[]))""")
REJECTS = text("""
    SELECT line, code, field FROM civil_status.reject WHERE import = :id AND line > :after
    ORDER BY line LIMIT :most""")
# The staged lines have no statistics, and none is worth making: nested loops over the unique index, whatever
# a planner might guess of the millions on the other side.
# And time: a chunk of 10,000 acts touches some 30,000 pages of the indexes of names, each a millisecond from
# a slow disk when the server has just started. Nobody waits for it as for a request.
PLAN = text(
    "SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),"
    " set_config('statement_timeout', '15min', true)"
)
EMPTY = text("TRUNCATE civil_status.staged")
THERE = text("""
    SELECT s.line, CAST(a.body AS jsonb) = CAST(s.body AS jsonb)
      AND a.identifier IS NOT DISTINCT FROM s.identifier AS same
    FROM civil_status.staged s JOIN civil_status.act a USING (office, year, kind, number)""")
# Takes the identifiers of acts of birth, and gives the lines whose identifier is somebody else's. An act of
# death only refers to one.
UNTAKEN = text("""
    WITH wanted AS (
      SELECT line, identifier, row_number() OVER (PARTITION BY identifier ORDER BY line) AS nth
      FROM civil_status.staged WHERE identifier IS NOT NULL AND kind = 'birth'),
    taken AS (SELECT civil_status.take_identifiers(array_agg(identifier)) AS digits FROM wanted WHERE nth = 1)
    SELECT line FROM wanted WHERE nth > 1 OR identifier NOT IN (SELECT digits FROM taken)""")
DROP = text("DELETE FROM civil_status.staged WHERE line = ANY(CAST(:lines AS bigint[]))")
INSERT = text("""
    INSERT INTO civil_status.act (id, kind, collectivity, office, year, number, origin, identifier, event_on,
      version, drawn_up_at, drawn_up_by, body, family_name, given_name, father_name, mother_name)
    SELECT id, kind, collectivity, office, year, number, 'imported', identifier, event_on, 0, drawn_up_at,
      :by, body, family_name, given_name, father_name, mother_name FROM civil_status.staged""")
# Which acts these are: numbers in ranges, `1-340,342`.
REGISTERS = text("""
    SELECT collectivity, office, year, kind, (
      SELECT string_agg(lower(r) || CASE WHEN upper(r) - lower(r) > 1 THEN '-' || upper(r) - 1 ELSE '' END,
        ',' ORDER BY r) FROM unnest(numbers) r) AS numbers
    FROM (
      SELECT collectivity, office, year, kind, range_agg(int4range(number, number, '[]')) AS numbers
      FROM civil_status.staged GROUP BY collectivity, office, year, kind) registers
    ORDER BY office, year, kind""")
COUNT = text("""
    INSERT INTO civil_status.imported AS i (import, office, collectivity, acts)
    SELECT CAST(:id AS uuid), office, collectivity, count(*) FROM civil_status.staged
    GROUP BY office, collectivity
    ON CONFLICT (import, office) DO UPDATE SET acts = i.acts + excluded.acts""")
FOLLOWED: Final = """
    SELECT id, size, line AS lines, imported, already, rejected, started_at, finished_at
    FROM civil_status.import"""
FOLLOW = text(f"{FOLLOWED} WHERE id = :id")
LIST = text(f"""{FOLLOWED}
    WHERE (CAST(:after_at AS timestamptz) IS NULL OR (started_at, id) < (:after_at, CAST(:after_id AS uuid)))
    ORDER BY started_at DESC, id DESC LIMIT :limit""")
PIECE: Final = 2**20  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far the file with this id was read: `offset` in bytes or rows of its content, `line` of it."""

    id: UUID
    offset: int
    line: int
    imported: int
    already: int
    rejected: int
    finished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A file for who follows it: `size` in bytes, `lines` that were read."""

    id: UUID
    size: int
    lines: int
    imported: int
    already: int
    rejected: int
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    imported: int
    already: int
    rejects: Sequence[Reject]


def identity(sha256: str) -> UUID:
    """A file is its content: whoever sends it again goes on with the same import."""
    return uuid5(NAMESPACE, sha256)


async def started(tx: Tx, sha256: str, size: int) -> Standing:
    """The import of this file, begun now or before."""
    import_ = identity(sha256)
    values = {"id": import_, "sha256": sha256, "size": size, "by": tx.actor.subject, "now": tx.now}
    await tx.execute(START, values)
    return await standing(tx, import_)


async def standing(tx: Tx, import_: UUID) -> Standing:
    row = (await tx.execute(READ, {"id": import_})).one()
    return Standing(**{name: getattr(row, name) for name in Standing.__slots__})


async def followed(tx: Tx, import_: UUID) -> Import:
    """Raises NotFound `import_unknown`, also for a file of which the caller's offices have no act."""
    row = (await tx.execute(FOLLOW, {"id": import_})).one_or_none()
    if row is None:
        raise NotFound("import_unknown", "No such file was taken over.")
    return Import(**row._asdict())


async def find(tx: Tx, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Import]:
    """The newest first."""
    values = {"after_at": after and after[0], "after_id": after and after[1], "limit": limit}
    return [Import(**row._asdict()) for row in await tx.execute(LIST, values)]


async def take(tx: Tx, import_: UUID, chunk: Chunk) -> Outcome:
    """The acts of a chunk become acts of the register, once: those that are there already stay as they are.

    Raises Conflict `import_elsewhere` when somebody else took this chunk meanwhile.
    """
    outcome = await lay(tx, chunk)
    events = 0
    if outcome.imported:
        await tx.execute(INSERT, {"by": tx.actor.subject})
        await tx.execute(COUNT, {"id": import_})
        for acts, named in _events(await _registers(tx)):
            where = named[0].collectivity if len({one.collectivity for one in named}) == 1 else ""
            event = ActsImported(acts=acts, registers=tuple(named), imported_at=tx.now)
            await tx.emit(IMPORT, import_, where, event)
            events += 1
    await _reject(tx, import_, outcome.rejects)
    progress = {
        "id": import_,
        "from": chunk.start,
        "offset": chunk.offset,
        "line": chunk.line,
        "imported": outcome.imported,
        "already": outcome.already,
        "rejected": len(outcome.rejects),
        "events": events,
    }
    if (await tx.execute(PROGRESS, progress)).rowcount != 1:
        raise Conflict("import_elsewhere", "This file is being imported by somebody else.")
    return outcome


async def lay(tx: Tx, chunk: Chunk) -> Outcome:
    """Stages a chunk and compares it with the register: what is left is to be inserted, or only counted.
    Changes nothing but identifiers, which it takes: a trial rolls back.
    """
    await tx.execute(ALONE)
    await tx.execute(PLAN)
    await tx.execute(EMPTY)
    if chunk.acts:
        await _copied(tx, chunk.rows)
    refused: dict[int, Reject] = {}
    there: list[int] = []
    for row in await tx.execute(THERE):
        if row.same:
            there.append(row.line)
        else:
            refused[row.line] = Reject(row.line, "number_taken", "number")
    await _drop(tx, [*there, *refused])
    foreign = [row.line for row in await tx.execute(UNTAKEN)]
    await _drop(tx, foreign)
    refused |= {line: Reject(line, "identifier_taken", "identifier") for line in foreign}
    # Who says what a refused line says is refused with it; else it is there, or will be.
    again = [replace(refused[first], line=line) for line, first in chunk.repeats.items() if first in refused]
    return Outcome(
        imported=chunk.acts - len(there) - len(refused),
        already=len(there) + len(chunk.repeats) - len(again),
        rejects=sorted([*chunk.rejects, *refused.values(), *again], key=lambda one: one.line),
    )


async def _registers(tx: Tx) -> list[Taken]:
    """Of the acts that are staged."""
    return [Taken(**row._asdict() | {"kind": ActKind(row.kind)}) for row in await tx.execute(REGISTERS)]


async def _drop(tx: Tx, lines: Collection[int]) -> None:
    if lines:
        await tx.execute(DROP, {"lines": sorted(lines)})


async def _reject(tx: Tx, import_: UUID, rejects: Sequence[Reject]) -> None:
    if rejects:
        values = {
            "id": import_,
            "lines": [one.line for one in rejects],
            "codes": [one.code for one in rejects],
            "fields": [one.field for one in rejects],
        }
        await tx.execute(REJECT, values)


async def rejects(tx: Tx, import_: UUID, *, after: int, most: int) -> list[Reject]:
    rows = await tx.execute(REJECTS, {"id": import_, "after": after, "most": most})
    return [Reject(row.line, row.code, row.field) for row in rows]


async def finished(tx: Tx, import_: UUID) -> None:
    """All of the file was read. Announced once."""
    row = (await tx.execute(FINISH, {"id": import_, "now": tx.now})).one_or_none()
    if row is not None:
        counts = {name: getattr(row, name) for name in ("imported", "already", "rejected")}
        await tx.emit(IMPORT, import_, "", ImportFinished(**counts, finished_at=tx.now))


async def _copied(tx: Tx, rows: bytes) -> None:
    async def content() -> AsyncIterator[bytes]:
        for start in range(0, len(rows), PIECE):
            yield rows[start : start + PIECE]

    await tx.session.connection.copy_to_table(
        "staged", schema_name="civil_status", source=content(), columns=COLUMNS, format="text"
    )


def _events(named: Iterable[Taken]) -> Iterator[tuple[int, list[Taken]]]:
    """So many acts in so many registers, none too large for an event."""
    some: list[Taken] = []
    size = acts = 0
    for register in named:
        if some and size + len(register.numbers) + 120 > MOST_BYTES:
            yield acts, some
            some, size, acts = [], 0, 0
        some.append(register)
        size += len(register.numbers) + 120
        acts += counted(register.numbers)
    if some:
        yield acts, some
