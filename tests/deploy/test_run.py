"""The launcher where it cannot start: one line says why. Where it starts: tests/journeys/test_run.py."""

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.engines import free_port
from tests.support.launching import fresh_home, jamaa


@pytest.fixture
def home() -> Iterator[Path]:
    with fresh_home() as place:
        yield place


def test_a_busy_port_is_one_line(home: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        refused = jamaa(home, "run", PORT=str(taken))
    assert_one_line(refused, rf"jamaa: Jamaa cannot listen on 127.0.0.1:{taken} .*set PORT to another port")
    assert not (home / "postgres").exists()


@pytest.mark.parametrize("port", ["no", "70000"])
def test_a_port_that_is_none_is_one_line(home: Path, port: str) -> None:
    refused = jamaa(home, "run", PORT=port)
    assert refused.returncode == 2
    assert re.fullmatch(r"jamaa: Invalid value for '--port'.*\n", refused.stderr), refused.stderr


@pytest.mark.parametrize("place", ["file", "/proc/jamaa"])
def test_an_unusable_home_is_one_line(home: Path, place: str) -> None:
    (home / "file").write_text("somebody's")
    refused = jamaa(home / place, "run", PORT=str(free_port()))
    assert_one_line(refused, r"jamaa: cannot (use|write) .*")


def assert_one_line(done: subprocess.CompletedProcess[str], pattern: str) -> None:
    assert done.returncode == 1, done
    assert re.fullmatch(pattern + r"\n", done.stderr), done.stderr
