"""What every benchmark stands on: engines of its own, contestants in turn, a figure that can be kept."""

import asyncio
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

import asyncpg

from deploy.engines import Broker, EmbeddedBroker, EmbeddedPostgres, EngineError, free_port
from deploy.engines.process import Child
from deploy.issuer import Issuer
from deploy.kafka import KafkaCluster, single
from deploy.registry import SERVICES
from shared.bus import Bus
from shared.db import Database
from shared.migrate import MIGRATOR, database_of, migrate, provision, roles
from shared.service import Service

ROOT: Final = Path(__file__).parents[1]
CACHE: Final = ROOT / "build" / "bench"  # git-ignored: what peers are made of
LATEST: Final = ROOT / "bench" / "results" / "latest.json"
ROUNDS: Final = 5
TICK: Final = os.sysconf("SC_CLK_TCK")

Peers = dict[str, float | str]
"""What a peer reached, or why it could not be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`scale` makes backlogs and batches smaller or larger; a figure says with which it was made."""

    scale: float = 1.0
    rounds: int = ROUNDS
    peers: bool = True
    home: Path | None = None
    """Where data is kept from one run to the next; without it nothing is."""

    def scaled(self, amount: int) -> int:
        return max(100, int(amount * self.scale))


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One figure beside its floor: the least that the same effect can cost on the same engines. All are
    medians over rounds in which the contestants took turns.
    """

    name: str
    title: str
    unit: str
    better: Literal["more", "less"]
    ours: float
    floor: float
    floor_is: str
    aim: str
    peers: Peers = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Above 1 is better than the floor, whichever way the unit counts."""
        return self.ours / self.floor if self.better == "more" else self.floor / self.ours


@dataclass(frozen=True, slots=True)
class Workshop:
    """Engines that live as long as one benchmark, durable as the product's own, and an issuer."""

    home: Path
    postgres: EmbeddedPostgres
    broker: Broker
    issuer: Issuer
    options: Options

    async def database(self, service: Service, name: str | None = None) -> None:
        """The service's database, as the launcher would make it; `name` makes another one like it."""
        passwords = {role: self.postgres.password(role) for role in (MIGRATOR, *roles(service.name))}
        await provision(self.postgres.dsn(), service.name, passwords, database=name, development=True)
        owner = self.postgres.dsn(name or database_of(service.name), MIGRATOR)
        await migrate(owner, service.name, service.migrations, development=True)

    def worker(self, service: Service, name: str | None = None) -> Database:
        """The pool of its consumers and its relay. The caller closes it."""
        role = roles(service.name)[1]
        return Database(self.postgres.dsn(name or database_of(service.name), role), name="bench")

    @property
    def bus(self) -> Bus:
        """As the services would be told to reach the broker."""
        if isinstance(self.broker, EmbeddedBroker):
            return Bus(self.broker.bootstrap, idempotence=False, session_timeout_ms=1000)
        return Bus(self.broker.bootstrap)

    @property
    def broker_is(self) -> str:
        return "embedded broker" if isinstance(self.broker, EmbeddedBroker) else "Apache Kafka"

    def environment(self, port: int) -> dict[str, str]:
        """What `jamaa serve` reads."""
        variables = {
            "JAMAA_PROFILE": "development",
            "JAMAA_HOME": str(self.home),
            "JAMAA_URL": f"http://127.0.0.1:{port}",
            "JAMAA_KAFKA_BOOTSTRAP": self.broker.bootstrap,
            "JAMAA_KAFKA_IDEMPOTENCE": str(self.bus.idempotence).lower(),
            "JAMAA_ISSUER": self.issuer.url,
            "JAMAA_JWKS_URL": self.issuer.jwks_url,
            "JAMAA_PAYMENT_SECRET": "a secret that nobody else needs to know",
        }
        for service in SERVICES:
            api, worker = roles(service.name)
            name = database_of(service.name)
            variables[f"JAMAA_{service.name.upper()}_DATABASE_URL"] = self.postgres.dsn(name, api)
            variables[f"JAMAA_{service.name.upper()}_WORKER_DATABASE_URL"] = self.postgres.dsn(name, worker)
        return variables

    async def execute(self, service: str, *statements: str) -> None:
        """As the administrator, whom no policy stops."""
        connection = await asyncpg.connect(self.postgres.dsn(database_of(service)), timeout=10)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


