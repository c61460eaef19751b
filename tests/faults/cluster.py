"""Everything that runs: PostgreSQL twice, Kafka three times, each service and the auditor a process.

All of it listens on loopback, dies with the harness, and is swept by `guard` when the harness is killed.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg

from deploy import platform
from deploy.demo.stage import Stage, stage
from deploy.engines import EngineError, Engines, EngineSettings, free_port
from deploy.engines.process import Child, admit, unprivileged
from deploy.processes import ServiceProcess, until_ready
from deploy.registry import SERVICES
from deploy.run import databases, front, topics
from shared.migrate import MIGRATOR, database_of, roles
from tests.faults import witness
from tests.faults.kafka import Brokers
from tests.faults.postgres import Pair

ALL: Final = (*SERVICES, witness.SERVICE)
PREFIX: Final = "jamaa-faults-"
STALL: Final = 120.0  # seconds in which something must move, on a machine with other work too
DISK: Final = "3g"  # of each engine; only what is written takes memory
PARTITIONS: Final = 4  # of a topic: with twelve the brokers would open 800 copies at every start
STARTS: Final = 3  # minutes that a process may take until it is ready, on a machine with other work too


class NotRun(Exception):
    """A fault that this machine cannot make. The message says what is missing; it never counts as passed."""


class Process(ServiceProcess):
    """One process of a service. `label` tells several of one service apart; `more` is added to what it is
    told. It is started again when it ends, unless it was ended on purpose.
    """

    def __init__(self, name: str, variables: Mapping[str, str], *, label: str | None = None) -> None:
        super().__init__(name, variables)
        self.label = label or name
        # Of two members by one name each would throw the other out of every group, again and again.
        self._environment["JAMAA_INSTANCE"] = self.label
        self._variables = variables
        self._log = self._log.with_name(f"{self.label}.log")
        self._keeper: asyncio.Task[None] | None = None
        self.more: dict[str, str] = {}
        self.restarts = 0
        if label:
            self.url = f"http://127.0.0.1:{free_port()}/{name}"

    @property
    def log(self) -> Path:
        return self._log

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def _command(self) -> list[str]:
        port = self.url.rpartition(":")[2].partition("/")[0]
        return ["-m", "tests.faults.program", "serve", self.name, "--port", port]

    def start(self) -> None:
        environment = {k: v for k, v in self._environment.items() if not k.startswith("FAULTS_")}
        kept = {k: v for k, v in self._variables.items() if k.startswith("FAULTS_")}
        self._child = Child(
            [sys.executable, *self._command()], log=self._log, environment=environment | kept | self.more
        )

    async def ready(self) -> None:
        """Also when it is killed meanwhile and comes again."""
        for _ in range(STARTS - 1):
            with contextlib.suppress(EngineError):  # not within a minute
                return await self._ready()
        return await self._ready()

    async def _ready(self) -> None:
        if self._keeper is None:
            await super().ready()
        else:
            await until_ready(self.name, self.url)

    def keep_running(self, note: Callable[[str], None]) -> None:
        """Whatever ends it: a second later it is there again, as an orchestrator does."""

        async def keep() -> None:
            while True:
                await self.child.exited()
                self.restarts += 1
                await asyncio.sleep(0.5)
                self.start()
                note(f"{self.label} started again")

        self._keeper = asyncio.create_task(keep())

    def kill(self) -> None:
        """-9. Whoever keeps it running starts it again."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        if self.running:
            os.kill(self.pid, signal.SIGCONT)

    async def down(self, *, hard: bool = True) -> None:
        """Ended, and not started again until `up`."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        if hard and self._child is not None:
            await self._child.stop()
        else:
            await self.stop()

    async def up(self, note: Callable[[str], None]) -> None:
        self.start()
        await self.ready()
        self.keep_running(note)

    def said(self, event: str, since: int = 0) -> list[dict[str, Any]]:
        """The whole lines of its log about `event`, from the byte `since` on."""
        lines = self.log.read_bytes()[since:].decode(errors="replace").rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in lines if f'"{event}"' in line]


class AuditorProcess(Process):
    """Beside the services; it has no port, so it counts as ready at once."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(witness.NAME, variables, label="auditor")
        own = {k: v for k, v in variables.items() if k.endswith("_DATABASE_URL")}
        self._environment |= own

    def _command(self) -> list[str]:
        return ["-m", "tests.faults.program", "auditor"]

    async def ready(self) -> None:
        await asyncio.sleep(0)


