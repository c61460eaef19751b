"""`python -m deploy …` as people run it: a process with a data directory and a port of its own."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from uuid import uuid4

import httpx
import pytest

from deploy.cli import app
from deploy.engines import free_port
from deploy.issuer import Issuer

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
OURS = ("JAMAA_", "PORT", "DATABASE_URL", "KAFKA_BOOTSTRAP")


def environment(home: Path) -> dict[str, str]:
    """Nothing of the tests' own platform."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return kept | {"JAMAA_HOME": str(home), "PYTHONPATH": str(ROOT)}


def jamaa(home: Path, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """One command of the operator, run to its end."""
    return subprocess.run(
        [sys.executable, "-m", "deploy", *arguments],
        cwd=ROOT,
        env=environment(home) | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@dataclass(frozen=True, slots=True)
class Done:
    """What a command ended with and said."""

    status: int
    out: str
    err: str


def typed_into(capsys: pytest.CaptureFixture[str], *arguments: str) -> Done:
    """A command line in this process: starting a new one each time would take most of the time."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        app(list(arguments), prog_name="jamaa")
    said = capsys.readouterr()
    return Done(int(ended.value.code or 0), said.out, said.err)


@contextlib.contextmanager
def fresh_home() -> Iterator[Path]:
    """Directly under the temporary directory: pytest's own is closed to the user that root drops to."""
    place = Path(tempfile.mkdtemp(prefix="jamaa-run-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@dataclass(slots=True)
class Launcher:
    """A platform in a process of its own. Used as a context it is stopped in order, and must then have
    stopped in order.
    """

    home: Path
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    more: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] = field(init=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if self.process.poll() is None:
                status = self.stop(signal.SIGINT)
                assert kind or status == 0, self.said()
        finally:
            self.process.kill()
            self.process.wait()

    @property
    def _output(self) -> Path:
        return self.home / "launcher.out"

    def start(self) -> None:
        """Returns once it says that it is ready."""
        self.launch()
        deadline = time.monotonic() + PATIENCE
        while not re.search(r"Ready in .* s: http", self.said()):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def launch(self) -> None:
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy", "run", "--port", str(self.port), *self.arguments],
                cwd=ROOT,
                env=environment(self.home) | self.more,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def said(self) -> str:
        return self._output.read_text()

    def variables(self) -> dict[str, str]:
        """What the services and the operator's commands are told."""
        kept: dict[str, str] = json.loads((self.home / "platform.json").read_text())
        return kept

    def draft(self) -> str:
        """A citizen begins a permit file; returns its id."""
        answer = httpx.post(
            f"{self.variables()['JAMAA_ROKHAS_URL']}/v1/dossiers",
            json={"procedure": "construction_small", "collectivity": "06.141.01.0"},
            headers=self.citizen() | {"Idempotency-Key": uuid4().hex},
        )
        assert answer.status_code == 201, answer.text
        identifier: str = answer.json()["id"]
        return identifier

    def citizen(self) -> dict[str, str]:
        """Who sends a request."""
        issuer = Issuer(self.home, "development", self.variables()["JAMAA_ISSUER"])
        return {"Authorization": f"Bearer {issuer.token('citizen')}"}

    def companions(self) -> list[int]:
        """Processes whose command line or environment names our data directory: engines and services."""
        found = []
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if not process.name.isdecimal() or int(process.name) in {os.getpid(), self.process.pid}:
                    continue
                told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
                if str(self.home).encode() in told:
                    found.append(int(process.name))
        return found
