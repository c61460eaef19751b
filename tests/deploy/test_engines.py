"""The embedded engines as real processes: they start, refuse clearly, and never outlive their launcher."""

import asyncio
import fcntl
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.engines import (
    EmbeddedBroker,
    EmbeddedPostgres,
    EngineError,
    Engines,
    EngineSettings,
    ExternalBroker,
    ExternalPostgres,
    engines,
    free_port,
    installed_programs,
)
from deploy.kafka.fetch import jars, java
from deploy.registry import SERVICES
from deploy.run import databases

ROOT = Path(__file__).parents[2]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")

LAUNCHER = """
import asyncio, sys
from pathlib import Path
from deploy.engines import EngineSettings, engines
import asyncpg

async def main():
    async with engines(EngineSettings(home=Path(sys.argv[1]))) as running:
        connection = await asyncpg.connect(running.postgres.dsn())
        await connection.execute("CREATE TABLE act (n int); INSERT INTO act VALUES (1915)")
        print(running.postgres.pid, running.broker.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""

ORDINARY = """
import asyncio, sys
from pathlib import Path
from deploy.engines import EngineSettings, engines
import asyncpg

async def main():
    async with engines(EngineSettings(home=Path(sys.argv[1]), durable=False)) as running:
        connection = await asyncpg.connect(running.postgres.dsn())
        print(await connection.fetchval("SELECT 'answered'"))
        await connection.close()

asyncio.run(main())
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """Directly under the temporary directory: pytest's own is closed to the user that root drops to."""
    place = Path(tempfile.mkdtemp(prefix="jamaa-engines-"))
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def initialised() -> Iterator[Path]:
    """A home whose PostgreSQL has been started and stopped once, to be copied."""
    place = Path(tempfile.mkdtemp(prefix="jamaa-engines-"))

    async def once() -> None:
        async with EmbeddedPostgres(place, durable=False):
            pass

    asyncio.run(once())
    yield place
    shutil.rmtree(place)


def copied(initialised: Path, home: Path) -> None:
    subprocess.run(["cp", "-a", f"{initialised}/postgres", home], check=True)


def eventually(holds: Callable[[], bool], why: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, why()
        time.sleep(0.01)


def running_in(home: Path) -> list[str]:
    """The engines of ``home`` of which some process is alive: each keeps a lock that it inherited."""
    found = []
    for lock in home.glob("*.running"):
        with lock.open() as opened:
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(lock.stem)
    return sorted(found)


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and ") Z " not in stat.read_text()


@pytest.mark.parametrize(("durable", "fsync"), [(True, "on"), (False, "off")])
async def test_postgres_answers_over_tcp_to_a_password_only(home: Path, durable: bool, fsync: str) -> None:
    async with EmbeddedPostgres(home, durable=durable) as server:
        assert (home / "postgres" / "password").stat().st_mode & 0o777 == 0o600
        connection = await asyncpg.connect(server.dsn())
        try:
            assert await connection.fetchval("SELECT host(inet_server_addr())") == "127.0.0.1"
            assert await connection.fetchval("SHOW fsync") == fsync
            assert await connection.fetchval("SHOW max_connections") == "200"
            method = "SELECT rolpassword FROM pg_authid WHERE rolname = current_user"
            assert (await connection.fetchval(method)).startswith("SCRAM-SHA-256$")
            await connection.execute(f"CREATE ROLE clerk LOGIN PASSWORD '{server.password('clerk')}'")
        finally:
            await connection.close()
        await (await asyncpg.connect(server.dsn(user="clerk"))).close()
        for host in ("127.0.0.1", str(server.socket_directory)):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(host=host, port=server.port, user="postgres", password="guess")
    assert running_in(home) == []


@pytest.mark.parametrize("first", ["launcher", "postmaster"])
def test_kill_9_leaves_no_orphan_and_keeps_the_data(home: Path, initialised: Path, first: str) -> None:
    copied(initialised, home)
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, home], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as launcher:
        assert launcher.stdout is not None
        postmaster, broker = (int(pid) for pid in launcher.stdout.readline().split())
        assert running_in(home) == ["broker", "postgres"]
        if first == "postmaster":
            os.kill(postmaster, signal.SIGKILL)  # leaves a postmaster.pid behind
        launcher.kill()

    async def again() -> object:
        async with EmbeddedPostgres(home, durable=False) as server:
            assert not alive(postmaster)  # it waited for what was still ending
            connection = await asyncpg.connect(server.dsn())
            try:
                return await connection.fetchval("SELECT n FROM act")
            finally:
                await connection.close()

    assert asyncio.run(again()) == 1915
    eventually(lambda: not alive(broker) and not running_in(home), lambda: running_in(home))


