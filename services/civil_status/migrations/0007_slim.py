"""An act in fewer bytes: decision 0053."""

from pathlib import Path

from shared.migrate import run_script

revision = "civil_status_0007"
down_revision = "civil_status_0006"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
