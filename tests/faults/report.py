"""What a run showed, for programs (JSON) and for people (one HTML file that needs nothing else)."""

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment

from shared.time import format_instant

if TYPE_CHECKING:
    from tests.faults.run import Result

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    Path(__file__).with_name("report.html").read_text(encoding="utf-8")
)
WIDTH: Final = 1080.0
HEIGHT: Final = 150.0


def write(
    out: Path,
    *,
    seed: int,
    told: Mapping[str, Any],
    results: Sequence["Result"],
    more: Mapping[str, Any] | None = None,
) -> None:
    """`report.json` and `report.html` in `out`. `more` are the commands and the timeline, where there was
    one platform.
    """
    document = {
        "made_at": format_instant(datetime.now(UTC).replace(microsecond=0)),
        "commit": _commit(),
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
        "seed": seed,
        "asked": {name: str(value) for name, value in told.items()},
        "commands": {},
        "count": {},
        "samples": [],
        "faults": [],
        "results": [
            {
                "name": result.scenario.name,
                "number": result.scenario.number,
                "what": result.scenario.what,
                "asks": result.scenario.asks,
                "verdict": result.verdict,
                "seconds": result.seconds,
                "why": result.why,
                "figures": result.figures,
            }
            for result in results
        ],
        **(more or {}),
    }
    (out / "report.json").write_text(json.dumps(document, indent=1, default=str), encoding="utf-8")
    page = PAGE.render(**document, charts=_charts(document), width=WIDTH, height=HEIGHT)
    (out / "report.html").write_text(page, encoding="utf-8")


def _commit() -> str:
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or "unknown"


def _charts(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lines in the units of one drawing: commands a second, events a second, what waits."""
    samples = document["samples"]
    if len(samples) < 2:
        return []
    end = samples[-1]["at"] or 1.0
    pairs = list(pairwise(samples))

    def rate(name: str) -> list[tuple[float, float | None]]:
        points = []
        for before, after in pairs:
            known = before[name] is not None and after[name] is not None
            seconds = max(after["at"] - before["at"], 0.1)
            points.append((after["at"], max(0.0, (after[name] - before[name]) / seconds) if known else None))
        return points

    def level(name: str) -> list[tuple[float, float | None]]:
        return [(sample["at"], sample[name]) for sample in samples]

    drawings = [
        ("Commands answered with success, a second", [("ok", rate("ok"))]),
        (
            "Commands that failed or whose end is unknown, a second",
            [("failed", rate("failed")), ("unknown", rate("unknown"))],
        ),
        ("Events announced, a second", [("events", rate("events"))]),
        ("Waiting: not yet sent, not yet applied", [("pending", level("pending")), ("lag", level("lag"))]),
    ]
    bands = [
        {
            "what": fault["what"],
            "number": fault["scenario"],
            "x": fault["began"] / end * WIDTH,
            "width": max(1.5, ((fault["ended"] or end) - fault["began"]) / end * WIDTH),
        }
        for fault in document["faults"]
    ]
    return [{"title": title, "bands": bands, "end": end, **_drawn(lines, end)} for title, lines in drawings]


def _drawn(lines: Sequence[tuple[str, list[tuple[float, float | None]]]], end: float) -> dict[str, Any]:
    most = max((value for _, points in lines for _, value in points if value is not None), default=0) or 1
    drawn = []
    for name, points in lines:
        path, pen = [], "M"
        for at, value in points:
            if value is None:
                pen = "M"
                continue
            path.append(f"{pen}{at / end * WIDTH:.1f},{HEIGHT - value / most * (HEIGHT - 12):.1f}")
            pen = "L"
        drawn.append({"name": name, "path": " ".join(path)})
    return {"lines": drawn, "most": round(most)}
