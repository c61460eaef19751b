"""Acts taken over in bulk, and the names by which acts are found."""

from pathlib import Path

from shared.migrate import run_script

revision = "civil_status_0004"
down_revision = "civil_status_0003"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
