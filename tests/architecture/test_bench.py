"""The README's figures are those that were kept, and they are figures of software, not of a machine."""

import json
import re

import pytest

from bench.harness import LATEST
from bench.table import README, latest, markdown, stale


def test_the_readme_shows_the_results_that_were_kept() -> None:
    assert stale(README.read_text(encoding="utf-8"), latest()) is None, "run `python -m bench.table`"


def test_a_changed_result_makes_the_readme_stale() -> None:
    changed = {name: one | {"ratio_to_floor": 77.0} for name, one in latest().items()}
    due = stale(README.read_text(encoding="utf-8"), changed)
    assert due is not None
    assert "77" in due


@pytest.mark.parametrize("name", sorted(latest()))
def test_a_result_has_what_somebody_else_needs_to_judge_it(name: str) -> None:
    kept = latest()[name]
    needed = {"ours", "floor", "floor_is", "peers", "ratio_to_floor", "unit", "aim", "rounds", "scale"}
    assert needed | {"machine", "commit", "measured_on"} <= set(kept)
    assert set(kept["machine"]) == {"cores", "memory_gib", "python"}
    more = kept["better"] == "more"
    ratio = kept["ours"] / kept["floor"] if more else kept["floor"] / kept["ours"]
    assert kept["ratio_to_floor"] == pytest.approx(ratio, rel=0.01)


def test_results_name_no_path_of_a_machine() -> None:
    assert not re.search(r"(^|[\" ])/\w+/", LATEST.read_text(encoding="utf-8"))


def test_the_table_shows_ratios_and_no_times() -> None:
    kept = {
        "a": {
            "title": "Accept",
            "unit": "requests/s",
            "better": "more",
            "ours": 500.0,
            "floor": 1000.0,
            "floor_is": "bare",
            "ratio_to_floor": 0.5,
            "peers": {"Other": 250.0, "Absent": "not run: no Java"},
        }
    }
    shown = markdown(json.loads(json.dumps(kept)))
    assert "| Accept | 0.50 · bare | 2.00 × Other |" in shown
    assert "500" not in shown
