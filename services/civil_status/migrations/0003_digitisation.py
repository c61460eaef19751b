"""Paper registers under digitisation: volumes, their pages, their acts in work, and who did how much."""

from pathlib import Path

from shared.migrate import run_script

revision = "civil_status_0003"
down_revision = "civil_status_0002"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
