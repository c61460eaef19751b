"""A rolling restart: an older release and a newer one work beside this one, on the same topics and tables."""

import asyncio
import subprocess
from pathlib import Path
from typing import Final

from tests.faults.cluster import NotRun, Process
from tests.faults.registry import DEFAULT, Scenario, Trial

ROOT: Final = Path(__file__).parents[3]
HISTORY: Final = 80  # commits among which an older release is looked for
SAME: Final = ("shared/migrations", "services/rokhas/migrations", "services/deadlines/migrations")
"""Migrations are additive, but an older release is only promised to work on the tables that it knows."""


class Older(Process):
    """The service as that revision has it."""

    tree: Path

    def _command(self) -> list[str]:
        port = self.url.rpartition(":")[2].partition("/")[0]
        self._environment["PYTHONPATH"] = str(self.tree)
        return ["-m", "deploy", "serve", self.name, "--port", port]


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def older() -> str:
    """The oldest revision that knows these tables. Raises NotRun without any."""
    listed = _git("log", f"-{HISTORY}", "--format=%h", "--", "services", "shared", "deploy").stdout.split()
    for revision in reversed(listed):
        if listed[0] != revision and not _git("diff", "--quiet", revision, "HEAD", "--", *SAME).returncode:
            return revision
    raise NotRun("no older revision with the same migrations: a clone with its history is needed")


def _unpack(revision: str, target: Path) -> None:
    target.mkdir()
    archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(target)], input=archive.stdout, check=True)


async def run(trial: Trial) -> None:
    cluster = trial.cluster
    revision = older()
    tree = cluster.home / f"release-{revision}"
    _unpack(revision, tree)
    trial.figures["older release"] = revision
    stay = cluster.seconds(8, least=4)

    async def rolled(name: str) -> None:
        old = Older(name, cluster.variables, label=f"{name}-older")
        old.tree = tree
        new = cluster.processes[name]
        try:
            async with trial.fault(f"{name}: the older release beside the newer one, then alone"):
                await old.up(cluster.note)
                cluster.processes[old.label] = old
                await asyncio.sleep(stay)
                await new.down(hard=False)
                await asyncio.sleep(stay)
                new.more = {"FAULTS_NEWER": "1"}  # back as a release whose events have a field more
                await new.up(cluster.note)
                await asyncio.sleep(stay)
        finally:
            cluster.processes.pop(old.label, None)
            await old.down(hard=False)

    # One service starts while the other stays as it is, so that each pair of releases meets.
    async with asyncio.TaskGroup() as both:
        both.create_task(rolled("rokhas"))
        await asyncio.sleep(stay / 2)
        both.create_task(rolled("deadlines"))
    await asyncio.sleep(stay)
    await asyncio.gather(*(cluster.again(name) for name in ("rokhas", "deadlines")))
    newer = "SELECT count(*) FROM msg.event_log WHERE convert_from(payload, 'UTF8') LIKE '%faults_newer%'"

    async def announced() -> int:
        return int(await cluster.value("rokhas", newer))

    await trial.least("events of the newer release", announced, 1)


SCENARIOS: Final = (
    Scenario(
        name="mixed_versions",
        number=17,
        what="a rolling restart through an older revision and a release with an added field",
        asks="both understand each other",
        run=run,
        sets=frozenset({DEFAULT}),
    ),
)
