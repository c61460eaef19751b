"""A register of so many acts, filled by COPY in order, its indexes built at the end. A fill that was killed
goes on where it was; a larger one goes on from a smaller.
"""

import asyncio
import random
import shutil
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import asyncpg

from bench.acts import COLUMNS, People, Register, registers
from services.civil_status.domain.spelling import Spelled, key, spelled
from services.civil_status.domain.taken_over import Taking, reader
from services.civil_status.store import staged

MILLION: Final = 1_000_000
BATCH: Final = 20_000
DRAWING: Final = 2  # processes that draw acts; the server, which lays them down, needs the less of two cores
SECONDARY: Final = {
    "act_identifier": "(identifier) WHERE identifier IS NOT NULL",
    "act_event": "(event_on, kind)",
    "act_name": "(family_name, given_name, collectivity, event_on, father_name, mother_name)",
    "act_parents": "(father_name, given_name, mother_name, collectivity)"
    " WHERE father_name IS NOT NULL AND number > 0",
    "act_couple": "(father_name, mother_name, collectivity, event_on)"
    " WHERE father_name IS NOT NULL AND mother_name IS NOT NULL AND number > 0",
}
UNIQUE: Final = "act_office_year_kind_number_key"
COPIED: Final = (*staged.COLUMNS[1:], "origin", "version", "drawn_up_by")
PROGRESS: Final = """
CREATE SCHEMA IF NOT EXISTS bench;
CREATE TABLE IF NOT EXISTS bench.fill (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton), acts bigint NOT NULL DEFAULT 0,
  towards bigint NOT NULL DEFAULT 0, register int NOT NULL DEFAULT 0, round int NOT NULL DEFAULT 0,
  indexed_in double precision NOT NULL DEFAULT 0
);
INSERT INTO bench.fill DEFAULT VALUES ON CONFLICT DO NOTHING;
"""
FAR: Final = 1_000_000
"""Numbers of files that are imported begin here: no register has as many acts."""


def _reads() -> Callable[[list[str]], Taking]:
    return reader(COLUMNS, datetime.now(UTC).date())


