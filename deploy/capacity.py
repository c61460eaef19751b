"""How many files a year one machine carries, from what `make bench` measured: figures for docs/capacity.md.

Nothing is guessed: what was not measured is said not to be.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

RESULTS: Final = Path(__file__).parents[1] / "bench/results/latest.json"
WORKING_DAYS: Final = 250
BUSIEST_HOUR: Final = 0.2  # the share of a day's work
STEPS: Final = 8  # requests that change a file, from its draft to its end
READS: Final = 100
EVENTS: Final = 12  # seven of the file and five of its clocks, from draft to silence: docs/capacity.md


@dataclass(frozen=True, slots=True)
class HotPath:
    """One of the hot paths: `each` is how often a file takes it."""

    benchmark: str
    what: str
    each: float


PATHS: Final = (
    HotPath("accept", "requests that change a file", STEPS),
    HotPath("lists", "lists read, by 16 at once", READS),
    HotPath("relay", "events sent by a relay", EVENTS),
    HotPath("consume", "events applied by a consumer", EVENTS),
    HotPath("clocks.elapse", "clocks that elapse", 1),
)


def table(people: int, per_hundred: float, results: dict[str, dict[str, object]]) -> list[str]:
    """Markdown: what the busiest hour needs, what was measured, and the share that it takes."""
    files = people * per_hundred / 100
    hourly = files / WORKING_DAYS * BUSIEST_HOUR
    lines = [
        f"{files:,.0f} files a year, {files / WORKING_DAYS:,.0f} a day, {hourly:,.0f} in its busiest hour.",
        "",
    ]
    lines += ["| | needed each second | measured each second | of one machine |", "|---|---|---|---|"]
    for path in PATHS:
        need = hourly * path.each / 3600
        rate = measured(path.benchmark, results)
        found = f"{rate:,.0f} | {need / rate:.1%}" if rate else "not measured | –"
        lines.append(f"| {path.what} | {need:,.2f} | {found} |")
    return lines


def measured(benchmark: str, results: dict[str, dict[str, object]]) -> float | None:
    """Per second; from the median time of 16 at once where that is what was measured."""
    if benchmark == "lists":
        times = [float(str(r["ours"])) for name, r in results.items() if name.startswith("lists.")]
        return 16 * 1000 / max(times) if times else None
    return float(str(results[benchmark]["ours"])) if benchmark in results else None


def main(
    people: Annotated[int, typer.Option(min=1, help="who may ask")] = 37_000_000,
    files_per_100: Annotated[float, typer.Option(min=0.001, help="files a year for 100 people")] = 1.0,
) -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    print("\n".join(table(people, files_per_100, results)))


if __name__ == "__main__":
    typer.run(main)