@pytest.mark.skipif(installed_programs() is None, reason="Debian's PostgreSQL is not installed")
async def test_debian_s_postgres_runs_in_the_same_way(home: Path) -> None:
    async with EmbeddedPostgres(home, durable=False, bindir=installed_programs()) as server:
        connection = await asyncpg.connect(server.dsn())
        try:
            version = await connection.fetchval("SHOW server_version")
            collation = await connection.fetchval("SELECT datcollate FROM pg_database LIMIT 1")
        finally:
            await connection.close()
    assert "Debian" in version
    assert collation == "C.UTF-8"


def beside_the_data(home: Path) -> list[str]:
    return sorted(path.name.split("-")[0] for path in home.glob("postgres.*"))


def only_a_version(postgres: Path) -> None:
    (postgres / "data").mkdir(parents=True)
    (postgres / "data" / "PG_VERSION").write_text("18\n")


def no_control_file(postgres: Path) -> None:
    (postgres / "data" / "global" / "pg_control").unlink()


def an_empty_directory(postgres: Path) -> None:
    postgres.mkdir(exist_ok=True)


def an_initdb_that_was_killed(postgres: Path) -> None:
    (postgres.parent / "postgres.new-12345678" / "data" / "base").mkdir(parents=True)


@pytest.mark.parametrize(
    ("spoil", "noted"),
    [
        (only_a_version, True),
        (no_control_file, True),
        (an_empty_directory, False),
        (an_initdb_that_was_killed, False),
    ],
)
async def test_a_half_initialised_directory_is_set_aside(
    home: Path, initialised: Path, spoil: Callable[[Path], None], noted: bool
) -> None:
    if spoil is no_control_file:
        copied(initialised, home)
    spoil(home / "postgres")
    async with EmbeddedPostgres(home, durable=False) as server:
        await (await asyncpg.connect(server.dsn())).close()
    assert [note.count("half initialised") for note in server.notes] == [1] * noted
    assert beside_the_data(home) == ["postgres.incomplete"] * noted + ["postgres.lock", "postgres.running"]


async def test_a_damaged_directory_with_databases_is_left_alone(home: Path, initialised: Path) -> None:
    copied(initialised, home)
    no_control_file(home / "postgres")
    (home / "postgres" / "data" / "base" / "16400").mkdir()
    with pytest.raises(EngineError, match=r"holds 1 databases .* restore a backup"):
        await EmbeddedPostgres(home).start()
    assert (home / "postgres" / "data" / "base" / "16400").exists()


async def test_another_version_s_data_is_refused(home: Path, initialised: Path) -> None:
    copied(initialised, home)
    (home / "postgres" / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EngineError, match=r"made by PostgreSQL 17 and this is PostgreSQL 18"):
        await EmbeddedPostgres(home).start()


