"""Everything an installation would need again, in one directory: databases, files, secrets.

All databases are dumped as of one instant: for a moment nobody announces or applies anything while a
snapshot is taken in each, so that no consumer knows more than its producer. Otherwise, after a restore,
a producer would give numbers away again that a consumer has already seen, and lose events in silence.
"""

import asyncio
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit
from urllib.request import url2pathname

import asyncpg

from deploy.command import Refused
from deploy.engines import EngineSettings, Postgres, engines
from deploy.engines.errors import explained
from deploy.engines.postgres import wheel_programs
from deploy.engines.process import Claim, admit, last_line, unprivileged
from deploy.operator.identity import login, record
from deploy.registry import SERVICES, UnknownService, service
from shared.migrate import MIGRATOR, database_of, migrate, provision, roles
from shared.settings import migrator_settings_for, settings_for
from shared.time import format_instant

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SECRETS: Final = ("secret", "issuer/key.json")
STILL: Final = "LOCK TABLE msg.inbox_head, msg.aggregate_head IN SHARE MODE"
FACTS: Final = """
    SELECT (SELECT count(*) FROM msg.event_log) AS events,
      (SELECT max(pos) FROM msg.event_log) AS last_position,
      current_setting('server_version') AS postgresql"""
POSITIONS: Final = """
    SELECT setval('msg.event_pos', greatest(last_value, (SELECT coalesce(max(pos), 1) FROM msg.event_log)))
    FROM msg.event_pos"""
KNOWS_TRANSACTION_TIMEOUT: Final = 17
RESTORING: Final = "_restoring"  # what a database is called until all are there
DATA: Final = ("postgres", "files", "issuer", "secret")
PLACE: Final = re.compile(r"(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?")
LIBPQ: Final = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "sslmode": "PGSSLMODE",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "krbsrvname": "PGKRBSRVNAME",
    "gsslib": "PGGSSLIB",
}


# -- backup


