"""The launcher through every bad end, and back with the data."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from deploy.auditor import workers
from deploy.engines import EmbeddedPostgres, installed_programs
from deploy.operator.status import Report, look
from tests.support.launching import Launcher, fresh_home, jamaa

PATIENCE = 60.0


@pytest.fixture
def fresh() -> Iterator[Path]:
    with fresh_home() as place:
        yield place


def report(platform: Launcher) -> Report:
    async def looked() -> Report:
        async with workers(platform.variables()) as databases:
            return await look(databases)

    return asyncio.run(looked())


def heard(platform: Launcher) -> int:
    """Files that deadlines has met, once nothing is on its way any more; -1 before."""
    services = report(platform).services
    late = sum(c.lag + c.unequal for service in services.values() for c in service.consumers.values())
    return -1 if late else services["deadlines"].consumers["deadlines.clocks"].heads


def eventually(look: Callable[[], object], expected: object) -> None:
    deadline = time.monotonic() + PATIENCE
    while (seen := look()) != expected:
        assert time.monotonic() < deadline, f"still {seen!r}, expected {expected!r}"
        time.sleep(0.1)


def service_process(platform: Launcher, name: str) -> int:
    for pid in platform.companions():
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if command[2:5] == [b"deploy", b"serve", name.encode()]:
            return pid
    raise AssertionError(f"no process serves {name}")


def broker_process(platform: Launcher) -> int:
    address = platform.variables()["JAMAA_KAFKA_BOOTSTRAP"]
    listening = f"--listener-url=tcp://{address}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if listening in (process / "cmdline").read_bytes().split(b"\0"):
                return int(process.name)
    raise AssertionError(f"no broker listens on {address}")


def test_it_loses_nothing_when_broker_and_launcher_are_killed(fresh: Path) -> None:
    with Launcher(fresh) as platform:
        platform.draft()
        eventually(lambda: heard(platform), 1)
        os.kill(broker_process(platform), signal.SIGKILL)
        platform.draft()
        eventually(lambda: heard(platform), 2)
        eventually(lambda: "the broker answers again" in platform.said(), True)
        kept = platform.draft()
        assert platform.companions()
        assert platform.stop(signal.SIGKILL) == -signal.SIGKILL
        eventually(platform.companions, [])
    with Launcher(fresh) as again:
        eventually(lambda: heard(again), 3)
        eventually(lambda: report(again).wrong(), [])  # the dead relays' leases have to run out first
        url = f"{again.variables()['JAMAA_ROKHAS_URL']}/v1/dossiers/{kept}"
        assert httpx.get(url, headers=again.citizen()).json()["state"] == "draft"
    assert not again.companions()
    assert "Traceback" not in again.said()


def test_separate_processes_begin_again_and_end_with_the_launcher(fresh: Path) -> None:
    with Launcher(fresh, ("--separate",)) as platform:
        platform.draft()
        eventually(lambda: heard(platform), 1)
        os.kill(service_process(platform, "deadlines"), signal.SIGKILL)
        eventually(lambda: "the process of deadlines ended" in platform.said(), True)
        platform.draft()
        eventually(lambda: heard(platform), 2)
        assert platform.stop(signal.SIGKILL) == -signal.SIGKILL
        eventually(platform.companions, [])


@pytest.mark.skipif(installed_programs() is None, reason="no PostgreSQL of Debian's here")
def test_a_backup_goes_into_an_older_server_once(platform: Launcher) -> None:
    with fresh_home() as other, fresh_home() as home, fresh_home() as server:
        assert jamaa(platform.home, "backup", other / "backup").returncode == 0

        async def restored_twice() -> list[subprocess.CompletedProcess[str]]:
            async with EmbeddedPostgres(server, durable=False, bindir=installed_programs()) as older:
                restore = partial(jamaa, home, "restore", other / "backup", DATABASE_URL=older.dsn())
                return [await asyncio.to_thread(restore) for _ in range(2)]

        first, second = asyncio.run(restored_twice())
        assert first.returncode == 0, first.stderr
        assert second.returncode == 1
        assert "exists on that server: drop or rename it; nothing was restored" in second.stderr
