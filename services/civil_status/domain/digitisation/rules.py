"""What governs digitisation: data with its source, `rules/digitisation.yaml`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from services.civil_status.events.digitisation import Damage, RejectGround
from shared.data import Names, Source

FILE: Final = Path(__file__).resolve().parents[2] / "rules" / "digitisation.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """For lots of `from_lot` acts and more: how many are examined, and how many of them may be defective."""

    from_lot: int
    sample: int
    accept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    source: str
    confidence: str
    plans: tuple[Plan, ...]

    def __post_init__(self) -> None:
        steps = [(plan.from_lot, plan.sample, plan.accept) for plan in self.plans]
        growing = all(list(column) == sorted(column) for column in zip(*steps, strict=True))
        if not steps or steps[0][0] != 1 or not growing or any(a >= n for _, n, a in steps):
            raise ValueError("plans begin with a lot of 1 and only grow", "plans")

    def plan_of(self, lot: int) -> Plan:
        return next(plan for plan in reversed(self.plans) if plan.from_lot <= lot)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    least_side: int
    most_pixels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """What stands in the way, and what to do next."""

    label: Names
    next_step: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`acts`: those of the country that are to be digitised."""

    acts: int
    acts_source: str
    hold_minutes: int
    most_acts: int
    scan: Scan
    sampling: Sampling
    rejects: Mapping[str, Obstacle]
    damages: Mapping[str, Obstacle]

    def __post_init__(self) -> None:
        if set(self.rejects) != set(RejectGround):
            raise ValueError("each ground of a reject has its next step", "rejects")
        if set(self.damages) != set(Damage):
            raise ValueError("each damage has its next step", "damages")

    @property
    def hold(self) -> timedelta:
        return timedelta(minutes=self.hold_minutes)


@cache
def rules() -> Rules:
    """Raises `BadData` with file and line."""
    return Source(FILE, Rules).value


def drawn(seed: str, lot: Collection[int], size: int) -> tuple[int, ...]:
    """`size` numbers of the lot, those whose SHA-256 after the seed is smallest: anybody can draw them again
    in any language, and nobody could know them before the seed was there.
    """
    ranked = sorted(lot, key=lambda number: sha256(f"{seed}:{number}".encode()).digest())
    return tuple(sorted(ranked[:size]))
