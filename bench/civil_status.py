"""The register at 1, 5 and 55 million acts: what a file of acts costs beside a bare COPY of such rows into
the same table, and how long a search takes, exact and by ear. SCALE counts millions; with `--home` a larger
size goes on from a smaller one, and a run that was killed from where it was.
"""

import asyncio
import csv
import random
import shutil
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import asyncpg

from bench.acts import COLUMNS, People, Register, registers
from bench.harness import Options, Result, interleaved, medians, workshop
from services.civil_status.app import SERVICE
from services.civil_status.domain.search import Wanted
from services.civil_status.domain.spelling import Spelled, key, spelled
from services.civil_status.domain.taken_over import Taking, reader
from services.civil_status.events import ActKind
from services.civil_status.store import acts, imports
from services.civil_status.store.search import search
from services.civil_status.take_over import take_over
from services.civil_status.take_over.reading import digest, opened
from shared.auth import Actor, Role
from shared.db import Database
from shared.migrate import database_of, roles
from shared.territory import territory

MILLION: Final = 1_000_000
PER_ACT: Final = 850
"""Bytes of an act with its indexes, as measured; the budget is made of it."""
SETTINGS: Final = {"max_wal_size": "2GB", "shared_buffers": "2GB"}
SPARE: Final = 5 * 2**30  # bytes: the write-ahead log at its largest, what the sort of an index lays aside
BATCH: Final = 20_000
DRAWING: Final = 2  # processes that draw acts; the server, which lays them down, needs the less of two cores
IMPORTED: Final = 100_000  # acts of a file, each round
SEARCHES: Final = 300
CLIENTS: Final = (1, 16)
OPERATOR: Final = Actor(subject="bench")
SECONDARY: Final = {
    "act_identifier": "(identifier) WHERE identifier IS NOT NULL",
    "act_event": "(event_on, kind)",
    "act_name": "(family_name, given_name, collectivity, event_on, father_name, mother_name)",
    "act_parents": "(father_name, given_name, mother_name, collectivity) WHERE father_name IS NOT NULL",
}
UNIQUE: Final = "act_office_year_kind_number_key"
COPIED: Final = (*imports.STAGED[1:], "origin", "version", "drawn_up_by")
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


async def run(options: Options) -> list[Result]:
    size = int(options.scale * MILLION)
    async with AsyncExitStack() as stack:
        _budget(options, size)
        shop = await stack.enter_async_context(workshop(options, SERVICE, settings=SETTINGS))
        admin = await asyncpg.connect(shop.postgres.dsn(database_of(SERVICE.name)))
        stack.push_async_callback(admin.close)
        await admin.execute(PROGRESS)
        country = Country(admin, shop.home)
        indexed_in = await country.fill(size)
        per_act = await country.taken() / await country.count()
        api = Database(shop.postgres.dsn(database_of(SERVICE.name), roles(SERVICE.name)[0]), name="bench")
        stack.push_async_callback(api.close)
        worker = shop.worker(SERVICE)
        stack.push_async_callback(worker.close)
        details = {"bytes_per_act": per_act, "index_build_s": indexed_in, "acts": await country.count()}
        found = []
        for measured in (
            _import(worker, country, options, size, details),
            _exact(api, country, options, size),
            _by_name(api, country, options, size),
        ):
            found.append(await measured)
            print(f"{found[-1].name}: {found[-1].ours:.4g}, {found[-1].details}", file=sys.stderr, flush=True)
        return found


def _budget(options: Options, size: int) -> None:
    """Says what it will take before it takes it. Raises SystemExit when that is not there."""
    place = options.home or Path("/tmp")
    place.mkdir(parents=True, exist_ok=True)
    kept = sum(file.stat().st_size for file in place.rglob("*") if file.is_file()) if options.home else 0
    wanted, free = size * PER_ACT + SPARE - kept, shutil.disk_usage(place).free
    said = f"{size:,} acts: {wanted / 2**30:.0f} GiB more on disk, {free / 2**30:.0f} GiB free"
    if wanted > free:
        sys.exit(f"{said}: not enough")
    print(said, file=sys.stderr, flush=True)


