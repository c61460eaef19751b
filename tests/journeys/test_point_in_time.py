"""The disk with the databases is lost: base backup and archived segments bring back an instant, the auditor
tells the broker's side what it lacks, and numbers that were given away after that instant are given again.
"""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest

from deploy.demo.stage import StepFailed, stage, until
from deploy.engines import EmbeddedPostgres, free_port
from deploy.engines.postgres import wheel_programs
from tests.journeys.people import Applicant, submitted
from tests.support.launching import Launcher, fresh_home, jamaa

COPY = "test ! -f {0}/%f && cp %p {0}/%f.part && mv {0}/%f.part {0}/%f"


class Archive:
    """A server whose segments are kept elsewhere, as docs/restore.md says."""

    def __init__(self, place: Path) -> None:
        self.home = place / "server"
        self.segments = place / "wal"
        self.base = place / "base"
        self.port = free_port()
        self.home.mkdir()
        self.segments.mkdir()
        self.segments.chmod(0o777)  # the server runs as another user when this is root
        place.chmod(0o711)

    @asynccontextmanager
    async def running(self, **recovery: str) -> AsyncIterator[EmbeddedPostgres]:
        kept = {"archive_mode": "on", "archive_command": COPY.format(self.segments), "archive_timeout": "60"}
        async with EmbeddedPostgres(self.home, port=self.port, settings=kept | recovery) as server:
            yield server

    def back_up(self, dsn: str) -> None:
        subprocess.run(
            [wheel_programs() / "pg_basebackup", "-d", dsn, "-D", self.base, "-X", "none", "-c", "fast"],
            check=True,
        )

    def lose(self) -> None:
        shutil.rmtree(self.home / "postgres" / "data")

    def bring_back(self) -> None:
        """The base, owned by whoever owned the data, and the word that it is to be recovered."""
        data, owner = self.home / "postgres" / "data", (self.home / "postgres").stat()
        shutil.copytree(self.base, data)
        (data / "recovery.signal").touch()
        for path in (data, *data.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        data.chmod(0o700)


async def now(dsn: str) -> datetime:
    connection = await asyncpg.connect(dsn)
    try:
        found: datetime = await connection.fetchval("SELECT clock_timestamp()")
        await connection.execute("SELECT pg_switch_wal()")
    finally:
        await connection.close()
    return found


async def at_rest(home: Path) -> None:
    async def heads() -> list[str]:
        found = json.loads((await asyncio.to_thread(jamaa, home, "status", "--json")).stdout)
        return [] if found["well"] else [json.dumps(found)]

    nothing: list[str] = []
    await until("equal heads and nothing waiting", heads, nothing)


async def test_everything_is_as_of_one_instant_and_goes_on_from_there() -> None:
    with fresh_home() as home, fresh_home() as place:
        archive = Archive(place)
        async with archive.running() as server:
            more = {"DATABASE_URL": server.dsn()}
            with Launcher(home, more=more) as running:
                async with stage(running.variables()) as on:
                    archive.back_up(server.dsn())
                    kept = await submitted(on, "repair")
                    await at_rest(home)
                    instant = await now(server.dsn())
                    lost = await submitted(on, "repair")
                    await kept.do("withdrawal")
                    await at_rest(home)
                    await now(server.dsn())
        archive.lose()
        archive.bring_back()
        recovery = {
            "restore_command": f"cp {archive.segments}/%f %p",
            "recovery_target_time": instant.isoformat(),
            "recovery_target_action": "promote",
        }
        async with archive.running(**recovery) as server:
            with Launcher(home, more=more) as running:
                async with stage(running.variables()) as on:
                    await afterwards(
                        Applicant(on, on.person(kept.person.name), kept.commune, kept.id, [], ""), lost
                    )
                    await at_rest(home)


async def afterwards(kept: Applicant, lost: Applicant) -> None:
    shown = await kept.until_state("under_review")
    assert shown["clock_known"], "its clock is of the same instant"
    with pytest.raises(StepFailed, match="404"):
        await kept.stage.person(lost.person.name).get(lost.path)
    await kept.do("withdrawal")  # takes the number that the withdrawal before the loss had
    await kept.until_state("withdrawn")