@pytest.mark.parametrize(
    ("engine", "setting"),
    [(EmbeddedPostgres, "JAMAA_POSTGRES_PORT"), (EmbeddedBroker, "JAMAA_KAFKA_PORT")],
)
async def test_a_busy_port_is_named_with_its_setting(
    initialised: Path, engine: type[EmbeddedPostgres | EmbeddedBroker], setting: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(EngineError, match=rf"127\.0\.0\.1:{port} .*set {setting}"):
            await engine(initialised, port=port).start()
    assert running_in(initialised) == []


@pytest.mark.parametrize("engine", [EmbeddedPostgres, EmbeddedBroker])
async def test_one_launcher_at_a_time(
    initialised: Path, engine: type[EmbeddedPostgres | EmbeddedBroker]
) -> None:
    async with engine(initialised):
        with pytest.raises(EngineError, match=f"already run by process {os.getpid()}"):
            await engine(initialised).start()
    async with engine(initialised):
        pass


async def test_an_engine_starts_in_the_main_thread_only(home: Path) -> None:
    refusals: list[RuntimeError] = []

    def elsewhere() -> None:
        with pytest.raises(RuntimeError, match="main thread") as refused:
            asyncio.run(EmbeddedBroker(home).start())
        refusals.append(refused.value)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    await asyncio.to_thread(thread.join)
    assert len(refusals) == 1


@AS_ROOT
def test_a_home_that_the_unprivileged_user_cannot_enter(home: Path) -> None:
    home.chmod(0o755)
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EngineError, match=rf"cannot enter {closed}, .*: set JAMAA_HOME="):
        asyncio.run(EmbeddedPostgres(closed / "jamaa").start())
    assert closed.stat().st_mode & 0o777 == 0o700, "no directory outside its own may be opened"


