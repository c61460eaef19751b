"""What everybody may see is listed from an index, whatever the number of reports."""

from pathlib import Path

from shared.migrate import run_script

revision = "chikaya_0016"
down_revision = "chikaya_0015"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