# --- the country ----------------------------------------------------------------------------------------


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

    async def fill(self, size: int) -> float:
        """Grows to `size`, rounded by register, without the indexes, which are built at the end: seconds of
        that. A batch is a transaction with its progress.
        """
        standing = await self.admin.fetchrow("SELECT * FROM bench.fill")
        if standing["acts"] >= size and not standing["towards"]:
            return float(standing["indexed_in"])
        if standing["towards"] not in {0, size}:
            sys.exit(f"a fill towards {standing['towards']:,} acts was interrupted: finish that first")
        await self.admin.execute(f"ALTER TABLE civil_status.act DROP CONSTRAINT IF EXISTS {UNIQUE}")
        await self.admin.execute(f"DROP INDEX IF EXISTS {', '.join(f'civil_status.{n}' for n in SECONDARY)}")
        await self.admin.execute("UPDATE bench.fill SET towards = $1", size)
        known = await self.admin.fetch("SELECT id, ar, latin FROM civil_status.name")
        self.known = {Spelled(row["ar"], row["latin"]): row["id"] for row in known}
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
        acts_ = await self.admin.fetchval("SELECT count(*) FROM civil_status.act WHERE number < $1", FAR)
        await self.admin.execute(
            "UPDATE bench.fill SET acts = $1, towards = 0, register = 0, indexed_in = $2", size, built
        )
        print(f"\n{acts_:,} acts, indexes built in {built:.0f} s", file=sys.stderr)
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
    staged = imports.rows(dict(enumerate(takings)), known)
    tail = "\timported\t0\tbench\n"
    return "".join(row.partition("\t")[2][:-1] + tail for row in staged).encode()


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


# --- an import beside a bare COPY -----------------------------------------------------------------------


async def _import(
    worker: Database, country: Country, options: Options, size: int, details: dict[str, Any]
) -> Result:
    counts: list[int] = []

    async def ours() -> float:
        cells = await country.fresh(IMPORTED)
        path = country.home / "acts.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(cells)
        before = time.perf_counter()
        source = opened(path)
        _, done = await take_over(worker, source, digest(path), OPERATOR, limit=10**9)
        taken = time.perf_counter() - before
        if done.imported != len(cells):
            raise RuntimeError(f"{done} of {len(cells)} lines")
        counts.append(done.imported)
        return done.imported / taken

    async def floor() -> float:
        takings = [country.read(cells) for cells in await country.fresh(IMPORTED)]
        await country.learn(takings)
        rows = country.rows(takings)
        before = time.perf_counter()
        await country.put(rows)
        return len(takings) / (time.perf_counter() - before)

    found = medians(await interleaved({"ours": ours, "floor": floor}, rounds=options.rounds))
    return Result(
        name=f"civil_status.import.{size / MILLION:g}m",
        title=f"A file of acts imported among {_words(size)}",
        unit="acts/s",
        better="more",
        ours=found["ours"],
        floor=found["floor"],
        floor_is="a bare COPY of such rows into the same table",
        aim="at least 0.5",
        details=details | {"acts_of_a_file": IMPORTED},
    )


# --- searches -------------------------------------------------------------------------------------------


def _officer(*communes: str, provinces: Sequence[str] = ()) -> Actor:
    return Actor(
        subject="bench",
        roles=frozenset({Role.CIVIL_STATUS_OFFICER}),
        communes=frozenset(communes),
        provinces=frozenset(provinces),
    )


EVERYWHERE: Final = _officer(provinces=sorted(one.code for one in territory() if one.kind == "province"))


