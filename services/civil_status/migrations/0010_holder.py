"""Whose an act of birth is, as an officer has seen."""

from pathlib import Path

from shared.migrate import run_script

revision = "civil_status_0010"
down_revision = "civil_status_0009"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
