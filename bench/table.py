"""The results as a table of ratios: on the screen with everything, in the README without absolute times."""

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

from bench.harness import LATEST, ROOT

README: Final = ROOT / "README.md"
PLACE: Final = re.compile(r"(?<=<!-- bench -->\n).*?(?=<!-- /bench -->)", re.DOTALL)


def ratio(of: float) -> str:
    return f"{of:.2f}" if of < 10 else f"{of:.0f}"


def against(kept: dict[str, Any], peer: float | str) -> str:
    """How many times a peer's figure ours is; or why there is none."""
    if isinstance(peer, str):
        return peer
    return ratio(kept["ours"] / peer if kept["better"] == "more" else peer / kept["ours"]) + " ×"


def screen(results: dict[str, Any]) -> str:
    lines = []
    for name, one in results.items():
        scale = "" if one["scale"] == 1 else f" at scale {one['scale']}"
        lines.append(f"{name}: {one['title']} ({one['unit']}){scale}")
        lines.append(f"    ours   {one['ours']:>10,.4g}   aim: {one['aim']}")
        lines.append(
            f"    floor  {one['floor']:>10,.4g}   ratio {ratio(one['ratio_to_floor'])}   {one['floor_is']}"
        )
        for peer, figure in one["peers"].items():
            shown = (
                figure if isinstance(figure, str) else f"{figure:>10,.4g}   ours is {against(one, figure)}"
            )
            lines.append(f"    {peer}: {shown}")
    return "\n".join(lines)


def markdown(results: dict[str, Any]) -> str:
    """Only ratios: times are the machine's, ratios are the software's."""
    lines = ["| what | of its floor | of what a user would pick instead |", "|---|---|---|"]
    for one in results.values():
        peers = ", ".join(
            f"{against(one, figure)} {peer}"
            for peer, figure in one["peers"].items()
            if not isinstance(figure, str)
        )
        lines.append(
            f"| {one['title']} | {ratio(one['ratio_to_floor'])} · {one['floor_is']} | {peers or '–'} |"
        )
    return "\n".join(lines) + "\n"


def latest(path: Path = LATEST) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return kept


def stale(readme: str, results: dict[str, Any]) -> str | None:
    """The README as it should be, when it is not."""
    due = PLACE.sub(lambda _: markdown(results), readme)
    return due if due != readme else None


def main(*, check: bool) -> None:
    due = stale(README.read_text(encoding="utf-8"), latest())
    if due is None:
        return
    if check:
        sys.exit("the README's table is not that of bench/results/latest.json: run `python -m bench.table`")
    README.write_text(due, encoding="utf-8")


if __name__ == "__main__":
    main(check="--check" in sys.argv)