BEGAN: Final = time.monotonic()


def say(what: str) -> None:
    """How far it is, for who waits."""
    print(f"  {time.monotonic() - BEGAN:5.0f} s  {what}", file=sys.stderr, flush=True)


def require_disk(home: Path, what: str, size: float) -> None:
    """Says what `size` bytes are for. Raises RuntimeError when they are not free, before any is written."""
    free = shutil.disk_usage(home).free
    say(f"{what}: {size / 2**30:.1f} GiB on disk at most, {free / 2**30:.0f} GiB are free")
    if size > free:
        raise RuntimeError(f"{what} need {size / 2**30:.1f} GiB: choose a smaller --scale, or another --home")


@asynccontextmanager
async def unindexed(connection: asyncpg.Connection, *tables: str) -> AsyncIterator[None]:
    """For millions of rows: the same indexes, but for the primary keys, made once the rows are there, all in
    one transaction; then VACUUM, ANALYZE and CHECKPOINT. Several times as fast, and it leaves them fuller
    than a life would.
    """
    async with connection.transaction():
        found = await connection.fetch(
            "SELECT i.indrelid::regclass AS on, i.indexrelid::regclass AS name, c.conname,"
            " coalesce(pg_get_constraintdef(c.oid), pg_get_indexdef(i.indexrelid)) AS made FROM pg_index i"
            " LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'u'"
            " WHERE i.indrelid = ANY(CAST($1::text[] AS regclass[])) AND NOT i.indisprimary",
            tables,
        )
        for on, name, constraint, _ in found:
            drop = f'ALTER TABLE {on} DROP CONSTRAINT "{constraint}"' if constraint else f"DROP INDEX {name}"
            await connection.execute(drop)
        yield
        await connection.execute("SET LOCAL maintenance_work_mem = '1GB'")
        for on, _, constraint, made in found:
            add = f'ALTER TABLE {on} ADD CONSTRAINT "{constraint}" {made}' if constraint else made
            await connection.execute(add.replace(" ON ONLY ", " ON "))  # a partitioned table's, of its parts
    for table in tables:
        await connection.execute(f"VACUUM (ANALYZE) {table}")
    await connection.execute("CHECKPOINT")


SETTINGS: Final = {
    "shared_preload_libraries": "pg_stat_statements",
    "wal_level": "logical",  # Debezium reads it; everybody pays for it alike
    "max_wal_size": "8GB",
    "shared_buffers": "1GB",  # a server's: for all contestants alike
}


@asynccontextmanager
async def workshop(
    options: Options, *services: Service, kafka: bool = False, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Workshop]:
    """`kafka` takes Apache Kafka where its jars and Java can be had, else the embedded broker. `settings` are
    PostgreSQL's, over those of every benchmark.
    """
    with (
        TemporaryDirectory(prefix="jamaa-bench-")
        if options.home is None
        else nullcontext(options.home) as place
    ):
        home = Path(place)
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o755)  # as root the engines run as an unprivileged user
        async with AsyncExitStack() as stack:
            postgres = await stack.enter_async_context(
                EmbeddedPostgres(home, settings={**SETTINGS, **(settings or {})})
            )
            broker = await _broker(stack, home, kafka=kafka)
            issuer = Issuer(home, "development", "http://127.0.0.1/issuer")
            shop = Workshop(home, postgres, broker, issuer, options)
            for service in services:
                await shop.database(service)
            yield shop


async def _broker(stack: AsyncExitStack, home: Path, *, kafka: bool) -> Broker:
    if kafka:
        try:
            return await stack.enter_async_context(KafkaCluster(home, single(None)))
        except EngineError as error:
            print(f"no Apache Kafka, the embedded broker instead: {error}", file=sys.stderr)
    return await stack.enter_async_context(EmbeddedBroker(home))


@dataclass(frozen=True, slots=True)
class Server:
    """A contestant that answers on `port`, in a process of its own."""

    port: int
    child: Child

    @property
    def cpu(self) -> float:
        """Processor seconds that it and its children have used."""
        return cpu_of(self.child.pid)


