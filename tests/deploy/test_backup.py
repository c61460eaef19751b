"""What a backup's programs are told, and what a restore that fails leaves behind."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest
from sqlalchemy import text

from deploy import platform
from deploy.command import Refused
from deploy.engines import EmbeddedPostgres, EngineSettings, engines
from deploy.operator.backup import _digest, _run, backup, libpq, restore
from deploy.registry import SERVICES
from deploy.run import databases
from shared.db import Database
from shared.migrate import MIGRATOR, database_of
from tests.support.launching import fresh_home

PASSWORD = "p@ss:w/o rd%€'?#"  # all that a URL must escape, and what a shell would eat


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        (
            f"postgresql://o%40x:{quote(PASSWORD, safe='')}@db.example.ma/jamaa%20x",
            {"PGHOST": "db.example.ma", "PGUSER": "o@x", "PGPASSWORD": PASSWORD, "PGDATABASE": "jamaa x"},
        ),
        (
            "postgresql://u:p@h:5433/d?sslmode=verify-full&sslrootcert=/etc/ca.pem",
            {"PGPORT": "5433", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/etc/ca.pem"},
        ),
        ("postgres://u@[fe80::1]:5433/d", {"PGHOST": "fe80::1", "PGPORT": "5433"}),
        ("postgresql://u@[::1]/d", {"PGHOST": "::1"}),
        (
            "postgresql://u:p@/d?host=/run/pg&port=5434",
            {"PGHOST": "/run/pg", "PGPORT": "5434", "PGUSER": "u"},
        ),
        ("postgresql:///d?user=u&password=p%25", {"PGUSER": "u", "PGPASSWORD": "p%", "PGDATABASE": "d"}),
        ("postgresql://u@%2Frun%2Fpg/d", {"PGHOST": "/run/pg"}),
        ("postgresql://u@a:1,[::1]:2/d", {"PGHOST": "a,::1", "PGPORT": "1,2"}),
        ("postgresql://u@h/d?database=other", {"PGDATABASE": "d"}),
        (
            "postgresql://u@h/d?search_path=a%20b&work_mem=8MB",
            {"PGOPTIONS": "-c search_path=a\\ b -c work_mem=8MB"},
        ),
    ],
)
def test_programs_connect_as_the_services_do(dsn: str, expected: dict[str, str]) -> None:
    told = libpq(dsn)
    assert {key: told.get(key) for key in expected} == expected
    assert set(told) <= set(expected) | {
        "PGHOST",
        "PGUSER",
        "PGPASSWORD",
        "PGDATABASE",
        "PATH",
        "HOME",
        "LC_ALL",
    }


def test_a_passphrase_that_could_only_be_shown_is_refused() -> None:
    with pytest.raises(Refused, match="without a passphrase"):
        libpq("postgresql://u@h/d?sslkey=/k&sslpassword=x")


async def test_a_difficult_password_opens_every_door(tmp_path: Path) -> None:
    """Of a service's pool and of pg_dump, over TCP and by the socket."""
    with fresh_home() as home:
        async with EmbeddedPostgres(home, durable=False) as server:
            administrator = await asyncpg.connect(server.dsn())
            secret = await administrator.fetchval("SELECT quote_literal($1::text)", PASSWORD)
            await administrator.execute(f'CREATE ROLE "o@x" SUPERUSER LOGIN PASSWORD {secret}')
            await administrator.close()
            socket = quote(str(server.socket_directory), safe="")
            for place in (
                f"127.0.0.1:{server.port}/postgres?sslmode=prefer",
                f"/postgres?host={socket}&port={server.port}",
            ):
                dsn = f"postgresql://o%40x:{quote(PASSWORD, safe='')}@{place}"
                database = Database(dsn)
                [row] = await database.look(text("SELECT current_user"))
                assert row[0] == "o@x"
                await database.close()
                dump = tmp_path / f"dump-{len(place)}"
                await _run("pg_dump", dsn, "--schema-only", f"--file={dump}")
                assert dump.stat().st_size


async def test_the_wheel_s_programs_speak_no_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Refused, match="sslmode=require needs a pg_dump that speaks TLS"):
        await _run("pg_dump", "postgresql://u@127.0.0.1:1/d?sslmode=require")


@pytest.fixture(scope="module")
def kept() -> Iterator[Path]:
    """A backup of databases that nobody wrote to yet, and of a file."""
    with fresh_home() as home:

        async def make() -> None:
            settings = EngineSettings(home=home, kafka_bootstrap="127.0.0.1:1", durable=False)
            running = engines(settings)
            await running.postgres.start()
            try:
                await databases(running, settings)
                variables = platform.environment(home, running.postgres, running.broker, 1)
                (home / "files").mkdir()
                (home / "files" / "plan").write_text("a plan")
                await backup(variables, home / "backup")
            finally:
                await running.postgres.stop()

        asyncio.run(make())
        yield home / "backup"


@pytest.fixture
def broken(kept: Path, tmp_path: Path) -> Path:
    """Whole by its manifest; but the last database ends in the middle."""
    copy = tmp_path / "broken"
    shutil.copytree(kept, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    facts = list(manifest["services"].values())[-1]
    dump = copy / facts["file"]
    dump.write_bytes(dump.read_bytes()[: -dump.stat().st_size // 3])
    facts["sha256"] = _digest(dump)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


def tree(home: Path) -> dict[str, bytes]:
    """What is in a data directory, but for locks and logs."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.suffix not in {".lock", ".running", ".log"}
    }


async def test_a_restore_that_fails_changes_nothing(kept: Path, broken: Path) -> None:
    with fresh_home() as home:
        settings = EngineSettings(home=home, durable=False)
        (home / "secret").write_text("another installation's")
        (home / "files").mkdir()
        (home / "files" / "old").write_text("an old plan")
        before = tree(home)
        with pytest.raises(Refused, match=r"^pg_restore failed: [^\n]+$"):
            await restore(settings, broken)
        assert tree(home) == before
        assert [path.name for path in home.iterdir() if path.is_dir()] == ["files"]
        await restore(settings, kept)
        assert (home / "files" / "plan").read_text() == "a plan"
        (aside,) = home.glob("before-restore-*")
        assert tree(aside) == before


async def test_a_restore_into_a_server_that_fails_leaves_no_database(kept: Path, broken: Path) -> None:
    names = "SELECT array_agg(datname::text ORDER BY datname) FROM pg_database WHERE datname LIKE 'jamaa%'"
    with fresh_home() as other, fresh_home() as home:
        async with EmbeddedPostgres(other, durable=False) as server:
            settings = EngineSettings(home=home, database_url=server.dsn())
            administrator = await asyncpg.connect(server.dsn())
            with pytest.raises(Refused, match=r"^pg_restore failed: "):
                await restore(settings, broken)
            assert await administrator.fetchval(names) is None
            assert tree(home) == {}
            await administrator.execute("CREATE DATABASE jamaa_rokhas_restoring")  # of one that was killed
            await restore(settings, kept)
            assert await administrator.fetchval(names) == sorted(database_of(s.name) for s in SERVICES)
            await administrator.close()
            owner = await asyncpg.connect(engines(settings).postgres.dsn(database_of("rokhas"), MIGRATOR))
            assert await owner.fetchval("SELECT what FROM msg.operation") == "restore"
            await owner.close()
            with pytest.raises(Refused, match="exists on that server"):
                await restore(settings, kept)
            assert (home / "files" / "plan").read_text() == "a plan"
