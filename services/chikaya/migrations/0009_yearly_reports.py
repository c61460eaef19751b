"""Yearly reports (2-17-265 art. 14, 18)."""

from pathlib import Path

from shared.migrate import run_script

revision = "chikaya_0009"
down_revision = "chikaya_0008"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
