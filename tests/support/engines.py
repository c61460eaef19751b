"""One PostgreSQL and one broker for a whole test run, however many xdist workers it has.

The first process that needs them starts a keeper (this module as a program), which owns both engines and
stops them when the run's controller ends: at its end, at Ctrl-C and at ``kill -9`` alike.
``DATABASE_URL`` and ``KAFKA_BOOTSTRAP`` point the tests at servers that already run instead.
"""

import asyncio
import dataclasses
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.engines import EngineError, EngineSettings, ExternalPostgres, Postgres, engines

_ROOT = Path(__file__).parents[2]
_START_PATIENCE = 120.0
_STOP_PATIENCE = 30.0


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """The run's PostgreSQL, started when the first test asks for it; ``dsn(database)`` is its
    administrator's. Databases and roles are the caller's to make and to drop.
    """
    return ExternalPostgres(_run()["postgres"], _place(_controller()))


@pytest.fixture(scope="session")
def broker() -> str:
    """``host:port`` of the run's broker, started when the first test asks for it."""
    return _run()["broker"]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the engines before the run returns; were it killed, the keeper would notice by itself."""
    place = _place(os.getpid())
    if hasattr(config, "workerinput") or not (place / "ready.json").exists():
        return
    keeper = os.pidfd_open(json.loads((place / "ready.json").read_text())["keeper"])
    try:
        signal.pidfd_send_signal(keeper, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_PATIENCE
        while place.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        os.close(keeper)


def _controller() -> int:
    """The process that outlives every worker; a worker is its child."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _place(controller: int) -> Path:
    """The run's directory, the same for all its processes; with the start, as process numbers come again."""
    started = Path(f"/proc/{controller}/stat").read_text().rpartition(")")[2].split()[19]
    return Path(tempfile.gettempdir()) / f"jamaa-tests-{os.getuid()}-{controller}-{started}"


def _run() -> dict[str, str]:
    """What the keeper says of the engines; the first caller starts it."""
    controller = _controller()
    place = _place(controller)
    place.mkdir(mode=0o711, exist_ok=True)
    if place.stat().st_uid != os.getuid():
        raise EngineError(f"{place} belongs to somebody else: remove it")
    ready = place / "ready.json"
    with (place / "starting").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not ready.exists():
            _start_keeper(place, controller)
    return dict(json.loads(ready.read_text()))


def _start_keeper(place: Path, controller: int) -> None:
    complaint = place / "keeper.log"
    with complaint.open("w") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.engines", str(place), str(controller)],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C ends the run; the run's end ends the keeper
        )
    deadline = time.monotonic() + _START_PATIENCE
    while not (place / "ready.json").exists():
        if keeper.poll() is not None:
            raise EngineError(f"the tests' engines did not start: {complaint.read_text().strip()}")
        if time.monotonic() > deadline:
            keeper.kill()
            raise EngineError(f"the tests' engines did not start in {_START_PATIENCE:.0f} s")
        time.sleep(0.01)
    keeper.returncode = 0  # not ours to wait for: it ends with the controller, not with this process


async def _cheap_logins(dsn: str) -> None:
    """Thousands of logins a run, each proving a password that nobody else may try: one round of hashing."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("ALTER SYSTEM SET scram_iterations = 1")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.execute("SET scram_iterations = 1")
        secret = await connection.fetchval("SELECT quote_literal($1::text)", urlsplit(dsn).password)
        await connection.execute(f"ALTER ROLE CURRENT_USER PASSWORD {secret}")
    finally:
        await connection.close()


async def _keep(place: Path, controller: int) -> None:
    """Own the engines until the controller ends, SIGTERM comes, or an engine dies."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(os.pidfd_open(controller), over.set)
    loop.add_signal_handler(signal.SIGTERM, over.set)
    settings = EngineSettings.from_environment(durable=False)
    running = engines(dataclasses.replace(settings, home=place, postgres_port=None, broker_port=None))
    try:
        async with running:
            draft = place / "ready.new"
            described = {"postgres": running.postgres.dsn(), "broker": running.broker.bootstrap}
            if settings.database_url is None:
                await _cheap_logins(described["postgres"])
            draft.write_text(json.dumps({"keeper": os.getpid(), **described}))
            draft.rename(place / "ready.json")
            waits = {
                asyncio.create_task(wait)
                for wait in (over.wait(), running.postgres.exited(), running.broker.exited())
            }
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
    finally:
        if over.is_set():
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    try:
        asyncio.run(_keep(Path(sys.argv[1]), int(sys.argv[2])))
    except EngineError as error:
        sys.exit(str(error))