async def backup(variables: Mapping[str, str], target: Path) -> None:
    """Writes a new directory, readable by its owner only. Raises Refused when there is something in it."""
    with explained(target):
        _begin(target)
        owners = {
            each.name: migrator_settings_for(each.name, variables).migrator_database_url.get_secret_value()
            for each in SERVICES
        }
        services: dict[str, dict[str, Any]] = {}
        async with _snapshots(owners) as snapshots:
            for name, (snapshot, facts) in snapshots.items():
                file = target / f"{name}.dump"
                await _run(
                    "pg_dump", owners[name], "--format=custom", f"--snapshot={snapshot}", f"--file={file}"
                )
                services[name] = facts | {"file": file.name, "sha256": _digest(file)}
                print(f"{name}: {facts['events']} events, {file.stat().st_size // 1024} KiB")
        files = _copy_files(variables, target / "files")
        kept = _copy_secrets(Path(variables.get("JAMAA_HOME", ".")), target / "secrets")
        manifest = {
            "format": FORMAT,
            "jamaa": importlib.metadata.version("jamaa"),
            "made_at": format_instant(datetime.now(UTC).replace(microsecond=0)),
            "services": services,
            "files": files,
            "secrets": kept,
        }
        (target / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    print(f"{target}: {len(services)} databases, {files} files, {len(kept)} secrets")


def _begin(target: Path) -> None:
    if target.exists() and any(target.iterdir()):
        raise Refused(f"{target} is not empty: name a new directory")
    target.mkdir(parents=True, exist_ok=True)
    target.chmod(0o700)


@asynccontextmanager
async def _snapshots(owners: Mapping[str, str]) -> AsyncIterator[dict[str, tuple[str, dict[str, Any]]]]:
    """One snapshot of each database, all of the same moment, valid while the block runs."""
    async with AsyncExitStack() as stack:

        async def connect(dsn: str) -> asyncpg.Connection:
            connection = await asyncpg.connect(dsn)
            stack.push_async_callback(connection.close)
            return connection

        holders = [await connect(dsn) for dsn in owners.values()]
        readers = {name: await connect(dsn) for name, dsn in owners.items()}
        taken = {}
        try:
            for holder in holders:
                await holder.execute("BEGIN")
                await holder.execute("SET LOCAL lock_timeout = '10s'")
                await holder.execute(STILL)
            for name, reader in readers.items():
                await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                taken[name] = await reader.fetchval("SELECT pg_export_snapshot()")
        except asyncpg.LockNotAvailableError as error:
            raise Refused("the services did not stand still for ten seconds: try again") from error
        finally:
            for holder in holders:
                await holder.close()
        yield {name: (taken[name], dict(await readers[name].fetchrow(FACTS))) for name in readers}


def _copy_files(variables: Mapping[str, str], target: Path) -> int:
    """Files are only ever added, and before what refers to them: a later copy holds all that a dump needs."""
    places = set()
    for each in SERVICES:
        url = urlsplit(settings_for(each.name, variables).files_url)
        if url.scheme != "file":
            print(f"{each.name}: its files are in {url.scheme}://{url.netloc}: back them up there")
            continue
        places.add(Path(url2pathname(url.path)))
    count = 0
    for place in places:
        if place.is_dir():
            shutil.copytree(place, target, dirs_exist_ok=True)
    if target.exists():
        count = sum(1 for path in target.rglob("*") if path.is_file())
    return count


def _copy_secrets(home: Path, target: Path) -> list[str]:
    kept = []
    for name in SECRETS:
        if (home / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copy2(home / name, target / name)
            kept.append(name)
    return kept


# -- restore


async def restore(settings: EngineSettings, source: Path) -> None:
    """Into a stopped or a new data directory; what was there is set aside, not deleted. With DATABASE_URL,
    into databases of that server, which must not exist yet. All is made and checked beside what is there, and
    takes its place at the end: a restore that fails changes nothing, but that with DATABASE_URL the roles'
    passwords are by then those of this installation, as every start writes them.

    Raises Refused for a backup that is damaged or of another version.
    """
    manifest = _manifest(source)
    with explained(settings.home):
        settings.home.mkdir(parents=True, exist_ok=True)
        if not settings.database_url:  # whoever runs the engine enters the draft by this directory
            admit(settings.home, unprivileged(settings.home / "postgres"))
        async with _stopped(settings.home):
            draft = Path(tempfile.mkdtemp(prefix="restoring-", dir=settings.home))
            try:
                aside = await _restored(settings, source, manifest, draft)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    if aside:
        print(f"what was there is in {aside}")
    print(f"restored into {settings.home}: 'make run'")


async def _restored(
    settings: EngineSettings, source: Path, manifest: Mapping[str, Any], draft: Path
) -> Path | None:
    for name in manifest["secrets"]:
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / "secrets" / name, draft / name)
        (draft / name).chmod(0o600)
    if (source / "files").is_dir():
        shutil.copytree(source / "files", draft / "files")
    names = list(manifest["services"])
    async with AsyncExitStack() as stack:
        running = engines(replace(settings, home=draft)).postgres
        await running.start()
        stack.push_async_callback(running.stop)
        if settings.database_url:
            await _require_absent(running, names)
        try:
            for name, facts in manifest["services"].items():
                await _restore_one(running, name, source, manifest)
                print(f"{name}: {facts['events']} events")
            if settings.database_url:
                with _in_place(draft, settings.home) as aside:
                    await _take_their_names(running, names)
                return aside
            await _take_their_names(running, names)
        except BaseException:
            await _drop(running, names)
            raise
    with _in_place(draft, settings.home) as aside:
        return aside


@asynccontextmanager
async def _stopped(home: Path) -> AsyncIterator[None]:
    """Nobody starts a platform here meanwhile. Raises EngineError while one runs."""
    claims = [Claim(home, engine) for engine in ("postgres", "broker")]
    try:
        for claim in claims:
            await claim.take(patience=5)
        yield
    finally:
        for claim in claims:
            claim.release()


def _manifest(source: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refused(f"{source} is no backup: it has no {MANIFEST}") from None
    except (OSError, ValueError) as error:
        raise Refused(f"{source / MANIFEST} cannot be read: {error}") from error
    if manifest.get("format") != FORMAT:
        raise Refused(f"{source} is of format {manifest.get('format')}, this is {FORMAT}")
    for name, facts in manifest["services"].items():
        try:
            service(name)
        except UnknownService:
            raise Refused(f"{source} holds the database of {name}, a service that is not here") from None
        file = source / facts["file"]
        if not file.is_file() or _digest(file) != facts["sha256"]:
            raise Refused(f"{file} is damaged or missing: nothing was restored")
    return manifest


async def _require_absent(postgres: Postgres, names: Iterable[str]) -> None:
    """Raises Refused for a database that is on that server already."""
    async with _administrator(postgres) as administrator:
        wanted = [database_of(name) for name in names]
        found = await administrator.fetchval(
            "SELECT max(datname) FROM pg_database WHERE datname = ANY($1)", wanted
        )
    if found:
        raise Refused(f"the database {found} exists on that server: drop or rename it; nothing was restored")


@asynccontextmanager
async def _administrator(postgres: Postgres) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres.dsn())
    try:
        yield connection
    finally:
        await connection.close()


@contextmanager
def _in_place(draft: Path, home: Path) -> Iterator[Path | None]:
    """Sets aside what is here, logs and programs excepted, and puts what was restored in its place; the other
    way round again when the block raises. Yields where the old things are now.
    """
    aside = home / f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    old = [path for path in (home / name for name in DATA) if path.exists()] + list(home.glob("kafka-*"))
    moves = [(path, aside / path.name) for path in old]
    moves += [(path, home / path.name) for path in (draft / name for name in DATA) if path.exists()]
    if old:
        aside.mkdir(mode=0o711)
    done: list[tuple[Path, Path]] = []
    try:
        for here, there in moves:
            here.rename(there)
            done.append((here, there))
        yield aside if old else None
    except BaseException:
        for here, there in reversed(done):
            there.rename(here)
        if old:
            aside.rmdir()
        raise


async def _restore_one(postgres: Postgres, name: str, source: Path, manifest: Mapping[str, Any]) -> None:
    """Under another name. Raises Refused unless it holds what was in it when it was dumped."""
    facts = manifest["services"][name]
    database = database_of(name) + RESTORING
    async with _administrator(postgres) as administrator:
        major = administrator.get_server_version().major
        await administrator.execute(f"DROP DATABASE IF EXISTS {database}")  # of a restore that was killed
    passwords = {role: postgres.password(role) for role in (MIGRATOR, *roles(name))}
    await provision(postgres.dsn(), name, passwords, database=database)
    dump, dsn = source / facts["file"], postgres.dsn(database)
    if major >= KNOWS_TRANSACTION_TIMEOUT:
        await _run("pg_restore", dsn, "--exit-on-error", "--single-transaction", str(dump))
    else:
        await _restore_older(dsn, dump)
    owner = postgres.dsn(database, MIGRATOR)
    connection = await asyncpg.connect(owner)
    try:
        found = dict(await connection.fetchrow(FACTS))
        if any(found[what] != facts[what] for what in ("events", "last_position")):
            raise Refused(f"{dump} holds {found['events']} events, not {facts['events']}")
        profile = await connection.fetchval("SELECT profile FROM msg.legal_clock")
        await connection.execute(POSITIONS)
        await migrate(owner, name, service(name).migrations, development=profile == "development")
        await record(connection, login(), "restore", backup=source, made_at=manifest["made_at"], **found)
    finally:
        await connection.close()


async def _take_their_names(postgres: Postgres, names: Iterable[str]) -> None:
    """All or none."""
    async with _administrator(postgres) as administrator, administrator.transaction():
        for name in map(database_of, names):
            await administrator.execute(f"ALTER DATABASE {name}{RESTORING} RENAME TO {name}")


async def _drop(postgres: Postgres, names: Iterable[str]) -> None:
    async with _administrator(postgres) as administrator:
        for name in map(database_of, names):
            await administrator.execute(f"DROP DATABASE IF EXISTS {name}{RESTORING}")


async def _restore_older(dsn: str, dump: Path) -> None:
    """The wheel's pg_restore begins with a setting that servers before 17 refuse."""
    with tempfile.TemporaryDirectory() as place:
        script, fit = Path(place, "all.sql"), Path(place, "fit.sql")
        await _run("pg_restore", dsn, f"--file={script}", str(dump))
        _without(b"SET transaction_timeout = 0;\n", script, fit)
        await _run("psql", dsn, "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--file={fit}")


def _without(line: bytes, script: Path, fit: Path) -> None:
    with script.open("rb") as lines, fit.open("wb") as kept:
        kept.writelines(each for each in lines if each != line)


# -- PostgreSQL's own programs


async def _run(program: str, dsn: str, *arguments: str) -> None:
    """Raises Refused with what it complained about. The DSN travels by the environment, not by `ps`."""
    environment = libpq(dsn)
    to_database = program == "pg_restore" and not any(each.startswith("--file=") for each in arguments)
    process = await asyncio.create_subprocess_exec(
        _program(program, environment.get("PGSSLMODE")),
        *(["--dbname=postgresql://"] if to_database else []),  # or it writes to its output: see PGDATABASE
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise Refused(f"{program} failed: {last_line(said.decode(errors='replace'))}")


def _program(name: str, sslmode: str | None) -> str | Path:
    """The wheel's, which speaks no TLS; for a server that demands it, the system's."""
    if sslmode not in {"require", "verify-ca", "verify-full"}:
        return wheel_programs() / name
    if found := shutil.which(name):
        return found
    raise Refused(f"sslmode={sslmode} needs a {name} that speaks TLS: install postgresql-client")


def libpq(dsn: str) -> dict[str, str]:
    """The environment by which PostgreSQL's own programs connect as asyncpg does by this DSN: passwords are
    percent-encoded in it, hosts may be several, of IPv6, or a socket's directory, and a parameter that is not
    the connection's is a setting of the session.
    """
    url = urlsplit(dsn)
    account, _, hosts = url.netloc.rpartition("@")
    user, _, password = account.partition(":")
    places = [PLACE.fullmatch(each) for each in hosts.split(",") if each]
    said = {
        "host": ",".join(unquote(place[1] or place[2]) for place in places if place),
        "port": ",".join(place[3] or "" for place in places if place),
        "user": unquote(user),
        "password": unquote(password),
        "dbname": unquote(url.path.removeprefix("/")),
    }
    more = {"dbname" if key == "database" else key: value for key, value in parse_qsl(url.query)}
    said |= {key: value for key, value in more.items() if not said.get(key)}
    if "sslpassword" in said:
        raise Refused("sslpassword cannot be given to pg_dump in secret: use a key without a passphrase")
    kept = {key: os.environ[key] for key in os.environ if key.startswith("PG") or key == "HOME"}
    known = {LIBPQ[key]: value for key, value in said.items() if key in LIBPQ and value.strip(",")}
    settings = [f"-c {key}={_escaped(value)}" for key, value in said.items() if key not in LIBPQ]
    session = {"PGOPTIONS": " ".join([kept.get("PGOPTIONS", ""), *settings]).strip()} if settings else {}
    return {"PATH": os.defpath} | kept | known | session | {"LC_ALL": "C"}


def _escaped(value: str) -> str:
    return re.sub(r"([\\\s])", r"\\\1", value)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