async def _sample(country: Country, amount: int) -> list[asyncpg.Record]:
    """Acts from all over the table, of people whose family has a name."""
    share = max(0.01, min(100.0, 400.0 * amount / await country.count()))
    found = await country.admin.fetch(
        "SELECT id, collectivity, office, year, kind, number, identifier, event_on, body::text AS body"
        f" FROM civil_status.act TABLESAMPLE SYSTEM ({share}) REPEATABLE (7)"
        " WHERE family_name IS NOT NULL ORDER BY random() LIMIT $1",
        amount,
    )
    return list(found)


async def _exact(api: Database, country: Country, options: Options, size: int) -> Result:
    """By office, year, kind and number, as the officer of the commune; the same by identifier."""
    sample = await _sample(country, SEARCHES)
    identified = await country.admin.fetch(
        "SELECT collectivity, identifier FROM civil_status.act WHERE identifier IS NOT NULL"
        " AND identifier > $1 ORDER BY identifier LIMIT $2",
        f"{random.Random(3).randrange(10**8):09d}00",
        SEARCHES,
    )

    async def numbered(n: int) -> None:
        one = sample[n % len(sample)]
        async with api.transaction(_officer(one["collectivity"])) as tx:
            act = await acts.numbered(tx, ActKind(one["kind"]), one["office"], one["year"], one["number"])
            assert act is not None

    async def by_identifier(n: int) -> None:
        one = identified[n % len(identified)]
        async with api.transaction(_officer(one["collectivity"])) as tx:
            assert await acts.identified(tx, one["identifier"])

    async def bare(n: int) -> None:
        one = sample[n % len(sample)]
        assert await country.admin.fetchrow(
            f"SELECT {acts.COLUMNS} FROM civil_status.act WHERE office = $1 AND year = $2 AND kind = $3"
            " AND number = $4",
            *(one[name] for name in ("office", "year", "kind", "number")),
        )

    return await _searched(
        options,
        name=f"civil_status.exact.{size / MILLION:g}m",
        title=f"An act by its number among {_words(size)}",
        ours=numbered,
        floor=bare,
        floor_is="the bare SELECT by the unique index, without row-level security or a transaction",
        aim="p99 below 5 ms with 1 client",
        more={"by_identifier": by_identifier},
    )


async def _by_name(api: Database, country: Country, options: Options, size: int) -> Result:
    """By given and family name of somebody, spelled otherwise: by the officer of the commune, by the court
    of the province, by the authority of the country with the year; and by the parents.
    """
    sample = await _sample(country, SEARCHES)
    asked = [_asked(one, random.Random(n)) for n, one in enumerate(sample)]
    missed = 0

    def searching(by: Callable[[asyncpg.Record], Actor], dated: bool) -> Callable[[int], Awaitable[None]]:
        async def one_search(n: int) -> None:
            nonlocal missed
            row, (given, family) = sample[n % len(sample)], asked[n % len(sample)]
            near: date = row["event_on"]
            wanted = Wanted(
                given=given,
                family=family,
                since=near.replace(month=1, day=1) if dated else None,
                until=near.replace(month=12, day=31) if dated else None,
            )
            async with api.transaction(by(row)) as tx:
                answer = await search(tx, wanted, most=50)
            missed += row["id"] not in {act.id for act, _ in answer.found}

        return one_search

    async def bare(n: int) -> None:
        row = sample[n % len(sample)]
        await country.admin.fetch(
            f"SELECT {acts.COLUMNS} FROM civil_status.act WHERE (family_name, given_name) ="
            " (SELECT family_name, given_name FROM civil_status.act WHERE id = $1)"
            " AND collectivity = $2 LIMIT 50",
            row["id"],
            row["collectivity"],
        )

    commune = searching(lambda row: _officer(row["collectivity"]), dated=False)
    for n in range(len(sample)):
        await commune(n)
    recall = 1 - missed / len(sample)
    missed = 0
    country_wide = searching(lambda _: EVERYWHERE, dated=True)
    for n in range(len(sample)):
        await country_wide(n)
    result = await _searched(
        options,
        name=f"civil_status.name.{size / MILLION:g}m",
        title=f"An act by a name spelled otherwise among {_words(size)}",
        ours=commune,
        floor=bare,
        floor_is="the bare SELECT of the acts with exactly these two names",
        aim="p99 below 100 ms with 1 client",
        more={
            "in_a_province": searching(
                lambda row: _officer(provinces=[row["collectivity"][:6]]), dated=False
            ),
            "in_the_country_in_a_year": country_wide,
            "in_the_country": searching(lambda _: EVERYWHERE, dated=False),
        },
    )
    result.details["recall_in_the_commune"] = recall
    result.details["recall_in_the_country_in_a_year"] = 1 - missed / len(sample)
    return result


