"""Acts by the names of both parents: one descent for each pair."""

from pathlib import Path

from shared.migrate import run_script

revision = "civil_status_0012"
down_revision = "civil_status_0011"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
