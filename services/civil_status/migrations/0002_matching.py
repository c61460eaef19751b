"""What the window asks the register, and the keys that it seals for it with."""

from pathlib import Path

from shared.migrate import run_script

revision = "civil_status_0002"
down_revision = "civil_status_0001"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