def identities(pid: int) -> list[str]:
    """Every user and group that a process is or may become."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return [word for line in lines if line.startswith(("Uid:", "Gid:", "Groups:")) for word in line.split()]


@AS_ROOT
async def test_root_gives_up_its_rights(initialised: Path) -> None:
    async with EmbeddedPostgres(initialised, durable=False) as server, EmbeddedBroker(initialised) as broker:
        assert "0" not in identities(server.pid) + identities(broker.pid)


@AS_ROOT
def test_an_ordinary_user_can_run_them(home: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    packages = Path(asyncpg.__file__).parents[1]

    def as_nobody(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["runuser", "-u", "nobody", "--", "env", f"PYTHONPATH={ROOT}:{packages}", *command],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    interpreters = (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
    usable = [each for each in interpreters if not as_nobody(each, "-c", "import deploy.engines").returncode]
    if not usable:
        pytest.skip("an ordinary user cannot enter the checkout or its interpreter")
    run = as_nobody(usable[0], "-c", ORDINARY, home)
    assert run.stdout == "answered\n", run.stderr
    assert (home / "postgres" / "data").stat().st_uid == nobody.pw_uid


@AS_ROOT
@pytest.mark.parametrize("size", ["4k", "8m"])
def test_a_full_disk_is_one_clear_line(home: Path, size: str) -> None:
    mount: list[str | Path] = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", home]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        with pytest.raises(EngineError) as failure:
            asyncio.run(EmbeddedPostgres(home, durable=False).start())
        assert re.fullmatch(r"the disk that holds .* is full .*: free at least .*", str(failure.value))
        assert not (home / "postgres").exists()
    finally:
        subprocess.run(["umount", home], check=True)


async def test_the_broker_carries_messages_and_its_death_is_noticed(home: Path) -> None:
    async with EmbeddedBroker(home) as broker:
        address = broker.bootstrap
        await create_topic(address)
        async with AIOKafkaProducer(bootstrap_servers=address) as producer:
            sent = await producer.send_and_wait("acts", b"value", key=b"key", headers=[("ce_id", b"1")])
        consumer = AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
        consumer.assign([TopicPartition("acts", sent.partition)])
        async with consumer:
            got = await asyncio.wait_for(consumer.getone(), 20)
        assert (got.key, got.value, got.headers) == (b"key", b"value", (("ce_id", b"1"),))

        os.kill(broker.pid, signal.SIGKILL)
        assert await asyncio.wait_for(broker.exited(), 20) == -signal.SIGKILL
        assert broker.epoch == 1
        await broker.start()
        assert (broker.epoch, broker.bootstrap) == (2, address)
        await create_topic(address)  # succeeds only where the topic is gone


async def create_topic(address: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic("acts", 2, 1)])
    finally:
        await admin.close()
    assert [error[1] for error in answer.topic_errors] == [0]


async def test_the_death_of_postgres_is_noticed_and_mended_at_the_same_address(initialised: Path) -> None:
    async with EmbeddedPostgres(initialised, durable=False) as server:
        address = server.dsn()
        os.kill(server.pid, signal.SIGKILL)
        assert await asyncio.wait_for(server.exited(), 20) == -signal.SIGKILL
        await server.start()
        assert server.dsn() == address
        await (await asyncpg.connect(address)).close()


async def test_engines_that_already_run_are_used(initialised: Path) -> None:
    async with EmbeddedPostgres(initialised, durable=False) as server, EmbeddedBroker(initialised) as broker:
        environment = {
            "JAMAA_HOME": str(initialised / "other"),
            "DATABASE_URL": server.dsn().replace("postgresql:", "postgresql+asyncpg:"),
            "KAFKA_BOOTSTRAP": broker.bootstrap,
        }
        async with engines(EngineSettings.from_environment(environment)) as external:
            assert external.broker.bootstrap == broker.bootstrap
            connection = await asyncpg.connect(external.postgres.dsn())
            password = external.postgres.password("agent")
            await connection.execute(f"CREATE ROLE agent LOGIN PASSWORD '{password}'")
            await connection.close()
            refused = ExternalPostgres(external.postgres.dsn(user="agent"), initialised / "other")
            with pytest.raises(EngineError, match="may not create databases and roles") as failure:
                await refused.start()
            assert password not in str(failure.value)
        await (await asyncpg.connect(server.dsn())).close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://admin@h/?sslmode=require&dbname=theirs",
        "postgresql://admin@h/theirs?database=theirs&sslmode=require",
    ],
)
def test_another_database_of_a_server_is_meant_by_every_reader_of_its_dsn(home: Path, url: str) -> None:
    assert ExternalPostgres(url, home).dsn("ours") == "postgresql://admin@h/ours?sslmode=require"


@pytest.mark.parametrize("setting", ["DATABASE_URL", "KAFKA_BOOTSTRAP"])
async def test_an_engine_that_does_not_run_is_named(home: Path, setting: str) -> None:
    nobody_there = f"127.0.0.1:{free_port()}"
    engine: ExternalPostgres | ExternalBroker = (
        ExternalPostgres(f"postgresql://admin:sesame@{nobody_there}/postgres", home)
        if setting == "DATABASE_URL"
        else ExternalBroker(nobody_there)
    )
    with pytest.raises(EngineError, match=rf"^{setting} \((admin@)?{nobody_there}.*unset it") as failure:
        await engine.start()
    assert "sesame" not in str(failure.value)


async def test_both_engines_start_or_neither(initialised: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        broker = EmbeddedBroker(initialised, port=busy.getsockname()[1])
        with pytest.raises(EngineError, match="JAMAA_KAFKA_PORT"):
            await Engines(EmbeddedPostgres(initialised, durable=False), broker).start()
    assert running_in(initialised) == []


@pytest.mark.parametrize("text", ["0", "65536", "eighty"])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(EngineError, match=f"^JAMAA_KAFKA_PORT={text} is no port"):
        EngineSettings.from_environment({"JAMAA_KAFKA_PORT": text})


@pytest.mark.parametrize(("find", "package"), [(java, "openjdk-17-jre-headless"), (jars, "maven")])
def test_what_kafka_needs_is_named_with_its_debian_package(
    find: Callable[[], object], package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("deploy.kafka.fetch.CACHE", tmp_path)
    with pytest.raises(EngineError, match=f"apt-get install -y {package}"):
        find()


async def test_an_administrator_who_did_not_make_the_databases_is_told(home: Path, initialised: Path) -> None:
    copied(initialised, home)
    async with EmbeddedPostgres(home, durable=False) as server:
        connection = await asyncpg.connect(server.dsn())
        for name in ("first", "second"):
            await connection.execute(f"CREATE ROLE {name} LOGIN CREATEDB CREATEROLE PASSWORD 'x'")
        await connection.close()

        async def made_by(name: str) -> None:
            url = f"postgresql://{name}:x@127.0.0.1:{server.port}/postgres"
            there = Engines(ExternalPostgres(url, home), EmbeddedBroker(home))
            await databases(there, EngineSettings(home=home, database_url=url), SERVICES[:1])

        await made_by("first")
        with pytest.raises(EngineError, match="connect as the administrator who made them"):
            await made_by("second")
        await made_by("first")
