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
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import asyncpg

from deploy.command import Refused
from deploy.engines import EngineSettings, Postgres, engines
from deploy.engines.errors import explained
from deploy.engines.postgres import wheel_programs
from deploy.engines.process import Claim, last_line
from deploy.registry import SERVICES, UnknownService, service
from shared.migrate import MIGRATOR, database_of, provision, roles
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
PARTITIONS: Final = "SELECT msg.ensure_partitions()"


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
    into databases of that server, which must not exist yet.

    Raises Refused for a backup that is damaged or of another version.
    """
    manifest = _manifest(source)
    with explained(settings.home):
        settings.home.mkdir(parents=True, exist_ok=True)
        await _require_stopped(settings.home)
        if settings.database_url:
            await _require_absent(engines(settings).postgres, manifest["services"])
        aside = _set_aside(settings.home)
        if aside:
            print(f"what was there is in {aside}")
        for name in manifest["secrets"]:
            (settings.home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / "secrets" / name, settings.home / name)
            (settings.home / name).chmod(0o600)
        if (source / "files").is_dir():
            shutil.copytree(source / "files", settings.home / "files")
        running = engines(settings).postgres
        await running.start()
        try:
            for name, facts in manifest["services"].items():
                await _restore_one(running, name, source / facts["file"])
                print(f"{name}: {facts['events']} events")
        finally:
            await running.stop()
    print(f"restored into {settings.home}: 'make run'")


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


async def _require_stopped(home: Path) -> None:
    """Raises EngineError while a platform runs here."""
    for engine in ("postgres", "broker"):
        claim = Claim(home, engine)
        await claim.take(patience=5)
        claim.release()


async def _require_absent(postgres: Postgres, names: Iterable[str]) -> None:
    """Raises Refused for a database that is on that server already."""
    await postgres.start()
    administrator = await asyncpg.connect(postgres.dsn())
    try:
        wanted = [database_of(name) for name in names]
        found = await administrator.fetchval(
            "SELECT max(datname) FROM pg_database WHERE datname = ANY($1)", wanted
        )
    finally:
        await administrator.close()
    if found:
        raise Refused(f"the database {found} exists on that server: drop or rename it; nothing was restored")


def _set_aside(home: Path) -> Path | None:
    """Moves data that is here into a directory of its own; logs and programs stay."""
    old = [
        path
        for path in (home / "postgres", home / "files", home / "issuer", home / "secret")
        if path.exists()
    ]
    old += home.glob("kafka-*")
    if not old:
        return None
    aside = home / f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    aside.mkdir(mode=0o711)
    for path in old:
        path.rename(aside / path.name)
    return aside


async def _restore_one(postgres: Postgres, name: str, dump: Path) -> None:
    administrator = await asyncpg.connect(postgres.dsn())
    try:
        major = administrator.get_server_version().major
    finally:
        await administrator.close()
    passwords = {role: postgres.password(role) for role in (MIGRATOR, *roles(name))}
    await provision(postgres.dsn(), name, passwords)
    dsn = postgres.dsn(database_of(name))
    if major >= KNOWS_TRANSACTION_TIMEOUT:
        await _run("pg_restore", dsn, "--exit-on-error", "--single-transaction", str(dump))
    else:
        await _restore_older(dsn, dump)
    connection = await asyncpg.connect(postgres.dsn(database_of(name), MIGRATOR))
    try:
        await connection.execute(POSITIONS)
        await connection.execute(PARTITIONS)
    finally:
        await connection.close()


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
    """Raises Refused with what it complained about. The password travels by the environment, not by `ps`."""
    url = urlsplit(dsn)
    environment = {
        "PATH": os.defpath,
        "LC_ALL": "C",
        "PGHOST": url.hostname or "",
        "PGPORT": str(url.port or 5432),
        "PGUSER": url.username or "",
        "PGPASSWORD": url.password or "",
        "PGDATABASE": url.path.strip("/"),
    }
    to_database = program == "pg_restore" and not any(each.startswith("--file=") for each in arguments)
    process = await asyncio.create_subprocess_exec(
        wheel_programs() / program,
        *([f"--dbname={environment['PGDATABASE']}"] if to_database else []),
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise Refused(f"{program} failed: {last_line(said.decode(errors='replace'))}")


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