@dataclass(slots=True)
class Country:
    """The table of acts, filled to a size."""

    admin: asyncpg.Connection
    home: Path
    people: People = field(default_factory=People)
    known: dict[Spelled, int] = field(default_factory=dict)
    all: list[Register] = field(default_factory=registers)
    read: Callable[[list[str]], Taking] = field(default_factory=_reads)

    async def count(self) -> int:
        found: int = await self.admin.fetchval("SELECT acts FROM bench.fill")
        return found

    async def taken(self) -> int:
        """Of acts, their indexes, and the dictionary."""
        found: int = await self.admin.fetchval(
            "SELECT pg_total_relation_size('civil_status.act') + pg_total_relation_size('civil_status.name')"
        )
        return found

    async def warm(self, *indexes: str) -> None:
        """Reads indexes into the server's memory, as a server that has run for a day has them there."""
        await self.admin.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        for index in indexes:
            await self.admin.execute("SELECT pg_prewarm($1::text::regclass)", f"civil_status.{index}")

    async def fill(self, size: int) -> float:
        """Grows to `size`, rounded by register, without the indexes, which are built at the end: seconds of
        that. A batch is a transaction with its progress.
        """
        known = await self.admin.fetch("SELECT id, ar, latin FROM civil_status.name")
        self.known = {Spelled(row["ar"], row["latin"]): row["id"] for row in known}
        standing = await self.admin.fetchrow("SELECT * FROM bench.fill")
        if standing["acts"] >= size and not standing["towards"]:
            return float(standing["indexed_in"])
        if standing["towards"] not in {0, size}:
            sys.exit(f"a fill towards {standing['towards']:,} acts was interrupted: finish that first")
        await self.admin.execute(f"ALTER TABLE civil_status.act DROP CONSTRAINT IF EXISTS {UNIQUE}")
        await self.admin.execute(f"DROP INDEX IF EXISTS {', '.join(f'civil_status.{n}' for n in SECONDARY)}")
        await self.admin.execute("UPDATE bench.fill SET towards = $1", size)
        await self._learn(spelled(*pair) for pair in self.people.pairs())
        # What an interrupted fill had written of this step is already counted.
        made = await self.admin.fetchval("SELECT count(*) FROM civil_status.act WHERE number < $1", FAR)
        before, begun, first = standing["acts"], time.perf_counter(), made
        async for rows, acts_, register in self._drawn(before, size, standing["register"]):
            async with self.admin.transaction():
                await self.put(rows)
                await self.admin.execute("UPDATE bench.fill SET register = $1", register)
            made += acts_
            rate = max(1, made - first) / (time.perf_counter() - begun)
            free = shutil.disk_usage(self.home).free / 2**30
            print(
                f"\r{made:,} acts, {rate:,.0f}/s, {(size - made) / rate / 60:.0f} min left,"
                f" {free:.0f} GiB free ",
                end="",
                file=sys.stderr,
                flush=True,
            )
        taken = time.perf_counter()
        await self.admin.execute("SET maintenance_work_mem = '1GB'")
        await self.admin.execute(
            f"ALTER TABLE civil_status.act ADD CONSTRAINT {UNIQUE} UNIQUE (office, year, kind, number)"
        )
        for name, on in SECONDARY.items():
            await self.admin.execute(f"CREATE INDEX {name} ON civil_status.act {on}")
        built = time.perf_counter() - taken
        await self.admin.execute("VACUUM (ANALYZE) civil_status.act, civil_status.name")
        await self.admin.execute(
            "UPDATE bench.fill SET acts = $1, towards = 0, register = 0, indexed_in = $2", size, built
        )
        print(f"\n{made:,} acts, indexes built in {built:.0f} s", file=sys.stderr)
        return built

    async def _drawn(self, before: int, size: int, register: int) -> AsyncIterator[tuple[bytes, int, int]]:
        """What is to be copied, in order: rows, how many, and up to which register."""
        loop, waiting = asyncio.get_running_loop(), deque[tuple[asyncio.Future[bytes], int, int]]()
        with ProcessPoolExecutor(
            DRAWING, mp_context=get_context("spawn"), initializer=_begin, initargs=(self.known,)
        ) as processes:
            some: list[tuple[Register, int, int]] = []
            amount = 0
            for at, one in enumerate(self.all[register:], register + 1):
                first, last = one.numbers(before) + 1, one.numbers(size)
                if first <= last:
                    some.append((one, first, last))
                    amount += last - first + 1
                if amount >= BATCH or at == len(self.all):
                    waiting.append((loop.run_in_executor(processes, _rows_of, some), amount, at))
                    some, amount = [], 0
                while len(waiting) > (2 * DRAWING if at < len(self.all) else 0):
                    rows, acts_, upto = waiting.popleft()
                    yield await rows, acts_, upto

    async def learn(self, takings: Sequence[Taking]) -> None:
        await self._learn(
            one for t in takings for one in (t.family, t.given, t.father, t.mother) if one is not None
        )

    async def _learn(self, names: Iterable[Spelled]) -> None:
        if fresh := sorted(set(names) - self.known.keys()):
            rows = await self.admin.fetch(
                "INSERT INTO civil_status.name (ar, latin, ar_key, latin_key) SELECT * FROM"
                " unnest($1::text[], $2::text[], $3::text[], $4::text[]) ON CONFLICT (ar, latin)"
                " DO UPDATE SET ar = excluded.ar RETURNING id, ar, latin",
                [one.ar for one in fresh],
                [one.latin for one in fresh],
                [key(one.ar) for one in fresh],
                [key(one.latin) if one.latin else "" for one in fresh],
            )
            self.known |= {Spelled(row["ar"], row["latin"]): row["id"] for row in rows}

    def rows(self, takings: Sequence[Taking]) -> bytes:
        return _rows(takings, self.known)

    async def put(self, rows: bytes) -> None:
        async def content() -> AsyncIterator[bytes]:
            for start in range(0, len(rows), 2**20):
                yield rows[start : start + 2**20]

        await self.admin.copy_to_table(
            "act", schema_name="civil_status", source=content(), columns=COPIED, format="text"
        )

    async def fresh(self, amount: int) -> list[list[str]]:
        """Lines of acts that nobody has, of some offices in the order of their registers."""
        turn: int = await self.admin.fetchval("UPDATE bench.fill SET round = round + 1 RETURNING round")
        chance = random.Random(turn)
        start = chance.randrange(len(self.all) - 20_000)
        cells: list[list[str]] = []
        for at in range(start, len(self.all)):
            register = self.all[at]
            first = FAR + turn * 10_000
            free = 500_000_000 + turn * 1_000_000 + len(cells) - first  # of identifiers
            of_register = Register(register.office, register.year, register.kind, 0, free)
            cells += self.people.acts(of_register, first, first + max(1, register.numbers(55 * MILLION)) - 1)
            if len(cells) >= amount:
                return cells[:amount]
        return cells


def _rows(takings: Sequence[Taking], known: Mapping[Spelled, int]) -> bytes:
    """As COPY reads them into the table of acts itself."""
    laid = staged.rows(dict(enumerate(takings)), known)
    tail = "\timported\t0\tbench\n"
    return "".join(row.partition("\t")[2][:-1] + tail for row in laid).encode()


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What a process that draws acts has."""

    known: Mapping[Spelled, int]
    people: People = field(default_factory=People)
    read: Callable[[list[str]], Taking] = field(default_factory=_reads)


_DRAWING: Final[list[_Drawing]] = []  # one, of this process


def _begin(known: Mapping[Spelled, int]) -> None:
    _DRAWING.append(_Drawing(known))


def _rows_of(some: Sequence[tuple[Register, int, int]]) -> bytes:
    drawing = _DRAWING[0]
    drawn = (cells for one, first, last in some for cells in drawing.people.acts(one, first, last))
    return _rows([drawing.read(cells) for cells in drawn], drawing.known)
