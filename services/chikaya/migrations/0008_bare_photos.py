"""What everybody gets of a photo is the picture alone."""

from pathlib import Path

from shared.migrate import run_script

revision = "chikaya_0008"
down_revision = "chikaya_0006"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
