"""The page names a proof for each control, and the proofs exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")


def test_every_proof_that_the_page_names_exists() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    tests = set(re.findall(r"^(?:async )?def (test_\w+)", "\n".join(sources), re.MULTILINE))
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named
    assert named <= tests, named - tests


def test_no_control_is_without_proof() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|")][2:]
    assert rows
    assert not [row for row in rows if "`test_" not in row]
