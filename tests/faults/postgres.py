"""PostgreSQL as production has it: a primary, and a standby that has every commit before it is answered.

Services are given both addresses and `target_session_attrs=read-write`, so that after a promotion they find
the new primary by themselves; nothing stands in between.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import asyncpg

from deploy.engines import EmbeddedPostgres, EngineError, free_port, installed_programs
from deploy.engines.postgres import SETTINGS, _derived, wheel_programs
from deploy.engines.process import LOOPBACK, Child, admit, unprivileged

OWN: Final = {
    "shared_buffers": "256MB",
    "max_wal_size": "512MB",
    "wal_keep_size": "256MB",
    "wal_receiver_timeout": "5s",
    "wal_sender_timeout": "5s",
    "hot_standby": "on",
    "deadlock_timeout": "1s",
}
NAMES: Final = ("a", "b")


class Server:
    """One PostgreSQL with a directory and a port of its own, primary or standby as its data says."""

    def __init__(self, home: Path, name: str, programs: Path) -> None:
        self.name = name
        self.port = free_port()
        self.place = home / f"postgres-{name}"
        self.data = self.place / "data"
        self._log = home / "log" / f"postgres-{name}.log"
        self._programs = programs
        self._child: Child | None = None
        self.more: dict[str, str] = {}
        """Variables beside its own from the next start on: a clock that may be stepped."""

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        assert self._child is not None, "start() first"
        return self._child.pid

    def run(
        self, program: str, *arguments: str | Path, environment: Mapping[str, str] | None = None
    ) -> Child:
        return Child(
            [self._programs / program, *arguments],
            log=self._log,
            account=unprivileged(self.place),
            death_signal=signal.SIGQUIT,
            environment=environment,
        )

    async def start(self) -> None:
        """Returns once it accepts connections; raises EngineError when it ended instead."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        settings = {**SETTINGS, **OWN, "port": str(self.port), "listen_addresses": LOOPBACK}
        settings |= {"unix_socket_directories": "", "cluster_name": self.name}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._child = self.run("postgres", "-D", self.data, *options, environment=self.more)
        status = self.data / "postmaster.pid"
        while self._child.poll() is None:
            lines = status.read_text().splitlines() if status.exists() else []
            if len(lines) >= 8 and lines[7].strip() in {"ready", "standby"}:
                return
            await asyncio.sleep(0.05)
        raise EngineError(f"PostgreSQL {self.name} did not start: {self._child.said()[-500:]}")

    async def kill(self) -> None:
        """`kill -9` of the postmaster; its children notice and end."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
            await self.ended()

    async def ended(self) -> None:
        if self._child is not None:
            await self._child.exited()

    async def stop(self) -> None:
        if self._child is not None:
            await self._child.stop((signal.SIGINT, 20), (signal.SIGQUIT, 5))


class Pair:
    """Both servers. `primary` is the one that commands are answered by; `dsn` is its administrator's."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._programs = installed_programs() or wheel_programs()
        self._servers = {name: Server(home, name, self._programs) for name in NAMES}
        self._secret = ""
        self.primary = self._servers["a"]
        self.standby: Server | None = None
        self.notes: list[str] = []

    async def start(self) -> None:
        """A new primary, and a standby copied from it."""
        admit(self._home, unprivileged(self._home / "nothing"))
        first = EmbeddedPostgres(self._home, bindir=self._programs, durable=True)
        await first.start()  # initialises; then the directory is ours
        self._secret = first._secret
        await first.stop()
        self.primary.place.mkdir(exist_ok=True)
        owner = (self._home / "postgres").stat()
        os.chown(self.primary.place, owner.st_uid, owner.st_gid)
        shutil.move(self._home / "postgres" / "data", self.primary.data)
        for path in self.primary.data.rglob("*"):  # to another disk it was copied, by us
            os.chown(path, owner.st_uid, owner.st_gid)
        os.chown(self.primary.data, owner.st_uid, owner.st_gid)
        await self.primary.start()
        await self.add_standby()

    async def stop(self) -> None:
        await asyncio.gather(*(server.stop() for server in self._servers.values()))

    async def exited(self) -> int:
        await asyncio.Event().wait()
        raise AssertionError

    def password(self, role: str) -> str:
        return _derived(self._secret, role)

    def dsn(self, database: str = "postgres", user: str | None = None) -> str:
        """Of the present primary, for one connection."""
        password = self.password(user) if user else self._secret
        return (
            f"postgresql://{user or 'postgres'}:{password}@{LOOPBACK}:{self.primary.port}/{quote(database)}"
        )

    def either(self, database: str, user: str) -> str:
        """What a service is given: whichever server takes writes."""
        hosts = ",".join(f"{LOOPBACK}:{server.port}" for server in self._servers.values())
        account = f"{user}:{self.password(user)}"
        return f"postgresql://{account}@{hosts}/{quote(database)}?target_session_attrs=read-write"

    async def connect(self, database: str = "postgres", **settings: Any) -> asyncpg.Connection:
        """The administrator's session on the primary."""
        return await asyncpg.connect(self.dsn(database), timeout=20, **settings)

    async def add_standby(self) -> None:
        """Copies the primary into the other server; afterwards no commit is answered without it."""
        other = next(server for server in self._servers.values() if server is not self.primary)
        await other.stop()
        if other.data.exists():
            shutil.rmtree(other.data)
        other.place.mkdir(exist_ok=True)
        owner = self.primary.place.stat()
        os.chown(other.place, owner.st_uid, owner.st_gid)
        source = (
            f"host={LOOPBACK} port={self.primary.port} user=postgres password={self._secret}"
            f" application_name={other.name}"
        )
        copy = other.run("pg_basebackup", "-d", source, "-D", other.data, "-R", "-X", "stream", "-c", "fast")
        if await copy.exited():
            raise EngineError(f"the standby could not be copied: {copy.said()[-500:]}")
        await other.start()
        await self._answer_with(other.name)
        self.standby = other

    async def answer_alone(self) -> None:
        """Commits no longer wait for the standby, until `add_standby`."""
        await self._answer_with("")

    async def _answer_with(self, standby: str) -> None:
        connection = await self.connect()
        try:
            await connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'")
            await connection.execute("SELECT pg_reload_conf()")
            deadline = asyncio.get_running_loop().time() + 30
            state = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
            while standby and not await connection.fetchval(state):
                if asyncio.get_running_loop().time() > deadline:
                    raise EngineError("the standby does not follow the primary")
                await asyncio.sleep(0.05)
        finally:
            await connection.close()

    async def promote(self) -> None:
        """The standby becomes the primary; whoever was it must have ended. It answers alone until
        `add_standby`.
        """
        assert self.standby is not None
        assert not self.primary.running, "two primaries"
        successor, self.standby = self.standby, None
        connection = await asyncpg.connect(
            f"postgresql://postgres:{self._secret}@{LOOPBACK}:{successor.port}/postgres", timeout=20
        )
        try:
            await connection.execute("SELECT pg_promote(true, 60)")
            await connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            await connection.execute("SELECT pg_reload_conf()")
        finally:
            await connection.close()
        self.primary = successor


@contextlib.asynccontextmanager
async def session(pair: Pair, database: str) -> Any:
    """An administrator's connection for a block."""
    connection = await pair.connect(database)
    try:
        yield connection
    finally:
        await connection.close()
