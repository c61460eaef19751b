"""The launcher as a process: what it shows and keeps, who may start a second one, a disk that is full."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from deploy.engines import free_port
from deploy.registry import SERVICES
from tests.support.launching import Launcher, fresh_home, jamaa

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
PATIENCE = 120.0


@pytest.fixture
def home() -> Iterator[Path]:
    with fresh_home() as place:
        yield place


def eventually(look: Callable[[], object], expected: object) -> None:
    deadline = time.monotonic() + PATIENCE
    while (seen := look()) != expected:
        assert time.monotonic() < deadline, f"still {seen!r}, expected {expected!r}"
        time.sleep(0.1)


def test_it_shows_its_services_in_arabic_first(platform: Launcher) -> None:
    page = httpx.get(f"http://127.0.0.1:{platform.port}/")
    assert page.status_code == 200
    assert '<html lang="ar" dir="rtl">' in page.text
    for service in SERVICES:
        assert service.title["ar"] in page.text
        ready = httpx.get(f"http://127.0.0.1:{platform.port}/{service.name}/readyz").json()
        assert set(ready["checks"]) == {"database", "relay", "tasks", *(c.name for c in service.consumers)}
        assert ready["status"] == "ready"


def test_what_it_keeps_of_secrets_is_its_owners_alone(platform: Launcher) -> None:
    for name in ("platform.json", "secret", "issuer/key.json"):
        assert (platform.home / name).stat().st_mode & 0o077 == 0, name


def test_its_log_is_json_in_a_file(platform: Launcher) -> None:
    httpx.get(f"http://127.0.0.1:{platform.port}/rokhas/v1/procedures")

    def answered() -> bool:
        """Who has the answer may be ahead of the line about it."""
        whole, _, _ = (platform.home / "log" / "services.log").read_text().rpartition("\n")
        return any(json.loads(line)["event"] == "http.answered" for line in whole.splitlines())

    eventually(answered, True)
    assert "http.answered" not in platform.said()


def test_a_second_one_on_the_same_data_is_refused(platform: Launcher) -> None:
    second = jamaa(platform.home, "run", PORT=str(free_port()))
    assert_one_line(second, rf"jamaa: postgres in {platform.home} is already run by process \d+: .*")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped_while_it_starts(home: Path, number: signal.Signals) -> None:
    platform = Launcher(home)
    platform.launch()
    eventually(lambda: "Jamaa" in platform.said(), True)
    assert platform.stop(number) == 0, platform.said()
    assert "Traceback" not in platform.said()
    assert not platform.companions()


@AS_ROOT
@pytest.mark.parametrize("megabytes", [20, 42])
def test_a_full_disk_is_one_line(home: Path, megabytes: int) -> None:
    """Twenty are too few for the cluster, forty-two for the databases in it."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(home)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        refused = jamaa(home, "run", PORT=str(free_port()))
        assert_one_line(refused, rf"jamaa: the disk that holds {home} is full .*")
    finally:
        subprocess.run(["umount", "--lazy", home], check=True)


def assert_one_line(done: subprocess.CompletedProcess[str], pattern: str) -> None:
    assert done.returncode == 1, done
    assert re.fullmatch(pattern + r"\n", done.stderr), done.stderr
