"""A duplicate may stand in another commune."""

from pathlib import Path

from shared.migrate import run_script

revision = "civil_status_0008"
down_revision = "civil_status_0007"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
