"""`make run` killed with -9: everything of it ends, and the next start has everything."""

import asyncio
import time
from pathlib import Path
from typing import Final

import httpx

from tests.faults.cluster import Stuck
from tests.faults.registry import DEFAULT, Scenario, Trial, Wrong
from tests.support.launching import Launcher

PATIENCE: Final = 300.0


def _story(home: str, times: int) -> dict[str, int]:
    """In a thread of its own: a launcher is waited for."""
    place = Path(home)
    place.mkdir(exist_ok=True)
    place.chmod(0o711)
    launcher = Launcher(place)
    drafts: list[str] = []
    left = 0
    try:
        _start(launcher)
        for _ in range(times):
            drafts += [launcher.draft() for _ in range(5)]
            launcher.process.kill()
            launcher.process.wait()
            for _ in range(300):
                if not (companions := launcher.companions()):
                    break
                left = len(companions)
                time.sleep(0.1)
            else:
                raise Wrong(f"{left} processes outlived the launcher")
            _start(launcher)
        url, headers = launcher.variables()["JAMAA_ROKHAS_URL"], launcher.citizen()
        for draft in drafts:
            answer = httpx.get(f"{url}/v1/dossiers/{draft}", headers=headers)
            if answer.status_code != 200:
                raise Wrong(f"file {draft} is lost: {answer.status_code}")
    finally:
        launcher.process.kill()
        launcher.process.wait()
    return {"killed": times, "files kept": len(drafts)}


def _start(launcher: Launcher) -> None:
    """Beside a cluster that is being broken it takes its time."""
    launcher.launch()
    deadline = time.monotonic() + PATIENCE
    while "Ready in" not in launcher.said():
        if launcher.process.poll() is not None:
            raise Wrong(f"the launcher ended: {launcher.said()[-500:]}")
        if time.monotonic() > deadline:
            raise Stuck(f"the launcher is not ready after {PATIENCE:.0f} s: {launcher.said()[-500:]}")
        time.sleep(0.2)


async def run(trial: Trial) -> None:
    """On a platform of its own: ours goes on meanwhile."""
    cluster = trial.cluster
    home = str(cluster.home / "launcher")
    trial.figures |= await asyncio.to_thread(_story, home, cluster.amount(3, least=1))


SCENARIOS: Final = (
    Scenario(
        name="launcher_killed",
        number=21,
        what="kill -9 of the launcher of a platform on embedded engines",
        asks="nothing outlives it, nothing that was answered is lost",
        run=run,
        apart=True,
        sets=frozenset({DEFAULT}),
    ),
)
