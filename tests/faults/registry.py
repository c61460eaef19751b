"""The list of scenarios: every module below `scenarios` that has `SCENARIOS`. No other line is needed."""

import importlib
import pkgutil
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.faults.cluster import Cluster
from tests.faults.evidence import Place
from tests.faults.load import Crowd
from tests.faults.observer import Observer

DEFAULT: Final = "default"
CI: Final = "ci"
SCALE: Final = "scale"
MUTANTS: Final = "mutants"


@dataclass(slots=True)
class Trial:
    """What a scenario works with. `declared` are the subjects whose oddities are its own doing; `figures` are
    shown in the report.
    """

    cluster: Cluster
    crowd: Crowd
    observer: Observer
    chance: random.Random
    declared: set[str] = field(default_factory=set)
    figures: dict[str, Any] = field(default_factory=dict)
    skipped: set[tuple[str, Place, int]] = field(default_factory=set)
    """What a scenario had two persons skip."""
    orderly: bool = True
    sound: bool = True
    """False while a broken variant runs, which may never heal."""

    @asynccontextmanager
    async def fault(self, what: str) -> AsyncIterator[None]:
        """While the block runs the fault is on: said aloud, and drawn in the timeline."""
        self.cluster.note(f"… {what}")
        with self.observer.interval(what):
            yield

    async def least(self, what: str, look: Callable[[], Awaitable[int]], wanted: int) -> None:
        """A test that does not bite proves nothing: at least so many must have been seen."""
        seen = await look()
        self.figures[what] = seen
        if seen < wanted:
            raise Toothless(f"{what}: {seen}, at least {wanted} wanted")


class Toothless(Exception):
    """The fault did not happen, or nothing noticed it: the trial proves nothing."""


class Wrong(Exception):
    """What a scenario asks beyond A1 to A7 does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`what` is broken, `asks` what must hold beyond A1 to A7."""

    name: str
    number: int
    """Of MESSAGING's table of faults; those beyond it count from 20."""
    what: str
    asks: str
    run: Callable[[Trial], Awaitable[None]]
    sets: frozenset[str] = frozenset({DEFAULT})
    quiet: bool = False
    """Without people at work: it brings its own load."""
    catches: frozenset[str] | None = None
    """Of a broken variant: promises of which the checker must find one not kept. It is the last on its
    platform. Empty for a sound one tried in the same way.
    """
    apart: bool = False
    """It touches nothing of the platform: it runs beside the others."""


def scenarios() -> list[Scenario]:
    """All of them, by number."""
    here = str(Path(__file__).with_name("scenarios"))
    found: list[Scenario] = []
    for module in pkgutil.iter_modules([here]):
        loaded = importlib.import_module(f"tests.faults.scenarios.{module.name}")
        found += getattr(loaded, "SCENARIOS", [])
    return sorted(found, key=lambda scenario: (scenario.number, scenario.name))