@asynccontextmanager
async def serving(
    shop: Workshop,
    name: str,
    argv: Sequence[str | Path],
    environment: Mapping[str, str],
    *,
    port: int | None = None,
    patience: float = 60.0,
) -> AsyncIterator[Server]:
    """`{port}` in `argv` becomes the port. Raises RuntimeError with what the program said when it ends or
    does not listen in time.
    """
    at = port or free_port()
    child = Child(
        [str(part).replace("{port}", str(at)) for part in argv],
        log=shop.home / "log" / f"{name}.log",
        environment={"PATH": os.environ["PATH"], "HOME": str(shop.home), **environment},
    )
    try:
        deadline = asyncio.get_running_loop().time() + patience
        while not await _listens(at):
            if child.poll() is not None or asyncio.get_running_loop().time() > deadline:
                raise RuntimeError(f"{name} does not answer: {child.said()[-2000:]}")
            await asyncio.sleep(0.05)
        yield Server(at, child)
    finally:
        await child.stop()


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@dataclass(frozen=True, slots=True)
class Load:
    """What the client of `bench/load.py` saw. Latencies in milliseconds, `cpu` the client's own seconds."""

    answered: int
    seconds: float
    statuses: dict[str, int]
    p50: float
    p99: float
    cpu: float

    @property
    def rate(self) -> float:
        return self.answered / self.seconds


async def load(spec: Mapping[str, Any], *, expect: int) -> Load:
    """Raises RuntimeError when anything but `expect` was answered: no contestant is quick to refuse."""
    process = await asyncio.create_subprocess_exec(
        *python("bench.load"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    try:
        async with asyncio.timeout(spec["seconds"] + 60):
            out, _ = await process.communicate(json.dumps(spec).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"the client ended with status {process.returncode}")
    found = json.loads(out)
    sample = found.pop("sample")
    seen = Load(**found)
    if set(seen.statuses) != {str(expect)}:
        raise RuntimeError(f"answers {seen.statuses}, for instance {sample}")
    return seen


Measure = Callable[[], Awaitable[float]]


async def interleaved(
    contestants: Mapping[str, Measure], rounds: int, *, told: str | None = None
) -> dict[str, list[float]]:
    """Each round asks every contestant once, in an order that turns, so that a slow minute of the machine
    hits all alike. `told` is what long rounds are told as.
    """
    seen: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            seen[name].append(await contestants[name]())
        if told:
            figures = ", ".join(f"{name} {values[-1]:,.4g}" for name, values in seen.items())
            say(f"{told}, round {turn + 1} of {rounds}: {figures}")
    return seen


def medians(seen: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in seen.items()}


def others(found: Mapping[str, float]) -> Peers:
    """Of all contestants, the peers."""
    return {name: figure for name, figure in found.items() if name not in {"ours", "floor"}}


def cpu_of(pid: int) -> float:
    """Of a process and its living and waited-for children, in seconds."""
    total = 0.0
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(place.parent.name) == pid:
            total += sum(int(value) for value in fields[11:15]) / TICK
        elif int(fields[1]) == pid:
            total += sum(int(value) for value in fields[11:13]) / TICK
    return total


def kept(results: Sequence[Result], options: Options, path: Path = LATEST) -> dict[str, Any]:
    """Adds the results to those kept, each with its machine and commit; returns all."""
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for result in results:
        shown = asdict(result) | {"ratio_to_floor": result.ratio}
        # Why a peer is missing must not say where things are on this machine.
        shown["peers"] = {
            peer: re.sub(r"\S*/\S+", "…", figure)[:160] if isinstance(figure, str) else figure
            for peer, figure in result.peers.items()
        }
        shown |= {"rounds": options.rounds, "scale": options.scale, "machine": machine(), "commit": commit()}
        shown["measured_on"] = datetime.now(UTC).date().isoformat()
        known[result.name] = _rounded(shown)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(dict(sorted(known.items())), indent=1, ensure_ascii=False) + "\n")
    return known


def machine() -> dict[str, Any]:
    """No host name, no path: what somebody else needs to judge the figures."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30),
        "python": ".".join(map(str, sys.version_info[:3])),
    }


def commit() -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude", "*"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    return asked.stdout.strip() or "unknown"


def _rounded(value: Any) -> Any:
    """Four figures are more than the machine can repeat."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value
