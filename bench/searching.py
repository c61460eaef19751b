"""How long the register takes to answer, and how often the act is among the answers. A question is a value,
so that as many processes ask as a service would have replicas on these cores, each with a pool of its own.
What is timed is asked for the first time, so that nothing it needs is in memory because it was just there.
"""

import asyncio
import gc
import json
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import Any, Final, Protocol
from uuid import UUID

import asyncpg
import uvloop

from bench.country import MILLION, UNIQUE, Country
from bench.harness import Options, Result, interleaved, medians
from bench.spellings import otherwise
from services.civil_status.api.common import read_by_another
from services.civil_status.api.exchanges import not_suspended
from services.civil_status.domain import Action
from services.civil_status.domain.search import Wanted
from services.civil_status.events import ActKind
from services.civil_status.store import acts, lookup
from services.civil_status.store.lookup import Place
from services.civil_status.store.search import search
from shared.auth import Actor, Role
from shared.db import Database
from shared.territory import territory

SEARCHES: Final = 400  # of each kind with so many clients
CLIENTS: Final = (1, 16)
PROCESSES: Final = 2  # that ask, where there is more than one client
PAUSE: Final = 0.1  # seconds that each of so many clients thinks, where they are people and not a queue
SHOWN: Final = 50  # acts of an answer, as the service gives them


class Question(Protocol):
    @property
    def by(self) -> Actor: ...

    async def asked(self, database: Database, by: Actor) -> bool:
        """As the route asks, with the entry in the register of reads. Whether the answer has the act."""


@dataclass(frozen=True, slots=True)
class LookedUp:
    """By its place in the registers, or by an identifier."""

    by: Actor
    wanted: Place | str

    async def asked(self, database: Database, by: Actor) -> bool:
        async with database.transaction(by, arrival=lookup.arrival(self.wanted, Action.LOOK_UP)) as tx:
            return lookup.found(tx) is not None


@dataclass(frozen=True, slots=True)
class Named:
    by: Actor
    wanted: Wanted
    act: UUID

    async def asked(self, database: Database, by: Actor) -> bool:
        async with database.transaction(by) as tx:
            await not_suspended(tx)
            found = [act for act, _ in (await search(tx, self.wanted, most=SHOWN)).found]
            await read_by_another(tx, Action.LOOK_UP, *found)
        return self.act in {act.id for act in found}


@dataclass(frozen=True, slots=True)
class Asked:
    """Milliseconds, ascending, and the share of the answers that had the act."""

    taken: Sequence[float]
    recall: float

    def percentile(self, share: float) -> float:
        return self.taken[min(len(self.taken) - 1, int(len(self.taken) * share))]


# --- a process that asks --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asking:
    dsn: str
    together: Barrier


_ASKING: Final[list[_Asking]] = []  # one, of this process


def _begin(dsn: str, together: Barrier) -> None:
    _ASKING.append(_Asking(dsn, together))


def _ask(
    questions: Sequence[Question], warm: Sequence[Question], clients: int, pause: float
) -> tuple[list[float], int]:
    return uvloop.run(_asked(_ASKING[0], questions, warm, clients, pause))


async def _asked(
    asking: _Asking, questions: Sequence[Question], warm: Sequence[Question], clients: int, pause: float
) -> tuple[list[float], int]:
    database = Database(asking.dsn, name="bench")
    taken: list[float] = []
    found, chance = 0, random.Random(1)

    async def client(reader: str, numbers: Iterator[Question]) -> None:
        nonlocal found
        for question in numbers:
            await asyncio.sleep(2 * pause * chance.random())
            before = time.perf_counter()
            found += await question.asked(database, replace(question.by, subject=reader))
            taken.append(1000 * (time.perf_counter() - before))

    async def all_(some: Sequence[Question]) -> None:
        numbers = iter(some)
        await asyncio.gather(*(client(f"bench-{os.getpid()}-{n}", numbers) for n in range(clients)))

    try:
        await all_(warm)  # connections are open, statements prepared, what is imported late is there
        gc.freeze()  # as a service does when it has started
        taken.clear()
        found = 0
        asking.together.wait()
        await all_(questions)
    finally:
        await database.close()
    return taken, found


