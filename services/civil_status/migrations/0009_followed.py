"""Imports are followed by the officer in charge; what was taken over counts as done."""

from pathlib import Path

from shared.migrate import run_script

revision = "civil_status_0009"
down_revision = "civil_status_0008"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
