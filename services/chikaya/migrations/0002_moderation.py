"""What everybody may see is what a person said is shown."""

from pathlib import Path

from shared.migrate import run_script

revision = "chikaya_0002"
down_revision = "chikaya_0001"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