def _timed(dsn: str, questions: Sequence[Question], clients: int, pause: float = 0) -> Asked:
    """The first tenth makes it warm and is not timed."""
    context, processes = get_context("spawn"), min(clients, PROCESSES)
    few = len(questions) // 10
    warm, asked = questions[:few], questions[few:]
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=_begin, initargs=(dsn, context.Barrier(processes))
    ) as pool:
        shares = [
            pool.submit(_ask, asked[at::processes], warm, clients // processes, pause)
            for at in range(processes)
        ]
        found = [share.result() for share in shares]
    taken = sorted(one for some, _ in found for one in some)
    return Asked(taken, sum(hits for _, hits in found) / len(taken))


# --- what is asked --------------------------------------------------------------------------------------


def officer(*communes: str, provinces: Sequence[str] = ()) -> Actor:
    return Actor(
        subject="bench",
        roles=frozenset({Role.CIVIL_STATUS_OFFICER}),
        communes=frozenset(communes),
        provinces=frozenset(provinces),
    )


EVERYWHERE: Final = officer(provinces=sorted(one.code for one in territory() if one.kind == "province"))


@dataclass(slots=True)
class Sample:
    """Acts from all over the table, each asked for once."""

    rows: list[asyncpg.Record]
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def next(self, ask: Callable[[asyncpg.Record, random.Random], Question]) -> list[Question]:
        some, self.rows = self.rows[:SEARCHES], self.rows[SEARCHES:]
        if len(some) < SEARCHES:
            raise RuntimeError("the sample was too small")
        return [ask(row, self.chance) for row in some]


async def _sample(country: Country, sets: int) -> Sample:
    """Of people whose family has a name, and both parents."""
    amount = sets * SEARCHES
    share = max(0.01, min(100.0, 400.0 * amount / await country.count()))
    found = await country.admin.fetch(
        "SELECT id, collectivity, office, year, kind, number, event_on, body::text AS body"
        f" FROM civil_status.act TABLESAMPLE SYSTEM ({share})"
        " WHERE family_name IS NOT NULL AND father_name IS NOT NULL AND mother_name IS NOT NULL"
        " ORDER BY random() LIMIT $1",
        amount,
    )
    return Sample(list(found))


def _named(
    by: Callable[[str], Actor], *parts: str, dated: bool = False
) -> Callable[[asyncpg.Record, random.Random], Question]:
    """By these names of an act, spelled otherwise; with the year of the event."""

    def ask(row: asyncpg.Record, chance: random.Random) -> Question:
        blocks, day = json.loads(row["body"]), row["event_on"]
        said: dict[str, Any] = {}
        for part in parts:
            person, which = (part, "given") if part in {"father", "mother"} else ("subject", part)
            name: Mapping[str, str] = blocks[person][which]
            said[part] = otherwise(name.get(chance.choice(["ar", "latin"])) or name["ar"], chance)
        if dated:
            said |= {"since": day.replace(month=1, day=1), "until": day.replace(month=12, day=31)}
        return Named(by(row["collectivity"]), Wanted(**said), row["id"])

    return ask


def _province(commune: str) -> Actor:
    return officer(provinces=[commune[:6]])


def _everywhere(_: str) -> Actor:
    return EVERYWHERE


async def exact(api: str, country: Country, options: Options, size: int) -> Result:
    """By office, year, kind and number, as the officer of the commune; the same by identifier."""
    chance = random.Random(3)
    holding = [one for one in country.all if one.numbers(size)]

    def numbered() -> list[Question]:
        drawn = chance.choices(holding, [one.share for one in holding], k=SEARCHES)
        return [
            LookedUp(
                officer(one.office.rpartition("-")[0]),
                Place(ActKind(one.kind), one.office, one.year, chance.randint(1, one.numbers(size))),
            )
            for one in drawn
        ]

    identified: list[Question] = []
    while len(identified) < SEARCHES * len(CLIENTS):
        row = await country.admin.fetchrow(
            "SELECT collectivity, identifier FROM civil_status.act WHERE identifier > $1"
            " ORDER BY identifier LIMIT 1",
            f"{chance.randrange(9 * 10**8):09d}00",
        )
        identified.append(LookedUp(officer(row["collectivity"]), row["identifier"]))
    again = numbered()

    async def bare(one: Question) -> None:
        assert isinstance(one, LookedUp)
        assert await country.admin.fetchrow(
            f"SELECT {acts.COLUMNS} FROM civil_status.act WHERE kind = $1 AND office = $2 AND year = $3"
            " AND number = $4",
            *one.wanted,
        )

    await country.warm(UNIQUE, "act_identifier")
    return await _searched(
        options,
        api,
        name=f"civil_status.exact.{size / MILLION:g}m",
        title=f"An act by its number among {size / MILLION:g} million",
        kinds={
            "ours": numbered,
            "by_identifier": lambda: [identified.pop() for _ in range(SEARCHES)],
        },
        again=again,
        floor=bare,
        floor_is="the bare SELECT by the unique index, without row-level security or a transaction",
        aim=5,
    )


async def by_name(api: str, country: Country, options: Options, size: int) -> Result:
    """By names of somebody, spelled otherwise: by the officer of the commune, by the court of the province,
    by the authority of the country; and by both parents.
    """
    kinds = {
        "ours": _named(officer, "given", "family"),
        "in_a_province": _named(_province, "given", "family"),
        "in_the_country": _named(_everywhere, "given", "family"),
        "in_the_country_in_a_year": _named(_everywhere, "given", "family", dated=True),
        "in_the_country_with_the_parents": _named(_everywhere, "given", "family", "father", "mother"),
        "by_parents": _named(officer, "father", "mother"),
        "by_parents_in_the_country": _named(_everywhere, "father", "mother"),
    }
    sample = await _sample(country, len(kinds) * len(CLIENTS) + 2)
    again = sample.next(kinds["ours"])

    async def bare(one: Question) -> None:
        assert isinstance(one, Named)
        await country.admin.fetch(
            f"SELECT {acts.COLUMNS} FROM civil_status.act WHERE (family_name, given_name) ="
            " (SELECT family_name, given_name FROM civil_status.act WHERE id = $1)"
            " AND collectivity = ANY($2) LIMIT 50",
            one.act,
            list(one.by.communes),
        )

    await country.warm("act_pkey", "act_couple", "act_name")
    return await _searched(
        options,
        api,
        name=f"civil_status.name.{size / MILLION:g}m",
        title=f"An act by a name spelled otherwise among {size / MILLION:g} million",
        kinds={kind: partial(sample.next, ask) for kind, ask in kinds.items()},
        again=again,
        floor=bare,
        floor_is="the bare SELECT of the acts with exactly these two names",
        aim=100,
    )


async def _searched(
    options: Options,
    api: str,
    *,
    name: str,
    title: str,
    kinds: Mapping[str, Callable[[], list[Question]]],
    again: Sequence[Question],
    floor: Callable[[Question], Awaitable[None]],
    floor_is: str,
    aim: int,
) -> Result:
    """Percentiles of questions that are new, with 1 and 16 clients, and how often the act was among the
    answers. The ratio to the floor is of medians with one client, of the same questions each round.
    """
    details: dict[str, Any] = {}
    for kind, fresh in kinds.items():
        for clients in CLIENTS:
            asked = await asyncio.to_thread(_timed, api, fresh(), clients)
            told = {"p50_ms": asked.percentile(0.5), "p99_ms": asked.percentile(0.99)}
            details[f"{kind}_{clients}"] = told | {"recall": asked.recall}
    asked = await asyncio.to_thread(_timed, api, kinds["ours"](), max(CLIENTS), PAUSE)
    details["ours_16_people"] = {"p50_ms": asked.percentile(0.5), "p99_ms": asked.percentile(0.99)}

    async def ours() -> float:
        return (await asyncio.to_thread(_timed, api, again, 1)).percentile(0.5)

    async def bare() -> float:
        taken = []
        for question in again:
            before = time.perf_counter()
            await floor(question)
            taken.append(1000 * (time.perf_counter() - before))
        return sorted(taken)[len(taken) // 2]

    found = medians(await interleaved({"ours": ours, "floor": bare}, rounds=options.rounds))
    first = details["ours_1"]["p99_ms"]
    return Result(
        name=name,
        title=title,
        unit="ms, median",
        better="less",
        ours=found["ours"],
        floor=found["floor"],
        floor_is=floor_is,
        aim=f"p99 below {aim} ms: {first:.3g} with 1 client,"
        f" {details['ours_16_people']['p99_ms']:.3g} with 16 people,"
        f" {details['ours_16']['p99_ms']:.3g} with 16 who ask without a pause",
        details=details,
    )