def _asked(row: asyncpg.Record, chance: random.Random) -> tuple[str, str]:
    """The names of an act as somebody else spells them: in the other script, or a letter otherwise."""
    import json  # noqa: PLC0415 -- one line of this file

    subject = json.loads(row["body"])["subject"]
    script = chance.choice(["ar", "latin"])
    said = [subject[part].get(script) or subject[part]["ar"] for part in ("given", "family")]
    return _otherwise(said[0], chance), _otherwise(said[1], chance)


LATIN_OTHERWISE: Final = (
    ("ou", "u"),
    ("i", "y"),
    ("ch", "sh"),
    ("k", "q"),
    ("e", "a"),
    ("mm", "m"),
    ("ss", "s"),
)
ARABIC_OTHERWISE: Final = (("أ", "ا"), ("ة", "ه"), ("ى", "ي"), ("ئ", "ي"), (" ", ""))


def _otherwise(name: str, chance: random.Random) -> str:
    pairs = list(LATIN_OTHERWISE if name.isascii() else ARABIC_OTHERWISE)
    chance.shuffle(pairs)
    for one, other in pairs:
        if one in name:
            return name.replace(one, other, 1)
    return name


async def _searched(
    options: Options,
    *,
    name: str,
    title: str,
    ours: Callable[[int], Awaitable[None]],
    floor: Callable[[int], Awaitable[None]],
    floor_is: str,
    aim: str,
    more: dict[str, Callable[[int], Awaitable[None]]],
) -> Result:
    """Milliseconds at the median with one client; percentiles with 1 and 16 in the details. The clients
    are tasks of one process with the pool of a service.
    """
    details: dict[str, Any] = {}

    async def once(work: Callable[[int], Awaitable[None]]) -> float:
        return _percentile(await _timed(work, 1), 0.5)

    found = medians(
        await interleaved({"ours": lambda: once(ours), "floor": lambda: once(floor)}, rounds=options.rounds)
    )
    for who, work in {"ours": ours, **more}.items():
        for clients in CLIENTS:
            taken = await _timed(work, clients)
            details[f"{who}_{clients}"] = {
                "p50_ms": _percentile(taken, 0.5),
                "p99_ms": _percentile(taken, 0.99),
            }
    return Result(
        name=name,
        title=title,
        unit="ms, median",
        better="less",
        ours=found["ours"],
        floor=found["floor"],
        floor_is=floor_is,
        aim=f"{aim} (here {details['ours_1']['p99_ms']:.3g})",
        details=details,
    )


async def _timed(work: Callable[[int], Awaitable[None]], clients: int) -> list[float]:
    taken: list[float] = []
    numbers: Iterator[int] = iter(range(SEARCHES))

    async def client() -> None:
        for n in numbers:
            before = time.perf_counter()
            await work(n)
            taken.append(1000 * (time.perf_counter() - before))

    await asyncio.gather(*(client() for _ in range(clients)))
    return sorted(taken)


def _percentile(taken: Sequence[float], share: float) -> float:
    return taken[min(len(taken) - 1, int(len(taken) * share))]


def _words(size: int) -> str:
    return f"{size / MILLION:g} million"