@dataclass(slots=True)
class Cluster:
    """What scenarios work on. `scale` multiplies every wait and every amount of theirs."""

    home: Path
    postgres: Pair
    kafka: Brokers
    variables: dict[str, str]
    scale: float
    note: Callable[[str], None]
    processes: dict[str, Process] = field(default_factory=dict)
    auditor: AuditorProcess = field(init=False)
    stage: Stage = field(init=False)

    @property
    def points(self) -> Path:
        return self.home / "points"

    def arm(self, service: str, point: str, how: str = "kill") -> Path:
        """The next time that the service comes to this point it kills itself, or stops: the file is gone."""
        armed = self.points / f"{service}.{point}"
        draft = armed.with_suffix(".new")
        draft.write_text(how)
        return draft.rename(armed)

    async def struck(self, *armed: Path, within: float = 90.0) -> None:
        """Until the processes have come to all of these points."""

        def left() -> list[str]:
            return [file.name for file in armed if file.exists()]

        async def none_left() -> bool:
            return not await asyncio.to_thread(left)

        await self.until(f"processes fail at {left()}", none_left, within=within)

    def seconds(self, full: float, *, least: float = 2.0) -> float:
        """A wait of the specification, scaled."""
        return max(full * self.scale, min(full, least))

    def amount(self, full: int, *, least: int = 10) -> int:
        return max(int(full * self.scale), min(full, least))

    async def start_services(self) -> None:
        for process in self.processes.values():
            process.start()
        self.auditor.start()
        await asyncio.gather(*(process.ready() for process in self.processes.values()))
        for process in (*self.processes.values(), self.auditor):
            process.keep_running(self.note)

    async def end_services(self, *, hard: bool = False) -> None:
        await asyncio.gather(*(p.down(hard=hard) for p in (*self.processes.values(), self.auditor)))

    async def ready(self) -> None:
        await asyncio.gather(*(process.ready() for process in self.processes.values()))

    async def again(self, service: str, **more: str) -> Process:
        """Ended as an operator does, and started again with this beside what it is told."""
        process = self.processes[service]
        process.more = more
        await process.down(hard=False)
        await process.up(self.note)
        return process

    @asynccontextmanager
    async def twin(self, service: str) -> AsyncIterator[Process]:
        """A second process of the service while the block runs."""
        twin = Process(service, self.variables, label=f"{service}-2")
        try:
            await twin.up(self.note)
            self.processes[twin.label] = twin
            yield twin
        finally:
            self.processes.pop(twin.label, None)
            await twin.down()

    @asynccontextmanager
    async def sql(self, service: str) -> AsyncIterator[asyncpg.Connection]:
        """The administrator's session on a service's database, on the present primary."""
        connection = await self.postgres.connect(database_of(service))
        try:
            yield connection
        finally:
            await connection.close()

    async def value(self, service: str, statement: str, *values: Any) -> Any:
        async with self.sql(service) as connection:
            return await connection.fetchval(statement, *values)

    async def until(self, what: str, look: Callable[[], Any], *, within: float) -> float:
        """Waits until `look` is true; returns how long it took. Raises `Stuck`."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        pause = 0.1
        while not (seen := await look()):
            if loop.time() - began > within:
                raise Stuck(f"{what}: not within {within:.0f} s (last seen: {seen!r})")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 1.0)
        return loop.time() - began

    async def reaches(
        self,
        what: str,
        look: Callable[[], Awaitable[int]],
        wanted: int,
        *,
        stall: float = STALL,
        say: Callable[[str], None] = lambda _: None,
    ) -> float:
        """Waits until `look` counts so many, as long as the count grows; returns how long it took. Raises
        `Stuck`.
        """
        loop = asyncio.get_running_loop()
        began = progress = loop.time()
        most = -1
        while (seen := await look()) < wanted:
            if seen > most:
                most, progress = seen, loop.time()
                say(f"{what}: {seen:,} of {wanted:,}")
            if loop.time() - progress > stall:
                raise Stuck(f"{what}: {seen} of {wanted}, no more in {stall:.0f} s")
            await asyncio.sleep(min(3.0, 0.2 + (loop.time() - began) / 20))
        say(f"{what}: {seen:,} of {wanted:,}")
        return loop.time() - began


class Stuck(Exception):
    """Something that must happen did not, however long we waited."""


def _environment(home: Path, postgres: Pair, kafka: Brokers, port: int) -> dict[str, str]:
    variables = platform.environment(home, postgres, kafka, port, separate=True)
    for service in ALL:
        api, worker = roles(service.name)
        prefix, database = f"JAMAA_{service.name.upper()}", database_of(service.name)
        variables |= {
            f"{prefix}_DATABASE_URL": postgres.either(database, api),
            f"{prefix}_WORKER_DATABASE_URL": postgres.either(database, worker),
            f"{prefix}_MIGRATOR_DATABASE_URL": postgres.either(database, MIGRATOR),
        }
    return variables | {
        "JAMAA_WITNESS_URL": f"http://127.0.0.1:{free_port()}/witness",
        "FAULTS_POINTS": str(home / "points"),
        "JAMAA_KAFKA_PARTITIONS": str(PARTITIONS),
    }


@contextlib.contextmanager
def workplace() -> Any:
    """A directory that is gone afterwards, with every process that names it: also when we are killed."""
    home = Path(tempfile.mkdtemp(prefix=PREFIX))
    home.chmod(0o711)
    guard = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("guard.py")), str(home), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield home
    finally:
        guard.send_signal(signal.SIGTERM)
        guard.wait(60)
        shutil.rmtree(home, ignore_errors=True)


def disks(home: Path, size: str = DISK) -> bool:
    """A small disk of its own under each engine, where we may mount one."""
    for name in ("postgres-a", "postgres-b", "kafka-1", "kafka-2", "kafka-3"):
        place = home / name
        place.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(place)]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            return False
    return True


@asynccontextmanager
async def cluster(home: Path, *, scale: float, note: Callable[[str], None]) -> AsyncIterator[Cluster]:
    """Yields once every service is ready."""
    admit(home, unprivileged(home / "nothing"))
    (home / "log").mkdir(exist_ok=True)
    (home / "points").mkdir(mode=0o700)
    async with AsyncExitStack() as stack:
        postgres, kafka = Pair(home), Brokers(home)
        stack.push_async_callback(postgres.stop)
        stack.push_async_callback(kafka.stop)
        await postgres.start()
        note(f"PostgreSQL twice: commits wait for the standby ({postgres.primary.port})")
        await kafka.start()
        note(f"Apache Kafka, {len(kafka.nodes)} nodes: {kafka.bootstrap}")
        engines, settings = Engines(postgres, kafka), EngineSettings(home=home)
        await databases(engines, settings, ALL)
        port = free_port()
        variables = _environment(home, postgres, kafka, port)
        variables["FAULTS_SCALE"] = str(scale)
        platform.remember(home, variables)
        await topics(variables)
        note(f"{len(ALL)} databases, topics")
        await stack.enter_async_context(front(variables, port))
        running = Cluster(home, postgres, kafka, variables, scale, note)
        running.auditor = AuditorProcess(variables)
        running.processes = {service.name: Process(service.name, variables) for service in ALL}
        running.stage = await stack.enter_async_context(stage(variables))
        stack.push_async_callback(running.end_services, hard=True)
        try:
            await running.start_services()
        except EngineError as error:
            raise Stuck(str(error)) from error
        note(f"{len(running.processes)} services and the auditor, a process each")
        yield running
