"""Sums of reports, for statistics and heat maps."""

from pathlib import Path

from shared.migrate import run_script

revision = "chikaya_0007"
down_revision = "chikaya_0004"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
